/**
 * What an advertiser's worker costs, against what is done today: ask for the last two hours again and
 * overwrite them. Both bring the same changes of the same server into the same PostgreSQL, cycle by cycle.
 *
 * The advertiser has a day of minutes for 50 campaigns. In each cycle the running minute's rows change, and
 * a few of earlier minutes (late events). CPU is that of all who take part: this process, the server and
 * PostgreSQL.
 */
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { applyTo, changes, savedCursor, snapshot, FeedClient } from '../src/client.js';
import { CopyIn } from '../src/io/copy-in.js';
import { startPostgres, type Postgres } from '../test/engines/postgres.js';
import type { BenchRow } from './harness.js';
import { BENCH_KEY } from './load.js';
import { PROBE_KEY, PROBE_TENANT, startPipeline, type Pipeline } from './pipeline.js';

const CAMPAIGNS = 50;
const MINUTES = 24 * 60;
const RANGE_MS = 2 * 3_600_000;
const CYCLES = 30;
const LATE = 10;
const COLUMNS = 'campaign_id, window_start, window_end, events, cost, revenue';

const VIEW = `
CREATE MATERIALIZED VIEW by_campaign WITH (watermark_lag = '5 seconds', allowed_lateness = '7 days') AS
SELECT tenant_id, campaign_id, window_start, window_end, count(*) AS events, sum(cost) AS cost, sum(revenue) AS revenue
FROM TUMBLE(events, event_time, INTERVAL '1 minute') GROUP BY tenant_id, campaign_id, window_start, window_end;
`;

interface Side {
  rows: number;
  bytes: number;
  ms: number;
  cpu: number;
}

/** Runs the bench. */
export async function run(): Promise<readonly BenchRow[]> {
  const database = await startPostgres();
  const server = await startPipeline({ tenants: 100, views: VIEW });
  const pool = new pg.Pool({ connectionString: database.url, max: 2 });
  pool.on('error', () => undefined);
  try {
    const begin = Math.floor(Date.now() / 60_000) * 60_000 - (MINUTES - 1) * 60_000;
    for (let minute = 0; minute < MINUTES; minute += 20)
      await send(
        server,
        Array.from({ length: 20 * CAMPAIGNS }, (_, i) => [
          begin + (minute + Math.floor(i / CAMPAIGNS)) * 60_000,
          i % CAMPAIGNS,
        ]),
      );
    const feed = new FeedClient({ url: server.url, key: PROBE_KEY, tenant: PROBE_TENANT, view: 'by_campaign' });
    await settled(server);
    await firstLoads(server, pool, begin);
    const pulled: Side = { rows: 0, bytes: 0, ms: 0, cpu: 0 };
    const asked: Side = { rows: 0, bytes: 0, ms: 0, cpu: 0 };
    for (let cycle = -3; cycle < CYCLES; cycle++) {
      await send(server, changesOf(cycle));
      await settled(server);
      const sides = cycle % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const);
      for (const side of sides) {
        const total = cycle < 0 ? { rows: 0, bytes: 0, ms: 0, cpu: 0 } : side === 0 ? pulled : asked;
        await measured(total, server, database, () =>
          side === 0 ? pull(server, feed, pool, total) : requery(server, pool, total),
        );
      }
    }
    await compare(pool);
    return [benchRow(pulled, asked)];
  } finally {
    await pool.end();
    await server.stop();
    await database.stop();
  }
}

/** Events of one cycle: each campaign now, and some of the last two hours, as [time, campaign]. */
function changesOf(cycle: number): [number, number][] {
  const now = Date.now();
  return [
    ...Array.from({ length: CAMPAIGNS }, (_, campaign): [number, number] => [now, campaign]),
    ...Array.from({ length: LATE }, (_, i): [number, number] => [
      now - RANGE_MS / 2 - ((cycle + 5) * 31 + i * 97) * 1_000,
      i,
    ]),
  ];
}

let sent = 0;

async function send(server: Pipeline, events: readonly (readonly [number, number])[]): Promise<void> {
  const lines = events.map(([time, campaign]) =>
    JSON.stringify({
      event_id: randomUUID(),
      event_type: 'click',
      event_time: time,
      tenant_id: PROBE_TENANT,
      campaign_id: `campaign-${campaign}`,
      cost: 0.25,
    }),
  );
  const answer = await fetch(`${server.url}/v1/events`, {
    method: 'POST',
    body: lines.join('\n'),
    headers: { authorization: `Bearer ${BENCH_KEY}` },
  });
  if (answer.status !== 200) throw new Error(`${answer.status}: ${await answer.text()}`);
  await answer.text();
  sent += events.length;
}

/** Resolves when all that was sent is in the view: both sides shall find the same. */
async function settled(server: Pipeline): Promise<void> {
  for (;;) {
    const [row] = await server.query('SELECT sum(events) FROM by_campaign');
    if (Number(row?.[0]) === sent) return;
    await sleep(50);
  }
}

async function firstLoads(server: Pipeline, pool: pg.Pool, begin: number): Promise<void> {
  const options = { url: server.url, key: PROBE_KEY, tenant: PROBE_TENANT, view: 'by_campaign', limit: 10_000 };
  for await (const page of snapshot(options)) await applyTo(pool, page);
  await pool.query(`CREATE TABLE today AS SELECT ${COLUMNS} FROM by_campaign WITH NO DATA`);
  await pool.query('CREATE INDEX ON today (window_start)');
  await overwrite(pool, await askRange(server, begin), begin);
}

async function pull(server: Pipeline, feed: FeedClient, pool: pg.Pool, side: Side): Promise<void> {
  const cursor = await savedCursor(pool, await feed.describe());
  const options = { url: server.url, key: PROBE_KEY, tenant: PROBE_TENANT, view: 'by_campaign', cursor, limit: 10_000 };
  for await (const page of changes(options)) {
    side.rows += page.changes.length;
    side.bytes += JSON.stringify(page.changes).length;
    await applyTo(pool, page);
    if (!page.has_more) break;
  }
}

/** What one writes today: the range as CSV, deleted and copied in one transaction. */
async function requery(server: Pipeline, pool: pg.Pool, side: Side): Promise<void> {
  const from = Date.now() - RANGE_MS;
  const text = await askRange(server, from);
  side.bytes += text.length;
  side.rows += text.split('\n').length - 2;
  await overwrite(pool, text, from);
}

async function askRange(server: Pipeline, from: number): Promise<string> {
  const sql = `SELECT ${COLUMNS} FROM by_campaign WHERE window_start >= '${new Date(from).toISOString()}'`;
  const answer = await fetch(`${server.url}/v1/query`, {
    method: 'POST',
    body: JSON.stringify({ sql, format: 'csv' }),
    headers: { authorization: `Bearer ${PROBE_KEY}`, 'content-type': 'application/json' },
  });
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`${answer.status}: ${text}`);
  if (answer.headers.has('x-millrace-truncated')) throw new Error('the range has more rows than one answer may');
  return text;
}

async function overwrite(pool: pg.Pool, csv: string, from: number): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await client.query('DELETE FROM today WHERE window_start >= $1', [new Date(from)]);
    const copy = new CopyIn(`COPY today (${COLUMNS}) FROM STDIN (FORMAT csv, HEADER)`, Buffer.from(csv));
    client.query(copy);
    await copy.done;
    await client.query('COMMIT');
  } finally {
    client.release();
  }
}

/** Both ways must end with the same numbers, or they were not the same work. */
async function compare(pool: pg.Pool): Promise<void> {
  const { rows } = await pool.query<{ differing: string; all: string }>(
    `SELECT (SELECT count(*) FROM (SELECT ${COLUMNS} FROM by_campaign EXCEPT SELECT ${COLUMNS} FROM today) a) AS differing,
            (SELECT count(*) FROM by_campaign) AS all`,
  );
  if (rows[0]!.differing !== '0' || rows[0]!.all === '0')
    throw new Error(`${rows[0]!.differing} of ${rows[0]!.all} rows differ`);
}

async function measured(side: Side, server: Pipeline, database: Postgres, work: () => Promise<void>): Promise<void> {
  const cpu = process.cpuUsage();
  const others = server.cpuSeconds() + cpuOfTree(database.pid!);
  const start = performance.now();
  await work();
  side.ms += performance.now() - start;
  const used = process.cpuUsage(cpu);
  side.cpu += (used.user + used.system) / 1e6 + server.cpuSeconds() + cpuOfTree(database.pid!) - others;
}

/** User and system time of a process and its children, living and gone, by proc(5): fields 14 to 17 of stat. */
function cpuOfTree(pid: number): number {
  let ticks = 0;
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const fields = statOf(name);
    if (fields === null) continue;
    if (Number(name) === pid)
      ticks += Number(fields[11]) + Number(fields[12]) + Number(fields[13]) + Number(fields[14]);
    else if (Number(fields[1]) === pid) ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks / 100;
}

/** Null: it has ended meanwhile. */
function statOf(pid: string): string[] | null {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  }
}

function benchRow(pulled: Side, asked: Side): BenchRow {
  return {
    name: `pull: a cycle of ${CAMPAIGNS} changed rows and ${LATE} late ones, into PostgreSQL`,
    records: CYCLES,
    cpuSeconds: pulled.cpu,
    wallSeconds: pulled.ms / 1000,
    baselineName: 'the last two hours again, overwritten',
    baselineRecords: CYCLES,
    baselineCpuSeconds: asked.cpu,
    ratio: asked.cpu / pulled.cpu,
    extra: {
      'rows moved a cycle': pulled.rows / CYCLES,
      'against, rows': asked.rows / CYCLES,
      'rows ratio': asked.rows / pulled.rows,
      'bytes ratio': asked.bytes / pulled.bytes,
      'ms a cycle': pulled.ms / CYCLES,
      'against, ms': asked.ms / CYCLES,
      'time ratio': asked.ms / pulled.ms,
    },
  };
}
