/**
 * From verdict to effect: clicks of an address make a row of a guard's view, and the next clicks of the address are
 * sent elsewhere. Measured from the answer of the click that makes the row to the answer of the first click that
 * was sent elsewhere, asked every 10 ms, beside 10,000 events/s of 15,000 tenants. Every address is a new one.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { randomUUID } from 'node:crypto';
import { GuardKeys } from '../src/collect/guards/guard-keys.js';
import { keyText, type GuardDefinition } from '../src/collect/guards/guard.js';
import { RunningGuard } from '../src/collect/guards/running-guard.js';
import { StreamGuards } from '../src/collect/guards/stream-guards.js';
import { hashBytes } from '../src/event/dictionary.js';
import { adEvents } from '../src/event/ad-events.js';
import { batchFromRows } from '../src/event/rows.js';
import { systemClock } from '../src/io/clock.js';
import type { ReaderLoopStatus } from '../src/log/stage.js';
import { describeView } from '../src/sql/describe.js';
import { parseViews } from '../src/sql/parse.js';
import { planView } from '../src/sql/standing.js';
import { createMetrics } from '../src/telemetry/metrics.js';
import type { BenchRow } from './harness.js';
import { BENCH_KEY, openLoop, percentile, prepareBodies } from './load.js';
import { PROBE_TENANT, startPipeline } from './pipeline.js';

const SECONDS = Number(process.env['MILLRACE_BENCH_SECONDS'] ?? 40);
const EVENTS_PER_SECOND = 10_000;
const BATCH = 100;
const PROBES = 4;
const THRESHOLD = 3;
const KEYS = 65_536;
const DESTINATION = 'https://shop.example/';
const ELSEWHERE = 'https://elsewhere.example/';

const VIEWS = `
CREATE MATERIALIZED VIEW hot_ips
WITH (watermark_lag = '5 seconds', allowed_lateness = '1 hour',
      guard = 'ip', guard_action = 'redirect', guard_url = '${ELSEWHERE}', guard_for = '10 minutes') AS
SELECT tenant_id, ip, window_start, window_end, count(*) AS clicks
FROM TUMBLE(events, event_time, INTERVAL '1 minute')
WHERE event_type = 'click' AND ip IS NOT NULL
GROUP BY tenant_id, ip, window_start, window_end
HAVING count(*) >= ${THRESHOLD};
`;

/** Runs the bench. */
export async function run(): Promise<readonly BenchRow[]> {
  const pipeline = await startPipeline({ views: VIEWS });
  const bodies = prepareBodies(400, BATCH, 31);
  const load = (seconds: number) =>
    openLoop({ url: pipeline.url, bodies, perSecond: EVENTS_PER_SECOND / BATCH, seconds, connections: 8 });
  await load(10);
  const link = await signedLink(pipeline.url);
  const effects: number[] = [];
  const until = new AbortController();
  const cpu = pipeline.cpuSeconds();
  const start = performance.now();
  const probing = Promise.all(
    Array.from({ length: PROBES }, async (_, prober) => {
      for (let i = 0; !until.signal.aborted; i++) effects.push(await probe(link, `10.${prober}.${i >> 8}.${i & 255}`));
    }),
  );
  const sent = await load(SECONDS);
  until.abort();
  await probing;
  const wallSeconds = (performance.now() - start) / 1000;
  const cpuSeconds = pipeline.cpuSeconds() - cpu;
  await pipeline.stop();
  return [
    await lookUps(),
    {
      name: `guards: the click that makes the row to the first click sent elsewhere, ${EVENTS_PER_SECOND} events/s`,
      records: sent.ms.length * BATCH,
      cpuSeconds,
      wallSeconds,
      baselineName: 'none: an absolute figure',
      baselineRecords: NaN,
      baselineCpuSeconds: NaN,
      ratio: NaN,
      target: 'p99 < 1 s',
      extra: {
        'p50 ms': percentile(effects, 0.5),
        'p99 ms': percentile(effects, 0.99),
        'max ms': Math.max(...effects),
        keys: effects.length,
        failed: sent.failed,
        'answer p99 ms': percentile(sent.ms, 0.99),
      },
    },
  ];
}

/** Batches of 500 events against one guard that holds as many keys as it may. */
async function lookUps(): Promise<BenchRow> {
  const [statement] = await parseViews(VIEWS);
  const schema = adEvents();
  const plan = planView(statement!, new Map([['events', { name: 'events', schema }]]));
  const description = describeView(plan, { number: 1, id: '1.bench', sinceMs: null });
  const definition: GuardDefinition = {
    ...plan.guard!,
    view: 'hot_ips',
    epoch: description.epoch,
    stream: description.stream,
    changes: description.schema,
    keyAt: [],
    rowAt: [],
    tenantScoped: true,
    closesAfterMs: 0,
    guarded: ['events'],
    behindMs: () => 0,
  };
  const keys = new GuardKeys({ forMs: 3_600_000, keysMax: KEYS });
  const now = Date.now();
  for (let i = 0; i < KEYS; i++) {
    const bytes = Buffer.from(`172.16.${i >> 8}.${i & 255}`);
    const key = keyText('acme', [bytes.toString()])!;
    keys.apply({ key, hash: hashBytes(bytes, 0, bytes.length), row: '', state: 'closed', appearedMs: now }, now);
  }
  const status = () => ({ state: 'running', lagMs: 0 }) as ReaderLoopStatus;
  const loop = { status, stop: () => Promise.resolve() };
  const running = { definition, keys, loop, clock: systemClock, metrics: createMetrics(), behindMaxMs: 10_000 };
  const guards = new StreamGuards(schema, [new RunningGuard(running)]);
  const batches = Array.from({ length: 40 }, (_, b) =>
    batchFromRows(
      schema,
      Array.from({ length: 500 }, (_row, i) => ({
        event_id: randomUUID(),
        event_type: 'click',
        event_time: now,
        tenant_id: `tenant-${i % 7}`,
        ip: `10.${b}.${i >> 8}.${i & 255}`,
      })),
    ),
  );
  let rows = 0;
  const pass = (): void => {
    for (const batch of batches) {
      if (guards.judge(batch) !== null) throw new Error('a key was met that is not there');
      rows += batch.rows;
    }
  };
  for (let i = 0; i < 20; i++) pass();
  rows = 0;
  const cpu = process.cpuUsage();
  const start = performance.now();
  while (performance.now() - start < 3_000) pass();
  const { user, system } = process.cpuUsage(cpu);
  return {
    name: `guards: look-ups of events among ${KEYS} keys, batches of 500`,
    records: rows,
    cpuSeconds: (user + system) / 1e6,
    wallSeconds: (performance.now() - start) / 1000,
    baselineName: 'none: an absolute figure',
    baselineRecords: NaN,
    baselineCpuSeconds: NaN,
    ratio: NaN,
    target: '',
    extra: { 'keys held': keys.size },
  };
}

async function signedLink(url: string): Promise<string> {
  const answer = await fetch(`${url}/v1/links`, {
    method: 'POST',
    body: JSON.stringify({ destination: DESTINATION, tenant: PROBE_TENANT }),
    headers: { authorization: `Bearer ${BENCH_KEY}` },
  });
  if (answer.status !== 200) throw new Error(`no link: ${answer.status} ${await answer.text()}`);
  return ((await answer.json()) as { url: string }).url;
}

async function click(link: string, ip: string): Promise<string | null> {
  const answer = await fetch(`${link}&ip=${ip}`, { redirect: 'manual' });
  await answer.text();
  return answer.headers.get('location');
}

/** Clicks until clicks go elsewhere; ms from the answer of the click that makes the row. */
async function probe(link: string, ip: string): Promise<number> {
  for (let i = 0; i < THRESHOLD; i++)
    if ((await click(link, ip)) !== DESTINATION) throw new Error(`${ip} was guarded before its time`);
  const start = performance.now();
  while ((await click(link, ip)) !== ELSEWHERE) {
    if (performance.now() - start > 30_000) throw new Error(`${ip} was not guarded after 30 s`);
    await sleep(10);
  }
  return performance.now() - start;
}
