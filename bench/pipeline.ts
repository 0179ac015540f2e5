/** The pipeline that the latency benches run: the real program in a process of its own, 15,000 tenants, three views. */
import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { tenantNames } from '../src/cli/generate/traffic.js';
import { BENCH_KEY } from './load.js';

const VIEWS = `
CREATE MATERIALIZED VIEW by_campaign WITH (watermark_lag = '5 seconds', allowed_lateness = '1 hour') AS
SELECT tenant_id, campaign_id, window_start, window_end, count(*) AS events, sum(cost) AS cost, sum(revenue) AS revenue
FROM TUMBLE(events, event_time, INTERVAL '1 minute') GROUP BY tenant_id, campaign_id, window_start, window_end;

CREATE MATERIALIZED VIEW by_country WITH (watermark_lag = '5 seconds', allowed_lateness = '1 hour') AS
SELECT tenant_id, country, window_start, window_end, count(*) AS events, count(*) FILTER (WHERE event_type = 'click') AS clicks
FROM TUMBLE(events, event_time, INTERVAL '1 minute') GROUP BY tenant_id, country, window_start, window_end;

CREATE MATERIALIZED VIEW by_tenant WITH (watermark_lag = '5 seconds', allowed_lateness = '1 hour') AS
SELECT tenant_id, window_start, window_end, count(*) AS events, approx_count_distinct(user_id) AS users, max(cost) AS cost_max
FROM TUMBLE(events, event_time, INTERVAL '1 minute') GROUP BY tenant_id, window_start, window_end;
`;

/** The advertiser whose numbers are asked for. */
export const PROBE_TENANT = 'advertiser-00042';
/** Its key. */
export const PROBE_KEY = 'mr_bench_probe_key_0123456789';

/** A server under load. */
export interface Pipeline {
  readonly url: string;
  readonly pid: number;
  /** CPU seconds of the whole process so far. */
  cpuSeconds(): number;
  /** Resident bytes. */
  residentBytes(): number;
  /** Of them those that are no pages of files (mapped stores): what the system can't take back. */
  ownBytes(): number;
  /** Runs a query with the key of `PROBE_TENANT`. */
  query(sql: string): Promise<(string | number | null)[][]>;
  stop(): Promise<void>;
}

/** What is run. */
export interface PipelineOptions {
  /** Default 15,000. */
  readonly tenants?: number;
  /** SQL; default: three views. */
  readonly views?: string;
}

/** Starts the built program on an empty folder. */
export async function startPipeline({ tenants = 15_000, views = VIEWS }: PipelineOptions = {}): Promise<Pipeline> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  const config = join(folder, 'millrace.config.json');
  const settings = {
    streams: { events: { schema: 'ad-events' } },
    views: [{ sql: views }],
    tenants: tenantNames(tenants).map((id) =>
      id === PROBE_TENANT ? { id, keys: [{ name: 'probe', key: PROBE_KEY, role: 'read' }] } : { id },
    ),
    operators: [{ name: 'bench', key: BENCH_KEY }],
    messages: { level: 'warn', format: 'json' },
  };
  writeFileSync(config, JSON.stringify(settings));
  const port = await freePort();
  const file = join(folder, 'output.log');
  const output = openSync(file, 'a');
  const child = spawn(
    process.execPath,
    ['dist/cli/main.js', 'start', '--config', config, '--data', join(folder, 'data'), '--port', String(port)],
    {
      stdio: ['ignore', output, output],
    },
  );
  closeSync(output);
  const ended = new Promise<void>((done) => child.on('exit', () => done()));
  const url = `http://127.0.0.1:${port}`;
  // Not listening yet is what is waited for.
  for (let tries = 0; (await fetch(`${url}/ready`).catch(() => undefined))?.status !== 200; tries++) {
    if (tries > 600 || child.exitCode !== null)
      throw new Error(`the pipeline did not start:\n${readFileSync(file, 'utf8')}`);
    await sleep(50);
  }
  return {
    url,
    pid: child.pid!,
    cpuSeconds: () => cpuOf(child.pid!),
    residentBytes: () => memoryOf(child.pid!, 'VmRSS'),
    ownBytes: () => memoryOf(child.pid!, 'RssAnon'),
    query: (sql) => query(url, sql),
    async stop() {
      child.kill('SIGTERM');
      await ended;
      const said = readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => line.includes('"level"'));
      if (said.length > 0) console.log(`the server said ${said.length} lines, the last: ${said.slice(-3).join('\n')}`);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** User and system time of a process, by proc(5): fields 14 and 15 of stat, in ticks of 10 ms. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** A line of proc(5)'s status, in bytes. */
function memoryOf(pid: number, line: string): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`${line}:\\s+(\\d+)`).exec(status)![1]) * 1024;
}

async function query(url: string, sql: string): Promise<(string | number | null)[][]> {
  const answer = await fetch(`${url}/v1/query`, {
    method: 'POST',
    body: JSON.stringify({ sql }),
    headers: { authorization: `Bearer ${PROBE_KEY}`, 'content-type': 'application/json' },
  });
  if (answer.status !== 200) throw new Error(`${sql}: ${answer.status} ${await answer.text()}`);
  return ((await answer.json()) as { rows: (string | number | null)[][] }).rows;
}

function freePort(): Promise<number> {
  return new Promise((done, failed) => {
    const probe = createServer();
    probe.on('error', failed);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => done(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
