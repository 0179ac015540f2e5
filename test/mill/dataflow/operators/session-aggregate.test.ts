import { expect, test } from 'vitest';
import { BlockDeltas } from '../../../../src/mill/dataflow/block.js';
import type { OperatorScope } from '../../../../src/mill/dataflow/build.js';
import type { DataflowContext, Operator, Row } from '../../../../src/mill/dataflow/operator.js';
import { aggregateOverWindow } from '../../../../src/mill/dataflow/operators/aggregate-window.js';
import { packedSessionAggregate } from '../../../../src/mill/dataflow/operators/packed-sessions/aggregate.js';
import { SessionAggregate } from '../../../../src/mill/dataflow/operators/session-aggregate.js';
import type { Aggregate, Windowed } from '../../../../src/sql/relation/relation.js';
import { textBlock } from '../blocks.js';
import { B, CALLS, FIELDS, K, lateOf, rowOf, Run, TYPES, V } from './packed-support.js';
import { call, column, Dice, Driver, field, literal, maybe, scan } from './support.js';

/** `showsStart`: whether the start of the window is among the keys. */
function sessionsOf(dice: Dice, showsStart = dice.below(2) === 0): Aggregate {
  const keys = dice.pick([[], [K], [V], [B], [K, call('+', [V, literal(1, 'integer')], 'integer')]]);
  const window = { kind: 'session', gapMs: dice.pick([3, 8]), keys } as const;
  const bounds = [field('window_start', 'timestamptz'), field('window_end', 'timestamptz')];
  const input: Windowed = {
    kind: 'window',
    fields: [...FIELDS, ...bounds],
    input: scan(FIELDS, false),
    time: 4,
    window,
    late: true,
  };
  const [start, end] = [column(input.fields, FIELDS.length), column(input.fields, FIELDS.length + 1)];
  const all = [...keys, ...(showsStart ? [start] : []), end];
  const aggregates = CALLS.filter(() => dice.below(4) === 0);
  return {
    kind: 'aggregate',
    fields: [...all, ...aggregates].map(({ type }, i) => field(`f${i}`, type)),
    input,
    keys: all,
    sets: null,
    aggregates,
    always: false,
    windowEnd: all.length - 1,
  };
}

function general(relation: Aggregate, scope: OperatorScope): Operator {
  return new SessionAggregate(relation, aggregateOverWindow(relation)!, scope);
}

function packed(relation: Aggregate, scope: OperatorScope): Operator {
  const operator = packedSessionAggregate(relation, aggregateOverWindow(relation)!, scope);
  if (operator === null) throw new Error('not packed');
  return operator;
}

/** Runs drivers over the same rows; each round they must have the same. */
function live(dice: Dice, drivers: readonly Driver[], graceMs: number): void {
  let now = -20;
  for (let round = 0; round < 25; round++) {
    for (let batch = dice.below(3); batch >= 0; batch--) {
      now += dice.below(4);
      const stamp = now;
      const rows = Array.from({ length: 1 + dice.below(8) }, () => {
        const delayMs = dice.below(8) === 0 ? dice.below(40) : dice.below(graceMs + 3);
        return rowOf(dice, maybe(dice, stamp - delayMs) as number | null);
      });
      const stamps = dice.below(2) === 0 ? stamp : rows.map(() => stamp);
      const deltas = dice.below(3) === 0 ? { rows, stamps, weights: null } : null;
      for (const driver of drivers) driver.operator.take(0, deltas ?? new BlockDeltas(textBlock(rows, TYPES), stamps));
    }
    for (const driver of drivers) {
      driver.round();
      if (dice.below(2) === 0) driver.capture();
      if (dice.below(4) === 0) driver.restore();
    }
    if (dice.below(2) === 0)
      for (const driver of drivers) {
        driver.operator.advance(now);
        driver.round();
      }
    const [first, ...others] = drivers;
    for (const driver of others) {
      expect(driver.printed()).toEqual(first!.printed());
      expect(driver.size).toBe(first!.size);
    }
  }
  for (const driver of drivers) {
    driver.operator.advance(1_000_000);
    driver.round();
    expect(driver.size).toBe(1);
    expect(driver.printed()).toEqual(drivers[0]!.printed());
    expect(lateOf(driver)).toEqual(lateOf(drivers[0]!));
  }
}

test.each(Array.from({ length: 6 }, (_, seed) => seed))(
  'packed sessions are the general ones, and either goes on from the state of the other, seed %i',
  (seed) => {
    for (let i = 0; i < 6; i++) {
      const dice = new Dice(seed * 100 + i);
      const relation = sessionsOf(dice);
      const types = relation.fields.map(({ type }) => type);
      const options: Partial<DataflowContext> = {
        lagMs: dice.below(6),
        allowedLatenessMs: dice.below(2) === 0 ? 0 : dice.below(9),
        isFinalOnly: dice.below(2) === 0,
      };
      let turn = 0;
      const drivers = [
        new Driver((scope) => general(relation, scope), types, options),
        new Driver((scope) => packed(relation, scope), types, options),
        new Driver((scope) => (turn++ % 2 === 0 ? general : packed)(relation, scope), types, options),
      ];
      live(dice, drivers, options.lagMs! + options.allowedLatenessMs!);
    }
  },
);

test('a session for which there is no room is refused; one that closes makes room', () => {
  const relation = sessionsOf(new Dice(1));
  const types = relation.fields.map(({ type }) => type);
  const driver = new Driver((scope) => packed(relation, scope), types);
  const take = (times: readonly number[], stamp: number): void => {
    const rows = times.map((time): Row => ['a', 1, null, 1, time]);
    driver.operator.take(0, new BlockDeltas(textBlock(rows, TYPES), stamp));
    driver.round();
  };
  take([1_000, 2_000], 1_000);
  Object.assign(driver.budget, { bytesMax: driver.budget.bytes });
  take([3_000, 2_001], 2_000);
  expect(driver.late.map(({ reason, time }) => [reason, time])).toEqual([['state_full', 3_000]]);
  driver.operator.advance(3_000);
  driver.round();
  take([4_000], 3_000);
  expect(driver.late).toHaveLength(1);
  expect(driver.rows()).toHaveLength(3);
});

test.each(Array.from({ length: 6 }, (_, seed) => seed))(
  'packed sessions publish what an emitter does, seed %i',
  (seed) => {
    for (let i = 0; i < 8; i++) {
      const dice = new Dice(seed * 100 + i);
      const relation = sessionsOf(dice, true);
      const options = { lagMs: dice.below(6), allowedLatenessMs: dice.below(2) === 0 ? 0 : dice.below(9) };
      const fields = relation.fields.map((_, field) => field).toReversed();
      const runs = [
        new Run(relation, fields, options, (scope) => general(relation, scope), false),
        new Run(relation, fields, options, (scope) => packed(relation, scope), true),
      ];
      const advances = dice.below(5) > 0;
      let now = -20;
      for (let round = 0; round < 40; round++) {
        now += dice.below(5);
        const stamp = now;
        const rows = Array.from({ length: dice.below(8) }, () =>
          rowOf(dice, stamp - (dice.below(5) === 0 ? dice.below(30) : dice.below(options.lagMs + 3))),
        );
        const isPublished = dice.below(3) > 0;
        const isRestored = isPublished && dice.below(4) === 0;
        const published = runs.map((run) => {
          run.operator.take(0, new BlockDeltas(textBlock(rows, TYPES), stamp));
          if (advances) run.operator.advance(now);
          run.operator.flush();
          const texts = isPublished ? run.publish(now) : [];
          if (isRestored) run.restore();
          return texts;
        });
        expect(published[1]).toEqual(published[0]);
        expect(runs[1]!.publisher.open > 0).toBe(runs[0]!.publisher.open > 0);
      }
      for (const run of runs) if (advances) run.operator.advance(1_000);
      expect(runs[1]!.publish(Infinity)).toEqual(runs[0]!.publish(Infinity));
      expect(runs[1]!.publisher.open).toBe(0);
      if (advances) expect(runs[1]!.operator.tables[0]!.size).toBe(0);
    }
  },
);
