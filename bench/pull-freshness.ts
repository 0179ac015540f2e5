/**
 * From the HTTP answer of a click to its row in the advertiser's PostgreSQL, at 20,000 events/s over 1,000
 * tenants: the real server, a real `millrace pull` process, a real PostgreSQL. Another nine advertisers
 * pull into it too. All of it shares the machine with the load.
 *
 * `MILLRACE_BENCH_SECONDS` sets the length (default 60).
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { tenantNames } from '../src/cli/generate/traffic.js';
import { startPostgres } from '../test/engines/postgres.js';
import type { BenchRow } from './harness.js';
import { BENCH_KEY, openLoop, percentile, prepareBodies } from './load.js';
import { PROBE_TENANT, startPipeline, type Pipeline } from './pipeline.js';

const SECONDS = Number(process.env['MILLRACE_BENCH_SECONDS'] ?? 60);
const EVENTS_PER_SECOND = 20_000;
const BATCH = 200;
const TENANTS = 1_000;
const PULLING = 10;

const VIEW = `
CREATE MATERIALIZED VIEW by_campaign WITH (watermark_lag = '5 seconds', allowed_lateness = '1 hour') AS
SELECT tenant_id, campaign_id, window_start, window_end, count(*) AS events, sum(cost) AS cost, sum(revenue) AS revenue
FROM TUMBLE(events, event_time, INTERVAL '1 minute') GROUP BY tenant_id, campaign_id, window_start, window_end;
`;

/** Runs the bench. */
export async function run(): Promise<readonly BenchRow[]> {
  const database = await startPostgres();
  const pipeline = await startPipeline({ tenants: TENANTS, views: VIEW });
  const worker = startWorker(pipeline.url, database.url);
  const stop = new AbortController();
  const fresh: number[] = [];
  const client = new pg.Client({ connectionString: database.url });
  try {
    await client.connect();
    const bodies = prepareBodies(200, BATCH, 21, TENANTS);
    const load = (seconds: number) =>
      openLoop({ url: pipeline.url, bodies, perSecond: EVENTS_PER_SECOND / BATCH, seconds, connections: 16 });
    await load(10);
    const cpu = pipeline.cpuSeconds();
    const start = performance.now();
    const probing = probe(pipeline, client, fresh, stop.signal);
    const sent = await load(SECONDS);
    const wallSeconds = (performance.now() - start) / 1000;
    const cpuSeconds = pipeline.cpuSeconds() - cpu;
    stop.abort();
    await probing;
    return [
      {
        name: `pull: ${EVENTS_PER_SECOND} events/s, ${TENANTS} tenants, ${PULLING} pulled into PostgreSQL, ${SECONDS} s`,
        records: sent.ms.length * BATCH,
        cpuSeconds,
        wallSeconds,
        baselineName: 'none: an absolute figure',
        baselineRecords: NaN,
        baselineCpuSeconds: NaN,
        ratio: NaN,
        target: 'answer of a click to its row: p50 < 1 s, p99 < 3 s',
        extra: {
          'p50 ms': percentile(fresh, 0.5),
          'p99 ms': percentile(fresh, 0.99),
          'max ms': percentile(fresh, 1),
          probes: fresh.length,
          'events/s': (sent.ms.length * BATCH) / wallSeconds,
          failed: sent.failed,
          'answer p99 ms': percentile(sent.ms, 0.99),
        },
      },
    ];
  } finally {
    stop.abort();
    await worker.stop();
    await client.end();
    await pipeline.stop();
    await database.stop();
  }
}

/** `millrace pull` for the probe's advertiser and some others, by an operator's key. */
function startWorker(from: string, into: string): { stop(): Promise<void> } {
  const folder = mkdtempSync(join(tmpdir(), 'bench-pull-'));
  const config = join(folder, 'pull.json');
  const others = tenantNames(TENANTS)
    .filter((tenant) => tenant !== PROBE_TENANT)
    .slice(0, PULLING - 1);
  const pulls = [PROBE_TENANT, ...others].map((tenant) => ({ tenant, views: ['by_campaign'], keyEnv: 'BENCH_KEY' }));
  writeFileSync(config, JSON.stringify({ url: from, into, pullsMax: PULLING, pulls }));
  const child: ChildProcess = spawn(process.execPath, ['dist/cli/main.js', 'pull', '--config', config], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, BENCH_KEY },
  });
  const ended = new Promise<void>((done) => child.once('exit', () => done()));
  return {
    async stop() {
      child.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function probe(pipeline: Pipeline, client: pg.Client, fresh: number[], until: AbortSignal): Promise<void> {
  for (let i = 0; !until.aborted; i++) {
    const campaign = `probe-${process.pid}-${i}`;
    const event = {
      event_id: randomUUID(),
      event_type: 'click',
      event_time: Date.now(),
      tenant_id: PROBE_TENANT,
      campaign_id: campaign,
    };
    const answer = await fetch(`${pipeline.url}/v1/events`, {
      method: 'POST',
      body: JSON.stringify(event),
      headers: { authorization: `Bearer ${BENCH_KEY}` },
    });
    await answer.text();
    if (answer.status !== 200) continue;
    const start = performance.now();
    for (let found = 0; found === 0; await sleep(5)) {
      const { rowCount } = await client.query('SELECT 1 FROM by_campaign WHERE campaign_id = $1', [campaign]);
      found = rowCount ?? 0;
      if (performance.now() - start > 60_000) throw new Error(`${campaign} was not there after 60 s`);
      if (found > 0) fresh.push(performance.now() - start);
    }
    await sleep(50);
  }
}
