/** The first load, and those after it. */
import { describe, expect, test } from 'vitest';
import { minuteKey, traffic } from '../../pull/model-feed.js';
import { many, type Bench } from './bench.js';

/** Tests of loading. */
export function loading(bench: () => Bench): void {
  describe('loading', () => {
    test('the first time: a snapshot of several pages and what changed meanwhile', async () => {
      const { feed, worker, agree, rows } = bench();
      feed.limit = 4;
      feed.change('acme', ...many(10));
      const puller = worker();
      for (let turn = 0; turn < 3; turn++) expect((await puller.turn(0)).isCurrent).toBe(false);
      // Nothing is seen before all is there.
      expect(await rows()).toEqual([]);
      feed.change('acme', traffic(0, 'c0', 99), { ...traffic(1, 'c1', 0), isDelete: true }, ...many(7, 5, 20));
      await puller.catchUp();
      await agree();
    });

    test('goes on in the middle, after another worker', async () => {
      const { feed, worker, agree } = bench();
      feed.limit = 4;
      feed.change('acme', ...many(10));
      const first = worker();
      for (let turn = 0; turn < 3; turn++) await first.turn(0);
      const before = feed.asked.length;
      await worker().catchUp();
      await agree();
      const snapshots = feed.asked.slice(before).filter((asked) => /\/snapshot(\?|$)/.test(asked));
      expect(snapshots).toHaveLength(1);
    });

    test('of an empty view, and then rows one by one', async () => {
      const { feed, worker, agree } = bench();
      const puller = worker();
      await puller.catchUp();
      await agree();
      for (const row of [...many(5), traffic(2, 'c2', 77)]) {
        feed.change('acme', row);
        await puller.catchUp();
        await agree();
      }
    });

    test('of several tenants into one table; the snapshot of one leaves the others alone', async () => {
      const { feed, worker, agree } = bench();
      feed.change('acme', ...many(5));
      feed.change('bolt', ...many(5, 100));
      await worker().catchUp();
      await worker({ tenant: 'bolt' }).catchUp();
      feed.change('bolt', traffic(0, 'c0', 1));
      feed.epoch = '2.1111111111111111';
      await worker({ tenant: 'bolt' }).catchUp();
      await agree('bolt');
      await agree('acme');
    });

    test.each(['expired', 'ahead'])('again, when the cursor is gone: %s', async (why) => {
      const { feed, worker, agree } = bench();
      feed.change('acme', ...many(6));
      const saved = feed.save('acme');
      const puller = worker();
      await puller.catchUp();
      feed.change('acme', traffic(0, 'c0', 50), { ...traffic(1, 'c1', 0), isDelete: true }, traffic(9, 'new', 1));
      if (why === 'ahead') {
        await puller.catchUp();
        feed.restore('acme', saved);
        feed.change('acme', traffic(3, 'c3', 7));
      } else feed.expiredBelow = feed.rev('acme');
      const listings: string[] = [];
      await worker({ onListing: (told) => listings.push(told) }).catchUp();
      expect(listings).toEqual([expect.stringContaining(why)]);
      await agree();
      feed.change('acme', traffic(4, 'c4', 8), traffic(1, 'c1', 3), traffic(5, 'c5', 2));
      await puller.catchUp();
      await agree();
    });

    test('again keeps windows that the server has no more', async () => {
      const { feed, worker, rows } = bench();
      feed.change('acme', ...many(6));
      const puller = worker();
      await puller.catchUp();
      feed.retainedFrom = String(minuteKey(3, '')['window_start']);
      feed.change('acme', traffic(4, 'c4', 44));
      feed.expiredBelow = feed.rev('acme');
      await puller.catchUp();
      const clicks = Object.fromEntries((await rows()).map((row) => [row['campaign'], row['clicks']]));
      expect(clicks).toEqual({ c0: '1', c1: '2', c2: '3', c3: '4', c4: '44', c5: '6' });
    });
  });
}
