/** What `millrace explain` says of a view: plan, inputs, state, clocks, lag, and why its oldest window is open. */
import type { DelayCount } from '../../mill/delays.js';
import type { MillViewStatus } from '../../mill/mill.js';
import type { OldestOpen, SourceStanding, ViewStanding } from '../../mill/standing.js';

/** The text of a view. */
export interface ExplainedPlan {
  /** One generated function, or operators. */
  readonly runs: 'kernel' | 'operators';
  /** A line an operator, inputs indented under what reads them. */
  readonly lines: readonly string[];
  /** `change`, `close` or `every N ms`. */
  readonly emit: string;
  readonly lagMs: number;
  readonly allowedLatenessMs: number;
  /** How long rows are kept, ms; null: for ever. */
  readonly retentionMs: number | null;
}

/** What a part of a view holds. */
export interface ExplainedState {
  readonly name: string;
  readonly keys: number;
  readonly bytes: number;
}

/** One partition of an input. */
export interface ExplainedPartition {
  readonly partition: number;
  /** The stamp of the last row that was read, or on an event clock the largest event time; ms. */
  readonly lastMs: number | null;
  /** The next row to be read, the oldest that the log keeps, and one past the newest. */
  readonly offset: number;
  readonly start: number;
  readonly end: number;
}

/** One input. */
export interface ExplainedSource extends Omit<SourceStanding, 'partitions'> {
  readonly partitions: readonly ExplainedPartition[];
}

/** What open windows wait for. */
export interface ExplainedOpen extends OldestOpen {
  /** In words. */
  readonly why: string;
}

/** A definition of a view at work. */
export interface ExplainedDefinition {
  readonly epoch: string;
  /** Whether it answers to the view's name. */
  readonly answers: boolean;
  /** Rows stamped before were gone when it began, ms; null: none was. */
  readonly sinceMs: number | null;
  readonly plan: ExplainedPlan;
  readonly sources: readonly ExplainedSource[];
  readonly state: { readonly bytes: number; readonly bytesMax: number; readonly parts: readonly ExplainedState[] };
  readonly reader: {
    readonly state: string;
    readonly reason: string | null;
    readonly lagRows: number;
    readonly lagMs: number;
    /** Rows a second of work; null before enough was done to tell. */
    readonly rowsPerSecond: number | null;
  };
  /** Windows that end before are closed, ms. */
  readonly completeThroughMs: number | null;
  readonly oldestOpen: ExplainedOpen | null;
  readonly late: number;
  readonly failed: number;
  readonly stateFull: number;
  /** Groups that were let go of, and rows for windows that were closed early. */
  readonly stateShed: number;
  /** Keys of state that are on disk alone. */
  readonly spilled: number;
  readonly delays: readonly DelayCount[];
}

/** What a changed statement would be. */
export type ChangeOutlook =
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'same state'; readonly why: string }
  | {
      readonly kind: 'replay';
      /** Rows that it would read of its inputs, those of the lake included. */
      readonly rows: number;
      /** Of these, rows that the lake alone holds, and the files that they are in; null: all are in the log. */
      readonly lake: { readonly rows: number; readonly files: number } | null;
      /** Inputs whose older rows are gone from the log and do not come from the lake. */
      readonly logOnly: readonly { readonly stream: string; readonly why: string }[];
      /** At the speed of the definition that runs; null when that is not known. */
      readonly seconds: number | null;
      /** Rows stamped before are gone, ms; null: none is. */
      readonly sinceMs: number | null;
    };

/** A new definition that does not answer yet. */
export interface PendingSwap {
  readonly epoch: string;
  readonly mode: 'auto' | 'manual';
  readonly lagRows: number;
  readonly seconds: number | null;
}

/** See the head of the file. */
export interface Explanation {
  readonly view: string;
  readonly nowMs: number;
  /** That which answers first. */
  readonly definitions: readonly ExplainedDefinition[];
  readonly swap: PendingSwap | null;
  /** Of a statement that was given: what it would be, and how it would run. */
  readonly change?: { readonly outlook: ChangeOutlook; readonly plan: ExplainedPlan };
}

/** Work after which a speed is told, ms. */
const BUSY_MS_MIN = 50;

/** Rows a second of work; null before enough was done to tell. */
export function speedOf({ rowsRead, busyMs }: MillViewStatus['reader']): number | null {
  return busyMs < BUSY_MS_MIN ? null : Math.round((rowsRead / busyMs) * 1_000);
}

/** What parts of a view hold: its operators, or the groups of its open windows. */
export function stateOf({ stats }: MillViewStatus): ExplainedState[] {
  const { groups, operators, stateBytes, windows } = stats;
  if (operators !== undefined) return operators.map(({ bytes, keys, name }) => ({ name, keys, bytes }));
  return [{ name: `groups of ${windows} open window${windows === 1 ? '' : 's'}`, keys: groups, bytes: stateBytes }];
}

/** Its inputs with what the log has of them. */
export function sourcesOf(
  { reader, sources }: MillViewStatus & Pick<ViewStanding, 'sources'>,
  rangeOf: (stream: string, partition: number) => { readonly start: number; readonly end: number },
): ExplainedSource[] {
  return sources.map((source) => {
    const offsets = reader.positions.filter(({ stream }) => stream === source.stream);
    const partitions = offsets.map(({ offset, partition }) => {
      const lastMs = source.partitions.find((one) => one.partition === partition)?.lastMs ?? null;
      return { partition, lastMs, offset, ...rangeOf(source.stream, partition) };
    });
    return { ...source, partitions };
  });
}
