import { describe, expect, test } from 'vitest';
import { JoinOperator } from '../../../../src/mill/dataflow/operators/join.js';
import type { Row } from '../../../../src/mill/dataflow/operator.js';
import type { Join, JoinKind } from '../../../../src/sql/relation/relation.js';
import {
  call,
  changesOf,
  column,
  Dice,
  Driver,
  field,
  literal,
  liveRows,
  maybe,
  printed,
  scan,
  type Change,
} from './support.js';
import { rounds } from '../../../sim/rounds.js';

const LEFT = [field('k', 'text'), field('n', 'integer'), field('t', 'timestamptz')];
const RIGHT = [field('k', 'text'), field('m', 'integer'), field('u', 'timestamptz')];
const PAIR = [...LEFT, ...RIGHT];
const KINDS: readonly JoinKind[] = ['inner', 'left', 'right', 'full', 'semi', 'anti'];

interface Shape {
  readonly nullSafe: boolean;
  readonly condition: boolean;
  readonly bound: { readonly lowMs: number | null; readonly highMs: number | null } | null;
  readonly retracts: readonly [boolean, boolean];
}

function joinOf(type: JoinKind, { nullSafe, condition, bound, retracts }: Shape): Join {
  return {
    kind: 'join',
    fields: type === 'semi' || type === 'anti' ? LEFT : PAIR,
    left: scan(LEFT, retracts[0]),
    right: scan(RIGHT, retracts[1]),
    type,
    equal: [{ left: column(LEFT, 0), right: column(RIGHT, 0), nullSafe }],
    condition: condition ? call('<', [column(PAIR, 1), column(PAIR, 4)], 'boolean') : null,
    bound: bound === null ? null : { leftTime: 2, rightTime: 2, ...bound },
    windowEnd: null,
    mode: { kind: 'both' },
  };
}

/** Nested loops. */
function expected(type: JoinKind, shape: Shape, left: readonly Change[], right: readonly Change[]) {
  const result: { row: Row; stamp: number }[] = [];
  const nulls: Row = [null, null, null];
  const met = new Set<Change>();
  for (const l of left) {
    let count = 0;
    for (const r of right) {
      if (!meets(shape, l.row, r.row)) continue;
      count++;
      met.add(r);
      if (type !== 'semi' && type !== 'anti')
        result.push({ row: [...l.row, ...r.row], stamp: Math.max(l.stamp, r.stamp) });
    }
    if (count === 0 && (type === 'left' || type === 'full')) result.push({ row: [...l.row, ...nulls], stamp: l.stamp });
    if ((type === 'semi' && count > 0) || (type === 'anti' && count === 0)) result.push(l);
  }
  if (type === 'right' || type === 'full')
    for (const r of right) if (!met.has(r)) result.push({ row: [...nulls, ...r.row], stamp: r.stamp });
  return result;
}

function meets({ nullSafe, condition, bound }: Shape, [k, n, t]: Row, [j, m, u]: Row): boolean {
  if (k !== j || (k === null && !nullSafe)) return false;
  if (condition && !(n !== null && m !== null && (n as number) < (m as number))) return false;
  if (bound === null) return true;
  if (t === null || u === null) return false;
  const distance = (u as number) - (t as number);
  return distance >= (bound.lowMs ?? -Infinity) && distance <= (bound.highMs ?? Infinity);
}

/** Rows whose time rises slowly; a stamp is never more than lag and allowed lateness behind. */
function source(state: { now: number }, nulls: boolean) {
  return (dice: Dice) => {
    state.now += dice.below(3);
    const time = state.now - dice.below(8);
    const row = [maybe(dice, dice.pick(['a', 'b', 'c'])), maybe(dice, dice.below(4)), nulls ? maybe(dice, time) : time];
    return { row, stamp: state.now };
  };
}

const SHAPES: readonly Shape[] = [
  { nullSafe: false, condition: false, bound: null, retracts: [true, true] },
  { nullSafe: true, condition: true, bound: null, retracts: [true, true] },
  { nullSafe: false, condition: true, bound: null, retracts: [false, false] },
  { nullSafe: false, condition: false, bound: { lowMs: -3, highMs: 5 }, retracts: [true, true] },
  { nullSafe: false, condition: true, bound: { lowMs: 2, highMs: 9 }, retracts: [false, false] },
  { nullSafe: true, condition: false, bound: { lowMs: null, highMs: 4 }, retracts: [true, false] },
  { nullSafe: false, condition: false, bound: { lowMs: -4, highMs: null }, retracts: [false, true] },
];

describe.each(KINDS)('%s join', (type) => {
  test.each(SHAPES)('equals nested loops: $bound, retracts $retracts, condition $condition', (shape) => {
    for (let seed = 1; seed <= rounds(5, 12); seed++) {
      const dice = new Dice(seed);
      const state = { now: 0 };
      const changes = changesOf(dice, 160, [source(state, true), source(state, true)], shape.retracts);
      const join = joinOf(type, shape);
      const driver = new Driver(
        (scope) => new JoinOperator(join, scope),
        join.fields.map((f) => f.type),
      );
      driver.feed(changes, dice);
      const types = LEFT.map((f) => f.type);
      const left = liveRows(changes, 0, types);
      const right = liveRows(changes, 1, types);
      expect(driver.printed(), `seed ${seed}`).toEqual(
        printed(
          expected(type, shape, left, right),
          join.fields.map((f) => f.type),
        ),
      );
      expect(driver.late).toEqual([]);
    }
  });
});

/** Rows are in time up to this. */
const LAG_MS = 8;

describe.each(KINDS)('%s join that forgets', (type) => {
  const shapes: readonly Shape[] = [
    { nullSafe: false, condition: false, bound: { lowMs: -3, highMs: 5 }, retracts: [true, true] },
    { nullSafe: true, condition: true, bound: { lowMs: 2, highMs: 9 }, retracts: [false, true] },
  ];
  test.each(shapes)('gives the same, and keeps what can still meet: $bound', (shape) => {
    for (let seed = 1; seed <= rounds(5, 12); seed++) {
      const dice = new Dice(seed);
      const state = { now: 0 };
      const isFixed = ([, , time]: Row): boolean => time !== null && (time as number) < state.now - LAG_MS;
      const changes = changesOf(dice, 1200, [source(state, false), source(state, false)], shape.retracts, isFixed);
      const join = joinOf(type, shape);
      const types = join.fields.map((f) => f.type);
      const driver = new Driver((scope) => new JoinOperator(join, scope), types, { lagMs: 5, allowedLatenessMs: 3 });
      let at = 0;
      let entriesMax = 0;
      // The clock is the largest stamp so far; buckets are 100 ms wide, 256 rows a page.
      for (let from = 0; from < changes.length; from += 50) {
        const part = changes.slice(from, from + 50);
        driver.feed(part, dice);
        at = Math.max(at, ...part.map(({ stamp }) => stamp));
        driver.operator.advance(at);
        entriesMax = Math.max(entriesMax, driver.size);
      }
      const left = liveRows(
        changes,
        0,
        LEFT.map((f) => f.type),
      );
      const right = liveRows(
        changes,
        1,
        LEFT.map((f) => f.type),
      );
      expect(driver.printed(), `seed ${seed}`).toEqual(printed(expected(type, shape, left, right), types));
      driver.operator.advance(at + 1000);
      expect(driver.size, `seed ${seed}`).toBe(0);
      expect(entriesMax).toBeLessThan(8);
    }
  });

  test('a window among the keys ends both sides', () => {
    const shape: Shape = { nullSafe: false, condition: false, bound: null, retracts: [false, false] };
    const join: Join = {
      ...joinOf(type, shape),
      equal: [{ left: column(LEFT, 2), right: column(RIGHT, 2), nullSafe: false }],
      windowEnd: { left: 2, right: 2 },
    };
    const types = join.fields.map((f) => f.type);
    const driver = new Driver((scope) => new JoinOperator(join, scope), types, { lagMs: 5, allowedLatenessMs: 3 });
    const add = (input: number, end: number) =>
      driver.operator.take(input, { rows: [['a', 1, end]], weights: null, stamps: 0 });
    add(0, 1000);
    add(1, 1000);
    add(0, 2000);
    driver.operator.advance(1000 + 8);
    expect(driver.size).toBe(2);
    driver.operator.advance(2000 + 8);
    expect(driver.size).toBe(1);
    driver.operator.advance(2100 + 8);
    expect(driver.size).toBe(0);
  });
});

test('a condition that fails leaves its pair out, and says so once', () => {
  const shape: Shape = { nullSafe: false, condition: false, bound: null, retracts: [true, true] };
  const division = call('/', [literal(1, 'integer'), column(PAIR, 1)], 'integer');
  const join: Join = { ...joinOf('left', shape), condition: call('=', [division, column(PAIR, 4)], 'boolean') };
  const driver = new Driver(
    (scope) => new JoinOperator(join, scope),
    PAIR.map((f) => f.type),
  );
  const take = (input: number, row: Row, weight: number) =>
    driver.operator.take(input, { rows: [row], weights: [weight], stamps: 0 });
  take(1, ['a', 1, 0], 1);
  take(0, ['a', 0, 0], 1);
  take(0, ['a', 1, 0], 1);
  expect(driver.rows().map(({ row }) => row)).toEqual([
    ['a', 0, 0, null, null, null],
    ['a', 1, 0, 'a', 1, 0],
  ]);
  expect(driver.late).toMatchObject([{ source: 'v', row: ['a', 0, 0, 'a', 1, 0], reason: 'error: division by zero' }]);
  take(0, ['a', 0, 0], -1);
  take(1, ['a', 1, 0], -1);
  expect(driver.rows().map(({ row }) => row)).toEqual([['a', 1, 0, null, null, null]]);
  expect(driver.late).toHaveLength(1);
});

test('without room new rows go to the late stream, those that are there still meet', () => {
  const shape: Shape = { nullSafe: false, condition: false, bound: null, retracts: [false, false] };
  const join = joinOf('inner', shape);
  const driver = new Driver(
    (scope) => new JoinOperator(join, scope),
    PAIR.map((f) => f.type),
  );
  driver.operator.take(0, { rows: [['a', 1, 0]], weights: null, stamps: 0 });
  driver.round();
  Object.assign(driver.budget, { bytesMax: driver.budget.bytes });
  driver.operator.take(1, { rows: [['a', 2, 0]], weights: null, stamps: 0 });
  expect(driver.rows()).toEqual([]);
  expect(driver.late).toMatchObject([{ source: 's', row: ['a', 2, 0], reason: 'state_full' }]);
});

test('a row that is taken back takes back what it gave, whatever stamp the taking back has', () => {
  const shape: Shape = { nullSafe: false, condition: false, bound: null, retracts: [true, true] };
  const join = joinOf('left', shape);
  const driver = new Driver(
    (scope) => new JoinOperator(join, scope),
    PAIR.map((f) => f.type),
  );
  const take = (input: number, weight: number, stamp: number) =>
    driver.operator.take(input, { rows: [['a', 1, 0]], weights: [weight], stamps: stamp });
  take(0, 1, 10);
  take(1, 1, 20);
  take(0, -1, 30);
  expect(driver.rows()).toEqual([]);
});

test('a slot that is used again lives as long as its new row', () => {
  const shape: Shape = { nullSafe: false, condition: false, bound: { lowMs: 0, highMs: 0 }, retracts: [true, false] };
  const join = joinOf('inner', shape);
  const driver = new Driver(
    (scope) => new JoinOperator(join, scope),
    PAIR.map((f) => f.type),
  );
  const take = (input: number, time: number, weight: number) =>
    driver.operator.take(input, { rows: [['a', 1, time]], weights: [weight], stamps: time });
  take(0, 50, 1);
  take(0, 50, -1);
  take(0, 1000, 1);
  driver.operator.advance(500);
  take(1, 1000, 1);
  expect(driver.rows()).toHaveLength(1);
});
