/** What every aggregate's state keeps to: merging, taking back, any order, and bytes. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { aggregateTable } from '../../../src/sql/aggregates/index.js';
import { randomOf } from '../oracle-rows.js';
import { aggregatorOf, casesOf, nameOf, reread, resultOf, stateOf, taken } from './run.js';
import type { Args, Case } from './run.js';
import { randomValue } from './values.js';

const ODD_DOUBLES = [NaN, Infinity, -Infinity, -0, 0, 1.7e308, -1.7e308, 5e-324, 1e-200, 1e200];

function rowsOf({ types }: Case, seed: number, count: number): Args[] {
  const random = randomOf(seed);
  return Array.from({ length: count }, () =>
    types.map((type) => {
      if (random() < 0.15) return null;
      if (type === 'double precision' && random() < 0.1) return ODD_DOUBLES[Math.floor(random() * 10)]!;
      return randomValue(type, random);
    }),
  );
}

const plan = fc.record({ seed: fc.integer(), count: fc.nat(40), cut: fc.nat(40) });
const cases = aggregateTable.all().flatMap(casesOf);

describe.each(cases.map((each) => [nameOf(each), each] as const))('%s', (_, each) => {
  const aggregator = aggregatorOf(each);

  const check = (property: (rows: readonly Args[], cut: number) => void): void =>
    fc.assert(
      fc.property(plan, ({ seed, count, cut }) => {
        const rows = taken(each, rowsOf(each, seed, count));
        property(rows, Math.min(cut, rows.length));
      }),
      { numRuns: 25 },
    );
  const whole = (rows: readonly Args[]): unknown => resultOf(aggregator, stateOf(aggregator, rows));

  test('goes on from its bytes', () => {
    check((rows, cut) => {
      const state = reread(aggregator, stateOf(aggregator, rows.slice(0, cut)));
      for (const args of rows.slice(cut)) aggregator.add(state, args);
      expect(resultOf(aggregator, state)).toEqual(whole(rows));
      expect(aggregator.bytes(state)).toBeGreaterThan(0);
    });
  });

  test('is the same in any order, and merged, unless it is ordered', () => {
    const { merge } = aggregator;
    expect(merge === undefined).toBe(each.definition.ordered === true);
    if (merge === undefined) return;
    check((rows, cut) => {
      expect(whole(rows.toReversed())).toEqual(whole(rows));
      const into = stateOf(aggregator, rows.slice(0, cut));
      const from = stateOf(aggregator, rows.slice(cut));
      const before = resultOf(aggregator, from);
      merge(into, from);
      expect(resultOf(aggregator, into)).toEqual(whole(rows));
      expect(resultOf(aggregator, from)).toEqual(before);
    });
  });

  test('takes rows back as if they had not come', () => {
    const { remove } = aggregator;
    if (remove === undefined) return;
    check((rows, cut) => {
      const state = stateOf(aggregator, rows);
      for (const [i, args] of rows.slice(0, cut).entries()) {
        if (i % 3 === 0) resultOf(aggregator, state);
        remove(state, args);
      }
      expect(resultOf(aggregator, state)).toEqual(whole(rows.slice(cut)));
      expect(resultOf(aggregator, reread(aggregator, state))).toEqual(whole(rows.slice(cut)));
    });
  });

  test('repeats change nothing where it says so', () => {
    if (each.definition.idempotent !== true) return;
    check((rows) => expect(whole([...rows, ...rows])).toEqual(whole(rows)));
  });
});
