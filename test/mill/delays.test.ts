/** Delays of rows by powers of ten: exact where a batch is of one, near to it where it is sampled. */
import { expect, test } from 'vitest';
import type { LogBatch, StreamClock } from '../../src/log/log.js';
import { Delays } from '../../src/mill/delays.js';
import { batchOfEvents, EVENTS } from './support.js';

const T0 = 1_760_000_000_000;
const AT = EVENTS.roles.eventTime;

function take(delays: Delays, delaysMs: readonly number[], receivedAt = T0): void {
  const times = delaysMs.map((delay) => receivedAt - delay);
  const batch = batchOfEvents(times.map((at, i) => ({ id: `e${i}`, tenant: 'acme', at })));
  const range = { eventTimeMin: Math.min(...times), eventTimeMax: Math.max(...times) };
  delays.take({ partition: 0, rows: times.length, receivedAt, batch, ...range } as unknown as LogBatch, AT);
}

const counted = (clock: StreamClock, ...batches: readonly (readonly number[])[]) => {
  const delays = new Delays(clock);
  for (const batch of batches) take(delays, batch);
  return delays.counts();
};

test('each row in its step, those ahead of the clock apart', () => {
  expect(counted('arrival', [-5, 0, 9, 10, 99, 100], [2_000, 3_000], [1e9])).toEqual([
    { belowMs: 0, rows: 1 },
    { belowMs: 10, rows: 2 },
    { belowMs: 100, rows: 2 },
    { belowMs: 1_000, rows: 1 },
    { belowMs: 10_000, rows: 2 },
    { belowMs: null, rows: 1 },
  ]);
});

test('a large batch of several steps is sampled, and the sample stands for all of its rows', () => {
  const delays = Array.from({ length: 10_000 }, (_, i) => (i % 10 === 0 ? 50 : 5));
  const counts = counted('arrival', delays);
  expect(counts.reduce((sum, { rows }) => sum + rows, 0)).toBe(10_000);
  expect(counts.map(({ belowMs }) => belowMs)).toEqual([10, 100]);
  expect(counts[1]!.rows).toBeGreaterThan(200);
  expect(counts[1]!.rows).toBeLessThan(3_000);
});

test('on an event clock behind the largest event time of the partition', () => {
  expect(counted('event', [1_000_000, 1_000_005], [1_000_500])).toEqual([
    { belowMs: 10, rows: 2 },
    { belowMs: 1_000, rows: 1 },
  ]);
});
