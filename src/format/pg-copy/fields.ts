/** The fields of one column in all rows: how long they are, then what they are. */
import { isNull, type Codes, type Column } from '../../event/columns.js';
import type { ColumnType } from '../../event/schema.js';
import { eachField, type FieldTarget } from './field-target.js';
import { writeIntegers } from './integers.js';

/** `decimal` as `numeric`: digits, weight, sign, scale and six digits, 2 bytes each. */
const NUMERIC_BYTES = 20;
/** What an array has before its items, and one without any. */
const ARRAY_BYTES = 20;
const EMPTY_ARRAY_BYTES = 12;
/** PostgreSQL's number for `text`. */
const TEXT_OID = 25;
/** From here on a copy by the engine is quicker than ours. */
const LONG_BYTES = 64;

/** Adds to each row's length that of its field in this column, without the 4 bytes that say it. */
export function addLengths(column: Column, type: ColumnType, rows: Uint32Array | null, lengths: Uint32Array): void {
  const { nulls } = column;
  const lengthOf = lengthBy(column, type);
  for (let i = 0; i < lengths.length; i++) {
    const row = rows === null ? i : rows[i]!;
    if (!isNull(nulls, row)) lengths[i]! += typeof lengthOf === 'number' ? lengthOf : lengthOf(row);
  }
}

function lengthBy(column: Column, type: ColumnType): number | ((row: number) => number) {
  switch (column.kind) {
    case 'uuid':
      return 16;
    case 'integer':
      return type === 'decimal' ? NUMERIC_BYTES : 8;
    case 'double':
      return 8;
    case 'boolean':
      return 1;
    case 'bytes': {
      const { offsets } = column;
      const before = type === 'json' ? 1 : 0;
      return (row) => before + offsets[row + 1]! - offsets[row]!;
    }
    case 'dictionary': {
      const { offsets } = column.dictionary;
      const { codes } = column;
      return (row) => offsets[codes[row]! + 1]! - offsets[codes[row]!]!;
    }
    case 'list': {
      const { offsets, codes } = column;
      const ends = column.dictionary.offsets;
      return (row) => arrayBytes(offsets, row, (item) => ends[codes[item]! + 1]! - ends[codes[item]!]!);
    }
    case 'bytesList': {
      const { offsets } = column;
      const ends = column.items.offsets;
      return (row) => arrayBytes(offsets, row, (item) => ends[item + 1]! - ends[item]!);
    }
  }
}

function arrayBytes(offsets: Uint32Array, row: number, lengthOf: (item: number) => number): number {
  if (offsets[row] === offsets[row + 1]) return EMPTY_ARRAY_BYTES;
  let bytes = ARRAY_BYTES;
  for (let item = offsets[row]!; item < offsets[row + 1]!; item++) bytes += 4 + lengthOf(item);
  return bytes;
}

/** Writes this column's field of each row. */
export function writeFields(column: Column, type: ColumnType, target: FieldTarget): void {
  switch (column.kind) {
    case 'uuid':
      return eachField(column, target, (row, at) => copyText(target, at, column.data, row * 16, row * 16 + 16));
    case 'integer':
      return writeIntegers(column, type, target);
    case 'double':
      return eachField(column, target, (row, at) => {
        target.view.setInt32(at, 8);
        target.view.setFloat64(at + 4, column.values[row]!);
        return at + 12;
      });
    case 'boolean':
      return eachField(column, target, (row, at) => {
        target.view.setInt32(at, 1);
        target.data[at + 4] = column.values[row]!;
        return at + 5;
      });
    case 'bytes': {
      const { data, offsets } = column;
      const copy = type === 'json' ? copyJson : copyText;
      return eachField(column, target, (row, at) => copy(target, at, data, offsets[row]!, offsets[row + 1]!));
    }
    case 'dictionary': {
      const { codes } = column;
      const { data, offsets } = column.dictionary;
      return eachField(column, target, (row, at) =>
        copyText(target, at, data, offsets[codes[row]!]!, offsets[codes[row]! + 1]!),
      );
    }
    case 'list':
      return writeLists(column, target, column.dictionary, column.codes);
    case 'bytesList':
      return writeLists(column, target, column.items, null);
  }
}

/** Texts one after the other; `codes` says which text an item is, null: its own. */
interface Texts {
  readonly data: Uint8Array;
  readonly offsets: Uint32Array;
}

function writeLists(
  column: Column & { readonly offsets: Uint32Array },
  target: FieldTarget,
  { data, offsets: ends }: Texts,
  codes: Codes | null,
): void {
  const { view } = target;
  const { offsets } = column;
  eachField(column, target, (row, start) => {
    const from = offsets[row]!;
    const count = offsets[row + 1]! - from;
    // Dimensions, whether there are nulls, type of the items; for the dimension: length, first index.
    view.setInt32(start + 4, count === 0 ? 0 : 1);
    view.setInt32(start + 8, 0);
    view.setInt32(start + 12, TEXT_OID);
    let at = start + 4 + EMPTY_ARRAY_BYTES;
    if (count > 0) {
      view.setInt32(at, count);
      view.setInt32(at + 4, 1);
      at += 8;
      for (let item = from; item < from + count; item++) {
        const text = codes === null ? item : codes[item]!;
        at = copyText(target, at, data, ends[text]!, ends[text + 1]!);
      }
    }
    view.setInt32(start, at - start - 4);
    return at;
  });
}

function copyText({ data, view }: FieldTarget, at: number, source: Uint8Array, from: number, to: number): number {
  view.setInt32(at, to - from);
  return copyBytes(data, at + 4, source, from, to);
}

function copyJson({ data, view }: FieldTarget, at: number, source: Uint8Array, from: number, to: number): number {
  view.setInt32(at, to - from + 1);
  data[at + 4] = 1;
  return copyBytes(data, at + 5, source, from, to);
}

function copyBytes(data: Uint8Array, at: number, source: Uint8Array, from: number, to: number): number {
  if (to - from > LONG_BYTES) data.set(source.subarray(from, to), at);
  else for (let i = from, j = at; i < to; i++, j++) data[j] = source[i]!;
  return at + to - from;
}
