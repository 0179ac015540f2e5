/**
 * Reading and building integer columns (`int64`, `timestamp`, `decimal`): value = base + delta.
 */
import type { Deltas, IntegerColumn } from './columns.js';

/** Value of row `row` as a bigint: exact for every width. */
export function integerAt(column: IntegerColumn, row: number): bigint {
  if (column.width === 0) return column.base;
  if (column.width !== 8) return column.base + BigInt(column.deltas[row]!);
  const low = BigInt(column.deltas[row * 2]!);
  const high = BigInt(column.deltas[row * 2 + 1]!);
  return BigInt.asIntN(64, column.base + ((high << 32n) | low));
}

/** Value of row `row` as a double: exact up to 2^53 either way, else the nearest. */
export function numberAt(column: IntegerColumn, row: number): number {
  if (column.width === 0) return Number(column.base);
  if (column.width !== 8) return Number(column.base) + column.deltas[row]!;
  if (column.base === 0n) return (column.deltas[row * 2 + 1]! | 0) * 4_294_967_296 + column.deltas[row * 2]!;
  return Number(integerAt(column, row));
}

/** As `numberAt`, for many rows at once: the first `count`, or those at `rows`. */
export function numbersInto(column: IntegerColumn, rows: Uint32Array | null, count: number, into: Float64Array): void {
  const { width, deltas } = column;
  const base = Number(column.base);
  if (width === 0) into.fill(base, 0, count);
  else if (width !== 8) for (let i = 0; i < count; i++) into[i] = base + deltas[rows === null ? i : rows[i]!]!;
  else if (column.base === 0n) pairsInto(deltas, rows, count, into);
  else for (let i = 0; i < count; i++) into[i] = numberAt(column, rows === null ? i : rows[i]!);
}

function pairsInto(words: Deltas, rows: Uint32Array | null, count: number, into: Float64Array): void {
  for (let i = 0; i < count; i++) {
    const at = (rows === null ? i : rows[i]!) * 2;
    into[i] = (words[at + 1]! | 0) * 4_294_967_296 + words[at]!;
  }
}

/** A column of `values`, as plain 64-bit integers with base 0. */
export function integersFrom(values: readonly bigint[], nulls: Uint8Array | null): IntegerColumn {
  const deltas = new Uint32Array(values.length * 2);
  values.forEach((value, row) => {
    deltas[row * 2] = Number(value & 0xffffffffn);
    deltas[row * 2 + 1] = Number((value >> 32n) & 0xffffffffn);
  });
  return { kind: 'integer', nulls, base: 0n, width: 8, deltas };
}

/** A column in which every row has the same value. */
export function constantInteger(value: bigint): IntegerColumn {
  return { kind: 'integer', nulls: null, base: value, width: 0, deltas: new Uint8Array(0) };
}
