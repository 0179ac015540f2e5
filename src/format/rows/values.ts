/** Single values as columns hold them: what is accepted, and how a fault names what is not. */
import { parseDecimal } from '../../event/decimal.js';
import type { ColumnDefinition, ColumnType } from '../../event/schema.js';
import { MillraceError } from '../../util/errors.js';

const EXPECTED: Record<ColumnType, string> = {
  uuid: 'a uuid of 36 characters, in a string',
  string: 'a string',
  dictionary: 'a string',
  list: 'a list of strings',
  bytes: 'a Uint8Array, or base64 in a string',
  int64: 'a 64-bit integer, as a number, a bigint or a decimal string',
  double: 'a number',
  decimal: 'a number with at most 13 digits before and 6 behind the point, as a number or a decimal string',
  timestamp: 'whole ms since 1970, an ISO 8601 time in a string, or a Date',
  boolean: 'true or false',
  json: 'a value that JSON has a text for',
};

/** The fault of a value that a column can't hold. */
export function wrongValue({ name, type }: ColumnDefinition, value: unknown): MillraceError {
  return new MillraceError('EVENT_TYPE', `'${name}': expected ${EXPECTED[type]}, found ${preview(value)}`, {
    place: name,
  });
}

/** The fault of a null where none may be. */
export function missingValue({ name, type }: ColumnDefinition): MillraceError {
  return new MillraceError('EVENT_FIELD_MISSING', `'${name}' is missing; expected ${EXPECTED[type]}`, { place: name });
}

/** A value in a message: short, whatever it is. */
export function preview(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'an object';
  return typeof value === 'function' ? 'a function' : String(value);
}

/** The text of a `string` or `dictionary`; undefined when it has none. */
export function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint'
    ? String(value)
    : undefined;
}

/** JSON of a value; undefined when there is none (functions, cycles, bigints). */
export function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    // Cycles and bigints throw; they are the row's fault like any other value without a text.
    return undefined;
  }
}

/** A `double`; undefined when it is none. */
export function doubleOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  const number =
    typeof value === 'string' && value.trim() !== '' ? Number(value) : typeof value === 'bigint' ? Number(value) : NaN;
  return Number.isNaN(number) ? undefined : number;
}

/**
 * An `int64`, `timestamp` or `decimal` as it is stored: a number when it is a safe integer, else a
 * bigint; undefined when it is none.
 */
export function integerOf(type: ColumnType, value: unknown): number | bigint | undefined {
  if (type === 'decimal') return decimalOf(value);
  if (typeof value === 'number') {
    if (Number.isSafeInteger(value)) return value;
    return Number.isInteger(value) ? fitting(BigInt(value)) : undefined;
  }
  if (typeof value === 'bigint') return fitting(value);
  if (type === 'timestamp' && value instanceof Date) return timeOf(value.getTime());
  if (typeof value !== 'string') return undefined;
  // Times beyond 2^53 are read as their digits.
  if (type === 'timestamp' && !/^-?\d{16,19}$/.test(value)) return timeOf(Date.parse(value));
  return /^-?\d{1,19}$/.test(value) ? fitting(BigInt(value)) : undefined;
}

function timeOf(ms: number): number | undefined {
  return Number.isNaN(ms) ? undefined : ms;
}

function fitting(value: bigint): bigint | undefined {
  return BigInt.asIntN(64, value) === value ? value : undefined;
}

function decimalOf(value: unknown): number | bigint | undefined {
  if (typeof value === 'bigint') return fitting(value * 1_000_000n);
  if (typeof value === 'number') {
    const millionths = value * 1_000_000;
    const nearest = Math.round(millionths);
    // Close to the middle between two only the exact digits can say which is nearer.
    if (Math.abs(nearest) < 2 ** 46 && Math.abs(millionths - nearest) < 0.45) return nearest;
    return parseDecimal(value.toFixed(6));
  }
  return typeof value === 'string' ? (shortDecimal(value) ?? parseDecimal(value)) : undefined;
}

/** `-12.5` in millionths, for up to 9 digits before the point; undefined where `parseDecimal` must look. */
function shortDecimal(text: string): number | undefined {
  const negative = text.charCodeAt(0) === 0x2d;
  const start = negative ? 1 : 0;
  let value = 0;
  let point = -1;
  for (let i = start; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x2e && point < 0) point = i;
    else if (code >= 0x30 && code <= 0x39) value = value * 10 + (code - 0x30);
    else return undefined;
  }
  const whole = (point < 0 ? text.length : point) - start;
  const behind = point < 0 ? 0 : text.length - point - 1;
  if (whole < 1 || whole > 9 || behind > 6 || (point >= 0 && behind < 1)) return undefined;
  const millionths = value * 10 ** (6 - behind);
  return negative ? -millionths : millionths;
}

/** The bytes of a `bytes` value; undefined when it has none. */
export function bytesOf(value: unknown): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value;
  return typeof value === 'string' && /^[A-Za-z0-9+/_-]*={0,2}$/.test(value) ? Buffer.from(value, 'base64') : undefined;
}

/** The texts of a `list`; undefined when it is none. */
export function listOf(value: unknown): string[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const texts: string[] = [];
  for (const item of value) {
    const text = textOf(item);
    if (text === undefined) return undefined;
    texts.push(text);
  }
  return texts;
}
