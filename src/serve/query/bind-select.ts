/**
 * Binds one SELECT: FROM, WHERE, GROUP BY, HAVING, the select list, DISTINCT and ORDER BY.
 */
import { nameList, nodeList, openNode, stringField, type Fields, type Node } from './ast.js';
import { bindCondition, bindExpression, type Place } from './bind-expression.js';
import { bindFromItem } from './bind-from.js';
import { directionOf } from './bind-order.js';
import { outputPosition, positionOf } from './bind-query.js';
import type { Binder } from './binder.js';
import { convert } from './coerce.js';
import { GroupCheck } from './group-check.js';
import { printBound } from './print.js';
import type { Scope } from './scope.js';
import type { Bound, BoundFrom, BoundGrouping, BoundOrder, BoundOutput, BoundSelect } from './tree.js';
import { typeOf } from './types.js';

/** A bound SELECT. */
export interface SelectResult {
  readonly body: BoundSelect;
  readonly outputs: readonly BoundOutput[];
  readonly orderBy: readonly BoundOrder[];
}

/** Binds a plain SELECT in a scope that holds its CTEs. */
export function bindSelect(binder: Binder, node: Node, scope: Scope): SelectResult {
  const { fields } = node;
  const from = bindFrom(binder, fields, scope);
  let aggregated = false;
  const namedWindows = new Map(
    nodeList(fields['windowClause']).map((window) => [stringField(window.fields, 'name'), window.fields]),
  );
  const place: Place = {
    scope,
    aggregates: 'yes',
    windows: true,
    namedWindows,
    onAggregate: () => (aggregated = true),
  };
  const where =
    fields['whereClause'] === undefined
      ? null
      : bindCondition(binder, fields['whereClause'], { scope, aggregates: { no: 'WHERE' }, windows: false }, 'WHERE');
  const list = bindTargets(binder, fields, place);
  const groupBy = nodeList(fields['groupClause']).map((_, index) =>
    bindGrouping(binder, (fields['groupClause'] as unknown[])[index], list, scope),
  );
  const having =
    fields['havingClause'] === undefined
      ? null
      : bindCondition(binder, fields['havingClause'], { ...place, windows: false }, 'HAVING');
  const outputs = list.map(({ name, alias, expression }): BoundOutput => ({ name, alias, type: expression.type }));
  const distinctClause = fields['distinctClause'] as unknown[] | undefined;
  const distinctOn = bindDistinctOn(binder, distinctClause, list, outputs, place);
  const distinct = distinctClause !== undefined && distinctOn.length === 0;
  const ordered = nodeList(fields['sortClause']).map((sort) => bindSort(binder, sort, list, outputs, place, distinct));
  if (groupBy.length > 0 || aggregated || having !== null) {
    const check = new GroupCheck(binder.statement, from, groupBy);
    for (const { expression, at } of list) check.expression(expression, at);
    if (having !== null) check.expression(having, fields);
    for (const { order, at } of ordered) check.expression(order.expression, at);
  }
  return {
    body: {
      kind: 'select',
      distinct,
      distinctOn,
      outputs: list.map(({ expression, alias }) => ({ expression, alias })),
      from,
      where,
      groupBy,
      having,
    },
    outputs,
    orderBy: ordered.map(({ order }) => order),
  };
}

function bindFrom(binder: Binder, fields: Fields, scope: Scope): BoundFrom[] {
  const items = (fields['fromClause'] as unknown[] | undefined) ?? [];
  return items.map((value) => {
    const { item, columns, aliases } = bindFromItem(binder, value, scope);
    for (const alias of aliases)
      if (scope.aliases.has(alias))
        binder.statement.fail(
          'SQL_UNSUPPORTED',
          `table name "${alias}" specified more than once`,
          openNode(value)?.fields,
        );
    for (const alias of aliases) scope.aliases.add(alias);
    scope.columns.push(...columns);
    return item;
  });
}

interface Target {
  readonly name: string;
  readonly alias: string;
  readonly expression: Bound;
  readonly at: Fields;
}

function bindTargets(binder: Binder, fields: Fields, place: Place): Target[] {
  const list = nodeList(fields['targetList']).flatMap((node): Target[] => {
    if (node.kind !== 'ResTarget') return binder.statement.refuse(node.kind, node.fields);
    binder.statement.onlyFields(node, ['name', 'val']);
    const value = openNode(node.fields['val']);
    const parts = value?.kind === 'ColumnRef' ? nodeList(value.fields['fields']) : [];
    if (parts.at(-1)?.kind === 'A_Star') return expandStar(binder, parts, place.scope, value!.fields);
    const bound = bindExpression(binder, node.fields['val'], place);
    const expression = bound.type.name === 'unknown' ? convert(bound, typeOf('text')) : bound;
    return [
      {
        name: stringField(node.fields, 'name') || outputName(value),
        alias: binder.name('c'),
        expression,
        at: node.fields,
      },
    ];
  });
  if (list.length === 0) return binder.statement.refuse('an empty select list', fields);
  if (list.length > 1_000)
    return binder.statement.fail(
      'QUERY_TOO_LARGE',
      `the select list has ${list.length} columns; at most 1000 are taken`,
    );
  return list;
}

function expandStar(binder: Binder, parts: readonly Node[], scope: Scope, at: Fields): Target[] {
  if (parts.length > 2) return binder.statement.refuse('a schema before *', at);
  const qualifier = parts.length === 2 ? stringField(parts[0]!.fields, 'sval') : null;
  if (qualifier !== null && !scope.aliases.has(qualifier))
    return binder.statement.fail('SQL_UNKNOWN_RELATION', `missing FROM-clause entry for table "${qualifier}"`, at);
  // A column that USING hides is still one of its table's: `t.*` shows it, `*` shows the merged one.
  const columns = scope.columns.filter((column) =>
    qualifier === null ? !column.hidden : column.qualifier === qualifier && (!column.hidden || column.qualifiedOnly),
  );
  if (columns.length === 0)
    return binder.statement.fail('SQL_UNKNOWN_COLUMN', 'SELECT * with no tables specified is not valid', at);
  return columns.map((column) => ({ name: column.name, alias: binder.name('c'), expression: column.use(), at }));
}

/** The name PostgreSQL gives a column that has none. */
function outputName(node: Node | null): string {
  return nameOf(node)?.name ?? '?column?';
}

/** A name, and whether it is a strong one: a cast gives its own only where there is no strong one below. */
function nameOf(node: Node | null): { name: string; strong: boolean } | null {
  const below = (field: string) => nameOf(openNode(node?.fields[field]));
  const strong = (name: string | undefined) => (name === undefined ? null : { name, strong: true });
  switch (node?.kind) {
    case 'ColumnRef':
      return strong(nameList(node.fields['fields']).at(-1));
    case 'A_Indirection':
      return below('arg');
    case 'FuncCall':
      return strong(nameList(node.fields['funcname']).at(-1));
    case 'TypeCast': {
      const inner = below('arg');
      if (inner?.strong === true) return inner;
      const type = nameList((node.fields['typeName'] as Fields)['names']).at(-1);
      return type === undefined ? inner : { name: type, strong: false };
    }
    case 'CaseExpr': {
      const inner = below('defresult');
      return inner?.strong === true ? inner : { name: 'case', strong: false };
    }
    case 'CoalesceExpr':
      return strong('coalesce');
    case 'MinMaxExpr':
      return strong(node.fields['op'] === 'IS_GREATEST' ? 'greatest' : 'least');
    case 'A_ArrayExpr':
      return strong('array');
    case 'SQLValueFunction':
      return strong(stringField(node.fields, 'op').replace('SVFOP_', '').toLowerCase());
    case 'SubLink':
      return node.fields['subLinkType'] === 'EXISTS_SUBLINK' ? strong('exists') : nameOfSubquery(node);
    case 'A_Expr':
      return node.fields['kind'] === 'AEXPR_NULLIF' ? strong('nullif') : null;
    default:
      return null;
  }
}

/** A scalar subquery is named as its one column. */
function nameOfSubquery(node: Node): { name: string; strong: boolean } | null {
  if (node.fields['subLinkType'] !== 'EXPR_SUBLINK') return null;
  const [target] = nodeList(openNode(node.fields['subselect'])?.fields['targetList']);
  const name = target === undefined ? '' : stringField(target.fields, 'name');
  return name === '' ? nameOf(openNode(target?.fields['val'])) : { name, strong: true };
}

function bindGrouping(binder: Binder, value: unknown, list: readonly Target[], scope: Scope): BoundGrouping {
  const node = openNode(value);
  if (node?.kind === 'GroupingSet') {
    const content = (node.fields['content'] as unknown[] | undefined) ?? [];
    const items = content.map((item) => bindGrouping(binder, item, list, scope));
    const kind = { GROUPING_SET_ROLLUP: 'rollup', GROUPING_SET_CUBE: 'cube', GROUPING_SET_SETS: 'sets' }[
      stringField(node.fields, 'kind')
    ];
    if (kind !== undefined) return { kind: kind as 'rollup', items };
    if (node.fields['kind'] === 'GROUPING_SET_EMPTY') return { kind: 'list', items: [] };
    return binder.statement.refuse(stringField(node.fields, 'kind'), node.fields);
  }
  if (node?.kind === 'RowExpr')
    return {
      kind: 'list',
      items: ((node.fields['args'] as unknown[] | undefined) ?? []).map((item) => groupItem(binder, item, list, scope)),
    };
  return { kind: 'expression', expression: groupItem(binder, value, list, scope) };
}

function groupItem(binder: Binder, value: unknown, list: readonly Target[], scope: Scope): Bound {
  const node = openNode(value);
  const place: Place = { scope, aggregates: { no: 'GROUP BY' }, windows: false };
  const checked = (target: Target): Bound =>
    containsAggregate(target.expression)
      ? binder.statement.fail('SQL_UNSUPPORTED', 'aggregate functions are not allowed in GROUP BY', node?.fields)
      : target.expression;
  if (node?.kind === 'A_Const' && 'ival' in node.fields)
    return checked(
      list[
        outputPosition(
          binder,
          value,
          list.map(({ name, alias, expression }) => ({ name, alias, type: expression.type })),
        )
      ]!,
    );
  const names = node?.kind === 'ColumnRef' ? nameList(node.fields['fields']) : [];
  // A column of FROM comes before an output of the same name, as in PostgreSQL.
  if (names.length === 1 && !scope.columns.some((column) => column.name === names[0] && !column.qualifiedOnly)) {
    const targets = list.filter((target) => target.name === names[0]);
    if (targets.length === 1) return checked(targets[0]!);
  }
  return bindExpression(binder, value, place);
}

function containsAggregate(bound: Bound): boolean {
  if (bound.kind !== 'call') return false;
  return bound.aggregate !== undefined || bound.args.some(containsAggregate);
}

function bindDistinctOn(
  binder: Binder,
  clause: unknown[] | undefined,
  list: readonly Target[],
  outputs: readonly BoundOutput[],
  place: Place,
): Bound[] {
  return (clause ?? [])
    .filter((item) => openNode(item) !== null)
    .map((item) => {
      const index = outputPosition(binder, item, outputs);
      return index >= 0 ? list[index]!.expression : bindExpression(binder, item, place);
    });
}

function bindSort(
  binder: Binder,
  sort: Node,
  list: readonly Target[],
  outputs: readonly BoundOutput[],
  place: Place,
  distinct: boolean,
): { order: BoundOrder; at: Fields } {
  const { fields } = sort;
  const direction = directionOf(binder, fields);
  const position = outputPosition(binder, fields['node'], outputs);
  const at = openNode(fields['node'])?.fields ?? fields;
  const ofOutput = (index: number) => {
    if (outputs[index]!.type.name === 'json') return binder.statement.fail('SQL_TYPE', 'json has no order', at);
    return { order: { expression: positionOf(index, outputs[index]!.type), ...direction }, at };
  };
  if (position >= 0) return ofOutput(position);
  const expression = bindExpression(binder, fields['node'], place);
  const printed = printBound(expression);
  const same = list.findIndex((target) => printBound(target.expression) === printed);
  if (same >= 0) return ofOutput(same);
  if (distinct)
    return binder.statement.fail(
      'SQL_UNSUPPORTED',
      'for SELECT DISTINCT, ORDER BY expressions must appear in select list',
      at,
    );
  if (expression.type.name === 'json') return binder.statement.fail('SQL_TYPE', 'json has no order', at);
  return { order: { expression, ...direction }, at };
}
