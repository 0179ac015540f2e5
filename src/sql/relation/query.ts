/** A whole query: WITH, set operations, VALUES, ORDER BY and LIMIT around SELECTs. */
import type { Node, SelectStmt } from 'libpg-query';
import { bind, bindTyped } from '../bind.js';
import { bindCast, coerceAll, readLiteral } from '../bind-call.js';
import { bindError } from '../context.js';
import type { Expression } from '../plan.js';
import { locationOf } from '../tree.js';
import { commonType, isComparable, typeName } from '../types.js';
import type { RelationCatalog, QuerySource } from './catalog.js';
import { columnOf } from './columns.js';
import { hasSubquery } from './join.js';
import { limitsOf } from './limits.js';
import { renamed } from './named.js';
import { scopeContext } from './scope-context.js';
import { readOrder } from './order.js';
import { inner } from './query-context.js';
import type { QueryContext } from './query-context.js';
import type { Field, OrderItem, QueryPlan, Relation } from './relation.js';
import { scopeOf } from './scope.js';
import { SelectPlanner } from './select.js';
import { narrowed } from './steps.js';
import type { Body } from './steps.js';

/** A context for a statement of `source`. */
export function queryContext(source: QuerySource, catalog: RelationCatalog, isBatch: boolean): QueryContext {
  return {
    source,
    catalog,
    isBatch,
    named: new Map(),
    outer: [],
    depth: 0,
    plan: planRelation,
    begin: (inside, select) => new SelectPlanner(inside, select),
  };
}

/** A query as a relation: ORDER BY matters only where LIMIT makes it a Top-N. */
export function planRelation(context: QueryContext, select: SelectStmt): Relation {
  const body = planBody(context, select);
  const { offset, limit } = limitsOf(context, select);
  if (limit === null && offset === 0) return narrowed(body.relation, body.width);
  const top: Relation = {
    kind: 'top',
    fields: body.relation.fields,
    input: body.relation,
    partition: [],
    order: body.order,
    ranking: select.limitOption === 'LIMIT_OPTION_WITH_TIES' ? 'rank' : 'row_number',
    offset,
    limit,
    windowEnd: null,
    numbered: false,
  };
  return narrowed(top, body.width);
}

/** A query that is asked once: its rows have an order. */
export function planOrdered(context: QueryContext, select: SelectStmt): QueryPlan {
  const { relation, order, width } = planBody(context, select);
  if (select.limitOption === 'LIMIT_OPTION_WITH_TIES') {
    return { relation: planRelation(context, select), order: [], limit: null, offset: 0, width };
  }
  return { relation, order, width, ...limitsOf(context, select) };
}

function planBody(outer: QueryContext, select: SelectStmt): Body {
  const context = withNamed(outer, select);
  if (select.lockingClause !== undefined || select.intoClause !== undefined)
    throw bindError(
      context.source,
      'SQL_UNSUPPORTED',
      'FOR UPDATE and SELECT INTO: not supported',
      undefined,
      'Leave it out.',
    );
  if (select.valuesLists !== undefined) return ordered(context, select, planValues(context, select.valuesLists));
  if (select.op !== undefined && select.op !== 'SETOP_NONE')
    return ordered(context, select, planSetOperation(context, select));
  return new SelectPlanner(context, select).plan(select.sortClause ?? []);
}

function withNamed(context: QueryContext, select: SelectStmt): QueryContext {
  const { withClause } = select;
  if (withClause === undefined) return context;
  if (withClause.recursive === true)
    throw bindError(
      context.source,
      'SQL_UNSUPPORTED',
      'WITH RECURSIVE: not supported',
      withClause.location,
      'Write the steps out as queries of their own.',
    );
  const named = new Map(context.named);
  for (const node of withClause.ctes ?? []) {
    if (!('CommonTableExpr' in node)) continue;
    const { ctename = '', ctequery, aliascolnames = [], location } = node.CommonTableExpr;
    if (ctequery === undefined || !('SelectStmt' in ctequery))
      throw bindError(context.source, 'SQL_UNSUPPORTED', 'WITH takes SELECTs only', location);
    const relation = planRelation(inner(context, { named: new Map(named) }, location), ctequery.SelectStmt);
    const names = aliascolnames.map((each) => ('String' in each ? (each.String.sval ?? '') : ''));
    named.set(ctename, renamed(relation, names));
  }
  return { ...context, named };
}

/** ORDER BY of a set operation or VALUES: over the columns that are shown. */
function ordered(context: QueryContext, select: SelectStmt, relation: Relation): Body {
  const { fields } = relation;
  const binder = scopeContext(context, scopeOf('', fields));
  const order = (select.sortClause ?? []).map((node): OrderItem =>
    readOrder(node, (item) => {
      if (!('A_Const' in item) || item.A_Const.ival === undefined) return bindTyped(binder, item);
      const position = item.A_Const.ival.ival ?? 0;
      if (fields[position - 1] === undefined)
        throw bindError(
          context.source,
          'SQL_TYPE',
          `ORDER BY position ${position} is not in select list`,
          locationOf(item),
        );
      return columnOf(fields, position - 1);
    }),
  );
  return { relation, width: fields.length, order };
}

/** Rows of VALUES, subqueries in them: one SELECT each, all of them united. */
function valuesAsSelects(context: QueryContext, lists: readonly Node[]): Relation {
  const selects = lists.map((list): SelectStmt => {
    const items = 'List' in list ? (list.List.items ?? []) : [];
    return { ...PLAIN, targetList: items.map((val) => ({ ResTarget: { val } })) };
  });
  const whole = selects.reduce((larg, rarg) => ({ ...PLAIN, op: 'SETOP_UNION', all: true, larg, rarg }));
  const relation = context.plan(inner(context, {}, undefined), whole);
  return renamed(
    relation,
    relation.fields.map((_, i) => `column${i + 1}`),
  );
}

const PLAIN: SelectStmt = { limitOption: 'LIMIT_OPTION_DEFAULT', op: 'SETOP_NONE' };

function planValues(context: QueryContext, lists: readonly Node[]): Relation {
  if (hasSubquery(lists)) return valuesAsSelects(context, lists);
  const binder = scopeContext(context, { columns: [], fields: [] });
  const rows = lists.map((list) => ('List' in list ? (list.List.items ?? []).map((item) => bind(binder, item)) : []));
  const width = rows[0]?.length ?? 0;
  if (rows.some((row) => row.length !== width))
    throw bindError(context.source, 'SQL_TYPE', 'VALUES lists must all be the same length', locationOf(lists[0]));
  const columns = Array.from({ length: width }, (_, i) =>
    coerceAll(
      binder,
      'VALUES',
      rows.map((row) => row[i]!),
      undefined,
    ),
  );
  const fields = columns.map(({ type, args }, i): Field => ({
    name: `column${i + 1}`,
    type,
    nullable: args.some((arg) => arg.kind !== 'literal' || arg.value === null),
  }));
  return { kind: 'values', fields, rows: rows.map((_, row) => columns.map(({ args }) => args[row]!)) };
}

const WORDS: Readonly<Record<string, string>> = {
  SETOP_UNION: 'UNION',
  SETOP_INTERSECT: 'INTERSECT',
  SETOP_EXCEPT: 'EXCEPT',
};

function planSetOperation(context: QueryContext, select: SelectStmt): Relation {
  const word = WORDS[select.op!]!;
  const plan = (side: SelectStmt): Relation => planRelation(inner(context, {}, undefined), side);
  const [left, right] = aligned(context, word, plan(select.larg!), plan(select.rarg!), select.rarg!);
  const all = select.all === true;
  if (word !== 'UNION')
    return { kind: word === 'INTERSECT' ? 'intersect' : 'except', fields: left.fields, left, right, all };
  const inputs = [left, right].flatMap((side) => (side.kind === 'union' ? side.inputs : [side]));
  const fields = left.fields.map((field, i) => ({
    ...field,
    nullable: inputs.some((side) => side.fields[i]!.nullable),
  }));
  const union: Relation = { kind: 'union', fields, inputs };
  if (all) return union;
  return {
    kind: 'aggregate',
    fields,
    input: union,
    keys: fields.map((_, i) => columnOf(fields, i)),
    sets: null,
    aggregates: [],
    always: false,
    windowEnd: null,
  };
}

/** Both sides with the same types, column by column. */
function aligned(
  context: QueryContext,
  word: string,
  left: Relation,
  right: Relation,
  at: SelectStmt,
): readonly [Relation, Relation] {
  const location = locationOf(at.targetList?.[0]);
  if (left.fields.length !== right.fields.length)
    throw bindError(context.source, 'SQL_TYPE', `each ${word} query must have the same number of columns`, location);
  const types = left.fields.map((field, i) => {
    const other = right.fields[i]!;
    const type = commonType([
      isUntyped(left, i) ? 'unknown' : field.type,
      isUntyped(right, i) ? 'unknown' : other.type,
    ]);
    if (typeof type !== 'string')
      throw bindError(
        context.source,
        'SQL_TYPE',
        `${word} types ${typeName(field.type)} and ${typeName(other.type)} cannot be matched`,
        location,
      );
    if (word !== 'UNION' && !isComparable(type))
      throw bindError(context.source, 'SQL_TYPE', `could not identify an equality operator for type ${type}`, location);
    return type;
  });
  const cast = (side: Relation): Relation => {
    if (side.fields.every((field, i) => field.type === types[i])) return side;
    const binder = scopeContext(context, scopeOf('', side.fields));
    const expressions = side.fields.map((_, i): Expression => {
      const written = side.kind === 'project' && isUntyped(side, i) ? side.expressions[i] : undefined;
      if (written?.kind === 'literal') return readLiteral(binder, written.value as string | null, types[i]!, location);
      return bindCast(binder, columnOf(side.fields, i), types[i]!, location);
    });
    return {
      kind: 'project',
      fields: side.fields.map((field, i) => ({ ...field, type: types[i]! })),
      input: side,
      expressions,
    };
  };
  return [cast(left), cast(right)];
}

/** Whether a field is a bare string or NULL, whose type the other side decides. */
function isUntyped(side: Relation, field: number): boolean {
  const expression = side.kind === 'project' ? side.expressions[field] : undefined;
  return expression?.kind === 'literal' && expression.type === 'text';
}
