/** A view with a retention, in the whole machine: what is beyond it is not in the view, and is in its history. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseConfig } from '../../src/config/parse.js';
import { realDisk } from '../../src/io/disk-real.js';
import { openCatalog } from '../../src/lake/catalog.js';
import { startMillrace, type Millrace } from '../../src/millrace.js';
import { until } from './example.js';

const HOUR = 3_600_000;
const OPERATOR = 'operator-key-123456';
const folder = mkdtempSync(join(tmpdir(), 'millrace-retention-'));
const tenantsFile = join(folder, 'tenants.json');
let running: Millrace;

const view = (name: string, retention: string) => ({
  sql: `CREATE MATERIALIZED VIEW ${name} WITH (watermark_lag = '0 seconds'${retention}) AS
        SELECT tenant_id, window_start, window_end, count(*) AS events
        FROM TUMBLE(events, event_time, INTERVAL '1 minute') GROUP BY 1, 2, 3`,
});

const config = () => ({
  data: join(folder, 'data'),
  http: { port: 0 },
  lake: { run: '1 s' },
  streams: { events: { schema: 'ad-events' } },
  views: [view('kept', ''), view('day', ", retention = '1 day'")],
  tenantsFile: './tenants.json',
  operators: [{ key: OPERATOR }],
  messages: { level: 'silent' },
});

async function ask(sql: string): Promise<unknown[][]> {
  const answer = await fetch(`${running.url}/v1/query`, {
    method: 'POST',
    body: JSON.stringify({ sql }),
    headers: { authorization: `Bearer ${OPERATOR}`, 'content-type': 'application/json' },
  });
  const body = (await answer.json()) as { rows: unknown[][] };
  if (answer.status !== 200) throw new Error(JSON.stringify(body));
  return body.rows;
}

beforeAll(async () => {
  writeFileSync(
    tenantsFile,
    JSON.stringify({ tenants: [{ id: 'acme' }, { id: 'bolt', retention: { day: '100 d', kept: '2 h' } }] }),
  );
  running = await startMillrace(parseConfig(config(), { folder }));
  // The first look at what leaves by age comes with the summary's first flush.
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  const events = ['acme', 'bolt'].flatMap((tenant) =>
    [0, 5, 50].map((hours) => ({
      tenant_id: tenant,
      event_type: 'click',
      campaign_id: 'spring',
      event_time: Date.now() - hours * HOUR,
    })),
  );
  const answer = await fetch(`${running.url}/v1/events`, {
    method: 'POST',
    body: events.map((event) => JSON.stringify(event)).join('\n'),
    headers: { authorization: `Bearer ${OPERATOR}`, 'content-type': 'application/x-ndjson' },
  });
  expect(await answer.json()).toMatchObject({ accepted: 6 });
});

afterAll(async () => {
  await running?.close();
  rmSync(folder, { recursive: true, force: true });
});

test('a view keeps what its tenants and its definition say', async () => {
  const counts = (name: string) => ask(`SELECT tenant_id, sum(events) FROM ${name} GROUP BY 1 ORDER BY 1`);
  await until(async () => Number((await ask('SELECT count(*) FROM "view.day"'))[0]![0]) >= 6);
  await until(async () => (await counts('day')).length === 2);
  expect((await counts('day')).map(([tenant, sum]) => [tenant, Number(sum)])).toEqual([
    ['acme', 2],
    ['bolt', 3],
  ]);
  expect((await counts('kept')).map(([tenant, sum]) => [tenant, Number(sum)])).toEqual([
    ['acme', 3],
    ['bolt', 1],
  ]);
});

test('what was turned away is counted, and is in the history of the view, which goes to the lake', async () => {
  const metrics = await (
    await fetch(`${running.url}/metrics`, { headers: { authorization: `Bearer ${OPERATOR}` } })
  ).text();
  expect(metrics).toMatch(/millrace_summary_refused_rows_total\{[^}]*view="day"[^}]*\} [1-9]/);
  const catalog = openCatalog(realDisk, join(folder, 'data', 'lake'));
  await until(async () => (catalog.snapshot('view.day')?.files.length ?? 0) > 0);
  expect(Number((await ask('SELECT count(DISTINCT window_start) FROM "view.day"'))[0]![0])).toBe(3);
  await until(async () => (catalog.snapshot('view.kept')?.files.length ?? 0) > 0);
});

test('a tenants file that changes is acted on at once', async () => {
  writeFileSync(tenantsFile, JSON.stringify({ tenants: [{ id: 'acme', retention: { day: '2 h' } }, { id: 'bolt' }] }));
  await until(async () => Number((await ask("SELECT count(*) FROM day WHERE tenant_id = 'acme'"))[0]![0]) === 1);
  expect(Number((await ask("SELECT count(*) FROM day WHERE tenant_id = 'bolt'"))[0]![0])).toBe(2);
});
