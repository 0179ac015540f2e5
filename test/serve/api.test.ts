/** The API over HTTP, on a real log, summaries and engine; only the threads are left out. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Ajv2020 from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Accounts } from '../../src/collect/accounts.js';
import { listen, type HttpServer } from '../../src/collect/http/server.js';
import { serverSentEvents } from '../../src/cli/sse.js';
import { TenantStore } from '../../src/config/tenant-store.js';
import { systemClock } from '../../src/io/clock.js';
import type { Rpc } from '../../src/io/rpc.js';
import { createApi, type Api, type ApiHandler } from '../../src/serve/api.js';
import { openAudit } from '../../src/serve/audit.js';
import type { QueryRequest } from '../../src/serve/query/engine.js';
import type { RowRange, StoreMethods } from '../../src/serve/store-protocol.js';
import { tailPage } from '../../src/serve/stream-tail.js';
import { rowsOfAll } from '../../src/serve/view-of-all.js';
import { ViewReader } from '../../src/serve/view-reader.js';
import { createMetrics } from '../../src/telemetry/metrics.js';
import { change, MINUTE, openFixture, START, viewDescription, type Fixture } from './query/fixture.js';

let fixture: Fixture;
let server: HttpServer;
let api: ApiHandler;
let base: string;
let console_: string;
const errors: unknown[] = [];
const accounts = new Accounts();

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
});

/** What the store thread answers, without the thread. */
function storeOf({ engine, views, log }: Fixture): Rpc<StoreMethods> {
  const reader = (name: string) => new ViewReader(views.get(name)!.store, () => START);
  const methods: Record<string, (...args: never[]) => unknown> = {
    query: (request: QueryRequest) => engine.run(request),
    changes: (view: string, tenant: string, revision: number, limit: number) =>
      reader(view).changes(tenant, revision, limit),
    rows: (view: string, range: RowRange) =>
      range.tenant === null ? rowsOfAll(engine, viewDescription(view), range) : reader(view).rows(range.tenant, range),
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

beforeAll(async () => {
  fixture = await openFixture();
  console_ = mkdtempSync(join(tmpdir(), 'millrace-console-'));
  mkdirSync(join(console_, 'assets'));
  writeFileSync(join(console_, 'index.html'), '<!doctype html><title>Millrace</title>');
  writeFileSync(join(console_, 'assets', 'app-abc123.js'), `export const x = 1;${' '.repeat(5_000)}`);
  const tenants = new TenantStore({
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
  const store = storeOf(fixture);
  const audit = openAudit({
    log: fixture.log,
    lake: { snapshot: () => undefined, pathOf: () => '', take: () => null },
    streams: [{ name: 'events', lake: true }],
    quarantinedAtStart: new Map(),
    door: () => ({ received: 0, duplicates: 0, quarantined: 0, dropped: {} }),
  });
  const input: Api = {
    log: fixture.log,
    tenants,
    accounts,
    audit,
    streams: ['events'],
    views: [viewDescription('traffic'), viewDescription('totals', true)],
    store: async () => store,
    mill: async () => [{ stats: { name: 'traffic', late: 3 }, reader: running('mill.traffic') }],
    lake: async () => [running('lake.events')],
    metrics: createMetrics(),
    otherMetrics: async () => [],
    clock: systemClock,
    consoleFolder: console_,
    version: '0.0.0-test',
    onError: (error) => errors.push(error),
  };
  api = createApi(input);
  server = await listen({
    handlers: [api],
    host: '127.0.0.1',
    port: 0,
    connectionsMax: 300,
    requestTimeoutMs: 10_000,
    clock: systemClock,
    onError: (error) => errors.push(error),
  });
  base = `http://127.0.0.1:${server.port}`;
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
  accounts.of('events', 'acme').accepted = 1;
  accounts.of('events', 'bolt').accepted = 2;
});
afterAll(async () => {
  api.close();
  await server.drain(1_000);
  await fixture.close();
  rmSync(console_, { recursive: true });
  expect(errors).toEqual([]);
});

type Key = 'acme' | 'bolt' | 'operator' | null;
const KEYS: Record<string, string> = {
  acme: 'acme-read-key-1234',
  bolt: 'bolt-read-key-1234',
  operator: 'operator-key-1234',
};

async function ask(
  path: string,
  key: Key = 'operator',
  init: RequestInit = {},
): Promise<{ status: number; body: unknown; headers: Headers }> {
  const headers = new Headers(init.headers);
  if (key !== null) headers.set('authorization', `Bearer ${KEYS[key]}`);
  const response = await fetch(base + path, { ...init, headers });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: (response.headers.get('content-type') ?? '').startsWith('application/json') ? JSON.parse(text) : text,
  };
}

const query = (body: unknown, key: Key = 'operator') =>
  ask('/v1/query', key, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
  });
const codeOf = ({ body }: { body: unknown }) => (body as { error: { code: string } }).error.code;

describe('POST /v1/query', () => {
  it('answers JSON, NDJSON and CSV', async () => {
    const sql = 'SELECT campaign, impressions, cost FROM traffic ORDER BY impressions';
    const { body } = await query({ sql });
    expect(body).toMatchObject({
      columns: [
        { name: 'campaign', type: 'text' },
        { name: 'impressions', type: 'bigint' },
        { name: 'cost', type: 'numeric' },
      ],
      rows: [
        ['spring', 4, '1.000000'],
        ['winter', 5, '1.250000'],
        ['spring', 6, '1.500000'],
      ],
      stats: { rows: 3, truncated: false, asOf: { traffic: expect.any(Array) as unknown } },
    });
    expect((await query({ sql, format: 'csv' }, 'acme')).body).toBe(
      'campaign,impressions,cost\r\nspring,4,1.000000\r\nspring,6,1.500000\r\n',
    );
    expect((await query({ sql, format: 'ndjson' }, 'bolt')).body).toBe(
      '{"campaign":"winter","impressions":5,"cost":"1.250000"}\n',
    );
    const plain = await ask('/v1/query', 'bolt', {
      method: 'POST',
      body: 'SELECT count(*) FROM events',
      headers: { 'content-type': 'text/plain' },
    });
    expect(plain.body).toMatchObject({ rows: [[1]] });
  });

  it('says when the rows were cut', async () => {
    const { body, headers } = await query({ sql: 'SELECT * FROM generate_series(1, 10) n', rowsMax: 3 });
    expect(body).toMatchObject({ rows: [[1], [2], [3]], stats: { rows: 3, truncated: true } });
    expect(headers.get('x-millrace-truncated')).toBe('true');
  });

  it('refuses what is wrong, with the reason', async () => {
    const cases: [unknown, Key, number, string][] = [
      [{ sql: 'SELECT 1' }, null, 401, 'KEY_MISSING'],
      [{ sql: 'SELEC 1' }, 'acme', 400, 'SQL_SYNTAX'],
      [{ sql: 'SELECT * FROM totals' }, 'acme', 403, 'KEY_FORBIDDEN'],
      [{ sql: 'SELECT 1', tenant: 'bolt' }, 'acme', 403, 'KEY_FORBIDDEN'],
      [{ sql: 'SELECT 1 / 0' }, 'acme', 400, 'SQL_RUNTIME'],
      [{ sql: 'SELECT 1', format: 'xml' }, 'acme', 400, 'BODY_MALFORMED'],
      [{ sql: 'SELECT 1', limit: 5 }, 'acme', 400, 'BODY_MALFORMED'],
      [{ sql: 7 }, 'acme', 400, 'BODY_MALFORMED'],
      [[], 'acme', 400, 'BODY_MALFORMED'],
      [{ sql: 'SELECT 1', rowsMax: -1 }, 'acme', 400, 'BODY_MALFORMED'],
    ];
    for (const [body, key, status, code] of cases) {
      const answer = await query(body, key);
      expect([answer.status, codeOf(answer)]).toEqual([status, code]);
    }
    const wrongKey = await fetch(`${base}/v1/query`, {
      method: 'POST',
      body: '{"sql":"SELECT 1"}',
      headers: { authorization: 'Bearer acme-send-key-1234' },
    });
    expect([wrongKey.status, codeOf({ body: await wrongKey.json() })]).toEqual([403, 'KEY_FORBIDDEN']);
    expect((await ask('/v1/query')).status).toBe(405);
  });

  it('ends a query that takes too long, and works on', async () => {
    const answer = await query({
      sql: 'SELECT count(*) FROM generate_series(1, 3000) a, generate_series(1, 3000) b, generate_series(1, 3000) c',
      timeoutMs: 200,
    });
    expect([answer.status, codeOf(answer)]).toEqual([408, 'QUERY_TIMEOUT']);
    expect((await query({ sql: 'SELECT 1' })).status).toBe(200);
  });

  it('runs as a tenant for an operator', async () => {
    expect((await query({ sql: 'SELECT count(*) FROM traffic', tenant: 'bolt' })).body).toMatchObject({ rows: [[1]] });
  });
});

describe('views', () => {
  it('are listed for who may read them', async () => {
    const names = async (key: Key) =>
      ((await ask('/v1/views', key)).body as { views: { name: string }[] }).views.map((view) => view.name);
    expect([await names('acme'), await names('operator')]).toEqual([['traffic'], ['traffic', 'totals']]);
  });

  it('give rows of a tenant, or of all', async () => {
    const rows = async (path: string, key: Key) =>
      ((await ask(path, key)).body as { rows: { campaign: string; impressions: number; state: string }[] }).rows;
    expect((await rows('/v1/views/traffic/rows', 'acme')).map((row) => [row.impressions, row.state])).toEqual([
      [4, 'open'],
      [6, 'open'],
    ]);
    expect(await rows(`/v1/views/traffic/rows?from=${START + MINUTE}`, 'acme')).toHaveLength(1);
    expect(await rows(`/v1/views/traffic/rows?to=${new Date(START + MINUTE).toISOString()}`, 'acme')).toHaveLength(1);
    expect(await rows('/v1/views/traffic/rows', 'operator')).toHaveLength(3);
    expect(await rows('/v1/views/traffic/rows?tenant=bolt', 'operator')).toHaveLength(1);
    const summed = (await ask('/v1/views/traffic/rows?limit=2', 'operator')).body;
    expect(summed).toMatchObject({ summed: true, rows: [{ impressions: '9' }, { impressions: '6' }] });
    expect(codeOf(await ask('/v1/views/traffic/rows?tenant=bolt', 'acme'))).toBe('KEY_FORBIDDEN');
    expect(codeOf(await ask('/v1/views/totals/rows', 'acme'))).toBe('KEY_FORBIDDEN');
    expect(codeOf(await ask('/v1/views/nothing/rows'))).toBe('NOT_FOUND');
    expect(codeOf(await ask('/v1/views/traffic/rows?limit=x'))).toBe('BODY_MALFORMED');
    expect(codeOf(await ask('/v1/views/traffic/rows?from=yesterday'))).toBe('BODY_MALFORMED');
  });

  it('give what has changed since a revision', async () => {
    const first = (await ask('/v1/views/traffic/changes?limit=1', 'acme')).body as {
      nextRevision: number;
      hasMore: boolean;
      changes: { values: object; key: object; revision: number }[];
    };
    expect(first).toMatchObject({
      hasMore: true,
      changes: [{ operation: 'upsert', key: { campaign: 'spring' }, values: { impressions: 4 } }],
    });
    const second = (await ask(`/v1/views/traffic/changes?since=${first.nextRevision}`, 'acme')).body as typeof first;
    expect(second).toMatchObject({ hasMore: false, changes: [{ values: { impressions: 6 } }] });
    expect((await ask(`/v1/views/traffic/changes?since=${second.nextRevision}`, 'acme')).body).toMatchObject({
      changes: [],
      nextRevision: second.nextRevision,
    });
    expect(codeOf(await ask('/v1/views/traffic/changes'))).toBe('BODY_MALFORMED');
  });
});

describe('stats and health', () => {
  it('count for each key what it may see', async () => {
    expect((await ask('/v1/stats', 'operator')).body).toMatchObject({
      accepted: 3,
      late: 3,
      views: [{ name: 'traffic', freshnessMs: 12, late: 3 }, { name: 'totals' }],
    });
    expect((await ask('/v1/stats', 'acme')).body).toMatchObject({
      accepted: 1,
      late: null,
      views: [{ name: 'traffic', late: null }],
    });
    expect((await ask('/v1/tenants?prefix=b', 'operator')).body).toEqual({ tenants: ['bolt'] });
    expect((await ask('/v1/tenants', 'acme')).body).toEqual({ tenants: ['acme'] });
    expect((await ask('/v1/audit', 'acme')).status).toBe(403);
    expect((await ask('/v1/audit', 'operator')).body).toMatchObject({ accounts: [{ stream: 'events' }] });
  });

  it('are public where nothing is told', async () => {
    expect([(await ask('/health', null)).body, (await ask('/health', null)).status]).toEqual([
      { status: 'ok', reason: null },
      200,
    ]);
    expect((await ask('/ready', null)).body).toEqual({ ready: true, waiting: [] });
    expect((await ask('/metrics', null)).body).toContain('# TYPE millrace_http_requests_total counter');
  });
});

describe('GET /v1/live', () => {
  async function collect(
    path: string,
    key: Key,
    enough: (events: { event: string; data: string }[]) => boolean,
  ): Promise<{ event: string; data: string }[]> {
    const stop = new AbortController();
    const response = await fetch(base + path, {
      headers: { authorization: `Bearer ${KEYS[key!]}` },
      signal: stop.signal,
    });
    const events: { event: string; data: string }[] = [];
    for await (const event of serverSentEvents(response.body!)) {
      events.push(event);
      if (enough(events)) break;
    }
    stop.abort();
    return events;
  }

  it("follows a stream and shows a tenant's own rows only", async () => {
    const following = collect('/v1/live?stream=events', 'bolt', (events) =>
      events.some(({ event }) => event === 'rows'),
    );
    await new Promise((resolve) => setTimeout(resolve, 500));
    await fixture.append('events', [
      { tenant_id: 'acme', event_id: 'e3', event_time: START, kind: 'click' },
      { tenant_id: 'bolt', event_id: 'e4', event_time: START, kind: 'click' },
    ]);
    const events = await following;
    const rows = events
      .filter(({ event }) => event === 'rows')
      .flatMap(({ data }) => (JSON.parse(data) as { rows: { event_id: string }[] }).rows.map((row) => row.event_id));
    expect(rows).toEqual(['e4']);
    expect(events.some(({ event }) => event === 'stats')).toBe(true);
  });

  it('follows the changes of a view', async () => {
    const following = collect('/v1/live?view=traffic', 'acme', (events) =>
      events.some(({ event }) => event === 'changes'),
    );
    await new Promise((resolve) => setTimeout(resolve, 500));
    await fixture.change([change('bolt', 3, 'winter', 1), change('acme', 3, 'autumn', 77)]);
    const [changes] = (await following).filter(({ event }) => event === 'changes');
    expect(
      (JSON.parse(changes!.data) as { changes: { key: { campaign: string } }[] }).changes.map(
        (one) => one.key.campaign,
      ),
    ).toEqual(['autumn']);
  });

  it('refuses what a key may not see', async () => {
    expect(codeOf(await ask('/v1/live?stream=internal', 'acme'))).toBe('KEY_FORBIDDEN');
    expect(codeOf(await ask('/v1/live?stream=nothing', 'acme'))).toBe('STREAM_UNKNOWN');
    expect(codeOf(await ask('/v1/live?view=totals', 'acme'))).toBe('KEY_FORBIDDEN');
    expect(codeOf(await ask('/v1/live?stream=events&tenant=bolt', 'acme'))).toBe('KEY_FORBIDDEN');
  });
});

describe('the console', () => {
  it('is served with its headers, cached by what may change', async () => {
    const page = await ask('/', null);
    expect([page.status, page.headers.get('cache-control'), page.headers.get('content-security-policy')]).toEqual([
      200,
      'no-cache',
      expect.stringContaining("script-src 'self'"),
    ]);
    expect(page.headers.get('x-content-type-options')).toBe('nosniff');
    const script = await ask('/assets/app-abc123.js', null);
    expect([script.headers.get('cache-control'), script.headers.get('content-encoding')]).toEqual([
      'public, max-age=31536000, immutable',
      'gzip',
    ]);
    const again = await ask('/', null, { headers: { 'if-none-match': page.headers.get('etag')! } });
    expect([again.status, again.body]).toEqual([304, '']);
  });

  it.each([
    '/../package.json',
    '/..%2fpackage.json',
    '/assets/../../etc/passwd',
    '/%2e%2e/%2e%2e/etc/passwd',
    '//etc/passwd',
    '/assets/',
    '/assets',
    '/index.html/',
    '/.',
    '/assets/app-abc123.js%00',
    '\\..\\x',
  ])('has nothing at %s', async (path) => {
    // A raw socket: fetch would tidy the path first.
    const status = await new Promise<string>((resolve, reject) => {
      const socket = connect(server.port, '127.0.0.1', () =>
        socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`),
      );
      let text = '';
      socket.on('data', (data) => (text += data.toString()));
      socket.on('end', () => resolve(text.split(' ')[1] ?? ''));
      socket.on('error', reject);
    });
    expect(['404', '400']).toContain(status);
  });
});

describe('/v1/openapi.json', () => {
  interface Document {
    openapi: string;
    info: { title: string; version: string };
    paths: Record<
      string,
      Record<
        string,
        {
          operationId: string;
          parameters?: { name: string; in: string; required: boolean }[];
          responses: Record<string, { description: string; content: Record<string, { schema: object }> }>;
        }
      >
    >;
    components: { schemas: Record<string, object> };
  }

  it('is a whole OpenAPI 3.1 document', async () => {
    const document = (await ask('/v1/openapi.json', null)).body as Document;
    expect(document.openapi).toBe('3.1.0');
    const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
    );
    const ids = operations.map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const path of [
      '/v1/events',
      '/i',
      '/c',
      '/postback',
      '/v1/query',
      '/v1/live',
      '/metrics',
      '/health',
      '/ready',
      '/v1/openapi.json',
      '/v1/views',
      '/v1/stats',
    ])
      expect(Object.keys(document.paths)).toContain(path);
    for (const { path, operation } of operations) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
      expect(
        (operation.parameters ?? []).filter((parameter) => parameter.in === 'path').map((parameter) => parameter.name),
      ).toEqual(inPath);
      for (const parameter of operation.parameters ?? []) expect(parameter.required).toBe(parameter.in === 'path');
      for (const [status, response] of Object.entries(operation.responses)) {
        expect(status).toMatch(/^\d{3}$/);
        expect(response.description.length).toBeGreaterThan(0);
      }
    }
    const refs = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(
      (match) => match[1]!,
    );
    expect(refs.filter((name) => !(name in document.components.schemas))).toEqual([]);
  });

  it('says what the routes really answer', async () => {
    const document = (await ask('/v1/openapi.json', null)).body as Document;
    const ajv = new Ajv2020.default({ strict: true, allowUnionTypes: true });
    ajv.addVocabulary(['components']);
    ajv.addSchema(
      { $id: 'https://millrace.test/openapi', components: document.components } as object,
      undefined,
      false,
      false,
    );
    const check = (path: string, method: string, status: number, value: unknown): void => {
      const { schema } = document.paths[path]![method]!.responses[status]!.content['application/json']!;
      const text = JSON.stringify(schema).replaceAll('#/components', 'https://millrace.test/openapi#/components');
      const validate = ajv.compile(JSON.parse(text) as object);
      expect([path, validate(value), validate.errors]).toEqual([path, true, null]);
    };
    check('/v1/query', 'post', 200, (await query({ sql: 'SELECT * FROM traffic' })).body);
    check('/v1/query', 'post', 400, (await query({ sql: 'SELEC' })).body);
    for (const path of ['/v1/views', '/v1/stats', '/v1/audit', '/v1/tenants', '/health', '/ready'])
      check(path, 'get', 200, (await ask(path)).body);
    check('/v1/stats', 'get', 200, (await ask('/v1/stats', 'acme')).body);
    check('/v1/views/{view}/rows', 'get', 200, (await ask('/v1/views/traffic/rows')).body);
    check('/v1/views/{view}/changes', 'get', 200, (await ask('/v1/views/traffic/changes', 'acme')).body);
    check('/v1/views', 'get', 401, (await ask('/v1/views', null)).body);
  });
});
