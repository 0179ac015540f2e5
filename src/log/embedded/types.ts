import type { MessagePort } from 'node:worker_threads';
import type { Clock } from '../../io/clock.js';
import type { Disk } from '../../io/disk.js';
import type { Random } from '../../io/random.js';
import type { MillraceError } from '../../util/errors.js';
import type { Log, LostRows, StreamDefinition } from '../log.js';

/** What can be tuned; every value has a default in `LOG_DEFAULTS`. */
export interface LogOptions {
  /** Size of a full segment file. */
  readonly segmentBytes: number;
  /** Size of the first segment after each start; each next one doubles up to `segmentBytes`. */
  readonly firstSegmentBytes: number;
  /** Most bytes encoded but not yet on disk, before appends are refused with LOG_OVERLOADED. */
  readonly pendingBytesMax: number;
  /** How often retention looks for segments to delete, ms. */
  readonly retentionEveryMs: number;
  /** How often an idle log moves its arrival clock on for other threads, ms. */
  readonly arrivalClockEveryMs: number;
  /** Shortest and longest silence between two clock records of an idle `clock = 'event'` stream, ms. */
  readonly idleClockMinMs: number;
  readonly idleClockMaxMs: number;
  /** How long to wait before trying the disk again after a failure, ms. */
  readonly retryEveryMs: number;
}

/** The defaults of `LogOptions`. */
export const LOG_DEFAULTS: LogOptions = {
  segmentBytes: 256 * 1024 * 1024,
  firstSegmentBytes: 16 * 1024 * 1024,
  pendingBytesMax: 64 * 1024 * 1024,
  retentionEveryMs: 10_000,
  arrivalClockEveryMs: 50,
  idleClockMinMs: 1_000,
  idleClockMaxMs: 3_600_000,
  retryEveryMs: 250,
};

/** What opening the log found. */
export interface RecoveryReport {
  /** Segment files read. */
  readonly segments: number;
  /** Rows that were synced and can't be read any more, by what the headers around the damage say. */
  readonly damaged: readonly {
    readonly segment: number;
    readonly position: number;
    readonly bytes: number;
    readonly reason: string;
    readonly lost: readonly LostRows[];
  }[];
  /** The last commit, if it was cut: nobody knows whether its rows had been acknowledged. */
  readonly cut: {
    readonly segment: number;
    readonly position: number;
    readonly bytes: number;
    /** Rows, as far as the commit's header could be read; -1 when it could not. */
    readonly rows: number;
    readonly lost: readonly LostRows[];
    readonly note: 'may have been acknowledged';
  } | null;
}

/** Rows that retention took from a reader because the disk bound was reached (policy `cut`). */
export interface CutRows extends LostRows {
  readonly reader: string;
  /** Null for a stream without tenants. */
  readonly tenant: string | null;
  readonly rows: number;
}

/** What the log is doing, for metrics and health. */
export interface LogStats {
  /** `writing`, or why it can't be written at the moment. */
  readonly state: 'writing' | 'failing' | 'full' | 'closed';
  readonly reason: string | null;
  readonly segments: number;
  readonly bytesOnDisk: number;
  readonly bytesPending: number;
  readonly commits: number;
  readonly rows: number;
  readonly bytesWritten: number;
  readonly failedCommits: number;
  readonly segmentsDeleted: number;
  /** Segments whose footer could not be written or that could not be deleted; they are read by scanning. */
  readonly sealFailures: number;
  /** Seconds of the last syncs: sum and count, for an average. */
  readonly syncSecondsSum: number;
  readonly syncs: number;
  /** Dictionaries that were full, so that the rest of a segment is plain bytes. */
  readonly dictionariesFull: number;
  readonly readers: readonly { readonly id: string; readonly lagRows: number }[];
  readonly streams: readonly { readonly name: string; readonly bytes: number; readonly rows: number }[];
}

/** What `openLog` takes. */
export interface OpenLogInput {
  /** The log's own folder; made when missing. */
  readonly folder: string;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly options?: Partial<LogOptions>;
  /** Takes the folder for this process; default `lockFolder` of `io/lock.ts`. Answers the release. */
  readonly lock?: (folder: string) => Promise<() => void>;
  /** Called, and awaited, before retention deletes rows that a reader still needed. */
  readonly onCut?: (rows: readonly CutRows[]) => Promise<void> | void;
  /** Called when the disk fails and when it works again. */
  readonly onProblem?: (problem: MillraceError | null) => void;
}

/** The log in the thread that owns it. */
export interface EmbeddedLog extends Log {
  /** What opening found. */
  readonly recovery: RecoveryReport;
  /**
   * Makes a stream, or finds it: idempotent. A compatible change of schema or limits takes effect;
   * another partition count or an incompatible schema is refused (SCHEMA_INCOMPATIBLE).
   */
  createStream(definition: StreamDefinition): Promise<StreamDefinition>;
  /** A port for one other thread, to be given to `connectLog` there. */
  remotePort(): MessagePort;
  stats(): LogStats;
  /** Waits for pending appends, seals the segment, gives the folder back. */
  close(): Promise<void>;
}
