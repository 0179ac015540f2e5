/** Turns a parsed view into a plan: windows, WHERE, GROUP BY, aggregates, SELECT, HAVING. */
import type { Node, ResTarget, SelectStmt } from 'libpg-query';
import { bindCondition, bindTyped } from './bind.js';
import { bindError } from './context.js';
import type { BindContext, Catalog, CatalogStream } from './context.js';
import { bindFrom } from './plan-from.js';
import { readOptions } from './plan-options.js';
import type { Expression, OutputColumn, SqlType, ViewPlan } from './plan.js';
import type { ViewStatement } from './parse.js';
import { refusal } from './refuse.js';
import { regroup, sameExpression } from './regroup.js';
import { isSketch } from './sketch-output.js';
import { locationOf } from './tree.js';
import { isComparable } from './types.js';
import { visit } from './walk.js';

/** Columns of every view's rows that a SELECT may not name otherwise. */
const RESERVED: ReadonlySet<string> = new Set(['op', 'state', 'reason', 'rev', 'received_at']);

/**
 * Binds a view to the catalog.
 *
 * @throws SQL_* with file, line, column, a caret, and what to write instead.
 */
export function planView(view: ViewStatement, catalog: Catalog): ViewPlan {
  const { select } = view;
  refuseShape(view, select);
  const from = bindFrom(view, select, catalog);
  const context: BindContext = {
    text: view.text,
    file: view.file,
    stream: from.stream,
    qualifiers: from.qualifiers,
    aggregates: [],
    positions: new WeakMap(),
    clause: 'WHERE',
  };
  const options = readOptions(view, from);
  const where = select.whereClause === undefined ? null : bindCondition(context, select.whereClause, 'WHERE');
  const targets = (select.targetList ?? []).map((node) => target(context, node));
  const groups = bindGroups(context, select, targets);
  context.clause = 'SELECT';
  const selected = targets.map(({ val }) => bindTyped(context, val!));
  context.clause = 'HAVING';
  const bound = select.havingClause === undefined ? null : bindCondition(context, select.havingClause, 'HAVING');
  if (bound !== null) requireNoSketch(context, bound, locationOf(select.havingClause));
  const named = nameKeys(groups, targets, selected);
  const names = outputNames(context, view, targets);
  const outputs: OutputColumn[] = selected.map((expression, i) => {
    const regrouped = regroup(context, expression, named);
    if (!isSketch(regrouped, context.aggregates)) {
      requireNoSketch(context, regrouped, targets[i]!.location);
      requireStorable(context, regrouped.type, targets[i]!.location);
    }
    return { name: names[i]!, expression: regrouped, type: regrouped.type };
  });
  return {
    name: view.name,
    text: view.sql,
    source: from.stream.name,
    window: from.window,
    eventTime: from.eventTime,
    ...options,
    where,
    keys: named,
    tenantKey: tenantKey(named, from.stream),
    aggregates: context.aggregates,
    having: bound === null ? null : regroup(context, bound, named),
    outputs,
  };
}

/** A sketch is a value to be kept and merged; in a view nothing is made of it. */
function requireNoSketch(context: BindContext, expression: Expression, location: number | undefined): void {
  visit(expression, (node) => {
    if (isSketch(node, context.aggregates))
      throw bindError(
        context,
        'SQL_UNSUPPORTED',
        'approx_count_distinct_sketch stands alone in SELECT',
        location,
        'Write approx_count_distinct for the number; both share one state.',
      );
  });
}

/** A view's columns and keys are what a table can show to every client. */
function requireStorable(context: BindContext, type: SqlType, location: number | undefined): void {
  if (type === 'interval' || type === 'bytea' || type === 'text[]') {
    throw bindError(
      context,
      'SQL_UNSUPPORTED',
      `a view's column cannot be of type ${type}`,
      location,
      'Cast it to text: (…)::text.',
    );
  }
}

function refuseShape(view: ViewStatement, select: SelectStmt): void {
  const at = (node: Node | undefined): number | undefined => locationOf(node);
  if (select.op !== undefined && select.op !== 'SETOP_NONE') throw refusal(view, 'union', firstLocation(select));
  if (select.withClause !== undefined) throw refusal(view, 'cte', select.withClause.location);
  if (select.valuesLists !== undefined) throw refusal(view, 'values', undefined);
  if (select.distinctClause !== undefined) throw refusal(view, 'distinct', firstLocation(select));
  if (select.sortClause !== undefined) {
    const [sort] = select.sortClause;
    throw refusal(view, 'orderBy', sort !== undefined && 'SortBy' in sort ? at(sort.SortBy.node) : undefined);
  }
  if (select.limitCount !== undefined || select.limitOffset !== undefined)
    throw refusal(view, 'limit', at(select.limitCount ?? select.limitOffset));
  if (select.lockingClause !== undefined || select.intoClause !== undefined)
    throw refusal(view, 'locking', firstLocation(select));
  if (select.windowClause !== undefined) throw refusal(view, 'windowClause', firstLocation(select));
}

function firstLocation(select: SelectStmt): number | undefined {
  const [first] = select.targetList ?? select.larg?.targetList ?? [];
  return locationOf(first);
}

function target(context: BindContext, node: Node): ResTarget {
  if (!('ResTarget' in node))
    throw bindError(context, 'SQL_UNSUPPORTED', 'this SELECT item is not supported', locationOf(node));
  const { val, location } = node.ResTarget;
  if (val !== undefined && 'ColumnRef' in val && val.ColumnRef.fields?.some((field) => 'A_Star' in field)) {
    throw refusal(context, 'star', location);
  }
  return node.ResTarget;
}

/** GROUP BY: a position, a column, the name of a SELECT item, or an expression. */
function bindGroups(context: BindContext, select: SelectStmt, targets: readonly ResTarget[]): Expression[] {
  context.clause = 'GROUP BY';
  const keys: Expression[] = [];
  let windowed = false;
  for (const node of select.groupClause ?? []) {
    if ('GroupingSet' in node) throw refusal(context, 'groupingSets', node.GroupingSet.location);
    const key = bindGroup(context, node, targets);
    if (key.kind === 'windowStart' || key.kind === 'windowEnd') windowed = true;
    else if (!isComparable(key.type)) {
      throw bindError(
        context,
        'SQL_TYPE',
        `could not identify an equality operator for type ${key.type}`,
        locationOf(node),
        'Cast it to text, or take a field with ->>.',
      );
    }
    requireStorable(context, key.type, locationOf(node));
    if (key.kind !== 'windowStart' && key.kind !== 'windowEnd' && !keys.some((other) => sameExpression(other, key)))
      keys.push(key);
  }
  if (!windowed)
    throw refusal(
      context,
      'groupWindow',
      locationOf(select.groupClause?.[0] ?? select.fromClause?.[0]) ?? firstLocation(select),
    );
  return keys;
}

function bindGroup(context: BindContext, node: Node, targets: readonly ResTarget[]): Expression {
  const location = locationOf(node);
  if ('A_Const' in node) {
    if (node.A_Const.ival === undefined)
      throw bindError(context, 'SQL_TYPE', 'non-integer constant in GROUP BY', location);
    const position = node.A_Const.ival.ival ?? 0;
    const picked = targets[position - 1];
    if (picked === undefined)
      throw bindError(context, 'SQL_TYPE', `GROUP BY position ${position} is not in select list`, location);
    return bindTyped(context, picked.val!);
  }
  if ('ColumnRef' in node && node.ColumnRef.fields?.length === 1) {
    const [field] = node.ColumnRef.fields;
    const name = field !== undefined && 'String' in field ? field.String.sval! : '';
    const { columns } = context.stream.schema;
    const isColumn = name === 'window_start' || name === 'window_end' || columns.some((column) => column.name === name);
    const aliased = isColumn ? [] : targets.filter((each) => each.name === name);
    if (aliased.length > 0) return sameAlias(context, aliased, name, location);
  }
  return bindTyped(context, node);
}

function sameAlias(
  context: BindContext,
  aliased: readonly ResTarget[],
  name: string,
  location: number | undefined,
): Expression {
  const [first, ...rest] = aliased.map((each) => bindTyped(context, each.val!));
  if (rest.some((other) => !sameExpression(first!, other))) {
    throw bindError(context, 'SQL_TYPE', `GROUP BY "${name}" is ambiguous`, location);
  }
  return first!;
}

/** A key's name: that of the SELECT item it stands in, else its column's, else its number. */
function nameKeys(
  keys: readonly Expression[],
  targets: readonly ResTarget[],
  selected: readonly Expression[],
): { name: string; expression: Expression }[] {
  const taken = new Set<string>();
  return keys.map((expression, index) => {
    const at = selected.findIndex((each) => sameExpression(each, expression));
    const wanted =
      (at >= 0 ? targets[at]!.name : undefined) ??
      (expression.kind === 'column' ? expression.name : `key_${index + 1}`);
    let name = wanted;
    for (let n = 2; taken.has(name); n++) name = `${wanted}_${n}`;
    taken.add(name);
    return { name, expression };
  });
}

/** Names of the outputs: written, or as PostgreSQL derives them (`FigureColname`); each once. */
function outputNames(context: BindContext, view: ViewStatement, targets: readonly ResTarget[]): string[] {
  if (view.columnNames.length > targets.length) {
    throw bindError(context, 'SQL_TYPE', 'too many column names were specified', firstLocation(view.select));
  }
  const names: string[] = [];
  for (const [i, each] of targets.entries()) {
    const name = view.columnNames[i] ?? each.name ?? derivedName(each.val!);
    const location = each.location ?? locationOf(each.val);
    if (names.includes(name))
      throw bindError(
        context,
        'SQL_TYPE',
        `column "${name}" specified more than once`,
        location,
        'Name one of them with AS.',
      );
    if (RESERVED.has(name) || name.startsWith('_'))
      throw bindError(
        context,
        'SQL_UNSUPPORTED',
        `a view's column cannot be named "${name}"`,
        location,
        'Name it otherwise with AS.',
      );
    names.push(name);
  }
  return names;
}

function derivedName(node: Node): string {
  if ('ColumnRef' in node) {
    const last = node.ColumnRef.fields?.at(-1);
    return last !== undefined && 'String' in last ? (last.String.sval ?? '?column?') : '?column?';
  }
  if ('FuncCall' in node) {
    const last = node.FuncCall.funcname?.at(-1);
    return last !== undefined && 'String' in last ? (last.String.sval ?? '?column?') : '?column?';
  }
  if ('TypeCast' in node) {
    const inner = derivedName(node.TypeCast.arg!);
    const type = node.TypeCast.typeName?.names?.at(-1);
    return inner !== '?column?' ? inner : type !== undefined && 'String' in type ? (type.String.sval ?? inner) : inner;
  }
  if ('CaseExpr' in node) {
    const inner = node.CaseExpr.defresult === undefined ? '?column?' : derivedName(node.CaseExpr.defresult);
    return inner === '?column?' ? 'case' : inner;
  }
  if ('CoalesceExpr' in node) return 'coalesce';
  if ('MinMaxExpr' in node) return node.MinMaxExpr.op === 'IS_LEAST' ? 'least' : 'greatest';
  if ('A_Expr' in node && node.A_Expr.kind === 'AEXPR_NULLIF') return 'nullif';
  return '?column?';
}

function tenantKey(keys: readonly { expression: Expression }[], stream: CatalogStream): number {
  return keys.findIndex(
    ({ expression }) => expression.kind === 'column' && expression.index === stream.schema.roles.tenant,
  );
}
