/** The first event of a key within a window: what counts as the same, when it ends, what is forgotten. */
import { afterEach, expect, test } from 'vitest';
import { systemClock, type Clock } from '../../src/io/clock.js';
import { edges, event, freshFolder, once, optionsOf, removeFolders, run, uuid, type Event } from './support.js';

afterEach(removeFolders);

const dedupe = (rest: Event = {}) => ({ out: { from: 'events', steps: [{ dedupe: { by: 'user', ...rest } }] } });

/** A clock whose wall time is set by hand. */
class HandClock implements Clock {
  time = 1_760_000_000_000;

  now(): number {
    return this.time;
  }

  monotonic(): number {
    return systemClock.monotonic();
  }

  after(delayMs: number, act: () => void): () => void {
    return systemClock.after(delayMs, act);
  }
}

test('a key is one of a tenant; no value is a key too, and not an empty one', async () => {
  const events = [
    event(1, { tenant: 'a', user: 'x' }),
    event(2, { tenant: 'b', user: 'x' }),
    event(3, { tenant: 'a', user: 'x' }),
    event(4, { tenant: 'a' }),
    event(5, { tenant: 'a', user: '' }),
    event(6, { tenant: 'a' }),
  ];
  const { rows, edges: counts } = await once(dedupe(), events);
  expect(rows.map(({ id }) => id)).toEqual([1, 2, 4, 5].map(uuid));
  expect(counts).toEqual({ read: 6, ok: 4, written: 4, 'filtered duplicate': 2 });
});

test('several columns: their borders count', async () => {
  const { rows } = await once(dedupe({ by: ['user', 'ip', 'clicks'] }), [
    event(0, { user: 'ab', ip: 'c', clicks: 1 }),
    event(3, { user: 'a', ip: 'bc', clicks: 1 }),
    event(6, { user: 'a', ip: 'bc', clicks: 2 }),
    event(9, { user: 'a', ip: 'bc', clicks: 1 }),
  ]);
  expect(rows).toHaveLength(3);
});

test('the window is that of the stamp, across restarts', async () => {
  const folder = freshFolder();
  const clock = new HandClock();
  const options = optionsOf(dedupe({ window: '60 s' }), folder);
  const at = async (seconds: number, n: number): Promise<void> => {
    clock.time = Math.max(clock.time, 1_760_000_000_000 + seconds * 1_000);
    const running = await run(folder, options, { clock });
    await running.append([event(n, { tenant: 'a', user: 'x' })]);
    await running.drained();
    await running.stop();
  };
  for (const [n, seconds] of [0, 30, 59, 61, 100, 119, 125].entries()) await at(seconds, n);
  const running = await run(folder, options, { clock });
  expect(running.rows('out').map(({ id }) => id)).toEqual([0, 3, 6].map(uuid));
  expect(running.rows('transform.out.dedupe.user')).toHaveLength(3);
  await running.stop();
});

test('a first event that fails behind it is forgotten, so that its twin or its redrive passes', async () => {
  const folder = freshFolder();
  const steps = [{ dedupe: { by: 'user' } }, { set: { clicks: '10 / clicks' } }];
  const running = await run(folder, optionsOf({ out: { from: 'events', steps } }, folder));
  for (const [n, clicks] of [0, 5, 2].entries()) {
    await running.append([event(n * 3, { user: 'x', clicks })]);
    await running.drained();
  }
  expect(running.rows('out').map(({ clicks }) => clicks)).toEqual([2]);
  expect(edges(running.log, 'transform.out')).toEqual({
    read: 3,
    ok: 1,
    written: 1,
    'filtered duplicate': 1,
    'quarantined SQL_RUNTIME': 1,
  });
  await running.stop();
});
