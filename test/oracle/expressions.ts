/** Random expressions over a scope. */
import type { SqlType } from '../../src/sql/plan.js';
import type { SeededRandom } from '../sim/random.js';
import { AGGREGATES, overRule } from './aggregates.js';
import type { AggregateForm } from './aggregates.js';
import { call } from './ast.js';
import type { Call, Column, Expr, Order, Table } from './ast.js';
import { printOrder } from './print.js';
import { COMPARABLE, LITERALS, PRODUCTIONS } from './productions.js';
import type { Production } from './productions.js';
import { pick } from './schema.js';
import { prefer } from './steer.js';

/** What expressions can read. */
export interface Scope {
  readonly columns: readonly Column[];
  /** Columns that tell rows apart, but for rows that are the same in everything; null: none are known. */
  readonly tie: readonly Column[] | null;
  /** The event time. */
  readonly time: Column | null;
}

/** What all parts of the generator share. */
export interface Gen {
  readonly random: SeededRandom;
  readonly tables: readonly Table[];
  /** Rules met so far. */
  readonly rules: Set<string>;
  /** Rules to rather meet. */
  readonly wanted: ReadonlySet<string>;
  /** Counts names. */
  names: number;
}

/** A name that nothing else has. */
export function fresh(gen: Gen, prefix: string): string {
  gen.names += 1;
  return `${prefix}${gen.names}`;
}

const byType = new Map<SqlType, Production[]>();
for (const production of PRODUCTIONS) byType.set(production.type, [...(byType.get(production.type) ?? []), production]);

/** Columns of a type; those with extreme values where nothing is computed with them. */
export function columnsOf(scope: Scope, type: SqlType, wild: boolean): Column[] {
  return scope.columns.filter((column) => column.type === type && (wild || column.isWild !== true));
}

/** Columns of small whole numbers: `k`, `v` and what is made of them. */
export function numbersOf(scope: Scope): Column[] {
  return [...columnsOf(scope, 'integer', false), ...columnsOf(scope, 'bigint', false)];
}

function isMakeable(scope: Scope, type: SqlType): boolean {
  return (LITERALS[type]?.length ?? 0) > 0 || columnsOf(scope, type, false).length > 0;
}

/** Types that the scope has columns of. */
export function typesOf(scope: Scope, wild: boolean): SqlType[] {
  return [...new Set(scope.columns.filter((column) => wild || column.isWild !== true).map(({ type }) => type))];
}

/** An expression of a type. */
export function expression(gen: Gen, scope: Scope, type: SqlType, depth: number): Expr {
  const { random } = gen;
  const columns = columnsOf(scope, type, false);
  const productions =
    depth === 0 ? [] : (byType.get(type) ?? []).filter(({ args }) => args.every((arg) => isMakeable(scope, arg)));
  if (productions.length > 0 && random.chance(columns.length === 0 ? 0.8 : 0.5)) {
    const made = prefer(gen, productions, ({ rule }) => [rule]);
    gen.rules.add(made.rule);
    const args = made.args.map((arg) => expression(gen, scope, arg, depth - 1));
    return call(type, made.sql, args, made.duck);
  }
  if (columns.length > 0 && random.chance(0.85)) return pick(random, columns);
  const literals = LITERALS[type] ?? [];
  if (literals.length === 0) return pick(random, columns);
  if (random.chance(0.04))
    return call(type, `NULL::${type}`, [], `NULL::${type === 'numeric' ? 'DECIMAL(18,4)' : type}`);
  return call(type, pick(random, literals));
}

/** A condition that lets many rows through. */
export function condition(gen: Gen, scope: Scope): Expr {
  const { random } = gen;
  if (random.chance(0.4)) {
    const tested = expression(gen, scope, 'boolean', 2);
    if (readsColumn(tested)) return random.chance(0.6) ? notFalse(gen, tested) : tested;
  }
  const column = pick(random, columnsOf(scope, pick(random, typesOf(scope, true)), true));
  gen.rules.add('scalar is not null');
  const isThere = call('boolean', '($0 IS NOT NULL)', [column]);
  if (column.type !== 'integer' && (column.type !== 'bigint' || column.isWild === true)) return isThere;
  gen.rules.add('scalar compare >=');
  return call('boolean', '($0 >= $1)', [column, call('integer', pick(random, ['0', '-5', '1']))]);
}

function notFalse(gen: Gen, tested: Expr): Expr {
  gen.rules.add('scalar is not false');
  return call('boolean', '($0 IS NOT FALSE)', [tested]);
}

/** Whether an expression is no constant. */
export function readsColumn(expr: Expr): boolean {
  return expr.e === 'column' || expr.args.some(readsColumn);
}

/** A value to show: a column of any type, or something computed. */
export function shown(gen: Gen, scope: Scope): Expr {
  const { random } = gen;
  if (random.chance(0.5)) return pick(random, scope.columns);
  const types: SqlType[] = ['integer', 'bigint', 'numeric', 'double precision', 'text', 'boolean', 'date', 'timestamp'];
  const rulesOf = (type: SqlType): string[] => (byType.get(type) ?? []).map(({ rule }) => rule);
  return expression(gen, scope, prefer(gen, types, rulesOf), 2);
}

/** ORDER BY items that leave no two different rows equal. `first`: the first ones. Second answer: whether DuckDB can follow. */
export function totalOrder(gen: Gen, scope: Scope, first: readonly Order[]): { order: Order[]; isTotal: boolean } {
  const { random } = gen;
  const comparable = scope.columns.filter(({ type }) => COMPARABLE.includes(type));
  const tie = scope.tie ?? comparable;
  const isTotal = scope.tie !== null || comparable.length === scope.columns.length;
  if (random.chance(0.15)) {
    gen.rules.add('order without a tie break');
    return { order: [...first], isTotal: false };
  }
  return {
    order: [...first, ...tie.map((by): Order => ({ by, descending: random.chance(0.2), nulls: null }))],
    isTotal,
  };
}

/** One item of ORDER BY. */
export function orderItem(gen: Gen, by: Expr): Order {
  const { random } = gen;
  const nulls = random.chance(0.3) ? pick(random, ['FIRST', 'LAST'] as const) : null;
  const descending = random.chance(0.4);
  gen.rules.add(`order ${descending ? 'descending' : 'ascending'}`);
  if (nulls !== null) gen.rules.add(`order nulls ${nulls.toLowerCase()}`);
  return { by, descending, nulls };
}

/** ORDER BY as a template over arguments that begin at `$from`. */
export function orderTemplate(order: readonly Order[], from: number): { sql: string; duck: string } {
  const text = (dialect: 'ours' | 'duck'): string =>
    order
      .map((item, i) =>
        printOrder({ ...item, by: { e: 'column', relation: '', name: `$${from + i}`, type: item.by.type } }, dialect),
      )
      .join(', ');
  return { sql: text('ours'), duck: text('duck') };
}

/** Aggregates that a scope has arguments for. */
function usable(scope: Scope, slides: boolean): AggregateForm[] {
  return AGGREGATES.filter(
    ({ args, slides: can, takesWild }) =>
      (can || !slides) &&
      args.every((type) => (takesWild ? columnsOf(scope, type, true).length > 0 : isMakeable(scope, type))),
  );
}

/** An aggregate's call before OVER: templates, arguments. */
export function aggregate(gen: Gen, scope: Scope, slides: boolean): Call {
  const { random } = gen;
  const ruleOf = ({ rule }: AggregateForm): string => (slides ? overRule(rule) : rule);
  const form = prefer(gen, usable(scope, slides), (each) => [ruleOf(each)]);
  gen.rules.add(ruleOf(form));
  const args = form.args.map((type) =>
    form.takesWild ? pick(random, columnsOf(scope, type, true)) : expression(gen, scope, type, slides ? 0 : 1),
  );
  const isDistinct = form.sql.includes('@') && random.chance(0.2);
  if (isDistinct) gen.rules.add(slides ? 'over distinct' : 'aggregate distinct');
  const hasFilter = random.chance(0.2);
  if (hasFilter) gen.rules.add(slides ? 'over filter' : 'aggregate filter');
  const filter = hasFilter ? ` FILTER (WHERE $${args.length})` : '';
  if (hasFilter) args.push(condition(gen, scope));
  const finish = (template: string): string => {
    const text = template.replace('@', isDistinct ? 'DISTINCT ' : '');
    return text.includes('#') ? text.replace('#', filter) : text + filter;
  };
  return call(form.type, finish(form.sql), args, form.duck === null ? null : finish(form.duck));
}
