/** Subqueries: those in expressions become columns, EXISTS and IN as conditions of WHERE semi and anti joins. */
import type { Node, SelectStmt, SubLink } from 'libpg-query';
import { SINGLE_VALUE } from '../aggregates/single-value.js';
import { bind, bindTyped } from '../bind.js';
import { bindOperator, makeCall, readLiteral } from '../bind-call.js';
import { bindError, literal } from '../context.js';
import type { BindContext } from '../context.js';
import type { Expression } from '../plan.js';
import { gathered } from './array-subquery.js';
import { allOf, columnOf, isReference, LEVEL, OUTER, replaceColumns } from './columns.js';
import { found, planCorrelated } from './correlated.js';
import type { Scalar } from './correlated.js';
import { dependent, meets } from './dependent.js';
import { joinOf } from './join-of.js';
import { existsValue, inValue } from './membership.js';
import type { Membership } from './membership.js';
import { readsOuter } from './outer-fields.js';
import { comparedWithAll, quantified } from './quantified.js';
import { inner } from './query-context.js';
import type { BegunSelect, QueryContext } from './query-context.js';
import type { AggregateSpec, Join, Relation } from './relation.js';
import type { Scope } from './scope.js';

function selectOf(link: SubLink): SelectStmt {
  const { subselect } = link;
  if (subselect === undefined || !('SelectStmt' in subselect)) throw new Error('a subquery is a SELECT');
  const select = subselect.SelectStmt;
  // There are rows whether they are distinct or not.
  const { distinctClause, ...undistinct } = select;
  const isCut = select.limitCount !== undefined || select.limitOffset !== undefined;
  return link.subLinkType === 'EXISTS_SUBLINK' && distinctClause !== undefined && !isCut ? undistinct : select;
}

/** A subquery in an expression; `add` gives the value of one that has one row. */
export function subqueryValue(
  context: QueryContext,
  bind: BindContext,
  scope: Scope,
  around: Relation,
  link: SubLink,
  add: (scalar: Scalar) => Expression,
): Expression {
  if (link.subLinkType === 'EXPR_SUBLINK') return add(planScalar(context, scope, around, link));
  const select = selectOf(link);
  const inside = inner(context, { outer: [scope, ...context.outer] }, link.location);
  if (link.subLinkType === 'ARRAY_SUBLINK') {
    if (context.plan(inside, select).fields.length !== 1) throw oneColumn(context, link);
    const subselect = { SelectStmt: gathered(context, link, select, isGroupless(select)) };
    const list = add(planScalar(context, scope, around, { ...link, subselect }));
    const nothing = readLiteral(bind, '{}', list.type, link.location);
    return makeCall(bind, 'coalesce', [list, nothing], list.type, link.location);
  }
  const valueOf = (relation: Relation): Expression => add(scalarOf(context, relation, around, link));
  const place: Membership = { context, bind, scope, around, link, select, isPlain: isPlain(select), add, valueOf };
  if (link.subLinkType === 'EXISTS_SUBLINK') return existsValue(place);
  if (link.subLinkType === 'ANY_SUBLINK' && link.testexpr !== undefined) {
    const value = inValue(place, link.testexpr);
    if (value !== undefined) return value;
  }
  const compared = comparedWithAll(link);
  if (compared !== undefined) return bindTyped(bind, compared);
  const has = context.plan(inside, select).fields.length;
  const wanted = link.testexpr === undefined ? 1 : rowOf(link.testexpr).length;
  if (has !== wanted) throw wrongWidth(context, has, wanted, link.location);
  const subselect = { SelectStmt: quantified(context, link, select) };
  return add(planScalar(context, scope, around, { ...link, subLinkType: 'EXPR_SUBLINK', subselect }));
}

function oneColumn(context: QueryContext, link: SubLink): Error {
  return bindError(context.source, 'SQL_TYPE', 'subquery must return only one column', link.location);
}

/** A subquery that stands for one value: one field, one row at most. */
function planScalar(context: QueryContext, scope: Scope, around: Relation, link: SubLink): Scalar {
  const inside = inner(context, { outer: [scope, ...context.outer] }, link.location);
  const select = selectOf(link);
  if (isGroupless(select)) {
    const planner = context.begin(inside, select);
    const grouped = planner.correlated.length > 0 ? planCorrelated(planner, around) : undefined;
    if (grouped !== undefined) return grouped;
  }
  const relation = context.plan(inside, select);
  if (relation.fields.length !== 1) throw oneColumn(context, link);
  return scalarOf(context, relation, around, link);
}

/** The value of a relation of one field, for each row of the query around it. */
function scalarOf(context: QueryContext, relation: Relation, around: Relation, link: SubLink): Scalar {
  // What is asked once can say that there were more; what stands would say it of rows that are right.
  const isOne = hasOneRow(relation);
  if (!isOne && !context.isBatch)
    throw bindError(
      context.source,
      'SQL_UNSUPPORTED',
      'this subquery may give several rows',
      link.location,
      'Aggregate it, as in (SELECT max(x) FROM …), or add LIMIT 1.',
    );
  if (!readsOuter(relation)) return { relation: isOne ? relation : onlyRow(relation, 0), outer: [], empty: null };
  const { outer, relation: whole } = dependent(context.source, relation, around, link.location);
  const keyed = isOne ? valueLast(whole) : onlyRow(whole, outer.length);
  // It reads queries further out alone.
  if (outer.length === 0) return { relation: keyed, outer: [], empty: null };
  const columns = outer.map((field) => columnOf(around.fields, field));
  return { relation: found(keyed), outer: columns, nullSafe: 0, empty: null };
}

/** A relation whose first field comes last. */
function valueLast(input: Relation): Relation {
  const order = [...input.fields.keys()].slice(1).concat(0);
  const fields = order.map((i) => input.fields[i]!);
  return { kind: 'project', fields, input, expressions: order.map((i) => columnOf(input.fields, i)) };
}

/**
 * The one value of a relation, NULL where there is none, for each set of the `keys` fields behind it, which come first.
 * That there are more is an error of the query.
 */
function onlyRow(input: Relation, keys: number): Relation {
  const field = { ...input.fields[0]!, nullable: true };
  const spec: AggregateSpec = {
    name: SINGLE_VALUE,
    args: [columnOf(input.fields, 0)],
    distinct: false,
    filter: null,
    order: [],
    type: field.type,
  };
  return {
    kind: 'aggregate',
    fields: [...input.fields.slice(1), field],
    input,
    keys: Array.from({ length: keys }, (_, i) => columnOf(input.fields, 1 + i)),
    sets: null,
    aggregates: [spec],
    always: keys === 0,
    windowEnd: null,
  };
}

/** Whether a relation never has more than one row. */
function hasOneRow(relation: Relation): boolean {
  switch (relation.kind) {
    case 'aggregate':
      return relation.keys.length === 0 && relation.sets === null;
    case 'project':
    case 'filter':
      return hasOneRow(relation.input);
    case 'top':
      return relation.partition.length === 0 && relation.limit !== null && relation.limit <= 1;
    case 'values':
      return relation.rows.length <= 1;
    case 'join':
      return hasOneRow(relation.left) && (hasOneRow(relation.right) || relation.type === 'semi');
    default:
      return false;
  }
}

/** A subquery's join, which messages place where the subquery is. */
function at(join: Join, { location }: SubLink): Join {
  return location === undefined ? join : { ...join, location };
}

/** Applies one condition of WHERE: itself, or, where it is a subquery's, null and a join. */
export function applyCondition(planner: BegunSelect, node: Node): Expression | null {
  const { link, negated } = subqueryOf(node);
  if (link === undefined) return planner.condition(node);
  if (link.subLinkType === 'EXISTS_SUBLINK') {
    planner.relation = exists(planner, link, negated, null);
    return null;
  }
  if (link.subLinkType !== 'ANY_SUBLINK') return planner.condition(node);
  planner.relation = exists(planner, link, negated, link.testexpr ?? null);
  return null;
}

function subqueryOf(node: Node): { link: SubLink | undefined; negated: boolean } {
  if ('SubLink' in node) return { link: node.SubLink, negated: false };
  if ('BoolExpr' in node && node.BoolExpr.boolop === 'NOT_EXPR') {
    const [arg] = node.BoolExpr.args ?? [];
    if (arg !== undefined && 'SubLink' in arg) return { link: arg.SubLink, negated: true };
  }
  return { link: undefined, negated: false };
}

/** Whether the rows of a SELECT are those of its FROM and WHERE. */
function isPlain(select: SelectStmt): boolean {
  return isGroupless(select) && !JSON.stringify(select.targetList ?? []).includes('"FuncCall"');
}

/** Whether a SELECT has nothing but FROM, WHERE and what it selects. */
function isGroupless(select: SelectStmt): boolean {
  return (
    (select.op === undefined || select.op === 'SETOP_NONE') &&
    select.withClause === undefined &&
    select.valuesLists === undefined &&
    select.distinctClause === undefined &&
    select.groupClause === undefined &&
    select.havingClause === undefined &&
    select.limitCount === undefined &&
    select.limitOffset === undefined
  );
}

/** The semi or anti join of EXISTS or IN. */
function exists(planner: BegunSelect, link: SubLink, negated: boolean, test: Node | null): Relation {
  const { context } = planner;
  const select = selectOf(link);
  const inside = inner(context, { outer: [planner.from.scope, ...context.outer] }, link.location);
  const tested = test === null ? [] : rowOf(test).map((item) => bind(planner.bind, item));
  const name = (link.operName ?? []).map((part) => ('String' in part ? (part.String.sval ?? '') : '')).at(-1) ?? '=';
  const { conditions, right, values } =
    (isPlain(select) ? plainRight(inside, select, tested.length) : undefined) ??
    wholeRight(inside, select, tested.length, link, planner.relation);
  const width = planner.relation.fields.length;
  const parts = conditions.map((condition) => onBothSides(condition, width));
  const equal = tested.map((item, i) =>
    bindOperator(planner.bind, name, [item, onBothSides(values[i]!, width)], link.location),
  );
  // NOT IN is not true as soon as one comparison is NULL: such a pair counts as equal.
  if (negated && equal.length > 0) parts.push(notFalse(allOf(equal)!));
  else parts.push(...equal);
  return at(joinOf(planner.relation, right, negated ? 'anti' : 'semi', allOf(parts)), link);
}

function notFalse(condition: Expression): Expression {
  return { kind: 'call', name: 'isDistinct', args: [condition, literal(false, 'boolean')], type: 'boolean' };
}

/** A condition over a subquery's rows and the query around it, over both sides of a join. */
function onBothSides(condition: Expression, width: number): Expression {
  return replaceColumns(condition, (column) =>
    isReference(column, OUTER)
      ? { ...column, index: column.index - (column.index < OUTER + LEVEL ? OUTER : LEVEL) }
      : { ...column, index: column.index + width },
  );
}

/** The items of `(a, b) IN …`. */
function rowOf(test: Node): readonly Node[] {
  return 'RowExpr' in test ? (test.RowExpr.args ?? []) : [test];
}

interface Right {
  readonly right: Relation;
  /** What IN compares with, one for each item. */
  readonly values: readonly Expression[];
  readonly conditions: readonly Expression[];
}

/** The error of a subquery whose columns are not as many as what IN compares. */
function wrongWidth(context: QueryContext, has: number, wanted: number, location: number | undefined): Error {
  const what = has > wanted ? 'many' : 'few';
  return bindError(context.source, 'SQL_TYPE', `subquery has too ${what} columns`, location);
}

/** Undefined where FROM reads the query around it. */
function plainRight(context: QueryContext, select: SelectStmt, width: number): Right | undefined {
  const planner = context.begin(context, select);
  if (readsOuter(planner.relation)) return undefined;
  let values: Expression[] = [];
  if (width > 0) {
    const targets = planner.targets();
    if (targets.length !== width) throw wrongWidth(context, targets.length, width, undefined);
    planner.bind.clause = 'SELECT';
    values = targets.map(({ column, target }) => column ?? bindTyped(planner.bind, target.val!));
  }
  return { right: planner.relation, values, conditions: planner.correlated };
}

function wholeRight(context: QueryContext, select: SelectStmt, width: number, link: SubLink, around: Relation): Right {
  const relation = context.plan(context, select);
  if (width > 0 && relation.fields.length !== width)
    throw wrongWidth(context, relation.fields.length, width, link.location);
  const values = relation.fields.map((_, i) => columnOf(relation.fields, i));
  if (!readsOuter(relation)) return { right: relation, values, conditions: [] };
  const { outer, relation: right } = dependent(context.source, relation, around, link.location);
  return { right, values, conditions: meets(right, outer, around) };
}
