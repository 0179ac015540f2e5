import { describe, expect, test } from 'vitest';
import { removableExtreme } from '../../../src/sql/aggregates/extremes.js';
import { IntegerTotal } from '../../../src/sql/aggregates/integer-total.js';
import { exactKey, totalOrder } from '../../../src/sql/aggregates/values.js';
import { Decimal } from '../../../src/sql/decimal.js';
import type { SqlType } from '../../../src/sql/plan.js';
import type { Value } from '../../../src/sql/value.js';

/** Values that SQL calls equal, written differently. */
const TIES: readonly (readonly [SqlType, NonNullable<Value>, NonNullable<Value>])[] = [
  ['numeric', new Decimal(10n, 1), new Decimal(100n, 2)],
  ['double precision', -0, 0],
  ['real', -0, 0],
  ['interval', { months: 0, days: 30, ms: 0 }, { months: 1, days: 0, ms: 0 }],
  ['interval', { months: 0, days: 0, ms: 86_400_000 }, { months: 0, days: 1, ms: 0 }],
  ['numeric[]', [new Decimal(10n, 1)], [new Decimal(100n, 2)]],
  ['jsonb', '1.0', '1.00'],
];

test.each(TIES)('%s: values that are equal in SQL have an order and keys of their own', (type, smaller, larger) => {
  const order = totalOrder(type);
  expect(order(smaller, larger)).toBeLessThan(0);
  expect(order(larger, smaller)).toBeGreaterThan(0);
  expect(order(larger, larger)).toBe(0);
  expect(exactKey(smaller)).not.toBe(exactKey(larger));
});

test('a sum of integers goes beyond what a double holds, and back', () => {
  const total = new IntegerTotal();
  const most = Number.MAX_SAFE_INTEGER;
  for (const value of [most, most, 7, -3, 2n ** 63n, most]) total.add(value);
  expect(total.value()).toBe(BigInt(most) * 3n + 4n + 2n ** 63n);
  for (const value of [most, 2n ** 63n, most, most]) total.subtract(value);
  expect(total.value()).toBe(4n);
});

describe('min and max that take rows back', () => {
  test('follow what is left, also when asked in between', () => {
    const least = removableExtreme('min', 'integer');
    const most = removableExtreme('max', 'integer');
    const state = least.create();
    for (const value of [5, 3, 3, 8]) least.add(state, [value]);
    expect([least.value(state), most.value(state)]).toEqual([3, 8]);
    least.remove!(state, [3]);
    least.remove!(state, [8]);
    expect([least.value(state), most.value(state)]).toEqual([3, 5]);
    least.remove!(state, [3]);
    least.add(state, [4]);
    least.add(state, [8]);
    expect([least.value(state), most.value(state)]).toEqual([4, 8]);
    for (const value of [4, 5, 8]) least.remove!(state, [value]);
    expect([least.value(state), most.value(state)]).toEqual([null, null]);
  });
});
