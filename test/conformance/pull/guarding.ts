/** Workers that slept, and several at once. */
import { describe, expect, test } from 'vitest';
import { moveOf } from '../../../src/pull/place.js';
import { planTable, tableRows } from '../../../src/pull/table-plan.js';
import type { TargetSeams } from '../../../src/pull/target.js';
import { traffic, type ModelFeed } from '../../pull/model-feed.js';
import { expectedRows, many, type Bench } from './bench.js';

/** Two workers asked the same cursor; the one that slept takes its page after the other took a newer one. */
async function oldPageAfterNewer(
  { feed, worker, client, under }: Bench,
  seams: TargetSeams,
  old: () => void,
  newer: () => void,
) {
  feed.change('acme', ...many(3));
  await worker().catchUp();
  const plan = planTable(await client().describe());
  const table = await under.open(seams).table(plan);
  const asked = await table.place();
  old();
  const page = await client().changes({ cursor: asked.cursor });
  newer();
  await worker().catchUp();
  const there = await table.place();
  await table.take(asked, moveOf(asked, page), tableRows(plan, page.changes));
  return { there, after: await table.place() };
}

/** Tests of guarding. */
export function guarding(bench: () => Bench): void {
  describe('a worker that slept', () => {
    const cases = [
      ['an old row after a newer one', 'revision', (feed: ModelFeed) => feed.change('acme', traffic(0, 'c0', 2))],
      [
        'a row that is deleted since',
        'tombstones',
        (feed: ModelFeed) => feed.change('acme', { ...traffic(0, 'c0', 0), isDelete: true }),
      ],
    ] as const;
    test.each(cases)('brings %s: nothing changes, without the guard it would', async (_, guard, newer) => {
      const it = bench();
      const { feed, agree, under, rows } = it;
      const old = (): void => feed.change('acme', traffic(0, 'c0', 1));
      const { there, after } = await oldPageAfterNewer(it, {}, old, () => newer(feed));
      await agree();
      expect(after).toEqual(there);
      // The same once more, with the guard taken out.
      await oldPageAfterNewer(it, under.without[guard], old, () => newer(feed));
      expect(await rows()).not.toEqual(expectedRows(feed, 'acme'));
    });

    test('brings an old delete after a newer row: nothing changes', async () => {
      const it = bench();
      const { feed, agree } = it;
      const old = (): void => feed.change('acme', { ...traffic(0, 'c0', 0), isDelete: true });
      const { there, after } = await oldPageAfterNewer(it, {}, old, () => feed.change('acme', traffic(0, 'c0', 8)));
      await agree();
      expect(after).toEqual(there);
      feed.change('acme', traffic(0, 'c0', 9));
      await it.worker().catchUp();
      await agree();
    });

    test('brings a page from before a snapshot was swapped in: it is refused', async () => {
      const it = bench();
      const { feed, worker, client, under, agree } = it;
      feed.change('acme', ...many(3));
      const saved = feed.save('acme');
      await worker().catchUp();
      const plan = planTable(await client().describe());
      const table = await under.open().table(plan);
      const asked = await table.place();
      feed.change('acme', traffic(0, 'c0', 1000), traffic(1, 'c1', 1000));
      const page = await client().changes({ cursor: asked.cursor });
      await worker().catchUp();
      feed.restore('acme', saved);
      await worker().catchUp();
      expect(await table.take(asked, moveOf(asked, page), tableRows(plan, page.changes))).toBe(null);
      await agree();
    });

    test('stages a page that another has staged: it is refused, and both go on', async () => {
      const { feed, worker, agree } = bench();
      feed.limit = 2;
      feed.change('acme', ...many(9));
      const [one, two] = [worker(), worker()];
      await one.turn(0);
      await two.turn(0);
      let turns = 0;
      while (!(await one.turn(0)).isCurrent && !(await two.turn(0)).isCurrent) expect(turns++).toBeLessThan(40);
      await agree();
      await Promise.all([one.catchUp(), two.catchUp()]);
      await agree();
    });
  });
}
