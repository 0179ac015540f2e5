/**
 * Numbers, uuids, times and base64 as ASCII, straight into bytes: by tables of four digits, two hex
 * digits, two base64 letters. All functions write at `view[at]`, answer where they ended, and may
 * write up to 4 bytes behind that.
 */
import type { IntegerColumn } from '../../event/columns.js';
import { decimalText } from '../../event/decimal.js';
import { integerAt } from '../../event/integers.js';
import { putString } from './text.js';

const ZERO = 0x30;
const MINUS = 0x2d;
const POINT = 0x2e;
const QUOTE = 0x22;
const COLON = 0x3a;

/** Four digits by number below 10,000, the first in the lowest byte. */
const DIGITS = Int32Array.from({ length: 10_000 }, (_, n) => {
  const digit = (power: number) => ZERO + (Math.floor(n / power) % 10);
  return digit(1000) | (digit(100) << 8) | (digit(10) << 16) | (digit(1) << 24);
});

/** Two hex digits by byte. */
const HEX = Uint16Array.from({ length: 256 }, (_, byte) => pair(byte.toString(16).padStart(2, '0')));

const BASE64_LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
/** Two letters by 12 bits. */
const BASE64 = Uint16Array.from({ length: 4096 }, (_, bits) =>
  pair(BASE64_LETTERS[bits >> 6]! + BASE64_LETTERS[bits & 63]!),
);

function pair(text: string): number {
  return text.charCodeAt(0) | (text.charCodeAt(1) << 8);
}

/** Most bytes of an integer: a sign, 19 digits, quotes. */
export const INTEGER_BYTES_MAX = 24;
/** Most bytes of a decimal: a sign, 13 digits, a point, 6 digits, quotes. */
export const DECIMAL_BYTES_MAX = 28;
/** Most bytes of a time: a year of six digits and a sign, quotes. */
export const TIME_BYTES_MAX = 32;
/** Most bytes of a double as JavaScript prints it. */
export const DOUBLE_BYTES_MAX = 28;

function putSmall(view: DataView, at: number, value: number): number {
  const digits = value < 10 ? 1 : value < 100 ? 2 : value < 1000 ? 3 : 4;
  view.setInt32(at, DIGITS[value]! >>> (32 - digits * 8), true);
  return at + digits;
}

function putEight(view: DataView, at: number, value: number): number {
  const high = (value / 10_000) | 0;
  view.setInt32(at, DIGITS[high]!, true);
  view.setInt32(at + 4, DIGITS[value - high * 10_000]!, true);
  return at + 8;
}

/** A safe integer that is not negative. */
function putUnsigned(view: DataView, at: number, value: number): number {
  if (value < 10_000) return putSmall(view, at, value);
  if (value < 100_000_000) {
    const high = (value / 10_000) | 0;
    const next = putSmall(view, at, high);
    view.setInt32(next, DIGITS[value - high * 10_000]!, true);
    return next + 4;
  }
  // Below 2^53 the quotient is never rounded up to the next whole number: 10^-8 is more than half of its last bit.
  const high = Math.floor(value / 100_000_000);
  return putEight(view, putUnsigned(view, at, high), value - high * 100_000_000);
}

/** A safe integer. */
export function putInteger(view: DataView, at: number, value: number): number {
  if (value >= 0) return putUnsigned(view, at, value);
  view.setUint8(at, MINUS);
  return putUnsigned(view, at + 1, -value);
}

/** Millionths, a safe integer, as a decimal: "1.230000". */
export function putDecimal(view: DataView, at: number, value: number): number {
  let millionths = value;
  if (value < 0) {
    view.setUint8(at++, MINUS);
    millionths = -value;
  }
  // Never rounded up either: 10^-6 is more than half of the last bit of a quotient below 2^34.
  const whole = Math.floor(millionths / 1_000_000);
  const rest = millionths - whole * 1_000_000;
  const point = putUnsigned(view, at, whole);
  const high = (rest / 10_000) | 0;
  view.setUint8(point, POINT);
  view.setInt16(point + 1, DIGITS[high]! >> 16, true);
  view.setInt32(point + 3, DIGITS[rest - high * 10_000]!, true);
  return point + 7;
}

/** The value of a column that may not be safe: NaN when it isn't. */
export function safeNumberAt(column: IntegerColumn, row: number): number {
  if (column.width === 8 && column.base === 0n) {
    const high = column.deltas[row * 2 + 1]! | 0;
    const value = high * 4_294_967_296 + column.deltas[row * 2]!;
    return Number.isSafeInteger(value) ? value : NaN;
  }
  const value = Number(integerAt(column, row));
  return Number.isSafeInteger(value) ? value : NaN;
}

/** An integer of any size: a string of its digits where no number holds it. */
export function putWideInteger(view: DataView, at: number, column: IntegerColumn, row: number): number {
  const value = safeNumberAt(column, row);
  return Number.isNaN(value) ? putString(view, at, `"${integerAt(column, row)}"`) : putInteger(view, at, value);
}

/** A decimal of any size. */
export function putWideDecimal(view: DataView, at: number, column: IntegerColumn, row: number): number {
  const value = safeNumberAt(column, row);
  return Number.isNaN(value) ? putString(view, at, decimalText(integerAt(column, row))) : putDecimal(view, at, value);
}

/** A time of any size as ISO 8601. */
export function putWideTime(view: DataView, at: number, column: IntegerColumn, row: number): number {
  const value = safeNumberAt(column, row);
  return Number.isNaN(value) ? putString(view, at, `"${integerAt(column, row)}"`) : putTime(view, at, value);
}

/** JSON of a double; null where it has none (NaN, infinities). */
export function putDouble(view: DataView, at: number, value: number): number {
  if (Number.isSafeInteger(value)) return putInteger(view, at, value);
  const text = Number.isFinite(value) ? String(value) : 'null';
  for (let i = 0; i < text.length; i++) view.setUint8(at + i, text.charCodeAt(i));
  return at + text.length;
}

const DAY_MS = 86_400_000;
/** Of 0000-03-01, with which the days of `putDate` start, and of 10000-01-01. */
const FIRST_DAY = -719_468;
const YEAR_0_DAY = -719_528;
const YEAR_10000_DAY = 2_932_897;

/**
 * ms since 1970 in quotes: "2026-01-31T23:59:59.999Z", with six digits of a year outside of 0 to
 * 9999. What `Date` can't hold (beyond 8.64e15) stays a number.
 */
export function putTime(view: DataView, at: number, ms: number): number {
  const day = Math.floor(ms / DAY_MS);
  if (day < YEAR_0_DAY || day >= YEAR_10000_DAY)
    return Math.abs(ms) > 8.64e15 ? putInteger(view, at, ms) : putString(view, at, `"${new Date(ms).toISOString()}"`);
  const inDay = ms - day * DAY_MS;
  const seconds = (inDay / 1000) | 0;
  const minutes = (seconds / 60) | 0;
  const hours = (minutes / 60) | 0;
  // Back to front: two and three digits are written as the end of four.
  view.setInt32(at + 20, DIGITS[inDay - seconds * 1000]!, true);
  view.setInt32(at + 16, DIGITS[seconds - minutes * 60]!, true);
  view.setInt32(at + 13, DIGITS[minutes - hours * 60]!, true);
  view.setInt32(at + 10, DIGITS[hours]!, true);
  putDate(view, at + 1, day);
  view.setUint8(at, QUOTE);
  view.setUint8(at + 11, 0x54);
  view.setUint8(at + 14, COLON);
  view.setUint8(at + 17, COLON);
  view.setUint8(at + 20, POINT);
  view.setInt16(at + 24, 0x225a, true);
  return at + 26;
}

/** `YYYY-MM-DD` of a day since 1970; after Hinnant, "chrono-compatible low-level date algorithms". */
function putDate(view: DataView, at: number, day: number): void {
  const days = day - FIRST_DAY;
  const era = Math.floor(days / 146_097);
  const ofEra = days - era * 146_097;
  const yearOfEra = ((ofEra - ((ofEra / 1460) | 0) + ((ofEra / 36_524) | 0) - ((ofEra / 146_096) | 0)) / 365) | 0;
  const ofYear = ofEra - (365 * yearOfEra + (yearOfEra >> 2) - ((yearOfEra / 100) | 0));
  const shifted = ((5 * ofYear + 2) / 153) | 0;
  const month = shifted < 10 ? shifted + 3 : shifted - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  view.setInt32(at + 6, DIGITS[ofYear - (((153 * shifted + 2) / 5) | 0) + 1]!, true);
  view.setInt32(at + 3, DIGITS[month]!, true);
  view.setInt32(at, DIGITS[year]!, true);
  view.setUint8(at + 4, MINUS);
  view.setUint8(at + 7, MINUS);
}

/** The 36 characters of the uuid at `source[from]`. */
export function putUuid(view: DataView, at: number, source: Uint8Array, from: number): number {
  view.setUint16(at, HEX[source[from]!]!, true);
  view.setUint16(at + 2, HEX[source[from + 1]!]!, true);
  view.setUint16(at + 4, HEX[source[from + 2]!]!, true);
  view.setUint16(at + 6, HEX[source[from + 3]!]!, true);
  view.setUint8(at + 8, MINUS);
  view.setUint16(at + 9, HEX[source[from + 4]!]!, true);
  view.setUint16(at + 11, HEX[source[from + 5]!]!, true);
  view.setUint8(at + 13, MINUS);
  view.setUint16(at + 14, HEX[source[from + 6]!]!, true);
  view.setUint16(at + 16, HEX[source[from + 7]!]!, true);
  view.setUint8(at + 18, MINUS);
  view.setUint16(at + 19, HEX[source[from + 8]!]!, true);
  view.setUint16(at + 21, HEX[source[from + 9]!]!, true);
  view.setUint8(at + 23, MINUS);
  for (let i = 0; i < 6; i++) view.setUint16(at + 24 + i * 2, HEX[source[from + 10 + i]!]!, true);
  return at + 36;
}

/** Base64 with padding of `source[from .. to]`: four letters for every three bytes. */
export function putBase64(view: DataView, at: number, source: Uint8Array, from: number, to: number): number {
  let i = from;
  for (; i + 3 <= to; i += 3, at += 4) {
    const bits = (source[i]! << 16) | (source[i + 1]! << 8) | source[i + 2]!;
    view.setUint16(at, BASE64[bits >> 12]!, true);
    view.setUint16(at + 2, BASE64[bits & 4095]!, true);
  }
  if (i === to) return at;
  const second = i + 1 < to ? source[i + 1]! : 0;
  const bits = (source[i]! << 16) | (second << 8);
  view.setUint16(at, BASE64[bits >> 12]!, true);
  view.setUint16(at + 2, BASE64[bits & 4095]!, true);
  if (i + 1 === to) view.setUint8(at + 2, 0x3d);
  view.setUint8(at + 3, 0x3d);
  return at + 4;
}
