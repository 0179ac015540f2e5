import { expect, test } from 'vitest';
import { RowStore } from '../../../../src/mill/dataflow/operators/row-store.js';
import { captureOf } from '../../../../src/mill/dataflow/state-table.js';
import { Dice, field } from './support.js';

const FIELDS = [field('a', 'text'), field('b', 'bigint')];
const budget = () => ({ bytesMax: 1e9, bytes: 0, hasRoom: () => true });

test('slots are used again, and pages without rows are gone', () => {
  const store = new RowStore('rows', FIELDS, budget());
  for (let i = 0; i < 5000; i++) store.remove(store.add(['x', i], i, 0));
  expect(store.rows.length).toBeLessThanOrEqual(512);
  expect(store.table.size).toBe(0);
});

test('there are at most four slots a row, and one page, whatever goes', () => {
  const dice = new Dice(5);
  const store = new RowStore('rows', FIELDS, budget());
  const live: number[] = [];
  let most = 0;
  for (let i = 0; i < 30_000; i++) {
    // In waves, so that pages become sparse.
    if (live.length > 0 && dice.below(100) < (Math.floor(i / 3000) % 2 === 0 ? 30 : 70)) {
      const [slot] = live.splice(dice.below(live.length), 1);
      store.remove(slot!);
    } else {
      const slot = store.add(['x', i], i, 0);
      expect(live.includes(slot)).toBe(false);
      live.push(slot);
    }
    most = Math.max(most, live.length);
  }
  expect(store.rows.length).toBeLessThanOrEqual(most * 4 + 256);
  expect(store.rows.filter((row) => row !== undefined)).toHaveLength(live.length);
});

test('rows that come and go together leave whole pages, so that a capture writes few', () => {
  const store = new RowStore('rows', FIELDS, budget());
  const slots = Array.from({ length: 10_000 }, (_, i) => store.add(['x', i], i, 0));
  captureOf(store.table);
  store.settle();
  // Each of a hundred partitions drops its first half.
  for (let partition = 0; partition < 100; partition++)
    for (let i = partition; i < 5000; i += 100) store.remove(slots[i]!);
  for (let i = 0; i < 5000; i++) store.add(['y', i], i, 0);
  expect(captureOf(store.table).length).toBeLessThanOrEqual(2 * Math.ceil(5000 / 256) + 2);
});

test('comes back with rows, stamps and counts in their slots, and with the bytes', () => {
  const dice = new Dice(3);
  const first = budget();
  const store = new RowStore('rows', FIELDS, first);
  const slots = Array.from({ length: 2000 }, (_, i) => store.add([`x${i}`, i], i * 0.5, i % 7));
  for (const slot of slots) if (dice.below(3) > 0) store.remove(slot);
  store.setCount(
    slots.find((slot) => store.rows[slot] !== undefined)!,
    99,
  );
  store.table.count();
  const second = budget();
  const other = new RowStore('rows', FIELDS, second);
  for (const { key, bytes } of captureOf(store.table)) other.table.load(key, bytes!);
  const restored = other.restored();
  const there = (of: RowStore) =>
    [...of.rows.keys()]
      .filter((slot) => of.rows[slot] !== undefined)
      .map((slot) => [slot, of.rows[slot], of.stamps[slot], of.counts[slot]]);
  expect(there(other)).toEqual(there(store));
  expect(restored.toSorted((a, b) => a - b)).toEqual(there(store).map(([slot]) => slot));
  other.table.count();
  expect(second.bytes).toBe(first.bytes);
  expect(second.bytes).toBeGreaterThan(0);
});
