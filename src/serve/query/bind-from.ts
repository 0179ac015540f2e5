/**
 * Binds FROM: relations of the catalog, CTEs, subqueries, functions and joins.
 */
import { nameList, nodeList, openNode, stringField, type Fields, type Node } from './ast.js';
import { fit } from './bind-call.js';
import { bindCondition, bindExpression } from './bind-expression.js';
import type { Binder } from './binder.js';
import { SET_FUNCTIONS } from './functions.js';
import { alike, call, comparison } from './operators.js';
import type { Scope, VisibleColumn } from './scope.js';
import { resultType } from './signature.js';
import type { Bound, BoundBase, BoundFrom, BoundOutput } from './tree.js';
import { typeOf } from './types.js';

/** A bound item and the columns it shows. */
export interface FromResult {
  readonly item: BoundFrom;
  readonly columns: VisibleColumn[];
  /** Aliases it brings, for `add` and for joins. */
  readonly aliases: readonly string[];
}

/** Binds one item of FROM. `siblings` holds the items before it, for LATERAL. */
export function bindFromItem(binder: Binder, value: unknown, siblings: Scope): FromResult {
  const node = openNode(value);
  switch (node?.kind) {
    case 'RangeVar':
      return bindRelation(binder, node, siblings);
    case 'RangeSubselect':
      return bindSubselect(binder, node, siblings);
    case 'RangeFunction':
      return bindSetFunction(binder, node, siblings);
    case 'JoinExpr':
      return bindJoin(binder, node, siblings);
    default:
      return binder.statement.refuse(`${node?.kind ?? 'nothing'} in FROM`, node?.fields);
  }
}

interface Alias {
  readonly name: string;
  readonly columns: readonly string[];
}

function aliasOf(binder: Binder, fields: Fields): Alias | null {
  const alias = fields['alias'] as Fields | undefined;
  if (alias === undefined) return null;
  binder.statement.onlyFields({ kind: 'Alias', fields: alias }, ['aliasname', 'colnames']);
  return { name: stringField(alias, 'aliasname'), columns: nameList(alias['colnames']) };
}

/** Applies `AS t(x, y)`. */
function renamed(binder: Binder, columns: VisibleColumn[], alias: Alias | null, at: Fields): VisibleColumn[] {
  const names = alias?.columns ?? [];
  const shown = columns.filter((column) => !column.hidden);
  if (names.length > shown.length)
    return binder.statement.fail(
      'SQL_UNKNOWN_COLUMN',
      `"${alias!.name}" has ${shown.length} columns available but ${names.length} columns specified`,
      at,
    );
  let next = 0;
  return columns.map((column) =>
    column.hidden || next >= names.length ? column : { ...column, name: names[next++]! },
  );
}

function bindRelation(binder: Binder, node: Node, siblings: Scope): FromResult {
  const { fields } = node;
  binder.statement.onlyFields(node, ['relname', 'inh', 'relpersistence', 'alias', 'schemaname', 'catalogname']);
  const name = stringField(fields, 'relname');
  for (const part of ['catalogname', 'schemaname'])
    if (stringField(fields, part) !== '')
      return binder.statement.fail(
        'SQL_UNKNOWN_RELATION',
        `relation "${stringField(fields, part)}.${name}" does not exist; relations have no schema`,
        fields,
      );
  if (fields['inh'] !== true) return binder.statement.refuse('ONLY', fields);
  const alias = aliasOf(binder, fields);
  const shown = alias?.name ?? name;
  const printed = binder.name('t');
  const cte = siblings.cte(name);
  if (cte !== undefined) {
    const columns = outputColumns(cte.outputs, printed, shown);
    return {
      item: { kind: 'cte', name: cte.printedName, alias: printed },
      columns: renamed(binder, columns, alias, fields),
      aliases: [shown],
    };
  }
  const relation = binder.relation(name, fields);
  const item: BoundBase = { kind: 'base', relation, alias: printed, used: new Set() };
  binder.bases.push(item);
  const columns = relation.columns.map((column, index): VisibleColumn => ({
    qualifier: shown,
    name: column.name,
    qualifiedOnly: false,
    hidden: column.hidden,
    use() {
      item.used.add(index);
      return { kind: 'column', item: printed, name: `c${index}`, type: column.type };
    },
  }));
  return { item, columns: renamed(binder, columns, alias, fields), aliases: [shown] };
}

function outputColumns(outputs: readonly BoundOutput[], item: string, qualifier: string): VisibleColumn[] {
  return outputs.map((output) => ({
    qualifier,
    name: output.name,
    qualifiedOnly: false,
    hidden: false,
    use: () => ({ kind: 'column', item, name: output.alias, type: output.type }),
  }));
}

function bindSubselect(binder: Binder, node: Node, siblings: Scope): FromResult {
  binder.statement.onlyFields(node, ['lateral', 'subquery', 'alias']);
  const lateral = node.fields['lateral'] === true;
  const query = binder.bindQuery(node.fields['subquery'], lateral ? siblings : siblings.outside());
  const alias = aliasOf(binder, node.fields);
  const printed = binder.name('t');
  const columns = outputColumns(query.outputs, printed, alias?.name ?? printed);
  return {
    item: { kind: 'query', query, alias: printed, lateral },
    columns: renamed(binder, columns, alias, node.fields),
    aliases: alias === null ? [] : [alias.name],
  };
}

function bindSetFunction(binder: Binder, node: Node, siblings: Scope): FromResult {
  binder.statement.onlyFields(node, ['functions', 'alias', 'lateral']);
  const items = nodeList(node.fields['functions']).flatMap(
    (list) => (list.fields['items'] as unknown[] | undefined) ?? [],
  );
  const functions = items.map((item) => openNode(item)).filter((item) => item !== null);
  const [function_] = functions;
  if (functions.length !== 1 || function_?.kind !== 'FuncCall')
    return binder.statement.refuse('ROWS FROM', node.fields);
  binder.statement.onlyFields(function_, ['funcname', 'args', 'funcformat']);
  const name = nameList(function_.fields['funcname']).join('.');
  const signatures = SET_FUNCTIONS.get(name);
  if (signatures === undefined)
    return binder.statement.fail(
      'SQL_UNKNOWN_FUNCTION',
      `function ${name} can't be used in FROM`,
      function_.fields,
      `there are ${[...SET_FUNCTIONS.keys()].join(', ')}`,
    );
  const args = ((function_.fields['args'] as unknown[] | undefined) ?? []).map((arg) =>
    bindExpression(binder, arg, { scope: siblings, aggregates: { no: 'FROM' }, windows: false }),
  );
  const { signature, converted } = fit(binder, function_, name, signatures, args);
  const type = resultType(
    signature,
    converted.map((arg) => arg.type),
    converted,
  );
  const alias = aliasOf(binder, node.fields);
  const printed = binder.name('t');
  const column = binder.name('c');
  const shown: VisibleColumn = {
    qualifier: alias?.name ?? name,
    name: alias?.name ?? name,
    qualifiedOnly: false,
    hidden: false,
    use: () => ({ kind: 'column', item: printed, name: column, type }),
  };
  return {
    item: {
      kind: 'function',
      call: call(converted, type, (printedArgs) => signature.print(printedArgs, [])),
      alias: printed,
      column,
    },
    columns: renamed(binder, [shown], alias, node.fields),
    aliases: [alias?.name ?? name],
  };
}

const JOINS: Readonly<Record<string, 'INNER' | 'LEFT' | 'RIGHT' | 'FULL'>> = {
  JOIN_INNER: 'INNER',
  JOIN_LEFT: 'LEFT',
  JOIN_RIGHT: 'RIGHT',
  JOIN_FULL: 'FULL',
};

function bindJoin(binder: Binder, node: Node, siblings: Scope): FromResult {
  const { statement } = binder;
  statement.onlyFields(node, ['jointype', 'larg', 'rarg', 'quals', 'usingClause']);
  const join =
    JOINS[stringField(node.fields, 'jointype')] ?? statement.refuse(stringField(node.fields, 'jointype'), node.fields);
  const left = bindFromItem(binder, node.fields['larg'], siblings);
  const inner = siblings.beside(left.columns, left.aliases);
  const right = bindFromItem(binder, node.fields['rarg'], inner);
  for (const alias of right.aliases)
    if (left.aliases.includes(alias))
      statement.fail('SQL_UNSUPPORTED', `table name "${alias}" specified more than once`, node.fields);
  const using = nameList(node.fields['usingClause']);
  const merged = using.map((name) => mergeColumn(binder, name, left.columns, right.columns, join, node.fields));
  const hide = (columns: readonly VisibleColumn[]) =>
    columns.map((column) => (using.includes(column.name) ? { ...column, qualifiedOnly: true, hidden: true } : column));
  const columns =
    using.length === 0
      ? [...left.columns, ...right.columns]
      : [...merged.map((one) => one.column), ...hide(left.columns), ...hide(right.columns)];
  const aliases = [...left.aliases, ...right.aliases];
  let on: Bound | null = null;
  if (using.length > 0)
    on = call(
      merged.map((one) => one.equal),
      typeOf('boolean'),
      (args) => `(${args.join(' AND ')})`,
    );
  else if (node.fields['quals'] !== undefined) {
    const scope = siblings.outside().beside([...left.columns, ...right.columns], aliases);
    on = bindCondition(
      binder,
      node.fields['quals'],
      { scope, aggregates: { no: 'JOIN conditions' }, windows: false },
      'JOIN/ON',
    );
  }
  return {
    item: { kind: 'join', join: on === null ? 'CROSS' : join, left: left.item, right: right.item, on },
    columns,
    aliases,
  };
}

function mergeColumn(
  binder: Binder,
  name: string,
  left: readonly VisibleColumn[],
  right: readonly VisibleColumn[],
  join: string,
  at: Fields,
): { column: VisibleColumn; equal: Bound } {
  const find = (columns: readonly VisibleColumn[], side: string): Bound => {
    const found = columns.filter((column) => column.name === name && !column.qualifiedOnly);
    if (found.length !== 1)
      return binder.statement.fail(
        'SQL_UNKNOWN_COLUMN',
        `column "${name}" specified in USING clause ${found.length === 0 ? 'does not exist' : 'is ambiguous'} in ${side} table`,
        at,
      );
    return found[0]!.use();
  };
  const [a, b] = [find(left, 'left'), find(right, 'right')];
  const pair = alike(a, b);
  const equal = comparison('=', a, b);
  if (pair === null || equal === null)
    return binder.statement.fail('SQL_TYPE', `USING (${name}): the types do not match`, at);
  const value =
    join === 'RIGHT'
      ? pair[1]
      : join === 'FULL'
        ? call(pair, pair[0].type, ([x, y]) => `coalesce(${x}, ${y})`)
        : pair[0];
  return { column: { qualifier: null, name, qualifiedOnly: false, hidden: false, use: () => value }, equal };
}
