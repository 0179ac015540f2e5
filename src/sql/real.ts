/** PostgreSQL's `real`: a double that 32 bits hold. */
import { parseDecimal, significant } from './decimal.js';
import type { Decimal } from './decimal.js';
import { evaluationError } from './value.js';

/** The real nearest to a double; one that is too large or too small for 32 bits is an error. */
export function realOf(value: number): number {
  const real = Math.fround(value);
  if (!Number.isFinite(real) && Number.isFinite(value)) throw evaluationError('value out of range: overflow');
  if (real === 0 && value !== 0) throw evaluationError('value out of range: underflow');
  return real;
}

const floats = new Float32Array(1);
const floatBits = new Int32Array(floats.buffer);

/** The next real away from zero (`step` 1) or towards it (-1). */
function nextReal(value: number, step: 1 | -1): number {
  floats[0] = value;
  floatBits[0]! += step;
  return floats[0]!;
}

/** Whether a number is nearer to a real than to any other; halfway does not count (Ryu without its bounds). */
function readsBack(written: number, value: number): boolean {
  if (Math.fround(written) !== value) return false;
  return written === value || written !== (value + nextReal(value, Math.abs(written) > Math.abs(value) ? 1 : -1)) / 2;
}

/** Significant digits that tell any two reals apart. */
const DIGITS_MAX = 9;

/** So many digits of a value; of two that are as near, the even one, where JavaScript takes the larger. */
function evenDigits(value: number, digits: number): string {
  const rounded = value.toExponential(digits - 1);
  const longer = value.toExponential(digits);
  const [mantissa, exponent] = longer.split('e') as [string, string];
  const isTie = mantissa.endsWith('5') && Number(longer) === value && /[13579]$/.test(rounded.split('e')[0]!);
  if (!isTie) return rounded;
  const lower = `${mantissa.slice(0, -1)}e${exponent}`;
  return readsBack(Number(lower), value) ? lower : rounded;
}

/** A real as PostgreSQL prints it: the shortest digits that read back, `1e+06` from six digits on. */
export function realText(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity';
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  let digits = 1;
  while (digits < DIGITS_MAX && !readsBack(Number(value.toPrecision(digits)), value)) digits++;
  const [mantissa, exponentText] = evenDigits(value, digits).split('e') as [string, string];
  const exponent = Number(exponentText);
  if (exponent < -4 || exponent >= 6) {
    const size = String(Math.abs(exponent)).padStart(2, '0');
    return `${mantissa}e${exponent < 0 ? '-' : '+'}${size}`;
  }
  return Number(`${mantissa}e${exponent}`).toFixed(Math.max(0, digits - 1 - exponent));
}

/** A real's six significant digits, as PostgreSQL casts it to numeric. */
export function realToDecimal(value: number): Decimal {
  if (!Number.isFinite(value))
    throw evaluationError(`cannot convert ${value} to numeric: NaN and infinity are not supported`);
  return parseDecimal(significant(value, 6), true)!;
}
