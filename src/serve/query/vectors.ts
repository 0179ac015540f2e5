/**
 * Values of a result as Arrow and Parquet hold them: little-endian numbers, bytes with offsets, bits.
 *
 *   | type | vector |
 *   |---|---|
 *   | boolean | bits |
 *   | integer, date (days since 1970) | 4 bytes |
 *   | bigint, timestamps and time (microseconds) | 8 bytes |
 *   | double precision | 8 bytes |
 *   | numeric | 16 bytes, scaled integer of the type's scale |
 *   | text, uuid, json, interval | UTF-8 with offsets; bytea its bytes |
 *   | lists | offsets into a vector of the items |
 */
import type { DuckDBValue } from '@duckdb/node-api';
import { duckdb } from '../../io/duckdb.js';
import { MillraceError } from '../../util/errors.js';
import { typeOf, type Type, type TypeName } from './types.js';

const {
  DuckDBBlobValue,
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBListValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBTimeValue,
} = duckdb();

/** Values of one column of some rows. */
export interface Vector {
  readonly rows: number;
  readonly nulls: number;
  /** A bit a row, lowest first: 1 where there is a value; empty when there is everywhere. */
  readonly valid: Uint8Array;
  readonly values: Values;
}

/** What a vector holds. */
export type Values =
  | { readonly kind: 'bits'; readonly bits: Uint8Array }
  | { readonly kind: 'int32'; readonly numbers: Int32Array }
  | { readonly kind: 'int64'; readonly numbers: BigInt64Array }
  | { readonly kind: 'double'; readonly numbers: Float64Array }
  /** Two words a value, the lower first. */
  | { readonly kind: 'int128'; readonly words: BigUint64Array }
  | { readonly kind: 'bytes'; readonly offsets: Int32Array; readonly data: Uint8Array }
  | { readonly kind: 'list'; readonly offsets: Int32Array; readonly items: Vector };

/** The type of a list's items; null for other types. */
export function itemType(type: Type): Type | null {
  return type.name.endsWith('[]') ? typeOf(type.name.slice(0, -2) as TypeName) : null;
}

/** Bytes of a vector, about. */
export function bytesOf({ valid, values }: Vector): number {
  switch (values.kind) {
    case 'bits':
      return valid.length + values.bits.length;
    case 'bytes':
      return valid.length + values.offsets.byteLength + values.data.length;
    case 'list':
      return valid.length + values.offsets.byteLength + bytesOf(values.items);
    case 'int128':
      return valid.length + values.words.byteLength;
    default:
      return valid.length + values.numbers.byteLength;
  }
}

/** Makes a vector of DuckDB's values. */
export function vectorOf(values: readonly (DuckDBValue | undefined)[], type: Type): Vector {
  const rows = values.length;
  let nulls = 0;
  const bits = new Uint8Array((rows + 7) >> 3);
  for (let row = 0; row < rows; row++) {
    if (values[row] === null || values[row] === undefined) nulls += 1;
    else bits[row >> 3]! |= 1 << (row & 7);
  }
  return { rows, nulls, valid: nulls === 0 ? new Uint8Array(0) : bits, values: valuesOf(values, type) };
}

function valuesOf(values: readonly (DuckDBValue | undefined)[], type: Type): Values {
  const isThere = (row: number): boolean => values[row] !== null && values[row] !== undefined;
  switch (type.name) {
    case 'boolean': {
      const bits = new Uint8Array((values.length + 7) >> 3);
      values.forEach((value, row) => (bits[row >> 3]! |= value === true ? 1 << (row & 7) : 0));
      return { kind: 'bits', bits };
    }
    case 'integer':
    case 'date':
      return { kind: 'int32', numbers: Int32Array.from(values, (value, row) => (isThere(row) ? dayOf(value) : 0)) };
    case 'bigint':
    case 'timestamptz':
    case 'timestamp':
    case 'time':
      return {
        kind: 'int64',
        numbers: BigInt64Array.from(values, (value, row) => (isThere(row) ? int64Of(value) : 0n)),
      };
    case 'double precision':
      return { kind: 'double', numbers: Float64Array.from(values, (value) => Number(value ?? 0)) };
    case 'numeric': {
      const words = new BigUint64Array(values.length * 2);
      for (const [row, value] of values.entries()) {
        if (!isThere(row)) continue;
        const scaled = scaledOf(value, type.scale);
        words[row * 2] = BigInt.asUintN(64, scaled);
        words[row * 2 + 1] = BigInt.asUintN(64, scaled >> 64n);
      }
      return { kind: 'int128', words };
    }
    case 'text[]':
    case 'bigint[]':
    case 'double precision[]':
      return listsOf(values, itemType(type)!);
    default:
      return bytesValues(values);
  }
}

function dayOf(value: DuckDBValue | undefined): number {
  return value instanceof DuckDBDateValue ? value.days : Number(value);
}

function int64Of(value: DuckDBValue | undefined): bigint {
  if (value instanceof DuckDBTimestampTZValue || value instanceof DuckDBTimestampValue) return value.micros;
  if (value instanceof DuckDBTimeValue) return value.micros;
  return BigInt(value as number | bigint);
}

/** A number times ten to the scale. What the engine computed with fewer digits gets zeros; none are cut. */
function scaledOf(value: DuckDBValue | undefined, scale: number): bigint {
  const [number, has] =
    value instanceof DuckDBDecimalValue ? [value.value, value.scale] : [BigInt(value as number | bigint), 0];
  if (has > scale)
    throw new MillraceError('INTERNAL', `a numeric has ${has} digits after the point, and its type ${scale}`);
  return number * 10n ** BigInt(scale - has);
}

function listsOf(values: readonly (DuckDBValue | undefined)[], type: Type): Values {
  const offsets = new Int32Array(values.length + 1);
  const items: DuckDBValue[] = [];
  values.forEach((value, row) => {
    if (value instanceof DuckDBListValue) for (const item of value.items) items.push(item);
    offsets[row + 1] = items.length;
  });
  return { kind: 'list', offsets, items: vectorOf(items, type) };
}

const encoder = new TextEncoder();

function bytesValues(values: readonly (DuckDBValue | undefined)[]): Values {
  const offsets = new Int32Array(values.length + 1);
  const parts: Uint8Array[] = [];
  let length = 0;
  values.forEach((value, row) => {
    if (value !== null && value !== undefined) {
      const bytes = value instanceof DuckDBBlobValue ? value.bytes : encoder.encode(String(value));
      parts.push(bytes);
      length += bytes.length;
    }
    offsets[row + 1] = length;
  });
  const data = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    data.set(part, at);
    at += part.length;
  }
  return { kind: 'bytes', offsets, data };
}
