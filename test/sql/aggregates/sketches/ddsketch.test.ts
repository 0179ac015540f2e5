import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DDSketch, NOT_PERCENTILE_SKETCH, relativeErrorOf } from '../../../../src/sql/aggregates/sketches/ddsketch.js';
import { mergePercentiles, percentileOf } from '../../../../src/sql/aggregates/sketches/readers.js';
import { randomOf } from '../../oracle-rows.js';

function sketchOf(values: readonly number[], relativeError?: number): DDSketch {
  const sketch = new DDSketch(relativeError);
  for (const value of values) sketch.add(value, 1);
  return sketch;
}

/** The value that DDSketch is near to: the one at floor(q (n - 1)). */
function exact(values: readonly number[], fraction: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(fraction * (values.length - 1))]!;
}

const size = fc.double({ min: 1e-100, max: 1e100, noNaN: true });
const number = fc.oneof(
  size,
  size.map((value) => -value),
  fc.constant(0),
);

describe('a sketch of quantiles', () => {
  test.each([0.001, 0.01, 0.2])('is within the relative error %d at every fraction', (relativeError) => {
    fc.assert(
      fc.property(
        fc.array(number, { minLength: 1, maxLength: 60, size: 'max' }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (values, fraction) => {
          const wanted = exact(values, fraction);
          const found = sketchOf(values, relativeError).quantile(fraction)!;
          // The last digit of a logarithm may put a value at a bucket's edge into the next one.
          expect(Math.abs(found - wanted)).toBeLessThanOrEqual(relativeError * 1.0001 * Math.abs(wanted) + 1e-300);
        },
      ),
    );
  });

  test('skewed data: percentiles of a million waits', () => {
    const random = randomOf(7);
    const values = Array.from({ length: 200_000 }, () => Math.exp(random() * 6 + random() * 4));
    const sketch = sketchOf(values);
    const sorted = values.toSorted((a, b) => a - b);
    for (const fraction of [0, 0.01, 0.5, 0.9, 0.99, 0.999, 1]) {
      const wanted = sorted[Math.floor(fraction * (values.length - 1))]!;
      expect(Math.abs(sketch.quantile(fraction)! / wanted - 1), `${fraction}`).toBeLessThan(0.0101);
    }
    expect(sketch.toBytes().length).toBeLessThan(2500);
  });

  test('NaN is the largest, infinities are themselves, none is null', () => {
    const sketch = sketchOf([NaN, Infinity, -Infinity, 0, -5, 5]);
    const all = [0, 0.2, 0.4, 0.6, 0.8, 1].map((fraction) => sketch.quantile(fraction)!);
    expect(all[0]).toBe(-Infinity);
    expect(all[1]! / -5).toBeCloseTo(1, 1);
    expect(all[2]).toBe(0);
    expect(all[3]! / 5).toBeCloseTo(1, 1);
    expect(all[4]).toBe(Infinity);
    expect(all[5]).toBeNaN();
    expect(new DDSketch().quantile(0.5)).toBeNull();
    expect(sketchOf([Number.MAX_VALUE]).quantile(0)).toBeLessThan(Infinity);
  });

  test('the same values give the same bytes in any order, merged or taken back', () => {
    fc.assert(
      fc.property(
        fc.array(number, { maxLength: 40, size: 'max' }),
        fc.array(number, { maxLength: 40, size: 'max' }),
        (some, more) => {
          const all = sketchOf([...some, ...more]).toBytes();
          expect(sketchOf([...more, ...some].toReversed()).toBytes()).toEqual(all);
          expect(mergePercentiles([sketchOf(some).toBytes(), sketchOf(more).toBytes()])).toEqual(all);
          const sketch = DDSketch.ofBytes(all);
          for (const value of more) sketch.add(value, -1);
          expect(sketch.toBytes()).toEqual(sketchOf(some).toBytes());
        },
      ),
    );
  });

  test('reads what it wrote, and refuses what is none', () => {
    const bytes = sketchOf([1, 2, 3, -4, 0]).toBytes();
    expect(percentileOf(bytes, 0.5)).toBe(sketchOf([1, 2, 3, -4, 0]).quantile(0.5));
    for (const bad of [
      new Uint8Array(0),
      bytes.slice(0, -1),
      Uint8Array.of(...bytes, 0),
      Uint8Array.of(9, ...bytes.slice(1)),
    ])
      expect(() => DDSketch.ofBytes(bad)).toThrow(NOT_PERCENTILE_SKETCH);
    expect(() => mergePercentiles([bytes, sketchOf([1], 0.02).toBytes()])).toThrow('relative errors 0.01 and 0.02');
    expect(mergePercentiles([])).toBeNull();
    expect(() => relativeErrorOf(0)).toThrow('from 0.001 to 0.5');
    expect(() => relativeErrorOf(NaN)).toThrow('from 0.001 to 0.5');
  });
});
