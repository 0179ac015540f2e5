/** What the stages of all kinds of views have in common. */
import type { Clock } from '../io/clock.js';
import type { Disk } from '../io/disk.js';
import type { Log } from '../log/log.js';
import type { LogStage } from '../log/stage.js';
import type { ViewPlan } from '../sql/plan.js';
import type { StandingPlan } from '../sql/standing.js';
import type { SharedViews } from './kernels/shared-views.js';
import type { LateTelling } from './late-telling.js';
import type { ViewStanding } from './standing.js';
import type { Progress } from './progress.js';

/** How a view runs. */
export interface ViewStageOptions {
  /** Most bytes of groups in memory; beyond it new groups are refused, or as the view's `state_policy` says. Default 256 MiB. */
  readonly stateBytesMax: number;
  /** Least time between two snapshots, ms. Default 30,000. */
  readonly snapshotEveryMs: number;
  /** Rows after which positions are committed though nothing was published. Default 1,000,000. */
  readonly idleCommitRows: number;
}

/** The defaults of `ViewStageOptions`. */
export const VIEW_STAGE_DEFAULTS: ViewStageOptions = {
  stateBytesMax: 256 * 1024 * 1024,
  snapshotEveryMs: 30_000,
  idleCommitRows: 1_000_000,
};

/** What a view's stage needs. */
export interface ViewStageInput<Plan extends StandingPlan = ViewPlan> {
  readonly plan: Plan;
  /** Where changes go: `ViewDescription.stream`. */
  readonly stream: string;
  /** Identifies what its state is of. Default: `planHash` of the plan. */
  readonly hash?: string;
  /** The late rows that are its to tell. Default all. */
  readonly late?: LateTelling;
  /** Where it tells how far it is complete; default nowhere. */
  readonly progress?: Progress;
  /** The views of this thread that may share work. Default: it is alone. */
  readonly shared?: SharedViews;
  /** Names the reader; one a view and epoch. */
  readonly id: string;
  readonly log: Log;
  /** A folder of its own. */
  readonly folder: string;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly options?: Partial<ViewStageOptions>;
}

/** What a view is doing. */
export interface ViewStats {
  readonly name: string;
  readonly windows: number;
  readonly groups: number;
  readonly stateBytes: number;
  /** Windows that end before this are closed, ms; null before the first is known. */
  readonly completeThrough: number | null;
  readonly rows: number;
  /** Rows published to the changes stream. */
  readonly changes: number;
  readonly corrections: number;
  readonly windowsClosed: number;
  readonly late: number;
  readonly failed: number;
  readonly stateFull: number;
  /** Groups that were let go of, and rows for windows that were closed early (`state_policy = 'shed'`). */
  readonly stateShed: number;
  /** Entries of state that are on disk alone (`state_policy = 'spill'`). */
  readonly spilled: number;
  readonly outputErrors: number;
  readonly snapshots: number;
  /** Operators of a relational view, and what they hold. */
  readonly operators?: readonly {
    readonly name: string;
    readonly rows: number;
    readonly keys: number;
    readonly bytes: number;
  }[];
}

/** A view at work, of whichever kind. */
export interface RunningView extends LogStage {
  stats(): ViewStats;
  /** How it stands, for people. */
  standing(): ViewStanding;
  /** The source of the kernel generated last; empty for a view without one. */
  readonly kernelSource: string;
}

/** Lets the thread do other work. */
export function giveWay(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
