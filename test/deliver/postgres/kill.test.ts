import { afterAll, beforeAll, expect, test } from 'vitest';
import { createSink } from '../../../src/deliver/sinks/index.js';
import { startPostgres, type Postgres } from '../../engines/postgres.js';
import { SeededRandom } from '../../sim/random.js';
import { Bench, deliveryOptions, removeFolders, sinkContext, someRows } from '../support.js';
import { ask, settings } from './support.js';

const SEED = 20261129;
const ROUNDS = 4;

let engine: Postgres;
beforeAll(async () => {
  engine = await startPostgres();
});
afterAll(async () => {
  await engine?.stop();
  removeFolders();
});

/** Events come in, both sides are killed at random moments, and in the end each event is there once. */
test(`kill -9 of the server and of the delivery, under load: every event exactly once (seed ${SEED})`, async () => {
  const random = new SeededRandom(SEED);
  const options = settings({ url: engine.url, table: 'events', requestRowsMax: 50, timeout: '5 s' });
  const bench = await new Bench({ partitions: 2 }).open();
  const start = async () => {
    const sink = createSink(options, sinkContext({ requestsMax: 3 }));
    return bench.start(sink, deliveryOptions({ bufferRowsMax: 300, requestsMax: 3 }));
  };
  let events = 0;
  const feed = async (commits: number): Promise<void> => {
    for (let n = 0; n < commits; n++) {
      await bench.append(someRows(100, 'e', events));
      events += 100;
      await new Promise((resolve) => setTimeout(resolve, random.below(20)));
    }
  };
  await start();
  for (let round = 0; round < ROUNDS; round++) {
    await feed(5);
    if (round % 2 === 1) await bench.restart();
    await engine.kill();
    if (round % 2 === 1) await start();
    await feed(3);
    await engine.restart();
    await feed(2);
  }
  await bench.drained();
  const found = await ask<{ id: string }>(engine.url, 'SELECT id FROM events');
  expect(found).toHaveLength(events);
  expect(new Set(found.map(({ id }) => id)).size).toBe(events);
  expect(bench.edges()).toEqual({ read: events, ok: events, written: expect.any(Number) });
  await bench.close();
}, 120_000);
