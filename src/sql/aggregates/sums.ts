/** `sum` and `avg`: exact in any order, and what was added can be taken back. */
import { Decimal, divideDecimal } from '../decimal.js';
import type { SqlType } from '../plan.js';
import { int64Of } from '../value.js';
import type { Int, Value } from '../value.js';
import { DecimalTotal } from './decimal-total.js';
import { aggregate, anyState } from './define.js';
import type { AggregateDefinition, Aggregator } from './definition.js';
import { DoubleTotal, finite } from './double-total.js';
import { IntegerTotal } from './integer-total.js';
import { intervalAverage, intervalTotal } from './interval-sums.js';

interface Counted<Total> {
  rows: number;
  readonly total: Total;
}

/** The average of `rows` numerics, as PostgreSQL rounds it. */
export function averageOf(sum: Decimal, rows: number): Decimal {
  return divideDecimal(sum, new Decimal(BigInt(rows), 0));
}

function integers(result: (sum: bigint, rows: number) => Value): Aggregator<Counted<IntegerTotal>> {
  return {
    create: () => ({ rows: 0, total: new IntegerTotal() }),
    add: (state, args) => {
      state.rows++;
      state.total.add(args[0] as Int);
    },
    remove: (state, args) => {
      state.rows--;
      state.total.subtract(args[0] as Int);
    },
    merge: (into, from) => {
      into.rows += from.rows;
      into.total.merge(from.total);
    },
    value: ({ rows, total }) => (rows === 0 ? null : result(total.value(), rows)),
    bytes: () => 96,
    write: ({ rows, total }, writer) => {
      writer.unsigned(rows);
      total.write(writer);
    },
    read: (reader) => ({ rows: reader.unsigned(), total: IntegerTotal.read(reader) }),
  };
}

function decimals(result: (sum: Decimal, rows: number) => Value): Aggregator<Counted<DecimalTotal>> {
  return {
    create: () => ({ rows: 0, total: new DecimalTotal() }),
    add: (state, args) => {
      state.rows++;
      state.total.add(args[0] as Decimal);
    },
    remove: (state, args) => {
      state.rows--;
      state.total.subtract(args[0] as Decimal);
    },
    merge: (into, from) => {
      into.rows += from.rows;
      into.total.merge(from.total);
    },
    value: ({ rows, total }) => (rows === 0 ? null : result(total.value(), rows)),
    bytes: ({ total }) => 48 + total.bytes(),
    write: ({ rows, total }, writer) => {
      writer.unsigned(rows);
      total.write(writer);
    },
    read: (reader) => ({ rows: reader.unsigned(), total: DecimalTotal.read(reader) }),
  };
}

function doubles(result: (sum: number, rows: number) => Value): Aggregator<DoubleTotal> {
  return {
    create: () => new DoubleTotal(),
    add: (state, args) => state.add(args[0] as number, 1),
    remove: (state, args) => state.add(args[0] as number, -1),
    merge: (into, from) => into.merge(from),
    value: (state) => (state.count === 0 ? null : result(state.value(), state.count)),
    bytes: (state) => state.bytes(),
    write: (state, writer) => state.write(writer),
    read: (reader) => DoubleTotal.read(reader),
  };
}

/** The mean; PostgreSQL begins at 0, so that of negative zeros is none. */
function mean(sum: number, rows: number): number {
  return (sum + 0) / rows;
}

/** The real nearest to an exact sum. PostgreSQL rounds to 32 bits at each row. */
function realSum(sum: number): number {
  const real = Math.fround(sum);
  return Number.isFinite(sum) ? finite(real) : real;
}

const SUMS: readonly (readonly [SqlType, SqlType, Aggregator<unknown>])[] = [
  ['smallint', 'bigint', anyState(integers((sum) => int64Of(sum)))],
  ['integer', 'bigint', anyState(integers((sum) => int64Of(sum)))],
  ['bigint', 'numeric', anyState(integers((sum) => new Decimal(sum, 0)))],
  ['numeric', 'numeric', anyState(decimals((sum) => sum))],
  ['real', 'real', anyState(doubles(realSum))],
  ['double precision', 'double precision', anyState(doubles((sum) => sum))],
  ['interval', 'interval', anyState(intervalTotal)],
];

const AVERAGES: readonly (readonly [SqlType, SqlType, Aggregator<unknown>])[] = [
  ['smallint', 'numeric', anyState(integers((sum, rows) => averageOf(new Decimal(sum, 0), rows)))],
  ['integer', 'numeric', anyState(integers((sum, rows) => averageOf(new Decimal(sum, 0), rows)))],
  ['bigint', 'numeric', anyState(integers((sum, rows) => averageOf(new Decimal(sum, 0), rows)))],
  ['numeric', 'numeric', anyState(decimals(averageOf))],
  ['real', 'double precision', anyState(doubles(mean))],
  ['double precision', 'double precision', anyState(doubles(mean))],
  ['interval', 'interval', anyState(intervalAverage)],
];

/** `sum` and `avg` of every type that has them. */
export const sumAggregates: readonly AggregateDefinition[] = [
  ...SUMS.map(([param, result, aggregator]) =>
    aggregate({ name: 'sum', params: [param], result, help: 'The sum; NULL over no rows.', create: () => aggregator }),
  ),
  ...AVERAGES.map(([param, result, aggregator]) =>
    aggregate({
      name: 'avg',
      params: [param],
      result,
      help: 'The average; NULL over no rows.',
      create: () => aggregator,
    }),
  ),
];
