/** Rounds of several pages, and failures in the middle of everything. */
import { describe, expect, test } from 'vitest';
import type { TargetSeams } from '../../../src/pull/target.js';
import { traffic } from '../../pull/model-feed.js';
import { SeededRandom } from '../../sim/random.js';
import { expectedRows, Killed, many, mustBeKill, sumOf, type Bench } from './bench.js';

/** Tests of rounds. */
export function rounds(bench: () => Bench): void {
  describe('a round of several pages', () => {
    test('shows all at once: no reader sees one half of a move', async () => {
      const it = bench();
      const { feed, worker, agree } = it;
      const total = 55;
      feed.change('acme', ...many(10));
      const sums: number[] = [];
      const isReading = { now: false };
      const puller = worker({
        limit: 3,
        seams: {
          async statement(sql) {
            if (isReading.now) sums.push(await sumOf(it));
            return sql;
          },
        },
      });
      await puller.catchUp();
      isReading.now = true;
      for (let n = 0; n < 5; n++) {
        feed.change('acme', traffic(n, `c${n}`, 0), traffic(9 - n, `c${9 - n}`, n + 1 + 10 - n));
        // A later change of one half takes it to a later page.
        if (n > 2) feed.change('acme', traffic(n, `c${n}`, 0));
      }
      await puller.catchUp();
      isReading.now = false;
      await agree();
      expect(sums.length).toBeGreaterThan(8);
      expect(new Set(sums)).toEqual(new Set([total]));
    });

    test('keeps the newest of a key that comes on several pages', async () => {
      const { feed, worker, agree } = bench();
      feed.change('acme', ...many(8));
      const puller = worker({ limit: 2 });
      await puller.catchUp();
      feed.change('acme', ...many(8, 10));
      await puller.turn(0);
      feed.change('acme', traffic(0, 'c0', 500), { ...traffic(1, 'c1', 0), isDelete: true });
      await puller.turn(0);
      feed.change('acme', traffic(1, 'c1', 3), { ...traffic(0, 'c0', 0), isDelete: true });
      await puller.catchUp();
      await agree();
    });
  });
}

/** Tests of failing. */
export function failing(bench: () => Bench): void {
  describe('failures', () => {
    test('before every statement: what is seen is whole, and the end is exact', async () => {
      const it = bench();
      const { feed, worker, agree } = it;
      const state = { left: Infinity, statements: 0 };
      const seams: TargetSeams = {
        statement(sql) {
          state.statements++;
          if (--state.left < 0) throw new Killed();
          return sql;
        },
      };
      const steps = [
        () => feed.change('acme', ...many(5)),
        () => feed.change('acme', traffic(0, 'c0', 0), traffic(4, 'c4', 6)),
        () => feed.change('acme', traffic(1, 'c1', 0), traffic(2, 'c2', 5), traffic(3, 'c3', 0), traffic(4, 'c4', 10)),
        () => feed.change('acme', { ...traffic(0, 'c0', 0), isDelete: true }, traffic(7, 'c7', 0)),
        () =>
          (feed.expiredBelow = feed.rev('acme') + 1) && feed.change('acme', traffic(2, 'c2', 4), traffic(8, 'c8', 1)),
      ];
      let kills = 0;
      for (const step of steps) {
        step();
        for (let left = 0; ; left++) {
          state.left = left;
          const isDone = await worker({ seams, limit: 2 })
            .catchUp()
            .then(
              () => true,
              (error: unknown) => {
                mustBeKill(error);
                kills++;
                return false;
              },
            );
          expect([0, 15]).toContain(await sumOf(it));
          if (isDone) break;
        }
        await agree();
      }
      expect(kills).toBeGreaterThan(40);
    }, 120_000);

    test('after the cursor is saved: the rows come; without the transaction they would be missing', async () => {
      const { feed, worker, under, agree, rows } = bench();
      feed.change('acme', ...many(3));
      await worker().catchUp();
      for (const guard of ['there', 'taken out'] as const) {
        feed.change('acme', traffic(0, 'c0', feed.rev('acme')));
        let isSaved = false;
        const seams: TargetSeams = {
          statement(sql) {
            if (isSaved) throw new Killed();
            isSaved = /^UPDATE .*millrace_pull.* SET /.test(sql);
            return guard === 'there' ? sql : under.without.transaction.statement!(sql);
          },
        };
        await worker({ seams }).catchUp().catch(mustBeKill);
        await worker().catchUp();
        if (guard === 'there') await agree();
        else expect(await rows()).not.toEqual(expectedRows(feed, 'acme'));
      }
    });

    const SEEDS = [1, 2, 3, 4, 5, 6];
    test.each(SEEDS)(
      'at random, with two workers and pages of any size (seed %i)',
      async (seed) => {
        const it = bench();
        const { feed, worker, agree } = it;
        const random = new SeededRandom(seed);
        const seams: TargetSeams = {
          statement(sql) {
            if (random.chance(0.02)) throw new Killed();
            return sql;
          },
        };
        const clicks = Array.from({ length: 12 }, () => 10);
        feed.change('acme', ...clicks.map((amount, n) => traffic(n, `c${n}`, amount)));
        const fresh = () => worker({ seams, limit: 1 + random.below(6) });
        const workers = [fresh(), fresh()];
        for (let step = 0; step < 120; step++) {
          if (random.chance(0.4)) {
            const [a, b] = [random.below(12), random.below(12)];
            const amount = random.below(clicks[a]! + 1);
            clicks[a]! -= amount;
            clicks[b]! += amount;
            feed.change('acme', ...[...new Set([a, b])].map((n) => traffic(n, `c${n}`, clicks[n]!)));
          }
          if (random.chance(0.03)) feed.expiredBelow = feed.rev('acme');
          const at = random.below(2);
          await workers[at]!.turn(0).catch((error: unknown) => {
            // Snapshots that expire one after the other are given a pause.
            if (!String(error).includes('do not come to an end')) mustBeKill(error);
            workers[at] = fresh();
          });
          expect([0, 120]).toContain(await sumOf(it));
        }
        await worker().catchUp();
        await agree();
      },
      60_000,
    );
  });
}
