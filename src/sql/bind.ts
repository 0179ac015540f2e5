/** Binds a parse tree's expressions to a stream: names, types, implicit casts, aggregates. */
import type { A_Expr, CaseExpr, ColumnRef, FuncCall, Node } from 'libpg-query';
import { aggregateTable, isAggregateName, orderedTable } from './aggregates/index.js';
import { arrangeArguments, bindFunction, bindOperator, coerce, coerceAll, makeCall, readLiteral } from './bind-call.js';
import { bindArray, bindQuantified, bindSubscripts } from './bind-array.js';
import { bindCollation, bindWrittenCast } from './bind-cast.js';
import { bindCastCall, bindConstant } from './bind-literal.js';
import { bindRowComparison, bindRowIn, bindRowNullTest, rowItems } from './bind-row.js';
import { bindError, literal, placed, typeOf } from './context.js';
import type { BindContext, Bound } from './context.js';
import type { CaseBranch, Expression, SqlType } from './plan.js';
import { functionTable } from './functions/index.js';
import { editDistance } from './near.js';
import { refuseNode } from './refuse.js';
import { locationOf } from './tree.js';
import { COLUMN_TYPES, isArray, isComparable, typeName } from './types.js';

/** Binds a node; a bare string stays untyped. */
export function bind(context: BindContext, node: Node): Bound {
  const bound = bindNode(context, node);
  return placed(context, bound, locationOf(node));
}

/** Binds a node to a typed expression: what nothing else decides becomes text. */
export function bindTyped(context: BindContext, node: Node): Expression {
  return coerceUnknown(context, bind(context, node), locationOf(node));
}

function coerceUnknown(context: BindContext, bound: Bound, location: number | undefined): Expression {
  return bound.kind === 'unknown' ? readLiteral(context, bound.value, 'text', location) : bound;
}

/** Binds a condition. `what` names it: WHERE, HAVING, CASE/WHEN. */
export function bindCondition(context: BindContext, node: Node, what: string): Expression {
  const bound = bind(context, node);
  const type = typeOf(bound);
  if (type !== 'boolean' && type !== 'unknown') {
    throw bindError(
      context,
      'SQL_TYPE',
      `argument of ${what} must be type boolean, not type ${typeName(type)}`,
      locationOf(node),
    );
  }
  return coerce(context, bound, 'boolean', locationOf(node));
}

function bindNode(context: BindContext, node: Node): Bound {
  const own = context.query?.node(node);
  if (own !== undefined) return own;
  if ('ColumnRef' in node) return bindColumn(context, node.ColumnRef);
  if ('A_Const' in node) return bindConstant(context, node.A_Const);
  if ('TypeCast' in node) return bindWrittenCast(context, node.TypeCast, locationOf(node), bind);
  if ('A_ArrayExpr' in node) return bindArray(context, node.A_ArrayExpr, bind);
  if ('A_Indirection' in node) return bindSubscripts(context, node.A_Indirection, bind);
  if ('CollateClause' in node) return bindCollation(context, node, bind);
  if ('A_Expr' in node) return bindOperation(context, node.A_Expr);
  if ('BoolExpr' in node) return bindLogic(context, node);
  if ('FuncCall' in node) {
    refuseAggregate(context, node.FuncCall);
    return bindCallNode(context, node);
  }
  if ('NullTest' in node) {
    const items = rowItems(node.NullTest.arg);
    if (items !== undefined)
      return bindRowNullTest(
        items.map((item) => bindTyped(context, item)),
        node.NullTest.nulltesttype === 'IS_NOT_NULL',
      );
    const arg = bindTyped(context, node.NullTest.arg!);
    return { kind: 'isNull', arg, negated: node.NullTest.nulltesttype === 'IS_NOT_NULL', type: 'boolean' };
  }
  if ('BooleanTest' in node)
    return bindTruthTest(context, node.BooleanTest.arg!, node.BooleanTest.booltesttype ?? 'IS_TRUE');
  if ('CaseExpr' in node) return bindCase(context, node.CaseExpr);
  if ('CoalesceExpr' in node)
    return bindVariadic(context, 'coalesce', 'COALESCE', node.CoalesceExpr.args ?? [], locationOf(node));
  if ('MinMaxExpr' in node) {
    const greatest = node.MinMaxExpr.op !== 'IS_LEAST';
    return bindVariadic(
      context,
      greatest ? 'greatest' : 'least',
      greatest ? 'GREATEST' : 'LEAST',
      node.MinMaxExpr.args ?? [],
      locationOf(node),
    );
  }
  throw refuseNode(context, node);
}

/** An expression by itself has no groups. */
function refuseAggregate(context: BindContext, call: FuncCall): void {
  const last = call.funcname?.at(-1);
  const name = last !== undefined && 'String' in last ? (last.String.sval ?? '') : '';
  if (context.query === undefined && call.over === undefined && isAggregateName(name))
    throw bindError(
      context,
      'SQL_TYPE',
      `aggregate functions are not allowed in ${context.clause}`,
      call.location,
      'Aggregate in a view, and filter its rows.',
    );
}

function bindColumn(context: BindContext, ref: ColumnRef): Expression {
  const fields = ref.fields ?? [];
  const names = fields.map((field) => ('String' in field ? (field.String.sval ?? '') : '*'));
  const name = names.at(-1)!;
  if (name === '*') {
    throw bindError(
      context,
      'SQL_UNSUPPORTED',
      '* cannot stand here',
      ref.location,
      'Name the columns; a view groups by some and aggregates the others.',
    );
  }
  if (context.query !== undefined) return context.query.column(names, ref.location);
  if (names.length > 2 || (names.length === 2 && context.qualifiers?.includes(names[0]!) !== true)) {
    throw bindError(
      context,
      'SQL_UNKNOWN_RELATION',
      `missing FROM-clause entry for table "${names.at(-2)!}"`,
      ref.location,
      `The columns here are of ${context.qualifiers?.[0] ?? ''}.`,
    );
  }
  if (name === 'window_start') return { kind: 'windowStart', type: 'timestamptz' };
  if (name === 'window_end') return { kind: 'windowEnd', type: 'timestamptz' };
  const columns = context.stream?.schema.columns ?? [];
  const index = columns.findIndex((column) => column.name === name);
  if (index < 0) {
    throw bindError(
      context,
      'SQL_UNKNOWN_COLUMN',
      `column "${names.join('.')}" does not exist`,
      ref.location,
      columnHint(
        name,
        columns.map((column) => column.name),
      ),
    );
  }
  const column = columns[index]!;
  return { kind: 'column', index, name, type: COLUMN_TYPES[column.type], nullable: column.nullable };
}

function columnHint(name: string, columns: readonly string[]): string {
  const near = columns.find(
    (column) =>
      column.toLowerCase() === name.toLowerCase() || column.endsWith(`_${name}`) || editDistance(column, name) <= 2,
  );
  const shown = `There are: ${columns.join(', ')}, window_start, window_end.`;
  return near === undefined ? shown : `Perhaps you meant "${near}". ${shown}`;
}

function bindLogic(context: BindContext, node: Extract<Node, { BoolExpr: unknown }>): Expression {
  const { boolop, args = [] } = node.BoolExpr;
  if (boolop === 'NOT_EXPR') return { kind: 'not', arg: bindCondition(context, args[0]!, 'NOT'), type: 'boolean' };
  const kind = boolop === 'OR_EXPR' ? 'or' : 'and';
  return { kind, args: args.map((arg) => bindCondition(context, arg, kind.toUpperCase())), type: 'boolean' };
}

function bindTruthTest(context: BindContext, arg: Node, test: string): Expression {
  const words = test.replace(/^IS_/, '').replace(/^NOT_/, '');
  const bound = bindCondition(context, arg, `IS ${words}`);
  const negated = test.startsWith('IS_NOT');
  if (words === 'UNKNOWN') return { kind: 'isNull', arg: bound, negated, type: 'boolean' };
  const same = makeCall(
    context,
    'isDistinct',
    [bound, literal(words === 'TRUE', 'boolean')],
    'boolean',
    locationOf(arg),
  );
  return negated ? same : { kind: 'not', arg: same, type: 'boolean' };
}

function bindVariadic(
  context: BindContext,
  name: string,
  what: string,
  nodes: readonly Node[],
  location: number | undefined,
): Expression {
  const { args, type } = coerceAll(
    context,
    what,
    nodes.map((node) => bind(context, node)),
    location,
  );
  if (name !== 'coalesce') requireOrder(context, type, location);
  return makeCall(context, name, args, type, location);
}

function requireOrder(context: BindContext, type: SqlType, location: number | undefined): void {
  if (!isComparable(type)) {
    throw bindError(
      context,
      'SQL_TYPE',
      `could not identify an equality operator for type ${type}`,
      location,
      'Cast it to text first.',
    );
  }
}

function bindCase(context: BindContext, node: CaseExpr): Expression {
  const branches = (node.args ?? []).map((branch) => {
    if (!('CaseWhen' in branch)) throw refuseNode(context, branch);
    return branch.CaseWhen;
  });
  const whens = branches.map((branch) =>
    node.arg === undefined
      ? bindCondition(context, branch.expr!, 'CASE/WHEN')
      : bindOperator(
          context,
          '=',
          [bindCaseSubject(context, node.arg), bind(context, branch.expr!)],
          locationOf(branch.expr),
        ),
  );
  const results: Bound[] = branches.map((branch) => bind(context, branch.result!));
  const otherwise: Bound =
    node.defresult === undefined ? { kind: 'unknown', value: null } : bind(context, node.defresult);
  // PostgreSQL looks at ELSE first, so that its type names come in this order in the message.
  const { args, type } = coerceAll(context, 'CASE', [otherwise, ...results], node.location);
  const bound: CaseBranch[] = whens.map((when, i) => ({ when, result: args[i + 1]! }));
  return { kind: 'case', branches: bound, otherwise: args[0]!, type };
}

/** `CASE x WHEN …`: an untyped subject is text. */
function bindCaseSubject(context: BindContext, node: Node): Expression {
  return bindTyped(context, node);
}

function bindOperation(context: BindContext, node: A_Expr): Bound {
  const name = (node.name ?? []).map((part) => ('String' in part ? (part.String.sval ?? '') : '')).at(-1)!;
  const { location } = node;
  const left = (): Bound => bind(context, node.lexpr!);
  const operator = node.kind === 'AEXPR_DISTINCT' || node.kind === 'AEXPR_NOT_DISTINCT' ? 'IS DISTINCT FROM' : name;
  if (node.kind === 'AEXPR_OP' || operator !== name) {
    const rows = bindRowComparison(context, operator, node.lexpr, node.rexpr, location, bind);
    if (rows !== undefined)
      return node.kind === 'AEXPR_NOT_DISTINCT' ? { kind: 'not', arg: rows, type: 'boolean' } : rows;
  }
  switch (node.kind) {
    case 'AEXPR_OP':
    case 'AEXPR_LIKE':
    case 'AEXPR_ILIKE':
    case 'AEXPR_SIMILAR':
      return bindOperator(
        context,
        name,
        node.lexpr === undefined ? [bind(context, node.rexpr!)] : [left(), bind(context, node.rexpr!)],
        location,
      );
    case 'AEXPR_DISTINCT':
    case 'AEXPR_NOT_DISTINCT': {
      const distinct = bindDistinct(context, left(), bind(context, node.rexpr!), location);
      return node.kind === 'AEXPR_DISTINCT' ? distinct : { kind: 'not', arg: distinct, type: 'boolean' };
    }
    case 'AEXPR_IN':
      return bindIn(context, node, name === '<>');
    case 'AEXPR_OP_ANY':
    case 'AEXPR_OP_ALL':
      return bindAny(context, node, name);
    case 'AEXPR_NULLIF': {
      const [written, second] = [left(), bind(context, node.rexpr!)];
      const first =
        written.kind === 'unknown' && second.kind !== 'unknown'
          ? coerce(context, written, second.type, location)
          : coerceUnknown(context, written, location);
      const equal = bindOperator(context, '=', [first, second], location);
      return {
        kind: 'case',
        branches: [{ when: equal, result: literal(null, first.type) }],
        otherwise: first,
        type: first.type,
      };
    }
    case 'AEXPR_BETWEEN':
    case 'AEXPR_NOT_BETWEEN':
      return bindBetween(context, node, node.kind === 'AEXPR_NOT_BETWEEN');
    case 'AEXPR_BETWEEN_SYM':
    case 'AEXPR_NOT_BETWEEN_SYM':
      return bindSymmetric(context, node, node.kind === 'AEXPR_NOT_BETWEEN_SYM');
    default:
      throw refuseNode(context, { A_Expr: node });
  }
}

function bindDistinct(context: BindContext, a: Bound, b: Bound, location: number | undefined): Expression {
  const { args, type } = coerceAll(context, 'IS DISTINCT FROM', [a, b], location);
  requireOrder(context, type, location);
  return makeCall(context, 'isDistinct', args, 'boolean', location);
}

/** The items of the list on the right: of IN and BETWEEN. */
function listItems(node: A_Expr): readonly Node[] {
  return node.rexpr !== undefined && 'List' in node.rexpr ? (node.rexpr.List.items ?? []) : [];
}

function bindBetween(context: BindContext, node: A_Expr, negated: boolean, bounds = listItems(node)): Expression {
  const compare = (operator: string, bound: Node): Expression =>
    bindOperator(context, operator, [bind(context, node.lexpr!), bind(context, bound)], node.location);
  const low = compare(negated ? '<' : '>=', bounds[0]!);
  const high = compare(negated ? '>' : '<=', bounds[1]!);
  return { kind: negated ? 'or' : 'and', args: [low, high], type: 'boolean' };
}

/** BETWEEN SYMMETRIC: between the bounds in one order or the other. */
function bindSymmetric(context: BindContext, node: A_Expr, negated: boolean): Expression {
  const bounds = listItems(node);
  const args = [bounds, bounds.toReversed()].map((each) => bindBetween(context, node, negated, each));
  return { kind: negated ? 'and' : 'or', args, type: 'boolean' };
}

function bindIn(context: BindContext, node: A_Expr, negated: boolean): Expression {
  const items = listItems(node);
  if (rowItems(node.lexpr) !== undefined) return bindRowIn(context, node.lexpr!, items, negated, node.location, bind);
  return bindMembership(
    context,
    [bind(context, node.lexpr!), ...items.map((item) => bind(context, item))],
    negated,
    node.location,
  );
}

function bindMembership(
  context: BindContext,
  all: readonly Bound[],
  negated: boolean,
  location: number | undefined,
): Expression {
  const { args, type } = coerceAll(context, 'IN', all, location);
  requireOrder(context, type, location);
  const within = makeCall(context, 'in', args, 'boolean', location);
  return negated ? { kind: 'not', arg: within, type: 'boolean' } : within;
}

/** `= ANY (ARRAY[…])` and `<> ALL (ARRAY[…])` are IN and NOT IN. */
function bindAny(context: BindContext, node: A_Expr, name: string): Expression {
  const isAll = node.kind === 'AEXPR_OP_ALL';
  const elements = 'A_ArrayExpr' in node.rexpr! ? (node.rexpr.A_ArrayExpr.elements ?? []) : [];
  const isMembership = isAll ? name === '<>' || name === '!=' : name === '=';
  if (!isMembership || elements.length === 0) return bindQuantified(context, node, name, bind);
  const all = [node.lexpr!, ...elements].map((item) => bind(context, item));
  if (all.some((item) => item.kind !== 'unknown' && isArray(item.type)))
    return bindQuantified(context, node, name, bind);
  return bindMembership(context, all, isAll, node.location);
}

/** The aggregate that a name is nearly, as a sentence; empty where there is none. */
function nearAggregate(name: string): string {
  const near = [...aggregateTable.all(), ...orderedTable.all()].find((entry) => editDistance(entry.name, name) <= 2);
  return near === undefined ? '' : `Perhaps you meant ${near.name}. `;
}

function bindCallNode(context: BindContext, node: Extract<Node, { FuncCall: unknown }>): Expression {
  const call = node.FuncCall;
  const names = (call.funcname ?? []).map((part) => ('String' in part ? (part.String.sval ?? '') : ''));
  const name = names.at(-1)!;
  if (names.length > 1 && names[0] !== 'pg_catalog') {
    throw bindError(
      context,
      'SQL_UNKNOWN_FUNCTION',
      `function ${names.join('.')} does not exist`,
      call.location,
      'Functions have no schema here.',
    );
  }
  if (
    call.over !== undefined ||
    call.agg_within_group === true ||
    call.agg_filter !== undefined ||
    call.agg_distinct === true ||
    call.agg_star === true ||
    call.func_variadic === true
  ) {
    if (functionTable.overloads(name).length > 0) throw refuseNode(context, node);
    throw bindError(
      context,
      'SQL_UNKNOWN_FUNCTION',
      `aggregate or window function ${name} does not exist`,
      call.location,
      `${nearAggregate(name)}docs/reference/aggregates.md lists them.`,
    );
  }
  const written = call.args ?? [];
  const args = written.map((arg) => bind(context, 'NamedArgExpr' in arg ? arg.NamedArgExpr.arg! : arg));
  const named = written.map((arg) => ('NamedArgExpr' in arg ? arg.NamedArgExpr.name : undefined));
  const isType = args.length === 1 && functionTable.overloads(name).length === 0;
  const cast = isType ? bindCastCall(context, name, args[0]!, call.location) : undefined;
  if (cast !== undefined) return cast;
  return bindFunction(context, name, arrangeArguments(context, name, args, named, call.location), call.location);
}
