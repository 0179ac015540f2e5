import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { binaryOf, ExactDouble, roundBinary } from '../../../src/sql/aggregates/exact-double.js';

const sumOf = (values: readonly number[]): number => {
  const sum = new ExactDouble();
  for (const value of values) sum.add(value);
  return sum.value();
};

const anyDouble = fc.double({ noNaN: true, noDefaultInfinity: true });

/** The sum in integers of the smallest double, rounded by the division that BigInt has. */
function reference(values: readonly number[]): number {
  const units = values.reduce((sum, value) => {
    const { units: each, exponent } = binaryOf(value);
    return sum + (each << BigInt(exponent + 1074));
  }, 0n);
  return roundBinary({ units, exponent: -1074 });
}

describe('an exact sum of doubles', () => {
  test.each([
    [[0.1, 0.2, 0.3, -0.3, -0.2, -0.1], 0],
    [[1e100, 1, -1e100], 1],
    [Array.from({ length: 10 }, () => 0.1), 1],
    [[1e308, 1e308, -1e308], 1e308],
    [[1e308, 1e308], Infinity],
    [[-1e308, -1e308], -Infinity],
    [[1, 2 ** -53, 2 ** -106], 1 + 2 ** -52],
    [[1, 2 ** -53], 1],
    [[1, 2 ** -53, -(2 ** -106)], 1],
    [[2 ** -1074, 2 ** -1074], 2 ** -1073],
    [[], 0],
  ])('%j is %d', (values, expected) => expect(sumOf(values)).toBe(expected));

  test('is the one that integers give, in any order', () => {
    fc.assert(
      fc.property(fc.array(anyDouble, { maxLength: 30, size: 'max' }), (values) => {
        expect(sumOf(values)).toBe(reference(values));
        expect(sumOf(values.toReversed())).toBe(reference(values));
      }),
    );
  });

  test('a product has no rounding error', () => {
    fc.assert(
      fc.property(anyDouble, anyDouble, (a, b) => {
        const sum = new ExactDouble();
        sum.addProduct(a, b, 1);
        const left = binaryOf(a);
        const right = binaryOf(b);
        const { units, exponent } = sum.exact();
        const wanted = left.units * right.units;
        const shift = left.exponent + right.exponent - exponent;
        expect(shift >= 0 ? wanted << BigInt(shift) : wanted).toBe(shift >= 0 ? units : units << BigInt(-shift));
        sum.addProduct(a, b, -1);
        expect(sum.exact().units).toBe(0n);
      }),
    );
  });
});

describe('rounding', () => {
  test('a double is its own nearest, and halves go to even', () => {
    fc.assert(fc.property(anyDouble, (value) => roundBinary(binaryOf(value)) === value));
    expect(roundBinary({ units: 2n ** 53n + 1n, exponent: 0 })).toBe(2 ** 53);
    expect(roundBinary({ units: 2n ** 53n + 3n, exponent: 0 })).toBe(2 ** 53 + 4);
    expect(roundBinary({ units: 3n, exponent: -1075 })).toBe(2 * 2 ** -1074);
    expect(roundBinary({ units: 1n, exponent: -1075 })).toBe(0);
    expect(roundBinary({ units: 2n ** 54n - 1n, exponent: 970 })).toBe(Infinity);
  });

  test('a quotient of integers is the nearest', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1 }), (a, b) => {
        expect(roundBinary({ units: BigInt(a), exponent: 0 }, BigInt(b))).toBe(a / b + 0);
        expect(roundBinary({ units: BigInt(a), exponent: 0 }, BigInt(-b))).toBe(a === 0 ? 0 : a / -b);
      }),
    );
  });
});
