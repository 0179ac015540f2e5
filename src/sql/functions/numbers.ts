/** Functions of integers and numerics, and rounding of doubles. */
import {
  absoluteDecimal,
  ceilDecimal,
  compareDecimal,
  Decimal,
  decimalToInt,
  divideDecimal,
  fitDecimal,
  floorDecimal,
  moduloDecimal,
  multiplyDecimal,
  powerOfTen,
  roundDecimal,
  subtractDecimal,
  truncateDecimal,
} from '../decimal.js';
import { exponential, logarithm, naturalLogarithm, power, squareRoot } from '../decimal-math.js';
import type { ScalarType } from '../plan.js';
import { arrayOf, isComparable, SCALAR_TYPES } from '../types.js';
import { evaluationError, int16Of, int32Of, int64Of, intOf, moduloInt, negateInt } from '../value.js';
import type { Int, Item, Value } from '../value.js';
import { compareOf } from './compare.js';
import { roundHalfEven } from './number-text.js';
import { define } from './registry.js';
import type { FunctionDefinition } from './registry.js';

const double = 'double precision';
const fails = { fails: true } as const;

const absolute = (a: Int): Int => (a < 0 ? negateInt(a) : a);

function greatestDivisor(a: bigint, b: bigint): bigint {
  let [x, y] = [a < 0n ? -a : a, b < 0n ? -b : b];
  while (y !== 0n) [x, y] = [y, x % y];
  return x;
}

function leastMultiple(a: bigint, b: bigint): bigint {
  if (a === 0n || b === 0n) return 0n;
  const multiple = (a / greatestDivisor(a, b)) * b;
  return multiple < 0n ? -multiple : multiple;
}

/** gcd and lcm of numerics: of their units at one scale. */
const ofUnits =
  (combine: (a: bigint, b: bigint) => bigint) =>
  (a: Decimal, b: Decimal): Decimal => {
    const scale = Math.max(a.scale, b.scale);
    const at = (x: Decimal): bigint => x.units * powerOfTen(scale - x.scale);
    return new Decimal(combine(at(a), at(b)), scale);
  };

const FACTORIAL_MAX = 32_177;

function factorial(n: Int): Decimal {
  if (n < 0) throw evaluationError('factorial of a negative number is undefined');
  if (n > FACTORIAL_MAX) throw evaluationError('value overflows numeric format');
  let product = 1n;
  for (let i = 2n; i <= BigInt(n); i++) product *= i;
  return new Decimal(product, 0);
}

/** Digits after the point without the zeros at the end. */
function leastScale(a: Decimal): number {
  const digits = a.toString().split('.')[1] ?? '';
  return digits.replace(/0+$/, '').length;
}

function requireCount(count: number): void {
  if (count <= 0) throw evaluationError('count must be greater than zero');
}

function requireRange(order: number): void {
  if (order === 0) throw evaluationError('lower bound cannot equal upper bound');
}

function doubleBucket(x: number, low: number, high: number, count: number): number {
  requireCount(count);
  if (Number.isNaN(x) || Number.isNaN(low) || Number.isNaN(high))
    throw evaluationError('operand, lower bound, and upper bound cannot be NaN');
  if (!Number.isFinite(low) || !Number.isFinite(high)) throw evaluationError('lower and upper bounds must be finite');
  requireRange(low - high);
  const [from, to, at] = low < high ? [low, high, x] : [-low, -high, -x];
  if (at < from) return 0;
  if (at >= to) return int32Of(count + 1);
  const width = to - from;
  const share = Number.isFinite(width) ? (at - from) / width : (at / 2 - from / 2) / (to / 2 - from / 2);
  return Math.min(Math.floor(share * count), count - 1) + 1;
}

function decimalBucket(x: Decimal, low: Decimal, high: Decimal, count: number): number {
  requireCount(count);
  const order = compareDecimal(low, high);
  requireRange(order);
  const isBefore = compareDecimal(x, low) * (order < 0 ? 1 : -1) < 0;
  if (isBefore) return 0;
  if (compareDecimal(x, high) * (order < 0 ? 1 : -1) >= 0) return int32Of(count + 1);
  const part = multiplyDecimal(subtractDecimal(x, low), new Decimal(BigInt(count), 0));
  return Number(decimalToInt(floorDecimal(divideDecimal(part, subtractDecimal(high, low))))) + 1;
}

/** The number of thresholds that are not above a value. */
function thresholdBuckets(type: ScalarType): FunctionDefinition {
  const order = compareOf(type);
  return define(
    'width_bucket',
    [type, arrayOf(type)],
    'integer',
    (x: Value, thresholds: readonly Item[]) => {
      if (thresholds.includes(null)) throw evaluationError('thresholds array must not contain NULLs');
      let low = 0;
      let high = thresholds.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (order(x, thresholds[middle]!) < 0) high = middle;
        else low = middle + 1;
      }
      return low;
    },
    fails,
  );
}

const WHOLE = { smallint: int16Of, integer: int32Of, bigint: (value: Int) => value } as const;

const whole = (Object.keys(WHOLE) as (keyof typeof WHOLE)[]).flatMap((type) => [
  ...['abs', '@'].map((name) => define(name, [type], type, (a: Int) => WHOLE[type](absolute(a)), fails)),
  define('mod', [type, type], type, moduloInt, fails),
]);

const divisors = (['integer', 'bigint'] as const).flatMap((type) => {
  const fit = type === 'integer' ? (value: bigint) => int32Of(intOf(value)) : int64Of;
  return [
    define('gcd', [type, type], type, (a: Int, b: Int) => fit(greatestDivisor(BigInt(a), BigInt(b))), fails),
    define('lcm', [type, type], type, (a: Int, b: Int) => fit(leastMultiple(BigInt(a), BigInt(b))), fails),
  ];
});

const decimals: readonly FunctionDefinition[] = [
  ...['abs', '@'].map((name) => define(name, ['numeric'], 'numeric', absoluteDecimal)),
  define('round', ['numeric'], 'numeric', (a: Decimal) => roundDecimal(a, 0)),
  define('round', ['numeric', 'integer'], 'numeric', roundDecimal),
  define('trunc', ['numeric'], 'numeric', (a: Decimal) => truncateDecimal(a, 0)),
  define('trunc', ['numeric', 'integer'], 'numeric', truncateDecimal),
  define('floor', ['numeric'], 'numeric', floorDecimal),
  ...['ceil', 'ceiling'].map((name) => define(name, ['numeric'], 'numeric', ceilDecimal)),
  define('sign', ['numeric'], 'numeric', (a: Decimal) => new Decimal(a.units > 0n ? 1n : a.units < 0n ? -1n : 0n, 0)),
  define('mod', ['numeric', 'numeric'], 'numeric', moduloDecimal, fails),
  define(
    'div',
    ['numeric', 'numeric'],
    'numeric',
    (a: Decimal, b: Decimal) => {
      if (b.units === 0n) throw evaluationError('division by zero');
      const scale = Math.max(a.scale, b.scale);
      return new Decimal((a.units * powerOfTen(scale - a.scale)) / (b.units * powerOfTen(scale - b.scale)), 0);
    },
    fails,
  ),
  define('gcd', ['numeric', 'numeric'], 'numeric', ofUnits(greatestDivisor)),
  define('lcm', ['numeric', 'numeric'], 'numeric', ofUnits(leastMultiple)),
  define('sqrt', ['numeric'], 'numeric', squareRoot, fails),
  define('exp', ['numeric'], 'numeric', exponential, fails),
  define('ln', ['numeric'], 'numeric', naturalLogarithm, fails),
  ...['log', 'log10'].map((name) =>
    define(name, ['numeric'], 'numeric', (a: Decimal) => logarithm(new Decimal(10n, 0), a), fails),
  ),
  define('log', ['numeric', 'numeric'], 'numeric', logarithm, fails),
  ...['power', 'pow', '^'].map((name) => define(name, ['numeric', 'numeric'], 'numeric', power, fails)),
  define('scale', ['numeric'], 'integer', (a: Decimal) => a.scale),
  define('min_scale', ['numeric'], 'integer', leastScale),
  define('trim_scale', ['numeric'], 'numeric', (a: Decimal) => truncateDecimal(a, leastScale(a))),
  define('factorial', ['bigint'], 'numeric', factorial, fails),
  define('numeric', ['numeric', 'integer', 'integer'], 'numeric', fitDecimal, fails),
];

const rounding: readonly FunctionDefinition[] = [
  ...['abs', '@'].flatMap((name) =>
    (['real', double] as const).map((type) =>
      define(name, [type], type, Math.abs, { inline: ([a]) => `Math.abs(${a})` }),
    ),
  ),
  define('round', [double], double, (a: number) => (Number.isFinite(a) ? roundHalfEven(a) : a)),
  define('trunc', [double], double, Math.trunc, { inline: ([a]) => `Math.trunc(${a})` }),
  define('floor', [double], double, Math.floor, { inline: ([a]) => `Math.floor(${a})` }),
  ...['ceil', 'ceiling'].map((name) =>
    define(name, [double], double, Math.ceil, { inline: ([a]) => `Math.ceil(${a})` }),
  ),
  define('sign', [double], double, (a: number) => (a > 0 ? 1 : a < 0 ? -1 : 0)),
  define('width_bucket', [double, double, double, 'integer'], 'integer', doubleBucket, fails),
  define('width_bucket', ['numeric', 'numeric', 'numeric', 'integer'], 'integer', decimalBucket, fails),
  ...SCALAR_TYPES.filter(isComparable).map(thresholdBuckets),
];

/** Functions of numbers. */
export const numberFunctions: readonly FunctionDefinition[] = [...whole, ...divisors, ...decimals, ...rounding];
