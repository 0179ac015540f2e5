/** A view's definition changes: both are served until consumers have gone over, then the old one goes. */
import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { parseConfig } from '../../src/config/parse.js';
import type { ChangesPage, SnapshotPage } from '../../src/event/feed.js';
import { startMillrace, type Millrace } from '../../src/millrace.js';

vi.setConfig({ testTimeout: 120_000 });

const OPERATOR = 'operator-key-123456';
const BASE = '/v1/tenants/acme/views/traffic';

const view = (measure: string): string => `
  CREATE MATERIALIZED VIEW traffic WITH (watermark_lag = '1 second', allowed_lateness = '1 hour') AS
  SELECT tenant_id, campaign_id, window_start, ${measure} AS amount
  FROM TUMBLE(events, event_time, INTERVAL '1 minute') GROUP BY tenant_id, campaign_id, window_start, window_end`;
const COUNT = view('count(*)');
const SUM = view('sum(cost)');

let folder: string;
let running: Millrace;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-epochs-'));
});
afterEach(async () => {
  await running.close();
  rmSync(folder, { recursive: true });
});

async function start(sql: string, epochKeep = '7 days'): Promise<void> {
  const config = {
    data: join(folder, 'data'),
    http: { port: 0 },
    streams: { events: { schema: 'ad-events' } },
    views: [{ sql }],
    mill: { epochKeep },
    tenants: [{ id: 'acme' }],
    operators: [{ key: OPERATOR }],
    messages: { level: 'silent' },
  };
  running = await startMillrace(parseConfig(config, { folder }));
}

async function ask<T>(path: string, init: RequestInit = {}): Promise<{ status: number; body: T }> {
  const answer = await fetch(`${running.url}${path}`, { ...init, headers: { authorization: `Bearer ${OPERATOR}` } });
  return { status: answer.status, body: (await answer.json()) as T };
}

async function send(campaign: string, cost: number): Promise<void> {
  const event = {
    event_id: randomUUID(),
    event_type: 'click',
    event_time: Date.now(),
    tenant_id: 'acme',
    campaign_id: campaign,
    cost,
  };
  const { body } = await ask('/v1/events', { method: 'POST', body: JSON.stringify(event) });
  expect(body).toMatchObject({ accepted: 1 });
}

const changes = async (cursor = '', wait = 0) =>
  (await ask<ChangesPage>(`${BASE}/changes?wait=${wait}&cursor=${encodeURIComponent(cursor)}`)).body;

/** Asks on until a row of a campaign comes. */
async function until(campaign: string, cursor: string): Promise<ChangesPage> {
  for (let next = cursor, tries = 0; tries < 40; tries++) {
    const page = await changes(next, 1);
    if (page.changes.some(({ key }) => key['campaign_id'] === campaign)) return page;
    next = page.next_cursor;
  }
  throw new Error(`${campaign} did not come`);
}

const amounts = (rows: ChangesPage['changes']) =>
  Object.fromEntries(rows.map(({ key, values }) => [key['campaign_id'], values['amount']]));

test('both definitions are served, each by its own cursors, until the old one is let go', async () => {
  await start(COUNT);
  await send('spring', 2.5);
  const before = await until('spring', '');
  expect(before.superseded_by).toBeUndefined();
  // Time goes on without events, and so does what is complete.
  const complete = async () => Date.parse((await changes(before.next_cursor)).complete_through ?? '1970-01-01');
  for (let tries = 0, first = await complete(); (await complete()) < first + 1_000; tries++) {
    expect(tries).toBeLessThan(600);
    if (first < 1e12) first = await complete();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await running.close();

  await start(SUM);
  await send('autumn', 1.5);
  const old = await until('autumn', before.next_cursor);
  expect(old).toMatchObject({ epoch: before.epoch, superseded_by: { ready: expect.any(Boolean) as boolean } });
  expect(amounts(old.changes)).toMatchObject({ autumn: 1 });
  let ready = false;
  let next = old.next_cursor;
  for (let tries = 0; !ready && tries < 40; tries++) {
    const page = await changes(next, 1);
    next = page.next_cursor;
    ready = page.superseded_by!.ready;
  }
  expect(ready).toBe(true);
  const snapshot = (await ask<SnapshotPage>(`${BASE}/snapshot`)).body;
  expect(snapshot.epoch).toBe(old.superseded_by!.epoch);
  expect(snapshot.epoch).not.toBe(before.epoch);
  expect(amounts(snapshot.rows)).toEqual({ spring: '2.500000', autumn: '1.500000' });
  expect(snapshot.retained_from).toBeNull();
  expect((await changes(snapshot.next_cursor)).epoch).toBe(snapshot.epoch);
  await running.close();

  // Nothing of it happens twice: each definition has its own revisions, and goes on with them.
  await start(SUM);
  // Only that their minute is over can be new.
  for (const cursor of [next, snapshot.next_cursor])
    expect((await changes(cursor)).changes.filter(({ state }) => state === 'open')).toEqual([]);
  await running.close();

  await start(SUM, '0 s');
  const gone = await ask<{ error: object }>(`${BASE}/changes?cursor=${encodeURIComponent(next)}`);
  expect([gone.status, gone.body.error]).toMatchObject([
    410,
    { code: 'CURSOR_GONE', reason: 'epoch', snapshot: `${BASE}/snapshot` },
  ]);
  const summaries = join(folder, 'data', 'summary');
  expect(existsSync(join(summaries, 'view.traffic', 'blocks', 'data.mdb'))).toBe(false);
  expect(readdirSync(join(summaries, 'view.traffic.2', 'blocks'))).toContain('data.mdb');
  expect((await changes(snapshot.next_cursor)).epoch).toBe(snapshot.epoch);
});

/** Waits until the definition that answers has this number. */
async function answeredBy(epoch: string): Promise<void> {
  for (let tries = 0; !(await changes()).epoch.startsWith(epoch); tries++) {
    expect(tries).toBeLessThan(200);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test('back to a definition of before is a new one', async () => {
  await start(COUNT);
  await send('spring', 1);
  const first = await until('spring', '');
  await running.close();
  await start(SUM);
  await answeredBy('2.');
  await running.close();
  await start(COUNT);
  await answeredBy('3.');
  expect((await ask(`${BASE}/changes?cursor=${encodeURIComponent(first.next_cursor)}`)).status).toBe(410);
});
