/**
 * The summary store at its size: 20 M rows stored (`MILLRACE_BENCH_SUMMARY_ROWS` for fewer), then
 * 5,000 changed rows every 250 ms (20,000 a second, 1,000 of 15,000 tenants each time) committed
 * through a real log, while the changes feed is asked 500 times a second, dashboards 20 times and a
 * scan of everything every 5 s, all at once (`MILLRACE_BENCH_SECONDS`, default 60).
 *
 * A commit is timed from the moment it was due. The store runs in its own thread, as it does in
 * production. The baseline is what one would write first: the same changes as objects in a Map by
 * key, each commit appended as lines of JSON and synced.
 */
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { batchOf, type Column, type ColumnBatch } from '../src/event/columns.js';
import { Dictionary } from '../src/event/dictionary.js';
import { constantInteger } from '../src/event/integers.js';
import { systemClock } from '../src/io/clock.js';
import { realDisk } from '../src/io/disk-real.js';
import { systemRandom } from '../src/io/random.js';
import { createRpc, type Rpc } from '../src/io/rpc.js';
import { startThread, type Thread } from '../src/io/threads.js';
import { openLog, type EmbeddedLog } from '../src/log/embedded/open.js';
import type { StoreMethods, StoreThreadData } from '../src/serve/store-protocol.js';
import { SCHEMA, VIEW, WINDOW_MS } from './changes-view.js';
import type { BenchRow } from './harness.js';

const ROWS = Number(process.env['MILLRACE_BENCH_SUMMARY_ROWS'] ?? 20_000_000);
const SECONDS = Number(process.env['MILLRACE_BENCH_SECONDS'] ?? 60);
const TENANTS = 15_000;
const CAMPAIGNS = 8;
const COMMIT_ROWS = 5_000;
const COMMIT_MS = 250;
/** Rows of one window: every tenant with some campaigns. */
const WINDOW_ROWS = 60_000;
const START = Date.UTC(2026, 0, 1);

const tenants = new Dictionary();
for (let i = 0; i < TENANTS; i++) tenants.internString(`tenant-${i}`);
const campaigns = new Dictionary();
for (let i = 0; i < CAMPAIGNS; i++) campaigns.internString(`campaign ${i}`);
const words = new Dictionary();
for (const word of ['upsert', 'open', 'final']) words.internString(word);

/** Rows as the mill would write them: tenants from `first` on, each with `perTenant` campaigns. */
function changes(
  rows: number,
  window: number,
  state: 'open' | 'final',
  first: number,
  perTenant: number,
  salt: number,
): ColumnBatch {
  const codes = Uint16Array.from({ length: rows }, (_, row) => (first + Math.floor(row / perTenant)) % TENANTS);
  const numbers = (scale: number) =>
    Uint32Array.from({ length: rows }, (_, row) => ((row * 2654435761 + salt) >>> 0) % scale);
  const word = (code: number): Column => ({
    kind: 'dictionary',
    nulls: null,
    codes: new Uint8Array(rows).fill(code),
    dictionary: words,
  });
  const integers = (deltas: Uint32Array): Column => ({ kind: 'integer', nulls: null, base: 0n, width: 4, deltas });
  const start = BigInt(START + window * WINDOW_MS);
  const columns: Column[] = [
    { kind: 'dictionary', nulls: null, codes, dictionary: tenants },
    constantInteger(start),
    constantInteger(start + BigInt(WINDOW_MS)),
    word(0),
    word(state === 'open' ? 1 : 2),
    {
      kind: 'dictionary',
      nulls: new Uint8Array((rows + 7) >> 3).fill(255),
      codes: new Uint8Array(rows),
      dictionary: words,
    },
    constantInteger(1n),
    {
      kind: 'dictionary',
      nulls: null,
      codes: Uint8Array.from({ length: rows }, (_, row) => row % perTenant),
      dictionary: campaigns,
    },
    integers(numbers(100_000)),
    integers(numbers(1_000)),
    integers(numbers(4_000_000_000)),
    constantInteger(0n),
  ];
  return batchOf(SCHEMA, rows, columns);
}

interface Store {
  readonly thread: Thread;
  readonly rpc: Rpc<StoreMethods>;
  /** From its start to being caught up, ms. */
  readonly openMs: number;
}

const stopping = new Set<Thread>();

async function openStore(log: EmbeddedLog, dataFolder: string): Promise<Store> {
  const start = performance.now();
  const logPort = log.remotePort();
  const workerData: StoreThreadData = {
    logPort,
    dataFolder,
    views: [{ view: VIEW, reader: 'mill.traffic', isNewest: true }],
    streams: [],
    retentions: {},
    limits: {},
    endpoints: [],
    cacheBytesMax: 0,
    memoryBytesMax: 512 * 2 ** 20,
  };
  const thread = startThread({
    name: 'store',
    module: 'serve/store-thread.js',
    workerData,
    transfer: [logPort],
    onDeath: (error) => {
      if (!stopping.has(thread)) throw error;
    },
  });
  const rpc = createRpc<StoreMethods>(thread.worker, {
    problem: (part: string, message: string) => console.error(part, message),
  });
  await rpc.call('ready');
  await rpc.call('caughtUp');
  return { thread, rpc, openMs: performance.now() - start };
}

/** A thread that is terminated from within its process takes that with it when DuckDB is at work. */
async function stopStore({ thread, rpc }: Store): Promise<void> {
  stopping.add(thread);
  await rpc.call('stop');
}

/** Fills the store window by window, as closed windows come. */
async function preload(log: EmbeddedLog, store: Store): Promise<number> {
  const windows = Math.ceil(ROWS / WINDOW_ROWS);
  for (let window = 0; window < windows; window++) {
    for (let from = 0; from < WINDOW_ROWS; from += 12_000)
      await log.append({
        batches: [{ stream: VIEW.stream, rows: changes(12_000, window, 'final', from / 4, 4, window) }],
      });
    if (window % 10 === 9) {
      await store.rpc.call('caughtUp');
      // What waits in memory is bounded; the bench should not wait for that bound to work.
      while ((await store.rpc.call('status')).views[0]!.openRows > 1_500_000) await sleep(100);
    }
  }
  for (;;) {
    const { openRows, closedRows } = (await store.rpc.call('status')).views[0]!;
    // The last few wait in memory for more, as they do in production.
    if (openRows < 300_000) return closedRows + openRows;
    await sleep(500);
  }
}

interface Timed {
  readonly ms: number[];
  count: number;
}

/** Asks `perSecond` times a second, timed from when each was due. */
async function openLoop(perSecond: number, until: AbortSignal, ask: (n: number) => Promise<void>): Promise<Timed> {
  const timed: Timed = { ms: [], count: 0 };
  const start = performance.now();
  const pending = new Set<Promise<void>>();
  for (let n = 0; !until.aborted; n++) {
    const due = start + (n * 1000) / perSecond;
    if (due > performance.now()) await sleep(due - performance.now());
    const one = ask(n).then(() => {
      timed.ms.push(performance.now() - due);
      pending.delete(one);
    });
    pending.add(one);
    timed.count += 1;
  }
  await Promise.all(pending);
  return timed;
}

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

/** Commits alone, or with everything else going on. */
async function drive(log: EmbeddedLog, { rpc }: Store, window: number, seconds: number) {
  const ending = new AbortController();
  const revisions = new Map<string, number>();
  const visible: number[] = [];
  let committed = 0;
  const commits = openLoop(1000 / COMMIT_MS, ending.signal, async (n) => {
    const started = performance.now();
    const rows = changes(COMMIT_ROWS, window + Math.floor((n * COMMIT_MS) / WINDOW_MS), 'open', n * 1_000, 5, n);
    await log.append({ batches: [{ stream: VIEW.stream, rows }] });
    committed += COMMIT_ROWS;
    await Promise.resolve();
    void rpc.call('caughtUp').then(() => visible.push(performance.now() - started));
  });
  const feed = openLoop(500, ending.signal, async (n) => {
    const tenant = `tenant-${(n * 7919) % TENANTS}`;
    const revision = revisions.get(tenant) ?? (await newest(rpc, tenant));
    const page = await rpc.call('feedChanges', VIEW.stream, { tenant, revision, limit: 1_000, from: null });
    revisions.set(tenant, page.nextRevision);
  });
  const dashboards = openLoop(20, ending.signal, async (n) => {
    const to = START + window * WINDOW_MS;
    await rpc.call('rows', VIEW.stream, {
      tenant: `tenant-${(n * 104_729) % TENANTS}`,
      from: to - 86_400_000,
      to: null,
      limit: 10_000,
    });
  });
  const scans = openLoop(0.2, ending.signal, async () => {
    await rpc.call('query', {
      sql: 'SELECT campaign, sum(impressions), sum(clicks), sum(cost), count(*) FROM traffic GROUP BY 1',
      tenant: null,
      format: 'json',
    });
  });
  await sleep(seconds * 1000);
  ending.abort();
  const [commitTimes, feedTimes, dashboardTimes, scanTimes] = await Promise.all([commits, feed, dashboards, scans]);
  return {
    commit: commitTimes.ms,
    feed: feedTimes.ms,
    dashboard: dashboardTimes.ms,
    scan: scanTimes.ms,
    visible,
    committed,
  };
}

async function newest(rpc: Rpc<StoreMethods>, tenant: string): Promise<number> {
  return (await rpc.call('feedView', VIEW.stream, tenant)).stableRevision;
}

/** Objects in a Map, JSON lines, one sync a commit. */
function baseline(folder: string): { records: number; cpuSeconds: number; commitMs: number[] } {
  const file = openSync(join(folder, 'baseline.ndjson'), 'w');
  const map = new Map<string, object>();
  const commitMs: number[] = [];
  const cpu = process.cpuUsage();
  const commits = 100;
  for (let n = 0; n < commits; n++) {
    const start = performance.now();
    let lines = '';
    for (let row = 0; row < COMMIT_ROWS; row++) {
      const value = {
        tenant: `tenant-${(n * 1_000 + Math.floor(row / 5)) % TENANTS}`,
        window: START,
        campaign: `campaign ${row % 5}`,
        impressions: row * n,
        clicks: row,
        cost: `${row}.250000`,
        revision: n * COMMIT_ROWS + row,
      };
      map.set(`${value.tenant} ${value.window} ${value.campaign}`, value);
      lines += `${JSON.stringify(value)}\n`;
    }
    writeSync(file, lines);
    fdatasyncSync(file);
    commitMs.push(performance.now() - start);
  }
  const used = process.cpuUsage(cpu);
  closeSync(file);
  return { records: commits * COMMIT_ROWS, cpuSeconds: (used.user + used.system) / 1e6, commitMs };
}

/** Runs the bench. */
export async function run(): Promise<readonly BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-summary-'));
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
    let store = await openStore(log, folder);
    const loadStart = performance.now();
    const stored = await preload(log, store);
    const loadSeconds = (performance.now() - loadStart) / 1000;
    const window = Math.ceil(ROWS / WINDOW_ROWS);
    await drive(log, store, window, 5);
    const cpu = process.cpuUsage();
    const start = performance.now();
    const timed = await drive(log, store, window + 2, SECONDS);
    const used = process.cpuUsage(cpu);
    const wallSeconds = (performance.now() - start) / 1000;
    const resident = process.memoryUsage().rss / 2 ** 20;
    const { files } = (await store.rpc.call('status')).views[0]!;
    await stopStore(store);
    store = await openStore(log, folder);
    const reopenMs = store.openMs;
    await stopStore(store);
    const plain = baseline(folder);
    const cpuSeconds = (used.user + used.system) / 1e6;
    return [
      {
        name: `summary: ${timed.committed / SECONDS} changed rows/s over ${(stored / 1e6).toFixed(1)} M stored, with feed, dashboards and scans`,
        records: timed.committed,
        cpuSeconds,
        wallSeconds,
        baselineName: 'Map of objects + NDJSON + fsync, nothing else going on',
        baselineRecords: plain.records,
        baselineCpuSeconds: plain.cpuSeconds,
        ratio: timed.committed / cpuSeconds / (plain.records / plain.cpuSeconds),
        target: 'commit p99 < 60 ms',
        extra: {
          'commit p50 ms': percentile(timed.commit, 0.5),
          'commit p99 ms': percentile(timed.commit, 0.99),
          'commit max ms': Math.max(...timed.commit),
          'visible p50 ms': percentile(timed.visible, 0.5),
          'visible p99 ms': percentile(timed.visible, 0.99),
          'feed p50 ms': percentile(timed.feed, 0.5),
          'feed p99 ms': percentile(timed.feed, 0.99),
          'feeds/s': timed.feed.length / wallSeconds,
          'dashboard p50 ms': percentile(timed.dashboard, 0.5),
          'dashboard p95 ms': percentile(timed.dashboard, 0.95),
          'scan p50 ms': percentile(timed.scan, 0.5),
          'scan max ms': Math.max(...timed.scan),
          'reopen ms': reopenMs,
          files,
          'memory MB': resident,
          'loaded rows/s': stored / loadSeconds,
        },
      },
    ];
  } finally {
    await log.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
