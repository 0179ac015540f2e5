/** Prints queries as our SQL, and as DuckDB's with PostgreSQL's meaning. */
import type { Expr, From, Joined, Order, Query, Select } from './ast.js';
import { interval, NotInDuck } from './dialect.js';
import type { Dialect } from './dialect.js';
import { duckWindow } from './print-windows.js';

/** An expression's text. */
export function printExpr(expr: Expr, dialect: Dialect): string {
  switch (expr.e) {
    case 'column':
      return expr.relation === '' ? expr.name : `${expr.relation}.${expr.name}`;
    case 'call': {
      const template = dialect === 'ours' ? expr.sql : expr.duck;
      if (template === null) throw new NotInDuck(expr.sql);
      return fill(template, expr.args, dialect);
    }
    default: {
      const query = `(${printQuery(expr.query, dialect)})`;
      const args = expr.args.map((arg) => printExpr(arg, dialect));
      const texts = {
        in: `${args[0]} IN ${query}`,
        notIn: `${args[0]} NOT IN ${query}`,
        exists: `EXISTS ${query}`,
        notExists: `NOT EXISTS ${query}`,
        scalar: query,
      };
      return texts[expr.form];
    }
  }
}

/** A template with its arguments. */
function fill(template: string, args: readonly Expr[], dialect: Dialect): string {
  return template.replaceAll(/\$(\d+)/g, (_, n: string) => printExpr(args[Number(n)]!, dialect));
}

/** One item of ORDER BY. */
export function printOrder({ by, descending, nulls }: Order, dialect: Dialect): string {
  const place = nulls ?? (dialect === 'ours' ? null : descending ? 'FIRST' : 'LAST');
  return `${printExpr(by, dialect)}${descending ? ' DESC' : ''}${place === null ? '' : ` NULLS ${place}`}`;
}

/** A query's text. */
export function printQuery(query: Query, dialect: Dialect): string {
  if (query.q === 'set') {
    const side = (each: Query): string => `(${printQuery(each, dialect)})`;
    return `${side(query.left)} ${query.op}${query.all ? ' ALL' : ''} ${side(query.right)}`;
  }
  return printSelect(query, dialect);
}

function printSelect(select: Select, dialect: Dialect): string {
  const list = (exprs: readonly Expr[]): string => exprs.map((each) => printExpr(each, dialect)).join(', ');
  if (select.withTies && dialect === 'duck') return printTies(select);
  const parts: string[] = [];
  if (select.with.length > 0)
    parts.push(`WITH ${select.with.map(({ name, query }) => `${name} AS (${printQuery(query, dialect)})`).join(', ')}`);
  const distinct =
    select.distinctOn.length > 0 ? `DISTINCT ON (${list(select.distinctOn)}) ` : select.distinct ? 'DISTINCT ' : '';
  const items = select.items.map(({ expr, name }) => `${printExpr(expr, dialect)} AS ${name}`).join(', ');
  parts.push(`SELECT ${distinct}${items}`, `FROM ${printFrom(select.from, dialect)}`);
  if (select.where.length > 0)
    parts.push(`WHERE ${select.where.map((each) => printExpr(each, dialect)).join(' AND ')}`);
  if (select.groupBy.length > 0) parts.push(`GROUP BY ${printGrouping(select, dialect)}`);
  if (select.having.length > 0)
    parts.push(`HAVING ${select.having.map((each) => printExpr(each, dialect)).join(' AND ')}`);
  if (select.orderBy.length > 0)
    parts.push(`ORDER BY ${select.orderBy.map((each) => printOrder(each, dialect)).join(', ')}`);
  if (select.withTies) parts.push(`FETCH FIRST ${select.limit} ROWS WITH TIES`);
  else if (select.limit !== null) parts.push(`LIMIT ${select.limit}`);
  if (select.offset > 0) parts.push(`OFFSET ${select.offset}`);
  return parts.join('\n');
}

/** WITH TIES as a rank. */
function printTies(select: Select): string {
  const order = select.orderBy.map((each) => printOrder(each, 'duck')).join(', ');
  const rank = {
    expr: { e: 'call' as const, type: 'bigint' as const, sql: '', duck: `rank() OVER (ORDER BY ${order})`, args: [] },
    name: 'tie_rank',
  };
  const inner = printSelect(
    { ...select, items: [...select.items, rank], orderBy: [], limit: null, withTies: false },
    'duck',
  );
  return `SELECT ${select.items.map(({ name }) => name).join(', ')} FROM (${inner}) AS tied WHERE tie_rank <= ${select.limit}`;
}

function printGrouping({ groupBy, grouping }: Select, dialect: Dialect): string {
  const keys = groupBy.map((each) => printExpr(each, dialect));
  if (grouping === 'plain') return keys.join(', ');
  if (grouping !== 'sets') return `${grouping.toUpperCase()} (${keys.join(', ')})`;
  const sets = [...keys.map((_, i) => `(${keys.slice(0, i + 1).join(', ')})`), '()'];
  return `GROUPING SETS (${sets.join(', ')})`;
}

/** FROM's text. */
export function printFrom(from: From, dialect: Dialect): string {
  switch (from.f) {
    case 'named':
      return from.name === from.alias ? from.name : `${from.name} AS ${from.alias}`;
    case 'derived':
      return `(${printQuery(from.query, dialect)}) AS ${from.alias}`;
    case 'window':
      return dialect === 'duck' ? duckWindow(from, (query) => printQuery(query, 'duck')) : printWindow(from);
    case 'expand':
      return `${printFrom(from.input, dialect)}, ${printExpr(from.call, dialect)} AS ${from.alias}(${from.column})`;
    default:
      return printJoin(from, dialect);
  }
}

function printWindow({
  alias,
  input,
  keys,
  kind,
  offsetMs,
  sizeMs,
  stepMs,
  time,
}: Extract<From, { f: 'window' }>): string {
  const of = input.f === 'named' ? input.name : `(${printQuery(input.query, 'ours')})`;
  const hasStep = kind === 'HOP' || kind === 'CUMULATE';
  const lengths = [...(hasStep ? [stepMs] : []), sizeMs, ...(offsetMs === 0 ? [] : [offsetMs])].map(interval);
  return `${kind}(${[of, time.name, ...lengths, ...keys].join(', ')}) AS ${alias}`;
}

function printJoin({ left, mark, nearest, on, right, type }: Joined, dialect: Dialect): string {
  const sides = [printFrom(left, dialect), printFrom(right, dialect)] as const;
  const all = [...on, ...(nearest === null ? [] : [nearest])];
  const condition =
    type === 'CROSS JOIN' ? '' : ` ON ${all.map((each) => printExpr(each, dialect)).join(' AND ') || 'true'}`;
  if (mark === null) return `${sides[0]} ${type} ${sides[1]}${condition}`;
  if (mark === 'ASOF' || (dialect === 'duck' && mark !== 'PROCTIME'))
    return `${sides[0]} ASOF ${type} ${sides[1]}${condition}`;
  if (dialect === 'duck') return `${sides[0]} ${type} ${sides[1]}${condition}`;
  if (right.f !== 'named') throw new Error('FOR SYSTEM_TIME stands behind a table');
  const moment = mark === 'PROCTIME' ? 'PROCTIME()' : printExpr(mark.asOf, dialect);
  const equal = on.map((each) => printExpr(each, dialect)).join(' AND ');
  return `${sides[0]} ${type} ${right.name} FOR SYSTEM_TIME AS OF ${moment} AS ${right.alias} ON ${equal}`;
}
