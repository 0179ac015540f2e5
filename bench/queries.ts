/**
 * One tenant's heavy queries beside the others' light ones: a view of `MILLRACE_BENCH_QUERY_ROWS` rows (default
 * 1.4 M, most of them of one tenant), eight tenants that each ask for their newest hours once a second, and one
 * that runs cross joins and sorts without pause, six at a time (`MILLRACE_BENCH_SECONDS` of each, default 15).
 *
 * A light query is timed from the moment it was due. The rows are the light queries alone, beside the heavy tenant,
 * and beside it without bounds on a tenant and on heavy queries, which is the baseline.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { batchOf, type Column, type ColumnBatch } from '../src/event/columns.js';
import { Dictionary } from '../src/event/dictionary.js';
import { constantInteger } from '../src/event/integers.js';
import { defineSchema } from '../src/event/schema-define.js';
import type { ViewDescription } from '../src/event/view.js';
import { systemClock } from '../src/io/clock.js';
import { realDisk } from '../src/io/disk-real.js';
import { systemRandom } from '../src/io/random.js';
import { createRpc, type Rpc } from '../src/io/rpc.js';
import { startThread } from '../src/io/threads.js';
import { openLog, type EmbeddedLog } from '../src/log/embedded/open.js';
import type { QueryLimits } from '../src/serve/query/engine.js';
import type { StoreMethods, StoreThreadData } from '../src/serve/store-protocol.js';
import type { BenchRow } from './harness.js';

const ROWS = Number(process.env['MILLRACE_BENCH_QUERY_ROWS'] ?? 1_400_000);
const SECONDS = Number(process.env['MILLRACE_BENCH_SECONDS'] ?? 15);
const LIGHT_TENANTS = 8;
const LIGHT_PER_SECOND = 1;
const HEAVY_AT_ONCE = 6;
/** A heavy query is ended after so long: without bounds, some would never end. */
const HEAVY_MS_MAX = 5_000;
/** Rows of one window: those of the heavy tenant, and of each light one. */
const HEAVY_ROWS = 2_400;
const LIGHT_ROWS = 50;
const WINDOW_ROWS = HEAVY_ROWS + LIGHT_TENANTS * LIGHT_ROWS;
const WINDOW_MS = 60_000;
const START = Date.UTC(2026, 0, 1);

const SCHEMA = defineSchema({
  columns: {
    tenant: 'dictionary',
    window_start: 'timestamp',
    window_end: 'timestamp',
    op: 'dictionary',
    state: 'dictionary',
    reason: 'dictionary?',
    txn: 'int64',
    campaign: 'dictionary?',
    impressions: 'int64',
    clicks: 'int64',
  },
  tenant: 'tenant',
});

const VIEW: ViewDescription = {
  name: 'traffic',
  epoch: '1.0123456789abcdef',
  stream: 'view.traffic',
  schema: SCHEMA,
  source: 'view.traffic',
  sources: ['view.traffic'],
  columns: [
    { name: 'tenant_id', type: 'text', column: 0 },
    { name: 'window_start', type: 'timestamptz', column: 1 },
    { name: 'campaign', type: 'text', column: 7 },
    { name: 'impressions', type: 'bigint', column: 8 },
    { name: 'clicks', type: 'bigint', column: 9 },
  ],
  keyColumns: [0, 1, 2, 7],
  valueColumns: [8, 9],
  windowMs: WINDOW_MS,
  global: false,
};

function dictionaryOf(count: number, name: (index: number) => string): Dictionary {
  const dictionary = new Dictionary();
  for (let index = 0; index < count; index++) dictionary.internString(name(index));
  return dictionary;
}

const lightTenants = Array.from({ length: LIGHT_TENANTS }, (_, index) => `light-${index}`);
const tenants = dictionaryOf(LIGHT_TENANTS + 1, (index) => lightTenants[index - 1] ?? 'heavy');
const campaigns = dictionaryOf(HEAVY_ROWS, (index) => `campaign ${index}`);
const words = dictionaryOf(2, (index) => ['upsert', 'final'][index]!);

/** The rows of a window as the mill would write them: the heavy tenant's, then those of each light one. */
function windowRows(window: number): ColumnBatch {
  const rows = WINDOW_ROWS;
  const start = BigInt(START + window * WINDOW_MS);
  const each = <A extends Uint8Array | Uint16Array | Uint32Array>(
    array: new (length: number) => A,
    value: (row: number) => number,
  ): A => {
    const values = new array(rows);
    for (let row = 0; row < rows; row++) values[row] = value(row);
    return values;
  };
  const light = (row: number) => Math.floor((row - HEAVY_ROWS) / LIGHT_ROWS);
  const text = (codes: Uint8Array | Uint16Array, dictionary: Dictionary): Column => ({
    kind: 'dictionary',
    nulls: null,
    codes,
    dictionary,
  });
  const number = (scale: number): Column => ({
    kind: 'integer',
    nulls: null,
    base: 0n,
    width: 4,
    deltas: each(Uint32Array, (row) => (((row + window) * 2_654_435_761) >>> 0) % scale),
  });
  return batchOf(SCHEMA, rows, [
    text(
      each(Uint16Array, (row) => (row < HEAVY_ROWS ? 0 : 1 + light(row))),
      tenants,
    ),
    constantInteger(start),
    constantInteger(start + BigInt(WINDOW_MS)),
    text(new Uint8Array(rows), words),
    text(new Uint8Array(rows).fill(1), words),
    { ...text(new Uint8Array(rows), words), nulls: new Uint8Array((rows + 7) >> 3).fill(255) },
    constantInteger(1n),
    text(
      each(Uint16Array, (row) => (row < HEAVY_ROWS ? row : (row - HEAVY_ROWS) % LIGHT_ROWS)),
      campaigns,
    ),
    number(100_000),
    number(1_000),
    // When it was received, which the log stamps.
    constantInteger(0n),
  ]);
}

interface Store {
  readonly rpc: Rpc<StoreMethods>;
  stop(): Promise<void>;
}

async function openStore(log: EmbeddedLog, dataFolder: string, limits: Partial<QueryLimits>): Promise<Store> {
  const logPort = log.remotePort();
  const workerData: StoreThreadData = {
    logPort,
    dataFolder,
    views: [{ view: VIEW, reader: 'mill.traffic', isNewest: true }],
    streams: [],
    retentions: {},
    limits,
    endpoints: [],
    cacheBytesMax: 0,
    memoryBytesMax: 512 * 2 ** 20,
  };
  let stopping = false;
  const thread = startThread({
    name: 'store',
    module: 'serve/store-thread.js',
    workerData,
    transfer: [logPort],
    onDeath(error) {
      if (!stopping) throw error;
    },
  });
  const rpc = createRpc<StoreMethods>(thread.worker, {
    problem: (part: string, message: string) => console.error(part, message),
  });
  await rpc.call('ready');
  await rpc.call('caughtUp');
  return {
    rpc,
    async stop() {
      stopping = true;
      await rpc.call('stop');
    },
  };
}

/** Windows that are filled. */
const WINDOWS = Math.ceil(ROWS / WINDOW_ROWS);

async function preload(log: EmbeddedLog, { rpc }: Store): Promise<void> {
  for (let window = 0; window < WINDOWS; window++) {
    await log.append({ batches: [{ stream: VIEW.stream, rows: windowRows(window) }] });
    if (window % 100 === 99) await rpc.call('caughtUp');
  }
  // The last few wait in memory for more, as they do in production.
  while ((await rpc.call('status')).views[0]!.openRows > 300_000) await sleep(250);
}

const since = new Date(START + Math.max(0, WINDOWS - 240) * WINDOW_MS).toISOString();
const LIGHT = `SELECT campaign, sum(impressions) AS impressions, sum(clicks) AS clicks FROM traffic WHERE window_start >= '${since}' GROUP BY campaign ORDER BY 2 DESC LIMIT 10`;
const HEAVY = [
  'SELECT count(*) FROM traffic a CROSS JOIN traffic b WHERE a.impressions + b.clicks = 7',
  'SELECT campaign, r FROM (SELECT campaign, row_number() OVER (ORDER BY impressions, clicks, campaign, window_start) AS r FROM traffic) t WHERE r % 100000 = 0',
  'SELECT a.campaign, count(*) FROM traffic a JOIN traffic b ON a.clicks = b.clicks AND a.impressions < b.impressions GROUP BY 1 ORDER BY 2 DESC LIMIT 5',
];

async function light({ rpc }: Store, until: AbortSignal): Promise<number[]> {
  const ms: number[] = [];
  const start = performance.now();
  const pending = new Set<Promise<void>>();
  const everyMs = 1_000 / (LIGHT_TENANTS * LIGHT_PER_SECOND);
  for (let n = 0; !until.aborted; n++) {
    const due = start + n * everyMs;
    if (due > performance.now()) await sleep(due - performance.now());
    const one = rpc.call('query', { sql: LIGHT, tenant: lightTenants[n % LIGHT_TENANTS]!, format: 'json' }).then(
      () => {
        ms.push(performance.now() - due);
      },
      // A query that is refused counts as one that never came.
      () => void ms.push(HEAVY_MS_MAX),
    );
    pending.add(one);
    void one.then(() => pending.delete(one));
  }
  await Promise.all(pending);
  return ms;
}

/** Answers how many heavy queries were answered, and how many ended at a bound. */
async function heavy({ rpc }: Store, until: AbortSignal): Promise<Heavy> {
  const ended = { answered: 0, bounded: 0 };
  const lane = async (first: number): Promise<void> => {
    for (let n = first; !until.aborted; n++) {
      const request = { sql: HEAVY[n % HEAVY.length]!, tenant: 'heavy', format: 'json' as const };
      await rpc.call('query', { ...request, timeoutMs: HEAVY_MS_MAX }).then(
        () => (ended.answered += 1),
        () => (ended.bounded += 1),
      );
    }
  };
  await Promise.all(Array.from({ length: HEAVY_AT_ONCE }, (_, index) => lane(index)));
  return ended;
}

interface Heavy {
  readonly answered: number;
  readonly bounded: number;
}

interface Phase {
  readonly ms: readonly number[];
  readonly heavy: Heavy;
  readonly cpuSeconds: number;
  readonly wallSeconds: number;
}

async function phase(store: Store, withHeavy: boolean): Promise<Phase> {
  const ending = new AbortController();
  const cpu = process.cpuUsage();
  const start = performance.now();
  const heavyEnded = withHeavy ? heavy(store, ending.signal) : Promise.resolve({ answered: 0, bounded: 0 });
  // The light ones come when the heavy ones are at it.
  if (withHeavy) await sleep(2_000);
  const timed = light(store, ending.signal);
  await sleep(SECONDS * 1_000);
  ending.abort();
  const ms = await timed;
  const used = process.cpuUsage(cpu);
  const wallSeconds = (performance.now() - start) / 1_000;
  return { ms, heavy: await heavyEnded, cpuSeconds: (used.user + used.system) / 1e6, wallSeconds };
}

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

/** Runs the bench. */
export async function run(): Promise<readonly BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-queries-'));
  const log = await openLog({ folder: join(folder, 'log'), disk: realDisk, clock: systemClock, random: systemRandom });
  await log.createStream({
    name: VIEW.stream,
    schema: SCHEMA,
    partitions: 1,
    clock: 'arrival',
    retentionMs: 60_000,
    bytesMax: 1e12,
    policy: 'refuse',
  });
  try {
    let store = await openStore(log, folder, {});
    await preload(log, store);
    await phase(store, false);
    const alone = await phase(store, false);
    const beside = await phase(store, true);
    await store.stop();
    const unbounded = { tenantConcurrentMax: 64, heavyConcurrentMax: 64, tenantWaitingMax: 1_000, waitingMax: 1_000 };
    store = await openStore(log, folder, unbounded);
    await phase(store, false);
    const without = await phase(store, true);
    await store.stop();
    const [p95, p95Beside, p95Without] = [alone, beside, without].map(({ ms }) => percentile(ms, 0.95));
    return [
      {
        name: `queries: ${LIGHT_TENANTS} light tenants beside one that runs heavy queries without pause, ${(ROWS / 1e6).toFixed(1)} M rows`,
        records: beside.ms.length,
        cpuSeconds: beside.cpuSeconds,
        wallSeconds: beside.wallSeconds,
        baselineName: 'without bounds on a tenant and on heavy queries',
        baselineRecords: without.ms.length,
        baselineCpuSeconds: without.cpuSeconds,
        ratio: NaN,
        target: "the others' p95 within 2x",
        extra: {
          'p50 alone ms': percentile(alone.ms, 0.5),
          'p95 alone ms': p95!,
          'p50 beside ms': percentile(beside.ms, 0.5),
          'p95 beside ms': p95Beside!,
          'p95 beside / alone': p95Beside! / p95!,
          'p50 without bounds ms': percentile(without.ms, 0.5),
          'p95 without bounds ms': p95Without!,
          'p95 without bounds / alone': p95Without! / p95!,
          'heavy answered': beside.heavy.answered,
          'heavy ended at a bound': beside.heavy.bounded,
          cores: availableParallelism(),
        },
      },
    ];
  } finally {
    await log.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
