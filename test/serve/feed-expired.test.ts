/** What consumers are told of rows that have left by age. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ChangesPage, FeedDigest, SnapshotPage } from '../../src/event/feed.js';
import { change, MINUTE, START } from './query/fixture.js';
import { openServer, type ServerFixture } from './server.js';

const ACME = '/v1/tenants/acme/views/traffic';
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

let server: ServerFixture;
beforeEach(async () => {
  server = await openServer();
});
afterEach(async () => {
  await server.close();
});

async function ask<T>(path: string): Promise<T> {
  const { status, body } = await server.ask(`${ACME}${path}`, 'acme');
  expect(status).toBe(200);
  return body as T;
}

/** Windows that ended longer ago than a day leave. */
async function expire(): Promise<void> {
  const { closed, store } = server.fixture.views.get('traffic')!;
  await closed.expiry.begin({ allMs: DAY, tenantMs: {} }, START + HOUR, [...store.positions]);
}

const cursorOf = ({ next_cursor }: { next_cursor: string }): string => `?cursor=${encodeURIComponent(next_cursor)}`;

it('who has seen all of them goes on; who has not is told to load a snapshot', async () => {
  await server.fixture.change([change('acme', -3 * 24 * 60, 'old', 1)]);
  const before = await ask<ChangesPage>('/changes');
  await server.fixture.change([change('acme', -3 * 24 * 60, 'old', 2), change('acme', 1, 'new', 3)]);
  const behind = before;
  const after = await ask<ChangesPage>(`/changes${cursorOf(before)}`);
  expect(after.changes).toHaveLength(2);
  await expire();

  const page = await ask<ChangesPage>(`/changes${cursorOf(after)}`);
  expect(page.changes).toEqual([]);
  expect(Date.parse(page.retained_from!)).toBeLessThanOrEqual(START + HOUR - DAY - MINUTE);
  expect(Date.parse(page.retained_from!)).toBeGreaterThan(START - 3 * DAY);

  const { status, body } = await server.ask(`${ACME}/changes${cursorOf(behind)}`, 'acme');
  expect(status).toBe(410);
  expect((body as { error: object }).error).toMatchObject({
    code: 'CURSOR_GONE',
    reason: 'expired',
    snapshot: `${ACME}/snapshot`,
  });
});

it('a snapshot and a digest hold what is kept, without a tombstone for what is gone', async () => {
  await server.fixture.change([change('acme', -3 * 24 * 60, 'old', 2)]);
  await expire();
  const snapshot = await ask<SnapshotPage>('/snapshot');
  expect(snapshot.rows.some(({ key }) => key['campaign'] === 'old')).toBe(false);
  expect(snapshot.rows.length).toBeGreaterThan(0);
  const next = await ask<ChangesPage>(`/changes${cursorOf(snapshot)}`);
  expect(next.changes).toEqual([]);
  const digest = await ask<FeedDigest>('/digest');
  expect(digest.days.every(({ day }) => Date.parse(day) >= Date.parse(digest.retained_from!) - DAY)).toBe(true);
  expect(digest.days.reduce((sum, { rows }) => sum + rows, 0)).toBe(snapshot.rows.length);
});
