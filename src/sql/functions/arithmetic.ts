/** `+ - * / %` and unary minus on numbers, and operators on bits, with PostgreSQL's errors. */
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
  int16Of,
  int32Of,
  intOf,
  moduloInt,
  multiplyInt,
  negateInt,
  subtractInt,
} from '../value.js';
import type { SqlType } from '../plan.js';
import type { Int, Value } from '../value.js';
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

/** A real result: it overflows where 32 bits do not hold what its operands held. */
function finiteReal(result: number, a: number, b: number): number {
  return finite(Math.fround(result), a, b);
}

function multiplyReal(a: number, b: number): number {
  const product = finiteReal(a * b, a, b);
  if (product === 0 && a !== 0 && b !== 0) throw evaluationError('value out of range: underflow');
  return product;
}

function divideReal(a: number, b: number): number {
  if (b === 0 && !Number.isNaN(a)) throw evaluationError('division by zero');
  const quotient = finiteReal(a / b, a, b);
  if (quotient === 0 && a !== 0 && Number.isFinite(b)) throw evaluationError('value out of range: underflow');
  return quotient;
}

const fails = { fails: true } as const;

type Operation = (a: Int, b: Int) => Int;

/** Operations of a narrow integer type: those of bigint, checked. */
function integers(type: SqlType, fit: (value: Int) => Int): FunctionDefinition[] {
  const operator = (name: string, operate: Operation): FunctionDefinition =>
    define(name, [type, type], type, (a: Int, b: Int) => fit(operate(a, b)), fails);
  return [
    operator('+', addInt),
    operator('-', subtractInt),
    operator('*', multiplyInt),
    operator('/', divideInt),
    define('%', [type, type], type, moduloInt, fails),
    define('-', [type], type, (a: Int) => fit(negateInt(a)), fails),
    define('+', [type], type, (a: Value) => a),
  ];
}

const asIs = (value: Int): Int => value;

function doubles(left: SqlType, right: SqlType): FunctionDefinition[] {
  const real = left === 'real' && right === 'real';
  const type = real ? 'real' : 'double precision';
  const sum = real ? finiteReal : finite;
  return [
    define('+', [left, right], type, (a: number, b: number) => sum(a + b, a, b), fails),
    define('-', [left, right], type, (a: number, b: number) => sum(a - b, a, b), fails),
    define('*', [left, right], type, real ? multiplyReal : multiplyDouble, fails),
    define('/', [left, right], type, real ? divideReal : divideDouble, fails),
  ];
}

const signs = (['real', 'double precision'] as const).flatMap((type) => [
  define('-', [type], type, (a: number) => -a, { inline: ([a]) => `(-${a})` }),
  define('+', [type], type, (a: number) => a),
]);

const WIDTHS = { smallint: 16, integer: 32, bigint: 64 } as const;

/** `& | # ~ << >>`. A shift counts modulo 32, of bigint modulo 64, as the machine's does; what is shifted out is gone. */
function bits(type: keyof typeof WIDTHS): FunctionDefinition[] {
  const width = WIDTHS[type];
  const modulus = width === 64 ? 64 : 32;
  const cut = (value: bigint): Int => intOf(BigInt.asIntN(width, value));
  const pair = (operate: (a: bigint, b: bigint) => bigint) => (a: Int, b: Int) => cut(operate(BigInt(a), BigInt(b)));
  const count = (by: number): bigint => BigInt(((by % modulus) + modulus) % modulus);
  return [
    define(
      '&',
      [type, type],
      type,
      pair((a, b) => a & b),
    ),
    define(
      '|',
      [type, type],
      type,
      pair((a, b) => a | b),
    ),
    define(
      '#',
      [type, type],
      type,
      pair((a, b) => a ^ b),
    ),
    define('~', [type], type, (a: Int) => cut(~BigInt(a))),
    define('<<', [type, 'integer'], type, (a: Int, by: number) => cut(BigInt(a) << count(by))),
    define('>>', [type, 'integer'], type, (a: Int, by: number) => cut(BigInt(a) >> count(by))),
  ];
}

/** Arithmetic operators. */
export const arithmeticFunctions: readonly FunctionDefinition[] = [
  ...integers('smallint', int16Of),
  ...integers('integer', int32Of),
  ...integers('bigint', asIs),
  define('+', ['numeric', 'numeric'], 'numeric', addDecimal),
  define('-', ['numeric', 'numeric'], 'numeric', subtractDecimal),
  define('*', ['numeric', 'numeric'], 'numeric', multiplyDecimal, fails),
  define('/', ['numeric', 'numeric'], 'numeric', divideDecimal, fails),
  define('%', ['numeric', 'numeric'], 'numeric', moduloDecimal, fails),
  define('-', ['numeric'], 'numeric', negateDecimal),
  define('+', ['numeric'], 'numeric', (a: Value) => a),
  ...doubles('real', 'real'),
  ...doubles('double precision', 'double precision'),
  ...doubles('real', 'double precision'),
  ...doubles('double precision', 'real'),
  ...signs,
  ...bits('smallint'),
  ...bits('integer'),
  ...bits('bigint'),
];
