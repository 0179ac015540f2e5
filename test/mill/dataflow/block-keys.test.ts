/** Ids of keys against the texts that `keys.ts` has for them, with keys that come and go. */
import { expect, test } from 'vitest';
import { blockOfRows } from '../../../src/mill/dataflow/block.js';
import { BlockKeys } from '../../../src/mill/dataflow/block-keys.js';
import { keyFunction } from '../../../src/mill/dataflow/keys.js';
import type { SqlType } from '../../../src/sql/plan.js';
import type { Value } from '../../../src/sql/value.js';

const VALUES: Readonly<Record<string, readonly Value[]>> = {
  text: ['', 'a', 'b', 'é', null],
  boolean: [true, false, null],
  bigint: [0, 1, -7, 2n ** 60n, 2n ** 60n + 1n, null],
  'double precision': [0, -0, 1.5, Number.NaN, 5e-324, Number.POSITIVE_INFINITY, null],
  timestamptz: [0, 0.5, 1.7e12, null],
};

const CASES: readonly (readonly SqlType[])[] = [
  [],
  ['text'],
  ['bigint'],
  ['double precision'],
  ['text', 'text'],
  ['text', 'double precision', 'boolean'],
  ['bigint', 'text', 'timestamptz'],
];

function pick<T>(values: readonly T[]): T {
  return values[Math.floor(Math.random() * values.length)]!;
}

for (const types of CASES) {
  test(`keys of (${types.join(', ')}) have one id each, and their values back`, () => {
    const fields = types.map((_, i) => i + 1);
    const all: SqlType[] = ['integer', ...types];
    const keys = new BlockKeys(fields, types);
    const keyOf = keyFunction(fields, types, {});
    const idOf = new Map<unknown, number>();
    const used = new Set<number>();
    for (let round = 0; round < 30; round++) {
      const rows = Array.from({ length: 50 }, () => [
        1,
        ...types.map((type) =>
          type === 'text' && Math.random() < 0.8 ? `t${round}.${pick([1, 2, 3])}` : pick(VALUES[type]!),
        ),
      ]);
      const ids = new Int32Array(rows.length);
      keys.idsOf(blockOfRows(rows, all), ids);
      rows.forEach((row, i) => {
        const key = keyOf(row);
        if (idOf.has(key)) expect(ids[i]).toBe(idOf.get(key));
        else {
          expect([...idOf.values()]).not.toContain(ids[i]);
          idOf.set(key, ids[i]!);
        }
        used.add(ids[i]!);
        types.forEach((type, part) => {
          const back = keys.valueOf(part, ids[i]!);
          expect(keyFunction([0], [type])([back])).toBe(keyFunction([0], [type])([row[part + 1]!]));
        });
      });
      expect(keys.used).toBe(used.size);
      types.forEach((_, part) => {
        const vector = keys.vector(part, ids, rows.length);
        const block = { count: rows.length, vectors: [vector], distinct: null };
        const again = new Int32Array(rows.length);
        const one = new BlockKeys([0], [types[part]!]);
        one.idsOf(block, again);
        again.forEach((id, i) => expect(one.valueOf(0, id)).toEqual(keys.valueOf(part, ids[i]!)));
      });
      // Half of the keys rest; what is freed may be another's.
      for (const id of idOf.values()) {
        if (Math.random() < 0.5) continue;
        keys.rest(id);
        used.delete(id);
      }
    }
  });
}

test('ids of keys that rest are given out again', () => {
  for (const types of [['text'], ['text', 'integer']] as const) {
    const keys = new BlockKeys([...types.keys()], types);
    const ids = new Int32Array(1_000);
    for (let round = 0; round < 60; round++) {
      const rows = Array.from({ length: 1_000 }, (_, i) => [`${round}.${i}`, i].slice(0, types.length));
      keys.idsOf(blockOfRows(rows, types), ids);
      rows.forEach((row, i) => expect(keys.valueOf(0, ids[i]!)).toBe(row[0]));
      for (const id of ids) keys.rest(id);
      keys.settle();
    }
    expect(keys.used).toBe(0);
    expect(keys.size, 'ids for 1,000 keys in use').toBeLessThanOrEqual(6_000);
  }
});
