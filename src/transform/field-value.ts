/**
 * A value of JSON or of a file as the value of a column: the table of `event/rows.ts`, and a number
 * or a boolean where a text is wanted.
 */
import type { ColumnType } from '../event/schema.js';
import { parseUuid } from '../event/uuid.js';
import { parseDecimal } from '../sql/decimal.js';
import type { Value } from '../sql/value.js';

const INT64_MAX = 2n ** 63n - 1n;
const scratch = new Uint8Array(16);

/** The value for the column's builder; undefined when the column can't hold it. */
export function fieldValue(type: ColumnType, value: unknown): Value | undefined {
  if (value === null || value === undefined) return null;
  switch (type) {
    case 'string':
    case 'dictionary':
      if (typeof value === 'string') return value;
      return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
    case 'boolean':
      return booleanOf(value);
    case 'double':
      return numberOf(value);
    case 'int64':
      return integerOf(value);
    case 'decimal':
      if (typeof value === 'string' || (typeof value === 'number' && Number.isFinite(value)))
        return parseDecimal(typeof value === 'number' ? plain(value) : value.trim());
      return undefined;
    case 'timestamp':
      return timeOf(value);
    case 'uuid':
      return typeof value === 'string' && parseUuid(value, scratch, 0) ? value : undefined;
    case 'list':
      return Array.isArray(value) && value.every((item) => typeof item === 'string') ? (value as string[]) : undefined;
    case 'bytes':
      return typeof value === 'string' ? new Uint8Array(Buffer.from(value, 'base64')) : undefined;
    case 'json':
      return JSON.stringify(value);
  }
}

/** A number as text without an exponent, to the millionth: what a decimal holds. */
function plain(value: number): string {
  const text = String(value);
  return text.includes('e') ? value.toFixed(6) : text;
}

function booleanOf(value: unknown): boolean | undefined {
  if (typeof value === 'boolean') return value;
  if (value === 'true' || value === 'false') return value === 'true';
  return undefined;
}

function numberOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string' || value.trim() === '') return undefined;
  const number = Number(value);
  return Number.isNaN(number) ? undefined : number;
}

function integerOf(value: unknown): Value | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value : undefined;
  if (typeof value !== 'string' || !/^\s*-?\d{1,19}\s*$/.test(value)) return undefined;
  const integer = BigInt(value);
  return integer <= INT64_MAX && integer >= -INT64_MAX - 1n ? integer : undefined;
}

function timeOf(value: unknown): number | undefined {
  const ms = typeof value === 'string' && !/^-?\d+$/.test(value) ? Date.parse(value) : Number(value);
  return typeof value !== 'boolean' && Number.isSafeInteger(Math.floor(ms)) ? Math.floor(ms) : undefined;
}
