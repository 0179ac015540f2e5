import { expect, test } from 'vitest';
import { hashOf } from '../../../../src/mill/dataflow/key-hash.js';
import { Chain, KeyIndex } from '../../../../src/mill/dataflow/operators/key-index.js';
import type { Key } from '../../../../src/mill/dataflow/state-table.js';
import { Dice } from './support.js';

/** Few hashes, so that keys push each other on. */
const crowded = (key: Key): number => Number(String(key).length) % 5;

test.each([
  ['hashes of keys', hashOf],
  ['hashes that collide', crowded],
])('is a multimap in order, growing and shrinking, with %s', (_, hash) => {
  const dice = new Dice(7);
  const ranks: number[] = [];
  const index = new KeyIndex((a, b) => ranks[a]! - ranks[b]!);
  const model = new Map<Key, number[]>();
  const taken: [Key, number][] = [];
  let slots = 0;
  const keys = hash === hashOf ? 3000 : 60;
  for (let step = 0; step < 40_000; step++) {
    const isGrowing = Math.floor(step / 10_000) % 2 === 0;
    if (taken.length > 0 && dice.below(100) < (isGrowing ? 30 : 70)) {
      const at = dice.below(taken.length);
      const [key, slot] = taken[at]!;
      if (step % 4 === 0) {
        removeFirst(key, slot, dice.below(60));
        continue;
      }
      taken[at] = taken.at(-1)!;
      taken.pop();
      index.remove(slot);
      model.set(
        key,
        model.get(key)!.filter((other) => other !== slot),
      );
      continue;
    }
    const number = dice.below(keys);
    const key = number % 2 === 0 ? number : 'x'.repeat(number % 40) + number;
    const slot = slots++;
    ranks[slot] = dice.below(50);
    index.add(key, hash(key), slot);
    taken.push([key, slot]);
    model.set(key, [...(model.get(key) ?? []), slot]);
    if (step % 50 === 0) check(key);
  }
  for (const key of model.keys()) check(key);

  function removeFirst(key: Key, slot: number, limit: number): void {
    const removed: number[] = [];
    index.removeFirst(
      slot,
      (other) => ranks[other]! < limit,
      (other) => removed.push(other),
    );
    const dead = model.get(key)!.filter((other) => ranks[other]! < limit);
    expect(removed.toSorted((a, b) => a - b)).toEqual(dead.toSorted((a, b) => a - b));
    model.set(
      key,
      model.get(key)!.filter((other) => !dead.includes(other)),
    );
    for (const other of dead) {
      const at = taken.findIndex(([, one]) => one === other);
      taken[at] = taken.at(-1)!;
      taken.pop();
    }
  }

  function check(key: Key): void {
    const found = index.get(key, hash(key));
    const there = found === undefined ? [] : typeof found === 'number' ? [found] : found.slots.slice(found.start);
    const expected = model.get(key)!.toSorted((a, b) => ranks[a]! - ranks[b]! || a - b);
    expect(there.toSorted((a, b) => ranks[a]! - ranks[b]! || a - b)).toEqual(expected);
    expect(there.map((slot) => ranks[slot])).toEqual(expected.map((slot) => ranks[slot]));
    expect(found instanceof Chain).toBe(expected.length > 1);
  }
});

test('a number and the text of it are different keys', () => {
  const index = new KeyIndex(null);
  index.add(1, 3, 0);
  index.add('1', 3, 1);
  expect(index.get(1, 3)).toBe(0);
  expect(index.get('1', 3)).toBe(1);
});
