/** Aggregates that depend on the order of rows, where nothing says which. */
import { findAggregate } from '../aggregates/index.js';
import { columnOf } from './columns.js';
import type { AggregateSpec, OrderItem, Relation } from './relation.js';

/**
 * A call over rows of a session's tables that have no key: they come as they were inserted, as PostgreSQL finds them.
 * All other rows come in the order of their values, which no order of arrival changes.
 */
export function inArrival(input: Relation, spec: AggregateSpec): AggregateSpec {
  if (spec.order.length > 0 || spec.distinct) return spec;
  const isOrdered = findAggregate(
    spec.name,
    spec.args.map(({ type }) => type),
  )?.ordered;
  if (isOrdered !== true) return spec;
  // The only fields that are hidden from queries number the rows of such tables.
  const order = input.fields.flatMap((field, index): OrderItem[] =>
    field.hidden === true ? [{ expression: columnOf(input.fields, index), descending: false, nullsFirst: false }] : [],
  );
  return order.length === 0 ? spec : { ...spec, order };
}
