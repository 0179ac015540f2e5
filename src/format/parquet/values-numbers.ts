/** Plain values of numbers, booleans and uuids, nulls left out, with their bounds. */
import { sliceRows, type BatchTarget, type RowSlice } from '../../event/batch.js';
import {
  isNull,
  type BooleanColumn,
  type DoubleColumn,
  type IntegerColumn,
  type UuidColumn,
} from '../../event/columns.js';
import { integerAt } from '../../event/integers.js';
import type { Chunk } from './chunk-body.js';

const WORD = 4_294_967_296;
const SAFE = Number.MAX_SAFE_INTEGER;

/** INT64, little-endian. Values beyond 2^53 take an exact, slower path. */
export function writeIntegerValues(
  slices: readonly RowSlice[],
  index: number,
  count: number,
  body: BatchTarget,
  chunk: Chunk,
): void {
  body.reserve(count * 8 + 8);
  const start = body.position;
  const safe = slices.every((slice) => isSafe(slice.batch.column(index) as IntegerColumn, slice.rows));
  if (safe) writeSafe(slices, index, body, chunk);
  else writeExact(slices, index, body, chunk);
  if (body.position - start !== count * 8)
    throw new RangeError(`column ${index}: ${(body.position - start) / 8} values, expected ${count}`);
}

/** Whether every value of the column's rows (null: all) is exact as a double. */
function isSafe(column: IntegerColumn, rows: Uint32Array | null): boolean {
  const base = Number(column.base);
  if (base > SAFE - WORD || base < -SAFE) return false;
  if (column.width !== 8) return true;
  if (column.base !== 0n) return false;
  const { deltas } = column;
  const count = rows === null ? deltas.length / 2 : rows.length;
  for (let i = 0; i < count; i++) {
    const high = deltas[(rows === null ? i : rows[i]!) * 2 + 1]! | 0;
    if (high >= 0x1fffff || high < -0x1fffff) return false;
  }
  return true;
}

function writeSafe(slices: readonly RowSlice[], index: number, body: BatchTarget, chunk: Chunk): void {
  let min = Infinity;
  let max = -Infinity;
  const view = new DataView(body.bytes.buffer);
  let at = body.position;
  for (const slice of slices) {
    const { base, width, deltas, nulls } = slice.batch.column(index) as IntegerColumn;
    const from = Number(base);
    const rows = sliceRows(slice);
    const chosen = slice.rows;
    for (let i = 0; i < rows; i++) {
      const row = chosen === null ? i : chosen[i]!;
      if (nulls !== null && ((nulls[row >> 3]! >> (row & 7)) & 1) === 1) continue;
      const value =
        width === 8 ? (deltas[row * 2 + 1]! | 0) * WORD + deltas[row * 2]! : width === 0 ? from : from + deltas[row]!;
      if (value < min) min = value;
      if (value > max) max = value;
      const high = Math.floor(value / WORD);
      view.setInt32(at, value - high * WORD, true);
      view.setInt32(at + 4, high, true);
      at += 8;
    }
  }
  const any = at > body.position;
  body.position = at;
  if (any) setBounds(chunk, BigInt(min), BigInt(max));
}

function writeExact(slices: readonly RowSlice[], index: number, body: BatchTarget, chunk: Chunk): void {
  let min: bigint | null = null;
  let max: bigint | null = null;
  const view = new DataView(body.bytes.buffer);
  for (const slice of slices) {
    const column = slice.batch.column(index) as IntegerColumn;
    const rows = sliceRows(slice);
    for (let i = 0; i < rows; i++) {
      const row = slice.rows === null ? i : slice.rows[i]!;
      if (isNull(column.nulls, row)) continue;
      const value = integerAt(column, row);
      if (min === null || value < min) min = value;
      if (max === null || value > max) max = value;
      view.setBigInt64(body.position, value, true);
      body.position += 8;
    }
  }
  if (min !== null && max !== null) setBounds(chunk, min, max);
}

function setBounds(chunk: Chunk, min: bigint, max: bigint): void {
  chunk.min = new Uint8Array(8);
  chunk.max = new Uint8Array(8);
  new DataView(chunk.min.buffer).setBigInt64(0, min, true);
  new DataView(chunk.max.buffer).setBigInt64(0, max, true);
}

/** DOUBLE. Bounds as Parquet wants them: no NaN, -0 below and +0 above. */
export function writeDoubleValues(
  slices: readonly RowSlice[],
  index: number,
  count: number,
  body: BatchTarget,
  chunk: Chunk,
): void {
  body.reserve(count * 8 + 8);
  const view = new DataView(body.bytes.buffer);
  let min = Infinity;
  let max = -Infinity;
  let strange = false;
  for (const slice of slices) {
    const { values, nulls } = slice.batch.column(index) as DoubleColumn;
    const rows = sliceRows(slice);
    for (let i = 0; i < rows; i++) {
      const row = slice.rows === null ? i : slice.rows[i]!;
      if (isNull(nulls, row)) continue;
      const value = values[row]!;
      if (value !== value) strange = true;
      if (value < min) min = value;
      if (value > max) max = value;
      view.setFloat64(body.position, value, true);
      body.position += 8;
    }
  }
  if (count === 0 || strange) return;
  chunk.min = new Uint8Array(Float64Array.of(min === 0 ? -0 : min).buffer);
  chunk.max = new Uint8Array(Float64Array.of(max === 0 ? 0 : max).buffer);
}

/** BOOLEAN: bits, lowest first. */
export function writeBooleanValues(
  slices: readonly RowSlice[],
  index: number,
  count: number,
  body: BatchTarget,
  chunk: Chunk,
): void {
  const bytes = (count + 7) >> 3;
  body.reserve(bytes);
  body.bytes.fill(0, body.position, body.position + bytes);
  let out = 0;
  let ones = 0;
  for (const slice of slices) {
    const { values, nulls } = slice.batch.column(index) as BooleanColumn;
    const rows = sliceRows(slice);
    for (let i = 0; i < rows; i++) {
      const row = slice.rows === null ? i : slice.rows[i]!;
      if (isNull(nulls, row)) continue;
      const bit = values[row]! & 1;
      ones += bit;
      body.bytes[body.position + (out >> 3)]! |= bit << (out & 7);
      out++;
    }
  }
  body.position += bytes;
  if (count === 0) return;
  chunk.min = Uint8Array.of(ones === count ? 1 : 0);
  chunk.max = Uint8Array.of(ones > 0 ? 1 : 0);
}

/** FIXED_LEN_BYTE_ARRAY(16). Bounds by unsigned bytes. */
export function writeUuidValues(
  slices: readonly RowSlice[],
  index: number,
  count: number,
  body: BatchTarget,
  chunk: Chunk,
): void {
  body.reserve(count * 16);
  const start = body.position;
  for (const slice of slices) {
    const { data, nulls } = slice.batch.column(index) as UuidColumn;
    const rows = sliceRows(slice);
    if (slice.rows === null && nulls === null) {
      body.bytes.set(data.subarray(0, rows * 16), body.position);
      body.position += rows * 16;
      continue;
    }
    for (let i = 0; i < rows; i++) {
      const row = slice.rows === null ? i : slice.rows[i]!;
      if (isNull(nulls, row)) continue;
      for (let from = row * 16, to = body.position, end = from + 16; from < end;) body.bytes[to++] = data[from++]!;
      body.position += 16;
    }
  }
  if (count > 0) uuidBounds(body.bytes, start, count, chunk);
}

function uuidBounds(bytes: Uint8Array, start: number, count: number, chunk: Chunk): void {
  let min = start;
  let max = start;
  for (let at = start + 16, end = start + count * 16; at < end; at += 16) {
    if (compare16(bytes, at, min) < 0) min = at;
    else if (compare16(bytes, at, max) > 0) max = at;
  }
  chunk.min = bytes.slice(min, min + 16);
  chunk.max = bytes.slice(max, max + 16);
}

function compare16(bytes: Uint8Array, left: number, right: number): number {
  for (let i = 0; i < 16; i++) {
    const difference = bytes[left + i]! - bytes[right + i]!;
    if (difference !== 0) return difference;
  }
  return 0;
}
