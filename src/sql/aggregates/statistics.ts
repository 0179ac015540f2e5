/**
 * `variance`, `stddev` and their `_pop` and `_samp` forms.
 *
 * Both kinds of number keep the count, the sum and the sum of squares, exactly, so that the order of rows
 * makes no difference and rows can be taken back. Integers and numerics then follow `numeric_stddev_internal`
 * of PostgreSQL digit by digit; doubles are rounded once, where PostgreSQL rounds at each row.
 */
import { Decimal, decimalOf, divideDecimal, powerOfTen, roundDecimal, subtractDecimal } from '../decimal.js';
import type { SqlType } from '../plan.js';
import type { Int, Value } from '../value.js';
import { DecimalTotal } from './decimal-total.js';
import { aggregate, anyState } from './define.js';
import type { AggregateDefinition, Aggregator } from './definition.js';
import { finite } from './double-total.js';
import { DoubleMoments } from './double-moments.js';

interface Spread {
  /** Of the whole population, or of a sample of it. */
  readonly isSample: boolean;
  /** The variance, or its root. */
  readonly isRoot: boolean;
}

interface DecimalMoments {
  rows: number;
  readonly sum: DecimalTotal;
  readonly squares: DecimalTotal;
}

function square({ units, scale }: Decimal): Decimal {
  return new Decimal(units * units, scale * 2);
}

/** The root, rounded half up to `scale` digits. */
function rootOf({ units, scale: scaleOf }: Decimal, scale: number): Decimal {
  // A digit more than wanted decides how the last is rounded.
  const shift = (scale + 1) * 2 - scaleOf;
  const scaled = shift >= 0 ? units * powerOfTen(shift) : units / powerOfTen(-shift);
  return roundDecimal(new Decimal(integerRoot(scaled), scale + 1), scale);
}

/** The largest integer whose square is not above `value`, by Newton's method from above. */
function integerRoot(value: bigint): bigint {
  if (value < 2n) return value;
  let root = 1n << BigInt(Math.ceil(value.toString(2).length / 2));
  for (;;) {
    const next = (root + value / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}

function decimalSpread({ rows, sum, squares }: DecimalMoments, { isSample, isRoot }: Spread): Value {
  if (rows <= (isSample ? 1 : 0)) return null;
  const count = BigInt(rows);
  const squared = square(sum.value());
  const scaled = squares.value();
  const numerator = subtractDecimal(new Decimal(scaled.units * count, scaled.scale), squared);
  if (numerator.units <= 0n) return new Decimal(0n, 0);
  const variance = divideDecimal(numerator, new Decimal(count * (isSample ? count - 1n : count), 0));
  return isRoot ? rootOf(variance, variance.scale) : variance;
}

/** Of integers and numerics. */
function decimals(spread: Spread, decimalFrom: (value: Value) => Decimal): Aggregator<DecimalMoments> {
  return {
    create: () => ({ rows: 0, sum: new DecimalTotal(), squares: new DecimalTotal() }),
    add: (state, args) => {
      const value = decimalFrom(args[0]!);
      state.rows++;
      state.sum.add(value);
      state.squares.add(square(value));
    },
    remove: (state, args) => {
      const value = decimalFrom(args[0]!);
      state.rows--;
      state.sum.subtract(value);
      state.squares.subtract(square(value));
    },
    merge: (into, from) => {
      into.rows += from.rows;
      into.sum.merge(from.sum);
      into.squares.merge(from.squares);
    },
    value: (state) => decimalSpread(state, spread),
    bytes: (state) => 32 + state.sum.bytes() + state.squares.bytes(),
    write: (state, writer) => {
      writer.unsigned(state.rows);
      state.sum.write(writer);
      state.squares.write(writer);
    },
    read: (reader) => ({
      rows: reader.unsigned(),
      sum: DecimalTotal.read(reader),
      squares: DecimalTotal.read(reader),
    }),
  };
}

function doubleSpread(state: DoubleMoments, { isSample, isRoot }: Spread): Value {
  const rows = state.sum.count;
  if (rows <= (isSample ? 1 : 0)) return null;
  const variance = state.scatter(BigInt(isSample ? rows - 1 : rows));
  // A finite spread may have a variance beyond a double: PostgreSQL says so as well.
  if (state.sum.isFinite) finite(variance);
  return isRoot ? Math.sqrt(variance) : variance;
}

function doubles(spread: Spread): Aggregator<DoubleMoments> {
  return {
    create: () => new DoubleMoments(),
    add: (state, args) => state.add(args[0] as number, 1),
    remove: (state, args) => state.add(args[0] as number, -1),
    merge: (into, from) => into.merge(from),
    value: (state) => doubleSpread(state, spread),
    bytes: (state) => state.bytes(),
    write: (state, writer) => state.write(writer),
    read: (reader) => DoubleMoments.read(reader),
  };
}

const VARIANTS: readonly (readonly [string, Spread, string])[] = [
  ['variance', { isSample: true, isRoot: false }, 'The variance of a sample; NULL below two rows.'],
  ['var_samp', { isSample: true, isRoot: false }, 'The variance of a sample; NULL below two rows.'],
  ['var_pop', { isSample: false, isRoot: false }, 'The variance of all rows.'],
  ['stddev', { isSample: true, isRoot: true }, 'The standard deviation of a sample; NULL below two rows.'],
  ['stddev_samp', { isSample: true, isRoot: true }, 'The standard deviation of a sample; NULL below two rows.'],
  ['stddev_pop', { isSample: false, isRoot: true }, 'The standard deviation of all rows.'],
];

const NUMBERS: readonly (readonly [SqlType, SqlType, (spread: Spread) => Aggregator<unknown>])[] = [
  ['smallint', 'numeric', (spread) => anyState(decimals(spread, (value) => decimalOf(value as Int)))],
  ['integer', 'numeric', (spread) => anyState(decimals(spread, (value) => decimalOf(value as Int)))],
  ['bigint', 'numeric', (spread) => anyState(decimals(spread, (value) => decimalOf(value as Int)))],
  ['numeric', 'numeric', (spread) => anyState(decimals(spread, (value) => value as Decimal))],
  ['real', 'double precision', (spread) => anyState(doubles(spread))],
  ['double precision', 'double precision', (spread) => anyState(doubles(spread))],
];

/** How far values spread. */
export const statisticAggregates: readonly AggregateDefinition[] = VARIANTS.flatMap(([name, spread, help]) =>
  NUMBERS.map(([param, result, make]) => {
    const aggregator = make(spread);
    return aggregate({ name, params: [param], result, help, create: () => aggregator });
  }),
);
