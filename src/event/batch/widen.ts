/** Old columns read as what the schema says today; see `schema-compare.ts` for what is possible. */
import { MillraceError } from '../../util/errors.js';
import type { BytesColumn, Column, DictionaryColumn, UuidColumn } from '../columns.js';
import { Dictionary } from '../dictionary.js';
import type { ColumnType } from '../schema.js';
import { uuidText } from '../uuid.js';

/** Columns are only read, so those without an entry share one. */
const NOTHING = new Dictionary();

/** A column in which every row is null: one that was added later. */
export function allNull(type: ColumnType, rows: number): Column {
  const nulls = new Uint8Array((rows + 7) >> 3).fill(255);
  switch (type) {
    case 'uuid':
      return { kind: 'uuid', nulls, data: new Uint8Array(rows * 16) };
    case 'int64':
    case 'decimal':
    case 'timestamp':
      return { kind: 'integer', nulls, base: 0n, width: 0, deltas: new Uint8Array(0) };
    case 'double':
      return { kind: 'double', nulls, values: new Float64Array(rows) };
    case 'boolean':
      return { kind: 'boolean', nulls, values: new Uint8Array(rows) };
    case 'string':
    case 'bytes':
    case 'json':
      return { kind: 'bytes', nulls, offsets: new Uint32Array(rows + 1), data: new Uint8Array(0) };
    case 'dictionary':
      return { kind: 'dictionary', nulls, codes: new Uint8Array(rows), dictionary: NOTHING };
    case 'list':
      return {
        kind: 'list',
        nulls,
        offsets: new Uint32Array(rows + 1),
        codes: new Uint8Array(0),
        dictionary: NOTHING,
      };
  }
}

/** `column`, written as `from`, as type `to`. */
export function widen(column: Column, from: ColumnType, to: ColumnType, rows: number): Column {
  if (to === 'dictionary' && from === 'string') return column;
  if (to === 'string' && from === 'json') return column;
  if (to === 'string' && column.kind === 'bytes') return column;
  if (to === 'string' && column.kind === 'dictionary') return textOfCodes(column, rows);
  if (to === 'string' && column.kind === 'uuid') return textOfUuids(column, rows);
  throw new MillraceError('SCHEMA_INCOMPATIBLE', `rows written as ${from} cannot be read as ${to}`);
}

function textOfCodes(column: DictionaryColumn, rows: number): BytesColumn {
  const { dictionary, codes, nulls } = column;
  const offsets = new Uint32Array(rows + 1);
  for (let row = 0; row < rows; row++) {
    const isNull = nulls !== null && ((nulls[row >> 3]! >> (row & 7)) & 1) === 1;
    const length = isNull ? 0 : dictionary.offsets[codes[row]! + 1]! - dictionary.offsets[codes[row]!]!;
    offsets[row + 1] = offsets[row]! + length;
  }
  const data = new Uint8Array(offsets[rows]!);
  for (let row = 0; row < rows; row++)
    if (offsets[row + 1]! > offsets[row]!) data.set(dictionary.bytesOf(codes[row]!), offsets[row]!);
  return { kind: 'bytes', nulls, offsets, data };
}

function textOfUuids(column: UuidColumn, rows: number): BytesColumn {
  const offsets = Uint32Array.from({ length: rows + 1 }, (_, row) => row * 36);
  const data = new Uint8Array(rows * 36);
  const encoder = new TextEncoder();
  for (let row = 0; row < rows; row++) encoder.encodeInto(uuidText(column.data, row * 16), data.subarray(row * 36));
  return { kind: 'bytes', nulls: column.nulls, offsets, data };
}
