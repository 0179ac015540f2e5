/** From numeric to the other numbers, with PostgreSQL's errors. */
import { decimalToInt, powerOfTen } from '../decimal.js';
import type { Decimal } from '../decimal.js';
import { evaluationError, int16Of, int32Of } from '../value.js';
import type { Int } from '../value.js';
import { parseDouble } from './number-text.js';

const INT64 = 1n << 63n;

/** A numeric beyond 64 bits is out of the range of the type that is wanted. */
function wholeOf(a: Decimal, type: string): Int {
  const whole = a.units / powerOfTen(a.scale);
  if (whole > INT64 || whole < -INT64) throw evaluationError(`${type} out of range`);
  return decimalToInt(a);
}

/** The casts, by the type that is wanted. */
export const castDecimal = {
  smallint: (a: Decimal): number => int16Of(wholeOf(a, 'smallint')),
  integer: (a: Decimal): number => int32Of(wholeOf(a, 'integer')),
  bigint: decimalToInt,
  real: (a: Decimal): number => parseDouble(a.toString(), 'real', Math.fround),
} as const;
