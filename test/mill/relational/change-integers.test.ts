import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { IntegerColumn } from '../../../src/event/columns.js';
import { integerAt } from '../../../src/event/integers.js';
import { copies, integers, lessBy } from '../../../src/mill/relational/change-integers.js';

const whole = fc.oneof(
  fc.integer({ min: -1_000, max: 1_000 }),
  fc.integer({ min: -(2 ** 33), max: 2 ** 33 }),
  fc.maxSafeInteger(),
  fc.constant(-0),
);

function valuesOf(column: IntegerColumn, count: number): bigint[] {
  return Array.from({ length: count }, (_, i) => integerAt(column, i));
}

test('columns hold whole numbers as they are, however far apart', () => {
  let narrow = 0;
  let wide = 0;
  fc.assert(
    fc.property(fc.array(whole, { minLength: 1, maxLength: 40 }), (values) => {
      const column = integers(Float64Array.from(values), null);
      if (column.width === 4) narrow++;
      else wide++;
      expect(valuesOf(column, values.length)).toEqual(values.map(BigInt));
      expect(valuesOf(lessBy(column, 60_000), values.length)).toEqual(values.map((value) => BigInt(value) - 60_000n));
    }),
    { numRuns: 1_000 },
  );
  expect(Math.min(narrow, wide)).toBeGreaterThan(10);
});

test('a span of 32 bits less one is narrow, and one more is wide', () => {
  for (const [most, width] of [
    [2 ** 32 - 1, 4],
    [2 ** 32, 8],
  ] as const) {
    const column = integers(Float64Array.of(-7, most - 7), null);
    expect(column.width).toBe(width);
    expect(valuesOf(column, 2)).toEqual([-7n, BigInt(most) - 7n]);
  }
});

test('what is in the place of a null does not matter', () => {
  for (const odd of [Number.NaN, Infinity, -Infinity, 1e300, 0.5]) {
    const column = integers(Float64Array.of(5, odd, 7), Uint8Array.of(0, 1, 0));
    expect(column.nulls).toEqual(Uint8Array.of(2));
    expect([integerAt(column, 0), integerAt(column, 2)]).toEqual([5n, 7n]);
  }
  expect(integers(Float64Array.of(Number.NaN, Number.NaN), Uint8Array.of(1, 1)).nulls).toEqual(Uint8Array.of(3));
});

test('numbers of days become moments', () => {
  expect(valuesOf(integers(Float64Array.of(-1, 20_000), null, 86_400_000), 2)).toEqual([
    -86_400_000n,
    1_728_000_000_000n,
  ]);
});

test('copies count up from the first, or are all the same', () => {
  expect(valuesOf(copies(3, 1, 4), 4)).toEqual([3n, 4n, 5n, 6n]);
  expect(valuesOf(copies(3, 0, 4), 4)).toEqual([3n, 3n, 3n, 3n]);
});
