/** Views of other shapes than one window over one stream, in a whole pipeline: tables, joins, HOP, views on views. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { parseConfig } from '../../src/config/parse.js';
import { startMillrace, type Millrace } from '../../src/millrace.js';

vi.setConfig({ testTimeout: 120_000 });

const OPERATOR = 'operator-key-123456';
const SQL = `
CREATE TABLE campaigns (campaign_id text PRIMARY KEY, name text, budget numeric) WITH (file = 'campaigns.csv');

CREATE TABLE rates (currency text PRIMARY KEY, rate numeric, at timestamptz);
INSERT INTO rates VALUES ('eur', 1.5, '2026-01-01'), ('usd', 1, NULL);
CREATE TABLE dropped (k text PRIMARY KEY);
INSERT INTO dropped VALUES ('a');
DROP TABLE dropped;

CREATE VIEW clicks AS SELECT * FROM events WHERE event_type = 'click';

CREATE MATERIALIZED VIEW by_name WITH (watermark_lag = '1 second') AS
SELECT tenant_id, name, window_start, count(*) AS clicks, sum(cost) AS cost
FROM TUMBLE((SELECT tenant_id, event_time, cost, d.name FROM clicks JOIN campaigns d USING (campaign_id)),
            event_time, INTERVAL '1 minute')
GROUP BY tenant_id, name, window_start;

CREATE MATERIALIZED VIEW conversions WITH (watermark_lag = '1 second') AS
SELECT c.tenant_id, c.event_id AS click_id, s.event_id AS sale_id, s.cost - c.cost AS margin
FROM clicks c JOIN events s ON s.tenant_id = c.tenant_id AND s.user_id = c.user_id AND s.event_type = 'conversion'
 AND s.event_time BETWEEN c.event_time AND c.event_time + INTERVAL '1 hour';

CREATE MATERIALIZED VIEW moving WITH (watermark_lag = '1 second') AS
SELECT tenant_id, window_start, window_end, count(*) AS n
FROM HOP(events, event_time, INTERVAL '1 minute', INTERVAL '3 minutes') GROUP BY tenant_id, window_start, window_end;

CREATE MATERIALIZED VIEW busiest AS
SELECT tenant_id, name, clicks FROM (
  SELECT tenant_id, name, clicks, row_number() OVER (PARTITION BY tenant_id ORDER BY clicks DESC, name) AS n FROM by_name) r
WHERE n <= 1;

CREATE SINK minutes FROM by_name WITH (connector = 'file', path = 'minutes.ndjson', buffer.interval = '100 ms');
`;

let folder: string;
let running: Millrace;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-views-'));
  writeFileSync(join(folder, 'campaigns.csv'), 'campaign_id,name,budget\nc1,spring,10.50\nc2,summer,20\n');
});
afterEach(async () => {
  await running.close();
  rmSync(folder, { recursive: true });
});

async function start(): Promise<void> {
  const config = {
    data: join(folder, 'data'),
    http: { port: 0 },
    streams: { events: { schema: 'ad-events' } },
    views: [{ sql: SQL }],
    tenants: [{ id: 'acme' }],
    operators: [{ key: OPERATOR }],
    messages: { level: 'silent' },
    mill: { checkpoint: '100 ms' },
  };
  running = await startMillrace(parseConfig(config, { folder }));
}

async function ask(path: string, init: RequestInit = {}): Promise<unknown> {
  const answer = await fetch(`${running.url}${path}`, { ...init, headers: { authorization: `Bearer ${OPERATOR}` } });
  return answer.json();
}

async function query(sql: string): Promise<unknown[]> {
  const { rows } = (await ask('/v1/query', { method: 'POST', body: JSON.stringify({ sql }) })) as { rows: unknown[] };
  return rows;
}

/** Asks until the rows are these. */
async function until(sql: string, wanted: unknown[]): Promise<void> {
  for (let tries = 0; ; tries++) {
    const rows = await query(sql);
    if (JSON.stringify(rows) === JSON.stringify(wanted)) return;
    if (tries > 400) expect(rows).toEqual(wanted);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const MINUTE = 60_000;
const T0 = Math.floor((Date.now() - 10 * MINUTE) / MINUTE) * MINUTE;
const IDS = [randomUUID(), randomUUID(), randomUUID()];

function event(type: string, campaign: string, user: string, atMs: number, cost: number, id = randomUUID()) {
  return {
    event_id: id,
    event_type: type,
    event_time: T0 + atMs,
    tenant_id: 'acme',
    campaign_id: campaign,
    user_id: user,
    cost,
  };
}

async function send(events: readonly object[]): Promise<void> {
  expect(await ask('/v1/events', { method: 'POST', body: JSON.stringify(events) })).toMatchObject({
    accepted: events.length,
  });
}

test('tables, joins, overlapping windows and views on views are kept, also over a restart', async () => {
  await start();
  await send([
    event('click', 'c1', 'u1', 0, 0.5, IDS[0]),
    event('click', 'c1', 'u2', 1_000, 0.25),
    event('click', 'c2', 'u3', 2_000, 1),
    event('click', 'c9', 'u4', 3_000, 1),
  ]);
  await until('SELECT * FROM campaigns ORDER BY campaign_id', [
    ['c1', 'spring', '10.500000'],
    ['c2', 'summer', '20.000000'],
  ]);
  const rates = 'SELECT currency, rate, at FROM rates ORDER BY currency';
  const usd = ['usd', '1.000000', null];
  await until(rates, [['eur', '1.500000', '2026-01-01T00:00:00.000Z'], usd]);
  await until("SELECT count(*) FROM rates WHERE at = TIMESTAMPTZ '2026-01-01 00:00:00+00'", [[1]]);
  await ask('/v1/events?stream=rates', { method: 'POST', body: '{"currency":"eur","rate":"2"}' });
  const names = 'SELECT name, clicks, cost FROM by_name ORDER BY name';
  await until(names, [
    ['spring', 2, '0.750000'],
    ['summer', 1, '1.000000'],
  ]);
  await running.close();
  await start();
  // What came for a key stands: a first row is written once.
  await until(rates, [['eur', '2.000000', null], usd]);
  expect(await query('SELECT count(*) FROM "table.rates"')).toEqual([[3]]);
  expect(readFileSync(join(folder, 'minutes.ndjson'), 'utf8')).toContain('"spring"');
  await send([
    event('conversion', 'c1', 'u1', 30 * MINUTE - 60_000 * 25, 9, IDS[1]),
    event('click', 'c2', 'u5', 4_000, 1),
    event('click', 'c2', 'u6', 5_000, 1),
  ]);
  await until(names, [
    ['spring', 2, '0.750000'],
    ['summer', 3, '3.000000'],
  ]);
  await until('SELECT click_id, sale_id, margin FROM conversions', [[IDS[0], IDS[1], '8.500000']]);
  await until('SELECT name, clicks FROM busiest', [['summer', 3]]);
  await until('SELECT n FROM moving ORDER BY window_start', [[6], [6], [6], [1], [1], [1]]);
  // The file is the table: from now on c2 has another name, and c1 none.
  writeFileSync(join(folder, 'campaigns.csv'), 'campaign_id,name,budget\nc2,autumn,20\n');
  await new Promise((resolve) => setTimeout(resolve, 4_000));
  // A table is its rows of now: also where none of their columns is asked for, and beside what came.
  await until('SELECT * FROM campaigns', [['c2', 'autumn', '20.000000']]);
  await until('SELECT count(*) FROM campaigns', [[1]]);
  await until('SELECT count(*) FROM campaigns c JOIN campaigns d USING (name) WHERE d.budget > 5', [[1]]);
  await until('SELECT count(*), count(_deleted) FROM "table.campaigns"', [[4, 1]]);
  await send([event('click', 'c2', 'u7', 6_000, 1), event('click', 'c1', 'u8', 7_000, 1)]);
  await until(names, [
    ['autumn', 1, '1.000000'],
    ['spring', 2, '0.750000'],
    ['summer', 3, '3.000000'],
  ]);
});
