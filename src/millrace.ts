/**
 * The whole machine on one page: opens the parts, joins them in the order of an event's path, and
 * closes them in reverse.
 *
 *   collect → log → deliver → sinks
 *                 → mill → summary
 *                 → lake ─┴→ serve
 *
 * Threads: this one answers HTTP and owns the log; `deliver`, `mill`, `lake` and `store` (summaries,
 * DuckDB) each have their own. They read the log's files by themselves and send only what is to be appended.
 *
 * Recovery is each part's own work from its own folder and the log; nothing is coordinated here
 * beyond the order: the log first, then the memory of event ids, then the readers, the door last.
 */
import { join } from 'node:path';
import { createCollector, type Collector } from './collect/collector.js';
import { Cuts } from './collect/ledger/cuts.js';
import { openLedger, type Ledger } from './collect/ledger/ledger.js';
import { Dedupe } from './collect/dedupe/dedupe.js';
import { listen } from './collect/http/server.js';
import { keptSecrets, SigningKeys } from './collect/tracking/signing-keys.js';
import type { MillraceOptions } from './config/options.js';
import { TenantStore } from './config/tenant-store.js';
import {
  ACCOUNTS_SCHEMA,
  ACCOUNTS_STREAM,
  ACCOUNT_TOTALS_STREAM,
  EDGES_SCHEMA,
  EDGES_STREAM,
  LATE_SCHEMA,
  LATE_STREAM,
  QUARANTINE_SCHEMA,
  QUARANTINE_STREAM,
  REDRIVE_SCHEMA,
  REDRIVE_STREAM,
  RESOLVED_SCHEMA,
  RESOLVED_STREAM,
} from './event/internal.js';
import type { Schema } from './event/schema.js';
import type { DeliverThreadMethods } from './deliver/thread.js';
import { systemClock, type Clock } from './io/clock.js';
import type { Disk } from './io/disk.js';
import { realDisk } from './io/disk-real.js';
import { systemRandom, type Random } from './io/random.js';
import type { Supervised } from './io/supervisor.js';
import { distFolder } from './io/threads.js';
import { openCatalog } from './lake/catalog.js';
import { LAKE_FOLDER } from './lake/options.js';
import type { LakeThreadMethods } from './lake/thread.js';
import { openLog, type EmbeddedLog } from './log/embedded/open.js';
import type { StreamDefinition } from './log/log.js';
import { assignEpochs, removeOldReaders, type ViewEpoch } from './mill/epochs.js';
import { parseViews } from './sql/parse.js';
import { planView } from './sql/plan-view.js';
import type { ViewPlan } from './sql/plan.js';
import type { MillMethods } from './mill/thread.js';
import { meterLog, StageMeters } from './meters.js';
import { createApi, type ApiHandler } from './serve/api.js';
import { createAudit } from './serve/audit.js';
import { createPages } from './serve/pages.js';
import { QuarantineDesk } from './serve/quarantine.js';
import type { StoreMethods } from './serve/store-protocol.js';
import { createMessages, type Messages } from './telemetry/messages.js';
import { createMetrics, type Metrics } from './telemetry/metrics.js';
import { startDeliver, startLake, startMill, startStore, startTransforms, type ThreadsInput } from './threads.js';
import { removeOldTransforms, withDerivedStreams } from './transform/plan.js';
import type { TransformMethods } from './transform/thread.js';
import { Closers } from './util/closers.js';
import { VERSION } from './util/version.js';

/** A running pipeline. */
export interface Millrace {
  /** Where it listens, such as `http://127.0.0.1:7070`. */
  readonly url: string;
  readonly port: number;
  /** Drains: what is under way is answered, every reader commits, everything is closed. */
  close(): Promise<void>;
}

/** What comes from outside; the machine's own when left out. */
export interface Seams {
  readonly disk?: Disk;
  readonly clock?: Clock;
  readonly random?: Random;
}

/** What the parts below share. */
interface Ground {
  readonly options: MillraceOptions;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
  readonly messages: Messages;
  readonly closers: Closers;
}

/** Opens everything and listens. Throws what `millrace start` prints: CONFIG_INVALID, DATA_FOLDER_…, PORT_IN_USE, … */
export async function startMillrace(given: MillraceOptions, seams: Seams = {}): Promise<Millrace> {
  const options = await withDerivedStreams(given);
  const ground: Ground = {
    options,
    disk: seams.disk ?? realDisk,
    clock: seams.clock ?? systemClock,
    random: seams.random ?? systemRandom,
    metrics: createMetrics(),
    messages: createMessages(options.messages),
    closers: new Closers(),
  };
  const { closers } = ground;
  try {
    const plans = await planViews(options);
    ground.disk.makeFolder(options.dataFolder);
    const cuts = new Cuts(ground.metrics);
    const log = await openStreams(ground, cuts);
    const views = await assignEpochs(ground.disk, options.dataFolder, plans);
    for (const { description } of views) await log.createStream(ownStream(description.stream, description.schema));
    await removeOldReaders(log, ground.disk, options.dataFolder, views);
    await removeOldTransforms(log, log.stats().readers, options.transforms);
    const tenants = new TenantStore({
      ...tenantSource(options),
      clock: ground.clock,
      onReload: (outcome) => saidReload(ground.messages, outcome),
    });
    closers.add(() => tenants.close());
    const collector = await openDoor(ground, log, tenants);
    const ledger = await openAccounts(ground, log, collector, cuts);
    const input: ThreadsInput = { ...ground, log, views };
    const threads: Threads = {
      transform: await startTransforms(input),
      deliver: await startDeliver(input),
      mill: await startMill(input),
      lake: await startLake(input),
      store: await startStore(input),
    };
    const api = await openApi(ground, { log, collector, ledger, tenants, views, threads });
    const server = await serve(ground, collector, api);
    return { url: `http://${options.http.host}:${server.port}`, port: server.port, close: () => closers.close() };
  } catch (error) {
    await closers.close();
    throw error;
  }
}

async function planViews(options: MillraceOptions): Promise<ViewPlan[]> {
  const catalog = new Map(options.streams.map((stream) => [stream.name, stream]));
  const plans: ViewPlan[] = [];
  for (const { text, file } of options.views)
    for (const statement of await parseViews(text, file)) plans.push(planView(statement, catalog));
  return plans;
}

/** Opens the log and declares the configured streams and our own. */
async function openStreams(
  { options, disk, clock, random, messages, closers }: Ground,
  cuts: Cuts,
): Promise<EmbeddedLog> {
  const log = await openLog({
    folder: join(options.dataFolder, 'log'),
    disk,
    clock,
    random,
    options: { segmentBytes: options.log.segmentBytes, pendingBytesMax: options.log.pendingBytesMax },
    onProblem: (problem) =>
      problem === null
        ? messages.info('the log can be written again')
        : messages.error({ code: problem.code }, problem.message),
    onCut: (rows) => {
      messages.warn({ rows }, 'rows were cut from the log at its bound');
      return cuts.take(rows);
    },
  });
  closers.add(() => log.close());
  closers.add(() => cuts.close());
  const { damaged, cut } = log.recovery;
  for (const damage of damaged) messages.error(damage, 'the log is damaged; the rows named are lost');
  if (cut !== null) messages.warn(cut, 'the last commit was cut; it may have been acknowledged');
  for (const stream of options.streams) await log.createStream(stream);
  await log.createStream(ownStream(QUARANTINE_STREAM, QUARANTINE_SCHEMA));
  await log.createStream(ownStream(RESOLVED_STREAM, RESOLVED_SCHEMA));
  await log.createStream(ownStream(REDRIVE_STREAM, REDRIVE_SCHEMA));
  await log.createStream(ownStream(LATE_STREAM, LATE_SCHEMA));
  // Every segment holds some of these rows: they must not keep the segments of shorter or bounded
  // streams. What the ledger still needs when it is cut, it writes anew.
  const retentionMs = Math.min(OWN_RETENTION_MS, ...options.streams.map((stream) => stream.retentionMs));
  for (const name of [ACCOUNTS_STREAM, ACCOUNT_TOTALS_STREAM])
    await log.createStream({ ...ownStream(name, ACCOUNTS_SCHEMA), retentionMs, policy: 'cut' });
  await log.createStream({ ...ownStream(EDGES_STREAM, EDGES_SCHEMA), retentionMs, policy: 'cut' });
  return log;
}

const OWN_RETENTION_MS = 7 * 86_400_000;

function ownStream(name: string, schema: Schema): StreamDefinition {
  return {
    name,
    schema,
    partitions: 1,
    clock: 'arrival',
    retentionMs: OWN_RETENTION_MS,
    bytesMax: 50 * 1024 ** 3,
    policy: 'refuse',
  };
}

function tenantSource({ tenants }: MillraceOptions) {
  return { inline: tenants.inline, ...(tenants.file === undefined ? {} : { file: tenants.file }) };
}

async function openDoor(
  { options, disk, clock, random, metrics, messages, closers }: Ground,
  log: EmbeddedLog,
  tenants: TenantStore,
): Promise<Collector> {
  const { collect, http } = options;
  const onError = (error: unknown): void => messages.error({ part: 'collect', err: error }, 'unexpected error');
  const secrets =
    collect.signingKeys.length > 0 ? collect.signingKeys : await keptSecrets(disk, options.dataFolder, random);
  const streams = options.streams
    .filter((stream) => stream.derived !== true && stream.schema.roles.eventId >= 0)
    .map((stream) => stream.name);
  const dedupe = await Dedupe.open({
    disk,
    clock,
    random,
    log,
    streams,
    folder: join(options.dataFolder, 'dedupe'),
    ...collect.dedupe,
    onTrouble: onError,
  });
  closers.add(() => dedupe.close());
  const limits = { ...http, ...collect };
  return createCollector({
    log,
    dedupe,
    tenants,
    signingKeys: new SigningKeys(secrets),
    clock,
    random,
    metrics,
    limits,
    firehose: options.firehose,
    onError,
  });
}

/** The accounts go on where the last process left them, before the door opens. */
async function openAccounts(
  { clock, messages, closers }: Ground,
  log: EmbeddedLog,
  { accounts }: Collector,
  cuts: Cuts,
): Promise<Ledger> {
  const onError = (error: unknown): void => messages.error({ part: 'accounts', err: error }, 'not written yet');
  const ledger = await openLedger({ log, accounts, clock, onError });
  closers.add(() => ledger.close());
  cuts.open(ledger);
  return ledger;
}

interface Threads {
  readonly deliver: Supervised<DeliverThreadMethods>;
  readonly transform: Supervised<TransformMethods>;
  readonly mill: Supervised<MillMethods>;
  readonly lake: Supervised<LakeThreadMethods>;
  readonly store: Supervised<StoreMethods>;
}

interface Parts {
  readonly log: EmbeddedLog;
  readonly collector: Collector;
  readonly ledger: Ledger;
  readonly tenants: TenantStore;
  readonly views: readonly ViewEpoch[];
  readonly threads: Threads;
}

async function openApi(ground: Ground, { log, collector, ledger, tenants, views, threads }: Parts) {
  const { options, disk, clock, metrics, messages } = ground;
  const mill = async () => (await threads.mill.rpc()).call('status');
  const lake = async () => (await threads.lake.rpc()).call('status');
  const deliver = async () => (await threads.deliver.rpc()).call('status');
  const transform = async () => (await threads.transform.rpc()).call('status');
  const streams = options.streams.filter((stream) => stream.derived !== true);
  const meters = new StageMeters();
  meterLog(metrics, log);
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
        (stage === 'deliver' ? options.deliveries : options.transforms).some((reader) => reader.name === name),
    }),
    audit: createAudit({
      log,
      lake: openCatalog(disk, join(options.dataFolder, LAKE_FOLDER)),
      streams,
      ledger,
      ask: (sql, tenant) => twoNumbers(threads.store, sql, tenant),
    }),
    streams: streams.map((stream) => stream.name),
    views: views.map((view) => view.description),
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

/** The one row of a query that answers two numbers. */
async function twoNumbers(
  store: Supervised<StoreMethods>,
  sql: string,
  tenant: string,
): Promise<readonly [number, number]> {
  const [row] = await rowsOf(store, sql, tenant);
  return [Number(row![0]), Number(row![1])];
}

async function serve({ options, clock, messages, closers }: Ground, collector: Collector, api: ApiHandler) {
  const { host, port, connectionsMax, requestTimeoutMs, drainMs } = options.http;
  const onError = (error: unknown): void => messages.error({ part: 'http', err: error }, 'unexpected error');
  const handlers = [collector, createPages(options.pages), api];
  const server = await listen({ handlers, host, port, connectionsMax, requestTimeoutMs, clock, onError });
  closers.add(async () => {
    api.close();
    await server.drain(drainMs);
  });
  return server;
}

function saidReload(
  messages: Messages,
  { tenants, error }: { readonly tenants: number; readonly error?: Error },
): void {
  if (error === undefined) messages.info({ tenants }, 'tenants reloaded');
  else messages.error({ err: error }, 'the tenants file was not taken; the tenants in force stay');
}
