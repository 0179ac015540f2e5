import { describe, expect, test } from 'vitest';
import { overOperator } from '../../../../src/mill/dataflow/operators/over/over-operator.js';
import type { Expression } from '../../../../src/sql/plan.js';
import type { Frame, FrameBound, OrderItem, Over, OverSpec } from '../../../../src/sql/relation/relation.js';
import { parseDecimal } from '../../../../src/sql/decimal.js';
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
  ordered,
  printed,
  scan,
} from './support.js';
import type { Row } from '../../../../src/mill/dataflow/operator.js';
import { overRows } from './over-model.js';
import { rounds } from '../../../sim/rounds.js';

const FIELDS = [
  field('k', 'text'),
  field('n', 'integer'),
  field('t', 'timestamptz'),
  field('d', 'numeric'),
  field('x', 'double precision'),
];
const TYPES = FIELDS.map((f) => f.type);
const [K, N, T, D, X] = [0, 1, 2, 3, 4].map((i) => column(FIELDS, i)) as [
  Expression,
  Expression,
  Expression,
  Expression,
  Expression,
];
const DECIMALS = ['0.1', '0.3', '0.30', '1', '-2.5'].map((text) => parseDecimal(text)!);

const preceding = (offset: number): FrameBound => ({ kind: 'preceding', offset });
const following = (offset: number): FrameBound => ({ kind: 'following', offset });
const CURRENT: FrameBound = { kind: 'currentRow' };
const FIRST: FrameBound = { kind: 'unboundedPreceding' };
const LAST: FrameBound = { kind: 'unboundedFollowing' };
const frame = (mode: Frame['mode'], start: FrameBound, end: FrameBound, exclude: Frame['exclude'] = 'none'): Frame => ({
  mode,
  start,
  end,
  exclude,
});
const DEFAULT = frame('range', FIRST, CURRENT);

function spec(name: string, args: OverSpec['args'], type: OverSpec['type'], more: Partial<OverSpec> = {}): OverSpec {
  return { name, args, distinct: false, filter: null, ignoreNulls: false, frame: DEFAULT, type, ...more };
}

const int = (value: number | null) => literal(value, 'integer');

const RANKING: readonly OverSpec[] = [
  spec('row_number', [], 'bigint'),
  spec('rank', [], 'bigint'),
  spec('dense_rank', [], 'bigint'),
];
const SHARES: readonly OverSpec[] = [
  spec('percent_rank', [], 'double precision'),
  spec('cume_dist', [], 'double precision'),
  spec('ntile', [int(3)], 'integer'),
];
const OFFSETS: readonly OverSpec[] = [
  spec('lag', [N], 'integer'),
  spec('lag', [N, int(2), int(-1)], 'integer'),
  spec('lead', [N], 'integer'),
  spec('lead', [N, int(3), N], 'integer'),
];
const ODD_OFFSETS: readonly OverSpec[] = [
  spec('lag', [N, N], 'integer'),
  spec('lead', [N, int(-2)], 'integer'),
  spec('lag', [N, int(2)], 'integer', { ignoreNulls: true }),
  spec('lead', [N], 'integer', { ignoreNulls: true }),
  spec('lag', [N, int(null)], 'integer'),
];

/** Every kind of function over one frame. */
function over(of: Frame): readonly OverSpec[] {
  return [
    spec('count', [], 'bigint', { frame: of }),
    spec('sum', [N], 'bigint', { frame: of }),
    spec('avg', [D], 'numeric', { frame: of, filter: call('>', [N, int(1)], 'boolean') }),
    spec('sum', [X], 'double precision', { frame: of }),
    spec('min', [N], 'integer', { frame: of }),
    spec('max', [D], 'numeric', { frame: of }),
    spec('string_agg', [K, literal('-', 'text')], 'text', { frame: of }),
    spec('count', [N], 'bigint', { frame: of, distinct: true }),
    spec('string_agg', [K, literal('-', 'text')], 'text', { frame: of, distinct: true }),
    spec('first_value', [N], 'integer', { frame: of }),
    spec('last_value', [N], 'integer', { frame: of }),
    spec('nth_value', [N, int(2)], 'integer', { frame: of }),
    spec('first_value', [N], 'integer', { frame: of, ignoreNulls: true }),
    spec('last_value', [N], 'integer', { frame: of, ignoreNulls: true }),
    spec('nth_value', [N, int(2)], 'integer', { frame: of, ignoreNulls: true }),
  ];
}

function relation(functions: readonly OverSpec[], order: readonly OrderItem[], canRetract: boolean): Over {
  return {
    kind: 'over',
    fields: [...FIELDS, ...functions.map((f, i) => field(`f${i}`, f.type))],
    input: scan(FIELDS, canRetract),
    partition: [K],
    order,
    functions,
  };
}

function source(state: { now: number }, nulls: boolean) {
  return (dice: Dice): { row: Row; stamp: number } => {
    state.now += dice.below(3);
    const time = state.now - dice.below(8);
    const row = [
      maybe(dice, dice.pick(['a', 'b'])),
      maybe(dice, dice.below(5)),
      nulls ? maybe(dice, time) : time,
      maybe(dice, dice.pick(DECIMALS)),
      maybe(dice, dice.pick([0.1, 0.2, -0, 1e9, Number.NaN])),
    ];
    return { row, stamp: state.now };
  };
}

const TIME = [ordered(T)];
const ORDERS: Record<string, readonly OrderItem[]> = {
  time: TIME,
  'time, falling': [ordered(T, true)],
  'number, falling, NULLs last': [ordered(N, true, false)],
  'number, NULLs first': [ordered(N, false, true)],
  numeric: [ordered(D)],
  double: [ordered(X, true)],
  'two items': [ordered(N), ordered(D, true)],
  nothing: [],
};

function check(functions: readonly OverSpec[], order: readonly OrderItem[], seeds: number, canRetract = true): void {
  for (let seed = 1; seed <= seeds; seed++) {
    const dice = new Dice(seed);
    const state = { now: 0 };
    const node = relation(functions, order, canRetract);
    const changes = changesOf(dice, 100, [source(state, true)], [canRetract]);
    const types = node.fields.map((f) => f.type);
    const driver = new Driver((scope) => overOperator(node, scope).operator, types);
    driver.feed(changes, dice);
    expect(driver.printed(), `seed ${seed}`).toEqual(printed(overRows(node, liveRows(changes, 0, TYPES)), types));
    expect(driver.late).toEqual([]);
  }
}

describe.each(Object.entries(ORDERS))('OVER by %s', (_, order) => {
  test('ranking, lag and lead', () => check([...RANKING, ...SHARES, ...OFFSETS], order, rounds(3, 8)));
  test('lag and lead by other distances', () => check(ODD_OFFSETS, order, rounds(3, 8)));

  const offsets = order.length === 1 ? [preceding(2), following(1), preceding(0)] : [];
  const starts = (mode: Frame['mode']) => [
    FIRST,
    CURRENT,
    ...(mode === 'range' ? offsets : [preceding(2), following(1)]),
  ];
  const ends = (mode: Frame['mode']) => [CURRENT, LAST, ...(mode === 'range' ? offsets : [preceding(1), following(2)])];
  test.each(['rows', 'range', 'groups'] as const)('functions over %s frames', (mode) => {
    for (const start of starts(mode)) for (const end of ends(mode)) check(over(frame(mode, start, end)), order, 1);
  });
  test.each(['currentRow', 'group', 'ties'] as const)('EXCLUDE %s', (exclude) => {
    check(over(frame('rows', preceding(3), following(2), exclude)), order, rounds(1, 3));
    check(over(frame('range', FIRST, CURRENT, exclude)), order, rounds(1, 3));
  });
  test('rows that are only added', () => check([...RANKING, ...over(DEFAULT)], order, rounds(2, 4), false));
});

describe('rows that can no longer change', () => {
  const sets: Record<string, readonly OverSpec[]> = {
    ranking: RANKING,
    'lag and lead': OFFSETS,
    'RANGE back': over(frame('range', preceding(20), CURRENT)).filter(({ distinct }) => !distinct),
    'RANGE around': over(frame('range', preceding(7), following(9))),
    'RANGE before': over(frame('range', preceding(30), preceding(10))),
    'ROWS back': over(frame('rows', preceding(3), CURRENT)),
    'ROWS around': over(frame('rows', preceding(2), following(3))),
    'open start': over(DEFAULT).filter(({ distinct }) => !distinct),
    'open start, ROWS before': over(frame('rows', FIRST, preceding(2))).filter(({ distinct }) => !distinct),
    'open start, RANGE before': over(frame('range', FIRST, preceding(12))).filter(({ distinct }) => !distinct),
    'all together': [...RANKING, ...OFFSETS, ...over(frame('range', preceding(20), CURRENT)), RANKING[0]!],
  };
  test.each(Object.entries(sets))('go, and the rest is the same: %s', (_, functions) => {
    for (let seed = 1; seed <= rounds(2, 6); seed++) {
      const dice = new Dice(seed);
      const state = { now: 0 };
      const isFixed = ([, , time]: Row): boolean => (time as number) < state.now - 8;
      const canRetract = seed % 2 === 0;
      const node = relation(functions, TIME, canRetract);
      const changes = changesOf(dice, 1200, [source(state, false)], [canRetract], isFixed);
      const types = node.fields.map((f) => f.type);
      const make = () =>
        new Driver((scope) => overOperator(node, scope).operator, types, { lagMs: 5, allowedLatenessMs: 3 });
      const driver = make();
      let at = 0;
      let bytesMax = 0;
      for (let from = 0; from < changes.length; from += 40) {
        const part = changes.slice(from, from + 40);
        driver.feed(part, dice);
        at = Math.max(at, ...part.map(({ stamp }) => stamp));
        driver.operator.advance(at);
        driver.round();
        bytesMax = Math.max(bytesMax, driver.budget.bytes);
      }
      const whole = make();
      whole.feed(changes, dice);
      expect(driver.printed(), `seed ${seed}`).toEqual(whole.printed());
      expect(driver.late).toEqual([]);
      expect(bytesMax).toBeLessThan(whole.budget.bytes * 0.6);
    }
  });

  test('what is late all the same goes to the late stream', () => {
    const node = relation(RANKING, TIME, false);
    const types = node.fields.map((f) => f.type);
    const driver = new Driver((scope) => overOperator(node, scope).operator, types, { lagMs: 5 });
    const take = (time: number) =>
      driver.operator.take(0, { rows: [['a', 1, time, null, null]], weights: null, stamps: 0 });
    take(10);
    driver.round();
    driver.operator.advance(500);
    take(494);
    take(495);
    driver.round();
    expect(driver.late).toMatchObject([{ reason: 'late', time: 494, lateByMs: 1 }]);
    expect(driver.rows().map(({ row }) => [row[2], row[5]])).toEqual([
      [10, 1],
      [495, 2],
    ]);
  });

  test('a partition without rows is gone, unless its numbers go on', () => {
    for (const [functions, size] of [
      [over(frame('range', preceding(5), CURRENT)), 0],
      [RANKING, 1],
    ] as const) {
      const node = relation(functions, TIME, false);
      const driver = new Driver(
        (scope) => overOperator(node, scope).operator,
        node.fields.map((f) => f.type),
      );
      driver.operator.take(0, { rows: [['a', 1, 10, null, null]], weights: null, stamps: 0 });
      driver.round();
      driver.operator.advance(10_000);
      expect(driver.size).toBe(size);
    }
  });
});

test('a row that fails takes no part, a value that fails is NULL', () => {
  const inverse = call('/', [int(1), N], 'integer');
  const node = relation(
    [spec('count', [], 'bigint', { filter: call('>', [inverse, int(0)], 'boolean') }), spec('ntile', [N], 'integer')],
    TIME,
    false,
  );
  const driver = new Driver(
    (scope) => overOperator(node, scope).operator,
    node.fields.map((f) => f.type),
  );
  const take = (n: number, time: number) =>
    driver.operator.take(0, { rows: [['a', n, time, null, null]], weights: null, stamps: 0 });
  take(0, 1);
  take(-1, 2);
  driver.round();
  expect(driver.late.map(({ reason }) => reason)).toEqual([
    'error: division by zero',
    'error: argument of ntile must be greater than zero',
  ]);
  expect(driver.rows().map(({ row }) => row.slice(5))).toEqual([[0, null]]);
});

test('without room new rows go to the late stream', () => {
  const node = relation(RANKING, TIME, false);
  const driver = new Driver(
    (scope) => overOperator(node, scope).operator,
    node.fields.map((f) => f.type),
  );
  Object.assign(driver.budget, { bytesMax: 0 });
  driver.operator.take(0, { rows: [['a', 1, 1, null, null]], weights: null, stamps: 0 });
  driver.round();
  expect(driver.late).toMatchObject([{ reason: 'state_full' }]);
  expect(driver.rows()).toEqual([]);
});

test('only rows whose values change are passed on', () => {
  const node = relation([spec('count', [], 'bigint', { frame: frame('range', preceding(5), CURRENT) })], TIME, false);
  const driver = new Driver(
    (scope) => overOperator(node, scope).operator,
    node.fields.map((f) => f.type),
  );
  const emitted = (time: number) => {
    driver.emitted = 0;
    driver.operator.take(0, { rows: [['a', 1, time, null, null]], weights: null, stamps: 0 });
    driver.round();
    return driver.emitted;
  };
  expect([10, 12, 20, 30].map(emitted)).toEqual([1, 1, 1, 1]);
  // The peer, and the one at 12, which sees it.
  expect(emitted(10)).toBe(1 + 2 + 2);
  expect(emitted(26)).toBe(1 + 2);
});
