/** All views, each a reader of its own, so that one that stalls or is new holds up no other. */
import { join } from 'node:path';
import type { Clock } from '../io/clock.js';
import type { Disk } from '../io/disk.js';
import type { Log } from '../log/log.js';
import { startReaderLoop } from '../log/reader-loop.js';
import type { ReaderLoop } from '../log/reader-loop.js';
import type { ReaderLoopOptions, ReaderLoopStatus } from '../log/stage.js';
import { millFolder, readerId } from './epochs.js';
import type { ViewPlan } from '../sql/plan.js';
import { Progress } from './progress.js';
import { ViewStage } from './stage.js';
import type { ViewStageOptions, ViewStats } from './stage.js';

/** A view to be run. */
export interface MillView {
  readonly plan: ViewPlan;
  readonly epoch: number;
  /** Its changes stream. */
  readonly stream: string;
  /** Another definition has replaced it. */
  readonly isCurrent: boolean;
  /** Where it tells how far it is complete; see `progress.ts`. Default nowhere. */
  readonly progress?: SharedArrayBuffer;
}

/** How the mill runs. */
export interface MillOptions extends ViewStageOptions {
  /** Least time between two commits of a view, ms. Default 200. */
  readonly commitEveryMs: number;
}

/** What the mill needs. */
export interface MillInput {
  readonly log: Log;
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
  /** The source of a view's newest kernel; undefined for an unknown view. */
  kernel(name: string): string | undefined;
  stop(): Promise<void>;
}

/** Least time between two commits of a view. */
const COMMIT_EVERY_MS = 200;
/** Rows between two commits, which bounds dirty keys and late rows in memory. */
const COMMIT_ROWS = 65_536;

/** Starts the views. */
export function startMill(input: MillInput): Mill {
  const { commitEveryMs = COMMIT_EVERY_MS, ...options } = input.options ?? {};
  const loopOptions: Partial<ReaderLoopOptions> = { flushEveryMs: commitEveryMs, flushRows: COMMIT_ROWS };
  const running = input.views.map(
    ({ plan, epoch, stream, isCurrent, progress }): { stage: ViewStage; loop: ReaderLoop } => {
      const id = readerId(plan.name, epoch);
      const folder = join(millFolder(input.dataFolder), `${plan.name}.${epoch}`);
      const stage = new ViewStage({
        plan,
        stream,
        isCurrent,
        ...(progress === undefined ? {} : { progress: new Progress(progress) }),
        id,
        folder,
        log: input.log,
        disk: input.disk,
        clock: input.clock,
        options,
      });
      const onStatus = input.onStatus === undefined ? {} : { onStatus: input.onStatus };
      return {
        stage,
        loop: startReaderLoop({ log: input.log, stage, clock: input.clock, options: loopOptions, ...onStatus }),
      };
    },
  );
  return {
    status: () => running.map(({ stage, loop }) => ({ stats: stage.stats(), reader: loop.status() })),
    drained: async () => void (await Promise.all(running.map(({ loop }) => loop.drained()))),
    kernel: (name) => running.find(({ stage }) => stage.stats().name === name)?.stage.kernelSource,
    stop: async () => void (await Promise.all(running.map(({ loop }) => loop.stop()))),
  };
}
