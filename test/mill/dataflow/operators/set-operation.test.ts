import { describe, expect, test } from 'vitest';
import { setOperator } from '../../../../src/mill/dataflow/operators/set-operation.js';
import { wholeRowKey } from '../../../../src/mill/dataflow/keys.js';
import { rowComparator } from '../../../../src/mill/dataflow/order.js';
import { parseDecimal } from '../../../../src/sql/decimal.js';
import type { SetOperation } from '../../../../src/sql/relation/relation.js';
import { changesOf, Dice, Driver, field, grouped, liveRows, maybe, printed, scan, type Change } from './support.js';
import { rounds } from '../../../sim/rounds.js';

const FIELDS = [field('k', 'text'), field('d', 'numeric')];
const TYPES = FIELDS.map((f) => f.type);
const DECIMALS = ['1.0', '1.00', '2'].map((text) => parseDecimal(text)!);

function expected({ kind, all }: SetOperation, left: readonly Change[], right: readonly Change[]) {
  const key = wholeRowKey(TYPES);
  const compare = rowComparator([], FIELDS);
  const groups = grouped(left, ({ row }) => key(row));
  return [...groups].flatMap(([name, rows]) => {
    const there = right.filter(({ row }) => key(row) === name).length;
    const counts =
      kind === 'intersect' ? Math.min(rows.length, there) : all ? rows.length - there : there === 0 ? rows.length : 0;
    const [first] = rows.map(({ row }) => row).toSorted(compare);
    return Array.from({ length: Math.max(0, all ? counts : Math.min(1, counts)) }, () => ({
      row: first!,
      stamp: Number.NEGATIVE_INFINITY,
    }));
  });
}

describe.each(['intersect', 'except'] as const)('%s', (kind) => {
  test.each([false, true])('counts the rows of both sides, all: %s', (all) => {
    for (let seed = 1; seed <= rounds(8, 20); seed++) {
      const dice = new Dice(seed);
      const input = scan(FIELDS, true);
      const operation: SetOperation = { kind, fields: FIELDS, left: input, right: input, all };
      const source = (d: Dice) => ({ row: [maybe(d, d.pick(['a', 'b'])), maybe(d, d.pick(DECIMALS))], stamp: 0 });
      const changes = changesOf(dice, 200, [source, source], [true, true]);
      const driver = new Driver((scope) => setOperator(operation, scope).operator, TYPES);
      driver.feed(changes, dice);
      const [left, right] = [liveRows(changes, 0, TYPES), liveRows(changes, 1, TYPES)];
      expect(driver.printed(), `seed ${seed}`).toEqual(printed(expected(operation, left, right), TYPES));
      const kinds = new Set([...left, ...right].map(({ row }) => wholeRowKey(TYPES)(row)));
      expect(driver.size).toBe(kinds.size);
    }
  });
});

test('without room new rows go to the late stream', () => {
  const input = scan(FIELDS, true);
  const operation: SetOperation = { kind: 'except', fields: FIELDS, left: input, right: input, all: true };
  const driver = new Driver((scope) => setOperator(operation, scope).operator, TYPES);
  const take = (k: string, weight: number) =>
    driver.operator.take(0, { rows: [[k, null]], weights: [weight], stamps: 0 });
  take('a', 1);
  driver.round();
  Object.assign(driver.budget, { bytesMax: driver.budget.bytes });
  take('b', 1);
  take('a', 1);
  take('b', -1);
  driver.round();
  expect(driver.late).toMatchObject([{ reason: 'state_full', row: ['b', null] }]);
  expect(driver.rows().map(({ row }) => row[0])).toEqual(['a', 'a']);
});
