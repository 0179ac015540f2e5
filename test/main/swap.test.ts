/** A changed view: who answers until the new definition has come as far, also when the process is killed meanwhile. */
import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { ViewDiff } from '../../src/serve/diff/view-diff.js';
import type { Explanation } from '../../src/serve/explain/explanation.js';
import type { ChangesPage } from '../../src/event/feed.js';
import { freePort, startServer, type Server } from '../chaos/server.js';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 60_000 });

const OPERATOR = 'operator-key-123456';
const BASE = '/v1/tenants/acme/views/traffic';

const view = (measures: string, options = ''): string => `
  CREATE MATERIALIZED VIEW traffic WITH (watermark_lag = '1 second', allowed_lateness = '1 hour'${options}) AS
  SELECT tenant_id, campaign_id, window_start, ${measures}
  FROM TUMBLE(events, event_time, INTERVAL '1 minute') GROUP BY tenant_id, campaign_id, window_start, window_end`;
const COUNT = view('count(*) AS events, sum(cost) AS cost');
const DOUBLED = view('sum(2) AS events, sum(cost) AS cost');

let folder: string;
let server: Server | null = null;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-swap-'));
  mkdirSync(join(folder, 'endpoints'));
  writeFileSync(join(folder, 'endpoints', 'total.sql'), 'SELECT sum(events) AS events FROM traffic');
});
afterEach(async () => {
  await server?.kill();
  server = null;
  rmSync(folder, { recursive: true });
});

async function start(sql: string, swap: 'auto' | 'manual' = 'auto'): Promise<void> {
  await server?.stop();
  await startAgain(sql, swap);
}

async function startAgain(sql: string, swap: 'auto' | 'manual'): Promise<void> {
  const config = join(folder, 'millrace.config.json');
  const content = {
    streams: { events: { schema: 'ad-events' } },
    views: [{ sql }],
    endpoints: ['endpoints/*.sql'],
    mill: { swap },
    tenants: [{ id: 'acme' }],
    operators: [{ key: OPERATOR }],
  };
  writeFileSync(config, JSON.stringify(content));
  const port = await freePort();
  server = startServer({ config, data: join(folder, 'data'), port, output: join(folder, 'output') });
  expect(await server.ready()).toBe(true);
}

async function ask<T>(path: string, init: RequestInit = {}): Promise<{ status: number; body: T }> {
  const answer = await fetch(`${server!.url}${path}`, { ...init, headers: { authorization: `Bearer ${OPERATOR}` } });
  return { status: answer.status, body: (await answer.json()) as T };
}

async function send(events: number, agoMs = 0): Promise<void> {
  const lines = Array.from({ length: events }, (_, i) =>
    JSON.stringify({
      event_id: randomUUID(),
      event_type: 'click',
      event_time: Date.now() - agoMs,
      tenant_id: 'acme',
      campaign_id: `c${i % 7}`,
      cost: 1.5,
    }),
  );
  const { body } = await ask('/v1/events', { method: 'POST', body: lines.join('\n') });
  expect(body).toMatchObject({ accepted: events });
}

const query = async (sql: string) =>
  (
    await ask<{ columns: { name: string }[]; rows: unknown[][] }>('/v1/query', {
      method: 'POST',
      body: JSON.stringify({ sql }),
    })
  ).body;
/** The count of events that the view says; null while it has none. */
const counted = async () => Number((await query('SELECT sum(events) FROM traffic')).rows[0]![0]);
const changes = async (cursor = '') =>
  (await ask<ChangesPage>(`${BASE}/changes?cursor=${encodeURIComponent(cursor)}`)).body;
const swap = (more = '') =>
  ask<{ epoch: string; error: { code: string } }>(`/v1/views/traffic/swap${more}`, { method: 'POST' });

async function until(wanted: number): Promise<void> {
  for (let tries = 0; (await counted()) !== wanted; tries++) {
    expect(tries).toBeLessThan(300);
    await sleep(50);
  }
}

const explain = async (sql?: string) =>
  (
    await ask<Explanation>(
      '/v1/views/traffic/explain',
      sql === undefined ? {} : { method: 'POST', body: JSON.stringify({ sql }) },
    )
  ).body;

test('what a view is doing, and what a change would be', async () => {
  await start(COUNT);
  await send(70, 600_000);
  await send(30);
  await until(100);
  const { change: none, definitions, swap: nothing } = await explain();
  expect([none, nothing, definitions.length]).toEqual([undefined, null, 1]);
  expect(definitions[0]).toMatchObject({
    answers: true,
    plan: { runs: 'kernel', emit: 'change', lagMs: 1_000, allowedLatenessMs: 3_600_000 },
    sources: [{ stream: 'events', clock: 'arrival' }],
    reader: { state: 'running', lagRows: 0 },
    late: 0,
  });
  const { delays, oldestOpen, plan, sources, state } = definitions[0]!;
  expect(plan.lines.join('\n')).toContain('Window tumble 60000 ms');
  expect(sources[0]!.partitions.reduce((sum, { end, offset }) => sum + offset * Number(offset === end), 0)).toBe(100);
  expect(delays.filter(({ belowMs }) => belowMs === 1e6)).toEqual([{ belowMs: 1e6, rows: 70 }]);
  expect(delays.reduce((sum, { rows }) => sum + rows, 0)).toBe(100);
  expect(oldestOpen!.why).toMatch(/^closes when the clock passes 20.*, in /);
  expect(state.parts[0]!.keys).toBeGreaterThan(0);

  expect((await explain(COUNT)).change!.outlook).toEqual({ kind: 'unchanged' });
  const ordered = await explain(view('sum(cost) AS cost, count(*) AS events', ", emit = '5 seconds'"));
  expect(ordered.change!.outlook.kind).toBe('same state');
  expect((await explain(DOUBLED)).change).toMatchObject({ outlook: { kind: 'replay', rows: 100, sinceMs: null } });
  expect((await ask('/v1/views/traffic/explain', { method: 'POST', body: '{"sql": "SELECT 1 +"}' })).status).toBe(400);

  // The other definition, which has another filter besides.
  await start(
    view('sum(2) AS events, sum(cost) AS cost').replace('GROUP', "WHERE campaign_id <> 'c6' GROUP"),
    'manual',
  );
  for (let tries = 0; (await explain()).swap!.lagRows > 0; tries++) {
    expect(tries).toBeLessThan(100);
    await sleep(50);
  }
  await sleep(1_000);
  const both = await explain();
  expect(both.definitions.map(({ answers }) => answers)).toEqual([true, false]);
  const diff = await ask<ViewDiff>('/v1/views/traffic/diff?tenant=acme');
  expect(diff.body).toMatchObject({
    newest: both.swap!.epoch,
    incomparable: null,
    counts: { same: 0, changed: 6, onlyBefore: 1, onlyNewest: 0 },
    columns: [
      { name: 'events', changed: 6 },
      { name: 'cost', changed: 0, examples: [] },
    ],
    onlyBefore: [{ campaign_id: 'c6', tenant_id: 'acme' }],
    onlyNewest: [],
  });
  expect(diff.body.columns[0]!.examples[0]).toMatchObject({ before: '10', newest: '20' });
  expect((await ask<ViewDiff>('/v1/views/traffic/diff?limit=0')).body.counts).toEqual(diff.body.counts);
});

test('until the swap the definition before answers everywhere, then the new one', async () => {
  await start(COUNT);
  await send(500);
  await until(500);
  const first = await changes();
  expect(first.superseded_by).toBeUndefined();

  await start(DOUBLED, 'manual');
  await send(100);
  await until(600);
  // Long after the new definition has come as far.
  await sleep(1_500);
  const everywhere = async () => {
    const endpoint = await ask<{ rows: unknown[][] }>('/v1/endpoints/total');
    const rows = await ask<{ rows: { events: number }[] }>('/v1/views/traffic/rows?tenant=acme');
    const all = await ask<{ rows: { events: number }[] }>('/v1/views/traffic/rows');
    const hours = await ask<{ rows: { events: number }[] }>('/v1/views/traffic/rows?granularity=1h');
    const sum = (of: { events: number }[]) => of.reduce((total, { events }) => total + Number(events), 0);
    return [
      await counted(),
      Number(endpoint.body.rows[0]![0]),
      sum(rows.body.rows),
      sum(all.body.rows),
      sum(hours.body.rows),
      sum((await changes()).changes.map(({ values }) => ({ events: Number(values['events']) }))),
    ];
  };
  expect(await everywhere()).toEqual([600, 600, 600, 600, 600, 600]);
  const waiting = await changes(first.next_cursor);
  expect(waiting).toMatchObject({ epoch: first.epoch, superseded_by: { ready: false } });

  const swapped = await swap();
  expect(swapped).toMatchObject({ status: 200, body: { epoch: waiting.superseded_by!.epoch } });
  expect(await everywhere()).toEqual([1200, 1200, 1200, 1200, 1200, 1200]);
  expect(await changes(first.next_cursor)).toMatchObject({
    epoch: first.epoch,
    superseded_by: { epoch: swapped.body.epoch, ready: true },
  });
  expect(await swap()).toMatchObject({ status: 409, body: { error: { code: 'VIEW_UNCHANGED' } } });
});

test('killed between commits of the new definition and the swap, or around it, nobody goes back', async () => {
  await start(COUNT);
  await send(1_000);
  await until(1_000);
  await start(DOUBLED, 'manual');
  await sleep(1_000);
  await server!.kill();
  // The new definition has committed; nobody has seen it.
  await startAgain(DOUBLED, 'manual');
  expect(await counted()).toBe(1_000);

  let seen = 1_000;
  for (let round = 0; seen === 1_000; round++) {
    expect(round).toBeLessThan(40);
    const asked = swap().catch(() => undefined);
    // Sooner and later than a swap takes, so that both sides of it are met.
    await sleep(15 * round);
    await server!.kill();
    const answered = (await asked)?.status === 200;
    await startAgain(DOUBLED, 'manual');
    seen = await counted();
    expect([1_000, 2_000]).toContain(seen);
    if (answered) expect(seen).toBe(2_000);
  }
});

test('by itself as soon as it has come as far, while events come', async () => {
  await start(COUNT);
  await send(1_000);
  await until(1_000);
  await start(DOUBLED);
  let sent = 1_000;
  let swapped = false;
  for (let round = 0; !swapped; round++) {
    expect(round).toBeLessThan(200);
    await send(20);
    sent += 20;
    const count = await counted();
    // Of the one before all were seen before; of the new one all are there, but for the last moment's.
    swapped = count > sent;
    if (!swapped) expect(count).toBeGreaterThanOrEqual(1_000);
    else expect(count).toBeGreaterThanOrEqual(2_000);
    await sleep(20);
  }
  await until(2 * sent);
});

test('a change that is taken back before the swap leaves the definition that answers', async () => {
  await start(COUNT);
  await send(10);
  await until(10);
  const { epoch, next_cursor } = await changes();
  await start(DOUBLED, 'manual');
  await start(COUNT, 'manual');
  expect(await changes(next_cursor)).toMatchObject({ epoch });
  expect((await changes(next_cursor)).superseded_by).toBeUndefined();
  await send(5);
  await until(15);
  await start(DOUBLED, 'manual');
  // Not the one that was given up: its number is used.
  expect((await changes()).superseded_by!.epoch).toMatch(/^3\./);
});

test('columns in another order, another comment, another interval: the same state', async () => {
  await start(COUNT);
  await send(10);
  await until(10);
  const { epoch, next_cursor } = await changes();
  await start(view('/* cost first */ sum(cost) AS cost, count(*) AS events', ", emit = '1 second'"));
  await send(10);
  await until(20);
  expect(await changes(next_cursor)).toMatchObject({ epoch });
  expect((await changes(next_cursor)).superseded_by).toBeUndefined();
  expect((await query('SELECT * FROM traffic LIMIT 1')).columns.map(({ name }) => name)).toEqual([
    'tenant_id',
    'campaign_id',
    'window_start',
    'cost',
    'events',
  ]);
});
