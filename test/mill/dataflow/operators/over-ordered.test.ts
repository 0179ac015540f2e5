import { expect, test } from 'vitest';
import { overOperator } from '../../../../src/mill/dataflow/operators/over/over-operator.js';
import type { Row } from '../../../../src/mill/dataflow/operator.js';
import type { Expression } from '../../../../src/sql/plan.js';
import type { Over, OverSpec } from '../../../../src/sql/relation/relation.js';
import { overRows } from './over-model.js';
import { changesOf, column, Dice, Driver, field, liveRows, maybe, ordered, printed, scan } from './support.js';
import { rounds } from '../../../sim/rounds.js';

const FIELDS = [field('k', 'text'), field('x', 'double precision'), field('t', 'timestamptz')];
const TYPES = FIELDS.map((f) => f.type);
const interval = (ms: number): Expression => ({
  kind: 'literal',
  value: { months: 0, days: 0, ms },
  type: 'interval',
});
const number = (value: number, type: 'bigint' | 'double precision'): Expression => ({ kind: 'literal', value, type });

function spec(name: string, args: readonly Expression[], type: OverSpec['type']): OverSpec {
  const frame = {
    mode: 'range',
    start: { kind: 'unboundedPreceding' },
    end: { kind: 'currentRow' },
    exclude: 'none',
  } as const;
  return { name, args, distinct: false, filter: null, ignoreNulls: false, frame, type };
}

const FUNCTIONS = [
  spec('ewma', [column(FIELDS, 1), number(0.3, 'double precision')], 'double precision'),
  spec('ewma', [column(FIELDS, 1), interval(5)], 'double precision'),
  spec('rate_limit', [number(3, 'bigint'), interval(20)], 'boolean'),
  spec('row_number', [], 'bigint'),
];

const over = (canRetract: boolean): Over => ({
  kind: 'over',
  fields: [...FIELDS, ...FUNCTIONS.map((f, i) => field(`f${i}`, f.type))],
  input: scan(FIELDS, canRetract),
  partition: [column(FIELDS, 0)],
  order: [ordered(column(FIELDS, 2))],
  functions: FUNCTIONS,
});

function source(state: { now: number }) {
  return (dice: Dice): { row: Row; stamp: number } => {
    state.now += dice.below(3);
    return {
      row: [dice.pick(['a', 'b']), maybe(dice, dice.below(50)), state.now - dice.below(8)],
      stamp: state.now,
    };
  };
}

test.each([true, false])('ordered functions see rows in order, whatever came when: taken back %s', (canRetract) => {
  const node = over(canRetract);
  const types = node.fields.map((f) => f.type);
  for (let seed = 1; seed <= rounds(3, 6); seed++) {
    const dice = new Dice(seed);
    const changes = changesOf(dice, 300, [source({ now: 0 })], [canRetract]);
    const driver = new Driver((scope) => overOperator(node, scope).operator, types);
    driver.feed(changes, dice);
    expect(driver.printed(), `seed ${seed}`).toEqual(printed(overRows(node, liveRows(changes, 0, TYPES)), types));
  }
});

test('rows go as the clock goes on, and what they left goes on', () => {
  const node = over(false);
  const types = node.fields.map((f) => f.type);
  for (let seed = 1; seed <= rounds(2, 4); seed++) {
    const dice = new Dice(seed);
    const changes = changesOf(dice, 1500, [source({ now: 0 })], [false], () => true);
    const driver = new Driver((scope) => overOperator(node, scope).operator, types, { lagMs: 8 });
    let bytesMax = 0;
    for (let from = 0; from < changes.length; from += 50) {
      const part = changes.slice(from, from + 50);
      driver.feed(part, dice);
      driver.operator.advance(part.at(-1)!.stamp);
      driver.round();
      bytesMax = Math.max(bytesMax, driver.budget.bytes);
    }
    expect(driver.printed(), `seed ${seed}`).toEqual(printed(overRows(node, changes), types));
    expect(bytesMax).toBeLessThan(60_000);
  }
});
