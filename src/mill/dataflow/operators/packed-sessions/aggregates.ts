/**
 * Partial aggregates in arrays, by slot: `count`, `sum` and `avg` of integers and decimals, `min` and `max` of what
 * numbers hold.
 *
 * Sums are whole units in doubles, exact up to `UNITS_MAX`. A slot whose state does not fit (a larger sum, decimals
 * of another scale than the first, integers that no number holds) goes on as the general aggregate's state.
 * States are saved as the general aggregate's are.
 */
import type { Aggregator } from '../../../../sql/aggregates/definition.js';
import type { SqlType } from '../../../../sql/plan.js';
import type { AggregateSpec } from '../../../../sql/relation/relation.js';
import { accumulatorOf } from '../accumulators.js';
import { PackedCount } from './count.js';
import { PackedExtreme, type Held } from './extreme.js';
import type { PackedAggregate } from './packed-aggregate.js';
import { PackedTotal, type CountedTotal } from './total.js';

const INTEGERS: ReadonlySet<SqlType> = new Set(['smallint', 'integer', 'bigint']);
const MOMENTS: ReadonlySet<SqlType> = new Set(['timestamptz', 'timestamp', 'date', 'time']);

/** The packed form of a call; null where there is none. */
export function packedAggregateOf(spec: AggregateSpec): PackedAggregate | null {
  const { args, distinct, name } = spec;
  const type = args[0]?.type;
  if (args.length > 1 || spec.order.length > 0) return null;
  if (name === 'count') return distinct ? null : new PackedCount();
  if (type === undefined) return null;
  const isNumeric = INTEGERS.has(type) || type === 'numeric';
  const aggregator = (): Aggregator<unknown> => accumulatorOf(spec, { removes: false, merges: true }).aggregator;
  if (name === 'sum' || name === 'avg') {
    if (distinct || !isNumeric) return null;
    return new PackedTotal(aggregator() as Aggregator<CountedTotal>, type, name === 'avg');
  }
  if (name !== 'min' && name !== 'max' && name !== 'any_value') return null;
  if (!isNumeric && !MOMENTS.has(type)) return null;
  return new PackedExtreme(aggregator() as Aggregator<Held>, type, name === 'max' ? -1 : 1);
}
