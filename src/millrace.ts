/**
 * The whole machine on one page: opens the parts, joins them in the order of an event's path, and
 * closes them in reverse.
 *
 *   collect → log → mill → summary
 *                 → lake ─┴→ serve
 *
 * Threads: this one answers HTTP and owns the log; `mill`, `lake` and `store` (summaries, DuckDB)
 * each have their own. They read the log's files by themselves and send only what is to be appended.
 *
 * Recovery is each part's own work from its own folder and the log; nothing is coordinated here
 * beyond the order: the log first, then the memory of event ids, then the readers, the door last.
 */
import { join } from 'node:path';
import type { TransferListItem } from 'node:worker_threads';
import { createCollector, type Collector } from './collect/collector.js';
import { Dedupe } from './collect/dedupe/dedupe.js';
import { listen, type Handler } from './collect/http/server.js';
import { keptSecrets, SigningKeys } from './collect/tracking/signing-keys.js';
import type { MillraceOptions } from './config/options.js';
import { TenantStore } from './config/tenant-store.js';
import { LATE_SCHEMA, LATE_STREAM, QUARANTINE_SCHEMA, QUARANTINE_STREAM } from './event/internal.js';
import type { Schema } from './event/schema.js';
import { systemClock, type Clock } from './io/clock.js';
import type { Disk } from './io/disk.js';
import { realDisk } from './io/disk-real.js';
import type { Rpc } from './io/rpc.js';
import { supervise, type Supervised } from './io/supervisor.js';
import { systemRandom, type Random } from './io/random.js';
import type { LakeThreadData, LakeThreadMethods } from './lake/thread.js';
import { openLog, type EmbeddedLog } from './log/embedded/open.js';
import type { StreamDefinition } from './log/log.js';
import { assignEpochs, readerId, removeOldReaders, type ViewEpoch } from './mill/epochs.js';
import { parseViews } from './mill/sql/parse.js';
import { planView } from './mill/sql/plan-view.js';
import type { ViewPlan } from './mill/sql/plan.js';
import type { MillMethods, MillThreadData } from './mill/thread.js';
import type { StoreMethods, StoreThreadData } from './serve/store-protocol.js';
import { createMessages, type Messages } from './telemetry/messages.js';
import { createMetrics, type Metrics } from './telemetry/metrics.js';
import { Closers } from './util/closers.js';

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
export async function startMillrace(options: MillraceOptions, seams: Seams = {}): Promise<Millrace> {
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
    const log = await openStreams(ground);
    const views = await assignEpochs(ground.disk, options.dataFolder, plans);
    for (const { description } of views) await log.createStream(ownStream(description.stream, description.schema));
    await removeOldReaders(log, ground.disk, options.dataFolder, views);
    const tenants = new TenantStore({ ...tenantSource(options), clock: ground.clock, onReload: (outcome) => saidReload(ground.messages, outcome) });
    closers.add(() => tenants.close());
    const collector = await openDoor(ground, log, tenants);
    const mill = await startMill(ground, log, views);
    const lake = await startLake(ground, log);
    const store = await startStore(ground, log, views);
    const server = await serve(ground, [collector]);
    void [mill, lake];
    const r = await store.rpc();
    (globalThis as Record<string, unknown>)['storeRpc'] = r;
    return { url: `http://${options.http.host}:${server.port}`, port: server.port, close: () => closers.close() };
  } catch (error) {
    await closers.close();
    throw error;
  }
}

async function planViews(options: MillraceOptions): Promise<ViewPlan[]> {
  const catalog = new Map(options.streams.map((stream) => [stream.name, stream]));
  const plans: ViewPlan[] = [];
  for (const { text, file } of options.views) for (const statement of await parseViews(text, file)) plans.push(planView(statement, catalog));
  return plans;
}

/** Opens the log and declares the configured streams and our own. */
async function openStreams({ options, disk, clock, random, messages, closers }: Ground): Promise<EmbeddedLog> {
  const log = await openLog({
    folder: join(options.dataFolder, 'log'),
    disk,
    clock,
    random,
    options: { segmentBytes: options.log.segmentBytes, pendingBytesMax: options.log.pendingBytesMax },
    onProblem: (problem) => (problem === null ? messages.info('the log can be written again') : messages.error({ code: problem.code }, problem.message)),
    onCut: (rows) => messages.warn({ rows }, 'rows were cut from the log at its bound'),
  });
  closers.add(() => log.close());
  const { damaged, cut } = log.recovery;
  for (const damage of damaged) messages.error(damage, 'the log is damaged; the rows named are lost');
  if (cut !== null) messages.warn(cut, 'the last commit was cut; it may have been acknowledged');
  for (const stream of options.streams) await log.createStream(stream);
  await log.createStream(ownStream(QUARANTINE_STREAM, QUARANTINE_SCHEMA));
  await log.createStream(ownStream(LATE_STREAM, LATE_SCHEMA));
  return log;
}

const DAY_MS = 86_400_000;

function ownStream(name: string, schema: Schema): StreamDefinition {
  return { name, schema, partitions: 1, clock: 'arrival', retentionMs: 7 * DAY_MS, bytesMax: 50 * 1024 ** 3, policy: 'refuse' };
}

function tenantSource({ tenants }: MillraceOptions) {
  return { inline: tenants.inline, ...(tenants.file === undefined ? {} : { file: tenants.file }) };
}

async function openDoor({ options, disk, clock, random, metrics, messages, closers }: Ground, log: EmbeddedLog, tenants: TenantStore): Promise<Collector> {
  const { collect, http } = options;
  const onError = (error: unknown): void => messages.error({ part: 'collect', err: error }, 'unexpected error');
  const secrets = collect.signingKeys.length > 0 ? collect.signingKeys : await keptSecrets(disk, options.dataFolder, random);
  const streams = options.streams.filter((stream) => stream.schema.roles.eventId >= 0).map((stream) => stream.name);
  const dedupe = await Dedupe.open({ disk, clock, random, log, streams, folder: join(options.dataFolder, 'dedupe'), ...collect.dedupe, onTrouble: onError });
  closers.add(() => dedupe.close());
  const limits = { ...http, ...collect };
  return createCollector({ log, dedupe, tenants, signingKeys: new SigningKeys(secrets), clock, random, metrics, limits, onError });
}

function startMill({ options, clock, messages, closers }: Ground, log: EmbeddedLog, views: readonly ViewEpoch[]): Promise<Supervised<MillMethods>> {
  return stage<MillMethods>({ clock, messages, closers }, 'mill', 'mill/thread.js', 'ready', () => {
    const logPort = log.remotePort();
    const workerData: MillThreadData = {
      logPort,
      dataFolder: options.dataFolder,
      views: views.map(({ plan, epoch, description }) => ({ plan, epoch, stream: description.stream })),
      options: { snapshotEveryMs: options.mill.checkpointMs },
    };
    return { workerData, transfer: [logPort] };
  });
}

function startLake({ options, clock, messages, closers }: Ground, log: EmbeddedLog): Promise<Supervised<LakeThreadMethods>> {
  const { runRowsMax, runMs } = options.lake;
  return stage<LakeThreadMethods>({ clock, messages, closers }, 'lake', 'lake/thread.js', 'ready', () => {
    const logPort = log.remotePort();
    const streams = options.streams.filter((stream) => stream.lake).map((stream) => stream.name);
    const workerData: LakeThreadData = { logPort, dataFolder: options.dataFolder, streams, options: { runRowsMax, runAgeMaxMs: runMs } };
    return { workerData, transfer: [logPort] };
  });
}

function startStore({ options, clock, messages, closers }: Ground, log: EmbeddedLog, views: readonly ViewEpoch[]): Promise<Supervised<StoreMethods>> {
  const { memoryBytesMax, ...limits } = options.query;
  return stage<StoreMethods>({ clock, messages, closers }, 'store', 'serve/store-thread.js', 'ready', () => {
    const logPort = log.remotePort();
    const streams = [...options.streams.map((stream) => stream.name), QUARANTINE_STREAM, LATE_STREAM];
    const workerData: StoreThreadData = { logPort, dataFolder: options.dataFolder, views: views.map(({ plan, epoch, description }) => ({ view: description, reader: readerId(plan.name, epoch) })), streams, limits, memoryBytesMax };
    return { workerData, transfer: [logPort] };
  });
}

/** A stage in a thread of its own, kept alive, and stopped in order. */
async function stage<Methods extends { stop(): unknown }>(
  { clock, messages, closers }: Pick<Ground, 'clock' | 'messages' | 'closers'>,
  name: string,
  module: string,
  ready: keyof Methods & string,
  data: () => { workerData: unknown; transfer: readonly TransferListItem[] },
): Promise<Supervised<Methods>> {
  const supervised = await supervise<Methods>({
    name,
    module,
    data,
    clock,
    ready: (rpc) => (rpc as unknown as Rpc<Record<string, () => unknown>>).call(ready),
    handlers: {
      viewStatus: (status: { id: string; state: string; reason: string | null }) => messages.info({ part: name, ...pick(status) }, `reader ${status.state}`),
      problem: (part: string, message: string) => messages.error({ part }, message),
    },
    onDeath: (error) => messages.error({ part: name, err: error }, 'the thread ended; it is started again'),
  });
  closers.add(() => supervised.stop((rpc) => (rpc as unknown as Rpc<{ stop(): unknown }>).call('stop')));
  return supervised;
}

function pick({ id, reason }: { id: string; reason: string | null }) {
  return reason === null ? { reader: id } : { reader: id, reason };
}

async function serve({ options, clock, messages, closers }: Ground, handlers: readonly Handler[]) {
  const { host, port, connectionsMax, requestTimeoutMs, drainMs } = options.http;
  const onError = (error: unknown): void => messages.error({ part: 'http', err: error }, 'unexpected error');
  const server = await listen({ handlers, host, port, connectionsMax, requestTimeoutMs, clock, onError });
  closers.add(() => server.drain(drainMs));
  return server;
}

function saidReload(messages: Messages, { tenants, error }: { readonly tenants: number; readonly error?: Error }): void {
  if (error === undefined) messages.info({ tenants }, 'tenants reloaded');
  else messages.error({ err: error }, 'the tenants file was not taken; the tenants in force stay');
}
