/** `+ - * / %` and unary minus on numbers, with PostgreSQL's overflow errors. */
import {
  addDecimal,
  divideDecimal,
  moduloDecimal,
  multiplyDecimal,
  negateDecimal,
  subtractDecimal,
} from '../decimal.js';
import {
  addInt,
  divideInt,
  evaluationError,
  int32Of,
  moduloInt,
  multiplyInt,
  negateInt,
  subtractInt,
} from '../value.js';
import type { Int } from '../value.js';
import { define } from './registry.js';
import type { FunctionDefinition } from './registry.js';

/** A double result: an infinity that no operand had is an overflow. */
function finite(result: number, a: number, b: number): number {
  if (!Number.isFinite(result) && !Number.isNaN(result) && Number.isFinite(a) && Number.isFinite(b)) {
    throw evaluationError('value out of range: overflow');
  }
  return result;
}

function multiplyDouble(a: number, b: number): number {
  const product = finite(a * b, a, b);
  if (product === 0 && a !== 0 && b !== 0) throw evaluationError('value out of range: underflow');
  return product;
}

function divideDouble(a: number, b: number): number {
  if (b === 0 && !Number.isNaN(a)) throw evaluationError('division by zero');
  const quotient = finite(a / b, a, b);
  if (quotient === 0 && a !== 0 && Number.isFinite(b)) throw evaluationError('value out of range: underflow');
  return quotient;
}

const fails = { fails: true } as const;
const integers =
  (operate: (a: Int, b: Int) => Int) =>
  (a: Int, b: Int): number =>
    int32Of(operate(a, b));

/** Arithmetic operators. */
export const arithmeticFunctions: readonly FunctionDefinition[] = [
  define('+', ['integer', 'integer'], 'integer', integers(addInt), fails),
  define('-', ['integer', 'integer'], 'integer', integers(subtractInt), fails),
  define('*', ['integer', 'integer'], 'integer', integers(multiplyInt), fails),
  define('/', ['integer', 'integer'], 'integer', integers(divideInt), fails),
  define('%', ['integer', 'integer'], 'integer', moduloInt, fails),
  define('-', ['integer'], 'integer', (a: number) => int32Of(0 - a), fails),
  define('+', ['integer'], 'integer', (a: number) => a),
  define('+', ['bigint', 'bigint'], 'bigint', addInt, fails),
  define('-', ['bigint', 'bigint'], 'bigint', subtractInt, fails),
  define('*', ['bigint', 'bigint'], 'bigint', multiplyInt, fails),
  define('/', ['bigint', 'bigint'], 'bigint', divideInt, fails),
  define('%', ['bigint', 'bigint'], 'bigint', moduloInt, fails),
  define('-', ['bigint'], 'bigint', negateInt, fails),
  define('+', ['bigint'], 'bigint', (a: Int) => a),
  define('+', ['numeric', 'numeric'], 'numeric', addDecimal),
  define('-', ['numeric', 'numeric'], 'numeric', subtractDecimal),
  define('*', ['numeric', 'numeric'], 'numeric', multiplyDecimal, fails),
  define('/', ['numeric', 'numeric'], 'numeric', divideDecimal, fails),
  define('%', ['numeric', 'numeric'], 'numeric', moduloDecimal, fails),
  define('-', ['numeric'], 'numeric', negateDecimal),
  define('+', ['numeric'], 'numeric', (a: unknown) => a as never),
  define(
    '+',
    ['double precision', 'double precision'],
    'double precision',
    (a: number, b: number) => finite(a + b, a, b),
    fails,
  ),
  define(
    '-',
    ['double precision', 'double precision'],
    'double precision',
    (a: number, b: number) => finite(a - b, a, b),
    fails,
  ),
  define('*', ['double precision', 'double precision'], 'double precision', multiplyDouble, fails),
  define('/', ['double precision', 'double precision'], 'double precision', divideDouble, fails),
  define('-', ['double precision'], 'double precision', (a: number) => -a, { inline: ([a]) => `(-${a})` }),
  define('+', ['double precision'], 'double precision', (a: number) => a),
];
