/**
 * The store thread: summaries and queries. It alone holds DuckDB.
 *
 * It reads the log's files by itself, keeps a summary a view, and answers the HTTP thread by rpc.
 * A failing view stalls that view's reader and nothing else.
 */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { keyOf, ServedViews } from '../event/served.js';
import type { ViewDescription } from '../event/view.js';
import { realDisk } from '../io/disk-real.js';
import { yieldToOthers } from '../io/priority.js';
import { systemClock } from '../io/clock.js';
import { createRpc, moved, type Moved } from '../io/rpc.js';
import { openCatalog } from '../lake/catalog.js';
import { LAKE_FOLDER } from '../lake/options.js';
import { connectLog, type RemoteLog } from '../log/remote.js';
import { createMetrics, type MetricParts, type Metrics } from '../telemetry/metrics.js';
import { MillraceError } from '../util/errors.js';
import { loadParser } from '../util/sql-text.js';
import type {
  ChangesAnswer,
  ChangesRequest,
  DigestAnswer,
  DigestRequest,
  FeedViewAnswer,
  RowsAnswer,
  RowsRequest,
} from './feed/reader.js';
import { EndpointAnswers, type EndpointAnswer, type EndpointRequest } from './endpoints/answers.js';
import { diffViews, type ViewDiff } from './diff/view-diff.js';
import { lakeReader } from './lake-reader.js';
import { catalogOf, type Catalog } from './query/catalog.js';
import { Duck } from './query/duck.js';
import { QUERY_LIMITS, QueryEngine, type QueryAnswer, type QueryLimits, type QueryRequest } from './query/engine.js';
import { createSnapshots } from './query/snapshots.js';
import { TempFiles } from './query/temp-files.js';
import type {
  RowRange,
  StoreEvents,
  StoreMethods,
  StoreStatus,
  StoreThreadData,
  TailPage,
  ViewRows,
} from './store-protocol.js';
import { rollUp } from './rollup/rollup.js';
import { tailPage } from './stream-tail.js';
import { endsOf, openViews, statusOf, type OpenView } from './store-views.js';
import { rowsOfAll } from './view-of-all.js';

const LOOK_EVERY_MS = 25;
/** Longest wait for a view that is being read again. */
const CURRENT_MS_MAX = 5_000;

/** Everything this thread runs. */
class Store {
  /** Streams that queries may name. */
  readonly #streams: { names: readonly string[] };
  readonly #log: RemoteLog;
  /** By the keys of their definitions. */
  readonly #views: ReadonlyMap<string, OpenView>;
  readonly #served: ServedViews;
  readonly #engine: QueryEngine;
  readonly #endpoints: EndpointAnswers;
  readonly #duck: Duck;
  readonly #files: TempFiles;
  readonly #metrics: Metrics;
  readonly #looking: NodeJS.Timeout;

  constructor(parts: {
    streams: { names: readonly string[] };
    log: RemoteLog;
    views: ReadonlyMap<string, OpenView>;
    served: ServedViews;
    engine: QueryEngine;
    endpoints: EndpointAnswers;
    metrics: Metrics;
    duck: Duck;
    files: TempFiles;
  }) {
    this.#streams = parts.streams;
    this.#log = parts.log;
    this.#views = parts.views;
    this.#served = parts.served;
    this.#engine = parts.engine;
    this.#endpoints = parts.endpoints;
    this.#metrics = parts.metrics;
    this.#duck = parts.duck;
    this.#files = parts.files;
    this.#looking = setInterval(() => {
      for (const { freshness } of this.#views.values()) freshness.look();
    }, LOOK_EVERY_MS);
    this.#metrics.onCollect(() => this.#collect());
  }

  async query(request: QueryRequest): Promise<Moved<QueryAnswer>> {
    const started = systemClock.monotonic();
    let outcome = 'ok';
    try {
      const answer = await this.#engine.run(request);
      return moved(answer, [answer.body.buffer]);
    } catch (error) {
      outcome = error instanceof MillraceError ? error.code : 'INTERNAL';
      throw error;
    } finally {
      this.#metrics.counter('millrace_queries_total', { outcome }).add();
      this.#metrics.histogram('millrace_query_seconds').observe((systemClock.monotonic() - started) / 1000);
    }
  }

  async feedView(view: string, tenant: string): Promise<FeedViewAnswer> {
    return (await this.#current(view)).feed.view(tenant);
  }

  async feedChanges(view: string, request: ChangesRequest): Promise<Moved<ChangesAnswer>> {
    const answer = await (await this.#current(view)).feed.changes(request);
    return moved(answer, [answer.body.buffer]);
  }

  async feedRows(view: string, request: RowsRequest): Promise<Moved<RowsAnswer>> {
    const answer = await (await this.#current(view)).feed.rows(request);
    return moved(answer, [answer.body.buffer]);
  }

  async feedDigest(view: string, request: DigestRequest): Promise<DigestAnswer> {
    return (await this.#current(view)).feed.digest(request);
  }

  async feedWatch(view: string, tenant: string, revision: number): Promise<void> {
    await (await this.#current(view)).feed.watch(tenant, revision);
  }

  endpoint(request: EndpointRequest): Promise<EndpointAnswer> {
    return this.#endpoints.answer(request);
  }

  async rows(key: string, range: RowRange): Promise<ViewRows> {
    const { reader, summary, freshness, completeThrough } = await this.#current(key);
    const { view } = summary.store;
    if (range.rollUp !== undefined)
      return rollUp({
        engine: this.#engine,
        view,
        range: view.global ? { ...range, tenant: null } : range,
        ...range.rollUp,
        completeThrough: range.tenant === null ? freshness.completeThrough : completeThrough(range.tenant),
      });
    if (range.tenant !== null && !view.global) return reader.rows(range.tenant, range);
    return rowsOfAll(this.#engine, view, range);
  }

  /** `name`: the view's. */
  async diff(name: string, tenant: string | null, limit: number): Promise<ViewDiff | null> {
    const { before, newest } = this.#served.pair(name) ?? { before: null, newest: null };
    if (before === null || newest === null) return null;
    const sides = [await this.#current(keyOf(before)), await this.#current(keyOf(newest))];
    const through = sides.map((side) =>
      tenant === null ? side.freshness.completeThrough : side.completeThrough(tenant),
    );
    const throughMs = through.includes(null) ? null : Math.min(...through.map(Number));
    return diffViews({ engine: this.#engine, before, newest, throughMs, tenant, limit });
  }

  tail(stream: string, offsets: readonly number[] | null, tenant: string | null, limit: number): TailPage {
    return tailPage(this.#log, stream, offsets, tenant, limit);
  }

  status(): StoreStatus {
    return {
      views: this.#served.all.map((view) => statusOf(this.#view(keyOf(view)))),
      queries: this.#engine.load,
    };
  }

  metrics(): Promise<MetricParts> {
    return this.#metrics.collect();
  }

  async follow(streams: readonly string[]): Promise<void> {
    await this.#log.caughtUp();
    this.#streams.names = streams;
  }

  retain(retentions: StoreThreadData['retentions']): void {
    for (const { summary } of this.#views.values()) {
      const retention = retentions[summary.store.view.name];
      if (retention !== undefined) summary.retain(retention);
    }
  }

  async reached(key: string): Promise<void> {
    await this.#log.caughtUp();
    const { store } = this.#view(key).summary;
    await store.reached(endsOf(this.#log, store.view.stream));
  }

  async caughtUp(): Promise<void> {
    for (const { summary } of this.#views.values())
      await summary.store.reached(endsOf(this.#log, summary.store.view.stream));
  }

  async stop(): Promise<void> {
    clearInterval(this.#looking);
    // Queries read what is closed below.
    await this.#duck.close();
    for (const { loop } of this.#views.values()) await loop.stop();
    for (const { summary } of this.#views.values()) await summary.close();
    await this.#files.close();
    this.#log.close();
  }

  #view(key: string): OpenView {
    const view = this.#views.get(key);
    if (view === undefined) throw new MillraceError('NOT_FOUND', `there is no view '${key}'`, { place: key });
    return view;
  }

  /** A view that is as new as it ever was: while the log is read again after a failure, its values would go back. */
  async #current(key: string): Promise<OpenView> {
    const view = this.#view(key);
    const { store } = view.summary;
    if (store.isCurrent) return view;
    const inTime = await Promise.race([store.current().then(() => true), sleep(CURRENT_MS_MAX, false, { ref: false })]);
    if (!inTime)
      throw new MillraceError(
        'LOG_UNAVAILABLE',
        `view '${store.view.name}' is being read again from the log; try again`,
        { place: store.view.name },
      );
    return view;
  }

  #collect(): void {
    for (const definition of this.#served.all) {
      const { summary, freshness, loop } = this.#view(keyOf(definition));
      const view = summary.store.view.name;
      const refused = this.#metrics.counter('millrace_summary_refused_rows_total', { view });
      refused.add(summary.store.arrivals.refusedRows - refused.value);
      const { openRows, closedRows } = statusOf({ summary, freshness, loop });
      this.#metrics.gauge('millrace_summary_stored_rows', { view, state: 'open' }).set(openRows);
      this.#metrics.gauge('millrace_summary_stored_rows', { view, state: 'closed' }).set(closedRows);
      if (freshness.lastMs !== null)
        this.#metrics.gauge('millrace_freshness_seconds', { view }).set(freshness.lastMs / 1000);
      const { lagRows, lagMs, id } = loop.status();
      this.#metrics.gauge('millrace_reader_lag_rows', { reader: id, stream: summary.store.view.stream }).set(lagRows);
      this.#metrics
        .gauge('millrace_reader_lag_seconds', { reader: id, stream: summary.store.view.stream })
        .set(lagMs / 1000);
    }
    this.#metrics.gauge('millrace_queries_running').set(this.#engine.load.running);
    this.#metrics.gauge('millrace_queries_waiting').set(this.#engine.load.waiting);
  }
}

/** Streams that the log has, and the views as they answer now. */
function catalogNow(
  { tables, views }: StoreThreadData,
  served: ServedViews,
  log: RemoteLog,
  names: readonly string[],
): Catalog {
  const known = (name: string) => log.stream(name) ?? [];
  const there = ({ stream }: ViewDescription) => log.stream(stream) !== undefined;
  const definitions = views.map(({ view }) => view).filter(there);
  return catalogOf(names.flatMap(known), served.all.filter(there), definitions, tables);
}

/** Half of the cores may be busy with heavy queries, and half of the places. */
function heavyMax({ concurrentMax = QUERY_LIMITS.concurrentMax }: Partial<QueryLimits>): number {
  return Math.max(1, Math.floor(Math.min(availableParallelism(), concurrentMax) / 2));
}

async function start(data: StoreThreadData, parent: StoreEvents): Promise<Store> {
  await loadParser();
  const log = await connectLog(data.logPort);
  const views = await openViews(data, log, parent);
  const temporary = join(data.dataFolder, 'tmp', 'query');
  const files = new TempFiles(temporary, realDisk);
  const lakeFolder = join(data.dataFolder, LAKE_FOLDER);
  const duck = await Duck.open({
    folders: [temporary, join(data.dataFolder, 'summary'), lakeFolder],
    spillFolder: join(temporary, 'spill'),
    memoryBytesMax: data.memoryBytesMax,
    spillBytesMax: data.memoryBytesMax * 8,
    // One core is left to the thread that answers events.
    threads: Math.max(1, availableParallelism() - 1),
  });
  const streams = { names: data.streams };
  const snapshots = createSnapshots({
    log,
    lake: lakeReader(openCatalog(realDisk, lakeFolder)),
    view: (key) => views.get(key)?.summary,
    files,
  });
  const served = new ServedViews(data.views);
  const catalog = (): Catalog => catalogNow(data, served, log, streams.names);
  const engine = new QueryEngine({
    duck,
    snapshots,
    catalog,
    clock: systemClock,
    limits: { heavyConcurrentMax: heavyMax(data.limits), ...data.limits },
    onError: (error, printed) =>
      parent.problem('query', `${error instanceof Error ? error.message : String(error)}\n${printed.slice(0, 2000)}`),
  });
  const { endpoints: known, cacheBytesMax } = data;
  const metrics = createMetrics();
  const answersInput = { endpoints: known, engine, snapshots, catalog, clock: systemClock, metrics, cacheBytesMax };
  const endpoints = new EndpointAnswers(answersInput);
  return new Store({ streams, log, views, served, engine, endpoints, metrics, duck, files });
}

if (parentPort !== null) {
  yieldToOthers(5);
  const port = parentPort;
  const started = start(workerData as StoreThreadData, {
    problem: (part, message) => parent.notify('problem', part, message),
    changed: (view, tenants) => parent.notify('changed', view, tenants),
  });
  const methods: StoreMethods = {
    ready: async () => void (await started),
    query: async (request) => (await started).query(request),
    feedView: async (...args) => (await started).feedView(...args),
    feedChanges: async (...args) => (await started).feedChanges(...args),
    feedRows: async (...args) => (await started).feedRows(...args),
    feedDigest: async (...args) => (await started).feedDigest(...args),
    feedWatch: async (...args) => (await started).feedWatch(...args),
    endpoint: async (request) => (await started).endpoint(request),
    rows: async (...args) => (await started).rows(...args),
    diff: async (...args) => (await started).diff(...args),
    tail: async (...args) => (await started).tail(...args),
    status: async () => (await started).status(),
    metrics: async () => (await started).metrics(),
    follow: async (streams) => (await started).follow(streams),
    retain: async (retentions) => (await started).retain(retentions),
    reached: async (view) => (await started).reached(view),
    caughtUp: async () => (await started).caughtUp(),
    async stop() {
      await (await started).stop();
      setImmediate(() => port.close());
    },
  };
  const parent = createRpc<{ [K in keyof StoreEvents]: StoreEvents[K] }>(port, methods);
}
