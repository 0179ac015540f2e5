import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GuardKeys, type RowChange } from '../../../src/collect/guards/guard-keys.js';
import { keyText } from '../../../src/collect/guards/guard.js';

const change = (key: string, row: string, state: RowChange['state'], appearedMs: number): RowChange => ({
  key,
  hash: key.charCodeAt(0),
  row,
  state,
  appearedMs,
});
const keysOf = (forMs = 1000, keysMax = 100): GuardKeys => new GuardKeys({ forMs, keysMax });

describe('keys of a guard', () => {
  test('are guarded while a row is open, however long ago it appeared', () => {
    const keys = keysOf();
    keys.apply(change('a', 'r', 'open', 0), 0);
    expect(keys.has('a', 999_999)).toBe(true);
    keys.apply(change('a', 'r', 'gone', 5000), 5000);
    expect(keys.has('a', 5000)).toBe(false);
    expect(keys.size).toBe(0);
  });

  test('stay for a while after their row appeared, also when it leaves or is final', () => {
    for (const end of ['gone', 'closed'] as const) {
      const keys = keysOf();
      keys.apply(change('a', 'r', 'open', 0), 0);
      keys.apply(change('a', 'r', end, 100), 100);
      expect([keys.has('a', 999), keys.has('a', 1000)]).toEqual([true, false]);
    }
  });

  test('are guarded by a row that is final when it is first seen, from when it appeared', () => {
    const keys = keysOf();
    keys.apply(change('a', 'r', 'closed', 500), 600);
    expect([keys.has('a', 1499), keys.has('a', 1500)]).toEqual([true, false]);
    keys.apply(change('old', 'r', 'closed', 500), 1500);
    expect(keys.size).toBe(1);
  });

  test('a change of an open row is no new appearance', () => {
    const keys = keysOf();
    keys.apply(change('a', 'r', 'open', 0), 0);
    keys.apply(change('a', 'r', 'open', 900), 900);
    keys.apply(change('a', 'r', 'gone', 1000), 1000);
    expect(keys.has('a', 1000)).toBe(false);
  });

  test('are announced by their hash while they are held, however often they come and go', () => {
    const keys = keysOf(0);
    const hash = 'a'.charCodeAt(0);
    for (let round = 0; round < 300; round++) {
      expect(keys.mayHave(hash)).toBe(false);
      keys.apply(change('a', 'r1', 'open', round), round);
      keys.apply(change('ab', 'r2', 'open', round), round);
      keys.apply(change('a', 'r3', 'open', round), round);
      keys.apply(change('ab', 'r2', 'gone', round), round);
      expect(keys.mayHave(hash)).toBe(true);
      keys.apply(change('a', 'r1', 'gone', round), round);
      keys.apply(change('a', 'r3', 'gone', round), round);
    }
    keys.apply(change('a', 'r', 'open', 0), 0);
    const restored = keysOf();
    for (const key of keys.saved()) restored.restore(key);
    expect(restored.mayHave(hash)).toBe(true);
    restored.clear();
    expect(restored.mayHave(hash)).toBe(false);
  });

  test('hashes that more keys have than can be counted stay announced', () => {
    const keys = keysOf(0, 1000);
    for (let n = 0; n < 400; n++) keys.apply(change(`a${n}`, 'r', 'open', 0), 0);
    for (let n = 0; n < 399; n++) keys.apply(change(`a${n}`, 'r', 'gone', 0), 0);
    expect(keys.mayHave('a'.charCodeAt(0))).toBe(true);
    expect(keys.has('a399', 1)).toBe(true);
  });

  test('need each of their rows to leave', () => {
    const keys = keysOf(0);
    keys.apply(change('a', 'r1', 'open', 0), 0);
    keys.apply(change('a', 'r2', 'open', 0), 0);
    keys.apply(change('a', 'r1', 'gone', 1), 1);
    expect(keys.has('a', 5)).toBe(true);
    keys.apply(change('a', 'r2', 'closed', 1), 1);
    expect(keys.has('a', 5)).toBe(false);
  });

  test('leave at the bound, the one whose row appeared longest ago first, and are counted', () => {
    const keys = keysOf(1000, 2);
    for (const key of ['a', 'b']) keys.apply(change(key, 'r', 'open', 0), 0);
    keys.apply(change('a', 'r2', 'closed', 1), 1);
    keys.apply(change('c', 'r', 'open', 2), 2);
    expect(['a', 'b', 'c'].map((key) => keys.has(key, 3))).toEqual([true, false, true]);
    expect([keys.size, keys.evicted]).toEqual([2, 1]);
  });

  test('open rows are bounded too', () => {
    const keys = keysOf(1000, 10);
    for (let row = 0; row < 100; row++) keys.apply(change('a', `r${row}`, 'open', 0), 0);
    expect([...keys.saved()].reduce((sum, [, , rows]) => sum + rows.length, 0)).toBeLessThanOrEqual(10);
    expect(keys.evicted).toBeGreaterThan(0);
  });

  test('are let go when they are over', () => {
    const keys = keysOf();
    for (let i = 0; i < 50; i++) keys.apply(change(`k${i}`, 'r', 'closed', 0), 0);
    keys.sweep(999);
    expect(keys.size).toBe(50);
    keys.sweep(6000);
    expect(keys.size).toBe(0);
  });

  test('end the same when changes are applied again from any place behind a snapshot', () => {
    const changes = fc.array(
      fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.constantFrom('1', '2'), fc.constantFrom('open', 'closed', 'gone')),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(changes, fc.nat(40), fc.nat(40), (given, cut, more) => {
        // A row that was final once never opens again.
        const final = new Set<string>();
        const list = given.flatMap(([key, row, state], at) => {
          const id = `${key}/${row}`;
          if (state === 'open' && final.has(id)) return [];
          if (state === 'closed') final.add(id);
          return [change(key, id, state, at)];
        });
        const now = 1_000_000;
        const whole = keysOf(2_000_000);
        for (const one of list) whole.apply(one, now);
        const until = Math.min(cut + more, list.length);
        const before = keysOf(2_000_000);
        for (const one of list.slice(0, until)) before.apply(one, now);
        const again = keysOf(2_000_000);
        for (const key of before.saved()) again.restore(key);
        for (const one of list.slice(Math.min(cut, until))) again.apply(one, now);
        const openOf = (keys: GuardKeys) => [...keys.saved()].map(([key, , rows]) => [key, rows.toSorted()]).toSorted();
        expect(openOf(again)).toEqual(openOf(whole));
      }),
    );
  });
});

test('parts of a key can not run into each other', () => {
  expect(keyText('t', ['a', 'b'])).not.toBe(keyText('t', ['a\n1:b']));
  expect(keyText('', ['ab', 'c'])).not.toBe(keyText('', ['a', 'bc']));
  expect(keyText('t', ['a', null])).toBeNull();
});
