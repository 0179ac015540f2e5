/** Functions of doubles: powers, logarithms, angles. */
import { evaluationError } from '../value.js';
import { complementaryError, errorFunction, gammaOf, logGammaOf } from './gamma.js';
import { define } from './registry.js';
import type { FunctionDefinition } from './registry.js';

const double = 'double precision';
type Unary = (a: number) => number;

function outOfRange(): Error {
  return evaluationError('input is out of range');
}

/** A result that finite operands made infinite, or nothing of something, is an error. */
function inRange(result: number, isZeroFine: boolean): number {
  if (!Number.isFinite(result) && !Number.isNaN(result)) throw evaluationError('value out of range: overflow');
  if (result === 0 && !isZeroFine) throw evaluationError('value out of range: underflow');
  return result;
}

function power(base: number, exponent: number): number {
  if (Number.isNaN(base) || Number.isNaN(exponent)) return base === 1 || exponent === 0 ? 1 : NaN;
  if (base === 0 && exponent < 0) throw evaluationError('zero raised to a negative power is undefined');
  if (base < 0 && Math.floor(exponent) !== exponent)
    throw evaluationError('a negative number raised to a non-integer power yields a complex result');
  if (Math.abs(base) === 1 && !Number.isFinite(exponent)) return 1;
  const result = base ** exponent;
  return Number.isFinite(base) && Number.isFinite(exponent) ? inRange(result, base === 0) : result;
}

function exponential(a: number): number {
  return Number.isFinite(a) ? inRange(Math.exp(a), false) : Math.exp(a);
}

const logarithm =
  (log: Unary): Unary =>
  (a) => {
    if (a === 0) throw evaluationError('cannot take logarithm of zero');
    if (a < 0) throw evaluationError('cannot take logarithm of a negative number');
    return log(a);
  };

function squareRoot(a: number): number {
  if (a < 0) throw evaluationError('cannot take square root of a negative number');
  return Math.sqrt(a);
}

/** An angle must be finite. */
const ofAngle =
  (evaluate: Unary): Unary =>
  (a) => {
    if (a === Infinity || a === -Infinity) throw outOfRange();
    return evaluate(a);
  };

const within =
  (low: number, high: number, evaluate: Unary): Unary =>
  (a) => {
    if (a < low || a > high) throw outOfRange();
    return evaluate(a);
  };

function gamma(a: number): number {
  if (Number.isNaN(a) || a === Infinity) return a;
  const isPole = a <= 0 && Number.isInteger(a);
  if (isPole || a === -Infinity) throw evaluationError('value out of range: overflow');
  return inRange(gammaOf(a), false);
}

function logGamma(a: number): number {
  const result = logGammaOf(a);
  return Number.isFinite(a) ? inRange(result, true) : result;
}

const RADIAN = Math.PI / 180;
/** A scaled value, finite and not 0 where its operand is. */
const scaled = (a: number, result: number): number => (Number.isFinite(a) ? inRange(result, a === 0) : result);

const nearSine = (a: number): number => (Math.sin(a * RADIAN) / Math.sin(30 * RADIAN)) * 0.5;
const nearCosine = (a: number): number => 1 - ((1 - Math.cos(a * RADIAN)) / (1 - Math.cos(60 * RADIAN))) * 0.5;

/** Sine and cosine of a first quadrant in degrees, exact at 0, 30, 60 and 90. */
const sineOf = (a: number): number => (a <= 30 ? nearSine(a) : nearCosine(90 - a));
const cosineOf = (a: number): number => (a <= 60 ? nearCosine(a) : nearSine(90 - a));

/** A function of degrees from its first quadrant: `odd` under a change of sign; `half` is its sign in the second quadrant. */
function ofDegrees(a: number, odd: boolean, half: 1 | -1, period: 180 | 360, first: Unary): number {
  let angle = a % 360;
  let sign = 1;
  if (angle < 0) {
    angle = -angle;
    if (odd) sign = -sign;
  }
  if (angle > 180) {
    angle = 360 - angle;
    if (odd) sign = -sign;
  }
  if (angle > 90) {
    angle = 180 - angle;
    sign *= half;
  }
  const value = sign * first(angle);
  return period === 180 && value === 0 ? 0 : value;
}

const tangentOf = (a: number): number => sineOf(a) / cosineOf(a) / (sineOf(45) / cosineOf(45));
const cotangentOf = (a: number): number => cosineOf(a) / sineOf(a) / (cosineOf(45) / sineOf(45));

function arcSine(a: number): number {
  const size = Math.abs(a);
  const angle = size <= 0.5 ? (Math.asin(size) / Math.asin(0.5)) * 30 : 90 - (Math.acos(size) / Math.acos(0.5)) * 60;
  return a < 0 ? -angle : angle;
}

function arcCosine(a: number): number {
  const size = Math.abs(a);
  const angle = size <= 0.5 ? 90 - (Math.asin(size) / Math.asin(0.5)) * 30 : (Math.acos(size) / Math.acos(0.5)) * 60;
  return a < 0 ? 180 - angle : angle;
}

const arcTangent = (a: number): number => (a / Math.atan(1)) * 45;

const fails = { fails: true } as const;
const unary = (name: string, evaluate: Unary): FunctionDefinition => define(name, [double], double, evaluate, fails);

/** Functions of one double, by name. */
const UNARY: Readonly<Record<string, Unary>> = {
  sqrt: squareRoot,
  '|/': squareRoot,
  cbrt: Math.cbrt,
  '||/': Math.cbrt,
  exp: exponential,
  ln: logarithm(Math.log),
  log: logarithm(Math.log10),
  log10: logarithm(Math.log10),
  degrees: (a) => scaled(a, a / RADIAN),
  radians: (a) => scaled(a, a * RADIAN),
  sin: ofAngle(Math.sin),
  cos: ofAngle(Math.cos),
  tan: ofAngle(Math.tan),
  cot: ofAngle((a) => 1 / Math.tan(a)),
  asin: within(-1, 1, Math.asin),
  acos: within(-1, 1, Math.acos),
  atan: Math.atan,
  sinh: Math.sinh,
  cosh: Math.cosh,
  tanh: Math.tanh,
  asinh: Math.asinh,
  acosh: within(1, Infinity, Math.acosh),
  atanh: within(-1, 1, Math.atanh),
  sind: ofAngle((a) => ofDegrees(a, true, 1, 360, sineOf)),
  cosd: ofAngle((a) => ofDegrees(a, false, -1, 360, cosineOf)),
  tand: ofAngle((a) => ofDegrees(a, true, -1, 180, tangentOf)),
  cotd: ofAngle((a) => ofDegrees(a, true, -1, 180, cotangentOf)),
  asind: within(-1, 1, arcSine),
  acosd: within(-1, 1, arcCosine),
  atand: (a) => arcTangent(Math.atan(a)),
  gamma,
  lgamma: logGamma,
  erf: (a) => (Number.isNaN(a) ? a : errorFunction(a)),
  erfc: (a) => (Number.isNaN(a) ? a : complementaryError(a)),
};

/** Functions of doubles. */
export const mathFunctions: readonly FunctionDefinition[] = [
  ...Object.entries(UNARY).map(([name, evaluate]) => unary(name, evaluate)),
  define('pi', [], double, () => Math.PI),
  define('atan2', [double, double], double, Math.atan2),
  define('atan2d', [double, double], double, (y: number, x: number) => arcTangent(Math.atan2(y, x))),
  ...['power', 'pow', '^'].map((name) => define(name, [double, double], double, power, fails)),
];
