/**
 * The log: the one commit point of the system, as its users see it.
 *
 * A **stream** is a named sequence of events in P partitions; partition = hash(tenant) mod P. A row
 * has an **offset** within its partition: 0, 1, 2, … without gaps. A **commit** carries batches of
 * any number of streams *and* the positions of the reader that produced them, all or none; it is
 * on disk (fdatasync) before `append` resolves. A **reader** is a named consumer whose positions
 * the log keeps; retention never removes what a registered reader has not passed.
 *
 * Embedded: `log/embedded`. Another implementation (Kafka) passes the same conformance suite.
 */
import type { ColumnBatch } from '../event/columns.js';
import { isInternalStream } from '../event/internal.js';
import type { Schema } from '../event/schema.js';

/** Which clock decides lateness and closes windows. See the design: lateness is a property of the row. */
export type StreamClock = 'arrival' | 'event';

/** What to do when the stream is at its disk bound and a reader still needs the oldest segment. */
export type DiskPolicy = 'refuse' | 'cut';

/** A stream as it is declared. */
export interface StreamDefinition {
  readonly name: string;
  readonly schema: Schema;
  /** Fixed when the stream is made. Default 1. */
  readonly partitions: number;
  readonly clock: StreamClock;
  /** How long segments are kept after all readers have passed; ms. */
  readonly retentionMs: number;
  /** Most bytes of log this data folder may hold on behalf of the stream before the policy acts. */
  readonly bytesMax: number;
  readonly policy: DiskPolicy;
  /** Its rows come from a transform, not from outside. Default false. */
  readonly derived?: boolean;
}

/** Whether a stream takes events from outside: it is neither Millrace's own nor derived. */
export function hasFrontDoor({ name, derived }: StreamDefinition): boolean {
  return derived !== true && !isInternalStream(name);
}

/** A place in one partition: the next row to be read. */
export interface Position {
  readonly stream: string;
  readonly partition: number;
  readonly offset: number;
  /** How much of the stream's idle clock is consumed (`LogBatch.clockTotalMs`); the reader loop keeps it. */
  readonly clockTotalMs?: number;
}

/** What a reader has committed: where it is, and a little state of its own that belongs to exactly there. */
export interface ReaderState {
  readonly id: string;
  /** Rises whenever the reader's definition changes incompatibly; an older epoch can't commit. */
  readonly epoch: number;
  readonly positions: readonly Position[];
  /** Opaque to the log, at most 64 KiB. */
  readonly state: Uint8Array;
  /** The oldest rows needed after a restart, when older than `positions`: retention spares them. */
  readonly holds?: readonly Position[];
}

/** Rows for one stream. `ColumnBatch` rows are split over partitions by tenant. */
export interface StreamRows {
  readonly stream: string;
  /** Columns in memory, or the bytes of a self-contained batch (`encodeBatch`) for one partition. */
  readonly rows: ColumnBatch | EncodedRows;
}

/** A self-contained batch, encoded by another thread; the log only sets its offset and stamps. */
export interface EncodedRows {
  readonly partition: number;
  readonly count: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Everything that becomes durable together. */
export interface AppendGroup {
  readonly batches: readonly StreamRows[];
  readonly reader?: ReaderState;
}

/** Where one batch went. A batch of several partitions yields one entry a partition. */
export interface Appended {
  readonly stream: string;
  readonly partition: number;
  readonly baseOffset: number;
  readonly rows: number;
}

/** The answer to an append, given after the sync. */
export interface AppendResult {
  readonly appended: readonly Appended[];
  /** The stamp that the rows got; ms since 1970. */
  readonly receivedAt: number;
}

/** What a cursor yields. */
export interface LogBatch {
  readonly stream: string;
  readonly partition: number;
  /** Offset of row 0. */
  readonly baseOffset: number;
  /** 0 for a clock record. */
  readonly rows: number;
  /** Columns decode on first touch; a column with a bad crc throws `LOG_PAGE_DAMAGED` then. */
  readonly batch: ColumnBatch;
  /** Smallest and largest event time in the batch, ms; NaN when the stream has none. */
  readonly eventTimeMin: number;
  readonly eventTimeMax: number;
  /** The stamp of these rows; ms. Equal for all rows of a batch. */
  readonly receivedAt: number;
  /** For a clock record of an idle `clock = 'event'` stream: by how much its clocks advance; else 0. */
  readonly clockAdvanceMs: number;
  /**
   * For a clock record: the sum of all advances of this partition, this one included; else 0.
   * A clock record has no offset of its own, so a cursor that starts at its offset yields it again;
   * the total tells which were already consumed.
   */
  readonly clockTotalMs: number;
}

/** Reads one partition in order, up to what is durable. One cursor, one user. */
export interface LogCursor {
  /**
   * The next batch at or after `position`, or null when there is none yet. Cheap when null. A batch
   * may start behind `position`, and `position` may move on null: the rows between are gone.
   */
  next(): LogBatch | null;
  /** Resolves when `next` may have something, or `signal` aborts. */
  wait(signal?: AbortSignal): Promise<void>;
  readonly position: number;
  /**
   * True where other cursors of this thread read the partition too, and none has read the next batch lately:
   * who gives the thread away before it, lets them come along and shares it with them. Default false.
   */
  readonly leads?: boolean;
  /**
   * Others of this thread are close behind: resolves once they are where this one is; null where none is. Who waits for
   * them shares what it reads next with them. Default null.
   */
  followers?(): Promise<void> | null;
  close(): void;
}

/** Rows that are gone: offsets `from` up to but not including `to`. */
export interface LostRows {
  readonly stream: string;
  readonly partition: number;
  readonly from: number;
  readonly to: number;
}

/** How far a partition reaches. */
export interface PartitionRange {
  /** The oldest offset still kept. */
  readonly start: number;
  /** One past the newest durable offset. */
  readonly end: number;
}

/** What `arrivalClock` promises: rows of `stream` not yet below `ends` will be stamped at or after `clockMs`. */
export interface ArrivalClock {
  /** One past the newest durable offset of each partition, taken together with `clockMs`. */
  readonly ends: readonly number[];
  readonly clockMs: number;
}

/** The log as stages use it, in any thread. */
export interface Log {
  /**
   * Appends all or nothing; resolves after the sync. The columns are read when the commit is
   * written, merged with other appends of the moment into one batch: leave them unchanged until
   * this settles. Rejects with LOG_UNAVAILABLE, LOG_DISK_FULL, LOG_OVERLOADED, READER_FENCED.
   */
  append(group: AppendGroup): Promise<AppendResult>;
  /** A cursor at `offset`; OFFSET_OUT_OF_RANGE below the start. `columns`: the only ones that will be touched. */
  cursor(stream: string, partition: number, offset: number): LogCursor;
  stream(name: string): StreamDefinition | undefined;
  streams(): readonly StreamDefinition[];
  range(stream: string, partition: number): PartitionRange;
  arrivalClock(stream: string): ArrivalClock;
  /** The committed state of a reader, or undefined when it never committed. */
  reader(id: string): ReaderState | undefined;
  /** The oldest rows that a reader needs, as it last registered or committed; undefined when it is not known. */
  holds(id: string): readonly Position[] | undefined;
  /** Declares that a reader exists, so that retention spares what it needs from `positions` on. */
  registerReader(id: string, positions: readonly Position[]): Promise<void>;
  removeReader(id: string): Promise<void>;
}
