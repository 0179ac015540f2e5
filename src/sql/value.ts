/**
 * How SQL values are held in JavaScript: the same in the evaluator, in generated kernels (which
 * add one shape, see `generate.ts`) and in tests.
 *
 * | SQL type | value |
 * |---|---|
 * | any | `null` is NULL |
 * | boolean | `true`, `false` |
 * | smallint, integer | a number |
 * | bigint | *canonical integer*: a number while |v| <= 2^53 - 1, else a bigint |
 * | double precision | a number; NaN equals NaN and is the largest, as in PostgreSQL |
 * | real | a number that 32 bits hold |
 * | numeric | `Decimal`: a bigint of units and a display scale |
 * | text, json | a string; json as it was written |
 * | jsonb | its text as PostgreSQL prints it: keys in order, each once, one space behind `:` and `,` |
 * | uuid | its text, lower case, with dashes |
 * | timestamptz | ms since 1970-01-01 UTC; microseconds are thousandths, rounded to 0.001 |
 * | timestamp | the same for the wall clock's reading |
 * | date | days since 1970-01-01 |
 * | time | ms since midnight, 24:00 included |
 * | interval | `Interval` |
 * | bytea | `Uint8Array` |
 * | arrays | an array of the items' values and nulls |
 */
import { MillraceError } from '../util/errors.js';
import type { Decimal } from './decimal.js';

/** A canonical integer: a number while it is safe, else a bigint. `<`, `>`, `===` just work. */
export type Int = number | bigint;

/** Months, days and milliseconds apart, as PostgreSQL keeps them. */
export interface Interval {
  readonly months: number;
  readonly days: number;
  readonly ms: number;
}

/** A SQL value. */
export type Value = Item | readonly Item[];

/** A SQL value that is no array. */
export type Item = null | boolean | number | bigint | string | Decimal | Interval | Uint8Array;

/** An error of a row's data, in PostgreSQL's words: the row goes to the late stream with it. */
export function evaluationError(message: string): MillraceError {
  return new MillraceError('SQL_RUNTIME', message);
}

const SAFE = BigInt(Number.MAX_SAFE_INTEGER);

/** The canonical integer of a bigint. */
export function intOf(value: bigint): Int {
  return value <= SAFE && value >= -SAFE ? Number(value) : value;
}

const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

function checked(value: bigint): Int {
  if (value > INT64_MAX || value < INT64_MIN) throw evaluationError('bigint out of range');
  return intOf(value);
}

/** bigint + bigint. */
export function addInt(a: Int, b: Int): Int {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b;
    if (Number.isSafeInteger(sum)) return sum;
  }
  return checked(BigInt(a) + BigInt(b));
}

/** bigint - bigint. */
export function subtractInt(a: Int, b: Int): Int {
  if (typeof a === 'number' && typeof b === 'number') {
    const difference = a - b;
    if (Number.isSafeInteger(difference)) return difference;
  }
  return checked(BigInt(a) - BigInt(b));
}

/** bigint * bigint. */
export function multiplyInt(a: Int, b: Int): Int {
  if (typeof a === 'number' && typeof b === 'number') {
    const product = a * b;
    if (Number.isSafeInteger(product)) return product + 0;
  }
  return checked(BigInt(a) * BigInt(b));
}

/** bigint / bigint, truncated towards zero. */
export function divideInt(a: Int, b: Int): Int {
  if (b === 0) throw evaluationError('division by zero');
  if (typeof a === 'number' && typeof b === 'number') return Math.trunc(a / b) + 0;
  return checked(BigInt(a) / BigInt(b));
}

/** bigint % bigint: the sign is the dividend's. */
export function moduloInt(a: Int, b: Int): Int {
  if (b === 0) throw evaluationError('division by zero');
  if (typeof a === 'number' && typeof b === 'number') return (a % b) + 0;
  return intOf(BigInt(a) % BigInt(b));
}

/** -bigint. */
export function negateInt(a: Int): Int {
  return typeof a === 'number' ? 0 - a : checked(-a);
}

/** A bigint checked to fit SQL's bigint. */
export function int64Of(value: bigint): Int {
  return checked(value);
}

/** A number or bigint checked to fit SQL's integer. */
export function int32Of(value: Int): number {
  if (value > 2147483647 || value < -2147483648) throw evaluationError('integer out of range');
  return Number(value);
}

/** A number checked to fit SQL's smallint. */
export function int16Of(value: Int): number {
  if (value > 32767 || value < -32768) throw evaluationError('smallint out of range');
  return Number(value);
}

const encoder = new TextEncoder();

/** How many UTF-8 bytes a text takes. */
export function byteLength(text: string): number {
  return encoder.encode(text).length;
}

/** Text order by code point, which is UTF-8 byte order: the collation C. */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    // A surrogate stands for a code point above every single unit.
    const xs = x >= 0xd800 && x < 0xe000;
    const ys = y >= 0xd800 && y < 0xe000;
    if (xs !== ys) return xs ? 1 : -1;
    return x - y;
  }
  return a.length - b.length;
}

/** Double order: NaN is equal to itself and above everything. */
export function compareDouble(a: number, b: number): number {
  if (a < b) return -1;
  if (a > b) return 1;
  if (a === b) return 0;
  if (Number.isNaN(a)) return Number.isNaN(b) ? 0 : 1;
  return -1;
}

/** Byte order. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
}

/** Interval order: a month counts 30 days, a day 24 hours. */
export function compareInterval(a: Interval, b: Interval): number {
  const days = (a.months - b.months) * 30 + (a.days - b.days);
  const ms = days * 86_400_000 + (a.ms - b.ms);
  return ms < 0 ? -1 : ms > 0 ? 1 : 0;
}

/** a + b of any size: for scaled numerics, which have no bounds. */
export function addWide(a: Int, b: Int): Int {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b;
    if (Number.isSafeInteger(sum)) return sum;
  }
  return intOf(BigInt(a) + BigInt(b));
}

/** a - b of any size. */
export function subtractWide(a: Int, b: Int): Int {
  if (typeof a === 'number' && typeof b === 'number') {
    const difference = a - b;
    if (Number.isSafeInteger(difference)) return difference;
  }
  return intOf(BigInt(a) - BigInt(b));
}

/** a * b of any size. */
export function multiplyWide(a: Int, b: Int): Int {
  if (typeof a === 'number' && typeof b === 'number') {
    const product = a * b;
    if (Number.isSafeInteger(product)) return product + 0;
  }
  return intOf(BigInt(a) * BigInt(b));
}
