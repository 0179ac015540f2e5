/** `min`, `max` and `any_value`: one value of those that came. */
import type { SqlType } from '../plan.js';
import type { Value } from '../value.js';
import { aggregate } from './define.js';
import type { AggregateDefinition, Aggregator } from './definition.js';
import { Multiset } from './multiset.js';
import { EXTREME_TYPES, readValue, totalOrder, valueBytes, writeValue } from './values.js';

interface Held {
  value: Value;
}

/**
 * Keeps the smallest value (`sign` 1) or the largest (-1). Of values that SQL calls equal, 1.0 and 1.00, the
 * last in `totalOrder` counts as the larger, so that the order of rows makes no difference.
 */
function extreme(type: SqlType, sign: 1 | -1): Aggregator<Held> {
  const compare = totalOrder(type);
  const take = (state: Held, value: Value): void => {
    if (value === null) return;
    if (state.value === null || compare(value, state.value) * sign < 0) state.value = value;
  };
  return {
    create: () => ({ value: null }),
    add: (state, args) => take(state, args[0]!),
    merge: (into, from) => take(into, from.value),
    value: (state) => state.value,
    bytes: (state) => 24 + valueBytes(state.value),
    write: (state, writer) => writeValue(state.value, type, writer),
    read: (reader) => ({ value: readValue(type, reader) }),
  };
}

/**
 * `min` or `max` that can take rows back, because it counts every value that came: 100 bytes or so each.
 * For frames and tables where rows are taken back often and few values differ.
 */
export function removableExtreme(name: 'min' | 'max', type: SqlType): Aggregator<Multiset> {
  return {
    create: () => new Multiset(type),
    add: (state, args) => state.add(args[0]!, 1),
    remove: (state, args) => state.add(args[0]!, -1),
    merge: (into, from) => into.merge(from),
    value: (state) => (name === 'min' ? state.first() : state.last()),
    bytes: (state) => state.bytes(),
    write: (state, writer) => state.write(writer),
    read: (reader) => Multiset.read(type, reader),
  };
}

/** `min`, `max`, `any_value`. */
export const extremeAggregates: readonly AggregateDefinition[] = [
  ...EXTREME_TYPES.map((type) =>
    aggregate({
      name: 'min',
      params: [type],
      result: type,
      idempotent: true,
      help: 'The smallest value.',
      create: () => extreme(type, 1),
    }),
  ),
  ...EXTREME_TYPES.map((type) =>
    aggregate({
      name: 'max',
      params: [type],
      result: type,
      idempotent: true,
      help: 'The largest value.',
      create: () => extreme(type, -1),
    }),
  ),
  aggregate({
    name: 'any_value',
    params: ['any'],
    result: ([type]) => type!,
    idempotent: true,
    help: 'One of the values that are not NULL: always the smallest, so that a query answers the same each time.',
    create: ([type]) => extreme(type!, 1),
  }),
];
