/** `rate_limit(key, n, interval)`: at most n rows of a key in an interval of event time. */
import type { FuncCall } from 'libpg-query';
import { findOrdered } from '../aggregates/index.js';
import { bind, bindTyped } from '../bind.js';
import { coerce } from '../bind-call.js';
import { bindError } from '../context.js';
import type { BindContext } from '../context.js';
import { canBeTime } from './assume-time.js';
import { columnOf } from './columns.js';
import type { From } from './from.js';
import { originOf } from './lineage.js';
import type { BoundOver } from './over.js';
import type { Relation } from './relation.js';

/** Binds the call as a window function over the key's rows in event time. */
export function rateLimit(context: BindContext, call: FuncCall, from: From): BoundOver {
  const { fields } = from.relation;
  const time = timeOf(from.relation);
  const [keyNode, ...args] = call.args ?? [];
  const key = keyNode === undefined ? undefined : bindTyped(context, keyNode);
  const [n, interval] = args.map((node) => bind(context, node));
  if (key === undefined || n === undefined || interval === undefined || args.length > 2)
    throw bindError(
      context,
      'SQL_UNKNOWN_FUNCTION',
      `rate_limit takes a key, a number and an interval, not ${call.args?.length ?? 0} arguments`,
      call.location,
      "Write rate_limit(ip, 10, INTERVAL '1 minute').",
    );
  if (time < 0)
    throw bindError(
      context,
      'SQL_TYPE',
      'rate_limit needs rows that have an event time',
      call.location,
      "Write rate_limit(10, INTERVAL '1 minute') OVER (PARTITION BY key ORDER BY ts).",
    );
  const limits = [coerce(context, n, 'bigint', call.location), coerce(context, interval, 'interval', call.location)];
  const found = findOrdered('rate_limit', ['bigint', 'interval']);
  return {
    spec: {
      name: 'rate_limit',
      args: limits,
      distinct: false,
      filter: null,
      ignoreNulls: false,
      frame: { mode: 'rows', start: { kind: 'unboundedPreceding' }, end: { kind: 'currentRow' }, exclude: 'none' },
      type: found?.result ?? 'boolean',
    },
    partition: [key],
    order: [{ expression: columnOf(fields, time), descending: false, nullsFirst: false }],
  };
}

/** The event time of a relation's rows; where none is declared, the only time that they have. -1: none. */
function timeOf(relation: Relation): number {
  const declared = relation.fields.findIndex((_, i) => {
    const origin = originOf(relation, i);
    return origin?.kind === 'column' && origin.isTime;
  });
  if (declared >= 0) return declared;
  const times = relation.fields.flatMap((_, i) => (canBeTime(relation, i) ? [i] : []));
  return times.length === 1 ? times[0]! : -1;
}
