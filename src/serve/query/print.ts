/**
 * Prints a bound tree as the text that DuckDB runs. Nothing else makes such text.
 *
 * Every relation is printed as a subquery that takes only the columns in use and, for a tenant's
 * key, only that tenant's rows: `printBase` is the one place where that predicate is put, and every
 * relation goes through it.
 */
import { MillraceError } from '../../util/errors.js';
import type { CurrentRows } from './catalog.js';
import { printLiteral, quoteName, quoteText } from './literals.js';
import type { Bound, BoundBase, BoundFrom, BoundGrouping, BoundOrder, BoundQuery, BoundSelect } from './tree.js';
import { duckType } from './types.js';

/** Most characters of printed text: formulas that use an argument twice can grow fast. */
export const PRINTED_MAX = 1_000_000;

/** Where a relation's rows are, for one query: text of a FROM item and what to filter. */
export interface BaseSource {
  /** Rows as `SELECT … FROM …` parts to be united; each has the relation's file columns. */
  readonly parts: readonly BasePart[];
}

/** Some rows of a relation. */
export interface BasePart {
  /** A table expression, printed by the engine from file names: `read_parquet(['…'])`. */
  readonly table: string;
  /** A condition over file columns, printed by the engine, or null. */
  readonly condition: string | null;
}

/** How bases become text. */
export interface PrintContext {
  /** The tenant whose rows alone may be seen; null for an operator. */
  readonly tenant: string | null;
  sourceOf(base: BoundBase): BaseSource;
  /** Set below the outermost query. */
  readonly nested?: boolean;
}

/** Prints a whole query. */
export function printQuery(query: BoundQuery, context: PrintContext): string {
  const ctes = query.ctes.map(({ name, query: inner, materialized }) => {
    // DuckDB 1.5 fails on a materialized CTE beside columns of an outer query ("unordered_map::at").
    const inlined = materialized === false || (materialized === null && context.nested === true);
    const how = inlined ? 'NOT MATERIALIZED ' : materialized === true ? 'MATERIALIZED ' : '';
    return `${quoteName(name)} AS ${how}(${printQuery(inner, context)})`;
  });
  const parts = [
    ctes.length === 0 ? '' : `WITH ${ctes.join(', ')}`,
    printBody(query, context),
    query.orderBy.length === 0 ? '' : `ORDER BY ${query.orderBy.map((order) => printOrder(order, context)).join(', ')}`,
    query.limit === null ? '' : `LIMIT ${printBound(query.limit)}`,
    query.offset === null ? '' : `OFFSET ${printBound(query.offset)}`,
  ];
  return bounded(parts.filter((part) => part !== '').join(' '));
}

/** Prints an expression. Without a context it may hold no subquery that reads relations. */
export function printBound(bound: Bound, context: PrintContext = WITHOUT_RELATIONS): string {
  switch (bound.kind) {
    case 'column':
      return `${quoteName(bound.item)}.${quoteName(bound.name)}`;
    case 'literal':
      return printLiteral(bound.value, bound.type);
    case 'call':
      return bounded(bound.print(bound.args.map((arg) => printBound(arg, context))));
    case 'subquery':
      return bounded(
        bound.print(
          printQuery(bound.query, { ...context, nested: true }),
          bound.args.map((arg) => printBound(arg, context)),
        ),
      );
  }
}

/** For comparing expressions: relations print as their alias. */
const WITHOUT_RELATIONS: PrintContext = {
  tenant: null,
  sourceOf: (base) => ({ parts: [{ table: quoteName(base.alias), condition: null }] }),
};

function bounded(text: string): string {
  if (text.length > PRINTED_MAX)
    throw new MillraceError(
      'QUERY_TOO_LARGE',
      'the statement is too complex: nested formulas repeat their arguments too often',
    );
  return text;
}

function printOrder({ expression, descending, nullsFirst }: BoundOrder, context: PrintContext): string {
  return `${printBound(expression, context)} ${descending ? 'DESC' : 'ASC'} NULLS ${nullsFirst ? 'FIRST' : 'LAST'}`;
}

function printBody(query: BoundQuery, context: PrintContext): string {
  const { body, outputs } = query;
  if (body.kind === 'select') return printSelect(body, context);
  const columns = outputs.map((output) => quoteName(output.alias));
  if (body.kind === 'values') {
    const rows = body.rows.map((row) => `(${row.map((value) => printBound(value, context)).join(', ')})`);
    return `SELECT * FROM (VALUES ${rows.join(', ')}) AS "v"(${columns.join(', ')})`;
  }
  const sides = [body.left, body.right].map((side) => {
    const cast = side.outputs.map(
      (output, index) => `CAST(${quoteName(output.alias)} AS ${duckType(body.types[index]!)}) AS ${columns[index]}`,
    );
    return `(SELECT ${cast.join(', ')} FROM (${printQuery(side, context)}) AS "s")`;
  });
  return `SELECT * FROM (${sides[0]} ${body.operation} ${sides[1]}) AS "u"`;
}

function printSelect(select: BoundSelect, context: PrintContext): string {
  const expressions = (items: readonly Bound[]) => items.map((item) => printBound(item, context)).join(', ');
  const distinct =
    select.distinctOn.length > 0
      ? `DISTINCT ON (${expressions(select.distinctOn)}) `
      : select.distinct
        ? 'DISTINCT '
        : '';
  const outputs = select.outputs.map(
    ({ expression, alias }) => `${printBound(expression, context)} AS ${quoteName(alias)}`,
  );
  const parts = [
    `SELECT ${distinct}${outputs.join(', ')}`,
    select.from.length === 0 ? '' : `FROM ${select.from.map((item) => printFrom(item, context)).join(', ')}`,
    select.where === null ? '' : `WHERE ${printBound(select.where, context)}`,
    select.groupBy.length === 0
      ? ''
      : `GROUP BY ${select.groupBy.map((item) => printGrouping(item, context)).join(', ')}`,
    select.having === null ? '' : `HAVING ${printBound(select.having, context)}`,
  ];
  return bounded(parts.filter((part) => part !== '').join(' '));
}

function printGrouping(grouping: BoundGrouping, context: PrintContext): string {
  if (grouping.kind === 'expression') return printBound(grouping.expression, context);
  if (grouping.kind === 'list') return `(${grouping.items.map((item) => printBound(item, context)).join(', ')})`;
  const word = { rollup: 'ROLLUP', cube: 'CUBE', sets: 'GROUPING SETS' }[grouping.kind];
  return `${word} (${grouping.items.map((item) => printGrouping(item, context)).join(', ')})`;
}

function printFrom(item: BoundFrom, context: PrintContext): string {
  switch (item.kind) {
    case 'base':
      return printBase(item, context);
    case 'query':
      return `${item.lateral ? 'LATERAL ' : ''}(${printQuery(item.query, { ...context, nested: true })}) AS ${quoteName(item.alias)}`;
    case 'cte':
      return `${quoteName(item.name)} AS ${quoteName(item.alias)}`;
    case 'function':
      return `LATERAL (SELECT ${printBound(item.call, context)} AS ${quoteName(item.column)}) AS ${quoteName(item.alias)}`;
    case 'join': {
      const on = item.on === null ? '' : ` ON ${printBound(item.on, context)}`;
      return `(${printFrom(item.left, context)} ${item.join} JOIN ${printFrom(item.right, context)}${on})`;
    }
  }
}

/** A relation's rows: the columns in use, and for a tenant's key that tenant's rows only. */
function printBase(base: BoundBase, context: PrintContext): string {
  const { relation } = base;
  const used = [...base.used].sort((a, b) => a - b);
  const columns = used.map((index) => {
    const { source, cast, type } = relation.columns[index]!;
    return `${cast ? `CAST(${quoteName(source)} AS ${duckType(type)})` : quoteName(source)} AS ${quoteName(`c${index}`)}`;
  });
  if (columns.length === 0) columns.push('1 AS "c"');
  const { parts } = context.sourceOf(base);
  const { current } = relation;
  const shown = columns.length;
  if (current !== undefined) columns.push(...currentColumns(current));
  const selects = parts.map(({ table, condition }) => {
    const conditions = condition === null ? [] : [`(${condition})`];
    if (context.tenant !== null) conditions.push(tenantCondition(base, context.tenant));
    return `SELECT ${columns.join(', ')} FROM ${table}${conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`}`;
  });
  const rows = selects.join(' UNION ALL ');
  return `(${current === undefined ? rows : newestOf(rows, used, shown, current)}) AS ${quoteName(base.alias)}`;
}

/** What tells a table's rows of now: key, order, and whether a row is a deletion. */
function currentColumns({ deleted, key, order }: CurrentRows): string[] {
  return [
    ...key.map((name, i) => `${quoteName(name)} AS "key${i}"`),
    ...order.map((name, i) => `${quoteName(name)} AS "order${i}"`),
    `${deleted === null ? 'FALSE' : quoteName(deleted)} AS "gone"`,
  ];
}

/** The newest row of each key, where it is no deletion. */
function newestOf(rows: string, used: readonly number[], shown: number, { key, order }: CurrentRows): string {
  const columns = used.length === shown ? used.map((index) => quoteName(`c${index}`)) : ['"c"'];
  const keys = key.map((_, i) => `"key${i}"`).join(', ');
  const newest = order.map((_, i) => `"order${i}" DESC`).join(', ');
  const ranked = `SELECT *, row_number() OVER (PARTITION BY ${keys} ORDER BY ${newest}) AS "place" FROM (${rows}) AS "all"`;
  return `SELECT ${columns.join(', ')} FROM (${ranked}) AS "ranked" WHERE "place" = 1 AND "gone" IS NOT TRUE`;
}

function tenantCondition(base: BoundBase, tenant: string): string {
  const { tenantSource, name } = base.relation;
  // The binder refuses such a relation; should it ever not, nothing may come out of here.
  if (tenantSource === null) throw new MillraceError('KEY_FORBIDDEN', `relation "${name}" holds rows of all tenants`);
  return `${quoteName(tenantSource)} = ${quoteText(tenant)}`;
}
