/** JOIN: its kind, its condition, the columns in sight behind it. */
import type { JoinExpr, Node } from 'libpg-query';
import { bindCondition } from '../bind.js';
import { bindOperator, makeCall } from '../bind-call.js';
import { bindError } from '../context.js';
import type { BindContext } from '../context.js';
import type { Expression } from '../plan.js';
import { locationOf } from '../tree.js';
import type { JoinMark } from '../statements/statement.js';
import { allOf, columnOf, conjuncts, shifted } from './columns.js';
import { joinedExpansion } from './expand-from.js';
import type { From } from './from.js';
import { joinOf, sideOf } from './join-of.js';
import { isLateral, planLateral } from './lateral.js';
import type { QueryContext } from './query-context.js';
import type { Field, Join, JoinKind, Relation } from './relation.js';
import { joined, lookUp, unknownColumn } from './scope.js';
import { narrowed } from './steps.js';
import { scopeContext } from './scope-context.js';
import type { Scope, ScopeColumn } from './scope.js';

const KINDS: Readonly<Record<string, JoinKind>> = {
  JOIN_INNER: 'inner',
  JOIN_LEFT: 'left',
  JOIN_RIGHT: 'right',
  JOIN_FULL: 'full',
};

/** Plans a JOIN. */
export function planJoin(
  context: QueryContext,
  node: JoinExpr,
  planItem: (context: QueryContext, item: Node) => From,
): From {
  if (isAskedBySubquery(context, node)) return askedBySubquery(context, node);
  const left = planItem(context, node.larg!);
  const expanded = joinedExpansion(context, node, left);
  if (expanded !== undefined) return expanded;
  const lateral = isLateral(node.rarg!) ? planLateral(context, left, node.rarg.RangeSubselect, node) : undefined;
  if (lateral?.inPlace === true) return filteredBy(context, node, lateral.item);
  const right = lateral?.item ?? planItem(context, node.rarg!);
  const type = KINDS[node.jointype ?? 'JOIN_INNER']!;
  const both = joined(left.scope, right.scope);
  const binder = scopeContext(context, both);
  const names = usingNames(node, left.scope, right.scope);
  const location = beginning(node.rarg!);
  const written =
    names !== null
      ? allOf(names.map((name) => usingPair(context, binder, name, left.scope, right.scope, location)))
      : node.quals === undefined
        ? null
        : bindCondition(binder, node.quals, 'JOIN/ON');
  const condition = allOf([...conjuncts(lateral?.condition ?? null), ...conjuncts(written)]);
  const mark = context.source.joins?.get(node);
  const isSemi = mark?.kind === 'semi' || mark?.kind === 'anti';
  if (isSemi) {
    const relation = joinOf(left.relation, right.relation, mark.kind, condition);
    return { relation: { ...relation, ...(location === undefined ? {} : { location }) }, scope: left.scope };
  }
  const join = {
    ...joinOf(left.relation, right.relation, type, condition),
    ...(location === undefined ? {} : { location }),
  };
  const relation = mark === undefined ? join : marked(context, join, mark, both, node);
  const scope = names === null ? { ...both, fields: relation.fields } : merged(both, relation.fields, names, type);
  if (names !== null && (type === 'right' || type === 'full'))
    return coalesced(binder, relation, scope, names, both, type);
  return { relation, scope };
}

/** Whether the ON of an inner join has a subquery: it is then asked of the joined rows, as WHERE would. */
function isAskedBySubquery(context: QueryContext, node: JoinExpr): boolean {
  const isPlain = (node.jointype ?? 'JOIN_INNER') === 'JOIN_INNER' && context.source.joins?.has(node) !== true;
  return isPlain && node.quals !== undefined && hasSubquery(node.quals);
}

/** Whether a tree has a subquery anywhere. */
export function hasSubquery(node: unknown): boolean {
  if (typeof node !== 'object' || node === null) return false;
  return 'SubLink' in node || Object.values(node).some(hasSubquery);
}

function askedBySubquery(context: QueryContext, { quals, ...node }: JoinExpr): From {
  const planner = context.begin(context, {
    limitOption: 'LIMIT_OPTION_DEFAULT',
    op: 'SETOP_NONE',
    fromClause: [{ JoinExpr: node }],
    whereClause: quals!,
  });
  const { relation } = planner;
  const condition = allOf(planner.correlated);
  const { scope } = planner.from;
  const asked: Relation =
    condition === null ? relation : { kind: 'filter', fields: relation.fields, input: relation, condition };
  return { relation: narrowed(asked, scope.fields.length), scope };
}

/** Rows that a LATERAL subquery was put beside, and that meet the join's condition. */
function filteredBy(context: QueryContext, node: JoinExpr, from: From): From {
  if (node.quals === undefined) return from;
  const condition = bindCondition(scopeContext(context, from.scope), node.quals, 'JOIN/ON');
  const { relation, scope } = from;
  return { scope, relation: { kind: 'filter', fields: relation.fields, input: relation, condition } };
}

function usingNames(node: JoinExpr, left: Scope, right: Scope): string[] | null {
  if (node.isNatural === true) {
    const seen = (scope: Scope): string[] =>
      scope.columns.flatMap(({ isHidden, isUnlisted, name }) =>
        isHidden === true || isUnlisted === true ? [] : [name],
      );
    const others = new Set(seen(right));
    return seen(left).filter((name) => others.has(name));
  }
  if (node.usingClause === undefined) return null;
  return node.usingClause.map((name) => ('String' in name ? (name.String.sval ?? '') : ''));
}

function usingPair(
  context: QueryContext,
  binder: BindContext,
  name: string,
  left: Scope,
  right: Scope,
  location: number | undefined,
): Expression {
  const side = (scope: Scope, by: number): Expression => {
    const found = lookUp(scope, [name], context.source, location);
    if (found === undefined) throw unknownColumn(scope, [name], context.source, location);
    return shifted(found, by);
  };
  return bindOperator(binder, '=', [side(left, 0), side(right, left.fields.length)], location);
}

/** The columns behind `USING (a)`: one `a` for both, in front. */
function merged(both: Scope, fields: readonly Field[], names: readonly string[], type: JoinKind): Scope {
  const isMerged = (column: ScopeColumn): boolean => column.isHidden !== true && names.includes(column.name);
  const firsts = names.map((name) => {
    const sides = both.columns.filter((column) => column.isHidden !== true && column.name === name);
    const column = type === 'right' ? sides.at(-1)! : sides[0]!;
    return { relation: null, name, index: column.index };
  });
  const hidden = both.columns.map((column) => (isMerged(column) ? { ...column, isHidden: true } : column));
  return { fields, columns: [...firsts, ...hidden] };
}

/** RIGHT and FULL JOIN USING: the one column is whichever side has a value. */
function coalesced(
  binder: BindContext,
  relation: Relation,
  scope: Scope,
  names: readonly string[],
  both: Scope,
  type: JoinKind,
): From {
  if (type === 'right') return { relation, scope };
  const width = relation.fields.length;
  const values = names.map((name) => {
    const sides = both.columns.filter((column) => column.isHidden !== true && column.name === name);
    const [a, b] = sides.map((column) => columnOf(relation.fields, column.index));
    return makeCall(binder, 'coalesce', [a!, b!], a!.type, undefined);
  });
  const fields = [
    ...relation.fields,
    ...values.map((value, i): Field => ({ name: names[i]!, type: value.type, nullable: true })),
  ];
  const expressions = [...relation.fields.map((_, i) => columnOf(relation.fields, i)), ...values];
  const columns = scope.columns.map((column, i) => (i < names.length ? { ...column, index: width + i } : column));
  return { relation: { kind: 'project', fields, input: relation, expressions }, scope: { fields, columns } };
}

/** A join whose right side is read at one moment, or of which one best row is taken. */
function marked(context: QueryContext, join: Join, mark: JoinMark, both: Scope, node: JoinExpr): Join {
  const location = locationOf(node.rarg) ?? ('RangeVar' in node.rarg! ? node.rarg.RangeVar.location : undefined);
  if (join.type !== 'inner' && join.type !== 'left')
    throw bindError(
      context.source,
      'SQL_UNSUPPORTED',
      `a ${join.type} join can not take one row of its right side`,
      location,
      'Write an inner or a LEFT join.',
    );
  if (mark.kind === 'now') return { ...join, mode: { kind: 'lookup' } };
  if (mark.kind === 'asOfTime') {
    const left = lookUp(both, mark.column, context.source, location);
    if (left === undefined) throw unknownColumn(both, mark.column, context.source, location);
    const time = versionTime(context, join.right, location);
    return {
      ...join,
      mode: { kind: 'asOf', left, right: columnOf(join.right.fields, time), comparison: '>=' },
    };
  }
  const width = join.left.fields.length;
  const parts = conjuncts(join.condition);
  const at = parts.findIndex((part) => inequality(part, width) !== undefined);
  if (at < 0)
    throw bindError(
      context.source,
      'SQL_TYPE',
      'an ASOF join needs one inequality between its sides',
      location,
      'Write a ASOF JOIN b ON a.key = b.key AND a.ts >= b.ts.',
    );
  const { left, right, comparison } = inequality(parts[at]!, width)!;
  const condition = allOf(parts.filter((_, index) => index !== at));
  return { ...join, condition, mode: { kind: 'asOf', left, right: shifted(right, -width), comparison } };
}

function versionTime(context: QueryContext, right: Relation, location: number | undefined): number {
  if (right.kind === 'scan' && right.time !== null) return right.time;
  throw bindError(
    context.source,
    'SQL_TYPE',
    'FOR SYSTEM_TIME AS OF a time needs a table that has an event time',
    location,
    "Declare it: CREATE TABLE t (…, ts timestamptz, …) WITH (event_time = 'ts').",
  );
}

type Comparison = '>=' | '>' | '<=' | '<';
const MIRRORED: Readonly<Record<Comparison, Comparison>> = { '>=': '<=', '>': '<', '<=': '>=', '<': '>' };

/** A comparison of a left side's expression with a right side's, as left COMPARISON right. */
function inequality(
  part: Expression,
  width: number,
): { left: Expression; right: Expression; comparison: Comparison } | undefined {
  if (part.kind !== 'call' || !Object.hasOwn(MIRRORED, part.name)) return undefined;
  const [a, b] = part.args;
  const comparison = part.name as Comparison;
  const [sideA, sideB] = [sideOf(a!, width), sideOf(b!, width)];
  if (sideA === 'left' && sideB === 'right') return { left: a!, right: b!, comparison };
  if (sideA === 'right' && sideB === 'left') return { left: b!, right: a!, comparison: MIRRORED[comparison] };
  return undefined;
}

/** Where an item of FROM begins; undefined where the tree does not say. */
export function beginning(item: Node): number | undefined {
  if ('RangeVar' in item) return item.RangeVar.location;
  if ('JoinExpr' in item) return item.JoinExpr.larg === undefined ? undefined : beginning(item.JoinExpr.larg);
  if ('RangeSubselect' in item) return beginningOf(item.RangeSubselect.subquery);
  if (!('RangeFunction' in item)) return undefined;
  const [list] = item.RangeFunction.functions ?? [];
  return list !== undefined && 'List' in list ? locationOf(list.List.items?.[0]) : undefined;
}

/** Where a subquery's first column or value stands: the tree does not say where its parenthesis is. */
function beginningOf(query: Node | undefined): number | undefined {
  return query !== undefined && 'SelectStmt' in query ? locationOf(query.SelectStmt.targetList?.[0]) : undefined;
}
