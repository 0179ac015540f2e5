/** Functions of numbers. */
import {
  absoluteDecimal,
  ceilDecimal,
  Decimal,
  floorDecimal,
  fitDecimal,
  moduloDecimal,
  roundDecimal,
  truncateDecimal,
} from '../decimal.js';
import { evaluationError, int32Of, moduloInt, negateInt } from '../value.js';
import type { Int } from '../value.js';
import { roundHalfEven } from './casts.js';
import { define } from './registry.js';
import type { FunctionDefinition } from './registry.js';

const absolute = (a: Int): Int => (a < 0 ? negateInt(a) : a);

function squareRoot(a: number): number {
  if (a < 0) throw evaluationError('cannot take square root of a negative number');
  return Math.sqrt(a);
}

const double = 'double precision';

/** Functions of numbers. */
export const numberFunctions: readonly FunctionDefinition[] = [
  define('abs', ['integer'], 'integer', (a: number) => int32Of(absolute(a)), { fails: true }),
  define('abs', ['bigint'], 'bigint', absolute, { fails: true }),
  define('abs', ['numeric'], 'numeric', absoluteDecimal),
  define('abs', [double], double, Math.abs, { inline: ([a]) => `Math.abs(${a})` }),
  define('round', ['numeric'], 'numeric', (a: Decimal) => roundDecimal(a, 0)),
  define('round', ['numeric', 'integer'], 'numeric', roundDecimal),
  define('round', [double], double, (a: number) => (Number.isFinite(a) ? roundHalfEven(a) : a)),
  define('trunc', ['numeric'], 'numeric', (a: Decimal) => truncateDecimal(a, 0)),
  define('trunc', ['numeric', 'integer'], 'numeric', truncateDecimal),
  define('trunc', [double], double, Math.trunc, { inline: ([a]) => `Math.trunc(${a})` }),
  define('floor', ['numeric'], 'numeric', floorDecimal),
  define('floor', [double], double, Math.floor, { inline: ([a]) => `Math.floor(${a})` }),
  ...['ceil', 'ceiling'].flatMap((name) => [
    define(name, ['numeric'], 'numeric', ceilDecimal),
    define(name, [double], double, Math.ceil, { inline: ([a]) => `Math.ceil(${a})` }),
  ]),
  define('sign', ['numeric'], 'numeric', (a: Decimal) => new Decimal(a.units > 0n ? 1n : a.units < 0n ? -1n : 0n, 0)),
  define('sign', [double], double, (a: number) => (a > 0 ? 1 : a < 0 ? -1 : 0)),
  define('mod', ['integer', 'integer'], 'integer', moduloInt, { fails: true }),
  define('mod', ['bigint', 'bigint'], 'bigint', moduloInt, { fails: true }),
  define('mod', ['numeric', 'numeric'], 'numeric', moduloDecimal, { fails: true }),
  define('sqrt', [double], double, squareRoot, { fails: true }),
  define('numeric', ['numeric', 'integer', 'integer'], 'numeric', fitDecimal, { fails: true }),
];
