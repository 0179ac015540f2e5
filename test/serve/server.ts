/** The API over HTTP, on a real log, summaries and engine; only the threads are left out. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Accounts } from '../../src/collect/accounts.js';
import { Tallies } from '../../src/collect/ledger/tallies.js';
import { listen } from '../../src/collect/http/server.js';
import { TenantStore } from '../../src/config/tenant-store.js';
import { ServedViews } from '../../src/event/served.js';
import { systemClock } from '../../src/io/clock.js';
import { realDisk } from '../../src/io/disk-real.js';
import { systemRandom } from '../../src/io/random.js';
import type { Rpc } from '../../src/io/rpc.js';
import { SigningKeys } from '../../src/collect/tracking/signing-keys.js';
import { FeedReader, type ChangesRequest, type DigestRequest, type RowsRequest } from '../../src/serve/feed/reader.js';
import { Polls } from '../../src/serve/feed/polls.js';
import { createApi, type Api } from '../../src/serve/api.js';
import { createAudit } from '../../src/serve/audit.js';
import { Replays } from '../../src/serve/replays.js';
import { QuarantineDesk } from '../../src/serve/quarantine.js';
import { EndpointAnswers, type EndpointRequest } from '../../src/serve/endpoints/answers.js';
import { planEndpoint, type Endpoint } from '../../src/serve/endpoints/plan.js';
import type { QueryRequest } from '../../src/serve/query/engine.js';
import type { RowRange, StoreMethods } from '../../src/serve/store-protocol.js';
import { tailPage } from '../../src/serve/stream-tail.js';
import { rowsOfAll } from '../../src/serve/view-of-all.js';
import { ViewReader } from '../../src/serve/view-reader.js';
import { createMetrics } from '../../src/telemetry/metrics.js';
import { change, openFixture, START, viewDescription, type Fixture } from './query/fixture.js';

const running = (id: string) => ({
  id,
  state: 'running' as const,
  reason: null,
  positions: [],
  lagRows: 0,
  lagMs: 0,
  rowsRead: 0,
  rowsSkipped: 0,
  commits: 0,
  failures: 0,
  busyMs: 0,
});

/** Saved endpoints of the server, by name. */
const ENDPOINTS: Readonly<Record<string, string>> = {
  clicks: `-- @description Events of a kind
-- @param kind text  Such as click
-- @param since timestamptz = '2026-01-01'
SELECT event_id, kind, event_time FROM events WHERE kind = :kind AND event_time >= :since ORDER BY 1`,
  top_campaigns: `-- @description Campaigns with the most impressions
-- @param campaigns text[] = null  Only these
-- @param least bigint = 0
-- @param shown integer = 10
SELECT campaign, sum(impressions) AS impressions, sum(cost) AS cost
FROM traffic
WHERE impressions >= :least AND (:campaigns IS NULL OR campaign = ANY (:campaigns))
GROUP BY campaign ORDER BY 2 DESC, 1 LIMIT :shown`,
  all_tenants: 'SELECT campaign, impressions FROM totals ORDER BY 1',
};

/** What the store thread answers, without the thread. */
function storeOf(fixture: Fixture, endpoints: readonly Endpoint[], polls: Polls): Rpc<StoreMethods> {
  const { engine, views, log, snapshots, catalog } = fixture;
  const answers = new EndpointAnswers({
    endpoints,
    engine,
    snapshots,
    catalog: () => catalog,
    clock: systemClock,
    metrics: createMetrics(),
    cacheBytesMax: 1 << 20,
  });
  const of = (key: string) => views.get(key.slice('view.'.length))!;
  const reader = (key: string) => new ViewReader(of(key).store);
  const feed = (key: string) => {
    const { store } = of(key);
    store.watch.onChanged = (tenants) => polls.changed(key, tenants);
    return new FeedReader(store, () => START);
  };
  const methods: Record<string, (...args: never[]) => unknown> = {
    query: (request: QueryRequest) => engine.run(request),
    feedView: (view: string, tenant: string) => feed(view).view(tenant),
    feedChanges: (view: string, request: ChangesRequest) => feed(view).changes(request),
    feedRows: (view: string, request: RowsRequest) => feed(view).rows(request),
    feedDigest: (view: string, request: DigestRequest) => feed(view).digest(request),
    feedWatch: (view: string, tenant: string, revision: number) => feed(view).watch(tenant, revision),
    endpoint: (request: EndpointRequest) => answers.answer(request),
    rows: (view: string, range: RowRange) =>
      range.tenant === null ? rowsOfAll(engine, of(view).store.view, range) : reader(view).rows(range.tenant, range),
    tail: (stream: string, offsets: number[] | null, tenant: string | null, limit: number) =>
      tailPage(log, stream, offsets, tenant, limit),
    status: () => ({
      views: [{ name: 'traffic', freshnessMs: 12, completeThrough: START, reader: running('summary.traffic') }],
      queries: engine.load,
    }),
    metrics: () => createMetrics().collect(),
  };
  return {
    call: async (method: string, ...args: never[]) => methods[method]!(...args),
  } as unknown as Rpc<StoreMethods>;
}

export type Key = 'acme' | 'bolt' | 'operator' | null;

export const KEYS: Readonly<Record<string, string>> = {
  acme: 'acme-read-key-1234',
  bolt: 'bolt-read-key-1234',
  operator: 'operator-key-1234',
};

export const codeOf = ({ body }: { body: unknown }) => (body as { error: { code: string } }).error.code;

/** An answer; a JSON body is parsed. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers: Headers;
}

/** A server with rows of two tenants. */
export interface ServerFixture {
  readonly fixture: Fixture;
  readonly base: string;
  readonly port: number;
  ask(path: string, key?: Key, init?: RequestInit): Promise<Answer>;
  query(body: unknown, key?: Key): Promise<Answer>;
  /** Throws what the server took for a bug. */
  close(): Promise<void>;
}

function tenantStore(): TenantStore {
  return new TenantStore({
    clock: systemClock,
    inline: {
      tenants: [
        {
          id: 'acme',
          keys: [
            { key: 'acme-read-key-1234', role: 'read' },
            { key: 'acme-send-key-1234', role: 'ingest' },
          ],
        },
        { id: 'bolt', keys: [{ key: 'bolt-read-key-1234', role: 'read' }] },
      ],
      operators: [{ key: 'operator-key-1234' }],
    },
  });
}

function consoleFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-console-'));
  mkdirSync(join(folder, 'assets'));
  writeFileSync(join(folder, 'index.html'), '<!doctype html><title>Millrace</title>');
  writeFileSync(join(folder, 'assets', 'app-abc123.js'), `export const x = 1;${' '.repeat(5_000)}`);
  return folder;
}

function inputOf(fixture: Fixture, endpoints: readonly Endpoint[], errors: unknown[], folder: string): Api {
  const polls = new Polls(systemClock);
  const store = storeOf(fixture, endpoints, polls);
  const accounts = new Accounts();
  accounts.of('events', 'acme').accepted = 1;
  accounts.of('events', 'bolt').accepted = 2;
  const ledger = new Tallies();
  ledger.add({ edge: 'collect', stream: 'events', tenant: 'acme' }, 'received', 3);
  ledger.add({ edge: 'collect', stream: 'events', tenant: 'acme' }, 'accepted', 1);
  ledger.add({ edge: 'collect', stream: 'events', tenant: 'acme' }, 'dropped quarantine_full', 2);
  ledger.add({ edge: 'collect', stream: 'events', tenant: 'bolt' }, 'received', 1);
  ledger.add({ edge: 'collect', stream: 'events', tenant: 'bolt' }, 'accepted', 1);
  ledger.add({ edge: 'mill.traffic.1', stream: 'events', tenant: 'bolt' }, 'cut', 7);
  const audit = createAudit({
    log: fixture.log,
    lake: { snapshot: () => undefined, pathOf: () => '', take: () => null },
    streams: () => [{ name: 'events', lake: true }],
    ledger: {
      sinceMs: START,
      gaps: [],
      counts: (tenant) => {
        const sums = new Tallies();
        for (const tally of ledger.all())
          for (const [name, events] of tally.counts)
            if (tenant === null || tally.tenant === tenant) sums.add({ ...tally, tenant: '*' }, name, events);
        return sums;
      },
    },
    rows: async (sql, tenant) => {
      const { body } = await fixture.engine.run({ sql, tenant, format: 'json' });
      return (JSON.parse(Buffer.from(body).toString()) as { rows: unknown[][] }).rows;
    },
  });
  return {
    log: fixture.log,
    tenants: tenantStore(),
    accounts,
    audit,
    streams: ['events'],
    views: [viewDescription('traffic'), viewDescription('totals', true)],
    served: new ServedViews(
      [viewDescription('traffic'), viewDescription('totals', true)].map((view) => ({ view, isNewest: true })),
    ),
    swapView: async () => undefined,
    explainView: async (view) => ({ view, nowMs: START, definitions: [], swap: null }),
    feed: { requestsPerSecond: 1_000, requestsBurst: 1_000, concurrentMax: 8 },
    signingKeys: new SigningKeys([{ id: 'k1', secret: 'a secret of at least 32 characters' }]),
    polls,
    endpoints,
    store: async () => store,
    transforms: async () => [],
    deliver: async () => [{ delivery: { name: 'archive', from: 'events' }, reader: running('deliver.archive') }],
    pauseDelivery: async () => undefined,
    quarantine: new QuarantineDesk({
      log: fixture.log,
      ask: async (sql) => {
        const { body } = await fixture.engine.run({ sql, tenant: null, format: 'json' });
        return (JSON.parse(Buffer.from(body).toString()) as { rows: unknown[][] }).rows;
      },
      ingestOf: () => undefined,
      hasReader: () => true,
    }),
    replays: new Replays({
      log: fixture.log,
      disk: realDisk,
      clock: systemClock,
      random: systemRandom,
      dataFolder: folder,
      deliveries: () => [],
      hasLake: () => false,
      streamOf: () => fixture.log.stream('events')!,
      apply: async () => undefined,
      progress: async () => [],
      onError: (error) => errors.push(error),
    }),
    mill: async () => [{ stats: { name: 'traffic', late: 3 }, reader: running('mill.traffic') }],
    lake: async () => [running('lake.events')],
    metrics: createMetrics(),
    otherMetrics: async () => [],
    clock: systemClock,
    consoleFolder: folder,
    version: '0.0.0-test',
    onError: (error) => errors.push(error),
  };
}

/** Opens it. */
export async function openServer(options: Parameters<typeof openFixture>[0] = {}): Promise<ServerFixture> {
  const fixture = await openFixture(options);
  const errors: unknown[] = [];
  const folder = consoleFolder();
  const endpoints = [];
  for (const [name, text] of Object.entries(ENDPOINTS))
    endpoints.push(await planEndpoint({ name, file: `${name}.sql`, text }, fixture.catalog));
  const api = createApi(inputOf(fixture, endpoints, errors, folder));
  const server = await listen({
    handlers: [api],
    host: '127.0.0.1',
    port: 0,
    connectionsMax: 300,
    requestTimeoutMs: 10_000,
    clock: systemClock,
    onError: (error) => errors.push(error),
  });
  const base = `http://127.0.0.1:${server.port}`;
  await fixture.change([
    change('acme', 0, 'spring', 4),
    change('acme', 1, 'spring', 6),
    change('bolt', 0, 'winter', 5),
  ]);
  await fixture.change([change('', 0, 'spring', 9)], 'totals');
  await fixture.append('events', [
    { tenant_id: 'acme', event_id: 'e1', event_time: START, kind: 'click' },
    { tenant_id: 'bolt', event_id: 'e2', event_time: START, kind: 'click' },
  ]);
  const ask: ServerFixture['ask'] = async (path, key = 'operator', init = {}) => {
    const headers = new Headers(init.headers);
    if (key !== null) headers.set('authorization', `Bearer ${KEYS[key]}`);
    const response = await fetch(base + path, { ...init, headers });
    const text = await response.text();
    const isJson = (response.headers.get('content-type') ?? '').startsWith('application/json');
    return { status: response.status, headers: response.headers, body: isJson ? (JSON.parse(text) as unknown) : text };
  };
  return {
    fixture,
    base,
    port: server.port,
    ask,
    query: (body, key) =>
      ask('/v1/query', key, {
        method: 'POST',
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json' },
      }),
    async close() {
      api.close();
      await server.drain(1_000);
      await fixture.close();
      rmSync(folder, { recursive: true });
      if (errors.length > 0) throw new AggregateError(errors);
    },
  };
}
