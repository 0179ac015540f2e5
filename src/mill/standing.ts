/** How a view stands at a moment: its clocks, what is open, how late its rows come. For people; nothing is decided by it. */
import type { StreamClock } from '../log/log.js';
import type { DelayCount } from './delays.js';

/** The clock of one partition, as the view sees it. */
export interface PartitionClock {
  readonly partition: number;
  /** The stamp of the last row that was read (`arrival`), or the largest event time (`event`); ms, null before the first. */
  readonly lastMs: number | null;
}

/** A tenant whose event clock holds windows open. */
export interface SlowTenant {
  readonly tenant: string;
  readonly clockMs: number;
}

/** The clock of one input. */
export interface SourceStanding {
  readonly stream: string;
  readonly clock: StreamClock;
  /** No row still to come is stamped below this, ms; null before it is known. */
  readonly nowMs: number | null;
  readonly partitions: readonly PartitionClock[];
  /** On an event clock: the tenant that is furthest back. */
  readonly slowest?: SlowTenant;
}

/** What is open and closes first. */
export interface OldestOpen {
  /** Null where rows have no windows of a fixed size. */
  readonly startMs: number | null;
  readonly endMs: number;
  /** The clock beyond which it closes, ms: the end and the lag. */
  readonly closesAfterMs: number;
  readonly groups: number;
  /** On an event clock, of the tenants that have rows in it: the one that is furthest back. */
  readonly waitsFor?: SlowTenant;
}

/** See the head of the file. */
export interface ViewStanding {
  readonly sources: readonly SourceStanding[];
  readonly oldestOpen: OldestOpen | null;
  readonly delays: readonly DelayCount[];
  readonly stateBytesMax: number;
}

/** A time as JSON has it. */
export function knownMs(ms: number): number | null {
  return Number.isFinite(ms) ? ms : null;
}
