/** What a worker that was away costs: the keys that changed, not how often they did. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { PostgresDatabases } from '../chaos/pull/database.js';
import { World } from '../chaos/pull/world.js';

const HOUR_MS = 3_600_000;
const CAMPAIGNS = ['c1', 'c2', 'c3'];

let databases: PostgresDatabases;
beforeAll(async () => {
  databases = await PostgresDatabases.start();
});
afterAll(async () => {
  await databases.stop();
});

it('catches up with a week by taking each changed key once', async () => {
  const world = await World.open({
    seed: 1,
    family: 'counts',
    databases,
    partitions: 2,
    workers: 1,
    limit: 50,
    snapshotEveryMs: 30_000,
    summary: { quietMs: 0, sealRowsMin: 100, sealAgeMs: 0, reopenedMs: 0 },
  });
  try {
    const { generator, clock, server, fold, workers } = world;
    const [worker] = workers;
    await world.send(generator.deposit(clock.now()));
    await world.catchUp();
    await worker!.catchUp();
    const before = fold.newest;
    for (let hours = 0; hours < 7 * 24; hours += 6) {
      for (let update = 0; update < 10; update++) {
        await world.send(CAMPAIGNS.flatMap((campaign) => generator.touch(campaign, clock.now())));
        await world.catchUp();
      }
      if (hours % 48 === 0) await server.settle();
      world.pass(6 * HOUR_MS);
      await world.catchUp();
    }
    const revisions = fold.since(before);
    const keys = new Set(revisions.map(({ name }) => name)).size;
    expect(keys).toBe(28 * CAMPAIGNS.length + 1);
    expect(revisions.length).toBeGreaterThan(10 * keys);
    expect(await worker!.catchUp()).toBe(keys);
    await world.finish();
  } finally {
    await world.close();
  }
}, 120_000);
