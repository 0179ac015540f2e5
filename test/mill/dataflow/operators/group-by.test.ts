import { expect, test } from 'vitest';
import { BlockDeltas } from '../../../../src/mill/dataflow/block.js';
import type { OperatorScope } from '../../../../src/mill/dataflow/build.js';
import type { Operator, Row } from '../../../../src/mill/dataflow/operator.js';
import { GroupBy } from '../../../../src/mill/dataflow/operators/aggregate.js';
import { packedGroupBy } from '../../../../src/mill/dataflow/operators/packed-groups/aggregate.js';
import type { Aggregate } from '../../../../src/sql/relation/relation.js';
import { textBlock } from '../blocks.js';
import { B, CALLS, FIELDS, K, lateOf, rowOf, Run, TYPES, V } from './packed-support.js';
import { call, Dice, Driver, field, literal, maybe, scan } from './support.js';

function groupsOf(dice: Dice): Aggregate {
  const keys = dice.pick([[K], [V], [B], [K, V], [K, call('+', [V, literal(1, 'integer')], 'integer')]]);
  const aggregates = CALLS.filter(() => dice.below(4) === 0);
  return {
    kind: 'aggregate',
    fields: [...keys, ...aggregates].map(({ type }, i) => field(`f${i}`, type)),
    input: scan(FIELDS, false),
    keys,
    sets: null,
    aggregates,
    always: false,
    windowEnd: null,
  };
}

function general(relation: Aggregate, scope: OperatorScope): Operator {
  return new GroupBy(relation, scope);
}

function packed(relation: Aggregate, scope: OperatorScope): Operator {
  const operator = packedGroupBy(relation, scope);
  if (operator === null) throw new Error('not packed');
  return operator;
}

function rowsOf(dice: Dice, count: number): Row[] {
  return Array.from({ length: count }, () => rowOf(dice, maybe(dice, dice.below(40)) as number | null));
}

const SEEDS = Array.from({ length: 5 }, (_, seed) => seed);

test.each(SEEDS)(
  'packed groups are the general ones, and either goes on from the state of the other, seed %i',
  (seed) => {
    for (let i = 0; i < 6; i++) {
      const dice = new Dice(seed * 100 + i);
      const relation = groupsOf(dice);
      const types = relation.fields.map(({ type }) => type);
      let turn = 0;
      const drivers = [
        new Driver((scope) => general(relation, scope), types),
        new Driver((scope) => packed(relation, scope), types),
        new Driver((scope) => (turn++ % 2 === 0 ? general : packed)(relation, scope), types),
      ];
      for (let round = 0; round < 20; round++) {
        const rows = rowsOf(dice, 1 + dice.below(12));
        const deltas = dice.below(3) === 0 ? { rows, stamps: 0, weights: null } : null;
        for (const driver of drivers) driver.operator.take(0, deltas ?? new BlockDeltas(textBlock(rows, TYPES), 0));
        for (const driver of drivers) {
          driver.round();
          if (dice.below(2) === 0) driver.capture();
          if (dice.below(4) === 0) driver.restore();
        }
        for (const driver of drivers.slice(1)) {
          expect(driver.printed()).toEqual(drivers[0]!.printed());
          expect(driver.size).toBe(drivers[0]!.size);
          expect(lateOf(driver)).toEqual(lateOf(drivers[0]!));
        }
      }
    }
  },
);

test.each(SEEDS)('packed groups publish what an emitter does, seed %i', (seed) => {
  for (let i = 0; i < 6; i++) {
    const dice = new Dice(seed * 100 + i);
    const relation = groupsOf(dice);
    const fields = relation.fields.map((_, place) => place).toReversed();
    const options = { lagMs: 0, allowedLatenessMs: 0 };
    const runs = [
      new Run(relation, fields, options, (scope) => general(relation, scope), false),
      new Run(relation, fields, options, (scope) => packed(relation, scope), true),
    ];
    for (let round = 0; round < 25; round++) {
      const rows = rowsOf(dice, dice.below(8));
      const isPublished = dice.below(3) > 0;
      const isRestored = isPublished && dice.below(4) === 0;
      const published = runs.map((run) => {
        run.operator.take(0, new BlockDeltas(textBlock(rows, TYPES), 0));
        run.operator.flush();
        const texts = isPublished ? run.publish(round) : [];
        if (isRestored) run.restore();
        return texts;
      });
      expect(published[1]).toEqual(published[0]);
    }
  }
});

test('a group for which there is no room is refused', () => {
  const relation = groupsOf(new Dice(1));
  const driver = new Driver(
    (scope) => packed({ ...relation, keys: [K], fields: relation.fields.slice(0, 1), aggregates: [] }, scope),
    ['text'],
  );
  const take = (keys: readonly string[]): void => {
    const rows = keys.map((key): Row => [key, 1, null, 1, 0]);
    driver.operator.take(0, new BlockDeltas(textBlock(rows, TYPES), 0));
    driver.round();
  };
  take(['a']);
  Object.assign(driver.budget, { bytesMax: driver.budget.bytes });
  take(['b', 'a', 'b']);
  expect(driver.late.map(({ reason, row }) => [reason, row[0]])).toEqual([
    ['state_full', 'b'],
    ['state_full', 'b'],
  ]);
  Object.assign(driver.budget, { bytesMax: 1e9 });
  take(['b']);
  expect(driver.rows()).toHaveLength(2);
});
