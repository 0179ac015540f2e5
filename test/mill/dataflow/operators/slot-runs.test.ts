import { expect, test } from 'vitest';
import { orderByKey, SlotRuns } from '../../../../src/mill/dataflow/operators/slot-runs.js';
import { Dice } from './support.js';

/** Slots of a key from a time on. */
function found(runs: SlotRuns, key: number, time: number): [number, number][] {
  const slots: [number, number][] = [];
  for (let at = runs.firstFrom(key, time); at < runs.end(key); at++)
    slots.push([runs.places[2 * at]!, runs.places[2 * at + 1]!]);
  return slots;
}

test('runs are in order of time, whatever comes and goes', () => {
  const dice = new Dice(3);
  const runs = new SlotRuns();
  const model = new Map<number, [number, number][]>();
  let limit = 0;
  for (let slot = 0; slot < 30_000; slot++) {
    // A few keys have nearly all slots; most are seen once.
    const key = dice.below(3) === 0 ? slot >> 2 : dice.below(20);
    const time = limit + dice.below(slot % 1000 === 0 ? 500 : 40);
    runs.reserve(key + 1);
    runs.add(key, time, slot);
    const list = model.get(key) ?? [];
    model.set(key, list);
    list.push([time, slot]);
    if (slot % 5000 !== 4999) continue;
    limit += 30;
    const removed: number[] = [];
    const expected: number[] = [];
    for (const [one, entries] of model) {
      runs.removeBefore(one, limit, (gone) => removed.push(gone));
      entries.sort(([a], [b]) => a - b);
      expected.push(...entries.filter(([at]) => at < limit).map(([, gone]) => gone));
      const kept = entries.filter(([at]) => at >= limit);
      if (kept.length === 0) model.delete(one);
      else model.set(one, kept);
      expect(runs.isEmpty(one)).toBe(kept.length === 0);
    }
    expect(removed).toEqual(expected);
    runs.settle();
    for (const [one, entries] of model) {
      const from = limit + dice.below(40);
      const after = entries.filter(([at]) => at >= from);
      const there = found(runs, one, from);
      if (there.length !== after.length || there.some(([at, s], i) => at !== after[i]![0] || s !== after[i]![1]))
        expect(there).toEqual(after);
    }
  }
});

test('the places of what is gone are given up', () => {
  const runs = new SlotRuns();
  runs.reserve(100_000);
  for (let slot = 0; slot < 400_000; slot++) runs.add(slot % 100_000, slot, slot);
  const full = runs.places.length;
  for (let key = 0; key < 100_000; key++) runs.removeBefore(key, 399_990, () => {});
  runs.settle();
  runs.settle();
  expect(runs.places.length).toBeLessThan(full / 100);
  expect(found(runs, 99_999, 0)).toEqual([[399_999, 399_999]]);
});

test('rows are put in the order of their keys, those of one in their order', () => {
  const keys = Int32Array.from([5, 1, 5, 0, 1]);
  const rows = Int32Array.from([0, 1, 2, 3, 4]);
  expect([...orderByKey(rows, 5, keys, 6)]).toEqual([3, 1, 4, 0, 2]);
  // Of many keys only about.
  const far = Int32Array.from([9_000_000, 17, 8_999_999]);
  expect([...orderByKey(rows, 3, far, 10_000_000)]).toEqual([1, 0, 2]);
});
