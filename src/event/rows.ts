/**
 * Columns ↔ plain values, for tests, live tail, JSON answers and imports: never on a hot path.
 *
 * | type | value |
 * |---|---|
 * | uuid, string, dictionary | string |
 * | list | string[] |
 * | bytes | base64 string |
 * | int64 | number when it is safe, else a decimal string |
 * | double | number |
 * | decimal | string with six digits behind the point: "1.230000" |
 * | timestamp | number, ms since 1970 |
 * | boolean | boolean |
 * | json | the parsed value |
 *
 * Null is null. `batchFromRows` takes the same, and also bigint and number for int64 and decimal,
 * a Uint8Array for bytes, and an ISO 8601 text for timestamp.
 */
import { MillraceError } from '../util/errors.js';
import { batchOf, isNull, type BytesColumn, type Column, type ColumnBatch, type IntegerColumn } from './columns.js';
import { decimalText, parseDecimal } from './decimal.js';
import { Dictionary } from './dictionary.js';
import { constantInteger, integerAt, integersFrom } from './integers.js';
import type { ColumnDefinition, ColumnType, Schema } from './schema.js';
import { parseUuid, uuidText } from './uuid.js';

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** Row `row` by column name. Every column is there, null included. */
export function rowOf(batch: ColumnBatch, row: number): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  batch.schema.columns.forEach((column, index) => {
    values[column.name] = valueOf(batch.column(index), column.type, row);
  });
  return values;
}

/** One value; see the table above. */
export function valueOf(column: Column, type: ColumnType, row: number): unknown {
  if (isNull(column.nulls, row)) return null;
  switch (column.kind) {
    case 'uuid':
      return uuidText(column.data, row * 16);
    case 'integer':
      return integerValue(integerAt(column, row), type);
    case 'double':
      return column.values[row]!;
    case 'boolean':
      return column.values[row] === 1;
    case 'bytes':
      return bytesValue(column.data.subarray(column.offsets[row], column.offsets[row + 1]), type);
    case 'dictionary':
      return column.dictionary.stringOf(column.codes[row]!);
    case 'list':
      return Array.from(column.codes.subarray(column.offsets[row], column.offsets[row + 1]), (code) =>
        column.dictionary.stringOf(code),
      );
    case 'bytesList':
      return items(column.items, column.offsets[row]!, column.offsets[row + 1]!);
  }
}

/** A batch of `rows`; a missing value is null. Throws EVENT_TYPE or EVENT_FIELD_MISSING naming row and column. */
export function batchFromRows(schema: Schema, rows: readonly Readonly<Record<string, unknown>>[]): ColumnBatch {
  const columns = schema.columns.map((column, index) => {
    const values = rows.map((row) => row[column.name] ?? null);
    if (index === schema.roles.receivedAt && values.every((value) => value === null)) return constantInteger(0n);
    return columnFromValues(column, values);
  });
  return batchOf(schema, rows.length, columns);
}

function integerValue(value: bigint, type: ColumnType): unknown {
  if (type === 'decimal') return decimalText(value);
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}

function bytesValue(bytes: Uint8Array, type: ColumnType): unknown {
  if (type === 'bytes') return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
  const text = decoder.decode(bytes);
  return type === 'json' ? JSON.parse(text) : text;
}

function items(column: BytesColumn, from: number, to: number): string[] {
  const texts: string[] = [];
  for (let i = from; i < to; i++)
    texts.push(decoder.decode(column.data.subarray(column.offsets[i], column.offsets[i + 1])));
  return texts;
}

/** A column from values of the table above. */
export function columnFromValues(column: ColumnDefinition, values: readonly unknown[]): Column {
  const nulls = nullsOf(column, values);
  const wrong = (row: number, expected: string) =>
    new MillraceError(
      'EVENT_TYPE',
      `row ${row}, column '${column.name}': expected ${expected}, found ${JSON.stringify(values[row])}`,
      { place: column.name },
    );
  switch (column.type) {
    case 'uuid': {
      const data = new Uint8Array(values.length * 16);
      values.forEach((value, row) => {
        if (value !== null && !parseUuid(String(value), data, row * 16)) throw wrong(row, 'a uuid');
      });
      return { kind: 'uuid', nulls, data };
    }
    case 'int64':
    case 'timestamp':
    case 'decimal':
      return integers(column.type, values, nulls, wrong);
    case 'double':
      return { kind: 'double', nulls, values: Float64Array.from(values, (value) => Number(value ?? 0)) };
    case 'boolean':
      return { kind: 'boolean', nulls, values: Uint8Array.from(values, (value) => (value === true ? 1 : 0)) };
    case 'dictionary': {
      const dictionary = new Dictionary();
      const codes = Uint16Array.from(values, (value) => (value === null ? 0 : dictionary.internString(String(value))));
      return { kind: 'dictionary', nulls, codes, dictionary };
    }
    case 'list':
      return listColumn(values, nulls, wrong);
    case 'string':
      return bytesColumn(
        values.map((value) => encoder.encode(value === null ? '' : String(value))),
        nulls,
      );
    case 'json':
      return bytesColumn(
        values.map((value) => encoder.encode(value === null ? '' : JSON.stringify(value))),
        nulls,
      );
    case 'bytes':
      return bytesColumn(
        values.map((value) => (value instanceof Uint8Array ? value : Buffer.from(String(value ?? ''), 'base64'))),
        nulls,
      );
  }
}

function nullsOf(column: ColumnDefinition, values: readonly unknown[]): Uint8Array | null {
  if (!values.includes(null)) return null;
  if (!column.nullable)
    throw new MillraceError(
      'EVENT_FIELD_MISSING',
      `row ${values.indexOf(null)}: column '${column.name}' is missing and not nullable`,
      { place: column.name },
    );
  const nulls = new Uint8Array((values.length + 7) >> 3);
  values.forEach((value, row) => {
    if (value === null) nulls[row >> 3]! |= 1 << (row & 7);
  });
  return nulls;
}

type Wrong = (row: number, expected: string) => MillraceError;

function integers(type: ColumnType, values: readonly unknown[], nulls: Uint8Array | null, wrong: Wrong): IntegerColumn {
  return integersFrom(
    values.map((value, row) => {
      const parsed = value === null ? 0n : parseInteger(type, value);
      if (parsed === undefined || BigInt.asIntN(64, parsed) !== parsed)
        throw wrong(row, type === 'timestamp' ? 'ms since 1970 or an ISO 8601 time' : type);
      return parsed;
    }),
    nulls,
  );
}

function parseInteger(type: ColumnType, value: unknown): bigint | undefined {
  if (typeof value === 'bigint') return type === 'decimal' ? value * 1_000_000n : value;
  if (type === 'decimal') return parseDecimal(typeof value === 'number' ? value.toFixed(6) : String(value));
  if (typeof value === 'string' && type === 'timestamp') {
    const time = Date.parse(value);
    return Number.isNaN(time) ? undefined : BigInt(time);
  }
  const text = String(value);
  return /^-?\d{1,19}$/.test(text) ? BigInt(text) : undefined;
}

function bytesColumn(values: readonly Uint8Array[], nulls: Uint8Array | null): BytesColumn {
  const offsets = new Uint32Array(values.length + 1);
  values.forEach((bytes, row) => {
    offsets[row + 1] = offsets[row]! + bytes.length;
  });
  const data = new Uint8Array(offsets[values.length]!);
  values.forEach((bytes, row) => data.set(bytes, offsets[row]!));
  return { kind: 'bytes', nulls, offsets, data };
}

function listColumn(values: readonly unknown[], nulls: Uint8Array | null, wrong: Wrong): Column {
  const dictionary = new Dictionary();
  const offsets = new Uint32Array(values.length + 1);
  const codes: number[] = [];
  values.forEach((value, row) => {
    if (value !== null && !Array.isArray(value)) throw wrong(row, 'a list of strings');
    for (const item of (value as unknown[] | null) ?? []) codes.push(dictionary.internString(String(item)));
    offsets[row + 1] = codes.length;
  });
  return { kind: 'list', nulls, offsets, codes: Uint16Array.from(codes), dictionary };
}
