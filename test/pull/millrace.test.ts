/** From events to an advertiser's PostgreSQL: a real Millrace, the command as a child process, a real database. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { parseConfig } from '../../src/config/parse.js';
import { startMillrace, type Millrace } from '../../src/millrace.js';
import { startPostgres, type Postgres } from '../engines/postgres.js';

const OPERATOR = 'operator-key-123456';
const VIEW = `CREATE MATERIALIZED VIEW per_kind
WITH (watermark_lag = '1 second', allowed_lateness = '1 hour') AS
SELECT tenant, kind, window_start, window_end, count(*) AS n, sum(amount) AS amount, avg(amount) AS mean
FROM TUMBLE(events, t, INTERVAL '1 minute')
GROUP BY tenant, kind, window_start, window_end`;
const TOTAL = `CREATE MATERIALIZED VIEW total
WITH (watermark_lag = '1 second', allowed_lateness = '1 hour') AS
SELECT kind, window_start, window_end, count(*) AS n
FROM TUMBLE(events, t, INTERVAL '1 minute')
GROUP BY kind, window_start, window_end`;

let engine: Postgres;
let pool: pg.Pool;
let millrace: Millrace;
let folder = '';
const children: ChildProcess[] = [];

const start = async (view = VIEW): Promise<void> => {
  const columns = {
    id: 'string',
    tenant: 'dictionary',
    kind: 'dictionary?',
    t: 'timestamp',
    amount: 'decimal?',
  } as const;
  const config = {
    data: join(folder, 'data'),
    http: { port: Number(new URL(millrace?.url ?? 'http://x:0').port) },
    streams: { events: { schema: { columns, tenant: 'tenant', eventId: 'id', eventTime: 't' }, partitions: 2 } },
    views: [{ sql: view }, { sql: TOTAL }],
    tenants: ['acme', 'bolt'].map((id) => ({ id, keys: [{ key: `${id}-read-key-1234`, role: 'read' }] })),
    operators: [{ key: OPERATOR }],
    messages: { level: 'silent' },
  };
  millrace = await startMillrace(parseConfig(config, { folder }));
};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-pull-'));
  engine = await startPostgres();
  pool = new pg.Pool({ connectionString: engine.url, max: 2 });
  // The query itself rejects when the server goes.
  pool.on('error', () => undefined);
  await start();
}, 120_000);
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});
afterAll(async () => {
  await pool?.end();
  await millrace?.close();
  await engine?.stop();
  rmSync(folder, { recursive: true, force: true });
});

let sent = 0;
const BASE_MS = Math.floor(Date.now() / 60_000) * 60_000;

async function send(tenant: string, count: number): Promise<void> {
  const events = Array.from({ length: count }, () => {
    const n = sent++;
    return JSON.stringify({
      id: `e${n}`,
      tenant,
      kind: n % 7 === 0 ? null : `kind "${n % 5}"`,
      t: BASE_MS - (n % 40) * 60_000,
      amount: (n * 0.25).toFixed(2),
    });
  });
  const answer = await fetch(`${millrace.url}/v1/events`, {
    method: 'POST',
    headers: { authorization: `Bearer ${OPERATOR}` },
    body: events.join('\n'),
  });
  expect(await answer.json()).toMatchObject({ accepted: count });
}

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly error: string;
}

function pull(args: readonly string[], key = 'acme-read-key-1234'): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(process.execPath, ['dist/cli/main.js', 'pull', ...args], {
    env: { ...process.env, MILLRACE_KEY: key, MILLRACE_URL: millrace.url, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  let [out, error] = ['', ''];
  child.stdout.on('data', (bytes: Buffer) => (out += bytes.toString()));
  child.stderr.on('data', (bytes: Buffer) => (error += bytes.toString()));
  return { child, ended: new Promise((done) => child.on('close', (code) => done({ code, out, error }))) };
}

/** What the server has, by its own SQL. */
async function serverRows(sql: string): Promise<string[]> {
  const answer = await fetch(`${millrace.url}/v1/query`, {
    method: 'POST',
    headers: { authorization: `Bearer ${OPERATOR}`, 'content-type': 'application/json' },
    body: JSON.stringify({ sql }),
  });
  const { rows } = (await answer.json()) as { rows: unknown[][] };
  return rows.map((row) => row.map(String).join('|')).toSorted();
}

async function ownRows(sql: string): Promise<string[]> {
  const { rows } = await pool.query<string[]>({ text: sql, rowMode: 'array' });
  return rows.map((row) => row.map(String).join('|')).toSorted();
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await isSo()); tries++) {
    if (tries > 600) throw new Error(`${what}: still not so`);
    await sleep(50);
  }
}

const OF_SERVER = (tenant: string) =>
  `SELECT kind, CAST(extract(epoch FROM window_start) AS bigint), n, amount::text, mean FROM per_kind WHERE tenant = '${tenant}'`;
const OWN = (tenant: string) =>
  `SELECT kind, extract(epoch FROM window_start)::bigint, n, amount::text, mean FROM per_kind WHERE _tenant = '${tenant}'`;

const into = () => ['--into', engine.url];

/** All events are in the view. */
async function settled(tenant: string): Promise<void> {
  const [{ count }] = (await serverCount(tenant)) as [{ count: number }];
  expect(count).toBeGreaterThan(0);
}

async function serverCount(tenant: string): Promise<{ count: number }[]> {
  let last = -1;
  await until('the view to settle', async () => {
    const [text] = await serverRows(`SELECT coalesce(sum(n), 0) FROM per_kind WHERE tenant = '${tenant}'`);
    const isSame = Number(text) === last && last > 0;
    last = Number(text);
    return isSame;
  });
  return [{ count: last }];
}

test('once, again, and with --verify: the table is what the server has', async () => {
  await send('acme', 500);
  await send('bolt', 300);
  await settled('acme');
  const first = await pull(['--view', 'per_kind', ...into(), '--once', '--limit', '37']).ended;
  expect(first).toMatchObject({ code: 0, error: '' });
  expect(first.out).toContain('nothing more is there');
  expect(await ownRows(OWN('acme'))).toEqual(await serverRows(OF_SERVER('acme')));
  expect(await ownRows(OWN('bolt'))).toEqual([]);

  await send('acme', 200);
  await settled('acme');
  expect(await pull(['--view', 'per_kind', ...into(), '--once']).ended).toMatchObject({ code: 0 });
  expect(await ownRows(OWN('acme'))).toEqual(await serverRows(OF_SERVER('acme')));

  const good = await pull(['--view', 'per_kind', ...into(), '--verify']).ended;
  expect(good).toMatchObject({ code: 0, error: '', out: expect.stringContaining('as the server has them') });
  await pool.query("UPDATE per_kind SET n = n + 1 WHERE kind LIKE '%2%'");
  const dry = await pull(['--view', 'per_kind', ...into(), '--verify', '--dry-run']).ended;
  expect(dry.code).toBe(1);
  expect(dry.out).toMatch(/\d{4}-\d\d-\d\d n: the server has \d+, the table \d+/);
  const repaired = await pull(['--view', 'per_kind', ...into(), '--verify', '--json']).ended;
  expect(repaired.code).toBe(0);
  expect(JSON.parse(repaired.out) as object).toMatchObject({ event: 'verified', differences: [] });
  expect(await ownRows(OWN('acme'))).toEqual(await serverRows(OF_SERVER('acme')));
}, 120_000);

test('a view over all tenants, by an operator', async () => {
  const ended = await pull(['--view', 'total', ...into(), '--verify'], OPERATOR).ended;
  expect(ended).toMatchObject({ code: 0, error: '' });
  expect(await ownRows('SELECT kind, n FROM total')).toEqual(await serverRows('SELECT kind, n FROM total'));
}, 120_000);

test('following, while server and worker are killed and restarted: nothing is lost, nothing counts twice', async () => {
  const file = join(folder, 'pull.yaml');
  writeFileSync(
    file,
    `url: ${millrace.url}\ninto: ${engine.url}\npulls:\n` +
      ['acme', 'bolt'].map((id) => `  - { tenant: ${id}, key: ${id}-read-key-1234, views: [per_kind] }\n`).join(''),
  );
  const follow = () => pull(['--config', file, '--limit', '50', '--json', '--metrics-port', '0']);
  let worker = follow();
  for (let round = 0; round < 4; round++) {
    await send('acme', 60);
    await send('bolt', 60);
    await sleep(150);
    if (round % 2 === 0) worker.child.kill('SIGKILL');
    else {
      await millrace.close();
      await send('acme', 1).catch(() => sent--);
      await start();
    }
    if (round % 2 === 0) worker = follow();
  }
  for (const tenant of ['acme', 'bolt']) {
    await settled(tenant);
    await until('the table to agree', async () => {
      const [own, server] = [await ownRows(OWN(tenant)), await serverRows(OF_SERVER(tenant))];
      return own.join() === server.join();
    });
  }
  worker.child.kill('SIGTERM');
  expect(await worker.ended).toMatchObject({ code: 0 });
  const verified = await pull(['--config', file, '--verify', '--dry-run']).ended;
  expect(verified).toMatchObject({ code: 0, error: '' });
});

test('another definition of the view is moved to when it has come as far, and nothing is missing in between', async () => {
  await send('acme', 50);
  await settled('acme');
  expect(await pull(['--view', 'per_kind', ...into(), '--once']).ended).toMatchObject({ code: 0, error: '' });
  await millrace.close();
  await start(VIEW.replace('avg(amount) AS mean', 'max(amount) AS most'));
  const before = Number((await ownRows("SELECT sum(n) FROM per_kind WHERE _tenant = 'acme'"))[0]);
  await until('the new column to come', async () => {
    // How far a definition is moves with its events.
    await send('acme', 5);
    expect(await pull(['--view', 'per_kind', ...into(), '--once']).ended).toMatchObject({ code: 0, error: '' });
    const own = await ownRows("SELECT sum(n), count(*) FROM per_kind WHERE _tenant = 'acme'");
    expect(Number(own[0]!.split('|')[0])).toBeGreaterThanOrEqual(before);
    const { rows } = await pool.query(
      "SELECT 1 FROM information_schema.columns WHERE table_name = 'per_kind' AND column_name = 'most'",
    );
    return rows.length > 0 && (await ownRows('SELECT 1 FROM per_kind WHERE most IS NOT NULL')).length > 0;
  });
  await settled('acme');
  expect(await pull(['--view', 'per_kind', ...into(), '--verify']).ended).toMatchObject({ code: 0, error: '' });
  const columns = 'kind, n, amount::text, most::text';
  expect(await ownRows(`SELECT ${columns} FROM per_kind WHERE _tenant = 'acme'`)).toEqual(
    await serverRows(`SELECT ${columns} FROM per_kind WHERE tenant = 'acme'`),
  );
});

test('says what is wrong, and what to do', async () => {
  const say = async (args: readonly string[], key?: string) => {
    const { code, error } = await pull(['--once', ...args], key).ended;
    expect(code).toBe(1);
    return error;
  };
  expect(await say(['--view', 'no_such', ...into()])).toMatch(/no_such.*per_kind/s);
  expect(await say(['--view', 'per_kind', '--tenant', 'bolt', ...into()])).toContain('KEY_FORBIDDEN');
  expect(await say(['--view', 'per_kind', ...into()], 'no-such-key-at-all')).toContain('KEY_INVALID');
  expect(await say(['--view', 'per_kind', '--into', 'mysql://x'])).toContain('expected one of postgres://');
  expect(await say(['--view', 'per_kind'])).toContain('--into is missing');
  await pool.query("CREATE ROLE reader LOGIN PASSWORD 'reader'");
  const asReader = engine.url.replace('postgres:password', 'reader:reader');
  expect(await say(['--view', 'per_kind', '--into', asReader, '--table', 'other'])).toMatch(
    /PULL_DATABASE_REFUSED: .*run as its owner: GRANT USAGE, CREATE ON SCHEMA "public" TO "reader"/s,
  );
  await pool.query('CREATE TABLE mine (window_start timestamptz, n bigint)');
  expect(await say(['--view', 'per_kind', ...into(), '--table', 'mine'])).toMatch(
    /PULL_TABLE_CHANGED.*"mine" is there and has no column "_key"/s,
  );
}, 120_000);
