/**
 * Exactly once, whatever is cut off: the log's folder is copied at random moments while a transform
 * runs, as a power loss would leave it, and each copy is opened and brought to its end.
 */
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { QUARANTINE_STREAM } from '../../src/event/internal.js';
import { edges, event, file, freshFolder, optionsOf, removeFolders, run, type Event, type Running } from './support.js';

afterEach(removeFolders);

const TRANSFORM = {
  from: 'events',
  partitions: 2,
  steps: [
    { filter: 'clicks <> 3' },
    { split: { column: 'labels', as: 'label' } },
    { dedupe: { by: ['user', 'label'], window: '1 h' } },
    { set: { ratio: '(10 / nullif(clicks, 9))::double precision', clicks: '10 / clicks' } },
  ],
};

/** The same, row by row. */
function model(events: readonly Event[]): { out: string[]; failed: string[]; read: number } {
  const seen = new Set<string>();
  const out: string[] = [];
  const failed: string[] = [];
  for (const one of events) {
    const clicks = one['clicks'] as number;
    if (clicks === 3) continue;
    const fresh = (one['labels'] as string[]).filter((label, i, all) => {
      const key = JSON.stringify([one['tenant'], one['user'], label]);
      return !seen.has(key) && all.indexOf(label) === i;
    });
    if (fresh.length === 0) continue;
    // What fails is forgotten by dedupe.
    if (clicks === 0) failed.push(one['id'] as string);
    else
      for (const label of fresh) {
        seen.add(JSON.stringify([one['tenant'], one['user'], label]));
        out.push(`${String(one['at'])} ${label} ${Math.trunc(10 / clicks)}`);
      }
  }
  return { out, failed, read: events.length };
}

const outOf = (running: Running): string[] =>
  running
    .rows('out')
    .map(({ at, label, clicks }) => `${String(at)} ${String(label)} ${String(clicks)}`)
    .toSorted();

function check(running: Running, events: readonly Event[]): void {
  const { out, failed, read } = model(events);
  expect(outOf(running)).toEqual(out.toSorted());
  expect(running.rows(QUARANTINE_STREAM).map((row) => row['event_id'])).toEqual(failed);
  const counts = edges(running.log, 'transform.out');
  const sum = (prefix: string) =>
    Object.entries(counts).reduce((total, [name, rows]) => total + (name.startsWith(prefix) ? rows : 0), 0);
  expect(counts['read']).toBe(read);
  expect(sum('ok') + sum('filtered') + sum('quarantined') + sum('dropped')).toBe(read);
  expect(counts['written'] ?? 0).toBe(out.length);
}

/** What fails has a key of its own: whether it hides a twin depends on whether they came in one batch. */
const someEvents = fc
  .array(
    fc.record({
      clicks: fc.integer({ min: 0, max: 4 }),
      user: fc.constantFrom('a', 'b', 'c', null),
      labels: fc.uniqueArray(fc.constantFrom('x', 'y', 'z', 'w'), { maxLength: 3 }),
      tenant: fc.constantFrom('t0', 't1', 't2'),
    }),
    { minLength: 1, maxLength: 40 },
  )
  .map((rows) => rows.map((row, i) => event(i, row.clicks === 0 ? { ...row, user: `fails ${i}` } : row)));

test('copies of a running log, opened again, hold every row once', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(someEvents, fc.array(fc.integer({ min: 0, max: 7 }), { maxLength: 2 }), async (events, cuts) => {
      const options = optionsOf({ out: TRANSFORM });
      const folder = freshFolder();
      const running = await run(folder, options);
      const copies: { folder: string; sent: number }[] = [];
      for (let i = 0; i < events.length; i += 5) {
        await running.append(events.slice(i, i + 5));
        if (i % 3 === 0) await running.drained();
        if (!cuts.includes(i / 5)) continue;
        const copy = freshFolder();
        cpSync(join(folder, 'log'), join(copy, 'log'), { recursive: true, filter: (path) => !path.includes('owner.') });
        copies.push({ folder: copy, sent: Math.min(events.length, i + 5) });
      }
      await running.drained();
      check(running, events);
      await running.stop();
      for (const copy of copies) {
        const again = await run(copy.folder, options);
        if (copy.sent < events.length) await again.append(events.slice(copy.sent));
        await again.drained();
        check(again, events);
        await again.stop();
      }
    }),
    { numRuns: 12 },
  );
});

test('stopped and started in between, nothing is missing and nothing twice', async () => {
  const folder = freshFolder();
  const events = Array.from({ length: 300 }, (_, i) =>
    event(i, { clicks: i % 4, user: i % 4 === 0 ? `fails ${i}` : `u${i % 17}`, labels: [`l${i % 5}`] }),
  );
  for (let from = 0; from < events.length; from += 60) {
    const running = await run(folder, optionsOf({ out: TRANSFORM }));
    for (let i = from; i < from + 60; i += 20) await running.append(events.slice(i, i + 20));
    await running.stop();
  }
  const running = await run(folder, optionsOf({ out: TRANSFORM }));
  await running.drained();
  check(running, events);
  await running.stop();
});

const FUNCTION = `
export default async (event) => {
  if (event.clicks % 3 === 1) await new Promise((resolve) => setTimeout(resolve, event.clicks % 5));
  if (event.clicks % 11 === 10) throw new Error('no');
  if (event.clicks % 7 === 6) return null;
  return event.clicks % 5 === 4 ? [event, { ...event, kind: 'second' }] : event;
};`;

test(
  'with a function that takes its time, copies of a running log hold every row once',
  { timeout: 120_000 },
  async () => {
    const folder = freshFolder();
    const steps = [{ function: file(folder, 'function.mjs', FUNCTION), concurrency: 8 }, { set: { user: "'seen'" } }];
    const options = optionsOf({ out: { from: 'events', steps } }, folder);
    const events = Array.from({ length: 400 }, (_, i) => event(i, { clicks: i, kind: 'first' }));
    const expected = events.flatMap(({ clicks }) => {
      const n = clicks as number;
      if (n % 11 === 10 || n % 7 === 6) return [];
      return n % 5 === 4 ? [`${n} first`, `${n} second`] : [`${n} first`];
    });
    const checkAll = (running: Running): void => {
      expect(running.rows('out').map(({ clicks, kind }) => `${String(clicks)} ${String(kind)}`)).toEqual(expected);
      expect(running.rows(QUARANTINE_STREAM)).toHaveLength(
        events.filter(({ clicks }) => Number(clicks) % 11 === 10).length,
      );
      const { read, ok, written, ...rest } = edges(running.log, 'transform.out');
      expect([read, written]).toEqual([400, expected.length]);
      expect(ok! + rest['filtered function']! + rest['quarantined TRANSFORM_FAILED']!).toBe(400);
    };
    const running = await run(folder, options);
    const copies: { folder: string; sent: number }[] = [];
    for (let i = 0; i < events.length; i += 20) {
      await running.append(events.slice(i, i + 20));
      if (i % 60 !== 0) continue;
      // Somewhere between two commits.
      await new Promise((resolve) => setTimeout(resolve, (i * 7) % 160));
      const copy = freshFolder();
      cpSync(join(folder, 'log'), join(copy, 'log'), { recursive: true, filter: (path) => !path.includes('owner.') });
      copies.push({ folder: copy, sent: i + 20 });
    }
    await running.drained();
    checkAll(running);
    await running.stop();
    for (const copy of copies) {
      const again = await run(copy.folder, options);
      if (copy.sent < events.length) await again.append(events.slice(copy.sent));
      await again.drained();
      checkAll(again);
      await again.stop();
    }
  },
);
