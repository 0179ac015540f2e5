/** Every aggregate and every ordered function, family by family. */
import type { BindingType } from '../types.js';
import { approximateAggregates } from './approximate.js';
import { booleanAggregates } from './booleans.js';
import { collectionAggregates } from './collections.js';
import { countAggregates } from './count.js';
import type { AggregateDefinition, OrderedDefinition } from './definition.js';
import { extremeAggregates } from './extremes.js';
import { jsonAggregates } from './json.js';
import { orderedSetAggregates } from './ordered-sets.js';
import { ewmaFunctions } from './ordered/ewma.js';
import { rateLimitFunctions } from './ordered/rate-limit.js';
import { forestFunctions } from './ordered/rcf.js';
import { zscoreFunctions } from './ordered/zscore.js';
import { regressionAggregates } from './regression.js';
import { SINGLE_VALUE, singleValue } from './single-value.js';
import { statisticAggregates } from './statistics.js';
import { sumAggregates } from './sums.js';
import { OverloadTable } from './table.js';

export * from './sketches/readers.js';

/** The aggregates that binding, the dataflow and the docs share. */
export const aggregateTable = new OverloadTable<AggregateDefinition>([
  ...countAggregates,
  ...sumAggregates,
  ...extremeAggregates,
  ...booleanAggregates,
  ...statisticAggregates,
  ...regressionAggregates,
  ...orderedSetAggregates,
  ...collectionAggregates,
  ...jsonAggregates,
  ...approximateAggregates,
]);

/** Functions that see a partition's rows in order. */
export const orderedTable = new OverloadTable<OrderedDefinition>([
  ...ewmaFunctions,
  ...zscoreFunctions,
  ...rateLimitFunctions,
  ...forestFunctions,
]);

/** The aggregate that a call means, by PostgreSQL's rules for overloads; undefined where none or several fit. */
export function findAggregate(name: string, args: readonly BindingType[]): AggregateDefinition | undefined {
  return name === SINGLE_VALUE ? singleValue : aggregateTable.find(name, args);
}

/** Whether a name is an aggregate's. */
export function isAggregateName(name: string): boolean {
  return aggregateTable.isName(name);
}

/** The ordered function that a call means; undefined where none or several fit. */
export function findOrdered(name: string, args: readonly BindingType[]): OrderedDefinition | undefined {
  return orderedTable.find(name, args);
}

/** Whether a name is an ordered function's. */
export function isOrderedName(name: string): boolean {
  return orderedTable.isName(name);
}
