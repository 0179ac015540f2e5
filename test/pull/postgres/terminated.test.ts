/** The server ends the session before each statement, and after each COMMIT before its answer is read. */
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { FeedClient } from '../../../src/pull/feed-client.js';
import { Puller } from '../../../src/pull/puller.js';
import { createPostgresTarget } from '../../../src/pull/targets/postgres.js';
import { startPostgres, type Postgres } from '../../engines/postgres.js';
import { expectedRows, inOrder } from '../../conformance/pull/bench.js';
import { ModelFeed, traffic } from '../model-feed.js';
import { ask, tableRows } from './support.js';

let engine: Postgres;
let feed: ModelFeed;
let url = '';
let pool: pg.Pool;
beforeAll(async () => {
  engine = await startPostgres();
  pool = new pg.Pool({ connectionString: engine.url, max: 1 });
  // The query itself rejects when the server goes.
  pool.on('error', () => undefined);
});
afterAll(async () => {
  await pool?.end();
  await engine?.stop();
});
beforeEach(async () => {
  feed = new ModelFeed();
  feed.limit = 3;
  url = await feed.listen();
});
afterEach(() => feed.close());

const OURS = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'millrace pull'`;

test('whatever was under way is all there or not at all', async () => {
  const rows = (from: number, clicks: number) =>
    Array.from({ length: 7 }, (_, n) => traffic(from + n, `c${from + n}`, clicks));
  let left = Infinity;
  const worker = () => {
    const seams = {
      async statement(sql: string) {
        if (--left === 0) await ask(engine.url, OURS);
        return sql;
      },
    };
    const target = createPostgresTarget({ url: engine.url }, seams);
    return { target, puller: new Puller({ client: new FeedClient({ url, tenant: 'acme', view: 'traffic' }), target }) };
  };
  const steps = [
    () => feed.change('acme', ...rows(0, 1)),
    () => feed.change('acme', traffic(0, 'c0', 0), traffic(1, 'c1', 2)),
    () => feed.change('acme', ...rows(0, 1)),
    () => feed.change('acme', { ...traffic(2, 'c2', 0), isDelete: true }, traffic(3, 'c3', 2)),
  ];
  let broken = 0;
  for (const step of steps) {
    step();
    for (let nth = 1; ; nth++) {
      left = nth;
      const { target, puller } = worker();
      const isDone = await puller.catchUp().then(
        () => true,
        (error: unknown) => {
          expect(error).toMatchObject({ code: 'PULL_DATABASE_UNAVAILABLE', retryable: true });
          broken++;
          return false;
        },
      );
      await target.close();
      const sum = (await tableRows(pool, 'traffic')).reduce((total, row) => total + Number(row['clicks']), 0);
      expect([0, 7]).toContain(sum);
      if (isDone) break;
    }
    expect(inOrder(await tableRows(pool, 'traffic'))).toEqual(expectedRows(feed, 'acme'));
  }
  expect(broken).toBeGreaterThan(20);
}, 120_000);
