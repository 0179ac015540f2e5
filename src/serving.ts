/** What is served: the API over the log, the threads and the accounts. */
import { join } from 'node:path';
import type { Collector } from './collect/collector.js';
import type { SigningKeys } from './collect/tracking/signing-keys.js';
import type { Ledger } from './collect/ledger/ledger.js';
import type { TenantStore } from './config/tenant-store.js';
import type { DeliverThreadMethods } from './deliver/thread.js';
import { Explaining } from './explaining.js';
import type { Ground } from './ground.js';
import { moved, type Moved } from './io/rpc.js';
import type { Supervised } from './io/supervisor.js';
import { distFolder } from './io/threads.js';
import { openCatalog } from './lake/catalog.js';
import { LAKE_FOLDER } from './lake/options.js';
import type { LakeThreadMethods } from './lake/thread.js';
import type { Endpoint } from './serve/endpoints/plan.js';
import type { EmbeddedLog } from './log/embedded/open.js';
import { meterLog, StageMeters } from './meters.js';
import { readerId, type ViewEpoch } from './mill/epochs.js';
import type { MillMethods } from './mill/thread.js';
import type { Views } from './planner.js';
import type { Registry } from './registry.js';
import { createApi } from './serve/api.js';
import { createAudit } from './serve/audit.js';
import { QuarantineDesk } from './serve/quarantine.js';
import { Replays } from './serve/replays.js';
import type { Polls } from './serve/feed/polls.js';
import type { StoreMethods } from './serve/store-protocol.js';
import { servedViews, type Swaps } from './swaps.js';
import { ownStream } from './streams.js';
import type { TransformMethods } from './transform/thread.js';
import { MillraceError } from './util/errors.js';
import { VERSION } from './util/version.js';

/** The threads beside this one. */
export interface Threads {
  readonly deliver: Supervised<DeliverThreadMethods>;
  readonly transform: Supervised<TransformMethods>;
  readonly mill: Supervised<MillMethods>;
  readonly lake: Supervised<LakeThreadMethods>;
  readonly store: Supervised<StoreMethods>;
}

/** What the API answers from. */
export interface Parts {
  readonly log: EmbeddedLog;
  readonly registry: Registry;
  readonly collector: Collector;
  readonly ledger: Ledger;
  readonly tenants: TenantStore;
  readonly views: readonly ViewEpoch[];
  readonly swaps: Swaps;
  readonly planner: Views;
  readonly endpoints: readonly Endpoint[];
  readonly threads: Threads;
  readonly signingKeys: SigningKeys;
  readonly polls: Polls;
}

/** Makes the API. */
export async function openApi(ground: Ground, parts: Parts) {
  const { log, registry, collector, ledger, tenants, views, swaps, threads, signingKeys, polls } = parts;
  const { options, disk, clock, metrics, messages } = ground;
  const served = servedViews(views, swaps);
  const allOfMill = async () => (await threads.mill.rpc()).call('status');
  /** Of definitions that answer. */
  const mill = async () => {
    const readers = new Set(swaps.answering().map(({ plan, epoch }) => readerId(plan.name, epoch)));
    return (await allOfMill()).filter(({ reader }) => readers.has(reader.id));
  };
  const lake = async () => (await threads.lake.rpc()).call('status');
  const deliver = async () => (await threads.deliver.rpc()).call('status');
  const transform = async () => (await threads.transform.rpc()).call('status');
  const meters = new StageMeters();
  meterLog(metrics, log);
  const explaining = new Explaining({ ...ground, ...parts, mill: threads.mill, dataFolder: options.dataFolder });
  const replays = openReplays(ground, parts);
  return createApi({
    log,
    tenants,
    clock,
    metrics,
    accounts: collector.accounts,
    deliver,
    pauseDelivery: async (name, paused) => (await threads.deliver.rpc()).call('pause', name, paused),
    quarantine: new QuarantineDesk({
      log,
      ask: (sql) => rowsOf(threads.store, sql, null),
      ingestOf: (stream) => collector.doors.get(stream),
      hasReader: (stage, name) =>
        (stage === 'deliver' ? registry.deliveries : registry.transforms).some((reader) => reader.name === name),
    }),
    replays,
    audit: createAudit({
      log,
      lake: openCatalog(disk, join(options.dataFolder, LAKE_FOLDER)),
      streams: () => registry.open,
      ledger,
      rows: (sql, tenant) => rowsOf(threads.store, sql, tenant),
    }),
    get streams() {
      return registry.open.map((stream) => stream.name);
    },
    get views() {
      return served.all;
    },
    served,
    explainView: (name, sql) => explaining.explain(name, sql),
    swapView: (name, force) => swaps.swap(name, force),
    feed: options.feed,
    signingKeys,
    polls,
    endpoints: parts.endpoints,
    store: () => threads.store.rpc(),
    mill,
    lake: async () => (await lake()).map(({ reader }) => reader),
    transforms: async () => (await transform()).map(({ reader }) => reader),
    otherMetrics: async () => [await meters.collect(await transform(), await mill(), await lake(), await deliver())],
    consoleFolder: join(distFolder(), 'console'),
    version: VERSION,
    onError: (error) => messages.error({ part: 'serve', err: error }, 'unexpected error'),
  });
}

/** The rows of a query, asked as a tenant or (null) as an operator. */
async function rowsOf(store: Supervised<StoreMethods>, sql: string, tenant: string | null): Promise<unknown[][]> {
  const answer = await (await store.rpc()).call('query', { sql, tenant, format: 'json' });
  return (JSON.parse(Buffer.from(answer.body).toString()) as { rows: unknown[][] }).rows;
}

function openReplays(ground: Ground, { log, registry, threads }: Parts): Replays {
  const { options, disk, clock, random, messages, closers } = ground;
  const { dataFolder } = options;
  const replays = new Replays({
    log,
    disk,
    clock,
    random,
    dataFolder,
    deliveries: () => registry.deliveries,
    hasLake: (stream) => registry.all.some(({ name, lake }) => name === stream && lake),
    streamOf: ownStream,
    apply: async (running) => (await threads.deliver.rpc()).call('apply', registry.deliveries, running),
    progress: async () => (await threads.deliver.rpc()).call('replays'),
    onError: (error) => messages.error({ part: 'replays', err: error }, 'tried again'),
  });
  closers.add(() => replays.close());
  return replays;
}

/** A SELECT as NDJSON, as an operator, for another thread. Throws QUERY_TOO_LARGE above `rowsMax` rows. */
export async function askAsLines(
  store: Supervised<StoreMethods>,
  sql: string,
  rowsMax: number,
): Promise<Moved<Uint8Array>> {
  const request = { sql, tenant: null, format: 'ndjson' as const, rowsMax };
  const { body, truncated } = await (await store.rpc()).call('query', request);
  if (truncated) throw new MillraceError('QUERY_TOO_LARGE', `the answer has more than ${rowsMax} rows`);
  return moved(body, [body.buffer]);
}
