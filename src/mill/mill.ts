/** All views, each a reader of its own, so that one that stalls or is new holds up no other. */
import { join } from 'node:path';
import type { Clock } from '../io/clock.js';
import type { Disk } from '../io/disk.js';
import type { Log } from '../log/log.js';
import { startReaderLoop } from '../log/reader-loop.js';
import type { ReaderLoop } from '../log/reader-loop.js';
import type { ReaderLoopOptions, ReaderLoopStatus } from '../log/stage.js';
import { millFolder } from './definitions.js';
import { readerId } from './epochs.js';
import { MillraceError } from '../util/errors.js';
import { ALL_LATE, laterOf, LateTelling } from './late-telling.js';
import type { LateRange, Places } from './late-telling.js';
import { isRelational } from '../sql/standing.js';
import type { StandingPlan } from '../sql/standing.js';
import { Progress } from './progress.js';
import { SharedViews } from './kernels/shared-views.js';
import { RelationalStage } from './relational/stage.js';
import { ViewStage } from './stage.js';
import type { ViewStanding } from './standing.js';
import type { RunningView, ViewStageOptions, ViewStats } from './stage-options.js';

/** A view to be run. */
export interface MillView {
  readonly plan: StandingPlan;
  readonly epoch: number;
  /** Its changes stream. */
  readonly stream: string;
  /** See `ViewStageInput`. */
  readonly hash?: string;
  /** The late rows that are its to tell. Default all. */
  readonly late?: LateRange;
  /** Where it begins below the log's start; see `MillInput.withHistory`. Default: with the log. */
  readonly history?: Places;
  /** Where it tells how far it is complete; see `progress.ts`. Default nowhere. */
  readonly progress?: SharedArrayBuffer;
}

/** How the mill runs. */
export interface MillOptions extends ViewStageOptions {
  /** Least time between two commits of a view, ms. Default 200. */
  readonly commitEveryMs: number;
}

/** Makes a log of which readers see older rows too, from these offsets on (by `stream/partition`). */
export type WithHistory = (log: Log, from: Places) => Log;

/** What the mill needs. */
export interface MillInput {
  readonly log: Log;
  /** The log as a view sees it that begins below the log's start. */
  readonly withHistory?: WithHistory;
  readonly dataFolder: string;
  readonly views: readonly MillView[];
  readonly disk: Disk;
  readonly clock: Clock;
  readonly options?: Partial<MillOptions>;
  /** Called when a view stalls, is fenced, or runs again. */
  readonly onStatus?: (status: ReaderLoopStatus) => void;
}

/** A view's numbers and those of its reader. */
export interface MillViewStatus {
  readonly stats: ViewStats;
  readonly reader: ReaderLoopStatus;
}

/** Running views. */
export interface Mill {
  status(): MillViewStatus[];
  /** Resolves when every view has committed what was durable at the time of the call. */
  drained(): Promise<void>;
  /** How a view stands. Throws NOT_FOUND. */
  standing(reader: string): MillViewStatus & ViewStanding;
  /** As `drained`, of one reader. Throws NOT_FOUND. */
  readerDrained(reader: string): Promise<void>;
  /**
   * From now on the reader `to` tells late rows, and `from` no more. Answers where the one ends and the other
   * begins: beyond all that either has read. Throws NOT_FOUND.
   */
  handOver(from: string, to: string): Places;
  /** The source of a view's newest kernel; undefined for an unknown view. */
  kernel(name: string): string | undefined;
  stop(): Promise<void>;
}

interface Running {
  readonly id: string;
  readonly telling: LateTelling;
  readonly stage: RunningView;
  readonly loop: ReaderLoop;
}

/** Least time between two commits of a view. */
const COMMIT_EVERY_MS = 200;
/** Rows between two commits, which bounds dirty keys and late rows in memory. */
const COMMIT_ROWS = 65_536;

/** Starts the views. */
export function startMill(input: MillInput): Mill {
  const { commitEveryMs = COMMIT_EVERY_MS, ...options } = input.options ?? {};
  const loopOptions: Partial<ReaderLoopOptions> = { flushEveryMs: commitEveryMs, flushRows: COMMIT_ROWS };
  const shared = new SharedViews();
  const running = input.views.map(({ plan, epoch, stream, hash, history, late = ALL_LATE, progress }): Running => {
    const log = history === undefined ? input.log : (input.withHistory?.(input.log, history) ?? input.log);
    const id = readerId(plan.name, epoch);
    const telling = new LateTelling(late);
    const folder = join(millFolder(input.dataFolder), `${plan.name}.${epoch}`);
    const common = {
      stream,
      late: telling,
      ...(hash === undefined ? {} : { hash }),
      ...(progress === undefined ? {} : { progress: new Progress(progress) }),
      id,
      folder,
      log,
      disk: input.disk,
      clock: input.clock,
      shared,
      options,
    };
    const stage: RunningView = isRelational(plan)
      ? new RelationalStage({ ...common, plan })
      : new ViewStage({ ...common, plan });
    const onStatus = input.onStatus === undefined ? {} : { onStatus: input.onStatus };
    return {
      id,
      telling,
      stage,
      loop: startReaderLoop({ log, stage, clock: input.clock, options: loopOptions, ...onStatus }),
    };
  });
  const of = (id: string): Running => {
    const found = running.find((one) => one.id === id);
    if (found === undefined) throw new MillraceError('NOT_FOUND', `the mill has no reader '${id}'`, { place: id });
    return found;
  };
  return {
    standing: (id) => {
      const { loop, stage } = of(id);
      return { stats: stage.stats(), reader: loop.status(), ...stage.standing() };
    },
    readerDrained: (id) => of(id).loop.drained(),
    handOver(from, to) {
      const before = of(from);
      const newest = of(to);
      const at = laterOf(before.loop.status().positions, newest.loop.status().positions);
      before.telling.end(at);
      newest.telling.begin(at);
      return at;
    },
    status: () => running.map(({ stage, loop }) => ({ stats: stage.stats(), reader: loop.status() })),
    drained: async () => void (await Promise.all(running.map(({ loop }) => loop.drained()))),
    kernel: (name) => running.find(({ stage }) => stage.stats().name === name)?.stage.kernelSource,
    stop: async () => void (await Promise.all(running.map(({ loop }) => loop.stop()))),
  };
}
