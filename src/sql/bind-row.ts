/** Binds what takes rows: `(a, b) = (c, d)`, `(a, b) IN (…)`, `(a, b) IS NULL`. Nothing is left of the row but its items. */
import type { Node } from 'libpg-query';
import { bindOperator, coerceAll, makeCall } from './bind-call.js';
import { bindError } from './context.js';
import type { BindContext, Bound } from './context.js';
import type { NodeBinder } from './bind-array.js';
import type { Expression } from './plan.js';

/** The items of a row that is written out; undefined for anything else. */
export function rowItems(node: Node | undefined): readonly Node[] | undefined {
  return node !== undefined && 'RowExpr' in node ? (node.RowExpr.args ?? []) : undefined;
}

const all = (args: readonly Expression[]): Expression => ({ kind: 'and', args, type: 'boolean' });
const any = (args: readonly Expression[]): Expression => ({ kind: 'or', args, type: 'boolean' });
const not = (arg: Expression): Expression => ({ kind: 'not', arg, type: 'boolean' });

const ORDERS: Readonly<Record<string, string>> = { '<': '<', '<=': '<', '>': '>', '>=': '>' };

/** A comparison of two rows; undefined where neither side is a row. */
export function bindRowComparison(
  context: BindContext,
  name: string,
  left: Node | undefined,
  right: Node | undefined,
  location: number | undefined,
  bind: NodeBinder,
): Expression | undefined {
  const first = rowItems(left);
  const second = rowItems(right);
  if (first === undefined && second === undefined) return undefined;
  if (first === undefined || second === undefined)
    throw bindError(context, 'SQL_UNSUPPORTED', 'a row compares with a row that is written out', location);
  if (first.length !== second.length)
    throw bindError(context, 'SQL_TYPE', 'unequal number of entries in row expressions', location);
  const pairs = first.map((item, i) => [bind(context, item), bind(context, second[i]!)] as const);
  const compare = (operator: string, [a, b]: readonly [Bound, Bound]): Expression =>
    bindOperator(context, operator, [a, b], location);
  if (name === '=') return all(pairs.map((pair) => compare('=', pair)));
  if (name === '<>' || name === '!=') return any(pairs.map((pair) => compare('<>', pair)));
  if (name === 'IS DISTINCT FROM') return any(pairs.map((pair) => distinct(context, pair, location)));
  const strict = ORDERS[name];
  if (strict === undefined || pairs.length === 0)
    throw bindError(context, 'SQL_TYPE', `operator does not exist: record ${name} record`, location);
  const last = compare(name, pairs.at(-1)!);
  // Items decide from the left: where a pair is equal, what follows does.
  return pairs.slice(0, -1).reduceRight<Expression>(
    (rest, pair) => ({
      kind: 'case',
      branches: [{ when: compare('=', pair), result: rest }],
      otherwise: compare(strict, pair),
      type: 'boolean',
    }),
    last,
  );
}

function distinct(context: BindContext, [a, b]: readonly [Bound, Bound], location: number | undefined): Expression {
  const { args } = coerceAll(context, 'IS DISTINCT FROM', [a, b], location);
  return makeCall(context, 'isDistinct', args, 'boolean', location);
}

/** `(a, b) IN ((c, d), …)`. */
export function bindRowIn(
  context: BindContext,
  left: Node,
  list: readonly Node[],
  negated: boolean,
  location: number | undefined,
  bind: NodeBinder,
): Expression {
  const found = any(list.map((item) => bindRowComparison(context, '=', left, item, location, bind)!));
  return negated ? not(found) : found;
}

/** `(a, b) IS NULL`: all are; `IS NOT NULL`: none is. */
export function bindRowNullTest(items: readonly Expression[], negated: boolean): Expression {
  return all(items.map((arg) => ({ kind: 'isNull', arg, negated, type: 'boolean' })));
}
