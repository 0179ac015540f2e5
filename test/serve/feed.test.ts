/** The changes feed over HTTP: pages, cursors, long polls, snapshots, digests, and what is refused. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  hashText,
  keyHash,
  rowHash,
  type ChangesPage,
  type FeedDigest,
  type FeedRow,
  type FeedView,
  type SnapshotPage,
} from '../../src/event/feed.js';
import { closedThrough } from '../../src/serve/feed/complete-through.js';
import { change, MINUTE, START } from './query/fixture.js';
import { codeOf, openServer, type Key, type ServerFixture } from './server.js';

const ACME = '/v1/tenants/acme/views/traffic';

let server: ServerFixture;
beforeEach(async () => {
  server = await openServer();
});
afterEach(async () => {
  await server.close();
});

async function changes(query = '', key: Key = 'acme', base = ACME): Promise<ChangesPage> {
  const { status, body } = await server.ask(`${base}/changes${query}`, key);
  expect(status).toBe(200);
  return body as ChangesPage;
}

async function post(path: string, body: object, key: Key = 'acme') {
  return server.ask(path, key, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
  });
}

const cursorOf = ({ next_cursor }: { next_cursor: string }) => `?cursor=${encodeURIComponent(next_cursor)}`;
const shown = ({ key, values }: FeedRow) => [key['campaign'], values['impressions']];

describe('the changes feed', () => {
  it('tells a view', async () => {
    expect((await server.ask(ACME, 'acme')).body as FeedView).toEqual({
      view: 'traffic',
      tenant: 'acme',
      epoch: '1.0123456789abcdef',
      key: [
        { name: 'window_start', type: 'timestamptz' },
        { name: 'window_end', type: 'timestamptz' },
        { name: 'campaign', type: 'text' },
      ],
      values: [
        { name: 'impressions', type: 'bigint', additive: true },
        { name: 'cost', type: 'numeric', scale: 6, additive: true },
        { name: 'rate', type: 'double precision' },
      ],
      window_ms: MINUTE,
      stable_rev: expect.any(Number) as number,
      complete_through: new Date(START).toISOString(),
      retained_from: null,
    });
    expect((await server.ask('/v1/whoami', 'acme')).body).toEqual({ tenant: 'acme', role: 'read' });
    expect((await server.ask('/v1/whoami', 'operator')).body).toEqual({ tenant: '*', role: 'operator' });
  });

  it('gives each key once, at its newest, and goes on from its cursor', async () => {
    const first = await changes('?limit=1');
    expect(first).toMatchObject({ has_more: true, complete_through: new Date(START).toISOString() });
    expect(first.changes).toEqual([
      {
        rev: expect.any(Number) as number,
        op: 'upsert',
        state: 'open',
        reason: null,
        txn: 1,
        key: {
          window_start: new Date(START).toISOString(),
          window_end: new Date(START + MINUTE).toISOString(),
          campaign: 'spring',
        },
        values: { impressions: 4, cost: '1.000000', rate: 1 },
      },
    ]);
    await server.fixture.change([change('acme', 1, 'spring', 7), change('acme', 1, 'spring', 8)]);
    const second = await changes(cursorOf(first));
    expect([second.has_more, second.changes.map(shown)]).toEqual([false, [['spring', 8]]]);
    await server.fixture.change([
      change('acme', 0, 'spring', 0, { op: 'delete', state: 'corrected', reason: 'late', txn: 2 }),
    ]);
    const third = await changes(cursorOf(second));
    expect(third.changes).toMatchObject([{ op: 'delete', state: 'corrected', reason: 'late', txn: 2, values: {} }]);
    expect((await changes(cursorOf(third))).changes).toEqual([]);
    expect(third.stable_rev).toBeGreaterThanOrEqual(third.changes[0]!.rev);
  });

  it('knows how far each tenant is, where each has a clock of its own', async () => {
    const { store } = server.fixture.views.get('traffic')!;
    expect(closedThrough(store, 'acme')).toBeNull();
    await server.fixture.change([
      change('acme', 0, 'spring', 4, { state: 'final' }),
      change('acme', 2, 'spring', 1, { state: 'corrected', reason: 'late' }),
      change('acme', 3, 'spring', 1),
      change('bolt', 0, 'winter', 5, { state: 'final' }),
    ]);
    expect(closedThrough(store, 'acme')).toBe(START + 3 * MINUTE);
    expect(closedThrough(store, 'bolt')).toBe(START + MINUTE);
    expect(closedThrough(store, 'nobody')).toBeNull();
  });

  it('waits for something new, for this tenant only', async () => {
    const { next_cursor } = await changes();
    const asked = changes(`?wait=20&cursor=${encodeURIComponent(next_cursor)}`);
    await server.fixture.change([change('bolt', 5, 'winter', 1)]);
    await server.fixture.change([change('acme', 5, 'autumn', 3)]);
    expect((await asked).changes.map(shown)).toEqual([['autumn', 3]]);
    const again = await changes(cursorOf(await asked));
    expect(again.changes).toEqual([]);
    expect((await changes(`?wait=1&cursor=${encodeURIComponent(again.next_cursor)}`)).changes).toEqual([]);
  });

  it('answers 304 when the same question has the same answer', async () => {
    const { next_cursor } = await changes();
    const path = `${ACME}/changes?cursor=${encodeURIComponent(next_cursor)}`;
    const { headers } = await server.ask(path, 'acme');
    const same = await server.ask(path, 'acme', { headers: { 'if-none-match': headers.get('etag')! } });
    expect([same.status, same.body]).toEqual([304, '']);
    expect(same.headers.get('x-millrace-complete-through')).toBe(new Date(START).toISOString());
    await server.fixture.change([change('acme', 1, 'spring', 9)]);
    const other = await server.ask(path, 'acme', { headers: { 'if-none-match': headers.get('etag')! } });
    expect(other.status).toBe(200);
  });

  it('takes only windows from a time on, all the way', async () => {
    const from = `from=${START + MINUTE}`;
    const page = await changes(`?${from}`);
    expect(page.changes.map(shown)).toEqual([['spring', 6]]);
    await server.fixture.change([change('acme', 0, 'late', 1), change('acme', 1, 'on time', 2)]);
    expect((await changes(`${cursorOf(page)}&${from}`)).changes.map(shown)).toEqual([['on time', 2]]);
    expect(codeOf(await server.ask(`${ACME}/changes${cursorOf(page)}`, 'acme'))).toBe('CURSOR_INVALID');
  });

  it('lists all rows by key at a pinned revision, and goes on with the changes since', async () => {
    await server.fixture.change(
      Array.from({ length: 20 }, (_, index) => change('acme', 2 + (index % 3), `c${index}`, index)),
    );
    await server.fixture.change([change('acme', 1, 'spring', 0, { op: 'delete' })]);
    let page = (await server.ask(`${ACME}/snapshot?limit=5`, 'acme')).body as SnapshotPage;
    const rows = [...page.rows];
    await server.fixture.change([change('acme', 2, 'c0', 1_000), change('acme', 9, 'new', 1)]);
    const pinned = Math.max(...rows.map(({ rev }) => rev));
    while (page.has_more) {
      page = (await server.ask(`${ACME}/snapshot${cursorOf(page)}&limit=5`, 'acme')).body as SnapshotPage;
      rows.push(...page.rows);
    }
    const keys = rows.map(({ key }) => JSON.stringify(key));
    expect(new Set(keys).size).toBe(keys.length);
    expect(rows.map(({ key }) => key['window_start'])).toEqual(
      rows.map(({ key }) => key['window_start'] as string).toSorted(),
    );
    expect(pinned).toBeGreaterThan(0);
    const after = await changes(cursorOf(page));
    const held = new Map(rows.map((row) => [JSON.stringify(row.key), row]));
    for (const row of after.changes) held.set(JSON.stringify(row.key), row);
    // What changed while it was listed comes with the changes, if it had not come by then.
    expect(after.changes.map(shown)).toEqual([
      ['c0', 1_000],
      ['new', 1],
    ]);
    expect(held.size).toBe(1 + 20 + 1);
  });

  it('comes to a digest that a consumer can compute', async () => {
    await server.fixture.change([
      change('acme', 24 * 60, 'next day', 5),
      change('acme', 24 * 60, null, 7),
      change('acme', 24 * 60 + 1, 'gone', 7, { op: 'delete' }),
    ]);
    const digest = (await server.ask(`${ACME}/digest`, 'acme')).body as FeedDigest;
    const { changes: rows } = await changes();
    const days = new Map<string, { rows: number; impressions: number; hash: bigint; last: number }>();
    for (const { key, values, rev, op } of rows) {
      const name = (key['window_start'] as string).slice(0, 10);
      const day = days.get(name) ?? { rows: 0, impressions: 0, hash: 0n, last: 0 };
      day.last = Math.max(day.last, rev);
      if (op === 'upsert') {
        day.rows += 1;
        day.impressions += values['impressions'] as number;
        day.hash += rowHash(keyHash('acme', Object.values(key)), rev);
      }
      days.set(name, day);
    }
    expect(
      digest.days.map(({ day, rows: count, last_rev, sums, hash }) => [
        day,
        count,
        last_rev,
        sums['impressions'],
        hash,
      ]),
    ).toEqual([...days].map(([day, one]) => [day, one.rows, one.last, String(one.impressions), hashText(one.hash)]));
    expect(digest.days.map(({ sums }) => sums['cost'])).toEqual(['2.500000', '3.000000']);
    const ranged = (await server.ask(`${ACME}/digest?from=${START + 24 * 60 * MINUTE}`, 'acme')).body as FeedDigest;
    expect(ranged.days).toEqual(digest.days.slice(1));
  });

  it('lists a range again', async () => {
    const range = { from: new Date(START).toISOString(), to: START + MINUTE };
    const { body } = await post(`${ACME}/replay`, range);
    expect((body as SnapshotPage).rows.map(shown)).toEqual([['spring', 4]]);
    expect((body as SnapshotPage).has_more).toBe(false);
    expect(codeOf(await post(`${ACME}/replay`, { ...range, to: 'soon' }))).toBe('BODY_MALFORMED');
    expect(codeOf(await post(`${ACME}/replay`, { since: 1 }))).toBe('BODY_MALFORMED');
  });

  it('hears how far a consumer is', async () => {
    const first = await changes('?limit=1');
    expect((await post(`${ACME}/ack`, { cursor: first.next_cursor })).body).toEqual({ lag_revisions: 1 });
    const last = await changes(cursorOf(first));
    expect((await post(`${ACME}/ack`, { cursor: last.next_cursor })).body).toEqual({ lag_revisions: 0 });
    expect(codeOf(await post(`${ACME}/ack`, { cursor: 'x' }))).toBe('CURSOR_INVALID');
  });

  it('has rows of a view over all tenants for operators, as those of *', async () => {
    const base = '/v1/tenants/*/views/totals';
    expect((await changes('', 'operator', base)).changes.map(shown)).toEqual([['spring', 9]]);
    expect(codeOf(await server.ask(`${base}/changes`, 'acme'))).toBe('KEY_FORBIDDEN');
    expect(codeOf(await server.ask('/v1/tenants/acme/views/totals/changes', 'operator'))).toBe('NOT_FOUND');
    expect(codeOf(await server.ask('/v1/tenants/*/views/traffic/changes', 'operator'))).toBe('NOT_FOUND');
  });

  it('says when a cursor is newer than what the server has', async () => {
    // The same keys and the same view: as a server that was restored from an earlier state.
    const later = await openServer();
    try {
      await later.fixture.change(Array.from({ length: 50 }, (_, minute) => change('acme', minute, 'spring', 1)));
      const { next_cursor } = (await later.ask(`${ACME}/changes`, 'acme')).body as ChangesPage;
      const { status, body } = await server.ask(`${ACME}/changes?cursor=${encodeURIComponent(next_cursor)}`, 'acme');
      expect([status, body]).toMatchObject([
        410,
        { error: { code: 'CURSOR_GONE', reason: 'ahead', snapshot: `${ACME}/snapshot` } },
      ]);
    } finally {
      await later.close();
    }
  });

  it('refuses cursors that are not for this place', async () => {
    const { next_cursor } = await changes();
    const ask = async (path: string, key: Key = 'acme') => codeOf(await server.ask(path, key));
    const cursor = `?cursor=${encodeURIComponent(next_cursor)}`;
    const forged = next_cursor.replace(/^./, (first) => (first === 'W' ? 'X' : 'W'));
    const cases: [string, Key, string][] = [
      [`${ACME}/changes?cursor=${encodeURIComponent(forged)}`, 'acme', 'CURSOR_INVALID'],
      [`${ACME}/changes?cursor=nonsense`, 'acme', 'CURSOR_INVALID'],
      [`${ACME}/changes?cursor=${'a'.repeat(4_000)}`, 'acme', 'CURSOR_INVALID'],
      [`/v1/tenants/bolt/views/traffic/changes${cursor}`, 'operator', 'CURSOR_INVALID'],
      [`/v1/tenants/bolt/views/traffic/changes${cursor}`, 'bolt', 'CURSOR_INVALID'],
      [`/v1/tenants/bolt/views/traffic/changes`, 'acme', 'KEY_FORBIDDEN'],
      [`/v1/tenants/*/views/totals/changes${cursor}`, 'operator', 'CURSOR_INVALID'],
      [`${ACME}/snapshot${cursor}`, 'acme', 'CURSOR_INVALID'],
      [`${ACME}/changes?limit=0`, 'acme', 'BODY_MALFORMED'],
      [`${ACME}/changes?wait=31`, 'acme', 'BODY_MALFORMED'],
      ['/v1/tenants/acme/views/nothing/changes', 'acme', 'NOT_FOUND'],
      [`${ACME}/changes`, null, 'KEY_MISSING'],
    ];
    for (const [path, key, code] of cases) expect([path, await ask(path, key)]).toEqual([path, code]);
  });
});
