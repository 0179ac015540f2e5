/**
 * PostgreSQL's `numeric`: exact decimals with a display scale.
 *
 * A value is `units * 10^-scale`. Scales follow `src/backend/utils/adt/numeric.c`: addition keeps
 * the larger scale, multiplication adds them, division takes at least 16 significant digits
 * (`select_div_scale`). NaN and infinities do not exist here; making one is an evaluation error.
 */
import { evaluationError, int64Of } from './value.js';
import type { Int } from './value.js';

/** An exact decimal. */
export class Decimal {
  readonly units: bigint;
  /** Digits after the point, those shown included: 1.50 has 2. */
  readonly scale: number;

  constructor(units: bigint, scale: number) {
    this.units = units;
    this.scale = scale;
  }

  /** As PostgreSQL prints it. */
  toString(): string {
    const digits = (this.units < 0n ? -this.units : this.units).toString().padStart(this.scale + 1, '0');
    const point = digits.length - this.scale;
    const sign = this.units < 0n ? '-' : '';
    return sign + digits.slice(0, point) + (this.scale > 0 ? `.${digits.slice(point)}` : '');
  }
}

/** Most digits before the point, and most after it. */
const DIGITS_MAX = 131_072;
const SCALE_MAX = 16_383;
/** Significant digits a quotient has at least, and the most digits after its point. */
const QUOTIENT_DIGITS_MIN = 16;
const QUOTIENT_SCALE_MAX = 1_000;

const powers: bigint[] = [1n];

/** 10^n. */
export function powerOfTen(n: number): bigint {
  if (n > 2_000) return 10n ** BigInt(n);
  for (let i = powers.length; i <= n; i++) powers.push(powers[i - 1]! * 10n);
  return powers[n]!;
}

/** A decimal of an integer. */
export function decimalOf(value: Int, scale = 0): Decimal {
  return new Decimal(BigInt(value), scale);
}

function unitsAt(a: Decimal, scale: number): bigint {
  return scale === a.scale ? a.units : a.units * powerOfTen(scale - a.scale);
}

/** a + b. */
export function addDecimal(a: Decimal, b: Decimal): Decimal {
  const scale = Math.max(a.scale, b.scale);
  return new Decimal(unitsAt(a, scale) + unitsAt(b, scale), scale);
}

/** a - b. */
export function subtractDecimal(a: Decimal, b: Decimal): Decimal {
  const scale = Math.max(a.scale, b.scale);
  return new Decimal(unitsAt(a, scale) - unitsAt(b, scale), scale);
}

/** a * b. */
export function multiplyDecimal(a: Decimal, b: Decimal): Decimal {
  const product = new Decimal(a.units * b.units, a.scale + b.scale);
  return bounded(product.scale > SCALE_MAX ? roundDecimal(product, SCALE_MAX) : product);
}

/** a / b, rounded half away from zero at PostgreSQL's scale. */
export function divideDecimal(a: Decimal, b: Decimal): Decimal {
  if (b.units === 0n) throw evaluationError('division by zero');
  const scale = quotientScale(a, b);
  return quotient(a, b, scale);
}

/** a / b with `scale` digits, rounded half away from zero. */
function quotient(a: Decimal, b: Decimal, scale: number): Decimal {
  const shift = scale + b.scale - a.scale;
  const numerator = shift >= 0 ? a.units * powerOfTen(shift) : a.units;
  const denominator = shift >= 0 ? b.units : b.units * powerOfTen(-shift);
  return new Decimal(divideRounded(numerator, denominator), scale);
}

function divideRounded(numerator: bigint, denominator: bigint): bigint {
  const whole = numerator / denominator;
  const rest = numerator % denominator;
  const twice = (rest < 0n ? -rest : rest) * 2n;
  if (twice < (denominator < 0n ? -denominator : denominator)) return whole;
  return numerator < 0n === denominator < 0n ? whole + 1n : whole - 1n;
}

/** `select_div_scale`: enough digits for 16 significant ones, counted in groups of four. */
function quotientScale(a: Decimal, b: Decimal): number {
  const first = leadingGroup(a);
  const second = leadingGroup(b);
  let weight = first.weight - second.weight;
  if (first.group <= second.group) weight--;
  const scale = Math.max(QUOTIENT_DIGITS_MIN - weight * 4, a.scale, b.scale, 0);
  return Math.min(scale, QUOTIENT_SCALE_MAX);
}

/** The first non-zero group of four digits, aligned at the point, and the power of 10^4 it counts. */
function leadingGroup(a: Decimal): { weight: number; group: bigint } {
  if (a.units === 0n) return { weight: 0, group: 0n };
  const units = a.units < 0n ? -a.units : a.units;
  const exponent = units.toString().length - 1 - a.scale;
  const weight = Math.floor(exponent / 4);
  const shift = weight * 4 + a.scale;
  return { weight, group: shift >= 0 ? units / powerOfTen(shift) : units * powerOfTen(-shift) };
}

/** a % b: the sign is a's. */
export function moduloDecimal(a: Decimal, b: Decimal): Decimal {
  if (b.units === 0n) throw evaluationError('division by zero');
  const scale = Math.max(a.scale, b.scale);
  return new Decimal(unitsAt(a, scale) % unitsAt(b, scale), scale);
}

/** -a. */
export function negateDecimal(a: Decimal): Decimal {
  return new Decimal(-a.units, a.scale);
}

/** |a|. */
export function absoluteDecimal(a: Decimal): Decimal {
  return a.units < 0n ? negateDecimal(a) : a;
}

/** -1, 0 or 1, by value: 1.0 equals 1.00. */
export function compareDecimal(a: Decimal, b: Decimal): number {
  const scale = Math.max(a.scale, b.scale);
  const x = unitsAt(a, scale);
  const y = unitsAt(b, scale);
  return x < y ? -1 : x > y ? 1 : 0;
}

/** Rounded half away from zero to `digits` after the point; negative digits round before it. */
export function roundDecimal(a: Decimal, digits: number): Decimal {
  return shorten(a, digits, divideRounded);
}

/** Cut to `digits` after the point. */
export function truncateDecimal(a: Decimal, digits: number): Decimal {
  return shorten(a, digits, (numerator, denominator) => numerator / denominator);
}

function shorten(a: Decimal, digits: number, divide: (a: bigint, b: bigint) => bigint): Decimal {
  const wanted = Math.max(-2_000, Math.min(2_000, digits));
  const scale = Math.max(0, wanted);
  if (wanted >= a.scale) return new Decimal(unitsAt(a, scale), scale);
  const units = divide(a.units, powerOfTen(a.scale - wanted));
  return new Decimal(wanted < 0 ? units * powerOfTen(-wanted) : units, scale);
}

/** The largest integer not above a. */
export function floorDecimal(a: Decimal): Decimal {
  const cut = truncateDecimal(a, 0);
  return compareDecimal(cut, a) > 0 ? new Decimal(cut.units - 1n, 0) : cut;
}

/** The smallest integer not below a. */
export function ceilDecimal(a: Decimal): Decimal {
  const cut = truncateDecimal(a, 0);
  return compareDecimal(cut, a) < 0 ? new Decimal(cut.units + 1n, 0) : cut;
}

/** `numeric(precision, scale)`: rounds, then refuses what has too many digits. */
export function fitDecimal(a: Decimal, precision: number, scale: number): Decimal {
  if (precision < 1 || precision > 1_000 || scale < -1_000 || scale > 1_000)
    throw evaluationError(`numeric(${precision}, ${scale}) is out of range`);
  const rounded = roundDecimal(a, scale);
  const limit = precision - scale;
  const whole = limit >= 0 ? powerOfTen(limit + rounded.scale) : 0n;
  const size = rounded.units < 0n ? -rounded.units : rounded.units;
  if (limit >= 0 ? size >= whole : size * powerOfTen(-limit) >= powerOfTen(rounded.scale)) {
    throw evaluationError('numeric field overflow');
  }
  return rounded;
}

/** Rounded to SQL's bigint. */
export function decimalToInt(a: Decimal): Int {
  return int64Of(roundDecimal(a, 0).units);
}

/** The nearest double. */
export function decimalToDouble(a: Decimal): number {
  const value = Number(a.toString());
  if (!Number.isFinite(value)) {
    throw evaluationError(`"${a.toString()}" is out of range for type double precision`);
  }
  return value;
}

/** So many significant digits of a double, half to even as C's `printf`; JavaScript takes the larger of two. */
export function significant(value: number, digits: number): string {
  const rounded = value.toExponential(digits - 1);
  const longer = value.toExponential(digits);
  const [mantissa, exponent] = longer.split('e') as [string, string];
  const isTie =
    mantissa.endsWith('5') &&
    !/[1-9]/.test(
      value
        .toExponential(20)
        .split('e')[0]!
        .replace('-', '')
        .slice(digits + 2),
    );
  const isOdd = /[13579]$/.test(rounded.split('e')[0]!);
  return isTie && isOdd ? `${mantissa.slice(0, -1)}e${exponent}` : rounded;
}

/** A double's 15 significant digits, as PostgreSQL casts it. */
export function doubleToDecimal(value: number): Decimal {
  if (!Number.isFinite(value)) {
    throw evaluationError(`cannot convert ${value} to numeric: NaN and infinity are not supported`);
  }
  return parseDecimal(significant(value, 15), true)!;
}

const NUMERIC = /^([+-]?)(\d+(?:_\d+)*)?(?:\.(\d+(?:_\d+)*)?)?(?:e([+-]?\d+(?:_\d+)*))?$/i;

/** A decimal of text, or null when it is none. `trim` drops zeros after the point. */
export function parseDecimal(text: string, trim = false): Decimal | null {
  const match = NUMERIC.exec(text);
  if (match === null || (match[2] === undefined && match[3] === undefined)) return null;
  let digits = (match[3] ?? '').replaceAll('_', '');
  const exponent = Number((match[4] ?? '0').replaceAll('_', ''));
  if (trim) digits = digits.replace(/0+$/, '');
  if (Math.abs(exponent) > DIGITS_MAX) throw evaluationError('value overflows numeric format');
  const units = BigInt((match[2] ?? '').replaceAll('_', '') + digits);
  const signed = match[1] === '-' ? -units : units;
  const scale = digits.length - exponent;
  if (scale >= 0) return bounded(new Decimal(signed, scale));
  return bounded(new Decimal(signed * powerOfTen(-scale), 0));
}

function bounded(a: Decimal): Decimal {
  const digits = a.units.toString(16).length * 1.2;
  if (digits - a.scale > DIGITS_MAX || a.scale > SCALE_MAX) {
    throw evaluationError('value overflows numeric format');
  }
  return a;
}
