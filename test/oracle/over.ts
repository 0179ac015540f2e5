/** Random window functions. */
import { RANKINGS } from './aggregates.js';
import { call } from './ast.js';
import type { Call, Expr, Order } from './ast.js';
import { aggregate, columnsOf, expression, orderItem, orderTemplate, totalOrder, numbersOf } from './expressions.js';
import type { Gen, Scope } from './expressions.js';
import { pick } from './schema.js';
import { prefer } from './steer.js';

interface Framed {
  readonly partition: readonly Expr[];
  readonly order: readonly Order[];
  readonly frame: string;
  /** Whether rows of a frame, in their order, are the same for DuckDB. */
  readonly isTotal: boolean;
}

const EXCLUDES = ['EXCLUDE CURRENT ROW', 'EXCLUDE GROUP', 'EXCLUDE TIES', 'EXCLUDE NO OTHERS'] as const;

function frameText(gen: Gen, mode: 'ROWS' | 'GROUPS' | 'RANGE', offset: () => string): string {
  const { random } = gen;
  gen.rules.add(`over ${mode.toLowerCase()}`);
  const start = pick(random, [
    'UNBOUNDED PRECEDING',
    `${offset()} PRECEDING`,
    `${offset()} PRECEDING`,
    'CURRENT ROW',
    'following',
  ]);
  if (start === 'following') {
    gen.rules.add('over following');
    return `${mode} BETWEEN ${pick(random, ['CURRENT ROW', `${mode === 'RANGE' ? offset() : '1'} FOLLOWING`])} AND UNBOUNDED FOLLOWING`;
  }
  const end = pick(random, ['CURRENT ROW', 'CURRENT ROW', `${offset()} FOLLOWING`]);
  gen.rules.add(end === 'CURRENT ROW' ? 'over to current row' : 'over following');
  const exclude = random.chance(0.2) ? pick(random, EXCLUDES) : null;
  if (exclude !== null) gen.rules.add(`over ${exclude.toLowerCase()}`);
  return `${mode} BETWEEN ${start} AND ${end}${exclude === null ? '' : ` ${exclude}`}`;
}

function partitionOf(gen: Gen, scope: Scope): Expr[] {
  const { random } = gen;
  const columns = [...numbersOf(scope), ...columnsOf(scope, 'text', false)];
  if (columns.length === 0 || random.chance(0.2)) return [];
  gen.rules.add('over partition');
  return [random.chance(0.7) ? pick(random, columns) : expression(gen, scope, 'integer', 1)];
}

/** A window's definition. `timed`: ordered by the event time. */
function framed(gen: Gen, scope: Scope, timed: boolean): Framed {
  const { random } = gen;
  const partition = partitionOf(gen, scope);
  const { time } = scope;
  const way = timed ? 0 : random.below(4);
  if (time !== null && way === 1) {
    const frame = frameText(gen, 'RANGE', () =>
      pick(random, ["INTERVAL '5 seconds'", "INTERVAL '30 seconds'", "INTERVAL '1 minute'"]),
    );
    gen.rules.add('over range of time');
    return { partition, order: [{ by: time, descending: random.chance(0.2), nulls: null }], frame, isTotal: false };
  }
  const numbers = numbersOf(scope);
  if (way === 2 && numbers.length > 0) {
    const frame = random.chance(0.5)
      ? frameText(gen, 'RANGE', () => pick(random, ['1', '3', '10']))
      : frameText(gen, 'GROUPS', () => pick(random, ['1', '2']));
    return {
      partition,
      order: [{ by: pick(random, numbers), descending: random.chance(0.3), nulls: null }],
      frame,
      isTotal: false,
    };
  }
  const by =
    time !== null && (timed || random.chance(0.6))
      ? [{ by: time, descending: false, nulls: null }]
      : numbers.length > 0
        ? [orderItem(gen, pick(random, numbers))]
        : [];
  const { isTotal, order } = totalOrder(gen, scope, by);
  const frame = timed || random.chance(0.4) ? '' : frameText(gen, 'ROWS', () => pick(random, ['0', '1', '2', '5']));
  if (frame === '') gen.rules.add('over default frame');
  return { partition, order, frame, isTotal };
}

/** Functions whose value is the same whatever the order of peers is. */
const PEERS = /^(rank|dense_rank|percent_rank|cume_dist)\(/;

/** A call with OVER. `only`: of these functions. */
export function overCall(gen: Gen, scope: Scope): Call {
  const { random } = gen;
  const forms = RANKINGS.filter(
    ({ args, timed }) =>
      (!timed || scope.time !== null) && args.every((type) => columnsOf(scope, type, false).length > 0),
  );
  const kind = prefer(gen, ['over', 'over-aggregate'], (rule) => [rule]);
  const form = kind === 'over' ? prefer(gen, forms, ({ rule }) => [rule]) : null;
  const over = framed(gen, scope, form?.timed ?? false);
  if (form !== null) gen.rules.add(form.rule);
  const inner =
    form === null
      ? aggregate(gen, scope, true)
      : call(
          form.type,
          form.sql,
          form.args.map((type) => pick(random, columnsOf(scope, type, false))),
          form.duck,
        );
  const isIndifferent = form === null ? isSymmetric(inner) : PEERS.test(form.sql);
  // A frame of rows depends on the order of peers, whatever is computed over it.
  const isFollowed = over.isTotal || (isIndifferent && (!over.frame.startsWith('ROWS') || PEERS.test(inner.sql)));
  const frame = form !== null && !form.framed ? '' : over.frame;
  const width = inner.args.length;
  const order = orderTemplate(over.order, width + over.partition.length);
  const partition = over.partition.map((_, i) => `$${width + i}`).join(', ');
  const text = (head: string, by: string): string =>
    `${head} OVER (${[partition === '' ? '' : `PARTITION BY ${partition}`, by === '' ? '' : `ORDER BY ${by}`, frame].filter((each) => each !== '').join(' ')})`;
  const duck = inner.duck !== null && isFollowed && !isRefused(inner) ? text(inner.duck, order.duck) : null;
  return call(
    inner.type,
    text(inner.sql, order.sql),
    [...inner.args, ...over.partition, ...over.order.map(({ by }) => by)],
    duck,
  );
}

function isSymmetric({ sql }: Call): boolean {
  return !/^(string_agg|array_agg|first_value|last_value)/.test(sql);
}

/** What DuckDB does otherwise over a window. */
function isRefused({ sql }: Call): boolean {
  return /DISTINCT/.test(sql);
}
