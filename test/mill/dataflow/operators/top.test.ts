import { describe, expect, test } from 'vitest';
import { FirstRowOperator } from '../../../../src/mill/dataflow/operators/first-row.js';
import { topOperator } from '../../../../src/mill/dataflow/operators/top.js';
import type { Row } from '../../../../src/mill/dataflow/operator.js';
import { orderComparator, rowComparator } from '../../../../src/mill/dataflow/order.js';
import { parseDecimal } from '../../../../src/sql/decimal.js';
import type { OrderItem, TopN } from '../../../../src/sql/relation/relation.js';
import {
  call,
  changesOf,
  column,
  Dice,
  Driver,
  field,
  grouped,
  literal,
  liveRows,
  maybe,
  ordered,
  printed,
  scan,
} from './support.js';
import type { Change } from './support.js';
import { rounds } from '../../../sim/rounds.js';

const FIELDS = [field('k', 'text'), field('n', 'integer'), field('d', 'numeric'), field('w', 'timestamptz')];
const TYPES = FIELDS.map((f) => f.type);
const DECIMALS = ['1.0', '1.00', '2', '-3.5'].map((text) => parseDecimal(text)!);

function topOf(options: Partial<TopN>, canRetract: boolean): TopN {
  const numbered = options.numbered ?? false;
  return {
    kind: 'top',
    fields: numbered ? [...FIELDS, field('row_number', 'bigint')] : FIELDS,
    input: scan(FIELDS, canRetract),
    partition: [column(FIELDS, 0)],
    order: [ordered(column(FIELDS, 1))],
    ranking: 'row_number',
    offset: 0,
    limit: 3,
    windowEnd: null,
    numbered,
    ...options,
  };
}

/** Sorts each partition and numbers it. */
function expected(top: TopN, rows: readonly Change[]) {
  const compare = rowComparator(top.order, FIELDS);
  const peers = orderComparator(top.order);
  const partitions = grouped(rows, ({ row }) => (top.partition.length === 0 ? '' : row[0]!));
  return [...partitions.values()].flatMap((partition) => {
    const sorted = partition.toSorted((a, b) => compare(a.row, b.row) || a.stamp - b.stamp);
    return sorted.flatMap(({ row, stamp }, i) => {
      const before = sorted.slice(0, i).filter((other) => peers(other.row, row) < 0);
      const groups = before.filter((other, j) => j === 0 || peers(before[j - 1]!.row, other.row) !== 0);
      const number = { row_number: i, rank: before.length, dense_rank: groups.length }[top.ranking] + 1;
      if (number <= top.offset || number > top.offset + (top.limit ?? Infinity)) return [];
      return [{ row: top.numbered ? [...row, number] : row, stamp }];
    });
  });
}

let stamp = 0;
const source = (dice: Dice): { row: Row; stamp: number } => ({
  row: [
    maybe(dice, dice.pick(['a', 'b'])),
    maybe(dice, dice.below(6)),
    maybe(dice, dice.pick(DECIMALS)),
    dice.below(3),
  ],
  stamp: ++stamp,
});

const ORDERS: Record<string, readonly OrderItem[]> = {
  rising: [ordered(column(FIELDS, 1))],
  'falling, NULLs last': [ordered(column(FIELDS, 1), true, false)],
  'by two': [ordered(column(FIELDS, 2), false, true), ordered(column(FIELDS, 1), true)],
};
const SHAPES: readonly Partial<TopN>[] = [
  { limit: 1 },
  { limit: 1, numbered: true },
  { limit: 4, offset: 2 },
  { limit: null, offset: 3, numbered: true },
  { limit: 5, partition: [] },
  { limit: 0 },
  { ranking: 'rank', limit: 1 },
  { ranking: 'rank', limit: 4 },
  { ranking: 'rank', limit: 3, offset: 2, numbered: true },
  { ranking: 'dense_rank', limit: 2 },
  { ranking: 'dense_rank', limit: 2, offset: 1, numbered: true },
];

describe.each([true, false])('Top-N, rows taken back: %s', (canRetract) => {
  describe.each(Object.entries(ORDERS))('%s', (_, order) => {
    test.each(SHAPES)('equals sorting: %o', (shape) => {
      for (let seed = 1; seed <= rounds(3, 8); seed++) {
        const dice = new Dice(seed);
        const top = topOf({ ...shape, order }, canRetract);
        const changes = changesOf(dice, 200, [source], [canRetract]);
        const types = top.fields.map((f) => f.type);
        const driver = new Driver((scope) => topOperator(top, scope).operator, types);
        driver.blocks = [TYPES];
        driver.feed(changes, dice);
        expect(driver.printed(), `seed ${seed}`).toEqual(printed(expected(top, liveRows(changes, 0, TYPES)), types));
      }
    });
  });
});

test('rows that are only added and can never be shown are not kept', () => {
  const dice = new Dice(1);
  for (const shape of [{ limit: 3 }, { limit: 2, ranking: 'dense_rank' }, { limit: 1 }] as const) {
    const driver = new Driver((scope) => topOperator(topOf(shape, false), scope).operator, TYPES);
    driver.feed(changesOf(dice, 3000, [(d) => ({ ...source(d), row: ['a', d.below(1e6), null, 0] })], [false]), dice);
    // One page, and a few rows.
    expect(driver.size).toBe(1);
    expect(driver.budget.bytes).toBeLessThan(1000);
  }
});

test('only differences are passed on', () => {
  const driver = new Driver((scope) => topOperator(topOf({}, true), scope).operator, TYPES);
  const add = (n: number, weight = 1) => {
    driver.operator.take(0, { rows: [['a', n, null, 0]], weights: [weight], stamps: 0 });
    driver.round();
    const { emitted } = driver;
    driver.emitted = 0;
    return emitted;
  };
  expect([10, 20, 30].map((n) => add(n))).toEqual([1, 1, 1]);
  expect(add(40)).toBe(0);
  expect(add(15)).toBe(2);
  expect(add(40, -1)).toBe(0);
  expect(add(10, -1)).toBe(2);
});

test('a group that comes later counts once, however many rows the one before has', () => {
  const driver = new Driver(
    (scope) => topOperator(topOf({ ranking: 'dense_rank', limit: 2 }, true), scope).operator,
    TYPES,
  );
  for (const n of [1, 1, 2, 3]) {
    driver.operator.take(0, { rows: [['a', n, null, 0]], weights: null, stamps: 0 });
    driver.round();
  }
  expect(driver.rows().map(({ row }) => row[1])).toEqual([1, 1, 2]);
});

test.each([1, 2])('of identical rows the one that came first is first, limit %i', (limit) => {
  const driver = new Driver((scope) => topOperator(topOf({ limit }, false), scope).operator, TYPES);
  for (const at of [9, 5, 7, 3, 8]) driver.operator.take(0, { rows: [['a', 1, null, 0]], weights: null, stamps: at });
  driver.round();
  expect(
    driver
      .rows()
      .map((made) => made.stamp)
      .toSorted(),
  ).toEqual([3, 5].slice(0, limit));
});

test('many rows that come and go', () => {
  const dice = new Dice(2);
  const top = topOf({ partition: [], limit: 20 }, true);
  const changes = changesOf(dice, 6000, [(d) => ({ ...source(d), row: ['a', d.below(1e6), null, 0] })], [true]);
  const driver = new Driver((scope) => topOperator(top, scope).operator, TYPES);
  driver.feed(changes, dice);
  expect(driver.printed()).toEqual(printed(expected(top, liveRows(changes, 0, TYPES)), TYPES));
});

test.each([1, 2])('a window ends its partitions, limit %i', (limit) => {
  const top = topOf({ partition: [column(FIELDS, 0), column(FIELDS, 3)], windowEnd: 3, limit }, false);
  const driver = new Driver((scope) => topOperator(top, scope).operator, TYPES, { lagMs: 5, allowedLatenessMs: 3 });
  const add = (n: number, end: number) => {
    driver.operator.take(0, { rows: [['a', n, null, end]], weights: null, stamps: 0 });
    driver.round();
  };
  add(5, 50);
  add(5, 250);
  driver.operator.advance(100 + 7);
  add(4, 50);
  expect(driver.rows().some(({ row }) => row[1] === 4)).toBe(true);
  driver.restore();
  const before = driver.printed();
  driver.operator.advance(100 + 8);
  add(3, 50);
  expect(driver.late).toMatchObject([{ source: 's', reason: 'late', time: 50, lateByMs: 50 }]);
  expect(driver.printed()).toEqual(before);
  driver.operator.advance(400);
  expect(driver.size).toBe(0);
});

test('a first row that is replaced is not dropped at the end of the one before', () => {
  const top = topOf({ windowEnd: 3, limit: 1 }, false);
  const driver = new Driver((scope) => topOperator(top, scope).operator, TYPES);
  expect(driver.operator).toBeInstanceOf(FirstRowOperator);
  for (const [n, end] of [
    [5, 50],
    [4, 250],
    [6, 250],
  ] as const)
    driver.operator.take(0, { rows: [['a', n, null, end]], weights: null, stamps: 0 });
  driver.operator.advance(150);
  expect(driver.size).toBe(1);
  expect(driver.rows().map(({ row }) => row[1])).toEqual([4]);
});

test.each([1, 2])('a row without an order goes to the late stream, and so does one without room, limit %i', (limit) => {
  const order = [ordered(call('/', [literal(1, 'integer'), column(FIELDS, 1)], 'integer'))];
  const driver = new Driver((scope) => topOperator(topOf({ order, limit }, false), scope).operator, TYPES);
  driver.operator.take(0, { rows: [['a', 0, null, 0]], weights: null, stamps: 0 });
  driver.operator.take(0, { rows: [['a', 1, null, 0]], weights: null, stamps: 0 });
  driver.round();
  Object.assign(driver.budget, { bytesMax: 0 });
  driver.operator.take(0, { rows: [['b', 1, null, 0]], weights: null, stamps: 0 });
  driver.round();
  expect(driver.late.map(({ row, reason }) => [row[0], row[1], reason])).toEqual([
    ['a', 0, 'error: division by zero'],
    ['b', 1, 'state_full'],
  ]);
  expect(driver.rows().map(({ row }) => row.slice(0, 2))).toEqual([['a', 1]]);
});
