/** Single values in aggregate states: as bytes, as a key, in an order without ties, and how much they take. */
import { Decimal } from '../decimal.js';
import { compareOf } from '../functions/compare.js';
import type { ArrayType, ScalarType, SqlType } from '../plan.js';
import { arrayOf, isArray, isComparable, itemOf, SCALAR_TYPES, SQL_TYPES } from '../types.js';
import { compareText, intOf } from '../value.js';
import type { Interval, Item, Value } from '../value.js';
import type { ByteReader, ByteWriter } from '../../util/bytes.js';

/** Largest number that `ByteWriter.integer` takes as a number. */
const SMALL = 2 ** 50;

/** Writes an integer of any size. */
export function writeInteger(value: number | bigint, writer: ByteWriter): void {
  writer.integer(typeof value === 'number' && Math.abs(value) >= SMALL ? BigInt(value) : value);
}

/** Writes a value of `type`: a byte 0 for NULL, else 1 and the value. */
export function writeValue(value: Value, type: SqlType, writer: ByteWriter): void {
  writer.byte(value === null ? 0 : 1);
  if (value !== null) writeParts(value, type, writer);
}

function writeParts(value: NonNullable<Value>, type: SqlType, writer: ByteWriter): void {
  if (value instanceof Decimal) {
    writer.unsigned(value.scale);
    writer.integer(value.units);
  } else if (value instanceof Uint8Array) writer.block(value);
  else if (typeof value === 'string') writer.text(value);
  else if (typeof value === 'boolean') writer.byte(Number(value));
  else if (type === 'bigint') writeInteger(value as number | bigint, writer);
  else if (typeof value === 'number') writer.double(value);
  else if (type === 'interval') writeInterval(value as Interval, writer);
  else writeItems(value as readonly Item[], itemOf(type as ArrayType), writer);
}

function writeInterval({ months, days, ms }: Interval, writer: ByteWriter): void {
  writer.double(months);
  writer.double(days);
  writer.double(ms);
}

function writeItems(items: readonly Item[], type: ScalarType, writer: ByteWriter): void {
  writer.unsigned(items.length);
  for (const item of items) writeValue(item, type, writer);
}

function readItems(type: ScalarType, reader: ByteReader): readonly Item[] {
  return Array.from({ length: reader.unsigned() }, () => readValue(type, reader) as Item);
}

/** Reads what `writeValue` wrote. */
export function readValue(type: SqlType, reader: ByteReader): Value {
  if (reader.byte() === 0) return null;
  switch (type) {
    case 'numeric': {
      const scale = reader.unsigned();
      return new Decimal(reader.integer(), scale);
    }
    case 'bytea':
      return reader.block().slice();
    case 'text':
    case 'uuid':
    case 'json':
    case 'jsonb':
      return reader.text();
    case 'boolean':
      return reader.byte() === 1;
    case 'bigint':
      return intOf(reader.integer());
    case 'interval':
      return { months: reader.double(), days: reader.double(), ms: reader.double() };
    default:
      return isArray(type) ? readItems(itemOf(type), reader) : reader.double();
  }
}

/** About how many bytes a value takes in memory. */
export function valueBytes(value: Value): number {
  if (typeof value === 'string') return 16 + value.length * 2;
  if (value === null || typeof value !== 'object') return 8;
  if (value instanceof Uint8Array) return 64 + value.length;
  if (value instanceof Decimal) return 56;
  if (!Array.isArray(value)) return 48;
  return (value as readonly Item[]).reduce<number>((sum, item) => sum + valueBytes(item), 32);
}

/** A text that tells apart all values of one type, even those that SQL calls equal: 1.0 and 1.00. */
export function exactKey(value: NonNullable<Value>): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value);
  if (typeof value !== 'object' || value instanceof Decimal) return String(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('latin1');
  if (Array.isArray(value))
    return JSON.stringify((value as readonly Item[]).map((item) => (item === null ? null : exactKey(item))));
  const { months, days, ms } = value as Interval;
  return `${months} ${days} ${ms}`;
}

/** SQL's order; values that it calls equal come in the order of how they are written, so that none are tied. */
export function totalOrder(type: SqlType): (a: NonNullable<Value>, b: NonNullable<Value>) => number {
  if (type === 'json') return (a, b) => compareText(a as string, b as string);
  const compare = compareOf(type);
  switch (type) {
    case 'numeric':
      return (a, b) => compare(a, b) || (a as Decimal).scale - (b as Decimal).scale;
    case 'real':
    case 'double precision':
      return (a, b) => compare(a, b) || Number(Object.is(b, -0)) - Number(Object.is(a, -0));
    case 'interval':
      return (a, b) =>
        compare(a, b) || (a as Interval).months - (b as Interval).months || (a as Interval).days - (b as Interval).days;
    default:
      // In arrays and in jsonb equal items may be written in several ways: 1.0 and 1.00.
      if (type !== 'jsonb' && !isArray(type)) return compare;
      return (a, b) => compare(a, b) || compareText(exactKey(a), exactKey(b));
  }
}

/** Types that `min` and `max` take. */
export const EXTREME_TYPES: readonly SqlType[] = [
  'smallint',
  'integer',
  'bigint',
  'numeric',
  'real',
  'double precision',
  'text',
  'timestamptz',
  'timestamp',
  'date',
  'time',
  'interval',
  'bytea',
  ...SCALAR_TYPES.filter(isComparable).map(arrayOf),
];

/** All types that have an order, for the ordered-set aggregates. */
export const ORDERED_TYPES: readonly SqlType[] = SQL_TYPES.filter(isComparable);
