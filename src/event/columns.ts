/**
 * Many events in memory: one array a column, addressed by row.
 *
 * This is what stages hand to each other. A decoder builds it from JSON bytes, the batch codec
 * maps it onto a buffer without copying, the mill's kernels and the Parquet writer read it.
 *
 * Invariants
 * - `column(i)` belongs to `schema.columns[i]`; every array holds exactly `rows` entries
 *   (offsets hold `rows + 1`).
 * - `nulls` is a bitmap, bit `i & 7` of byte `i >> 3` is set where row `i` is null; `null` means
 *   that no row is. A null row's slot holds 0 or empty, never garbage.
 * - A dictionary only ever grows, so a code stays valid as long as its dictionary object lives.
 *   Codes mean nothing without that object: never store one, never compare across dictionaries.
 *   To translate, keep a lookup table by dictionary identity (`WeakMap<Dictionary, …>`).
 */
import type { Dictionary } from './dictionary.js';
import type { Schema } from './schema.js';

/** `uuid`: 16 bytes a row, in text order. */
export interface UuidColumn {
  readonly kind: 'uuid';
  readonly nulls: Uint8Array | null;
  readonly data: Uint8Array;
}

/** Unsigned distances of an integer column from its base. */
export type Deltas = Uint8Array | Uint16Array | Uint32Array;

/**
 * `int64`, `timestamp` (ms since 1970), `decimal` (millionths): value = base + delta.
 *
 * width 0: every value is `base`, `deltas` is empty. Widths 1, 2 and 4: unsigned.
 * Width 8: `deltas` holds pairs of 32-bit words, low then high, together one *signed* 64-bit
 * integer; the sum wraps at 64 bits. So a producer may emit plain int64 with base 0.
 */
export interface IntegerColumn {
  readonly kind: 'integer';
  readonly nulls: Uint8Array | null;
  readonly base: bigint;
  readonly width: 0 | 1 | 2 | 4 | 8;
  readonly deltas: Deltas;
}

/** `double`. */
export interface DoubleColumn {
  readonly kind: 'double';
  readonly nulls: Uint8Array | null;
  readonly values: Float64Array;
}

/** `boolean`: one byte a row, 0 or 1. */
export interface BooleanColumn {
  readonly kind: 'boolean';
  readonly nulls: Uint8Array | null;
  readonly values: Uint8Array;
}

/**
 * `string` (UTF-8), `bytes`, `json` (compact UTF-8 text); also a `dictionary` column whose
 * dictionary was full. Row i is `data[offsets[i] .. offsets[i + 1]]`.
 */
export interface BytesColumn {
  readonly kind: 'bytes';
  readonly nulls: Uint8Array | null;
  readonly offsets: Uint32Array;
  readonly data: Uint8Array;
}

/** Codes of a dictionary; 32 bits only where one is larger than those of the log (the lake's runs). */
export type Codes = Uint8Array | Uint16Array | Uint32Array;

/** `dictionary`: row i is `dictionary.bytesOf(codes[i])`. */
export interface DictionaryColumn {
  readonly kind: 'dictionary';
  readonly nulls: Uint8Array | null;
  readonly codes: Codes;
  readonly dictionary: Dictionary;
}

/** `list`: row i holds the codes `codes[offsets[i] .. offsets[i + 1]]`. */
export interface ListColumn {
  readonly kind: 'list';
  readonly nulls: Uint8Array | null;
  readonly offsets: Uint32Array;
  readonly codes: Codes;
  readonly dictionary: Dictionary;
}

/** A `list` whose dictionary was full: row i holds the items `offsets[i] .. offsets[i + 1]` of `items`. */
export interface BytesListColumn {
  readonly kind: 'bytesList';
  readonly nulls: Uint8Array | null;
  readonly offsets: Uint32Array;
  readonly items: BytesColumn;
}

/** One column of a batch. Which kinds a column type allows is listed at each kind. */
export type Column =
  | UuidColumn
  | IntegerColumn
  | DoubleColumn
  | BooleanColumn
  | BytesColumn
  | DictionaryColumn
  | ListColumn
  | BytesListColumn;

/** Many events as columns. */
export interface ColumnBatch {
  readonly schema: Schema;
  readonly rows: number;
  /** The column at a position of the schema. A batch over a buffer decodes it on the first call. */
  column(index: number): Column;
}

/** A batch whose columns are all at hand. */
export function batchOf(schema: Schema, rows: number, columns: readonly Column[]): ColumnBatch {
  return { schema, rows, column: (index) => columns[index]! };
}

/** Whether row `row` is null, by a column's bitmap. */
export function isNull(nulls: Uint8Array | null, row: number): boolean {
  return nulls !== null && (nulls[row >> 3]! & (1 << (row & 7))) !== 0;
}
