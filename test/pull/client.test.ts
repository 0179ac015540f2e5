/** The client, as programs use it: requests, what is tried again, and pages into a database of the caller's. */
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { applyTo, changes, FeedClient, FeedError, isGone, replay, savedCursor, snapshot } from '../../src/client.js';
import { BACKOFF_MS_MAX, backoffMs } from '../../src/pull/backoff.js';
import { decimalText, DecimalSum } from '../../src/pull/decimal-text.js';
import { expectedRows, inOrder, many } from '../conformance/pull/bench.js';
import { startPostgres, type Postgres } from '../engines/postgres.js';
import { SeededRandom } from '../sim/random.js';
import { ModelFeed, traffic } from './model-feed.js';
import { tableRows } from './postgres/support.js';

let feed: ModelFeed;
let url = '';
beforeEach(async () => {
  feed = new ModelFeed();
  url = await feed.listen();
});
afterEach(() => feed.close());
async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

const options = () => ({ url, key: 'k', tenant: 'acme', view: 'traffic' });

describe('requests', () => {
  test('nothing new is answered with 304, and is the page of before', async () => {
    const client = new FeedClient(options());
    feed.change('acme', ...many(2));
    const first = await client.changes();
    const second = await client.changes({ cursor: first.next_cursor });
    let status = 0;
    feed.intercept = (request, response) => {
      expect(request.headers).toMatchObject({ authorization: 'Bearer k', 'if-none-match': expect.any(String) });
      response.on('finish', () => (status = response.statusCode));
      return false;
    };
    expect(await client.changes({ cursor: first.next_cursor })).toEqual(second);
    expect(status).toBe(304);
    // With something new it is a page again.
    feed.change('acme', traffic(0, 'c0', 9));
    expect((await client.changes({ cursor: first.next_cursor })).changes).toHaveLength(1);
    expect(status).toBe(200);
  });

  test('what the server says becomes an error with code, status, reason and the time to wait', async () => {
    const client = new FeedClient(options());
    feed.intercept = (_, response) => {
      response.writeHead(429, { 'content-type': 'application/json', 'retry-after': '7' });
      response.end('{"error":{"code":"RATE_LIMITED","message":"too often"}}');
      return true;
    };
    await expect(client.describe()).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      status: 429,
      retryAfterMs: 7_000,
      retryable: true,
    });
    feed.intercept = (_, response) => {
      response.writeHead(502, { 'content-type': 'text/html' }).end('<h1>Bad gateway</h1>');
      return true;
    };
    await expect(client.describe()).rejects.toMatchObject({
      code: 'PULL_ANSWER_INVALID',
      status: 502,
      retryable: true,
    });
    feed.intercept = (_, response) => {
      response.writeHead(200).end('{"hello":"there"}');
      return true;
    };
    await expect(client.changes()).rejects.toMatchObject({ code: 'PULL_ANSWER_INVALID' });
    feed.intercept = null;
    await expect(new FeedClient({ ...options(), url: 'http://127.0.0.1:1' }).describe()).rejects.toMatchObject({
      code: 'PULL_SERVER_UNREACHABLE',
    });
    const cursor = (await client.changes()).next_cursor;
    feed.redefine('2.0000000000000000');
    const gone: unknown = await client.changes({ cursor }).catch((error: unknown) => error);
    expect(gone).toBeInstanceOf(FeedError);
    expect(gone).toMatchObject({ code: 'CURSOR_GONE', status: 410, reason: 'epoch', retryable: false });
    expect(isGone(gone)).toBe(true);
  });

  test('a request ends with its signal', async () => {
    const stop = new AbortController();
    feed.intercept = () => (stop.abort(new Error('enough')), true);
    await expect(new FeedClient(options()).changes({ signal: stop.signal })).rejects.toThrow('enough');
  });

  test('waits are doubled up to a minute, by chance shorter, and as long as the server asks', () => {
    const random = new SeededRandom(5);
    const waits = Array.from({ length: 12 }, (_, n) => backoffMs(n + 1, random));
    waits.forEach((wait, n) => {
      const full = Math.min(BACKOFF_MS_MAX, 500 * 2 ** n);
      expect(wait).toBeGreaterThanOrEqual(full / 2);
      expect(wait).toBeLessThanOrEqual(full);
    });
    expect(new Set(waits.slice(8)).size).toBe(4);
    expect(backoffMs(1, random, 90_000)).toBe(90_000);
  });

  test('decimals are compared and added with all their digits', () => {
    expect(['3.250', '-0.00', '007', '+1.5', '-12.340', 'NaN'].map(decimalText)).toEqual([
      '3.25',
      '0',
      '7',
      '1.5',
      '-12.34',
      'NaN',
    ]);
    const sum = new DecimalSum(false);
    for (const value of ['0.1', '-0.30', null, '99999999999999999999.5', '1']) sum.add(value);
    expect(sum.text()).toBe('100000000000000000000.30');
  });
});

describe('iterables', () => {
  test('pages of changes, to the end; those of a snapshot; those of a range', async () => {
    feed.change('acme', ...many(7));
    const pages = await all(changes({ ...options(), limit: 3 }));
    expect(pages.map((page) => page.changes.length)).toEqual([3, 3, 1]);
    expect(pages.map(({ asked }) => asked)).toEqual([null, pages[0]!.next_cursor, pages[1]!.next_cursor]);
    const rest = await all(changes({ ...options(), cursor: pages[1]!.next_cursor }));
    expect(rest.flatMap((page) => page.changes)).toEqual(pages[2]!.changes);
    const listed = await all(snapshot({ ...options(), limit: 4 }));
    expect(listed.map((page) => page.rows.length)).toEqual([4, 3]);
    const range = { from: '2026-01-31T00:02:00.000Z', to: '2026-01-31T00:04:00.000Z' };
    const replayed = await all(replay({ ...options(), ...range }));
    expect(replayed.flatMap((page) => page.rows).map(({ key }) => key['campaign'])).toEqual(['c2', 'c3']);
  });

  test('what passes is tried again, a number of times if that is asked; what does not pass is thrown', async () => {
    feed.change('acme', ...many(1));
    let failures = 2;
    feed.intercept = (_, response) => {
      if (failures-- <= 0) return false;
      response.writeHead(503).end();
      return true;
    };
    const seen: unknown[] = [];
    const pages = changes({ ...options(), onRetry: (error) => seen.push(error) });
    expect((await all(pages)).flatMap((page) => page.changes)).toHaveLength(1);
    expect(seen).toHaveLength(2);
    failures = Infinity;
    await expect(all(changes({ ...options(), attemptsMax: 1 }))).rejects.toMatchObject({ status: 503 });
    feed.intercept = null;
    await expect(all(changes({ ...options(), view: 'other' }))).rejects.toMatchObject({ status: 404 });
  });

  test('end with the signal', async () => {
    const stop = new AbortController();
    feed.change('acme', ...many(3));
    const got: number[] = [];
    for await (const page of changes({ ...options(), limit: 1, waitSeconds: 30, signal: stop.signal })) {
      got.push(page.changes.length);
      if (got.length === 2) stop.abort();
    }
    expect(got).toEqual([1, 1]);
  });
});

describe('applyTo', () => {
  let engine: Postgres;
  let pool: pg.Pool;
  beforeAll(async () => {
    engine = await startPostgres();
    pool = new pg.Pool({ connectionString: engine.url, max: 3 });
    // The query itself rejects when the server goes.
    pool.on('error', () => undefined);
  });
  afterAll(async () => {
    await pool?.end();
    await engine?.stop();
  });
  beforeEach(() => pool.query('DROP TABLE IF EXISTS traffic, traffic_deleted, traffic_staged, millrace_pull'));
  const rows = async () => inOrder(await tableRows(pool, 'traffic'));
  const view = () => new FeedClient(options()).describe();

  test.each(['pool', 'client'])('a snapshot and the changes after it into a %s, as the guide shows', async (kind) => {
    const client = new pg.Client({ connectionString: engine.url });
    await client.connect();
    const db = kind === 'pool' ? pool : client;
    feed.change('acme', ...many(7));
    expect(await savedCursor(db, await view())).toBe(null);
    for await (const page of snapshot({ ...options(), limit: 3 })) await applyTo(db, page);
    expect(await rows()).toEqual([]);
    feed.change('acme', traffic(0, 'c0', 50), { ...traffic(1, 'c1', 0), isDelete: true });
    const follow = async () => {
      const cursor = await savedCursor(db, await view());
      for await (const page of changes({ ...options(), cursor, limit: 3 })) await applyTo(db, page);
      expect(await rows()).toEqual(expectedRows(feed, 'acme'));
    };
    await follow();
    feed.change('acme', ...many(7, 3));
    await follow();
    await follow();
    await client.end();
  });

  test('refuses a page behind one that failed; begun again, nothing is missing', async () => {
    feed.change('acme', ...many(4));
    const [first, second, third] = await all(changes({ ...options(), limit: 2 }));
    expect(third).toBeUndefined();
    await expect(applyTo(pool, second!)).rejects.toMatchObject({ code: 'PULL_PAGE_ELSEWHERE' });
    await applyTo(pool, first!);
    await expect(applyTo(pool, first!)).rejects.toMatchObject({ code: 'PULL_PAGE_ELSEWHERE' });
    expect(await savedCursor(pool, await view())).toBe(first!.next_cursor);
    await applyTo(pool, second!);
    expect(await rows()).toEqual(expectedRows(feed, 'acme'));
  });

  test('begins a snapshot again that was left in its middle', async () => {
    feed.change('acme', ...many(4));
    for await (const page of snapshot({ ...options(), limit: 2 })) {
      await applyTo(pool, page);
      break;
    }
    expect(await savedCursor(pool, await view())).toBe(null);
    feed.change('acme', traffic(3, 'c3', 77));
    for await (const page of snapshot({ ...options(), limit: 2 })) await applyTo(pool, page);
    for await (const page of changes({ ...options(), cursor: await savedCursor(pool, await view()) }))
      await applyTo(pool, page);
    expect(await rows()).toEqual(expectedRows(feed, 'acme'));
  });
});
