/**
 * Rows of a view as the summary holds them: one array a column.
 *
 * A window's table in memory, a block read back from disk and the rows on their way to a file are
 * all row sets, so that feed, dashboards and files read them with the same few functions.
 */
import type { CorrectionReason, RowState } from '../event/view.js';
import type { RowLayout } from './layout.js';

/** 64-bit integers as pairs of 32-bit words, low then high; `nulls` has a byte a row, 1 = null. */
export interface IntegerStore {
  readonly kind: 'integer';
  words: Int32Array;
  nulls: Uint8Array;
}

/** Doubles; `nulls` has a byte a row, 1 = null. */
export interface DoubleStore {
  readonly kind: 'double';
  values: Float64Array;
  nulls: Uint8Array;
}

/** Codes into the row set's pool; 0 is null. */
export interface TextStore {
  readonly kind: 'text';
  codes: Int32Array;
}

/** One stored column's values. */
export type ColumnStore = IntegerStore | DoubleStore | TextStore;

/** Texts by code. */
export interface TextSource {
  bytesOf(code: number): Uint8Array;
  stringOf(code: number): string;
}

/** Rows as columns. Arrays may be longer than `rows`. */
export interface RowSet {
  readonly layout: RowLayout;
  readonly rows: number;
  readonly pool: TextSource;
  /** Codes into `pool`. */
  readonly tenants: Int32Array;
  /** Window starts, ms. */
  readonly windows: Float64Array;
  /** Row ids: see `row-id.ts`. */
  readonly ids: Float64Array;
  /** Operation, state and reason: see below. */
  readonly marks: Uint8Array;
  readonly columns: readonly ColumnStore[];
}

/** States by the low bits of a mark. */
export const STATES: readonly RowState[] = ['open', 'final', 'corrected'];

/** The bits of a mark that hold the state. */
export const STATE_BITS = 3;
const REASONS: readonly (CorrectionReason | null)[] = [
  null,
  'late',
  'dedupe',
  'fraud',
  'identity',
  'backfill',
  'erasure',
];

/** Set in a mark when the row is a tombstone. */
export const DELETED = 0x80;

// A mark holds operation, state and reason of a row in one byte: `d00rrrss`.

/** An operation's bits of a mark. */
export function operationBits(operation: string | null): number {
  return operation === 'delete' ? DELETED : 0;
}

/** A state's bits of a mark. */
export function stateBits(state: string | null): number {
  return Math.max(0, STATES.indexOf(state as RowState));
}

/** A reason's bits of a mark. */
export function reasonBits(reason: string | null): number {
  return Math.max(0, REASONS.indexOf(reason as CorrectionReason | null)) << 2;
}

/** The state in a mark. */
export function stateOf(mark: number): RowState {
  return STATES[mark & STATE_BITS] ?? 'open';
}

/** The reason in a mark. */
export function reasonOf(mark: number): CorrectionReason | null {
  return REASONS[(mark >> 2) & 7] ?? null;
}

/** A fresh column store with room for `capacity` rows. */
export function storeOf(kind: ColumnStore['kind'], capacity: number): ColumnStore {
  if (kind === 'text') return { kind, codes: new Int32Array(capacity) };
  if (kind === 'double') return { kind, values: new Float64Array(capacity), nulls: new Uint8Array(capacity) };
  return { kind, words: new Int32Array(capacity * 2), nulls: new Uint8Array(capacity) };
}

/** The 64-bit integer at a row of an integer store. */
export function bigintAt(store: IntegerStore, row: number): bigint {
  return (BigInt(store.words[row * 2 + 1]!) << 32n) | BigInt(store.words[row * 2]! >>> 0);
}

/** As `bigintAt`, as a number: exact up to 2^53. */
export function numberAt(store: IntegerStore, row: number): number {
  return store.words[row * 2 + 1]! * 4294967296 + (store.words[row * 2]! >>> 0);
}
