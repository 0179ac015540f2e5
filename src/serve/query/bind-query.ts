/**
 * Binds a query: WITH, then SELECT, VALUES or a set operation, then ORDER BY and LIMIT.
 */
import { nameList, nodeList, openNode, stringField, type Fields, type Node } from './ast.js';
import { bindExpression } from './bind-expression.js';
import { directionOf } from './bind-order.js';
import { bindSelect, type SelectResult } from './bind-select.js';
import type { Binder } from './binder.js';
import { convert, convertLoosely } from './coerce.js';
import { Scope } from './scope.js';
import type { Bound, BoundOrder, BoundOutput, BoundQuery } from './tree.js';
import { commonTypeOf, isInteger, numericOf, typeText, type Type } from './types.js';

const SELECT_FIELDS = [
  'distinctClause',
  'targetList',
  'fromClause',
  'whereClause',
  'groupClause',
  'groupDistinct',
  'havingClause',
  'windowClause',
  'valuesLists',
  'sortClause',
  'limitOffset',
  'limitCount',
  'limitOption',
  'withClause',
  'op',
  'all',
  'larg',
  'rarg',
];

/** Binds a SelectStmt (any form of it) below `outer`. */
export function bindQuery(binder: Binder, value: unknown, outer: Scope | null): BoundQuery {
  const node = openNode(value);
  if (node?.kind !== 'SelectStmt') return binder.statement.refuse(node?.kind ?? 'nothing', node?.fields);
  binder.statement.onlyFields(node, SELECT_FIELDS);
  const { fields } = node;
  if (fields['groupDistinct'] === true) return binder.statement.refuse('GROUP BY DISTINCT', fields);
  if (fields['limitOption'] === 'LIMIT_OPTION_WITH_TIES') return binder.statement.refuse('FETCH … WITH TIES', fields);
  const scope = new Scope(outer);
  const ctes = bindCtes(binder, fields['withClause'], scope);
  const limit = bindLimit(binder, fields['limitCount'], 'LIMIT');
  const offset = bindLimit(binder, fields['limitOffset'], 'OFFSET');
  if (fields['op'] !== undefined && fields['op'] !== 'SETOP_NONE') {
    const { body, outputs } = bindSetOperation(binder, node, scope);
    return { ctes, body, outputs, orderBy: orderByOutputs(binder, fields['sortClause'], outputs), limit, offset };
  }
  if (fields['valuesLists'] !== undefined) {
    const { body, outputs } = bindValues(binder, node, scope);
    return { ctes, body, outputs, orderBy: orderByOutputs(binder, fields['sortClause'], outputs), limit, offset };
  }
  const result: SelectResult = bindSelect(binder, node, scope);
  return { ctes, body: result.body, outputs: result.outputs, orderBy: result.orderBy, limit, offset };
}

function bindCtes(binder: Binder, value: unknown, scope: Scope): BoundQuery['ctes'] {
  if (value === undefined) return [];
  const clause = value as Fields;
  if (clause['recursive'] === true) return binder.statement.refuse('WITH RECURSIVE', clause);
  return nodeList(clause['ctes']).map((node) => {
    binder.statement.onlyFields(node, ['ctename', 'aliascolnames', 'ctematerialized', 'ctequery']);
    const name = stringField(node.fields, 'ctename');
    if (scope.hasOwnCte(name))
      return binder.statement.fail(
        'SQL_UNSUPPORTED',
        `WITH query name "${name}" specified more than once`,
        node.fields,
      );
    // A CTE sees the CTEs before it and around it, and no columns.
    const query = binder.bindQuery(node.fields['ctequery'], scope.withoutOuterColumns());
    const names = nameList(node.fields['aliascolnames']);
    if (names.length > query.outputs.length)
      return binder.statement.fail(
        'SQL_UNKNOWN_COLUMN',
        `WITH query "${name}" has ${query.outputs.length} columns available but ${names.length} columns specified`,
        node.fields,
      );
    const printedName = binder.name('q');
    scope.addCte(name, {
      printedName,
      outputs: query.outputs.map((output, index) => ({ ...output, name: names[index] ?? output.name })),
    });
    const how = node.fields['ctematerialized'];
    return {
      name: printedName,
      query,
      materialized: how === 'CTEMaterializeAlways' ? true : how === 'CTEMaterializeNever' ? false : null,
    };
  });
}

function bindLimit(binder: Binder, value: unknown, clause: string): Bound | null {
  if (value === undefined) return null;
  const constant = openNode(value);
  if (constant?.kind === 'A_Const' && constant.fields['isnull'] === true) return null;
  const bound = bindExpression(binder, value, { scope: new Scope(null), aggregates: { no: clause }, windows: false });
  if (bound.kind !== 'literal' || !isInteger(bound.type) || String(bound.value).startsWith('-'))
    return binder.statement.fail('SQL_TYPE', `${clause} takes a whole number that is not negative`, constant?.fields);
  return bound;
}

function bindSetOperation(binder: Binder, node: Node, scope: Scope): Pick<BoundQuery, 'body' | 'outputs'> {
  const { fields } = node;
  const sides = [fields['larg'], fields['rarg']].map((side) => bindQuery(binder, { SelectStmt: side }, scope));
  const [left, right] = sides as [BoundQuery, BoundQuery];
  const word = { SETOP_UNION: 'UNION', SETOP_INTERSECT: 'INTERSECT', SETOP_EXCEPT: 'EXCEPT' }[
    stringField(fields, 'op')
  ];
  if (word === undefined) return binder.statement.refuse(stringField(fields, 'op'), fields);
  if (left.outputs.length !== right.outputs.length)
    return binder.statement.fail('SQL_TYPE', `each ${word} query must have the same number of columns`, fields);
  const types = left.outputs.map((output, index) =>
    matchTypes(binder, [output.type, right.outputs[index]!.type], word, fields),
  );
  const operation = (fields['all'] === true ? `${word} ALL` : word) as 'UNION';
  const outputs = left.outputs.map((output, index): BoundOutput => ({
    name: output.name,
    alias: binder.name('c'),
    type: types[index]!,
  }));
  return { body: { kind: 'set', operation, left, right, types }, outputs };
}

function matchTypes(binder: Binder, types: readonly Type[], what: string, at: Fields): Type {
  const common = commonTypeOf(types);
  if (common === null)
    return binder.statement.fail(
      'SQL_TYPE',
      `${what} types ${types.map(typeText).join(' and ')} cannot be matched`,
      at,
    );
  return common.name === 'numeric' ? numericOf(Math.max(...types.map((type) => type.scale))) : common;
}

function bindValues(binder: Binder, node: Node, scope: Scope): Pick<BoundQuery, 'body' | 'outputs'> {
  const place = { scope, aggregates: { no: 'VALUES' }, windows: false } as const;
  const rows = nodeList(node.fields['valuesLists']).map((list) =>
    ((list.fields['items'] as unknown[] | undefined) ?? []).map((item) => bindExpression(binder, item, place)),
  );
  const width = rows[0]?.length ?? 0;
  if (rows.some((row) => row.length !== width))
    return binder.statement.fail('SQL_TYPE', 'VALUES lists must all be the same length', node.fields);
  const types = Array.from({ length: width }, (_, column) => {
    const given = rows.map((row) => row[column]!);
    const type = matchTypes(
      binder,
      given.map((bound) => bound.type),
      'VALUES',
      node.fields,
    );
    return type.name === 'numeric'
      ? numericOf(Math.max(...given.map((bound) => convertLoosely(bound, type).type.scale)))
      : type;
  });
  const outputs = types.map((type, index): BoundOutput => ({
    name: `column${index + 1}`,
    alias: binder.name('c'),
    type,
  }));
  return {
    body: {
      kind: 'values',
      rows: rows.map((row) => row.map((bound, column) => convert(bound, types[column]!))),
      aliases: outputs.map((output) => output.alias),
    },
    outputs,
  };
}

/** ORDER BY after a set operation or VALUES: names and positions of the output only. */
function orderByOutputs(binder: Binder, value: unknown, outputs: readonly BoundOutput[]): BoundOrder[] {
  return nodeList(value).map(({ fields }) => {
    const index = outputPosition(binder, fields['node'], outputs);
    if (index < 0)
      return binder.statement.refuse(
        'an expression in ORDER BY after a set operation',
        fields,
        'order by a column of the result',
      );
    return { expression: positionOf(index, outputs[index]!.type), ...directionOf(binder, fields) };
  });
}

/** The output that an ORDER BY item names by position or by name, or -1. */
export function outputPosition(binder: Binder, value: unknown, outputs: readonly BoundOutput[]): number {
  const node = openNode(value);
  if (node?.kind === 'A_Const' && 'ival' in node.fields) {
    const position = (node.fields['ival'] as { ival?: number }).ival ?? 0;
    if (position < 1 || position > outputs.length)
      return binder.statement.fail('SQL_UNKNOWN_COLUMN', `position ${position} is not in select list`, node.fields);
    return position - 1;
  }
  const names = node?.kind === 'ColumnRef' ? nameList(node.fields['fields']) : [];
  if (names.length !== 1) return -1;
  const found = outputs.flatMap((output, index) => (output.name === names[0] ? [index] : []));
  return found.length === 1 ? found[0]! : -1;
}

/** An output by its position, as ORDER BY prints it. */
export function positionOf(index: number, type: Type): Bound {
  return { kind: 'call', args: [], type, print: () => String(index + 1) };
}
