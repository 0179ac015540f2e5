import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Admission } from '../../../../src/sql/aggregates/forest/admission.js';
import { Reservoirs } from '../../../../src/sql/aggregates/forest/reservoirs.js';

/** A draw of the generator: a step of 2 ** -32. */
const draws = fc.integer({ min: 0, max: 2 ** 32 - 1 }).map((step) => (step + 0.5) / 2 ** 32);

/** One tree whose largest key is `key`. */
function sampleOf(key: number): Reservoirs {
  const reservoirs = new Reservoirs(1, 1);
  reservoirs.push(0, key, 0);
  reservoirs.size = 1;
  return reservoirs;
}

test('a draw that is refused has a key that is not below the largest', () => {
  const plan = fc.record({
    chance: fc.double({ min: 1e-9, max: 50, noNaN: true }),
    decay: fc.constantFrom(0, 1 / 2_560, 0.1, 1),
    taken: fc.integer({ min: 0, max: 1_000_000 }),
    later: fc.nat(40),
    draw: draws,
    near: fc.integer({ min: -3, max: 3 }),
    isNear: fc.boolean(),
  });
  let refused = 0;
  fc.assert(
    fc.property(plan, ({ chance, decay, taken, later, draw, near, isNear }) => {
      // So that a point comes in with about `chance`.
      const reservoirs = sampleOf(Math.log(chance) - decay * taken);
      const admission = new Admission(1, decay);
      admission.begin(taken, reservoirs);
      const now = taken + later;
      admission.begin(now, reservoirs);
      const bound = (Math.round(Math.exp(-chance) * 2 ** 32) + near + 0.5) / 2 ** 32;
      const tried = isNear ? Math.min(1 - 2 ** -33, Math.max(2 ** -33, bound)) : draw;
      if (!admission.refuses(0, tried)) return;
      refused++;
      expect(Math.log(-Math.log(tried)) - decay * now).toBeGreaterThanOrEqual(reservoirs.topKey(0));
    }),
    { numRuns: 5_000 },
  );
  expect(refused).toBeGreaterThan(500);
});

test('most draws of a full sample are refused without a key', () => {
  const decay = 1 / 2_560;
  const reservoirs = sampleOf(Math.log(0.1) - decay * 1_000);
  const admission = new Admission(1, decay);
  admission.begin(1_000, reservoirs);
  // A chance of about 1 in 10: the bound is little below it.
  expect(admission.refuses(0, 0.89)).toBe(true);
  expect(admission.refuses(0, 0.91)).toBe(false);
});
