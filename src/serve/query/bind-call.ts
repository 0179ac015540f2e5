/**
 * Binds calls: scalar functions, aggregates and window functions, all from the allow-lists.
 */
import { nameList, openNode, type Fields, type Node } from './ast.js';
import { AGGREGATES, type AggregateParts, type AggregateSignature } from './aggregates.js';
import { bindCondition, bindExpression, type Place } from './bind-expression.js';
import { bindOrder } from './bind-order.js';
import { bindFrame } from './bind-frame.js';
import type { Binder } from './binder.js';
import { convertLoosely } from './coerce.js';
import { FUNCTIONS } from './functions.js';
import { chooseSignature, resultType, wantedType, type Signature } from './signature.js';
import type { Bound, BoundOrder } from './tree.js';
import { typeText } from './types.js';

const KNOWN_FIELDS = [
  'funcname',
  'args',
  'agg_star',
  'agg_distinct',
  'agg_order',
  'agg_filter',
  'agg_within_group',
  'over',
  'funcformat',
];

/** Binds a FuncCall node. */
export function bindFunction(binder: Binder, node: Node, place: Place): Bound {
  const { statement } = binder;
  statement.onlyFields(node, KNOWN_FIELDS);
  const name = functionName(binder, node);
  if (name === 'now' || name === 'transaction_timestamp' || name === 'statement_timestamp') return binder.now();
  const aggregate = AGGREGATES.get(name);
  if (aggregate !== undefined) return bindAggregate(binder, node, place, name, aggregate);
  for (const field of ['agg_star', 'agg_distinct', 'agg_order', 'agg_filter', 'agg_within_group', 'over'])
    if (node.fields[field] !== undefined && node.fields[field] !== false)
      statement.fail('SQL_UNSUPPORTED', `${name} is no aggregate: ${field} can't be used with it`, node.fields);
  const signatures = FUNCTIONS.get(name);
  if (signatures === undefined)
    return statement.fail('SQL_UNKNOWN_FUNCTION', `function ${name} does not exist`, node.fields, similar(name));
  const args = argumentsOf(binder, node, place);
  const { signature, converted } = fit(binder, node, name, signatures, args);
  return {
    kind: 'call',
    args: converted,
    type: resultType(
      signature,
      converted.map((arg) => arg.type),
      converted,
    ),
    print: (printed) =>
      signature.print(
        printed,
        converted.map((arg) => arg.type),
      ),
  };
}

/** Fits arguments to one of the signatures, converting them; fails with what was expected. */
export function fit<S extends Pick<Signature, 'args' | 'variadic' | 'check' | 'result'>>(
  binder: Binder,
  node: Node,
  name: string,
  signatures: readonly S[],
  args: readonly Bound[],
): { signature: S; converted: Bound[] } {
  const types = args.map((arg) => arg.type);
  const chosen = chooseSignature(signatures as unknown as readonly Signature[], types) as unknown as S | null;
  if (chosen === null) {
    const forms = [...new Set(signatures.map(({ args: wanted }) => `${name}(${wanted.join(', ')})`))].join(', ');
    return binder.statement.fail(
      'SQL_TYPE',
      `function ${name}(${types.map(typeText).join(', ')}) does not exist`,
      node.fields,
      `there are ${forms}`,
    );
  }
  const converted = args.map((arg, index) => {
    const wanted = wantedType(chosen as unknown as Signature, index, arg.type);
    return wanted === null ? arg : convertLoosely(arg, wanted);
  });
  const wrong = chosen.check?.(converted);
  if (wrong !== undefined && wrong !== null) binder.statement.fail('SQL_TYPE', wrong, node.fields);
  return { signature: chosen, converted };
}

function functionName(binder: Binder, node: Node): string {
  const names = nameList(node.fields['funcname']);
  if (names.length === 1) return names[0]!;
  // The grammar itself writes pg_catalog before EXTRACT, TRIM, AT TIME ZONE and their like.
  if (names.length === 2 && names[0] === 'pg_catalog' && node.fields['funcformat'] === 'COERCE_SQL_SYNTAX')
    return names[1]!;
  return binder.statement.fail(
    'SQL_UNKNOWN_FUNCTION',
    `function ${names.join('.')} does not exist; functions have no schema`,
    node.fields,
  );
}

function argumentsOf(binder: Binder, node: Node, place: Place): Bound[] {
  return ((node.fields['args'] as unknown[] | undefined) ?? []).map((arg) => {
    const kind = openNode(arg)?.kind;
    if (kind === 'NamedArgExpr') return binder.statement.refuse('a named argument', node.fields);
    return bindExpression(binder, arg, place);
  });
}

function bindAggregate(
  binder: Binder,
  node: Node,
  place: Place,
  name: string,
  signatures: readonly AggregateSignature[],
): Bound {
  const { statement } = binder;
  const over = node.fields['over'] as Fields | undefined;
  if (over === undefined) {
    if (place.aggregates !== 'yes')
      return statement.fail(
        'SQL_UNSUPPORTED',
        `aggregate functions are not allowed in ${place.aggregates.no}`,
        node.fields,
      );
    place.onAggregate?.();
  } else if (!place.windows)
    return statement.fail('SQL_UNSUPPORTED', 'window functions are not allowed here', node.fields);
  const inner: Place =
    over === undefined
      ? { ...place, aggregates: { no: 'an aggregate' }, windows: false }
      : { ...place, windows: false };
  const args = argumentsOf(binder, node, inner);
  const star = node.fields['agg_star'] === true;
  if (star !== (args.length === 0 && name === 'count'))
    return statement.fail(
      'SQL_TYPE',
      name === 'count'
        ? 'count(*) must be used to call a parameterless aggregate function'
        : `${name}(*) does not exist`,
      node.fields,
    );
  const order = bindOrder(binder, node.fields['agg_order'], inner);
  const within = node.fields['agg_within_group'] === true;
  if (within) args.push(...order.map((one) => one.expression));
  const { signature, converted } = fit(binder, node, name, signatures, args);
  checkForm(binder, node, name, signature, { over: over !== undefined, ordered: order.length > 0, within });
  const filter =
    node.fields['agg_filter'] === undefined ? null : bindCondition(binder, node.fields['agg_filter'], inner, 'FILTER');
  const frame = over === undefined ? null : bindFrame(binder, over, inner);
  return aggregateNode(signature, converted, within ? [] : order, filter, frame, node.fields['agg_distinct'] === true);
}

function checkForm(
  binder: Binder,
  node: Node,
  name: string,
  signature: AggregateSignature,
  form: { over: boolean; ordered: boolean; within: boolean },
): void {
  const { statement } = binder;
  if (signature.windowOnly === true && !form.over)
    statement.fail('SQL_UNSUPPORTED', `window function ${name} requires an OVER clause`, node.fields);
  if (form.within !== (signature.withinGroup === true))
    statement.fail(
      'SQL_UNSUPPORTED',
      form.within ? `${name} takes no WITHIN GROUP` : `WITHIN GROUP is required for ${name}`,
      node.fields,
    );
  if (form.ordered && !form.within && signature.ordered !== true)
    statement.refuse(`ORDER BY inside ${name}`, node.fields);
  if (node.fields['agg_distinct'] === true && (form.over || signature.windowOnly === true || form.within))
    statement.refuse('DISTINCT in this call', node.fields);
  if (node.fields['agg_filter'] !== undefined && signature.windowOnly === true)
    statement.refuse(`FILTER on ${name}`, node.fields);
}

function aggregateNode(
  signature: AggregateSignature,
  args: readonly Bound[],
  order: readonly BoundOrder[],
  filter: Bound | null,
  frame: ReturnType<typeof bindFrame> | null,
  distinct: boolean,
): Bound {
  const types = args.map((arg) => arg.type);
  const all = [
    ...args,
    ...order.map((one) => one.expression),
    ...(filter === null ? [] : [filter]),
    ...(frame?.args ?? []),
  ];
  const print = (printed: readonly string[]): string => {
    const rest = printed.slice(args.length);
    const ordered = order.map(
      ({ descending, nullsFirst }, index) =>
        `${rest[index]} ${descending ? 'DESC' : 'ASC'} NULLS ${nullsFirst ? 'FIRST' : 'LAST'}`,
    );
    const afterOrder = rest.slice(order.length);
    const where = filter === null ? '' : ` FILTER (WHERE ${afterOrder.shift()!})`;
    const parts: AggregateParts = {
      distinct: distinct ? 'DISTINCT ' : '',
      order: ordered.length === 0 ? '' : ` ORDER BY ${ordered.join(', ')}`,
      tail: where + (frame === null ? '' : ` OVER (${frame.print(afterOrder)})`),
    };
    return signature.print(printed.slice(0, args.length), parts, types);
  };
  return {
    kind: 'call',
    args: all,
    print,
    type: resultType(signature as unknown as Signature, types, args),
    aggregate: frame === null ? 'aggregate' : 'window',
  };
}

/** Names that start alike, as a hint. */
function similar(name: string): string | undefined {
  const start = name.slice(0, 3);
  const found = [...FUNCTIONS.keys(), ...AGGREGATES.keys()].filter((known) => known.startsWith(start)).slice(0, 8);
  return found.length === 0 ? undefined : `there are ${found.join(', ')}`;
}
