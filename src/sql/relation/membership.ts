/**
 * EXISTS and IN as values: under OR or CASE, in the SELECT list. What WHERE joins by AND is a semi or anti join instead.
 *
 * They come from counts, which are subqueries for one value: of the rows that match, of those there are, of those that
 * have NULL where the value is.
 */
import type { Node, ResTarget, SelectStmt, SubLink } from 'libpg-query';
import { bind as bindNode, bindTyped } from '../bind.js';
import { bindOperator, coerce } from '../bind-call.js';
import { bindError, literal } from '../context.js';
import type { BindContext } from '../context.js';
import type { Expression } from '../plan.js';
import { visit } from '../walk.js';
import { LEVEL, OUTER, reference, replace } from './columns.js';
import { planCorrelated } from './correlated.js';
import type { Scalar } from './correlated.js';
import { inner } from './query-context.js';
import type { BegunSelect, QueryContext } from './query-context.js';
import type { Relation } from './relation.js';
import type { Scope } from './scope.js';

/** Where such a value stands. */
export interface Membership {
  readonly context: QueryContext;
  readonly bind: BindContext;
  readonly scope: Scope;
  /** Rows of the query around it. */
  readonly around: Relation;
  readonly link: SubLink;
  readonly select: SelectStmt;
  /** Whether the select's rows are those of its FROM and WHERE. */
  readonly isPlain: boolean;
  /** The value of a subquery. */
  add(scalar: Scalar): Expression;
  /** The value of a relation of one field and one row, which may read the query around it. */
  valueOf(relation: Relation): Expression;
}

const COUNT: Node = { FuncCall: { funcname: [{ String: { sval: 'count' } }], agg_star: true } };
/** Stands for what IN tests, among the columns of the query around it. */
const TESTED = LEVEL - 1;
const PLAIN = { limitOption: 'LIMIT_OPTION_DEFAULT', op: 'SETOP_NONE' } as const;

/** The value of EXISTS (…). */
export function existsValue(place: Membership): Expression {
  return isPositive(countOf(place, COUNT));
}

/**
 * The value of `x IN (…)`: true, false, or NULL where a comparison with NULL leaves it open. Undefined for other
 * comparisons and for rows, and where more than WHERE reads the query around it.
 */
export function inValue(place: Membership, test: Node): Expression | undefined {
  const { bind, context, link } = place;
  const name = (link.operName ?? []).map((part) => ('String' in part ? (part.String.sval ?? '') : '')).at(-1) ?? '=';
  if (name !== '=' || 'RowExpr' in test) return undefined;
  const select = place.isPlain ? place.select : wrapped(place.select);
  const inside = inner(context, { outer: [place.scope, ...context.outer] }, link.location);
  const shown = context.begin(inside, select);
  const targets = shown.targets();
  const [first] = targets;
  if (first === undefined || targets.length > 1)
    throw bindError(context.source, 'SQL_TYPE', 'subquery has too many columns', link.location);
  const node = nodeOf(first);
  const bound = bindNode(bind, test);
  const planner = context.begin(inside, { ...select, targetList: [{ ResTarget: { val: COUNT } }] });
  planner.bind.clause = 'SELECT';
  const value = first.column ?? bindTyped(planner.bind, node);
  const tested = bound.kind === 'unknown' ? coerce(bind, bound, value.type, link.location) : bound;
  // What is tested may stand for an aggregate: only one column of it is seen from inside.
  const around = reference(OUTER, TESTED, 'tested', tested.type);
  const equal = bindOperator(planner.bind, '=', [around, value], link.location);
  const scalar = planCorrelated(planner, place.around, [equal]);
  if (scalar === undefined) return undefined;
  const outer = scalar.outer.map((each) =>
    replace(each, (part) => (part.kind === 'column' && part.index === TESTED ? tested : undefined)),
  );
  const matching = isPositive(place.add({ ...scalar, outer }));
  if (!mayBeNull(tested) && !mayBeNull(value)) return matching;
  const whole = { ...place, select, isPlain: true };
  const none: Expression = { kind: 'not', arg: isPositive(countOf(whole, COUNT)), type: 'boolean' };
  const open: Expression = {
    kind: 'or',
    args: [{ kind: 'isNull', arg: tested, negated: false, type: 'boolean' }, isPositive(countOf(whole, nullsOf(node)))],
    type: 'boolean',
  };
  return {
    kind: 'case',
    branches: [
      { when: matching, result: literal(true, 'boolean') },
      { when: none, result: literal(false, 'boolean') },
      { when: open, result: literal(null, 'boolean') },
    ],
    otherwise: literal(false, 'boolean'),
    type: 'boolean',
  };
}

/** A value that counts rows of the subquery. */
function countOf(place: Membership, count: Node): Expression {
  const { context, link, scope } = place;
  const source = place.isPlain ? place.select : wrapped(place.select);
  const select = { ...source, targetList: [{ ResTarget: { val: count } }] };
  const inside = inner(context, { outer: [scope, ...context.outer] }, link.location);
  const planner: BegunSelect = context.begin(inside, select);
  const grouped = planner.correlated.length > 0 ? planCorrelated(planner, place.around) : undefined;
  return grouped === undefined ? place.valueOf(context.plan(inside, select)) : place.add(grouped);
}

/** `SELECT * FROM (select)`. */
function wrapped(select: SelectStmt): SelectStmt {
  const star: Node = { ResTarget: { val: { ColumnRef: { fields: [{ A_Star: {} }] } } } };
  const from: Node = { RangeSubselect: { subquery: { SelectStmt: select }, alias: { aliasname: '_in' } } };
  return { ...PLAIN, targetList: [star], fromClause: [from] };
}

/** What is selected, as a node: a column of `*` by its name. */
function nodeOf({ target, column }: { readonly target: ResTarget; readonly column?: Expression }): Node {
  if (column === undefined) return target.val!;
  return { ColumnRef: { fields: [{ String: { sval: target.name ?? '' } }], location: target.location ?? -1 } };
}

/** `count(*) FILTER (WHERE node IS NULL)`. */
function nullsOf(node: Node): Node {
  const isNull: Node = { NullTest: { arg: node as never, nulltesttype: 'IS_NULL' } };
  return { FuncCall: { funcname: [{ String: { sval: 'count' } }], agg_star: true, agg_filter: isNull } };
}

function isPositive(count: Expression): Expression {
  return { kind: 'call', name: '>', args: [count, literal(0, 'bigint')], type: 'boolean' };
}

function mayBeNull(expression: Expression): boolean {
  if (expression.kind === 'literal') return expression.value === null;
  let found = expression.kind !== 'column';
  visit(expression, (node) => {
    found ||= node.kind === 'column' && node.nullable;
  });
  return found;
}
