/**
 * The threads beside this one, and what each is given: `transform`, `deliver`, `mill`, `lake` and `store`.
 *
 * Each is kept alive (`io/supervisor.ts`), connects to the log by a port of its own, and restores
 * itself from its own folder. They are stopped in reverse, each after what it had begun is durable.
 */
import type { TransferListItem } from 'node:worker_threads';
import type { MillraceOptions } from './config/options.js';
import type { TenantStore } from './config/tenant-store.js';
import type { ReplayOptions } from './deliver/replay.js';
import type { DeliverThreadMethods, DeliverThreadData } from './deliver/thread.js';
import type { ViewDescription } from './event/view.js';
import { QUERY_STREAMS } from './event/internal.js';
import type { Clock } from './io/clock.js';
import type { Moved, Rpc } from './io/rpc.js';
import { supervise, type Supervised } from './io/supervisor.js';
import type { LakeThreadData, LakeThreadMethods } from './lake/thread.js';
import type { EmbeddedLog } from './log/embedded/open.js';
import { readerId, type ViewEpoch } from './mill/epochs.js';
import type { MillMethods, MillThreadData } from './mill/thread.js';
import type { StoreEvents, StoreMethods, StoreThreadData } from './serve/store-protocol.js';
import type { ServedTable } from './serve/query/catalog.js';
import type { Endpoint } from './serve/endpoints/plan.js';
import type { Registry } from './registry.js';
import { archivedStreams, retentionsOf } from './retention.js';
import type { Swaps } from './swaps.js';
import type { Messages } from './telemetry/messages.js';
import type { TransformMethods, TransformThreadData } from './transform/thread.js';
import type { Closers } from './util/closers.js';
import { MillraceError } from './util/errors.js';

/** What the threads are made from. */
export interface ThreadsInput {
  readonly options: MillraceOptions;
  readonly log: EmbeddedLog;
  readonly registry: Registry;
  readonly views: readonly ViewEpoch[];
  readonly swaps: Swaps;
  /** How far each view is complete, by its changes stream: from the mill's thread to the store's. */
  readonly progress: ReadonlyMap<string, SharedArrayBuffer>;
  readonly tenants: TenantStore;
  readonly endpoints: readonly Endpoint[];
  /** Tables that SQL declares. */
  readonly tables: readonly ServedTable[];
  readonly clock: Clock;
  readonly messages: Messages;
  readonly closers: Closers;
}

/** Runs the transforms; the thread is there also without any, for those that come later. */
export function startTransforms(input: ThreadsInput): Promise<Supervised<TransformMethods>> {
  const { options, registry, log } = input;
  return start<TransformMethods>(input, 'transform', 'transform/thread.js', () => {
    const logPort = log.remotePort();
    const workerData: TransformThreadData = {
      transforms: registry.transforms,
      quarantine: {
        tenantBytesMax: options.collect.quarantineTenantBytesMax,
        eventBytesMax: options.collect.quarantineEventBytesMax,
      },
      logPort,
    };
    return { workerData, transfer: [logPort] };
  });
}

/** Runs the deliveries. */
export function startDeliver(
  input: ThreadsInput,
  { ask, replays }: DeliverInput,
): Promise<Supervised<DeliverThreadMethods>> {
  const { options, registry, log } = input;
  const data = () => {
    const logPort = log.remotePort();
    const { quarantineTenantBytesMax: tenantBytesMax, quarantineEventBytesMax: eventBytesMax } = options.collect;
    const workerData: DeliverThreadData = {
      logPort,
      deliveries: registry.deliveries,
      replays: replays(),
      quarantine: { tenantBytesMax, eventBytesMax },
      graceMs: options.http.drainMs,
    };
    return { workerData, transfer: [logPort] };
  };
  return start<DeliverThreadMethods>(input, 'deliver', 'deliver/thread.js', data, { ask });
}

/** What the deliveries' thread needs beside what all threads do. */
export interface DeliverInput {
  /** Answers a SELECT as NDJSON, as an operator. */
  readonly ask: (sql: string, rowsMax: number) => Promise<Moved<Uint8Array>>;
  /** The replays that run when the thread starts. */
  readonly replays: () => readonly ReplayOptions[];
}

/** Runs the views. */
export function startMill(input: ThreadsInput): Promise<Supervised<MillMethods>> {
  const { options, log, views } = input;
  return start<MillMethods>(input, 'mill', 'mill-thread.js', () => {
    const logPort = log.remotePort();
    const workerData: MillThreadData = {
      logPort,
      dataFolder: options.dataFolder,
      views: views.map((view) => ({
        plan: view.plan,
        epoch: view.epoch,
        hash: view.hash,
        stream: view.description.stream,
        late: input.swaps.lateOf(view),
        ...(view.history === null ? {} : { history: view.history }),
        progress: progressOf(input, view.description),
      })),
      options: { snapshotEveryMs: options.mill.checkpointMs, stateBytesMax: options.mill.stateBytesMax },
    };
    return { workerData, transfer: [logPort] };
  });
}

/** Writes the lake. */
export function startLake(input: ThreadsInput): Promise<Supervised<LakeThreadMethods>> {
  const { options, log } = input;
  return start<LakeThreadMethods>(input, 'lake', 'lake/thread.js', () => {
    const logPort = log.remotePort();
    const { runRowsMax, runMs } = options.lake;
    const workerData: LakeThreadData = {
      logPort,
      dataFolder: options.dataFolder,
      streams: lakeStreams(input),
      options: { runRowsMax, runAgeMaxMs: runMs },
    };
    return { workerData, transfer: [logPort] };
  });
}

/** Keeps the summaries and answers queries. `changed`: watched tenants have changes in a view. */
export function startStore(
  input: ThreadsInput,
  handlers: Pick<StoreEvents, 'changed'>,
): Promise<Supervised<StoreMethods>> {
  const { options, registry, log, views, endpoints } = input;
  const data = () => {
    const logPort = log.remotePort();
    const { memoryBytesMax, cacheBytesMax, ...limits } = options.query;
    const workerData: StoreThreadData = {
      logPort,
      dataFolder: options.dataFolder,
      views: views.map((view) => {
        const { plan, epoch, description, isNewest } = view;
        const cell = input.swaps.cellOf(view);
        return {
          view: description,
          reader: readerId(plan.name, epoch),
          isNewest,
          ...(cell === undefined ? {} : { swap: cell }),
          progress: progressOf(input, description),
        };
      }),
      streams: queryStreams(registry),
      tables: input.tables,
      retentions: retentionsOf(descriptionsOf(input), input.tenants.directory),
      limits,
      endpoints,
      cacheBytesMax,
      memoryBytesMax,
    };
    return { workerData, transfer: [logPort] };
  };
  return start<StoreMethods>(input, 'store', 'serve/store-thread.js', data, handlers);
}

function progressOf({ progress }: ThreadsInput, { stream }: ViewDescription): SharedArrayBuffer {
  return progress.get(stream)!;
}

type LakeInput = Pick<ThreadsInput, 'registry' | 'views' | 'tenants'>;

function lakeStreams({ registry, views, tenants }: LakeInput): string[] {
  const streams = registry.all.filter((stream) => stream.lake).map((stream) => stream.name);
  return [...streams, ...archivedStreams(descriptionsOf({ views }), tenants.directory)];
}

function descriptionsOf({ views }: Pick<ThreadsInput, 'views'>): ViewDescription[] {
  return views.map(({ description }) => description);
}

function queryStreams({ all }: Registry): string[] {
  return [...all, ...QUERY_STREAMS].map((stream) => stream.name);
}

/** Lets summaries and lake act by the retentions that tenants have now. */
export async function followTenants(
  input: LakeInput,
  { lake, store }: { readonly lake: Supervised<LakeThreadMethods>; readonly store: Supervised<StoreMethods> },
): Promise<void> {
  const retentions = retentionsOf(descriptionsOf(input), input.tenants.directory);
  await tell(store, (rpc) => rpc.call('retain', retentions));
  await tell(lake, (rpc) => rpc.call('follow', lakeStreams(input)));
}

/** What lets these threads act by the streams and deliveries that there are then. */
export function followRegistry(
  input: LakeInput,
  threads: {
    readonly transform: Supervised<TransformMethods>;
    readonly deliver: Supervised<DeliverThreadMethods>;
    readonly lake: Supervised<LakeThreadMethods>;
    readonly store: Supervised<StoreMethods>;
  },
  replays: () => readonly ReplayOptions[],
): (() => Promise<void>)[] {
  const { registry } = input;
  return [
    () => tell(threads.transform, (rpc) => rpc.call('apply', registry.transforms)),
    () => tell(threads.deliver, (rpc) => rpc.call('apply', registry.deliveries, replays())),
    () => tell(threads.lake, (rpc) => rpc.call('follow', lakeStreams(input))),
    () => tell(threads.store, (rpc) => rpc.call('follow', queryStreams(registry))),
  ];
}

/** Calls a thread; one that ends meanwhile is called again when it is back. */
async function tell<Methods>(
  thread: Supervised<Methods>,
  call: (rpc: Rpc<Methods>) => Promise<unknown>,
): Promise<void> {
  for (let attempt = 1; ; attempt++)
    try {
      return void (await call(await thread.rpc()));
    } catch (error) {
      const gone = error instanceof MillraceError && error.code === 'SHUTTING_DOWN';
      if (!gone || attempt === TELL_ATTEMPTS_MAX) throw error;
    }
}

const TELL_ATTEMPTS_MAX = 3;

interface Stoppable {
  ready(): unknown;
  stop(): unknown;
}

async function start<Methods extends Stoppable>(
  { clock, messages, closers }: ThreadsInput,
  name: string,
  module: string,
  data: () => { workerData: unknown; transfer: readonly TransferListItem[] },
  handlers: object = {},
): Promise<Supervised<Methods>> {
  const thread = await supervise<Methods>({
    name,
    module,
    data,
    clock,
    ready: (rpc) => (rpc as unknown as Rpc<Stoppable>).call('ready'),
    handlers: {
      ...handlers,
      viewStatus({
        id,
        state,
        reason,
      }: {
        readonly id: string;
        readonly state: string;
        readonly reason: string | null;
      }) {
        if (reason === null) messages.debug({ part: name, reader: id }, `reader ${state}`);
        else messages.warn({ part: name, reader: id, reason }, `reader ${state}`);
      },
      problem: (part: string, message: string) => messages.error({ part }, message),
      said: (part: string, level: 'info' | 'warn' | 'error', message: string) => messages[level]({ part }, message),
    },
    onDeath: (error) =>
      messages.error({ part: name, err: error }, 'the thread ended and is started again; nothing is lost'),
  });
  closers.add(() => thread.stop((rpc) => (rpc as unknown as Rpc<Stoppable>).call('stop')));
  return thread;
}
