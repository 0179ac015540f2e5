/**
 * Freshness: from the HTTP answer of an event to its row read back through `/v1/query`, at full
 * load: 50,000 events/s over 15,000 zipf tenants, three views. A probe sends an event of a campaign
 * that nobody else has and asks until the view shows it.
 *
 * Memory is sampled once a second. `MILLRACE_BENCH_SECONDS` sets the length (default 60; the
 * reported soak is 600).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { randomUUID } from 'node:crypto';
import type { BenchRow } from './harness.js';
import { BENCH_KEY, openLoop, percentile, prepareBodies } from './load.js';
import { PROBE_TENANT, startPipeline, type Pipeline } from './pipeline.js';

const SECONDS = Number(process.env['MILLRACE_BENCH_SECONDS'] ?? 60);
const EVENTS_PER_SECOND = 50_000;
const BATCH = 500;

/** Runs the bench. */
export async function run(): Promise<readonly BenchRow[]> {
  const pipeline = await startPipeline();
  const bodies = prepareBodies(400, BATCH, 21);
  const load = (seconds: number) =>
    openLoop({ url: pipeline.url, bodies, perSecond: EVENTS_PER_SECOND / BATCH, seconds, connections: 16 });
  await load(15);
  const stop = new AbortController();
  const resident: number[] = [];
  const own: number[] = [];
  const fresh: number[] = [];
  const cpu = pipeline.cpuSeconds();
  const changedBefore = await changedKeys(pipeline);
  const start = performance.now();
  const probing = Promise.all([probe(pipeline, fresh, stop.signal), sample(pipeline, resident, own, stop.signal)]);
  const sent = await load(SECONDS);
  const wallSeconds = (performance.now() - start) / 1000;
  const cpuSeconds = pipeline.cpuSeconds() - cpu;
  const changed = (await changedKeys(pipeline)) - changedBefore;
  stop.abort();
  await probing;
  await pipeline.stop();
  const third = Math.floor(resident.length / 3);
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length / 2 ** 20;
  return [
    {
      name: `freshness: ${EVENTS_PER_SECOND} events/s, 15,000 tenants, 3 views, ${SECONDS} s`,
      records: sent.ms.length * BATCH,
      cpuSeconds,
      wallSeconds,
      baselineName: 'none: an absolute figure',
      baselineRecords: NaN,
      baselineCpuSeconds: NaN,
      ratio: NaN,
      target: 'p99 < 1 s, >= 20 k keys changed/s, < 1.5 GB and flat',
      extra: {
        'p50 ms': percentile(fresh, 0.5),
        'p99 ms': percentile(fresh, 0.99),
        probes: fresh.length,
        'events/s': (sent.ms.length * BATCH) / wallSeconds,
        failed: sent.failed,
        'keys changed/s': changed / wallSeconds,
        'answer p99 ms': percentile(sent.ms, 0.99),
        'memory MB first third': mean(resident.slice(0, third)),
        'memory MB last third': mean(resident.slice(-third)),
        'memory MB max': Math.max(...resident) / 2 ** 20,
        'without mapped files MB first third': mean(own.slice(0, third)),
        'without mapped files MB last third': mean(own.slice(-third)),
      },
    },
  ];
}

/** Rows in the changes streams of all views: each is one changed key. */
async function changedKeys(pipeline: Pipeline): Promise<number> {
  const page = await (await fetch(`${pipeline.url}/metrics`)).text();
  const counts = [...page.matchAll(/^millrace_log_rows_total\{stream="view\.\w+"\} (\d+)$/gm)].map((match) =>
    Number(match[1]),
  );
  if (counts.length !== 3) throw new Error(`expected three changes streams in /metrics, found ${counts.length}`);
  return counts.reduce((sum, rows) => sum + rows, 0);
}

async function probe(pipeline: Pipeline, fresh: number[], until: AbortSignal): Promise<void> {
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
    while ((await pipeline.query(`SELECT events FROM by_campaign WHERE campaign_id = '${campaign}'`)).length === 0) {
      if (performance.now() - start > 30_000) throw new Error(`${campaign} was not there after 30 s`);
      await sleep(10);
    }
    fresh.push(performance.now() - start);
    await sleep(100);
  }
}

async function sample(pipeline: Pipeline, resident: number[], own: number[], until: AbortSignal): Promise<void> {
  while (!until.aborted) {
    resident.push(pipeline.residentBytes());
    own.push(pipeline.ownBytes());
    await sleep(1000);
  }
}
