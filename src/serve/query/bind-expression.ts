/**
 * Binds expressions: names to columns, operators and functions to the allow-list, types to types.
 * Every kind of node that is not handled by name here is refused by name.
 */
import { nameList, nodeList, openNode, stringField, type Fields, type Node } from './ast.js';
import { bindFunction } from './bind-call.js';
import { bindConstant, bindNow } from './bind-constant.js';
import type { Binder } from './binder.js';
import { cast, convert, convertLoosely, LiteralError, literal } from './coerce.js';
import { alike, bindBetween, bindDistinct, bindLike, bindOperator, bindPrefix, call, comparison } from './operators.js';
import type { Scope } from './scope.js';
import type { Bound } from './tree.js';
import { commonTypeOf, isNumber, numericOf, typeOf, typeText, type Type } from './types.js';
import { bindTypeName } from './type-names.js';

/** Where an expression stands. */
export interface Place {
  readonly scope: Scope;
  /** What aggregates may do here: `no` with the clause's name for the error. */
  readonly aggregates: 'yes' | { readonly no: string };
  /** Whether window functions may stand here. */
  readonly windows: boolean;
  /** Named windows of this SELECT. */
  readonly namedWindows?: ReadonlyMap<string, Fields>;
  /** Called for each aggregate of this SELECT. */
  readonly onAggregate?: () => void;
}

/** Binds one expression node. */
export function bindExpression(binder: Binder, value: unknown, place: Place): Bound {
  const node = openNode(value);
  if (node === null) return binder.statement.refuse('an empty expression');
  try {
    return bindNode(binder, node, place);
  } catch (error) {
    if (error instanceof LiteralError) return binder.statement.fail('SQL_TYPE', error.message, node.fields);
    throw error;
  }
}

/** Binds an expression that must be boolean. */
export function bindCondition(binder: Binder, value: unknown, place: Place, clause: string): Bound {
  const bound = bindExpression(binder, value, place);
  if (bound.type.name !== 'boolean' && bound.type.name !== 'unknown')
    binder.statement.fail(
      'SQL_TYPE',
      `argument of ${clause} must be type boolean, not type ${typeText(bound.type)}`,
      openNode(value)?.fields,
    );
  return convert(bound, typeOf('boolean'));
}

function bindNode(binder: Binder, node: Node, place: Place): Bound {
  switch (node.kind) {
    case 'ColumnRef':
      return bindColumn(binder, node, place);
    case 'A_Const':
      return bindConstant(binder, node);
    case 'A_Expr':
      return bindOperation(binder, node, place);
    case 'BoolExpr':
      return bindBoolean(binder, node, place);
    case 'NullTest': {
      const arg = bindExpression(binder, node.fields['arg'], place);
      const not = node.fields['nulltesttype'] === 'IS_NOT_NULL' ? 'NOT ' : '';
      return call([arg], typeOf('boolean'), ([x]) => `(${x} IS ${not}NULL)`);
    }
    case 'BooleanTest':
      return bindBooleanTest(binder, node, place);
    case 'CaseExpr':
      return bindCase(binder, node, place);
    case 'CoalesceExpr':
      return bindSameType(binder, node, place, (args) => `coalesce(${args.join(', ')})`);
    case 'MinMaxExpr':
      return bindSameType(
        binder,
        node,
        place,
        (args) => `${node.fields['op'] === 'IS_GREATEST' ? 'greatest' : 'least'}(${args.join(', ')})`,
      );
    case 'TypeCast':
      return bindCast(binder, node, place);
    case 'FuncCall':
      return bindFunction(binder, node, place);
    case 'SubLink':
      return bindSubLink(binder, node, place);
    case 'A_ArrayExpr':
      return bindArray(binder, node, place);
    case 'A_Indirection':
      return bindSubscript(binder, node, place);
    case 'SQLValueFunction':
      return bindNow(binder, node);
    case 'CollateClause':
      return binder.statement.refuse('COLLATE', node.fields, 'texts compare by their bytes, as with COLLATE "C"');
    case 'ParamRef':
      return binder.parameter(Number(node.fields['number'] ?? 0), node.fields);
    default:
      return binder.statement.refuse(node.kind, node.fields);
  }
}

function bindColumn(binder: Binder, node: Node, place: Place): Bound {
  binder.statement.onlyFields(node, ['fields']);
  const parts = nodeList(node.fields['fields']);
  if (parts.some((part) => part.kind !== 'String')) return binder.statement.refuse('* here', node.fields);
  const names = parts.map((part) => stringField(part.fields, 'sval'));
  if (names.length > 2)
    return binder.statement.fail(
      'SQL_UNKNOWN_COLUMN',
      `column ${names.join('.')} does not exist; relations have no schema`,
      node.fields,
    );
  const name = names.at(-1)!;
  return place.scope.resolve(binder.statement, names.length === 2 ? names[0]! : null, name, node.fields).bound;
}

function bindOperation(binder: Binder, node: Node, place: Place): Bound {
  const { fields } = node;
  binder.statement.onlyFields(node, ['kind', 'name', 'lexpr', 'rexpr', 'rexpr_list_start', 'rexpr_list_end']);
  const names = nameList(fields['name']);
  if (names.length !== 1) return binder.statement.refuse('a schema before an operator', fields);
  const op = names[0]!;
  const kind = stringField(fields, 'kind');
  const none = (...types: Type[]): never =>
    binder.statement.fail(
      'SQL_TYPE',
      `operator does not exist: ${types.map(typeText).join(` ${op} `)}`,
      fields,
      'a cast may help',
    );
  const left = (): Bound => bindExpression(binder, fields['lexpr'], place);
  const right = (): Bound => bindExpression(binder, fields['rexpr'], place);
  switch (kind) {
    case 'AEXPR_OP': {
      if (fields['lexpr'] === undefined) {
        const value = right();
        return (
          bindPrefix(op, value) ??
          binder.statement.fail('SQL_TYPE', `operator does not exist: ${op} ${typeText(value.type)}`, fields)
        );
      }
      if (isRow(fields['lexpr']) || isRow(fields['rexpr'])) return binder.statement.refuse('a row value', fields);
      const [a, b] = [left(), right()];
      return bindOperator(op, a, b) ?? none(a.type, b.type);
    }
    case 'AEXPR_IN':
      return bindIn(binder, node, place, op);
    case 'AEXPR_LIKE':
    case 'AEXPR_ILIKE':
      return bindLikeNode(binder, node, place, op, none);
    case 'AEXPR_DISTINCT':
    case 'AEXPR_NOT_DISTINCT': {
      const [a, b] = [left(), right()];
      return bindDistinct(a, b, kind === 'AEXPR_NOT_DISTINCT') ?? none(a.type, b.type);
    }
    case 'AEXPR_NULLIF': {
      const [a, b] = [left(), right()];
      const pair = alike(a, b) ?? none(a.type, b.type);
      return call(pair, pair[0].type, ([x, y]) => `nullif(${x}, ${y})`);
    }
    case 'AEXPR_BETWEEN':
    case 'AEXPR_NOT_BETWEEN':
    case 'AEXPR_BETWEEN_SYM':
    case 'AEXPR_NOT_BETWEEN_SYM': {
      const value = left();
      const [low, high] = listItems(fields['rexpr']).map((item) => bindExpression(binder, item, place));
      return bindBetween(value, low!, high!, kind.includes('NOT'), kind.endsWith('SYM')) ?? none(value.type, low!.type);
    }
    case 'AEXPR_OP_ANY':
    case 'AEXPR_OP_ALL':
      return bindAnyArray(binder, op, left(), right(), kind === 'AEXPR_OP_ALL', fields);
    default:
      return binder.statement.refuse(kind, fields);
  }
}

function isRow(value: unknown): boolean {
  return openNode(value)?.kind === 'RowExpr';
}

function listItems(value: unknown): unknown[] {
  const node = openNode(value);
  return node?.kind === 'List' && Array.isArray(node.fields['items']) ? node.fields['items'] : [];
}

function bindIn(binder: Binder, node: Node, place: Place, op: string): Bound {
  if (isRow(node.fields['lexpr'])) return binder.statement.refuse('a row value', node.fields);
  const value = bindExpression(binder, node.fields['lexpr'], place);
  const items = listItems(node.fields['rexpr']).map((item) => bindExpression(binder, item, place));
  const type = commonTypeOf([value, ...items].map((bound) => bound.type));
  if (type === null || type.name === 'json')
    return binder.statement.fail(
      'SQL_TYPE',
      `IN: the types ${[value, ...items].map((bound) => typeText(bound.type)).join(', ')} do not match`,
      node.fields,
    );
  const converted = [value, ...items].map((bound) => convertLoosely(bound, type));
  return call(
    converted,
    typeOf('boolean'),
    ([x, ...rest]) => `(${x} ${op === '<>' ? 'NOT ' : ''}IN (${rest.join(', ')}))`,
  );
}

function bindLikeNode(binder: Binder, node: Node, place: Place, op: string, none: (...types: Type[]) => never): Bound {
  const value = bindExpression(binder, node.fields['lexpr'], place);
  const pattern = openNode(node.fields['rexpr']);
  const isEscape =
    pattern?.kind === 'FuncCall' && nameList(pattern.fields['funcname']).join('.') === 'pg_catalog.like_escape';
  if (!isEscape) {
    const bound = bindExpression(binder, node.fields['rexpr'], place);
    return bindLike(op, value, bound, null) ?? none(value.type, bound.type);
  }
  const [bound, escape] = (pattern.fields['args'] as unknown[]).map((arg) => bindExpression(binder, arg, place));
  if (escape?.kind !== 'literal' || typeof escape.value !== 'string' || [...escape.value].length > 1)
    return binder.statement.fail('SQL_TYPE', 'ESCAPE takes one constant character', node.fields);
  return bindLike(op, value, bound!, escape) ?? none(value.type, bound!.type);
}

function bindAnyArray(binder: Binder, op: string, value: Bound, list: Bound, all: boolean, at: Fields): Bound {
  if (list.type.name !== 'text[]')
    return binder.statement.fail('SQL_TYPE', `op ${all ? 'ALL' : 'ANY'} takes an array of text or a subquery`, at);
  const item = convert(value, typeOf('text'));
  const right = { kind: 'column', item: '', name: '', type: typeOf('text') } as const;
  if (comparison(op, item, right) === null)
    return binder.statement.fail('SQL_TYPE', `operator ${op} can't be used with ${all ? 'ALL' : 'ANY'}`, at);
  if (op === '=' && !all) return call([list, item], typeOf('boolean'), ([l, x]) => `list_contains(${l}, ${x})`);
  if (op === '<>' && all) return call([list, item], typeOf('boolean'), ([l, x]) => `(NOT list_contains(${l}, ${x}))`);
  return binder.statement.refuse(`${op} ${all ? 'ALL' : 'ANY'} over an array`, at, 'there are = ANY and <> ALL');
}

function bindBoolean(binder: Binder, node: Node, place: Place): Bound {
  const operation = stringField(node.fields, 'boolop');
  const args = nodeList(node.fields['args']).map((_, index) =>
    bindCondition(binder, (node.fields['args'] as unknown[])[index], place, operation.replace('_EXPR', '')),
  );
  if (operation === 'NOT_EXPR') return call(args, typeOf('boolean'), ([x]) => `(NOT ${x})`);
  const word = operation === 'AND_EXPR' ? ' AND ' : ' OR ';
  return call(args, typeOf('boolean'), (printed) => `(${printed.join(word)})`);
}

function bindBooleanTest(binder: Binder, node: Node, place: Place): Bound {
  const test = {
    IS_TRUE: 'IS TRUE',
    IS_NOT_TRUE: 'IS NOT TRUE',
    IS_FALSE: 'IS FALSE',
    IS_NOT_FALSE: 'IS NOT FALSE',
    IS_UNKNOWN: 'IS NULL',
    IS_NOT_UNKNOWN: 'IS NOT NULL',
  }[stringField(node.fields, 'booltesttype')];
  if (test === undefined) return binder.statement.refuse(stringField(node.fields, 'booltesttype'), node.fields);
  return call([bindCondition(binder, node.fields['arg'], place, test)], typeOf('boolean'), ([x]) => `(${x} ${test})`);
}

function bindCase(binder: Binder, node: Node, place: Place): Bound {
  const subject = node.fields['arg'] === undefined ? null : bindExpression(binder, node.fields['arg'], place);
  const whens: Bound[] = [];
  const results: Bound[] = [];
  for (const branch of nodeList(node.fields['args'])) {
    const when = branch.fields['expr'];
    if (subject === null) whens.push(bindCondition(binder, when, place, 'CASE/WHEN'));
    else {
      const value = bindExpression(binder, when, place);
      whens.push(
        comparison('=', subject, value) ??
          binder.statement.fail(
            'SQL_TYPE',
            `operator does not exist: ${typeText(subject.type)} = ${typeText(value.type)}`,
            branch.fields,
          ),
      );
    }
    results.push(bindExpression(binder, branch.fields['result'], place));
  }
  const otherwise =
    node.fields['defresult'] === undefined
      ? literal(null, typeOf('unknown'))
      : bindExpression(binder, node.fields['defresult'], place);
  const [...converted] = toCommonType(binder, [...results, otherwise], 'CASE', node.fields);
  const last = converted.pop()!;
  return call([...whens, ...converted, last], last.type, (args) => {
    const count = whens.length;
    const branches = Array.from({ length: count }, (_, index) => `WHEN ${args[index]} THEN ${args[count + index]}`);
    return `(CASE ${branches.join(' ')} ELSE ${args.at(-1)} END)`;
  });
}

function toCommonType(binder: Binder, items: readonly Bound[], what: string, at: Fields): Bound[] {
  const type = commonTypeOf(items.map((item) => item.type));
  if (type === null)
    return binder.statement.fail(
      'SQL_TYPE',
      `${what} types ${items.map((item) => typeText(item.type)).join(' and ')} cannot be matched`,
      at,
    );
  const scale = Math.max(
    ...items.map((item) => (item.type.name === 'unknown' ? convertLoosely(item, type).type.scale : item.type.scale)),
  );
  return items.map((item) => convert(item, type.name === 'numeric' ? numericOf(scale) : type));
}

function bindSameType(binder: Binder, node: Node, place: Place, print: (args: readonly string[]) => string): Bound {
  const args = (node.fields['args'] as unknown[]).map((arg) => bindExpression(binder, arg, place));
  const converted = toCommonType(binder, args, 'argument', node.fields);
  return call(converted, converted[0]!.type, print);
}

function bindCast(binder: Binder, node: Node, place: Place): Bound {
  const { name, scale } = bindTypeName(binder.statement, node.fields['typeName']);
  const arg = bindExpression(binder, node.fields['arg'], place);
  return (
    cast(arg, name, scale) ??
    binder.statement.fail('SQL_TYPE', `cannot cast type ${typeText(arg.type)} to ${name}`, node.fields)
  );
}

function bindSubLink(binder: Binder, node: Node, place: Place): Bound {
  binder.statement.onlyFields(node, ['subLinkType', 'testexpr', 'operName', 'subselect']);
  const kind = stringField(node.fields, 'subLinkType');
  const query = binder.bindQuery(node.fields['subselect'], place.scope);
  if (kind === 'EXISTS_SUBLINK')
    return { kind: 'subquery', query, args: [], type: typeOf('boolean'), print: (text) => `EXISTS (${text})` };
  if (query.outputs.length !== 1)
    return binder.statement.fail('SQL_TYPE', 'subquery must return only one column', node.fields);
  const column = query.outputs[0]!;
  if (kind === 'EXPR_SUBLINK')
    return { kind: 'subquery', query, args: [], type: column.type, print: (text) => `(${text})` };
  if (kind !== 'ANY_SUBLINK' && kind !== 'ALL_SUBLINK') return binder.statement.refuse(kind, node.fields);
  const op = nameList(node.fields['operName'])[0] ?? '=';
  if (isRow(node.fields['testexpr'])) return binder.statement.refuse('a row value', node.fields);
  const value = bindExpression(binder, node.fields['testexpr'], place);
  const right: Bound = { kind: 'column', item: '', name: '', type: column.type };
  const pair = alike(value, right);
  if (pair === null || comparison(op, value, right) === null)
    return binder.statement.fail(
      'SQL_TYPE',
      `operator does not exist: ${typeText(value.type)} ${op} ${typeText(column.type)}`,
      node.fields,
    );
  const printedOp = op === '!=' ? '<>' : op;
  // Comparing unlike numbers and times is left to the engine: its conversions there are PostgreSQL's.
  return {
    kind: 'subquery',
    query,
    args: [pair[0]],
    type: typeOf('boolean'),
    print: (text, [x]) => `(${x} ${printedOp} ${kind === 'ANY_SUBLINK' ? 'ANY' : 'ALL'} (${text}))`,
  };
}

function bindArray(binder: Binder, node: Node, place: Place): Bound {
  const items = ((node.fields['elements'] as unknown[] | undefined) ?? []).map((item) =>
    bindExpression(binder, item, place),
  );
  if (items.some(({ type }) => type.name !== 'text' && type.name !== 'unknown'))
    return binder.statement.fail('SQL_TYPE', 'arrays hold text here', node.fields);
  const texts = items.map((item) => convert(item, typeOf('text')));
  return call(texts, typeOf('text[]'), (args) =>
    args.length === 0 ? 'CAST([] AS VARCHAR[])' : `[${args.join(', ')}]`,
  );
}

function bindSubscript(binder: Binder, node: Node, place: Place): Bound {
  const [index, ...more] = nodeList(node.fields['indirection']);
  const list = bindExpression(binder, node.fields['arg'], place);
  if (
    index?.kind !== 'A_Indices' ||
    more.length > 0 ||
    index.fields['is_slice'] === true ||
    list.type.name !== 'text[]'
  )
    return binder.statement.refuse('this subscript', node.fields, 'list[n] works on arrays of text');
  const at = bindExpression(binder, index.fields['uidx'], place);
  if (!isNumber(at.type))
    return binder.statement.fail('SQL_TYPE', 'array subscript must have type integer', node.fields);
  return call(
    [list, convert(at, typeOf('bigint'))],
    typeOf('text'),
    ([l, n]) => `list_extract(${l}, nullif(greatest(${n}, 0), 0))`,
  );
}
