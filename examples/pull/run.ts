/**
 * `npm run example:pull [-- --seconds N]`: Millrace, three advertisers with a PostgreSQL each, and a worker for
 * each that keeps the view `traffic` in it. Clicks come in, some late and some twice, and every second all four
 * must agree: the server and the three tables. Ends by Ctrl-C; or after N seconds, and then every table is
 * compared once more, row by row, by `millrace pull --verify`.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { FeedClient } from '../../src/client.js';
import { startPostgres, type Postgres } from '../../test/engines/postgres.js';
import { freePort } from '../../test/engines/process.js';
import { Programs } from './programs.js';
import { agree, serverTotals, tableTotals, type Totals } from './totals.js';
import { TENANTS, Traffic, type Tenant } from './traffic.js';

const CONFIG = fileURLToPath(new URL('millrace.config.ts', import.meta.url));
const OPERATOR_KEY = 'mr_demo_operator';
/** Four that do not agree after this never will. */
const AGREE_MS = 30_000;

interface Advertiser {
  readonly tenant: Tenant;
  readonly key: string;
  readonly postgres: Postgres;
  readonly database: pg.Client;
  readonly feed: FeedClient;
}

const { values } = parseArgs({ options: { seconds: { type: 'string' } } });
const seconds = values.seconds === undefined ? Infinity : Number(values.seconds);
if (!(seconds > 0)) throw new Error('--seconds takes a number above 0');

const stop = new AbortController();
// The package of the databases would end the process at once, and leave all else running.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.removeAllListeners(signal).on(signal, () => stop.abort());
const folder = mkdtempSync(join(tmpdir(), 'millrace-example-pull-'));
const programs = new Programs(folder);
const advertisers: Advertiser[] = [];

try {
  const url = await begin();
  await watch(new Traffic(url, OPERATOR_KEY));
  if (!stop.signal.aborted) await verifyAll(url);
} catch (error) {
  process.exitCode = 1;
  console.error(`\n${(error as Error).message}`);
} finally {
  console.log('\nStopping: workers, databases, Millrace.');
  for (const { tenant } of advertisers) await programs.stop(`worker of ${tenant}`);
  for (const { database, postgres } of advertisers) {
    await database.end();
    await postgres.stop();
  }
  await programs.stopAll();
  rmSync(folder, { recursive: true, force: true });
}
process.exit();

/** Starts everything; answers the server's address. */
async function begin(): Promise<string> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  console.log(`Millrace           ${url}   (console: open it, key ${OPERATOR_KEY})`);
  programs.start('millrace', ['start', '--config', CONFIG, '--data', join(folder, 'data'), '--port', String(port)]);
  const [databases] = await Promise.all([
    Promise.all(TENANTS.map(() => startPostgres({ ownGroup: true }))),
    programs.ready('millrace', url),
  ]);
  for (const [index, tenant] of TENANTS.entries()) {
    const postgres = databases[index]!;
    const key = `mr_demo_pull_${tenant}`;
    const database = new pg.Client({ connectionString: postgres.url });
    await database.connect();
    advertisers.push({
      tenant,
      key,
      postgres,
      database,
      feed: new FeedClient({ url, key, tenant, view: 'traffic' }),
    });
    programs.start(`worker of ${tenant}`, ['pull', '--from', url, '--view', 'traffic', '--into', postgres.url], {
      MILLRACE_KEY: key,
    });
    console.log(`${tenant}'s PostgreSQL  ${postgres.url}   (table traffic; a worker pulls into it)`);
  }
  console.log('\nClicks come in; one in twenty is minutes late, one request in five is sent twice.');
  console.log('Every second: does each table say what the server says?\n');
  return url;
}

/** A burst a second, and then the comparison. */
async function watch(traffic: Traffic): Promise<void> {
  for (let second = 1; second <= seconds && !stop.signal.aborted; second++) {
    const startedAt = performance.now();
    await traffic.burst();
    const sentAt = performance.now();
    const totals = await untilAgreed(traffic);
    const tookMs = performance.now() - sentAt;
    const parts = advertisers.map(({ tenant }, index) => `${tenant} ${count(totals[index]!.clicks)}`).join(' + ');
    const cost = totals.reduce((sum, one) => sum + Number(one.cost), 0).toFixed(2);
    console.log(
      `${String(second).padStart(4)} s  server ${count(traffic.clicks)} clicks = ${parts}   cost ${cost}   ` +
        `${count(traffic.late)} late, ${count(traffic.repeated)} sent twice   ` +
        `all four agree, ${(tookMs / 1000).toFixed(2)} s after the last click`,
    );
    await sleep(Math.max(0, 1_000 - (performance.now() - startedAt)), undefined, { signal: stop.signal }).catch(
      () => undefined,
    );
  }
}

/** Waits until each table is as the server has it, and the server has every click once. */
async function untilAgreed(traffic: Traffic): Promise<Totals[]> {
  let last = '';
  for (const end = Date.now() + AGREE_MS; Date.now() < end; await sleep(20)) {
    programs.check();
    const pairs = await Promise.all(
      advertisers.map(async ({ feed, database }) => ({
        server: await serverTotals(feed),
        table: await tableTotals(database),
      })),
    );
    const clicks = pairs.reduce((sum, { server }) => sum + server.clicks, 0);
    if (clicks === traffic.clicks && pairs.every(({ server, table }) => agree(server, table)))
      return pairs.map(({ table }) => table);
    last = JSON.stringify({ sent: traffic.clicks, pairs });
  }
  throw new Error(`they do not agree after ${AGREE_MS / 1000} s: ${last}`);
}

async function verifyAll(url: string): Promise<void> {
  console.log('\nOnce more, day by day, with a hash over all rows (millrace pull --verify --dry-run):');
  for (const { tenant, key, postgres } of advertisers) {
    const args = ['pull', '--from', url, '--view', 'traffic', '--into', postgres.url, '--verify', '--dry-run'];
    const { code, said } = await programs.run(`check of ${tenant}`, args, { MILLRACE_KEY: key });
    console.log(`  ${said}`);
    if (code !== 0) throw new Error(`${tenant}'s table differs`);
  }
}

function count(number: number): string {
  return number.toLocaleString('en-US');
}
