/**
 * A view's changes stream, described for those who write it (the mill) and read it (the summary).
 *
 * Each row is one key's newest truth: absolute values, never a delta. The revision of a row *is*
 * its offset + 1 in the changes stream, so it rises strictly, is assigned by the log at commit,
 * and needs no counter of its own.
 *
 * Columns, in this order: `tenant`, `window_start`, `window_end`, `op`, `state`, `reason`, `txn`, then
 * the key columns, the value columns, and `received_at`. Rows with the same `txn` were published at one
 * moment, in one commit.
 */
import type { Schema } from './schema.js';

/** Life of a row: `open` may still change, `final` is closed, `corrected` changed after closing. */
export type RowState = 'open' | 'final' | 'corrected';

/** `upsert` sets the key's values, `delete` removes the key (a tombstone). */
export type RowOperation = 'upsert' | 'delete';

/** Why a closed row changed. */
export type CorrectionReason = 'late' | 'dedupe' | 'fraud' | 'identity' | 'backfill' | 'erasure';

/** The SQL type of a view's column, as people see it. `timestamp` and `date` are stored as ms since 1970, read as UTC. */
export type ViewColumnType =
  | 'text'
  | 'bigint'
  | 'double precision'
  | 'numeric'
  | 'boolean'
  | 'timestamptz'
  | 'timestamp'
  | 'date'
  | 'uuid'
  | 'json'
  | 'bytea';

/** One column that a query on the view sees. */
export interface ViewColumn {
  readonly name: string;
  readonly type: ViewColumnType;
  /** For `numeric`: digits after the point; values travel as scaled 64-bit integers where the changes column is `decimal`, else as text. */
  readonly scale?: number;
  /** A plain count or sum: its values over several keys or windows may be added up. */
  readonly additive?: boolean;
  /** How its values over several windows become one; left out: they can't, exactly. */
  readonly rollUp?: RollUp;
  /** Of a measure without `rollUp`: what the view should have for it. */
  readonly instead?: string;
  /** Position in the changes stream's schema. */
  readonly column: number;
}

/**
 * How values of several windows become one: added up, the least, the greatest, or sketches merged. An
 * estimate is that of the merged sketch in the column named.
 */
export type RollUp = 'sum' | 'min' | 'max' | 'sketch' | { readonly sketch: string };

/** A view, as everyone but the mill needs to know it. */
export interface ViewDescription {
  readonly name: string;
  /** Names this definition of the view among all that ever were. */
  readonly epoch: string;
  /** Rows stamped before were gone when this definition began, ms: windows before may lack some. */
  readonly sinceMs?: number;
  /** The changes stream, `view.<name>`. */
  readonly stream: string;
  readonly schema: Schema;
  /** The stream it reads; of several the first. */
  readonly source: string;
  /** All streams it reads. */
  readonly sources: readonly string[];
  /** What a query sees, in the order of the SELECT list. */
  readonly columns: readonly ViewColumn[];
  /** Positions in the changes schema that identify a row: tenant, window bounds, keys. */
  readonly keyColumns: readonly number[];
  /** Positions of the measures. */
  readonly valueColumns: readonly number[];
  /** Window length, ms. */
  readonly windowMs: number;
  /** How long after its end a window stays open, ms. */
  readonly lagMs?: number;
  /** How long rows are kept after their window's end, ms, of tenants that have no retention of their own; left out: for ever. */
  readonly retentionMs?: number;
  /** Its rows do not add up to longer periods: HAVING decides which there are, or it is more than groups in tumbling windows. */
  readonly partial?: boolean;
  /** True when no key is the tenant: only an operator's key may read it. */
  readonly global: boolean;
}
