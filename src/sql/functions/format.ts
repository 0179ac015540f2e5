/** to_char. */
import { absoluteDecimal, compareDecimal, Decimal, decimalOf, roundDecimal, subtractDecimal } from '../decimal.js';
import { intervalFormat } from '../format/interval.js';
import { formatNumber, readNumberFormat } from '../format/number.js';
import { romanFormat } from '../format/roman.js';
import { timeFormat } from '../format/time.js';
import type { SqlType } from '../plan.js';
import { evaluationError } from '../value.js';
import type { Int, Value } from '../value.js';
import { roundHalfEven } from './number-text.js';
import { atRunTime, define } from './registry.js';
import type { Evaluate, EvaluateValues, FunctionDefinition } from './registry.js';

/** Significant digits of a double that PostgreSQL formats. */
const DOUBLE_DIGITS = 15;

/** A double's exact value: mantissa times a power of two. */
function exactDecimal(value: number): Decimal {
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, value);
  const raw = bits.getBigUint64(0);
  const field = Number((raw >> 52n) & 0x7ffn);
  const fraction = raw & 0xfffffffffffffn;
  const mantissa = (field === 0 ? fraction : fraction | (1n << 52n)) * (value < 0 ? -1n : 1n);
  const exponent = (field === 0 ? 1 : field) - 1075;
  if (exponent >= 0) return new Decimal(mantissa << BigInt(exponent), 0);
  return new Decimal(mantissa * 5n ** BigInt(-exponent), -exponent);
}

/** `printf("%.*f")`: half to even, exactly. */
function printed(value: Decimal, digits: number): Decimal {
  const rounded = roundDecimal(value, digits);
  const isTie = compareDecimal(absoluteDecimal(subtractDecimal(rounded, value)), new Decimal(5n, digits + 1)) === 0;
  if (!isTie || rounded.units % 2n === 0n) return rounded;
  return new Decimal(rounded.units - (rounded.units < 0n ? -1n : 1n), rounded.scale);
}

/** A double with as many digits after the point as the pattern wants and 15 significant ones allow. */
function doubleDigits(value: number, after: number): Decimal {
  if (!Number.isFinite(value)) throw evaluationError('to_char of NaN or infinity is not supported');
  const exact = exactDecimal(value);
  const before = printed(absoluteDecimal(exact), 0).toString().length;
  return printed(exact, before >= DOUBLE_DIGITS ? 0 : Math.min(after, DOUBLE_DIGITS - before));
}

function formatter(type: SqlType): (pattern: string) => Evaluate {
  switch (type) {
    case 'timestamptz':
    case 'timestamp':
      return (pattern) => timeFormat(pattern, type === 'timestamptz');
    case 'interval':
      return intervalFormat as (pattern: string) => Evaluate;
    case 'numeric':
      return numberFormatter((value: Decimal) => value);
    case 'double precision':
      return (pattern) => {
        const roman = romanFormat(pattern);
        if (roman !== undefined) return (value: number) => roman(roundHalfEven(value));
        const format = readNumberFormat(pattern);
        return (value: number) => {
          const digits = doubleDigits(value, format.after);
          return formatNumber(format, digits, digits.scale, value < 0 || Object.is(value, -0));
        };
      };
    default:
      return numberFormatter((value: Int) => decimalOf(value));
  }
}

/** Formats numbers that are decimals, or become one. */
function numberFormatter<T extends Value>(toDecimal: (value: T) => Decimal): (pattern: string) => Evaluate {
  return (pattern) => {
    const roman = romanFormat(pattern);
    if (roman !== undefined) return (value: T) => roman(Number(roundDecimal(toDecimal(value), 0).units));
    const format = readNumberFormat(pattern);
    return (value: T) => formatNumber(format, toDecimal(value));
  };
}

const TYPES: readonly SqlType[] = [
  'timestamptz',
  'timestamp',
  'interval',
  'integer',
  'bigint',
  'numeric',
  'double precision',
];

/** to_char, by type. */
export const formatFunctions: readonly FunctionDefinition[] = TYPES.map((type) => {
  const compile = formatter(type);
  return define(
    'to_char',
    [type, 'text'],
    'text',
    atRunTime((value: Value, pattern: string) => (compile(pattern) as EvaluateValues)(value)),
    {
      fails: true,
      prepare: ([, pattern]: readonly (Value | undefined)[]) =>
        typeof pattern === 'string' ? compile(pattern) : undefined,
    },
  );
});
