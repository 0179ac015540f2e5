/** to_char. */
import { Decimal, decimalOf, parseDecimal } from '../decimal.js';
import { formatNumber, readNumberFormat } from '../format/number.js';
import { timeFormat } from '../format/time.js';
import type { SqlType } from '../plan.js';
import { evaluationError } from '../value.js';
import type { Int, Value } from '../value.js';
import { define } from './registry.js';
import type { Evaluate, FunctionDefinition } from './registry.js';

/** Significant digits of a double that PostgreSQL formats. */
const DOUBLE_DIGITS = 15;

/** A double with as many digits after the point as the pattern wants and 15 significant ones allow. */
function doubleDigits(value: number, after: number): Decimal {
  if (!Number.isFinite(value)) throw evaluationError('to_char of NaN or infinity is not supported');
  const before = Math.abs(value).toFixed(0).length;
  const digits = before >= DOUBLE_DIGITS ? 0 : Math.min(after, DOUBLE_DIGITS - before);
  const text = Math.abs(value) < 1e21 ? value.toFixed(digits) : BigInt(Math.round(value)).toString();
  return parseDecimal(text)!;
}

function formatter(type: SqlType): (pattern: string) => Evaluate {
  switch (type) {
    case 'timestamptz':
    case 'timestamp':
      return (pattern) => timeFormat(pattern, type === 'timestamptz');
    case 'numeric':
      return (pattern) => {
        const format = readNumberFormat(pattern);
        return (value: Decimal) => formatNumber(format, value);
      };
    case 'double precision':
      return (pattern) => {
        const format = readNumberFormat(pattern);
        return (value: number) => formatNumber(format, doubleDigits(value, format.after));
      };
    default:
      return (pattern) => {
        const format = readNumberFormat(pattern);
        return (value: Int) => formatNumber(format, decimalOf(value));
      };
  }
}

const TYPES: readonly SqlType[] = ['timestamptz', 'timestamp', 'integer', 'bigint', 'numeric', 'double precision'];

/** to_char, by type. */
export const formatFunctions: readonly FunctionDefinition[] = TYPES.map((type) => {
  const compile = formatter(type);
  return define('to_char', [type, 'text'], 'text', (value: Value, pattern: string) => compile(pattern)(value), {
    fails: true,
    prepare: ([, pattern]: readonly (Value | undefined)[]) => (typeof pattern === 'string' ? compile(pattern) : undefined),
  });
});
