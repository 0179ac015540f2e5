import type { Column, ColumnBatch } from '../columns.js';

/** Rows of one batch that go into another: all of them, or those at `rows`, in that order. */
export interface RowSlice {
  readonly batch: ColumnBatch;
  readonly rows: Uint32Array | null;
}

/** How many rows a slice has. */
export function sliceRows(slice: RowSlice): number {
  return slice.rows === null ? slice.batch.rows : slice.rows.length;
}

/** How many rows slices have together. */
export function totalRows(slices: readonly RowSlice[]): number {
  let rows = 0;
  for (const slice of slices) rows += sliceRows(slice);
  return rows;
}

/** Whether any slice's column `index` may hold nulls. */
export function mayHaveNulls(slices: readonly RowSlice[], index: number): boolean {
  for (const slice of slices) if (slice.batch.column(index).nulls !== null) return true;
  return false;
}

/**
 * Writes the null bitmap of column `index` over all slices to `target[at]`, which has room for
 * `rows / 8` bytes rounded up to 8. Answers whether any row is null.
 */
export function writeNulls(
  target: Uint8Array,
  at: number,
  slices: readonly RowSlice[],
  index: number,
  rows: number,
): boolean {
  const end = at + paddedBits(rows);
  target.fill(0, at, end);
  let out = 0;
  let any = 0;
  for (const slice of slices) {
    const nulls = slice.batch.column(index).nulls;
    const count = sliceRows(slice);
    const chosen = slice.rows;
    if (nulls === null) {
      out += count;
    } else if (chosen === null && (out & 7) === 0) {
      any |= copyBits(nulls, count, target, at + (out >> 3));
      out += count;
    } else {
      for (let i = 0; i < count; i++, out++) {
        const row = chosen === null ? i : chosen[i]!;
        const bit = (nulls[row >> 3]! >> (row & 7)) & 1;
        any |= bit;
        target[at + (out >> 3)]! |= bit << (out & 7);
      }
    }
  }
  return any !== 0;
}

/** Bytes of a bitmap of `rows` bits, rounded up to 8. */
export function paddedBits(rows: number): number {
  return (((rows + 7) >> 3) + 7) & ~7;
}

/** The kinds that slices hold of one column, as a set of names. */
export function hasKind(slices: readonly RowSlice[], index: number, kind: Column['kind']): boolean {
  for (const slice of slices) if (slice.batch.column(index).kind === kind) return true;
  return false;
}

function copyBits(nulls: Uint8Array, count: number, target: Uint8Array, at: number): number {
  const bytes = (count + 7) >> 3;
  let any = 0;
  for (let i = 0; i < bytes; i++) any |= target[at + i] = nulls[i]!;
  const rest = count & 7;
  if (rest === 0) return any;
  // Bits behind the last row belong to the next slice.
  const last = at + bytes - 1;
  const kept = target[last]! & ((1 << rest) - 1);
  if (any !== 0 && bytes === 1) any = kept;
  target[last] = kept;
  return any;
}
