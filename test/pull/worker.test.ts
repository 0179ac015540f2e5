/** Many pulls in one process: how many at once, who waits for whom, and how it ends. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/io/clock.js';
import { FeedClient } from '../../src/pull/feed-client.js';
import { parsePullList } from '../../src/pull/options.js';
import { Puller } from '../../src/pull/puller.js';
import { Report, type PullEvent } from '../../src/pull/report.js';
import { Slots } from '../../src/pull/slots.js';
import type { PullTarget } from '../../src/pull/target.js';
import { runPulls, type Pull, type WorkerOptions } from '../../src/pull/worker.js';
import { createMetrics, renderMetrics } from '../../src/telemetry/metrics.js';
import { expectedRows, inOrder, many, type TargetUnderTest } from '../conformance/pull/bench.js';
import { SeededRandom } from '../sim/random.js';
import { ModelFeed, traffic } from './model-feed.js';
import { sqliteUnderTest } from './sqlite/support.js';

let feed: ModelFeed;
let url = '';
let under: TargetUnderTest;
let target: PullTarget;
let events: PullEvent[] = [];
let metrics = createMetrics();
const TENANTS = ['t0', 't1', 't2', 't3', 't4', 't5'];

beforeEach(async () => {
  feed = new ModelFeed();
  url = await feed.listen();
  under = sqliteUnderTest();
  target = under.open();
  events = [];
  metrics = createMetrics();
  for (const tenant of TENANTS) feed.change(tenant, ...many(5));
});
afterEach(async () => {
  await feed.close();
  await target.close();
  await under.close();
});

const pulls = (): Pull[] =>
  TENANTS.map((tenant) => {
    const client = new FeedClient({ url, tenant, view: 'traffic' });
    return { tenant, view: 'traffic', client, puller: new Puller({ client, target, limit: 2 }) };
  });

/** Waits are over at once. */
const hasty = { ...systemClock, after: (_: number, run: () => void) => systemClock.after(1, run) };

const options = (more: Partial<WorkerOptions> = {}): WorkerOptions => ({
  mode: 'once',
  pullsMax: 2,
  everyMs: 1,
  signal: new AbortController().signal,
  clock: hasty,
  random: new SeededRandom(1),
  reporter: new Report(metrics, systemClock, (event) => events.push(event)),
  ...more,
});

async function agree(tenants: readonly string[]): Promise<void> {
  const rows = inOrder(await under.rows('traffic'));
  for (const tenant of tenants)
    expect(rows.filter((row) => row['_tenant'] === tenant)).toEqual(expectedRows(feed, tenant));
}

describe('a worker', () => {
  test('pulls all once, a bounded number at a time, and counts', async () => {
    let [now, most] = [0, 0];
    feed.delayMs = 5;
    feed.intercept = (_, response) => {
      most = Math.max(most, ++now);
      response.on('close', () => now--);
      return false;
    };
    expect(await runPulls(pulls(), options())).toEqual(new Map());
    await agree(TENANTS);
    expect(most).toBe(2);
    const page = await renderMetrics([await metrics.collect()]);
    expect(page).toContain('millrace_pull_rows_total{view="traffic"} 30');
    expect(page).toContain('millrace_pull_current{view="traffic"} 6');
    expect(page).toContain('millrace_pull_lag_revisions{view="traffic"} 0');
    expect(events.filter(({ event }) => event === 'current')).toHaveLength(6);
  });

  test('goes on with the others when one fails: at once for what does not pass, else after some attempts', async () => {
    feed.intercept = ({ url: path }, response) => {
      const status = path!.includes('/t1/') ? 403 : path!.includes('/t4/') ? 503 : 0;
      if (status === 0) return false;
      response.writeHead(status).end(`{"error":{"code":"${status === 403 ? 'KEY_FORBIDDEN' : 'SHUTTING_DOWN'}"}}`);
      return true;
    };
    const failed = await runPulls(pulls(), options());
    expect([...failed.keys()].map(({ tenant }) => tenant).toSorted()).toEqual(['t1', 't4']);
    await agree(['t0', 't2', 't3', 't5']);
    const told = (tenant: string) => events.filter((event) => event.tenant === tenant).map(({ event }) => event);
    expect(told('t1')).toEqual(['gave_up']);
    expect(told('t4')).toEqual([...Array.from({ length: 7 }, () => 'failed'), 'gave_up']);
  });

  test('follows: what changes comes, a key that is revoked and comes back too; it stops when told', async () => {
    const stop = new AbortController();
    const running = runPulls(pulls(), options({ mode: 'follow', signal: stop.signal }));
    const until = async (isSo: () => boolean | Promise<boolean>) => {
      for (let tries = 0; !(await isSo()); tries++) {
        expect(tries).toBeLessThan(2_000);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    await until(() => events.filter(({ event }) => event === 'current').length >= 6);
    feed.intercept = ({ url: path }, response) => {
      if (!path!.includes('/t3/')) return false;
      response.writeHead(401).end('{"error":{"code":"KEY_INVALID","message":"revoked"}}');
      return true;
    };
    for (const tenant of TENANTS)
      feed.change(tenant, traffic(0, 'c0', 500), { ...traffic(1, 'c1', 0), isDelete: true });
    await until(() => events.some(({ event, tenant }) => event === 'failed' && tenant === 't3'));
    feed.intercept = null;
    await until(async () => {
      const rows = await under.rows('traffic');
      return rows.filter((row) => row['clicks'] === '500').length === 6;
    });
    stop.abort();
    expect(await running).toEqual(new Map());
    await agree(TENANTS);
  });
});

test('slots go to who asked first, and one who no longer waits gets none', async () => {
  const slots = new Slots(1);
  const signal = new AbortController().signal;
  const release = await slots.take(signal);
  const order: string[] = [];
  const leaving = new AbortController();
  const one = slots.take(signal).then((free) => (order.push('one'), free));
  const gone = slots.take(leaving.signal);
  const two = slots.take(signal).then((free) => (order.push('two'), free));
  leaving.abort(new Error('left'));
  await expect(gone).rejects.toThrow('left');
  release();
  release();
  (await one)();
  await two;
  expect(order).toEqual(['one', 'two']);
});

describe('the file', () => {
  const parse = (value: unknown) =>
    parsePullList(value, 'pull.yaml', { KEY: 'k1', DB: 'sqlite:x', MILLRACE_KEY: 'k0' });
  const file = {
    url: 'https://m.example',
    intoEnv: 'DB',
    pulls: [{ tenant: 'acme', keyEnv: 'KEY', views: ['a', 'b'] }],
  };

  test('names pulls; keys and addresses may come from the environment', () => {
    const all = { tenant: 'acme', key: 'k1', into: 'sqlite:x', schema: undefined, table: undefined };
    expect(parse(file)).toEqual({
      url: 'https://m.example',
      pullsMax: 4,
      everySeconds: 5,
      limit: undefined,
      pulls: [
        { ...all, view: 'a' },
        { ...all, view: 'b' },
      ],
    });
    expect(parse({ ...file, pulls: [{ views: ['a'], table: 't' }] }).pulls).toEqual([
      { ...all, key: 'k0', tenant: undefined, view: 'a', table: 't' },
    ]);
  });

  test.each([
    [{ ...file, pulls: [] }, /pulls: /],
    [{ ...file, pulsMax: 3 }, /pulsMax/],
    [{ ...file, pulls: [{ views: ['a', 'b'], table: 't' }] }, /pulls\.0\.table: expected one view/],
    [{ ...file, pulls: [{ views: ['a'], keyEnv: 'NONE' }] }, /pulls\.0\.keyEnv: the environment has no NONE/],
    [{ url: file.url, pulls: file.pulls }, /pulls\.0\.into/],
    [{ ...file, pulls: [...file.pulls, ...file.pulls] }, /view 'a' of acme goes into one database twice/],
  ])('with a mistake is refused: %#', (value, message) => {
    expect(() => parse(value)).toThrow(message);
  });
});
