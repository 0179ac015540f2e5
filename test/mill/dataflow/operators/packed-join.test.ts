/** The join over columns gives what the general one gives. */
import { describe, expect, test } from 'vitest';
import { BlockDeltas } from '../../../../src/mill/dataflow/block.js';
import type { Row } from '../../../../src/mill/dataflow/operator.js';
import { JoinOperator } from '../../../../src/mill/dataflow/operators/join.js';
import { isPackable, PackedJoin } from '../../../../src/mill/dataflow/operators/packed-join.js';
import { Decimal } from '../../../../src/sql/decimal.js';
import type { Join, JoinKind } from '../../../../src/sql/relation/relation.js';
import { textBlock } from '../blocks.js';
import { call, changesOf, column, Dice, Driver, field, literal, maybe, scan, type Change } from './support.js';

const LEFT = [
  field('k', 'text'),
  field('n', 'bigint'),
  field('t', 'timestamptz'),
  field('d', 'numeric'),
  field('s', 'text'),
  field('f', 'boolean'),
];
const RIGHT = [...LEFT].reverse();
const PAIR = [...LEFT, ...RIGHT];
const KINDS: readonly JoinKind[] = ['inner', 'left', 'right', 'full', 'semi', 'anti'];
const LEFT_TYPES = LEFT.map(({ type }) => type);
const RIGHT_TYPES = RIGHT.map(({ type }) => type);
const LAG_MS = 8;

function joinOf(type: JoinKind, some: Partial<Join>): Join {
  return {
    kind: 'join',
    fields: type === 'semi' || type === 'anti' ? LEFT : PAIR,
    left: scan(LEFT, false),
    right: scan(RIGHT, false),
    type,
    equal: [{ left: column(LEFT, 0), right: column(RIGHT, 5), nullSafe: false }],
    condition: null,
    bound: { leftTime: 2, rightTime: 3, lowMs: 0, highMs: 6 },
    windowEnd: null,
    mode: { kind: 'both' },
    ...some,
  };
}

/** Row `i` of either side, its time behind the clock by up to the lag. */
function source(state: { now: number }, isLeft: boolean, nulls: boolean) {
  return (dice: Dice) => {
    state.now += dice.below(3);
    const time = state.now - dice.below(LAG_MS);
    // Beyond 2^53 an integer is no number; of another scale, a decimal is no unit of the others.
    const n = dice.below(40) === 0 ? 2n ** 60n : dice.below(3);
    const d = dice.below(40) === 0 ? new Decimal(5n, 1) : new Decimal(BigInt(dice.below(4)), 6);
    const row: Row = [
      maybe(dice, dice.pick(['a', 'b', 'c', 'd', 'e'])),
      maybe(dice, n),
      nulls ? maybe(dice, time) : time,
      maybe(dice, d),
      maybe(dice, `text ${dice.below(1000)}`),
      maybe(dice, dice.below(2) === 0),
    ];
    return { row: isLeft ? row : row.toReversed(), stamp: state.now };
  };
}

const key = (left: number) => ({ left: column(LEFT, left), right: column(RIGHT, 5 - left), nullSafe: false });
const SHAPES: readonly (readonly [string, Partial<Join>])[] = [
  ['a bound', {}],
  ['a bound on both sides', { bound: { leftTime: 2, rightTime: 3, lowMs: -4, highMs: 5 } }],
  ['one open bound', { bound: { leftTime: 2, rightTime: 3, lowMs: null, highMs: 3 } }],
  ['no bound', { bound: null }],
  ['several keys', { equal: [key(0), { ...key(1), nullSafe: true }, key(5)] }],
  ['no keys', { equal: [] }],
  ['NULL equals NULL', { equal: [{ ...key(0), nullSafe: true }] }],
  ['a window among the keys', { equal: [key(0), key(2)], bound: null, windowEnd: { left: 2, right: 3 } }],
  ['a condition', { condition: call('<', [column(PAIR, 1), column(PAIR, 10)], 'boolean') }],
  [
    'a condition that fails',
    {
      condition: call('=', [call('/', [literal(6, 'bigint'), column(PAIR, 1)], 'bigint'), column(PAIR, 10)], 'boolean'),
    },
  ],
  [
    'a key that fails',
    {
      equal: [
        key(0),
        {
          left: call('/', [literal(6, 'bigint'), column(LEFT, 1)], 'bigint'),
          right: column(RIGHT, 4),
          nullSafe: false,
        },
      ],
    },
  ],
];

describe.each(KINDS)('%s join over columns', (type) => {
  test.each(SHAPES)('equals the general one: %s', (_, some) => {
    const join = joinOf(type, some);
    expect(isPackable(join)).toBe(true);
    for (let seed = 1; seed <= 3; seed++) {
      const dice = new Dice(seed);
      const state = { now: 0 };
      const sides = [source(state, true, true), source(state, false, true)];
      const isFixed = (row: Row): boolean => timeOf(row) < state.now - LAG_MS;
      const changes = changesOf(dice, 120, sides, [false, false], isFixed);
      const [general, packed] = drivers(join);
      feed(general!, changes, new Dice(seed));
      feed(packed!, changes, new Dice(seed + 100));
      expect(packed!.printed(), `seed ${seed}`).toEqual(general!.printed());
      expect(reports(packed!), `seed ${seed}`).toEqual(reports(general!));
    }
  });
});

/** Either side's; infinite where it is NULL. */
function timeOf(row: Row): number {
  const time = [row[2], row[3]].find((value) => typeof value === 'number');
  return time ?? Number.POSITIVE_INFINITY;
}

function drivers(join: Join): Driver[] {
  const types = join.fields.map((f) => f.type);
  const options = { lagMs: 5, allowedLatenessMs: 3 };
  const general = new Driver((scope) => new JoinOperator(join, scope), types, options);
  const packed = new Driver((scope) => new PackedJoin(join, scope), types, options);
  packed.blocks = [LEFT_TYPES, RIGHT_TYPES];
  return [general, packed];
}

/** Feeds changes while the clock goes on. */
function feed(driver: Driver, changes: readonly Change[], dice: Dice): void {
  for (let from = 0; from < changes.length; from += 40) {
    const part = changes.slice(from, from + 40);
    driver.feed(part, dice);
    driver.operator.advance(Math.max(...changes.slice(0, from + part.length).map(({ stamp }) => stamp)));
  }
}

function reports({ late }: Driver): string[] {
  return late.map(({ reason, row, source: from }) => `${from} ${reason} ${row.map(String).join()}`).toSorted();
}

test('rows, keys and texts that come and go by the thousand leave nothing behind', () => {
  const join = joinOf('inner', { bound: { leftTime: 2, rightTime: 3, lowMs: -50, highMs: 300 } });
  const [general, packed] = drivers(join);
  const dice = new Dice(7);
  const bytes: number[] = [];
  for (let now = 1000; now < 13_000; now += 1000) {
    for (const [input, isLeft] of [true, false].entries()) {
      const rows = Array.from({ length: 1500 }, (_, i): Row => {
        // One row in thirty has a key of many, the others one of few; times in any order.
        const name = i % 30 === 0 ? 'many' : `key ${now} ${dice.below(1500)}`;
        const time = now + dice.below(1000);
        const row: Row = [name, dice.below(9), time, new Decimal(BigInt(i), 6), `text ${now} ${i}`, null];
        return isLeft ? row : row.toReversed();
      });
      general!.operator.take(input, { rows, weights: null, stamps: now });
      const block = textBlock(rows, isLeft ? LEFT_TYPES : RIGHT_TYPES);
      packed!.operator.take(input, new BlockDeltas(block, now));
    }
    for (const driver of [general!, packed!]) {
      driver.round();
      driver.operator.advance(now + 1000);
    }
    if (now === 6000) packed!.restore();
    bytes.push(packed!.budget.bytes);
  }
  expect(packed!.printed().join('\n') === general!.printed().join('\n')).toBe(true);
  packed!.operator.advance(20_000);
  expect(packed!.size).toBe(0);
  packed!.round();
  expect(bytes.at(-1)).toBeLessThan(2 * bytes[2]!);
});

test('without room a block is refused, and rows that are there still meet', () => {
  const [, packed] = drivers(joinOf('left', {}));
  const row: Row = ['a', 1, 0, null, 'x', true];
  packed!.operator.take(0, { rows: [row], weights: null, stamps: 0 });
  packed!.round();
  Object.assign(packed!.budget, { bytesMax: packed!.budget.bytes });
  packed!.operator.take(1, { rows: [row.toReversed()], weights: null, stamps: 0 });
  packed!.round();
  expect(packed!.rows().map(({ row: found }) => found)).toEqual([[...row, null, null, null, null, null, null]]);
  expect(packed!.late).toMatchObject([{ source: 's', row: row.toReversed(), reason: 'state_full' }]);
});
