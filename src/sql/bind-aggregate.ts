/** Binds aggregate calls: `count`, `sum`, … with DISTINCT and FILTER. */
import type { FuncCall, Node } from 'libpg-query';
import { makeCall } from './bind-call.js';
import { bindError } from './context.js';
import type { BindContext } from './context.js';
import type { AggregateCall, Expression, SqlType } from './plan.js';
import { refuseNode } from './refuse.js';
import { locationOf } from './tree.js';
import { isComparable, typeName } from './types.js';

const ORDERED: readonly SqlType[] = [
  'integer',
  'bigint',
  'numeric',
  'double precision',
  'text',
  'timestamptz',
  'timestamp',
  'date',
  'interval',
  'bytea',
  'text[]',
];

/** Result types of the aggregates that do not take every type. */
const RESULTS: Readonly<Record<string, Partial<Record<SqlType, SqlType>>>> = {
  sum: { integer: 'bigint', bigint: 'numeric', numeric: 'numeric', 'double precision': 'double precision' },
  avg: { integer: 'numeric', bigint: 'numeric', numeric: 'numeric', 'double precision': 'double precision' },
  min: Object.fromEntries(ORDERED.map((type) => [type, type])),
  max: Object.fromEntries(ORDERED.map((type) => [type, type])),
};

/** Gives the sketch behind `approx_count_distinct`, and shares its state. */
const SKETCH = 'approx_count_distinct_sketch';

const NAMES: ReadonlySet<string> = new Set(['count', 'sum', 'avg', 'min', 'max', 'approx_count_distinct', SKETCH]);

function nameOf(call: FuncCall): string {
  const last = (call.funcname ?? []).at(-1);
  return last !== undefined && 'String' in last ? (last.String.sval ?? '') : '';
}

/** Whether a call is an aggregate. */
export function isAggregateCall(call: FuncCall): boolean {
  return NAMES.has(nameOf(call));
}

/** How the arguments and the filter are bound: by the binder that met the call. */
export interface PartBinder {
  value(context: BindContext, node: Node): Expression;
  condition(context: BindContext, node: Node, what: string): Expression;
}

/** Binds an aggregate, adds it to the statement's list unless an equal one is there, and refers to it. */
export function bindAggregate(context: BindContext, call: FuncCall, binder: PartBinder): Expression {
  const { clause } = context;
  if (call.over !== undefined || call.agg_order !== undefined || call.agg_within_group === true)
    throw refuseNode(context, { FuncCall: call });
  if (clause === 'an aggregate') {
    throw bindError(
      context,
      'SQL_TYPE',
      'aggregate function calls cannot be nested',
      call.location,
      'Aggregate once; do the rest in a second view or in a query over this one.',
    );
  }
  if (clause !== 'SELECT' && clause !== 'HAVING') {
    const where = clause === 'WHERE' ? ' Conditions on groups go into HAVING.' : '';
    throw bindError(
      context,
      'SQL_TYPE',
      `aggregate functions are not allowed in ${clause}`,
      call.location,
      `Move it to SELECT or HAVING.${where}`,
    );
  }
  const aggregate = bindParts(context, call, binder);
  const text = keyOf(aggregate);
  const found = context.aggregates.findIndex((other) => keyOf(other) === text);
  const index = found >= 0 ? found : context.aggregates.push(aggregate) - 1;
  return { kind: 'aggregate', index, type: nameOf(call) === SKETCH ? 'bytea' : aggregate.type };
}

function bindParts(context: BindContext, call: FuncCall, binder: PartBinder): AggregateCall {
  const { clause } = context;
  context.clause = 'an aggregate';
  const args = (call.args ?? []).map((arg) => binder.value(context, arg));
  context.clause = 'FILTER';
  const filter = call.agg_filter === undefined ? null : binder.condition(context, call.agg_filter, 'FILTER');
  context.clause = clause;
  return { ...typed(context, call, args), filter };
}

function typed(context: BindContext, call: FuncCall, args: readonly Expression[]): Omit<AggregateCall, 'filter'> {
  const name = nameOf(call);
  if (call.agg_star === true && name === 'count') return { name: 'count', arg: null, type: 'bigint' };
  const [arg] = args;
  if (arg === undefined || args.length > 1) {
    const instead =
      name === 'count' && args.length === 0
        ? 'count(*) must be used to call a parameterless aggregate function.'
        : `${name} takes one argument.`;
    throw bindError(
      context,
      'SQL_TYPE',
      `function ${name}(${args.map((each) => typeName(each.type)).join(', ')}) does not exist`,
      call.location,
      instead,
    );
  }
  const distinct = call.agg_distinct === true;
  if (name === 'count' && !distinct) return { name: 'count', arg, type: 'bigint' };
  if (name === 'count' || name === 'approx_count_distinct' || name === SKETCH) {
    if (!isComparable(arg.type)) {
      throw bindError(
        context,
        'SQL_TYPE',
        `could not identify an equality operator for type ${arg.type}`,
        locationOf(call.args![0] as Node),
        'Cast it to text first.',
      );
    }
    return { name: name === 'count' ? 'countDistinct' : 'approxCountDistinct', arg, type: 'bigint' };
  }
  if (distinct && name !== 'min' && name !== 'max') {
    throw bindError(
      context,
      'SQL_UNSUPPORTED',
      `${name}(DISTINCT …) is not supported`,
      call.location,
      'Only count(DISTINCT …) is.',
    );
  }
  const type = RESULTS[name]![arg.type];
  if (type === undefined) {
    throw bindError(
      context,
      'SQL_UNKNOWN_FUNCTION',
      `function ${name}(${typeName(arg.type)}) does not exist`,
      call.location,
      `It exists for: ${Object.keys(RESULTS[name]!).join(', ')}. You might need to add explicit type casts.`,
    );
  }
  return { name: name as 'sum' | 'avg' | 'min' | 'max', arg: widened(context, name, arg), type };
}

/** A sum or average of integers runs over bigint, so that one kernel serves both. */
function widened(context: BindContext, name: string, arg: Expression): Expression {
  if ((name !== 'sum' && name !== 'avg') || arg.type !== 'integer') return arg;
  return makeCall(context, 'cast', [arg], 'bigint', undefined);
}

/** Equal text, equal call. */
function keyOf(aggregate: AggregateCall): string {
  return JSON.stringify(aggregate, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));
}
