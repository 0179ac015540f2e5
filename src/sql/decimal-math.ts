/**
 * Roots, powers and logarithms of `numeric`, with the result scales of `src/backend/utils/adt/numeric.c`.
 *
 * Values are computed as fixed-point bigints with guard digits beyond the scale that is wanted, then rounded
 * half away from zero. exp by its series after halving, ln by the series of atanh after halving.
 */
import { absoluteDecimal, compareDecimal, Decimal, multiplyDecimal, powerOfTen, roundDecimal } from './decimal.js';
import { evaluationError } from './value.js';

/** Significant digits that a result has at least, and the most digits after its point. */
const DIGITS_MIN = 16;
const SCALE_MAX = 1_000;
/** Exponents of e beyond which a result overflows, or is zero. */
const EXPONENT_MAX = 6_000;
const LOG10_E = 0.434294481903252;
const GUARD = 12;
/** Digits before the point that a numeric can have. */
const WEIGHT_MAX = 131_072;

const ONE = new Decimal(1n, 0);

/** A decimal's leading digits in PostgreSQL's groups of four, without zeros at either end. */
function groupsOf(a: Decimal): { readonly groups: readonly number[]; readonly weight: number } {
  if (a.units === 0n) return { groups: [], weight: 0 };
  const digits = absoluteDecimal(a).units.toString();
  const exponent = digits.length - 1 - a.scale;
  const weight = Math.floor(exponent / 4);
  const padded = '0'.repeat(3 - (exponent - weight * 4)) + digits;
  const groups = (padded.slice(0, 40).match(/.{1,4}/g) ?? []).map((group) => Number(group.padEnd(4, '0')));
  while (padded.length <= 40 && groups.at(-1) === 0) groups.pop();
  return { groups, weight };
}

function scaleWithin(...scales: readonly number[]): number {
  return Math.min(Math.max(0, ...scales), SCALE_MAX);
}

/** A decimal times 10^digits, cut. */
function fixed(a: Decimal, digits: number): bigint {
  return digits >= a.scale ? a.units * powerOfTen(digits - a.scale) : a.units / powerOfTen(a.scale - digits);
}

/** √a. */
export function squareRoot(a: Decimal): Decimal {
  if (a.units < 0n) throw evaluationError('cannot take square root of a negative number');
  const scale = scaleWithin(DIGITS_MIN - (groupsOf(a).weight * 2 + 1), a.scale);
  // One digit more than is shown; a root that ends in 5 there is exact only where its square is.
  const root = integerRoot(fixed(a, (scale + 1) * 2));
  return roundDecimal(new Decimal(root, scale + 1), scale);
}

/** The largest integer whose square is not above n: Newton's method. */
function integerRoot(n: bigint): bigint {
  if (n < 2n) return n;
  let root = 1n << BigInt((n.toString(2).length + 1) >> 1);
  for (;;) {
    const next = (root + n / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}

/** e^x of a fixed-point x. */
function fixedExp(x: bigint, digits: number): bigint {
  const one = powerOfTen(digits);
  const halvings = Math.max(0, (x < 0n ? -x : x).toString(2).length - one.toString(2).length + 12);
  const extra = Math.ceil(halvings * 0.31) + 4;
  const unit = powerOfTen(digits + extra);
  const small = (x * powerOfTen(extra)) >> BigInt(halvings);
  let sum = unit;
  let term = unit;
  for (let n = 1n; term !== 0n && term !== -1n; n++) {
    term = (term * small) / unit / n;
    sum += term;
  }
  for (let i = 0; i < halvings; i++) sum = (sum * sum) / unit;
  return sum / powerOfTen(extra);
}

/** The series of 2 atanh((m - 1) / (m + 1)), which is ln m. */
function fixedLnNearOne(m: bigint, one: bigint): bigint {
  const ratio = ((m - one) * one) / (m + one);
  const square = (ratio * ratio) / one;
  let power = ratio;
  let sum = 0n;
  for (let n = 1n; power !== 0n && power !== -1n; n += 2n) {
    sum += power / n;
    power = (power * square) / one;
  }
  return 2n * sum;
}

/** ln of a positive decimal, at `digits` after the point. */
function fixedLn(a: Decimal, digits: number): bigint {
  const guarded = digits + GUARD;
  const one = powerOfTen(guarded);
  // a is brought to 0.7…1.4 by a power of two.
  const size = absoluteDecimal(a).units.toString(2).length - powerOfTen(a.scale).toString(2).length;
  const shift = BigInt(size);
  const denominator = powerOfTen(a.scale);
  let m = shift >= 0n ? (a.units * one) / (denominator << shift) : ((a.units << -shift) * one) / denominator;
  let twos = size;
  if (m * 10n > one * 14n) {
    m /= 2n;
    twos++;
  }
  const two = twos === 0 ? 0n : fixedLnNearOne(2n * one, one) * BigInt(twos);
  return (fixedLnNearOne(m, one) + two) / powerOfTen(GUARD);
}

const NEAR_LOW = new Decimal(9n, 1);
const NEAR_HIGH = new Decimal(11n, 1);

/** `estimate_ln_dweight`: the power of ten of ln a. */
function lnWeight(a: Decimal): number {
  if (a.units <= 0n) return 0;
  if (compareDecimal(a, NEAR_LOW) >= 0 && compareDecimal(a, NEAR_HIGH) <= 0) {
    const { groups, weight } = groupsOf(new Decimal(a.units - powerOfTen(a.scale), a.scale));
    return groups.length === 0 ? 0 : weight * 4 + Math.trunc(Math.log10(groups[0]!));
  }
  const { groups, weight } = groupsOf(a);
  const [first, second] = groups as [number, number?];
  const digits = second === undefined ? first : first * 10_000 + second;
  const exponent = weight * 4 - (second === undefined ? 0 : 4);
  return Math.trunc(Math.log10(Math.abs(Math.log(digits) + exponent * Math.LN10)));
}

function requirePositive(a: Decimal): void {
  if (a.units === 0n) throw evaluationError('cannot take logarithm of zero');
  if (a.units < 0n) throw evaluationError('cannot take logarithm of a negative number');
}

/** ln a. */
export function naturalLogarithm(a: Decimal): Decimal {
  requirePositive(a);
  const scale = scaleWithin(DIGITS_MIN - lnWeight(a), a.scale);
  return roundDecimal(new Decimal(fixedLn(a, scale + GUARD), scale + GUARD), scale);
}

/** The logarithm of a to a base. */
export function logarithm(base: Decimal, a: Decimal): Decimal {
  requirePositive(base);
  requirePositive(a);
  const scale = scaleWithin(DIGITS_MIN - (lnWeight(a) - lnWeight(base)), base.scale, a.scale);
  const digits = scale + GUARD + Math.max(0, -lnWeight(base)) * 2;
  const divisor = fixedLn(base, digits);
  if (divisor === 0n) throw evaluationError('division by zero');
  const quotient = (fixedLn(a, digits) * powerOfTen(digits)) / divisor;
  return roundDecimal(new Decimal(quotient, digits), scale);
}

function overflow(): Error {
  return evaluationError('value overflows numeric format');
}

/** e^a. */
export function exponential(a: Decimal): Decimal {
  const value = Number(a.toString());
  const limited = Math.max(-2_000, Math.min(2_000, value * LOG10_E));
  const scale = scaleWithin(DIGITS_MIN - Math.trunc(limited), a.scale);
  if (Math.abs(value) >= EXPONENT_MAX) {
    if (value > 0) throw overflow();
    return new Decimal(0n, scale);
  }
  const digits = scale + GUARD + Math.max(0, Math.ceil(value * LOG10_E));
  return roundDecimal(new Decimal(fixedExp(fixed(a, digits), digits), digits), scale);
}

const INT32_MAX = 2n ** 31n;

/** base^exponent. */
export function power(base: Decimal, exponent: Decimal): Decimal {
  const whole = exponent.units / powerOfTen(exponent.scale);
  const isWhole = exponent.units % powerOfTen(exponent.scale) === 0n;
  if (base.units === 0n && exponent.units < 0n) throw evaluationError('zero raised to a negative power is undefined');
  if (base.units < 0n && !isWhole)
    throw evaluationError('a negative number raised to a non-integer power yields a complex result');
  if (isWhole && whole < INT32_MAX && whole >= -INT32_MAX) return wholePower(base, Number(whole), exponent.scale);
  if (base.units === 0n) return new Decimal(0n, DIGITS_MIN);
  const size = absoluteDecimal(base);
  const estimate = lnWeight(size);
  const rough = Math.max(0, 8 - estimate);
  const roughLn = roundDecimal(new Decimal(fixedLn(size, rough + GUARD), rough + GUARD), rough);
  const value = Number(roundDecimal(multiplyDecimal(roughLn, exponent), rough).toString());
  if (Math.abs(value) > EXPONENT_MAX * 1.003) {
    if (value > 0) throw overflow();
    return new Decimal(0n, SCALE_MAX);
  }
  const weight = Math.trunc(value * LOG10_E);
  const scale = scaleWithin(DIGITS_MIN - weight, base.scale, exponent.scale);
  const digits =
    Math.max(0, scale + weight) + Math.max(0, -estimate) + exponent.units.toString().length + GUARD * 2 + scale;
  const ln = (fixedLn(size, digits) * exponent.units) / powerOfTen(exponent.scale);
  const result = roundDecimal(new Decimal(fixedExp(ln, digits), digits), scale);
  return base.units < 0n && whole % 2n !== 0n ? new Decimal(-result.units, scale) : result;
}

/** `power_var_int`. */
function wholePower(base: Decimal, exponent: number, exponentScale: number): Decimal {
  const { groups, weight } = groupsOf(base);
  let f = 0;
  if (groups.length > 0) {
    f = groups[0]!;
    let p = weight * 4;
    for (let i = 1; i < groups.length && i < 4; i++) {
      f = f * 10_000 + groups[i]!;
      p -= 4;
    }
    f = exponent * (Math.log10(f) + p);
  }
  if (f > WEIGHT_MAX) throw overflow();
  if (f + 1 < -SCALE_MAX) return new Decimal(0n, SCALE_MAX);
  const scale = scaleWithin(DIGITS_MIN - Math.trunc(f), base.scale, exponentScale);
  if (exponent === 0) return new Decimal(powerOfTen(scale), scale);
  if (base.units === 0n) return new Decimal(0n, scale);
  return roundDecimal(approximatePower(base, exponent, Math.max(0, scale + Math.trunc(f)) + GUARD * 2), scale);
}

/** base^exponent by squaring, with so many significant digits. */
function approximatePower(base: Decimal, exponent: number, digits: number): Decimal {
  // A product drops what no digit of the result depends on.
  const cut = (a: Decimal): Decimal => {
    const excess = Math.min(absoluteDecimal(a).units.toString(16).length * 1.2 - digits * 1.3 - 20, Infinity);
    if (excess <= 0) return a;
    const drop = Math.floor(excess);
    return new Decimal(a.units / powerOfTen(drop), a.scale - drop);
  };
  const times = (a: Decimal, b: Decimal): Decimal => cut(new Decimal(a.units * b.units, a.scale + b.scale));
  let result = ONE;
  let square = base;
  for (let rest = Math.abs(exponent); rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result = times(result, square);
    if (rest > 1) square = times(square, square);
  }
  if (exponent > 0) return positiveScale(result);
  const size = result.units.toString().length;
  const shift = size + digits + 4;
  return positiveScale(new Decimal(powerOfTen(shift) / result.units, shift - result.scale));
}

function positiveScale(a: Decimal): Decimal {
  return a.scale >= 0 ? a : new Decimal(a.units * powerOfTen(-a.scale), 0);
}
