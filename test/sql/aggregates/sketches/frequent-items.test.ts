import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  countersFor,
  FrequentItems,
  NOT_TOP_SKETCH,
  topJson,
} from '../../../../src/sql/aggregates/sketches/frequent-items.js';
import { mergeTop, topOf } from '../../../../src/sql/aggregates/sketches/readers.js';
import { Decimal } from '../../../../src/sql/decimal.js';
import type { Value } from '../../../../src/sql/value.js';
import { randomOf } from '../../oracle-rows.js';

function itemsOf(values: readonly Value[], counters = 256, type: 'text' | 'numeric' = 'text'): FrequentItems {
  const items = new FrequentItems(type, counters);
  for (const value of values) items.add(value);
  return items;
}

/** Words of which few are frequent: the i-th about 1 / i. */
function skewed(seed: number, count: number): string[] {
  const random = randomOf(seed);
  return Array.from({ length: count }, () => `w${Math.floor(Math.exp(random() * Math.log(20_000)))}`);
}

function countsOf(values: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}

/** Checks the promise of the counters against the truth. */
function checkBounds(items: FrequentItems, values: readonly string[]): void {
  const truth = countsOf(values);
  const found = new Map(items.top(Infinity).map(({ value, count }) => [value as string, count]));
  expect(items.error).toBeLessThanOrEqual(values.length / items.counters);
  for (const [value, count] of found) {
    expect(count).toBeGreaterThanOrEqual(truth.get(value)!);
    expect(count - items.error).toBeLessThanOrEqual(truth.get(value)!);
  }
  for (const [value, count] of truth) if (count > items.error) expect(found.has(value), value).toBe(true);
}

describe('the most frequent values', () => {
  test('are exact while they are few, whatever the order', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'é'), { maxLength: 60, size: 'max' }), (values) => {
        const expected = [...countsOf(values)]
          .map(([value, count]) => ({ value, count }))
          .sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1));
        expect(itemsOf(values).top(10)).toEqual(expected);
        expect(itemsOf(values.toReversed()).toBytes()).toEqual(itemsOf(values).toBytes());
      }),
    );
  });

  test('keep their bounds beyond that, in parts and merged', () => {
    for (const seed of [1, 2, 3]) {
      const values = skewed(seed, 60_000);
      const whole = itemsOf(values);
      expect(whole.error).toBeGreaterThan(0);
      checkBounds(whole, values);
      const parts = [values.slice(0, 20_000), values.slice(20_000, 30_000), values.slice(30_000)];
      checkBounds(FrequentItems.ofBytes(mergeTop(parts.map((part) => itemsOf(part).toBytes()))!), values);
      const best = [...countsOf(values)].sort((a, b) => b[1] - a[1]).slice(0, 5);
      expect(whole.top(5).map(({ value }) => value)).toEqual(best.map(([value]) => value));
    }
  });

  test('take bounded room when all values differ', () => {
    const items = itemsOf([]);
    for (let i = 0; i < 5_000; i++) {
      items.add(`v${i}`);
      if (i % 40 === 0) expect(items.top(Infinity).length).toBeLessThanOrEqual(512);
    }
    expect(items.error).toBeLessThanOrEqual(5_000 / 256);
  });

  test('equal values are one, in their shortest form', () => {
    const items = itemsOf([new Decimal(150n, 2), new Decimal(15n, 1), new Decimal(2n, 0)], 256, 'numeric');
    expect(topJson(items, 2)).toBe('[{"value":1.5,"count":2},{"value":2,"count":1}]');
    expect(topJson(itemsOf([]), 2)).toBe('[]');
    expect(topJson(itemsOf(['a"b']), 2)).toBe('[{"value":"a\\"b","count":1}]');
  });

  test('limits, and bytes that are none', () => {
    expect(countersFor(1)).toBe(256);
    expect(countersFor(1000)).toBe(8000);
    for (const bad of [0, 1001, 1.5, NaN]) expect(() => countersFor(bad)).toThrow('1 to 1000 values');
    const bytes = itemsOf(['a', 'b', 'a']).toBytes();
    expect(topOf(bytes, 1)).toBe('[{"value":"a","count":2}]');
    for (const bad of [
      new Uint8Array(0),
      bytes.slice(0, -1),
      Uint8Array.of(...bytes, 0),
      Uint8Array.of(9),
      Uint8Array.of(1, 1, 120, 128, 2, 0, 0),
    ])
      expect(() => FrequentItems.ofBytes(bad)).toThrow(NOT_TOP_SKETCH);
    expect(() => mergeTop([bytes, itemsOf(['a'], 512).toBytes()])).toThrow("can't be merged");
    expect(mergeTop([])).toBeNull();
  });
});
