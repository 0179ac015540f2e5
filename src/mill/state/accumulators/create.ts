import type { Schema } from '../../../event/schema.js';
import type { AggregateCall, Expression, SqlType, ViewPlan } from '../../../sql/plan.js';
import { sumScale } from '../../../sql/scale.js';
import { WORDS, wordKind } from '../../kernels/keys.js';
import type { BytePool } from '../byte-pool.js';
import type { Cells } from '../cells.js';
import type { Accumulator } from './accumulator.js';
import { ApproximateAccumulator } from './approximate.js';
import { CountAccumulator } from './count.js';
import { DistinctAccumulator } from './distinct.js';
import { NumberExtremeAccumulator, ValueExtremeAccumulator } from './extreme.js';
import { DecimalSumAccumulator, DoubleSumAccumulator, SumAccumulator } from './sum.js';

/** Where each aggregate's cells lie, and how many there are a group. */
export interface CellLayout {
  readonly stride: number;
  readonly offsets: readonly number[];
}

/** The cell layout of a plan's aggregates. */
export function cellLayout(plan: ViewPlan): CellLayout {
  let stride = 0;
  const offsets = plan.aggregates.map((call) => {
    const at = stride;
    stride += cellsOf(call);
    return at;
  });
  return { stride, offsets };
}

/** Makes the accumulators of a plan's aggregates, in their order. */
export type AccumulatorFactory = (cells: Cells, capacity: number) => Accumulator[];

/** The factory for a plan. */
export function accumulatorFactory(plan: ViewPlan, schema: Schema, pool: () => BytePool): AccumulatorFactory {
  const { offsets } = cellLayout(plan);
  return (cells, capacity) =>
    plan.aggregates.map((call, index) =>
      createAccumulator(call, { schema, pool, cells, at: offsets[index]!, capacity }),
    );
}

/** What accumulators are made from. */
interface Ground {
  readonly schema: Schema;
  readonly pool: () => BytePool;
  readonly cells: Cells;
  readonly at: number;
  readonly capacity: number;
}

/** Whether an aggregate's accumulators can be merged. */
export function isMergeable({ name, arg }: AggregateCall): boolean {
  if (name === 'count' || arg === null) return true;
  if (name === 'min' || name === 'max') return isNumber(arg);
  return (name === 'sum' || name === 'avg') && arg.type !== 'double precision' && scaleOf(arg) !== undefined;
}

function createAccumulator(call: AggregateCall, ground: Ground): Accumulator {
  const { name, arg } = call;
  const { cells, at, capacity } = ground;
  if (name === 'count' || arg === null) return new CountAccumulator(cells, at);
  switch (name) {
    case 'countDistinct':
      return new DistinctAccumulator(capacity, WORDS[wordKind(arg, ground.schema)], ground.pool);
    case 'approxCountDistinct':
      return new ApproximateAccumulator(capacity, arg.type);
    case 'min':
    case 'max':
      return isNumber(arg)
        ? new NumberExtremeAccumulator(cells, at, name, arg.type)
        : new ValueExtremeAccumulator(name, arg.type);
    case 'sum':
    case 'avg':
      return createSum(call, ground);
  }
}

/** Types whose values are numbers, or bigints where a number is too small. */
const NUMBERS: ReadonlySet<SqlType> = new Set<SqlType>([
  'smallint',
  'integer',
  'bigint',
  'real',
  'double precision',
  'timestamptz',
  'timestamp',
  'date',
  'time',
]);

/** Whether an extreme's values are numbers; decimals are where they come from a column. */
function isNumber({ type, kind }: Expression): boolean {
  if (type === 'numeric') return kind === 'column';
  return NUMBERS.has(type);
}

function scaleOf(arg: Expression): number | undefined {
  return arg.type === 'numeric' ? sumScale(arg) : 0;
}

function createSum(call: AggregateCall, { cells, at, capacity }: Ground): Accumulator {
  const average = call.name === 'avg';
  if (call.arg!.type === 'double precision') return new DoubleSumAccumulator(cells, at, average);
  const scale = scaleOf(call.arg!);
  if (scale === undefined) return new DecimalSumAccumulator(capacity, average);
  return new SumAccumulator(cells, at, scale, average ? 'average' : call.type === 'bigint' ? 'bigint' : 'numeric');
}

function cellsOf({ name, arg }: AggregateCall): number {
  if (name === 'count' || arg === null) return CountAccumulator.CELLS;
  if (name === 'min' || name === 'max') return isNumber(arg) ? NumberExtremeAccumulator.CELLS : 0;
  if (name !== 'sum' && name !== 'avg') return 0;
  if (arg.type === 'double precision') return DoubleSumAccumulator.CELLS;
  return scaleOf(arg) === undefined ? 0 : SumAccumulator.CELLS;
}
