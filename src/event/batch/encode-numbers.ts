/**
 * Integers, doubles, booleans and uuids into column pages.
 *
 * Integers: one pass collects the values as doubles with their range, a second writes distances
 * from the smallest in 0, 1, 2 or 4 bytes. A range of 2^32 or more is written as plain 64-bit words with base 0; values
 * beyond 2^53 take a slower exact path. A null's distance is 0.
 */
import { damaged, ENCODING } from './layout.js';
import type { BooleanColumn, DoubleColumn, IntegerColumn, UuidColumn } from '../columns.js';
import { integerAt } from '../integers.js';
import { sliceRows, type RowSlice } from './slices.js';
import type { BatchTarget } from './target.js';

/** What a column writer found out, for the descriptor. Reused: read it at once. */
export interface PageInfo {
  encoding: number;
  width: number;
  width2: number;
  baseLow: number;
  baseHigh: number;
  items: number;
  entriesNeeded: number;
  /** Smallest and largest integer; infinities when every row is null. */
  min: number;
  max: number;
}

const SAFE = 9_007_199_254_740_991;
const WORD = 4_294_967_296;
let values = new Float64Array(1024);

/** Writes the integers of column `index`; `nullsAt` is where their bitmap was written, or -1. */
export function writeIntegers(
  target: BatchTarget,
  slices: readonly RowSlice[],
  index: number,
  rows: number,
  nullsAt: number,
  info: PageInfo,
): void {
  if (values.length < rows) values = new Float64Array(rows * 2);
  info.encoding = ENCODING.integer;
  const collected = collect(slices, index, target.bytes, nullsAt);
  info.min = collectedMin;
  info.max = collectedMax;
  if (!collected) return writeWords(target, slices, index, info);
  if (collectedMin === Infinity) return setBase(info, 0, 0);
  const range = collectedMax - collectedMin;
  if (nullsAt >= 0) fillNulls(target.bytes, nullsAt, rows, range < WORD ? collectedMin : 0);
  setBase(info, collectedMin, range === 0 ? 0 : range < 256 ? 1 : range < 65_536 ? 2 : range < WORD ? 4 : 8);
  writeDistances(target, rows, collectedMin, info.width);
}

let collectedMin = 0;
let collectedMax = 0;

/** Fills `values`; false when some value is not exact as a double. */
function collect(slices: readonly RowSlice[], index: number, bytes: Uint8Array, nullsAt: number): boolean {
  collectedMin = Infinity;
  collectedMax = -Infinity;
  let out = 0;
  for (const slice of slices) {
    const column = slice.batch.column(index) as IntegerColumn;
    const count = sliceRows(slice);
    const base = Number(column.base);
    if (!Number.isSafeInteger(base) || (column.width === 8 && base !== 0)) return false;
    fillValues(column, base, slice.rows, count, out);
    out += count;
  }
  let min = Infinity;
  let max = -Infinity;
  if (nullsAt < 0) {
    for (let i = 0; i < out; i++) {
      const value = values[i]!;
      if (value < min) min = value;
      if (value > max) max = value;
    }
  } else {
    for (let i = 0; i < out; i++) {
      if ((bytes[nullsAt + (i >> 3)]! >> (i & 7)) & 1) continue;
      const value = values[i]!;
      if (value < min) min = value;
      if (value > max) max = value;
    }
  }
  collectedMin = min;
  collectedMax = max;
  return min === Infinity || (min >= -SAFE && max <= SAFE);
}

function fillValues(column: IntegerColumn, base: number, rows: Uint32Array | null, count: number, out: number): void {
  const deltas = column.deltas;
  if (column.width === 0) values.fill(base, out, out + count);
  else if (column.width === 8 && rows === null)
    for (let i = 0; i < count; i++) values[out + i] = (deltas[i * 2 + 1]! | 0) * WORD + deltas[i * 2]!;
  else if (column.width === 8)
    for (let i = 0; i < count; i++) {
      const at = rows![i]! * 2;
      values[out + i] = (deltas[at + 1]! | 0) * WORD + deltas[at]!;
    }
  else if (rows === null) for (let i = 0; i < count; i++) values[out + i] = base + deltas[i]!;
  else for (let i = 0; i < count; i++) values[out + i] = base + deltas[rows[i]!]!;
}

function fillNulls(bytes: Uint8Array, nullsAt: number, rows: number, value: number): void {
  for (let i = 0; i < rows; i++) if ((bytes[nullsAt + (i >> 3)]! >> (i & 7)) & 1) values[i] = value;
}

function setBase(info: PageInfo, min: number, width: number): void {
  info.width = width;
  if (width === 8) {
    info.baseLow = 0;
    info.baseHigh = 0;
    return;
  }
  info.baseLow = min >>> 0;
  info.baseHigh = Math.floor(min / WORD) >>> 0;
}

function writeDistances(target: BatchTarget, rows: number, min: number, width: number): void {
  if (width === 0) return;
  target.reserve(rows * width);
  const at = target.position;
  if (width === 1) for (let i = 0, bytes = target.bytes; i < rows; i++) bytes[at + i] = values[i]! - min;
  else if (width === 2) for (let i = 0, words = target.u16, o = at >> 1; i < rows; i++) words[o + i] = values[i]! - min;
  else if (width === 4) for (let i = 0, words = target.u32, o = at >> 2; i < rows; i++) words[o + i] = values[i]! - min;
  else
    for (let i = 0, words = target.u32, o = at >> 2; i < rows; i++, o += 2) {
      const value = values[i]!;
      const high = Math.floor(value / WORD);
      words[o] = value - high * WORD;
      words[o + 1] = high;
    }
  target.position = at + rows * width;
}

/** Exact, for values beyond 2^53. */
function writeWords(target: BatchTarget, slices: readonly RowSlice[], index: number, info: PageInfo): void {
  setBase(info, 0, 8);
  info.min = Infinity;
  info.max = -Infinity;
  for (const slice of slices) {
    const column = slice.batch.column(index) as IntegerColumn;
    const count = sliceRows(slice);
    target.reserve(count * 8);
    for (let i = 0, o = target.position >> 2; i < count; i++, o += 2) {
      const row = slice.rows === null ? i : slice.rows[i]!;
      const isNull = column.nulls !== null && ((column.nulls[row >> 3]! >> (row & 7)) & 1) === 1;
      const value = isNull ? 0n : integerAt(column, row);
      target.u32[o] = Number(value & 0xffffffffn);
      target.u32[o + 1] = Number((value >> 32n) & 0xffffffffn);
      if (isNull) continue;
      info.min = Math.min(info.min, Number(value));
      info.max = Math.max(info.max, Number(value));
    }
    target.position += count * 8;
  }
}

/** Writes doubles as they are. */
export function writeDoubles(
  target: BatchTarget,
  slices: readonly RowSlice[],
  index: number,
  rows: number,
  info: PageInfo,
): void {
  info.encoding = ENCODING.double;
  info.width = 8;
  target.reserve(rows * 8);
  let out = target.position >> 3;
  for (const slice of slices) {
    const { values: source } = slice.batch.column(index) as DoubleColumn;
    const count = sliceRows(slice);
    const chosen = slice.rows;
    for (let i = 0; i < count; i++) target.f64[out + i] = source[chosen === null ? i : chosen[i]!]!;
    out += count;
  }
  target.position += rows * 8;
}

/** Writes booleans, a byte each. */
export function writeBooleans(
  target: BatchTarget,
  slices: readonly RowSlice[],
  index: number,
  rows: number,
  info: PageInfo,
): void {
  info.encoding = ENCODING.boolean;
  info.width = 1;
  target.reserve(rows);
  let out = target.position;
  for (const slice of slices) {
    const { values: source } = slice.batch.column(index) as BooleanColumn;
    const count = sliceRows(slice);
    const chosen = slice.rows;
    for (let i = 0; i < count; i++) target.bytes[out + i] = source[chosen === null ? i : chosen[i]!]!;
    out += count;
  }
  target.position += rows;
}

/** Writes uuids, 16 bytes each. */
export function writeUuids(
  target: BatchTarget,
  slices: readonly RowSlice[],
  index: number,
  rows: number,
  info: PageInfo,
): void {
  info.encoding = ENCODING.uuid;
  info.width = 16;
  target.reserve(rows * 16);
  for (const slice of slices) {
    const { data } = slice.batch.column(index) as UuidColumn;
    const count = sliceRows(slice);
    if (data.length < slice.batch.rows * 16)
      throw damaged(`column ${index}: ${data.length} bytes are too few for ${slice.batch.rows} uuids`);
    if (slice.rows === null) target.bytes.set(data.subarray(0, count * 16), target.position);
    else copyUuids(data, slice.rows, target);
    target.position += count * 16;
  }
}

function copyUuids(data: Uint8Array, rows: Uint32Array, target: BatchTarget): void {
  const count = rows.length;
  if ((data.byteOffset & 3) !== 0) {
    for (let i = 0, o = target.position; i < count; i++, o += 16)
      target.bytes.set(data.subarray(rows[i]! * 16, rows[i]! * 16 + 16), o);
    return;
  }
  const words = new Uint32Array(data.buffer, data.byteOffset, data.length >> 2);
  const to = target.u32;
  for (let i = 0, o = target.position >> 2; i < count; i++, o += 4) {
    const from = rows[i]! * 4;
    to[o] = words[from]!;
    to[o + 1] = words[from + 1]!;
    to[o + 2] = words[from + 2]!;
    to[o + 3] = words[from + 3]!;
  }
}
