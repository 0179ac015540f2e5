import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Points } from '../../../../src/sql/aggregates/forest/points.js';
import { SeededRandom } from '../../../../src/sql/aggregates/forest/random.js';
import { Reservoirs } from '../../../../src/sql/aggregates/forest/reservoirs.js';

describe('a reservoir', () => {
  test('keeps the smallest keys, the largest of them on top', () => {
    // A key is never -0, which is as small as 0 and sorts before it.
    const key = fc.double({ noNaN: true }).map((each) => each + 0);
    fc.assert(
      fc.property(fc.array(key, { minLength: 1, maxLength: 80, size: 'max' }), (keys) => {
        const size = 16;
        let reservoirs = new Reservoirs(2, 4);
        for (const [leaf, key] of keys.entries()) {
          if (reservoirs.size === reservoirs.capacity && reservoirs.capacity < size)
            reservoirs = reservoirs.resized(reservoirs.capacity * 2);
          if (reservoirs.size < size) {
            reservoirs.push(1, key, leaf);
            reservoirs.size++;
          } else if (key < reservoirs.topKey(1)) reservoirs.replaceTop(1, key, leaf);
        }
        const kept = [...reservoirs.keys.subarray(reservoirs.capacity, reservoirs.capacity + reservoirs.size)];
        const rising = (all: readonly number[]): number[] => Array.from(Float64Array.from(all).sort());
        expect(rising(kept)).toEqual(rising(keys).slice(0, size));
        expect(reservoirs.topKey(1)).toBe(Math.max(...kept));
        for (let i = 0; i < reservoirs.size; i++)
          expect(keys[reservoirs.leaves[reservoirs.capacity + i]!]).toBe(kept[i]);
      }),
    );
  });
});

describe('shared points', () => {
  test('give their place back when no tree holds them', () => {
    const points = new Points(1);
    const held = points.add([1]);
    points.hold(held);
    points.hold(held);
    points.dropUnheld(held);
    const other = points.add([2]);
    expect(other).not.toBe(held);
    points.dropUnheld(other);
    expect(points.add([3])).toBe(other);
    points.release(held);
    points.release(held);
    expect(points.add([4])).toBe(held);
  });
});

describe('the generator', () => {
  test('gives the numbers of xoshiro128**', () => {
    // The state 1, 2, 3, 4 begins with these 32-bit numbers.
    const random = new SeededRandom(Int32Array.of(1, 2, 3, 4));
    const numbers = Array.from({ length: 4 }, () => random.next() * 2 ** 32 - 0.5);
    expect(numbers).toEqual([11520, 0, 5927040, 70819200]);
  });

  test('is even, and never 0 or 1', () => {
    const random = SeededRandom.of(0);
    const buckets = Array.from({ length: 10 }, () => 0);
    for (let i = 0; i < 100_000; i++) {
      const value = random.next();
      expect(value > 0 && value < 1).toBe(true);
      buckets[Math.floor(value * 10)]!++;
    }
    // Four standard deviations of 95.
    for (const count of buckets) expect(Math.abs(count - 10_000)).toBeLessThan(380);
  });
});
