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
import { alertDeliveries, removeOldAlerts } from './alerts.js';
import { createCollector, type Collector } from './collect/collector.js';
import { Cuts } from './collect/ledger/cuts.js';
import { openLedger, type Ledger } from './collect/ledger/ledger.js';
import { Dedupe } from './collect/dedupe/dedupe.js';
import { listen } from './collect/http/server.js';
import type { Guards } from './collect/guards/guards.js';
import type { CollectInput } from './collect/options.js';
import { keptSecrets, SigningKeys } from './collect/tracking/signing-keys.js';
import { Definitions } from './config/definitions.js';
import type { MillraceOptions } from './config/options.js';
import type { Ground } from './ground.js';
import { openGuards } from './guards.js';
import { removeOldDeliveries } from './deliver/readers.js';
import { systemClock, type Clock } from './io/clock.js';
import type { Disk } from './io/disk.js';
import { realDisk } from './io/disk-real.js';
import { systemRandom, type Random } from './io/random.js';
import type { Supervised } from './io/supervisor.js';
import type { EmbeddedLog } from './log/embedded/open.js';
import { assignEpochs, removeOldEpochs, type ViewEpoch } from './mill/epochs.js';
import { newProgress } from './mill/progress.js';
import { Histories } from './histories.js';
import { openTableFiles, servedTables, withDeclared } from './declared.js';
import { seedTables } from './seeds.js';
import type { StandingPlan } from './sql/standing.js';
import { Views } from './planner.js';
import { Registry } from './registry.js';
import type { ApiHandler } from './serve/api.js';
import { Polls } from './serve/feed/polls.js';
import { endpointCatalog, planEndpoint, type Endpoint } from './serve/endpoints/plan.js';
import type { ServedTable } from './serve/query/catalog.js';
import { createPages } from './serve/pages.js';
import { keptReplays } from './serve/replays.js';
import type { StoreMethods } from './serve/store-protocol.js';
import { askAsLines, openApi, type Threads } from './serving.js';
import { openStreams, ownStream } from './streams.js';
import { Swaps } from './swaps.js';
import { openTenants, removeOldArchives } from './tenants.js';
import { createMessages } from './telemetry/messages.js';
import { createMetrics } from './telemetry/metrics.js';
import {
  followRegistry,
  followTenants,
  startDeliver,
  startLake,
  startMill,
  startStore,
  startTransforms,
  type ThreadsInput,
} from './threads.js';
import { removeOldTransforms } from './transform/plan.js';
import { Closers } from './util/closers.js';
import { MillraceError } from './util/errors.js';

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

/** Opens everything and listens. Throws what `millrace start` prints: CONFIG_INVALID, DATA_FOLDER_…, PORT_IN_USE, … */
export async function startMillrace(given: MillraceOptions, seams: Seams = {}): Promise<Millrace> {
  const { declared, files, options } = await withDeclared(given);
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
    const planner = new Views(options, declared);
    const plans = await planner.plan(options.views);
    const tables = servedTables(declared, options.streams);
    const endpoints = await planEndpoints(options, plans, tables);
    ground.disk.makeFolder(options.dataFolder);
    const cuts = new Cuts(ground.metrics);
    const registry = openRegistry(ground, plans);
    const log = await openStreams(ground, registry, cuts);
    await openTableFiles(ground, log, declared);
    await seedTables(ground, log, declared, files);
    const views = await openViews(ground, log, planner, plans);
    const swaps = new Swaps({ ...ground, views, dataFolder: options.dataFolder, mode: options.mill.swap });
    registry.addAlerts(alertDeliveries(options, swaps.answering()));
    await removeOldReaders(ground, log, registry);
    const tenants = openTenants(ground, views);
    await removeOldArchives(log, views, tenants.store.directory);
    const signingKeys = await openSigningKeys(ground);
    const progress = new Map(views.map(({ description }) => [description.stream, newProgress()]));
    const guards = await openGuards(ground, log, views, { progress, swaps });
    const collector = await openDoor(ground, { log, registry, tenants: tenants.store, signingKeys, guards });
    const ledger = await openAccounts(ground, log, collector, cuts);
    const shared = { log, registry, views, swaps, progress, endpoints, tables };
    const input: ThreadsInput = { ...ground, ...shared, tenants: tenants.store };
    const polls = new Polls(ground.clock);
    const threads = await startThreads(ground, input, polls);
    const replays = () => keptReplays(ground.disk, options.dataFolder);
    const followers = followRegistry(input, threads, replays);
    registry.tell({ doors: collector.doors, threads: followers });
    swaps.start(threads, async () => {
      registry.addAlerts(alertDeliveries(options, swaps.answering()));
      for (const follow of followers) await follow();
    });
    closers.add(() => swaps.close());
    tenants.tell(() => followTenants(input, threads));
    const api = await openApi(ground, {
      log,
      registry,
      collector,
      ledger,
      tenants: tenants.store,
      views,
      swaps,
      planner,
      endpoints,
      threads,
      signingKeys,
      polls,
    });
    const server = await serve(ground, collector, api);
    return { url: `http://${options.http.host}:${server.port}`, port: server.port, close: () => closers.close() };
  } catch (error) {
    await closers.close();
    throw error;
  }
}

/** Forgets transforms, deliveries and alerts that are no longer defined. */
async function removeOldReaders({ disk, options, messages }: Ground, log: EmbeddedLog, registry: Registry) {
  removeOldAlerts(disk, options.dataFolder, registry.deliveries);
  await removeOldTransforms(log, log.stats().readers, registry.transforms);
  for (const name of await removeOldDeliveries(log, log.stats().readers, registry.deliveries))
    messages.warn({ delivery: name }, 'the delivery is gone from the configuration; its place in the log is forgotten');
}

async function startThreads({ disk, options }: Ground, input: ThreadsInput, polls: Polls): Promise<Threads> {
  const later: { store?: Supervised<StoreMethods> } = {};
  const ask = async (sql: string, rowsMax: number) => {
    if (later.store === undefined) throw new MillraceError('QUERY_BUSY', 'queries are not answered yet');
    return askAsLines(later.store, sql, rowsMax);
  };
  const threads = {
    transform: await startTransforms(input),
    deliver: await startDeliver(input, { ask, replays: () => keptReplays(disk, options.dataFolder) }),
    mill: await startMill(input),
    lake: await startLake(input),
  };
  const store = await startStore(input, { changed: (view, tenants) => polls.changed(view, tenants) });
  later.store = store;
  return { ...threads, store };
}

/** The definitions of all views that are in force, each with its stream; what was left of others goes. */
async function openViews(
  ground: Ground,
  log: EmbeddedLog,
  planner: Views,
  plans: readonly StandingPlan[],
): Promise<ViewEpoch[]> {
  const { dataFolder, mill } = ground.options;
  const epochs = { ...ground, dataFolder, keepMs: mill.epochKeepMs, planner };
  const histories = new Histories(log, ground.disk, dataFolder);
  const views = await assignEpochs(
    {
      ...epochs,
      historyOf: (stream) => histories.of(stream),
      positionsOf: (reader) => log.reader(reader)?.positions ?? [],
    },
    plans,
  );
  for (const { description } of views) await log.createStream(ownStream(description.stream, description.schema));
  await removeOldEpochs(log, epochs, views);
  return views;
}

async function planEndpoints(
  { endpoints, streams }: MillraceOptions,
  plans: readonly StandingPlan[],
  tables: readonly ServedTable[],
): Promise<Endpoint[]> {
  const catalog = endpointCatalog(streams, plans, tables);
  const planned: Endpoint[] = [];
  for (const endpoint of endpoints) planned.push(await planEndpoint(endpoint, catalog));
  return planned;
}

/** The streams and deliveries of the configuration, and those made at run time. */
function openRegistry({ options, disk, clock }: Ground, plans: readonly StandingPlan[]): Registry {
  const definitions = new Definitions(disk, options.dataFolder);
  return new Registry({ options, definitions, views: plans.map(({ name }) => name), clock });
}

async function openSigningKeys({ options, disk, random }: Ground): Promise<SigningKeys> {
  const { signingKeys } = options.collect;
  return new SigningKeys(signingKeys.length > 0 ? signingKeys : await keptSecrets(disk, options.dataFolder, random));
}

async function openDoor(
  { options, disk, clock, random, metrics, messages, closers }: Ground,
  {
    log,
    registry,
    tenants,
    signingKeys,
    guards,
  }: Pick<CollectInput, 'tenants' | 'signingKeys'> & {
    readonly guards: Guards;
    readonly log: EmbeddedLog;
    readonly registry: Registry;
  },
): Promise<Collector> {
  const { collect, http } = options;
  const onError = (error: unknown): void => messages.error({ part: 'collect', err: error }, 'unexpected error');
  const dedupe = await Dedupe.open({
    disk,
    clock,
    random,
    log,
    streams: registry.open.filter(({ schema }) => schema.roles.eventId >= 0).map(({ name }) => name),
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
    signingKeys,
    guards,
    clock,
    random,
    metrics,
    limits,
    firehose: options.firehose,
    streams: registry,
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
