/**
 * Rows of batches into a new batch in memory. Writers need neither: `encodeAttached` and the
 * Parquet writer take row slices. Dictionaries are shared where a column has only one, else the
 * entries in use are interned into a new one.
 */
import { MillraceError } from '../util/errors.js';
import {
  batchOf,
  type BytesColumn,
  type BytesListColumn,
  type Codes,
  type Column,
  type ColumnBatch,
  type DictionaryColumn,
  type IntegerColumn,
  type ListColumn,
} from './columns.js';
import { mayHaveNulls, paddedBits, sliceRows, totalRows, writeNulls, type RowSlice } from './batch/slices.js';
import { Dictionary } from './dictionary.js';
import { integerAt, integersFrom, numbersInto } from './integers.js';
import { takeRows } from './take-rows.js';

/** The rows at `rows`, in that order. */
export function gather(batch: ColumnBatch, rows: ArrayLike<number>): ColumnBatch {
  const chosen = rows instanceof Uint32Array ? rows : Uint32Array.from(rows);
  const columns = batch.schema.columns.map((_, index) => takeRows(batch.column(index), chosen));
  return batchOf(batch.schema, chosen.length, columns);
}

/** All rows of `batches`, one batch after the other. They share a schema. */
export function concat(batches: readonly ColumnBatch[]): ColumnBatch {
  if (batches.length === 1) return batches[0]!;
  return gatherSlices(batches.map((batch) => ({ batch, rows: null })));
}

/** The rows of slices as one batch. */
export function gatherSlices(slices: readonly RowSlice[]): ColumnBatch {
  const schema = slices[0]?.batch.schema;
  if (schema === undefined) throw new MillraceError('BATCH_INVALID', 'no batches to gather from');
  const rows = totalRows(slices);
  const columns = schema.columns.map((_, index) => gatherColumn(slices, index, rows));
  return batchOf(schema, rows, columns);
}

/** Calls `visit` with each row's batch column and position, in order. */
function eachRow(
  slices: readonly RowSlice[],
  index: number,
  visit: (column: Column, row: number, out: number) => void,
): void {
  let out = 0;
  for (const slice of slices) {
    const column = slice.batch.column(index);
    const count = sliceRows(slice);
    for (let i = 0; i < count; i++) visit(column, slice.rows === null ? i : slice.rows[i]!, out++);
  }
}

function gatherColumn(slices: readonly RowSlice[], index: number, rows: number): Column {
  const nulls = gatherNulls(slices, index, rows);
  const kinds = new Set(slices.map((slice) => slice.batch.column(index).kind));
  if (kinds.has('bytes')) return gatherBytes(slices, index, rows, nulls);
  if (kinds.has('bytesList')) return gatherBytesList(slices, index, rows, nulls);
  const first = slices[0]!.batch.column(index);
  switch (first.kind) {
    case 'uuid': {
      const data = new Uint8Array(rows * 16);
      eachRow(slices, index, (column, row, out) =>
        data.set((column as typeof first).data.subarray(row * 16, row * 16 + 16), out * 16),
      );
      return { kind: 'uuid', nulls, data };
    }
    case 'integer':
      return gatherIntegers(slices, index, rows, nulls, first);
    case 'double': {
      const values = new Float64Array(rows);
      eachRow(slices, index, (column, row, out) => (values[out] = (column as typeof first).values[row]!));
      return { kind: 'double', nulls, values };
    }
    case 'boolean': {
      const values = new Uint8Array(rows);
      eachRow(slices, index, (column, row, out) => (values[out] = (column as typeof first).values[row]!));
      return { kind: 'boolean', nulls, values };
    }
    case 'dictionary':
      return gatherCodes(slices, index, rows, nulls);
    default:
      return gatherList(slices, index, rows, nulls);
  }
}

function gatherNulls(slices: readonly RowSlice[], index: number, rows: number): Uint8Array | null {
  if (!mayHaveNulls(slices, index)) return null;
  const nulls = new Uint8Array(paddedBits(rows));
  return writeNulls(nulls, 0, slices, index, rows) ? nulls : null;
}

function isSet(nulls: Uint8Array | null, row: number): boolean {
  return nulls !== null && ((nulls[row >> 3]! >> (row & 7)) & 1) === 1;
}

function gatherIntegers(
  slices: readonly RowSlice[],
  index: number,
  rows: number,
  nulls: Uint8Array | null,
  first: IntegerColumn,
): IntegerColumn {
  const same = slices.every((slice) => {
    const column = slice.batch.column(index) as IntegerColumn;
    return column.base === first.base && column.width === first.width;
  });
  if (same && first.width === 0) return { ...first, nulls };
  if (!same) return rebased(slices, index, rows, nulls) ?? bigintsOf(slices, index, nulls);
  const width = first.width;
  const deltas =
    width === 1
      ? new Uint8Array(rows)
      : width === 2
        ? new Uint16Array(rows)
        : new Uint32Array(width === 8 ? rows * 2 : rows);
  eachRow(slices, index, (column, row, out) => {
    const from = (column as IntegerColumn).deltas;
    if (width !== 8) deltas[out] = from[row]!;
    else {
      deltas[out * 2] = from[row * 2]!;
      deltas[out * 2 + 1] = from[row * 2 + 1]!;
    }
  });
  return { kind: 'integer', nulls, base: first.base, width, deltas };
}

/** Integers of several bases that are all near each other, as times are: without a bigint a row. Else null. */
function rebased(
  slices: readonly RowSlice[],
  index: number,
  rows: number,
  nulls: Uint8Array | null,
): IntegerColumn | null {
  const values = new Float64Array(rows);
  let out = 0;
  for (const slice of slices) {
    const column = slice.batch.column(index) as IntegerColumn;
    const count = sliceRows(slice);
    if (column.width === 8 || !Number.isSafeInteger(Number(column.base))) return null;
    numbersInto(column, slice.rows, count, values.subarray(out, out + count));
    out += count;
  }
  let min = Infinity;
  let max = -Infinity;
  for (let row = 0; row < rows; row++) {
    if (isSet(nulls, row)) continue;
    const value = values[row]!;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  if (min > max || max - min > 0xffff_ffff || !Number.isSafeInteger(min) || !Number.isSafeInteger(max)) return null;
  const deltas = new Uint32Array(rows);
  for (let row = 0; row < rows; row++) if (!isSet(nulls, row)) deltas[row] = values[row]! - min;
  return { kind: 'integer', nulls, base: BigInt(min), width: 4, deltas };
}

function bigintsOf(slices: readonly RowSlice[], index: number, nulls: Uint8Array | null): IntegerColumn {
  const values: bigint[] = [];
  eachRow(slices, index, (column, row, out) =>
    values.push(isSet(nulls, out) ? 0n : integerAt(column as IntegerColumn, row)),
  );
  return integersFrom(values, nulls);
}

function gatherCodes(slices: readonly RowSlice[], index: number, rows: number, nulls: Uint8Array | null): Column {
  const dictionary = sharedDictionary(slices, index);
  const codes = new Uint16Array(rows);
  if (dictionary !== undefined) {
    eachRow(slices, index, (column, row, out) => (codes[out] = (column as DictionaryColumn).codes[row]!));
    return { kind: 'dictionary', nulls, codes, dictionary };
  }
  return mergedCodes(slices, index, codes, nulls) ?? gatherBytes(slices, index, rows, nulls);
}

/** Codes of several dictionaries as codes of one: an entry is looked for once a dictionary, not once a row. */
function mergedCodes(
  slices: readonly RowSlice[],
  index: number,
  codes: Uint16Array,
  nulls: Uint8Array | null,
): DictionaryColumn | null {
  const merged = new Dictionary();
  const known = new Map<Dictionary, Int32Array>();
  let out = 0;
  for (const slice of slices) {
    const { dictionary, codes: from } = slice.batch.column(index) as DictionaryColumn;
    let table = known.get(dictionary);
    if (table === undefined) known.set(dictionary, (table = new Int32Array(dictionary.size).fill(-1)));
    const count = sliceRows(slice);
    for (let i = 0; i < count; i++, out++) {
      if (isSet(nulls, out)) continue;
      const code = from[slice.rows === null ? i : slice.rows[i]!]!;
      let own = table[code]!;
      if (own < 0) own = table[code] = merged.intern(dictionary.bytesOf(code));
      if (own < 0) return null;
      codes[out] = own;
    }
  }
  return { kind: 'dictionary', nulls, codes, dictionary: merged };
}

function sharedDictionary(slices: readonly RowSlice[], index: number): Dictionary | undefined {
  const { dictionary } = slices[0]!.batch.column(index) as DictionaryColumn | ListColumn;
  return slices.every((slice) => (slice.batch.column(index) as DictionaryColumn).dictionary === dictionary)
    ? dictionary
    : undefined;
}

function bytesAt(column: Column, row: number): Uint8Array {
  if (column.kind === 'dictionary') return column.dictionary.bytesOf(column.codes[row]!);
  const { data, offsets } = column as BytesColumn;
  return data.subarray(offsets[row], offsets[row + 1]);
}

/** Bytes, and codes as the bytes that they stand for. */
function gatherBytes(slices: readonly RowSlice[], index: number, rows: number, nulls: Uint8Array | null): BytesColumn {
  const offsets = new Uint32Array(rows + 1);
  let out = 0;
  for (const slice of slices) {
    const { codes, offsets: from } = textsOf(slice.batch.column(index));
    const count = sliceRows(slice);
    for (let i = 0; i < count; i++, out++) {
      const row = slice.rows === null ? i : slice.rows[i]!;
      const entry = codes === null ? row : codes[row]!;
      offsets[out + 1] = offsets[out]! + (isSet(nulls, out) ? 0 : from[entry + 1]! - from[entry]!);
    }
  }
  const data = new Uint8Array(offsets[rows]!);
  out = 0;
  for (const slice of slices) {
    const { codes, offsets: from, data: source } = textsOf(slice.batch.column(index));
    const count = sliceRows(slice);
    for (let i = 0; i < count; i++, out++) {
      const row = slice.rows === null ? i : slice.rows[i]!;
      const start = from[codes === null ? row : codes[row]!]!;
      const at = offsets[out]!;
      const length = offsets[out + 1]! - at;
      if (length > COPY_BYTES_MAX) data.set(source.subarray(start, start + length), at);
      else for (let byte = 0; byte < length; byte++) data[at + byte] = source[start + byte]!;
    }
  }
  return { kind: 'bytes', nulls, offsets, data };
}

/** Shorter texts are copied byte by byte: a view of them costs more. */
const COPY_BYTES_MAX = 128;

function textsOf(column: Column): { codes: Codes | null; offsets: Uint32Array; data: Uint8Array } {
  if (column.kind !== 'dictionary') return { codes: null, ...(column as BytesColumn) };
  const { offsets, data } = column.dictionary;
  return { codes: column.codes, offsets, data };
}

function joined(parts: readonly Uint8Array[], rows: number, nulls: Uint8Array | null): BytesColumn {
  const offsets = new Uint32Array(rows + 1);
  parts.forEach((part, i) => (offsets[i + 1] = offsets[i]! + part.length));
  const data = new Uint8Array(offsets[rows]!);
  parts.forEach((part, i) => data.set(part, offsets[i]!));
  return { kind: 'bytes', nulls, offsets, data };
}

function gatherList(slices: readonly RowSlice[], index: number, rows: number, nulls: Uint8Array | null): Column {
  const shared = sharedDictionary(slices, index);
  const dictionary = shared ?? new Dictionary();
  const offsets = new Uint32Array(rows + 1);
  const codes: number[] = [];
  eachRow(slices, index, (column, row, out) => {
    const list = column as ListColumn;
    for (let item = list.offsets[row]!; item < list.offsets[row + 1]!; item++)
      codes.push(
        shared !== undefined ? list.codes[item]! : dictionary.intern(list.dictionary.bytesOf(list.codes[item]!)),
      );
    offsets[out + 1] = codes.length;
  });
  if (codes.includes(-1)) return gatherBytesList(slices, index, rows, nulls);
  return { kind: 'list', nulls, offsets, codes: Uint16Array.from(codes), dictionary };
}

function gatherBytesList(
  slices: readonly RowSlice[],
  index: number,
  rows: number,
  nulls: Uint8Array | null,
): BytesListColumn {
  const offsets = new Uint32Array(rows + 1);
  const parts: Uint8Array[] = [];
  eachRow(slices, index, (column, row, out) => {
    const list = column as ListColumn | BytesListColumn;
    for (let item = list.offsets[row]!; item < list.offsets[row + 1]!; item++)
      parts.push(list.kind === 'list' ? list.dictionary.bytesOf(list.codes[item]!) : bytesAt(list.items, item));
    offsets[out + 1] = parts.length;
  });
  return { kind: 'bytesList', nulls, offsets, items: joined(parts, parts.length, null) };
}
