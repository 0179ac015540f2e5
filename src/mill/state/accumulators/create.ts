import type { Schema } from '../../../event/schema.js';
import type { AggregateCall, ViewPlan } from '../../sql/plan.js';
import { sumScale } from '../../sql/scale.js';
import { WORDS, wordKind } from '../../kernels/keys.js';
import type { BytePool } from '../byte-pool.js';
import type { Accumulator } from './accumulator.js';
import { ApproximateAccumulator } from './approximate.js';
import { CountAccumulator } from './count.js';
import { DistinctAccumulator } from './distinct.js';
import { NumberExtremeAccumulator, ValueExtremeAccumulator } from './extreme.js';
import type { Extreme } from './extreme.js';
import { DecimalSumAccumulator, DoubleSumAccumulator, SumAccumulator } from './sum.js';

/** Makes the accumulators of a plan's aggregates, in their order. */
export function accumulatorFactory(
  plan: ViewPlan,
  schema: Schema,
  pool: () => BytePool,
): (capacity: number) => Accumulator[] {
  return (capacity) => plan.aggregates.map((call) => createAccumulator(call, schema, pool, capacity));
}

function createAccumulator(call: AggregateCall, schema: Schema, pool: () => BytePool, capacity: number): Accumulator {
  const { name, arg } = call;
  if (name === 'count' || arg === null) return new CountAccumulator(capacity);
  switch (name) {
    case 'countDistinct':
      return new DistinctAccumulator(capacity, WORDS[wordKind(arg, schema)], pool);
    case 'approxCountDistinct':
      return new ApproximateAccumulator(capacity, arg.type);
    case 'min':
    case 'max':
      return createExtreme(call, capacity, name);
    case 'sum':
    case 'avg':
      return createSum(call, capacity);
  }
}

function createExtreme(call: AggregateCall, capacity: number, end: Extreme): Accumulator {
  const { type, kind } = call.arg!;
  const byNumber =
    type === 'numeric'
      ? kind === 'column'
      : ['integer', 'bigint', 'double precision', 'timestamptz', 'timestamp', 'date'].includes(type);
  return byNumber ? new NumberExtremeAccumulator(capacity, end, type) : new ValueExtremeAccumulator(end, type);
}

function createSum(call: AggregateCall, capacity: number): Accumulator {
  const { type } = call.arg!;
  const average = call.name === 'avg';
  if (type === 'double precision') return new DoubleSumAccumulator(capacity, average);
  const scale = type === 'numeric' ? sumScale(call.arg!) : 0;
  if (scale === undefined) return new DecimalSumAccumulator(capacity, average);
  return new SumAccumulator(capacity, scale, average ? 'average' : call.type === 'bigint' ? 'bigint' : 'numeric');
}
