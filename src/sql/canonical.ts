import { Decimal, parseDecimal } from './decimal.js';
import { intOf } from './value.js';
import { isList, isObject, parseDocument, printDocument } from './json/document.js';
import type { Document } from './json/document.js';
import type { Interval, Item, Value } from './value.js';
import type { Expression, ScalarType, SqlType } from './plan.js';
import { isArray, itemOf } from './types.js';
import { staticScale } from './scale.js';

/**
 * `canonicalText` for an expression's values. Numerics that all have one scale keep it, so that a key
 * of `round(cost, 2)` shows as 1.50.
 */
export function canonicalOf(expression: Expression): (value: NonNullable<Value>) => string {
  if (expression.type === 'numeric' && staticScale(expression) !== undefined) return String;
  return (value) => canonicalText(value, expression.type);
}

/** A text that is the same for values that SQL calls equal, and for no others of the type. */
export function canonicalText(value: NonNullable<Value>, type: SqlType): string {
  if (type === 'jsonb') return printDocument(canonicalDocument(parseDocument(value as string)));
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return Object.is(value, -0) ? '0' : String(value);
  if (value instanceof Decimal) return trimmed(value).toString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (type === 'interval') return canonicalInterval(value as Interval);
  if (isArray(type)) return canonicalArray(value as readonly Item[], itemOf(type));
  return String(value);
}

/** Items as a JSON array of their canonical texts. */
function canonicalArray(items: readonly Item[], type: ScalarType): string {
  return JSON.stringify(items.map((item) => (item === null ? null : canonicalText(item, type))));
}

/** Numbers in jsonb are equal by value: 1.0 is 1. */
function canonicalDocument(document: Document): Document {
  if (document instanceof Decimal) return trimmed(document);
  if (isList(document)) return document.map(canonicalDocument);
  if (!isObject(document)) return document;
  return new Map([...document].map(([key, value]) => [key, canonicalDocument(value)]));
}

/** The value that `canonicalText` stands for. */
export function valueOfText(text: string, type: SqlType): Value {
  switch (type) {
    case 'boolean':
      return text === 'true';
    case 'bigint':
      return intOf(BigInt(text));
    case 'smallint':
    case 'integer':
    case 'real':
    case 'double precision':
    case 'timestamptz':
    case 'timestamp':
    case 'date':
    case 'time':
      return Number(text);
    case 'numeric':
      return parseDecimal(text)!;
    case 'bytea':
      return new Uint8Array(Buffer.from(text, 'hex'));
    case 'interval':
      return JSON.parse(text) as Interval;
    default:
      return isArray(type) ? arrayOfText(text, itemOf(type)) : text;
  }
}

function arrayOfText(text: string, type: ScalarType): Value {
  const items = JSON.parse(text) as (string | null)[];
  return items.map((item) => (item === null ? null : (valueOfText(item, type) as Item)));
}

/** Equal decimals may differ in scale: 1.50 and 1.5. */
function trimmed(value: Decimal): Decimal {
  let { units, scale } = value;
  while (scale > 0 && units % 10n === 0n) {
    units /= 10n;
    scale--;
  }
  return new Decimal(units, scale);
}

/** A month counts 30 days, a day 24 hours. */
function canonicalInterval(value: Interval): string {
  const days = value.months * 30 + value.days;
  return JSON.stringify({ months: 0, days: 0, ms: days * 86_400_000 + value.ms });
}
