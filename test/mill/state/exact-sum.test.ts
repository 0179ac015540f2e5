import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteReader, ByteWriter } from '../../../src/util/bytes.js';
import { Cells } from '../../../src/mill/state/cells.js';
import { SumAccumulator } from '../../../src/mill/state/accumulators/sum.js';
import { NumberExtremeAccumulator } from '../../../src/mill/state/accumulators/extreme.js';
import type { Decimal } from '../../../src/sql/decimal.js';

const int64 = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.constantFrom(
    2n ** 63n - 1n,
    -(2n ** 63n),
    2n ** 53n,
    2n ** 53n + 1n,
    -(2n ** 53n) - 1n,
    2n ** 52n,
    2n ** 52n - 1n,
    2n ** 51n,
    0n,
    -1n,
  ),
  fc.bigInt({ min: -1000n, max: 1000n }),
);

function words(value: bigint): [number, number] {
  return [Number(BigInt.asIntN(32, value >> 32n)), Number(value & 0xffffffffn)];
}

test('a sum of 64-bit integers is exact in any order, and survives its bytes', () => {
  fc.assert(
    fc.property(fc.array(int64, { minLength: 1, maxLength: 200 }), fc.integer({ min: 0, max: 3 }), (values, way) => {
      const sum = new SumAccumulator(new Cells(3, 1), 0, 6, 'numeric');
      values.forEach((value, i) => {
        const small = value >= -(2n ** 53n) && value <= 2n ** 53n;
        if ((i + way) % 2 === 0 && small) sum.addValue(0, Number(value));
        else if ((i + way) % 3 === 0) sum.addValue(0, value);
        else sum.addWords(0, ...words(value));
      });
      const total = values.reduce((a, b) => a + b, 0n);
      expect((sum.value(0) as Decimal).units).toBe(total);
      expect(BigInt(sum.units(0)!)).toBe(total);
      const writer = new ByteWriter();
      sum.writePartial(0, writer);
      const copy = new SumAccumulator(new Cells(3, 1), 0, 6, 'numeric');
      copy.readPartial(0, new ByteReader(writer.copy()));
      expect((copy.value(0) as Decimal).units).toBe(total);
    }),
    { numRuns: 2_000 },
  );
});

test('a shadow tells exactly whether a sum changed', () => {
  const some = fc.oneof(int64, fc.bigInt(-2n, 2n));
  fc.assert(
    fc.property(fc.array(some, { maxLength: 20 }), fc.array(some, { maxLength: 6 }), (before, after) => {
      const sum = new SumAccumulator(new Cells(3, 1), 0, 0, 'numeric');
      const average = new SumAccumulator(new Cells(3, 1), 0, 0, 'average');
      for (const each of [sum, average]) {
        for (const value of before) each.addWords(0, ...words(value));
        each.save(0, 0);
        for (const value of after) each.addWords(0, ...words(value));
      }
      const added = after.reduce((total, value) => total + value, 0n);
      expect(sum.same(0, 0)).toBe(after.length === 0 || (before.length > 0 && added === 0n));
      expect(average.same(0, 0)).toBe(after.length === 0);
    }),
    { numRuns: 2_000 },
  );
});

test('min and max of 64-bit integers are exact', () => {
  fc.assert(
    fc.property(fc.array(int64, { minLength: 1, maxLength: 50 }), (values) => {
      const least = new NumberExtremeAccumulator(new Cells(2, 1), 0, 'min', 'bigint');
      const most = new NumberExtremeAccumulator(new Cells(2, 1), 0, 'max', 'bigint');
      for (const value of values) {
        const safe = value >= -(2n ** 53n) + 1n && value <= 2n ** 53n - 1n;
        if (safe) least.addValue(0, Number(value));
        else least.addWords(0, ...words(value));
        most.addWords(0, ...words(value));
      }
      expect(BigInt(least.value(0) as number)).toBe(values.reduce((a, b) => (a < b ? a : b)));
      expect(BigInt(most.value(0) as number)).toBe(values.reduce((a, b) => (a > b ? a : b)));
    }),
    { numRuns: 2_000 },
  );
});
