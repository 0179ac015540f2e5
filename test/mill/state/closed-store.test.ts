import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { ClosedStore } from '../../../src/mill/state/closed-store.js';
import { SealedGroups } from '../../../src/mill/state/sealed-groups.js';
import { freshFolder, removeFolders } from '../support.js';

afterEach(removeFolders);

const at = (offset: number) => [{ stream: 'events', partition: 0, offset }];
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function groups(
  start: number,
  entries: readonly (readonly [hash: number, key: string, value: string])[],
): SealedGroups {
  const sealed = new SealedGroups(start);
  for (const [hash, key, value] of entries) sealed.add(hash, bytes(key), (writer) => writer.raw(bytes(value)));
  sealed.sort();
  return sealed;
}

test('what was written last is found, however it came and however often', async () => {
  const write = fc.record({
    start: fc.constantFrom(-60_000, 0, 60_000),
    // Few hashes, so that some collide; many groups, so that blocks are cut.
    entries: fc.array(
      fc.tuple(
        fc.oneof(fc.constantFrom(0, 1, 2 ** 32 - 1), fc.integer({ min: 0, max: 2 ** 32 - 1 })),
        fc.integer({ min: 0, max: 40 }),
      ),
      { minLength: 1, maxLength: 9_000 },
    ),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(write, { minLength: 1, maxLength: 6 }), async (writes) => {
      const folder = freshFolder();
      let store = new ClosedStore(folder);
      const model = new Map<string, string>();
      let n = 0;
      for (const { start, entries } of writes) {
        const once = new Map(entries.map(([hash, key]) => [`${hash}/${key}`, [hash, `k${key}`, `v${n++}`] as const]));
        for (const [, [hash, key, value]] of once) model.set(`${start}/${hash}/${key}`, value);
        await store.write([groups(start, [...once.values()])], at(n));
        expect(store.asOf(start)?.get('events/0')).toBe(n);
      }
      await store.close();
      store = new ClosedStore(folder);
      expect(store.positions?.get('events/0')).toBe(n);
      for (const [name, value] of model) {
        const [start, hash, key] = name.split('/') as [string, string, string];
        const found = store.find(Number(start), Number(hash), bytes(key));
        expect(found && new TextDecoder().decode(found), name).toBe(value);
      }
      expect(store.find(0, 5, bytes('never'))).toBeUndefined();
      await store.close();
    }),
    { numRuns: 25 },
  );
});

test('eviction takes windows before the limit, whole, and leaves the one at it whole', async () => {
  const store = new ClosedStore(freshFolder());
  const windows = [0, 60_000, 120_000].map((start) => groups(start, [[7, 'k', `v${start}`]]));
  await store.write(windows, at(9));
  expect(await store.evict(60_000, 100)).toBe(2);
  expect(store.asOf(0)).toBeUndefined();
  expect(store.find(0, 7, bytes('k'))).toBeUndefined();
  expect(store.asOf(60_000)?.get('events/0')).toBe(9);
  expect(new TextDecoder().decode(store.find(60_000, 7, bytes('k')))).toBe('v60000');
  expect(store.positions?.get('events/0')).toBe(9);
  await store.close();
});
