/** Makes a failing case small: fewer rows, fewer clauses, simpler expressions, as long as it fails in the same way. */
import type { Case, Expr, From, Query, Select } from './ast.js';
import type { Chosen } from './choose.js';
import { DURABLE } from './durable.js';
import type { Duck } from './duck.js';
import { planCase } from './facts.js';
import { runCase, VARIANTS } from './run-case.js';
import type { FailedCase, Failure } from './run-case.js';
import { sltScript } from './script.js';

const TRIES_MAX = 600;
/** On disk each that fails waits for rows that do not come. */
const DISK_TRIES_MAX = 20;

/** The smallest case found that fails as this one does. */
export async function minimise(
  { of, wanted }: Chosen,
  failure: Failure,
  duck: Duck,
  isWanted: boolean,
): Promise<FailedCase> {
  const durable = DURABLE.filter(({ name }) => failure.at === name);
  const at = VARIANTS.findIndex(({ name }) => failure.at === `standing, ${name}`);
  let best = of;
  let last = failure;
  let tries = 0;
  const triesMax = durable.length === 0 ? TRIES_MAX : DISK_TRIES_MAX;
  const fails = async (candidate: Case): Promise<boolean> => {
    tries += 1;
    // The variant keeps its place, for its place gives the seed of its order.
    const variants = at < 0 ? [] : [VARIANTS[at]!];
    const seeded =
      at < 0 || durable.length > 0 ? candidate : { ...candidate, feedSeed: candidate.feedSeed + at * 7919 };
    const outcome = await runCase(seeded, { duck: failure.at === 'DuckDB' ? duck : null, variants, durable });
    if (outcome.kind !== 'failed' || outcome.failure.what !== failure.what || outcome.failure.at !== failure.at)
      return false;
    if (failure.what === 'threw' && outcome.failure.detail.split('\n')[0] !== failure.detail.split('\n')[0])
      return false;
    last = outcome.failure;
    return true;
  };
  for (let changed = isWanted; changed && tries < triesMax;) {
    changed = false;
    for (const candidate of smaller(best)) {
      if (tries >= triesMax) break;
      if (!(await fails(candidate))) continue;
      best = candidate;
      changed = true;
      break;
    }
  }
  return { seed: of.seed, wanted, failure: last, script: scriptOf(best, last) };
}

function scriptOf(of: Case, failure: Failure): string {
  try {
    const expected = failure.expected
      .map((row) => row.map((value) => (value === null ? 'NULL' : value === '' ? '(empty)' : String(value))).join(' '))
      .sort();
    return sltScript(of, planCase(of).facts, failure.feedSeed, expected);
  } catch (error) {
    return `${JSON.stringify(of.query)}\n${String(error)}`;
  }
}

/** Cases that are a bit smaller, the largest cuts first. */
function* smaller(of: Case): Generator<Case> {
  for (const [name, rows] of Object.entries(of.streams))
    for (const cut of shorter(rows)) yield { ...of, streams: { ...of.streams, [name]: cut } };
  for (const [name, list] of Object.entries(of.changes))
    for (const cut of shorter(list)) yield { ...of, changes: { ...of.changes, [name]: cut } };
  for (const query of smallerQueries(of.query)) yield { ...of, query };
  for (const [i, view] of of.views.entries())
    for (const query of smallerQueries(view.query)) yield { ...of, views: of.views.with(i, { ...view, query }) };
  if (of.options.emit !== 'change') yield { ...of, options: { ...of.options, emit: 'change' } };
  if (of.options.allowedMs > 0) yield { ...of, options: { ...of.options, allowedMs: 0 } };
}

/** A list without a half, a quarter, …, one of its items. */
function* shorter<T>(list: readonly T[]): Generator<readonly T[]> {
  for (let size = Math.ceil(list.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2))
    for (let from = 0; from < list.length; from += size) yield [...list.slice(0, from), ...list.slice(from + size)];
}

function* without<T>(list: readonly T[]): Generator<readonly T[]> {
  for (let i = 0; i < list.length; i++) yield list.toSpliced(i, 1);
}

function* smallerQueries(query: Query): Generator<Query> {
  if (query.q === 'set') {
    yield query.left;
    yield query.right;
    for (const left of smallerQueries(query.left)) yield { ...query, left };
    for (const right of smallerQueries(query.right)) yield { ...query, right };
    return;
  }
  if (query.from.f === 'derived') yield query.from.query;
  for (const { query: inner } of query.with) yield inner;
  yield* fewerClauses(query);
  for (const from of smallerFroms(query.from)) yield { ...query, from };
  for (const [i, each] of query.with.entries())
    for (const inner of smallerQueries(each.query))
      yield { ...query, with: query.with.with(i, { ...each, query: inner }) };
  yield* simplerExpressions(query);
}

function* fewerClauses(query: Select): Generator<Query> {
  for (const where of without(query.where)) yield { ...query, where };
  for (const having of without(query.having)) yield { ...query, having };
  if (query.items.length > 1) for (const items of without(query.items)) yield { ...query, items };
  for (const groupBy of without(query.groupBy)) yield { ...query, groupBy };
  for (const orderBy of without(query.orderBy)) yield { ...query, orderBy };
  if (query.grouping !== 'plain') yield { ...query, grouping: 'plain' };
  if (query.offset > 0) yield { ...query, offset: 0 };
  if (query.distinct) yield { ...query, distinct: false };
  if (query.limit !== null && !query.withTies) yield { ...query, limit: null, orderBy: [] };
}

function* smallerFroms(from: From): Generator<From> {
  switch (from.f) {
    case 'join':
      yield from.left;
      yield from.right;
      for (const on of without(from.on)) yield { ...from, on };
      for (const left of smallerFroms(from.left)) yield { ...from, left };
      for (const right of smallerFroms(from.right)) yield { ...from, right };
      return;
    case 'derived':
      for (const query of smallerQueries(from.query)) yield { ...from, query };
      return;
    case 'window':
      if (from.offsetMs !== 0) yield { ...from, offsetMs: 0 };
      for (const keys of without(from.keys)) yield { ...from, keys };
      if (from.input.f === 'derived')
        for (const query of smallerQueries(from.input.query)) yield { ...from, input: { ...from.input, query } };
      return;
    case 'expand':
      yield from.input;
      return;
    default:
  }
}

function* simplerExpressions(query: Select): Generator<Query> {
  for (const [i, item] of query.items.entries())
    for (const expr of simpler(item.expr)) yield { ...query, items: query.items.with(i, { ...item, expr }) };
  for (const [i, each] of query.where.entries())
    for (const expr of simpler(each)) yield { ...query, where: query.where.with(i, expr) };
  for (const [i, each] of query.groupBy.entries())
    for (const expr of simpler(each)) yield { ...query, groupBy: query.groupBy.with(i, expr) };
}

function* simpler(expr: Expr): Generator<Expr> {
  if (expr.e === 'column') return;
  for (const arg of expr.args) if (arg.type === expr.type) yield arg;
  if (expr.e === 'subquery') {
    for (const query of smallerQueries(expr.query)) yield { ...expr, query };
    return;
  }
  for (const [i, arg] of expr.args.entries())
    for (const inner of simpler(arg)) yield { ...expr, args: expr.args.with(i, inner) };
}
