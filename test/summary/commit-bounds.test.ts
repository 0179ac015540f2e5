/** Between two commits: a commit's batches are seen one by one, its rows all or none. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CommitBounds } from '../../src/summary/commit-bounds.js';

/** Commits of one partition as sizes of their batches, and how far ahead of the reader the log is. */
const commits = fc.array(
  fc.record({ batches: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 }), ahead: fc.nat(3) }),
  { minLength: 1, maxLength: 20 },
);

describe('the bounds of commits', () => {
  it('are whole at the ends of commits only, however far the log is ahead', () => {
    fc.assert(
      fc.property(commits, (given) => {
        const ends = given.reduce<number[]>((all, { batches }) => {
          all.push((all.at(-1) ?? 0) + batches.reduce((sum, rows) => sum + rows, 0));
          return all;
        }, []);
        let durable = 0;
        const bounds = new CommitBounds(1, () => durable);
        let position = 0;
        let whole = 0;
        given.forEach(({ batches, ahead }, index) => {
          durable = Math.max(durable, ends[Math.min(index + ahead, ends.length - 1)]!);
          for (const rows of batches) {
            position += rows;
            bounds.take(0, position);
            if (bounds.tell(0)) {
              whole += 1;
              expect(ends).toContain(position);
            }
            expect(bounds.isWhole(0)).toBe(bounds.tell(0));
          }
        });
        expect(position).toBe(ends.at(-1));
        expect(bounds.isWhole(0)).toBe(true);
        expect(whole).toBeGreaterThan(0);
      }),
    );
  });

  it('tell who waits at the very moment', async () => {
    let durable = 5;
    const bounds = new CommitBounds(2, (partition) => (partition === 0 ? durable : 0));
    bounds.take(0, 3);
    expect([bounds.isWhole(0), bounds.isWhole(1)]).toEqual([false, true]);
    let told = 0;
    const waiting = bounds.whole(0).then(() => (told += 1));
    durable = 9;
    bounds.tell(0);
    await Promise.resolve();
    expect(told).toBe(0);
    bounds.take(0, 5);
    bounds.tell(0);
    await waiting;
    expect(told).toBe(1);
    bounds.take(0, 6);
    expect(bounds.isWhole(0)).toBe(false);
    bounds.restart([2, 0]);
    expect(bounds.isWhole(0)).toBe(true);
  });
});
