/** The bounds of the feed in the HTTP thread: requests of a tenant, and polls that wait. */
import { expect, test } from 'vitest';
import type { Clock } from '../../src/io/clock.js';
import { FeedLimits } from '../../src/serve/feed/limits.js';
import { Polls } from '../../src/serve/feed/polls.js';

/** A clock that moves by hand; what is due runs when it gets there. */
class HandClock implements Clock {
  ms = 0;
  readonly #timers = new Set<{ readonly atMs: number; readonly run: () => void }>();

  now(): number {
    return this.ms;
  }

  monotonic(): number {
    return this.ms;
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = { atMs: this.ms + delayMs, run };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  pass(ms: number): void {
    this.ms += ms;
    for (const timer of [...this.#timers]) if (timer.atMs <= this.ms && this.#timers.delete(timer)) timer.run();
  }
}

const refused = expect.objectContaining({ code: 'RATE_LIMITED' }) as Error;

test('a tenant that asks too often is refused until time has passed, and no other with it', () => {
  const clock = new HandClock();
  const limits = new FeedLimits({ requestsPerSecond: 2, requestsBurst: 3, concurrentMax: 10 }, clock);
  for (let i = 0; i < 3; i++) limits.begin('acme')();
  expect(() => limits.begin('acme')).toThrow(refused);
  limits.begin('bolt')();
  clock.pass(500);
  limits.begin('acme')();
  expect(() => limits.begin('acme')).toThrow(refused);
  clock.pass(3_600_000);
  for (let i = 0; i < 3; i++) limits.begin('acme')();
  expect(() => limits.begin('acme')).toThrow(refused);
});

test('a tenant has so many requests under way and no more', () => {
  const limits = new FeedLimits({ requestsPerSecond: 100, requestsBurst: 100, concurrentMax: 2 }, new HandClock());
  const [end] = [limits.begin('acme'), limits.begin('acme')];
  expect(() => limits.begin('acme')).toThrow(refused);
  limits.begin('bolt');
  end!();
  limits.begin('acme');
  expect(() => limits.begin('acme')).toThrow(refused);
});

test('polls end with a change of their tenant, their time, their connection, or the fifth of a tenant', async () => {
  const clock = new HandClock();
  const polls = new Polls(clock);
  const ended: string[] = [];
  const connections = new Map<string, () => void>();
  const wait = (name: string, tenant: string, waitMs = 10_000) =>
    void polls.wait('traffic', tenant, waitMs, (end) => connections.set(name, end)).then(() => ended.push(name));
  const settled = () => new Promise((resolve) => setImmediate(resolve));

  for (const name of ['1', '2', '3', '4']) wait(name, 'acme');
  wait('other', 'bolt');
  polls.changed('sections', ['acme', 'bolt']);
  await settled();
  expect([ended, polls.size]).toEqual([[], 5]);
  wait('5', 'acme');
  await settled();
  expect([ended, polls.size]).toEqual([['1'], 5]);
  connections.get('3')!();
  polls.changed('traffic', ['acme']);
  await settled();
  expect([ended.toSorted(), polls.size]).toEqual([['1', '2', '3', '4', '5'], 1]);
  clock.pass(10_000);
  await settled();
  expect([ended.at(-1), polls.size]).toEqual(['other', 0]);
  wait('last', 'acme');
  polls.close();
  wait('too late', 'acme');
  await settled();
  expect([ended.slice(-2), polls.size]).toEqual([['last', 'too late'], 0]);
});
