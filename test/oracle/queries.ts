/** Random queries. */
import type { SqlType } from '../../src/sql/plan.js';
import { call } from './ast.js';
import type { Column, Expr, Item, Order, Query, Select } from './ast.js';
import {
  aggregate,
  columnsOf,
  condition,
  expression,
  fresh,
  orderItem,
  orderTemplate,
  readsColumn,
  shown,
  totalOrder,
  typesOf,
  numbersOf,
} from './expressions.js';
import type { Gen, Scope } from './expressions.js';
import { overCall } from './over.js';
import { COMPARABLE } from './productions.js';
import { pick } from './schema.js';
import { prefer, wants } from './steer.js';
import { anyStream, source } from './sources.js';
import type { Source } from './sources.js';
import { subqueryCondition } from './subqueries.js';

/** A query and what it shows. */
export interface Made {
  readonly query: Query;
  readonly items: readonly Item[];
  /** Whether its rows grow with a stream, and are added only. */
  readonly isStream: boolean;
  /** Items that tell rows apart; null: none are known. */
  readonly tie: readonly string[] | null;
  /** The item that is the event time. */
  readonly time: string | null;
}

const EMPTY: Omit<Select, 'items' | 'from'> = {
  q: 'select',
  with: [],
  distinct: false,
  distinctOn: [],
  where: [],
  groupBy: [],
  grouping: 'plain',
  having: [],
  orderBy: [],
  limit: null,
  offset: 0,
  withTies: false,
};

function itemsOf(exprs: readonly Expr[]): Item[] {
  return exprs.map((expr, i) => ({ expr, name: `c${i + 1}` }));
}

function where(gen: Gen, from: Source): Expr[] {
  const { random } = gen;
  const conditions: Expr[] = [];
  if (random.chance(0.3)) conditions.push(condition(gen, from.scope));
  if (conditions.length > 0) gen.rules.add('query where');
  if (random.chance(wants(gen, 'subquery') ? 0.4 : 0.15)) conditions.push(...subqueryCondition(gen, from));
  return conditions;
}

function sameColumn(expr: Expr, column: Column | null): boolean {
  return expr.e === 'column' && column !== null && expr.relation === column.relation && expr.name === column.name;
}

function madeOf(select: Select, isStream: boolean, scope: Scope): Made {
  const nameOf = (column: Column): string | undefined =>
    select.items.find(({ expr }) => sameColumn(expr, column))?.name;
  const tie = scope.tie?.map(nameOf) ?? [undefined];
  const time = scope.time === null ? undefined : nameOf(scope.time);
  return {
    query: select,
    items: select.items,
    isStream,
    tie: tie.includes(undefined) ? null : (tie as string[]),
    time: time ?? null,
  };
}

/** Projections with WHERE. */
export function projection(gen: Gen, from: Source): Made {
  const { random } = gen;
  gen.rules.add('query projection');
  const keys = random.chance(0.7)
    ? [...(from.scope.tie ?? []), ...(from.scope.time === null ? [] : [from.scope.time])]
    : [];
  const more = Array.from({ length: 1 + random.below(4) }, () => shown(gen, from.scope));
  const select: Select = { ...EMPTY, items: itemsOf([...keys, ...more]), from: from.from, where: where(gen, from) };
  return madeOf(select, from.isStream, from.scope);
}

/** GROUP BY. */
export function grouped(gen: Gen, from: Source): Made {
  const { random } = gen;
  gen.rules.add('query group by');
  const bounds = from.bounds.length > 0 && random.chance(0.9) ? windowKeys(gen, from) : [];
  const keys: Expr[] = [...bounds, ...groupKeys(gen, from.scope)];
  const canSet = bounds.length === 0 && keys.length > 0;
  const grouping = canSet && random.chance(0.35) ? pick(random, ['rollup', 'cube', 'sets'] as const) : 'plain';
  gen.rules.add(`group ${grouping}`);
  const aggregates: Expr[] = Array.from({ length: 1 + random.below(4) }, () => aggregate(gen, from.scope, false));
  const extra = keyExtras(gen, keys, grouping);
  const having = random.chance(0.2) ? [havingOf(gen, from.scope)] : [];
  if (having.length > 0) gen.rules.add('query having');
  const over = random.chance(0.1) ? [overGroups(gen, keys)] : [];
  const select: Select = {
    ...EMPTY,
    items: itemsOf([...keys, ...aggregates, ...extra, ...over]),
    from: from.from,
    where: where(gen, from),
    groupBy: keys,
    grouping,
    having,
  };
  return {
    query: select,
    items: select.items,
    isStream: false,
    tie: grouping === 'plain' ? select.items.slice(0, keys.length).map(({ name }) => name) : null,
    time: null,
  };
}

function windowKeys(gen: Gen, from: Source): Expr[] {
  const [start, end] = from.bounds;
  return pick(gen.random, [[start!], [end!], [start!, end!], [start!, end!]]);
}

function groupKeys(gen: Gen, scope: Scope): Expr[] {
  const { random } = gen;
  const types = typesOf(scope, true).filter((type) => COMPARABLE.includes(type));
  const count = types.length === 0 ? 0 : pick(random, [0, 1, 1, 1, 2, 3]);
  return Array.from({ length: count }, (): Expr => {
    if (random.chance(0.25)) {
      gen.rules.add('group expression');
      return expression(gen, scope, pick(random, ['integer', 'text', 'boolean'] as SqlType[]), 2);
    }
    const good = [...numbersOf(scope), ...columnsOf(scope, 'text', false)];
    return random.chance(0.7) && good.length > 0
      ? pick(random, good)
      : pick(random, columnsOf(scope, pick(random, types), true));
  }).filter(readsColumn);
}

function keyExtras(gen: Gen, keys: readonly Expr[], grouping: Select['grouping']): Expr[] {
  const { random } = gen;
  const extra: Expr[] = [];
  if (grouping !== 'plain' && random.chance(0.6)) {
    gen.rules.add('group grouping()');
    extra.push(call('integer', `grouping(${keys.map((_, i) => `$${i}`).join(', ')})`, keys));
  }
  const number = keys.find(({ type }) => type === 'integer');
  if (number !== undefined && random.chance(0.3)) extra.push(call('integer', '($0 + 1)', [number]));
  if (random.chance(0.2)) {
    gen.rules.add('group expression over aggregates');
    extra.push(call('bigint', '(count(*) + $0)', [call('integer', '7')]));
  }
  return extra;
}

function havingOf(gen: Gen, scope: Scope): Expr {
  const { random } = gen;
  const there = scope.columns.filter(({ type }) =>
    ['integer', 'bigint', 'numeric', 'timestamp', 'timestamptz'].includes(type),
  );
  if (there.length === 0 || random.chance(0.5))
    return call('boolean', '(count(*) >= $0)', [call('integer', pick(random, ['1', '2']))]);
  return call('boolean', '(min($0) IS NOT NULL)', [pick(random, there)]);
}

/** A window function over groups. */
function overGroups(gen: Gen, keys: readonly Expr[]): Expr {
  gen.rules.add('group window function');
  const order: Order[] = keys.map((by) => ({ by, descending: false, nulls: null }));
  const { duck, sql } = orderTemplate(order, 0);
  const text = (by: string): string => `sum(count(*)) OVER (ORDER BY count(*) DESC${by === '' ? '' : `, ${by}`})`;
  return call('numeric', text(sql), keys, text(duck));
}

/** OVER. */
export function windowFunctions(gen: Gen, from: Source): Made {
  const { random } = gen;
  gen.rules.add('query over');
  const functions = Array.from({ length: 1 + random.below(3) }, () => overCall(gen, from.scope));
  const keys = [...(from.scope.tie ?? []), ...(from.scope.time === null ? [] : [from.scope.time])];
  const select: Select = {
    ...EMPTY,
    items: itemsOf([...keys, ...functions]),
    from: from.from,
    where: where(gen, from),
  };
  return madeOf(select, from.isStream, from.scope);
}

/** `WHERE n <= 2` over a number. */
export function topByNumber(gen: Gen, from: Source): Made {
  const { random } = gen;
  const ranking = prefer(gen, ['row_number', 'rank', 'dense_rank'] as const, (each) => [
    `top ${each}`,
    `operator top ${each}`,
  ]);
  gen.rules.add(`top ${ranking}`);
  const numbers = numbersOf(from.scope);
  const first = numbers.length === 0 ? [] : [orderItem(gen, pick(random, numbers))];
  const { isTotal, order } =
    ranking === 'row_number' ? totalOrder(gen, from.scope, first) : { isTotal: true, order: first };
  const groups = from.bounds.length > 0 && random.chance(0.8) ? [pick(random, from.bounds)] : [];
  const partition: Expr[] = [...groups, ...(numbers.length > 0 && random.chance(0.6) ? [pick(random, numbers)] : [])];
  const template = orderTemplate(order, partition.length);
  const text = (by: string): string =>
    `${ranking}() OVER (${[partition.length === 0 ? '' : `PARTITION BY ${partition.map((_, i) => `$${i}`).join(', ')}`, by === '' ? '' : `ORDER BY ${by}`].filter((each) => each !== '').join(' ')})`;
  const number = call(
    'bigint',
    text(template.sql),
    [...partition, ...order.map(({ by }) => by)],
    isTotal ? text(template.duck) : null,
  );
  const inner: Select = {
    ...EMPTY,
    items: [
      ...itemsOf([...(from.scope.tie ?? []), ...Array.from({ length: 2 }, () => shown(gen, from.scope))]),
      { expr: number, name: 'n' },
    ],
    from: from.from,
    where: where(gen, from),
  };
  const alias = fresh(gen, 'q');
  const column = (item: Item): Column => ({ e: 'column', relation: alias, name: item.name, type: item.expr.type });
  const limit = call('boolean', pick(random, ['($0 <= 2)', '($0 < 2)', '($0 = 1)', '(3 >= $0)', '($0 <= 5)']), [
    column(inner.items.at(-1)!),
  ]);
  const isShown = random.chance(0.5);
  const items = (isShown ? inner.items : inner.items.slice(0, -1)).map((item) => ({
    expr: column(item),
    name: item.name,
  }));
  const query: Select = { ...EMPTY, items, from: { f: 'derived', query: inner, alias }, where: [limit] };
  return { query, items, isStream: false, tie: null, time: null };
}

/** ORDER BY … LIMIT, DISTINCT ON, WITH TIES. */
export function topByLimit(gen: Gen, from: Source): Made {
  const { random } = gen;
  const form = prefer(gen, ['limit', 'distinct on', 'with ties'] as const, (each) => [`top ${each}`]);
  gen.rules.add(`top ${form}`);
  const numbers = numbersOf(from.scope);
  const first = numbers.length === 0 ? [] : [orderItem(gen, pick(random, numbers))];
  const base = {
    ...EMPTY,
    items: itemsOf([
      ...(from.scope.tie ?? []),
      ...numbers.slice(0, 2),
      ...Array.from({ length: 2 }, () => shown(gen, from.scope)),
    ]),
    from: from.from,
    where: where(gen, from),
  };
  if (form === 'with ties' && first.length > 0) {
    const query: Select = { ...base, orderBy: first, limit: 2 + random.below(4), withTies: true };
    return { query, items: query.items, isStream: false, tie: null, time: null };
  }
  const { isTotal, order } = totalOrder(gen, from.scope, first);
  const sure = isTotal ? order : order.map((each) => ({ ...each, by: call(each.by.type, '$0', [each.by], null) }));
  const isOn = form === 'distinct on' && first.length > 0;
  const offset = !isOn && random.chance(0.3) ? 1 + random.below(2) : 0;
  if (offset > 0) gen.rules.add('top offset');
  const query: Select = isOn
    ? { ...base, distinctOn: [first[0]!.by], orderBy: isTotal ? sure : [first[0]!, ...sure.slice(1)] }
    : { ...base, orderBy: sure, limit: 1 + random.below(8), offset };
  const items = isTotal ? query.items : [...query.items, { expr: call('integer', '1', [], null), name: 'one' }];
  return { query: { ...query, items }, items, isStream: false, tie: null, time: null };
}

/** SELECT DISTINCT. */
export function distinct(gen: Gen, from: Source): Made {
  gen.rules.add('query distinct');
  const items = itemsOf(
    Array.from({ length: 1 + gen.random.below(3) }, () => shown(gen, from.scope)).filter(({ type }) =>
      COMPARABLE.includes(type),
    ),
  );
  if (items.length === 0) return projection(gen, from);
  return {
    query: { ...EMPTY, distinct: true, items, from: from.from, where: where(gen, from) },
    items,
    isStream: false,
    tie: items.map(({ name }) => name),
    time: null,
  };
}

/** UNION, INTERSECT, EXCEPT. */
export function setQuery(gen: Gen): Made {
  const { random } = gen;
  const op = prefer(gen, ['UNION', 'UNION', 'INTERSECT', 'EXCEPT'] as const, (each) => [`set ${each.toLowerCase()}`]);
  const rule = `set ${op.toLowerCase()}`;
  const all = prefer(gen, [false, true], (each) => [each ? `${rule} all` : rule]);
  gen.rules.add(all ? `${rule} all` : rule);
  const sides = [anyStream(gen), random.chance(0.7) ? anyStream(gen) : source(gen)];
  const types = Array.from({ length: 1 + random.below(2) }, () =>
    pick(random, ['integer', 'text', 'boolean'] as SqlType[]),
  );
  const timed =
    op === 'UNION' &&
    random.chance(0.3) &&
    sides.every(({ scope }) => scope.time !== null && scope.time.type === sides[0]!.scope.time!.type);
  // What both sides have is seldom computed.
  const depth = op === 'INTERSECT' ? 0 : 1;
  const side = (from: Source): Select => {
    const exprs = types.map((type) =>
      type === 'integer' ? pick(random, numbersOf(from.scope)) : expression(gen, from.scope, type, depth),
    );
    return {
      ...EMPTY,
      items: itemsOf([...(timed ? [from.scope.time!] : []), ...exprs]),
      from: from.from,
      where: where(gen, from),
    };
  };
  const [left, right] = sides.map(side);
  return {
    query: { q: 'set', op, all, left: left!, right: right! },
    items: left!.items,
    isStream: all && op === 'UNION' && sides.every(({ isStream }) => isStream),
    tie: all ? null : left!.items.map(({ name }) => name),
    time: timed && op === 'UNION' && all ? 'c1' : null,
  };
}
