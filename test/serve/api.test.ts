/** Queries, views, stats and health over HTTP. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codeOf, openServer, type Key, type ServerFixture } from './server.js';
import { MINUTE, START } from './query/fixture.js';

let server: ServerFixture;
beforeAll(async () => {
  server = await openServer();
});
afterAll(async () => {
  await server.close();
});

describe('POST /v1/query', () => {
  it('answers JSON, NDJSON and CSV', async () => {
    const sql = 'SELECT campaign, impressions, cost FROM traffic ORDER BY impressions';
    const { body } = await server.query({ sql });
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
    expect((await server.query({ sql, format: 'csv' }, 'acme')).body).toBe(
      'campaign,impressions,cost\r\nspring,4,1.000000\r\nspring,6,1.500000\r\n',
    );
    expect((await server.query({ sql, format: 'ndjson' }, 'bolt')).body).toBe(
      '{"campaign":"winter","impressions":5,"cost":"1.250000"}\n',
    );
    const plain = await server.ask('/v1/query', 'bolt', {
      method: 'POST',
      body: 'SELECT count(*) FROM events',
      headers: { 'content-type': 'text/plain' },
    });
    expect(plain.body).toMatchObject({ rows: [[1]] });
  });

  it('says when the rows were cut', async () => {
    const { body, headers } = await server.query({ sql: 'SELECT * FROM generate_series(1, 10) n', rowsMax: 3 });
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
      const answer = await server.query(body, key);
      expect([answer.status, codeOf(answer)]).toEqual([status, code]);
    }
    const wrongKey = await fetch(`${server.base}/v1/query`, {
      method: 'POST',
      body: '{"sql":"SELECT 1"}',
      headers: { authorization: 'Bearer acme-send-key-1234' },
    });
    expect([wrongKey.status, codeOf({ body: await wrongKey.json() })]).toEqual([403, 'KEY_FORBIDDEN']);
    expect((await server.ask('/v1/query')).status).toBe(405);
  });

  it('ends a query that takes too long, and works on', async () => {
    const answer = await server.query({
      sql: 'SELECT count(*) FROM generate_series(1, 3000) a, generate_series(1, 3000) b, generate_series(1, 3000) c',
      timeoutMs: 200,
    });
    expect([answer.status, codeOf(answer)]).toEqual([408, 'QUERY_TIMEOUT']);
    expect((await server.query({ sql: 'SELECT 1' })).status).toBe(200);
  });

  it('runs as a tenant for an operator', async () => {
    expect((await server.query({ sql: 'SELECT count(*) FROM traffic', tenant: 'bolt' })).body).toMatchObject({
      rows: [[1]],
    });
  });
});

describe('views', () => {
  it('are listed for who may read them', async () => {
    const names = async (key: Key) =>
      ((await server.ask('/v1/views', key)).body as { views: { name: string }[] }).views.map((view) => view.name);
    expect([await names('acme'), await names('operator')]).toEqual([['traffic'], ['traffic', 'totals']]);
  });

  it('give rows of a tenant, or of all', async () => {
    const rows = async (path: string, key: Key) =>
      ((await server.ask(path, key)).body as { rows: { campaign: string; impressions: number; state: string }[] }).rows;
    expect((await rows('/v1/views/traffic/rows', 'acme')).map((row) => [row.impressions, row.state])).toEqual([
      [4, 'open'],
      [6, 'open'],
    ]);
    expect(await rows(`/v1/views/traffic/rows?from=${START + MINUTE}`, 'acme')).toHaveLength(1);
    expect(await rows(`/v1/views/traffic/rows?to=${new Date(START + MINUTE).toISOString()}`, 'acme')).toHaveLength(1);
    expect(await rows('/v1/views/traffic/rows', 'operator')).toHaveLength(3);
    expect(await rows('/v1/views/traffic/rows?tenant=bolt', 'operator')).toHaveLength(1);
    const summed = (await server.ask('/v1/views/traffic/rows?limit=2', 'operator')).body;
    expect(summed).toMatchObject({ summed: true, rows: [{ impressions: '9' }, { impressions: '6' }] });
    expect(codeOf(await server.ask('/v1/views/traffic/rows?tenant=bolt', 'acme'))).toBe('KEY_FORBIDDEN');
    expect(codeOf(await server.ask('/v1/views/totals/rows', 'acme'))).toBe('KEY_FORBIDDEN');
    expect(codeOf(await server.ask('/v1/views/nothing/rows'))).toBe('NOT_FOUND');
    expect(codeOf(await server.ask('/v1/views/traffic/rows?limit=x'))).toBe('BODY_MALFORMED');
    expect(codeOf(await server.ask('/v1/views/traffic/rows?from=yesterday'))).toBe('BODY_MALFORMED');
  });
});

describe('stats and health', () => {
  it('count for each key what it may see', async () => {
    expect((await server.ask('/v1/stats', 'operator')).body).toMatchObject({
      accepted: 3,
      late: 3,
      views: [{ name: 'traffic', freshnessMs: 12, late: 3 }, { name: 'totals' }],
    });
    expect((await server.ask('/v1/stats', 'acme')).body).toMatchObject({
      accepted: 1,
      late: null,
      views: [{ name: 'traffic', late: null }],
    });
    expect((await server.ask('/v1/tenants?prefix=b', 'operator')).body).toEqual({ tenants: ['bolt'] });
    expect((await server.ask('/v1/tenants', 'acme')).body).toEqual({ tenants: ['acme'] });
  });

  it('close for all tenants, and for one: a key sees its own', async () => {
    const terms = { stream: 'events', delivered: 0, duplicates: 0, quarantined: 0 };
    const all = { ...terms, received: 4, pending: 2, dropped: { quarantine_full: 2 }, cut: { 'mill.traffic.1': 7 } };
    const acme = { ...terms, received: 3, pending: 1, dropped: { quarantine_full: 2 }, cut: {} };
    const answers = async (path: string, key: Key) => (await server.ask(path, key)).body;
    expect(await answers('/v1/audit', 'operator')).toMatchObject({ tenant: null, accounts: [all] });
    expect(await answers('/v1/audit?tenant=acme', 'operator')).toMatchObject({ tenant: 'acme', accounts: [acme] });
    expect(await answers('/v1/audit', 'acme')).toMatchObject({ tenant: 'acme', accounts: [acme] });
    expect((await server.ask('/v1/audit?tenant=bolt', 'acme')).status).toBe(403);
  });

  it('are public where nothing is told', async () => {
    expect([(await server.ask('/health', null)).body, (await server.ask('/health', null)).status]).toEqual([
      { status: 'ok', reason: null },
      200,
    ]);
    expect((await server.ask('/ready', null)).body).toEqual({ ready: true, waiting: [] });
    expect((await server.ask('/metrics', null)).body).toContain('# TYPE millrace_http_requests_total counter');
  });
});
