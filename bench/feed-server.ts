/**
 * The server of the feed's bench, in a process of its own: a changes stream, the store thread and the
 * feed's routes. `feed-server.ts SECONDS` commits changes as a mill would (75 tenants, 100 rows each, every
 * 50 ms), tells its parent the port, and when it is over what it took.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { listen } from '../src/collect/http/server.js';
import { SigningKeys } from '../src/collect/tracking/signing-keys.js';
import { TenantStore } from '../src/config/tenant-store.js';
import { batchOf, type Column, type ColumnBatch } from '../src/event/columns.js';
import { Dictionary } from '../src/event/dictionary.js';
import { constantInteger } from '../src/event/integers.js';
import { ServedViews } from '../src/event/served.js';
import { systemClock } from '../src/io/clock.js';
import { realDisk } from '../src/io/disk-real.js';
import { growHeapsFreely } from '../src/io/heap.js';
import { systemRandom } from '../src/io/random.js';
import { createRpc } from '../src/io/rpc.js';
import { startThread } from '../src/io/threads.js';
import { openLog, type EmbeddedLog } from '../src/log/embedded/open.js';
import { Polls } from '../src/serve/feed/polls.js';
import { createRouter } from '../src/serve/router.js';
import { feedRoutes } from '../src/serve/routes/feed.js';
import type { StoreMethods, StoreThreadData } from '../src/serve/store-protocol.js';
import { createMetrics } from '../src/telemetry/metrics.js';
import { SCHEMA, VIEW, WINDOW_MS } from './changes-view.js';
import { ROWS_A_PULL, TENANTS } from './feed-load.js';
import { BENCH_KEY } from './load.js';

/** What the server says to its parent. */
export type FeedServerMessage =
  | { readonly port: number }
  | {
      readonly cpuSeconds: number;
      readonly residentMb: number;
      /** From the moment at which a waiting consumer's change was there to the end of its answer, ms. */
      readonly pullMs: readonly number[];
      readonly rows: number;
      readonly waiting: number;
    };

const COMMIT_TENANTS = 75;
const COMMIT_MS = 50;
const START = Date.UTC(2026, 0, 1);
const WARM_MS = 12_000;

const tenants = new Dictionary();
for (let i = 0; i < TENANTS; i++) tenants.internString(`tenant-${i}`);
const campaigns = new Dictionary();
for (let i = 0; i < ROWS_A_PULL; i++) campaigns.internString(`campaign ${i}`);
const words = new Dictionary();
for (const word of ['upsert', 'open', 'final']) words.internString(word);

/** All campaigns of some tenants, as the mill would write them. */
function changes(window: number, first: number, txn: number): ColumnBatch {
  const rows = COMMIT_TENANTS * ROWS_A_PULL;
  const numbers = (scale: number): Column => ({
    kind: 'integer',
    nulls: null,
    base: 0n,
    width: 4,
    deltas: Uint32Array.from({ length: rows }, (_, row) => ((row * 2654435761 + txn) >>> 0) % scale),
  });
  const word = (code: number): Column => ({
    kind: 'dictionary',
    nulls: null,
    codes: new Uint8Array(rows).fill(code),
    dictionary: words,
  });
  const start = BigInt(START + window * WINDOW_MS);
  return batchOf(SCHEMA, rows, [
    {
      kind: 'dictionary',
      nulls: null,
      codes: Uint16Array.from({ length: rows }, (_, row) => (first + Math.floor(row / ROWS_A_PULL)) % TENANTS),
      dictionary: tenants,
    },
    constantInteger(start),
    constantInteger(start + BigInt(WINDOW_MS)),
    word(0),
    word(1),
    { ...word(0), nulls: new Uint8Array((rows + 7) >> 3).fill(255) } as Column,
    constantInteger(BigInt(txn)),
    {
      kind: 'dictionary',
      nulls: null,
      codes: Uint8Array.from({ length: rows }, (_, row) => row % ROWS_A_PULL),
      dictionary: campaigns,
    },
    numbers(100_000),
    numbers(1_000),
    numbers(4_000_000_000),
    constantInteger(0n),
  ]);
}

async function openStore(log: EmbeddedLog, dataFolder: string, polls: Polls) {
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
    memoryBytesMax: 256 * 2 ** 20,
  };
  const thread = startThread({
    name: 'store',
    module: 'serve/store-thread.js',
    workerData,
    transfer: [logPort],
    onDeath: (error) => {
      throw error;
    },
  });
  const woken = new Map<string, number>();
  const rpc = createRpc<StoreMethods>(thread.worker, {
    problem: (part: string, message: string) => console.error(part, message),
    changed(view: string, changed: readonly string[]) {
      const now = performance.now();
      for (const tenant of changed) woken.set(tenant, now);
      polls.changed(view, changed);
    },
  });
  await rpc.call('ready');
  return { rpc, woken };
}

async function main(seconds: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-feed-'));
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
  const polls = new Polls(systemClock);
  const { rpc, woken } = await openStore(log, folder, polls);
  const metrics = createMetrics();
  const router = createRouter({
    routes: feedRoutes({
      signingKeys: new SigningKeys([{ id: 'k1', secret: 'the secret of a bench: 32 characters' }]),
      store: async () => rpc,
      feed: { requestsPerSecond: 50, requestsBurst: 200, concurrentMax: 32 },
      clock: systemClock,
      metrics,
      polls,
      views: [VIEW],
      served: new ServedViews([{ view: VIEW, isNewest: true }]),
    }),
    tenants: new TenantStore({ clock: systemClock, inline: { tenants: [], operators: [{ key: BENCH_KEY }] } }),
    clock: systemClock,
    metrics,
    onError: (error) => console.error(error),
  });
  const pullMs: number[] = [];
  const timed = {
    handle(...[request, response]: Parameters<typeof router.handle>) {
      const tenant = /tenants\/([^/]+)/.exec(request.url!)![1]!;
      response.once('finish', () => {
        const at = woken.get(tenant);
        if (at === undefined) return;
        woken.delete(tenant);
        pullMs.push(performance.now() - at);
      });
      return router.handle(request, response);
    },
  };
  const server = await listen({
    handlers: [timed],
    host: '127.0.0.1',
    port: 0,
    connectionsMax: 20_000,
    requestTimeoutMs: 60_000,
    clock: systemClock,
    onError: (error) => console.error(error),
  });
  await tell({ port: server.port });
  // Consumers connect and wait.
  while (polls.size < TENANTS) await sleep(100);
  const begin = performance.now();
  let cpu = process.cpuUsage();
  let measuring = false;
  let waiting = Infinity;
  for (let n = 0; performance.now() - begin < WARM_MS + seconds * 1000; n++) {
    const due = begin + n * COMMIT_MS;
    if (due > performance.now()) await sleep(due - performance.now());
    if (!measuring && performance.now() - begin >= WARM_MS) {
      measuring = true;
      cpu = process.cpuUsage();
      pullMs.length = 0;
    }
    if (measuring) waiting = Math.min(waiting, polls.size);
    const rows = changes(Math.floor((n * COMMIT_MS) / WINDOW_MS), n * COMMIT_TENANTS, n + 1);
    await log.append({ batches: [{ stream: VIEW.stream, rows }] });
  }
  const used = process.cpuUsage(cpu);
  const result: FeedServerMessage = {
    cpuSeconds: (used.user + used.system) / 1e6,
    residentMb: process.memoryUsage().rss / 2 ** 20,
    pullMs,
    rows: pullMs.length * ROWS_A_PULL,
    waiting,
  };
  await tell(result);
  rmSync(folder, { recursive: true, force: true });
  process.exit(0);
}

function tell(message: FeedServerMessage): Promise<void> {
  return new Promise((told) => process.stdout.write(`${JSON.stringify(message)}\n`, () => told()));
}

growHeapsFreely();
await main(Number(process.argv[2]));
