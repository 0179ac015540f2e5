/** A view that changes when retention has taken rows from the log: it is computed anew from the lake. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { parseConfig } from '../../src/config/parse.js';
import { startMillrace, type Millrace } from '../../src/millrace.js';
import type { ViewDiff } from '../../src/serve/diff/view-diff.js';
import type { Explanation } from '../../src/serve/explain/explanation.js';

vi.setConfig({ testTimeout: 180_000 });

const OPERATOR = 'operator-key-123456';
const view = (measures: string): string => `
  CREATE MATERIALIZED VIEW traffic WITH (watermark_lag = '1 second', allowed_lateness = '1 hour') AS
  SELECT tenant_id, campaign_id, window_start, ${measures}
  FROM TUMBLE(events, event_time, INTERVAL '1 minute') GROUP BY tenant_id, campaign_id, window_start, window_end`;
const COUNT = view('count(*) AS events');
const COSTS = view('count(*) AS events, sum(cost) AS cost, count(DISTINCT url) AS urls');

let folder: string;
let running: Millrace | undefined;

beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'millrace-lake-replay-'))));
afterEach(async () => {
  await running?.close();
  rmSync(folder, { recursive: true });
});

async function start(sql: string): Promise<void> {
  await running?.close();
  running = undefined;
  const config = {
    data: join(folder, 'data'),
    http: { port: 0 },
    log: { segmentSize: '64 KiB' },
    lake: { run: '100 ms' },
    // Segments hold rows of the view too, which stay for a week: they go for the sake of the size.
    streams: { events: { schema: 'ad-events', partitions: 2, retention: '1 s', sizeMax: '1 MiB' } },
    views: [{ sql }],
    mill: { checkpoint: '200 ms' },
    tenants: [{ id: 'acme' }, { id: 'bolt' }],
    operators: [{ key: OPERATOR }],
    messages: { level: 'silent' },
  };
  running = await startMillrace(parseConfig(config, { folder }));
}

async function ask<T>(path: string, body?: object | string): Promise<T> {
  const init =
    body === undefined ? {} : { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) };
  const headers = { authorization: `Bearer ${OPERATOR}` };
  return (await (await fetch(`${running!.url}${path}`, { ...init, headers })).json()) as T;
}

const query = async (sql: string) => (await ask<{ rows: unknown[][] }>('/v1/query', { sql })).rows;

let sent = 0;
async function send(count: number, at = Date.now()): Promise<void> {
  const events = Array.from({ length: count }, () => {
    const n = ++sent;
    return JSON.stringify({
      event_id: `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`,
      event_type: 'click',
      event_time: at,
      tenant_id: n % 3 === 0 ? 'bolt' : 'acme',
      campaign_id: `c${n % 7}`,
      cost: `${n % 5}.25`,
      url: `https://example.com/${'x'.repeat(400)}/${n}`,
    });
  });
  // At the size new events wait until old ones may go.
  await until(
    'room',
    async () => (await ask<{ accepted?: number }>('/v1/events', events.join('\n'))).accepted === count,
  );
}

async function until(what: string, test: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await test()); tries++) {
    if (tries > 1_000) throw new Error(`${what}: still not so`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const explain = async (sql?: string) =>
  ask<Explanation>('/v1/views/traffic/explain', sql === undefined ? undefined : { sql });
const starts = async () => (await explain()).definitions[0]!.sources[0]!.partitions.map(({ start }) => start);

test('what the log has lost comes from the lake, and the changed view is the recount of everything', async () => {
  await start(COUNT);
  const begun = Date.now();
  await send(1_200);
  await until('all events', async () => Number((await query('SELECT sum(events) FROM traffic'))[0]![0]) === sent);
  // The memory of event ids lets go of what it has written when the process ends.
  await start(COUNT);
  for (let n = 0; n < 6; n++) await send(300);
  await until('the log to forget', async () => (await starts()).every((start) => start > 100));
  const lost = (await starts()).reduce((sum, start) => sum + start, 0);

  const { outlook } = (await explain(COSTS)).change!;
  expect(outlook).toMatchObject({ kind: 'replay', sinceMs: null, logOnly: [] });
  if (outlook.kind !== 'replay') throw new Error(outlook.kind);
  expect(outlook.lake!.rows).toBeGreaterThanOrEqual(lost);
  expect(outlook.lake!.files).toBeGreaterThan(0);
  expect(outlook.rows).toBe(sent);

  await start(COSTS);
  await send(20);
  await until('the swap', async () => (await explain()).swap === null);
  await until('all events', async () => Number((await query('SELECT sum(events) FROM traffic'))[0]![0]) === sent);
  const recount = `SELECT tenant_id, campaign_id, date_trunc('minute', event_time) AS window_start,
      count(*) AS events, sum(cost) AS cost, count(DISTINCT url) AS urls
    FROM events GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`;
  const shown = 'SELECT tenant_id, campaign_id, window_start, events, cost, urls FROM traffic ORDER BY 1, 2, 3';
  const rows = async (sql: string) => (await query(sql)).map((row) => row.map(String));
  expect(await rows(shown)).toEqual(await rows(recount));
  expect((await rows(shown)).length).toBeGreaterThanOrEqual(14);
  const { definitions } = await explain();
  expect(definitions[0]).toMatchObject({ answers: true, sinceMs: null, late: 0 });
  // The one before counted the events as they came: not one of its rows is other or missing.
  const diff = await ask<ViewDiff>('/v1/views/traffic/diff');
  expect(diff).toMatchObject({ beforeSinceMs: null, newestSinceMs: null });
  expect(diff.counts).toMatchObject({ changed: 0, onlyBefore: 0, onlyNewest: 0 });

  // Without what it had saved, it begins at the same row of the lake again: old windows that are corrected have all their rows.
  await running!.close();
  running = undefined;
  rmSync(join(folder, 'data', 'mill', 'traffic.2'), { recursive: true });
  await start(COSTS);
  await send(50, begun);
  await until('all events', async () => Number((await query('SELECT sum(events) FROM traffic'))[0]![0]) === sent);
  expect(await rows(shown)).toEqual(await rows(recount));
});
