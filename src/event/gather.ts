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
  type Column,
  type ColumnBatch,
  type DictionaryColumn,
  type IntegerColumn,
  type ListColumn,
} from './columns.js';
import { mayHaveNulls, paddedBits, sliceRows, totalRows, writeNulls, type RowSlice } from './batch/slices.js';
import { Dictionary } from './dictionary.js';
import { integerAt, integersFrom } from './integers.js';
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
  if (!same || first.width === 0) {
    const values: bigint[] = [];
    eachRow(slices, index, (column, row, out) =>
      values.push(isSet(nulls, out) ? 0n : integerAt(column as IntegerColumn, row)),
    );
    return same ? { ...first, nulls } : integersFrom(values, nulls);
  }
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

function gatherCodes(slices: readonly RowSlice[], index: number, rows: number, nulls: Uint8Array | null): Column {
  const dictionary = sharedDictionary(slices, index);
  const codes = new Uint16Array(rows);
  if (dictionary !== undefined) {
    eachRow(slices, index, (column, row, out) => (codes[out] = (column as DictionaryColumn).codes[row]!));
    return { kind: 'dictionary', nulls, codes, dictionary };
  }
  const merged = new Dictionary();
  let full = false;
  eachRow(slices, index, (column, row, out) => {
    if (full || isSet(nulls, out)) return;
    const code = merged.intern(
      (column as DictionaryColumn).dictionary.bytesOf((column as DictionaryColumn).codes[row]!),
    );
    if (code < 0) full = true;
    else codes[out] = code;
  });
  return full ? gatherBytes(slices, index, rows, nulls) : { kind: 'dictionary', nulls, codes, dictionary: merged };
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

function gatherBytes(slices: readonly RowSlice[], index: number, rows: number, nulls: Uint8Array | null): BytesColumn {
  const parts: Uint8Array[] = [];
  eachRow(slices, index, (column, row, out) => parts.push(isSet(nulls, out) ? EMPTY : bytesAt(column, row)));
  return joined(parts, rows, nulls);
}

const EMPTY = new Uint8Array(0);

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
