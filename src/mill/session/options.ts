/** What a session is opened with. */
import { systemClock } from '../../io/clock.js';

/** Options of a session; all have defaults. */
export interface SessionOptions {
  /** Where the clock stands at first, ms since 1970. Default 0, so that nothing is late before it is set. */
  readonly clockMs?: number;
  /** What `now()` is while the clock is at 0, ms. Default the machine's clock. */
  readonly machineMs?: () => number;
  /** Rows of a statement are spread over this many partitions by hash. Default 1. */
  readonly partitions?: number;
  /** Rows are fed in batches of this many; after each the views are brought up to date. Default 4096. */
  readonly batchRows?: number;
  /** Every view is stopped, saved, built again and loaded after each statement that feeds it. Default false. */
  readonly resumes?: boolean;
  /**
   * Whether rows of a table without a key can be changed, as in PostgreSQL: `CREATE TABLE t (…)` without APPEND ONLY,
   * WATERMARK and options. False: it is a stream, as on a server. Default true.
   */
  readonly changesTables?: boolean;
  /** Most rows of a table or stream. Default 2,000,000. */
  readonly rowsMax?: number;
  /** Bytes of state that a view may hold. Default 512 MiB. */
  readonly stateBytesMax?: number;
}

/** Options with the defaults filled in. */
export type SessionSettings = Required<SessionOptions>;

/** Fills in the defaults. */
export function settingsOf(options: SessionOptions): SessionSettings {
  return {
    clockMs: 0,
    machineMs: () => systemClock.now(),
    partitions: 1,
    batchRows: 4_096,
    resumes: false,
    changesTables: true,
    rowsMax: 2_000_000,
    stateBytesMax: 512 * 1024 * 1024,
    ...options,
  };
}
