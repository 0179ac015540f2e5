/** Aggregate calls of a query. */
import type { FuncCall, Node } from 'libpg-query';
import { aggregateTable, findAggregate, isAggregateName } from '../aggregates/index.js';
import { bind, bindTyped, bindCondition } from '../bind.js';
import { coerce } from '../bind-call.js';
import { bindError } from '../context.js';
import type { BindContext } from '../context.js';
import type { Expression } from '../plan.js';
import { locationOf } from '../tree.js';
import { typeName } from '../types.js';
import { checkConstants } from './constants.js';
import { readOrder } from './order.js';
import type { AggregateSpec, OrderItem } from './relation.js';

/** The name of a call's function. */
export function callName(call: FuncCall): string {
  const last = (call.funcname ?? []).at(-1);
  return last !== undefined && 'String' in last ? (last.String.sval ?? '') : '';
}

/** Whether a call, leaving OVER out of account, is an aggregate's. */
export function isAggregate(call: FuncCall): boolean {
  return isAggregateName(callName(call));
}

/** Whether a name is that of aggregates that are called WITHIN GROUP alone. */
function isOrderedSetName(name: string): boolean {
  const overloads = aggregateTable.overloads(name);
  return overloads.length > 0 && overloads.every((overload) => overload.withinGroup === true);
}

/** Binds an aggregate over the rows that `context` sees. */
export function bindAggregateSpec(context: BindContext, call: FuncCall): AggregateSpec {
  const name = callName(call);
  const { clause } = context;
  context.clause = 'an aggregate';
  const order: OrderItem[] = (call.agg_order ?? []).map((node) => readOrder(node, (item) => bindTyped(context, item)));
  const isWithin = call.agg_within_group === true;
  const direct = (call.args ?? []).map((node) => (isWithin ? bindFraction(context, node) : bindTyped(context, node)));
  const args = isWithin ? [...order.map((item) => item.expression), ...direct] : direct;
  context.clause = 'FILTER';
  const filter = call.agg_filter === undefined ? null : bindCondition(context, call.agg_filter, 'FILTER');
  context.clause = clause;
  const bound = bindArguments(context, call, name, args);
  return {
    name,
    args: bound.args,
    distinct: call.agg_distinct === true,
    filter,
    order: isWithin && name === APPROXIMATE ? [] : order,
    type: bound.type,
  };
}

/** What stands in front of WITHIN GROUP: a bare NULL is a fraction too. */
function bindFraction(context: BindContext, node: Node): Expression {
  const bound = bind(context, node);
  return bound.kind === 'unknown' ? coerce(context, bound, 'double precision', locationOf(node)) : bound;
}

/** RisingWave writes `approx_percentile(0.5, 0.01) WITHIN GROUP (ORDER BY x)`. */
const APPROXIMATE = 'approx_percentile';

/** Casts the arguments to an overload's types. */
export function bindArguments(
  context: BindContext,
  call: FuncCall,
  name: string,
  args: readonly Expression[],
): { args: Expression[]; type: Expression['type'] } {
  if (call.agg_star === true) return { args: [], type: 'bigint' };
  const types = args.map((arg) => arg.type);
  const definition = findAggregate(name, types);
  if (definition === undefined && isOrderedSetName(name)) checkWithinGroup(context, call, name, true);
  if (definition === undefined || (name === 'count' && args.length === 0))
    throw bindError(
      context,
      'SQL_UNKNOWN_FUNCTION',
      `function ${name}(${types.map(typeName).join(', ')}) does not exist`,
      call.location,
      name === 'count' && args.length === 0
        ? 'count(*) must be used to call a parameterless aggregate function.'
        : 'You might need to add explicit type casts; docs/reference/sql.md lists the aggregates.',
    );
  const nodes: readonly Node[] = call.args ?? [];
  const cast = args.map((arg, i) => {
    const param = definition.params[i] ?? definition.params.at(-1)!;
    return param === 'any' ? arg : coerce(context, arg, param, locationOf(nodes[i]) ?? call.location);
  });
  checkWithinGroup(context, call, name, definition.withinGroup === true);
  checkConstants(context, call, definition, cast);
  const castTypes = cast.map((arg) => arg.type);
  return {
    args: cast,
    type: typeof definition.result === 'string' ? definition.result : definition.result(castTypes),
  };
}

function checkWithinGroup(context: BindContext, call: FuncCall, name: string, isOrderedSet: boolean): void {
  if (isOrderedSet === (call.agg_within_group === true)) return;
  const isDescending = (node: Node): boolean => 'SortBy' in node && node.SortBy.sortby_dir === 'SORTBY_DESC';
  if (name === APPROXIMATE && call.agg_order?.some(isDescending) === false) return;
  if (isOrderedSet)
    throw bindError(
      context,
      'SQL_TYPE',
      `WITHIN GROUP is required for ordered-set aggregate ${name}`,
      call.location,
      `Write ${name}(…) WITHIN GROUP (ORDER BY x).`,
    );
  throw bindError(
    context,
    'SQL_TYPE',
    `${name} is not an ordered-set aggregate, so it cannot have WITHIN GROUP`,
    call.location,
    `Write ${name}(x ORDER BY y).`,
  );
}
