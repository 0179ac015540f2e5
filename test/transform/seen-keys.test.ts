/** Keys seen within a window, against a plain map. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SeenKeys } from '../../src/transform/seen-keys.js';

const key = (n: number) => Uint32Array.of(n % 5, n, 7, n * n);

test('says of each key whether it was there within the window', () => {
  const steps = fc.array(
    fc.record({ n: fc.integer({ min: 0, max: 300 }), ms: fc.integer({ min: 0, max: 400 }), forget: fc.boolean() }),
    { maxLength: 600 },
  );
  fc.assert(
    fc.property(steps, (list) => {
      const seen = new SeenKeys(1_000, 1_000_000);
      const model = new Map<number, number>();
      let now = 0;
      for (const { n, ms, forget } of list) {
        now += ms;
        const at = model.get(n);
        const isNew = at === undefined || now - at >= 1_000;
        expect(seen.add(key(n), 0, now)).toBe(isNew);
        if (isNew) model.set(n, now);
        if (!forget || n % 3 !== 0) continue;
        seen.forget(key(n), 0);
        model.delete(n);
      }
    }),
  );
});

test('beyond its bound the oldest go, and it says how many', () => {
  const seen = new SeenKeys(1_000_000, 1_000);
  for (let n = 0; n < 10_000; n++) expect(seen.add(key(n), 0, n)).toBe(true);
  expect(seen.size).toBeLessThanOrEqual(1_000);
  expect(seen.evicted + seen.size).toBe(10_000);
  expect(seen.add(key(9_999), 0, 10_000)).toBe(false);
  expect(seen.add(key(9_500), 0, 10_000)).toBe(false);
  expect(seen.add(key(1), 0, 10_000)).toBe(true);
});

test('keys of one moment, more than its bound, leave as well', () => {
  const seen = new SeenKeys(1_000, 1_000);
  for (let n = 0; n < 5_000; n++) seen.add(key(n), 0, 5);
  expect(seen.size).toBeLessThanOrEqual(1_000);
  expect(seen.add(key(4_990), 0, 5)).toBe(false);
});
