/**
 * `corr`, `covar_…` and `regr_…` of pairs (y, x), with PostgreSQL's meaning of the empty and the flat case
 * (`float8_regr_accum` and its readers). The five sums are exact; each result rounds where it is computed.
 */
import type { ByteReader, ByteWriter } from '../../util/bytes.js';
import type { Value } from '../value.js';
import { aggregate } from './define.js';
import type { AggregateDefinition, Aggregator } from './definition.js';
import { scatterOf } from './double-moments.js';
import { DoubleTotal, finite } from './double-total.js';
import { ExactDouble } from './exact-double.js';

/** Sums of y, x, and their products. A pair counts when both are there. */
class Pairs {
  readonly y = new DoubleTotal();
  readonly x = new DoubleTotal();
  #yy = new ExactDouble();
  #xx = new ExactDouble();
  #xy = new ExactDouble();

  add(y: number, x: number, sign: 1 | -1): void {
    this.y.add(y, sign);
    this.x.add(x, sign);
    const isYFinite = Number.isFinite(y);
    const isXFinite = Number.isFinite(x);
    if (isYFinite) this.#yy.addProduct(y, y, sign);
    if (isXFinite) this.#xx.addProduct(x, x, sign);
    if (isXFinite && isYFinite) this.#xy.addProduct(x, y, sign);
  }

  merge(other: Pairs): void {
    this.y.merge(other.y);
    this.x.merge(other.x);
    this.#yy.merge(other.#yy);
    this.#xx.merge(other.#xx);
    this.#xy.merge(other.#xy);
  }

  get rows(): number {
    return this.x.count;
  }

  /** Sum of squared distances of x from its mean. */
  sxx(): number {
    return this.x.isFinite ? finite(scatterOf(this.rows, this.#xx, this.x.exact, this.x.exact, 1n)) : NaN;
  }

  syy(): number {
    return this.y.isFinite ? finite(scatterOf(this.rows, this.#yy, this.y.exact, this.y.exact, 1n)) : NaN;
  }

  sxy(): number {
    if (!this.x.isFinite || !this.y.isFinite) return NaN;
    return finite(scatterOf(this.rows, this.#xy, this.x.exact, this.y.exact, 1n));
  }

  bytes(): number {
    return 64 + [this.y, this.x, this.#yy, this.#xx, this.#xy].reduce((sum, part) => sum + part.bytes(), 0);
  }

  write(writer: ByteWriter): void {
    for (const part of [this.y, this.x, this.#yy, this.#xx, this.#xy]) part.write(writer);
  }

  static read(reader: ByteReader): Pairs {
    const pairs = new Pairs();
    pairs.y.merge(DoubleTotal.read(reader));
    pairs.x.merge(DoubleTotal.read(reader));
    pairs.#yy = ExactDouble.read(reader);
    pairs.#xx = ExactDouble.read(reader);
    pairs.#xy = ExactDouble.read(reader);
    return pairs;
  }
}

function pairs(result: (state: Pairs) => Value): Aggregator<Pairs> {
  return {
    create: () => new Pairs(),
    add: (state, [y, x]) => state.add(y as number, x as number, 1),
    remove: (state, [y, x]) => state.add(y as number, x as number, -1),
    merge: (into, from) => into.merge(from),
    value: result,
    bytes: (state) => state.bytes(),
    write: (state, writer) => state.write(writer),
    read: (reader) => Pairs.read(reader),
  };
}

/** NULL below `rows` pairs. */
const from = (rows: number, result: (state: Pairs) => Value) => (state: Pairs) =>
  state.rows < rows ? null : result(state);

/** NULL where all x are equal. */
const sloped = (result: (state: Pairs, sxx: number) => Value): ((state: Pairs) => Value) =>
  from(1, (state) => {
    const sxx = state.sxx();
    return sxx === 0 ? null : result(state, sxx);
  });

function correlation(state: Pairs): Value {
  const sxx = state.sxx();
  const syy = state.syy();
  if (sxx === 0 || syy === 0) return null;
  const product = sxx * syy;
  // The roots apart do not overflow or vanish where their product would.
  const root = product > 0 && product < Infinity ? Math.sqrt(product) : Math.sqrt(sxx) * Math.sqrt(syy);
  return state.sxy() / root;
}

function determination(state: Pairs, sxx: number): Value {
  const syy = state.syy();
  if (syy === 0) return 1;
  const sxy = state.sxy();
  return (sxy / sxx) * (sxy / syy);
}

const RESULTS: readonly (readonly [string, (state: Pairs) => Value, string])[] = [
  ['corr', from(1, correlation), 'The correlation coefficient.'],
  ['covar_pop', from(1, (state) => state.sxy() / state.rows), 'The covariance of all pairs.'],
  ['covar_samp', from(2, (state) => state.sxy() / (state.rows - 1)), 'The covariance of a sample.'],
  ['regr_avgx', from(1, (state) => (state.x.value() + 0) / state.rows), 'The average of the second argument.'],
  ['regr_avgy', from(1, (state) => (state.y.value() + 0) / state.rows), 'The average of the first argument.'],
  ['regr_sxx', from(1, (state) => state.sxx()), 'Sum of squares of the second argument about its mean.'],
  ['regr_syy', from(1, (state) => state.syy()), 'Sum of squares of the first argument about its mean.'],
  ['regr_sxy', from(1, (state) => state.sxy()), 'Sum of products about the means.'],
  ['regr_slope', sloped((state, sxx) => state.sxy() / sxx), 'The slope of the line of least squares.'],
  [
    'regr_intercept',
    sloped((state, sxx) => (state.y.value() - state.x.value() * (state.sxy() / sxx)) / state.rows),
    'Where the line of least squares meets x = 0.',
  ],
  ['regr_r2', sloped(determination), 'The square of the correlation coefficient.'],
];

/** Aggregates of pairs of doubles. */
export const regressionAggregates: readonly AggregateDefinition[] = [
  aggregate({
    name: 'regr_count',
    params: ['double precision', 'double precision'],
    result: 'bigint',
    help: 'How many rows have both values.',
    create: () => pairs((state) => state.rows),
  }),
  ...RESULTS.map(([name, result, help]) => {
    const aggregator = pairs(result);
    return aggregate({
      name,
      params: ['double precision', 'double precision'],
      result: 'double precision',
      help,
      create: () => aggregator,
    });
  }),
];
