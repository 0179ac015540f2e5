import { Decimal, parseDecimal } from '../../sql/decimal.js';
import { intOf } from '../../sql/value.js';
import type { Interval, Value } from '../../sql/value.js';
import type { Expression, SqlType } from '../../sql/plan.js';
import { staticScale } from '../../sql/scale.js';

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
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return Object.is(value, -0) ? '0' : String(value);
  if (value instanceof Decimal) return trimmed(value).toString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (type === 'interval') return canonicalInterval(value as Interval);
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** The value that `canonicalText` stands for. */
export function valueOfText(text: string, type: SqlType): Value {
  switch (type) {
    case 'boolean':
      return text === 'true';
    case 'bigint':
      return intOf(BigInt(text));
    case 'integer':
    case 'double precision':
    case 'timestamptz':
    case 'timestamp':
    case 'date':
      return Number(text);
    case 'numeric':
      return parseDecimal(text)!;
    case 'bytea':
      return new Uint8Array(Buffer.from(text, 'hex'));
    case 'interval':
    case 'text[]':
      return JSON.parse(text) as Value;
    default:
      return text;
  }
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
