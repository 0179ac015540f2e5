/** Saved endpoints over HTTP. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { change } from '../query/fixture.js';
import { codeOf, openServer, type ServerFixture } from '../server.js';

let server: ServerFixture;
beforeAll(async () => {
  server = await openServer();
});
afterAll(async () => {
  await server.close();
});

const rowsOf = ({ body }: { body: unknown }) => (body as { rows: unknown[][] }).rows;
const messageOf = ({ body }: { body: unknown }) => (body as { error: { message: string } }).error.message;

describe('GET /v1/endpoints', () => {
  it('lists what the key may ask', async () => {
    const namesFor = async (key: 'acme' | 'operator') =>
      ((await server.ask('/v1/endpoints', key)).body as { endpoints: { name: string }[] }).endpoints.map(
        ({ name }) => name,
      );
    expect(await namesFor('operator')).toEqual(['clicks', 'top_campaigns', 'all_tenants']);
    expect(await namesFor('acme')).toEqual(['clicks', 'top_campaigns']);
    expect((await server.ask('/v1/endpoints', null)).status).toBe(401);
  });
});

describe('GET /v1/endpoints/<name>', () => {
  it("answers a tenant's key with its own rows", async () => {
    const path = '/v1/endpoints/top_campaigns';
    expect((await server.ask(path, 'acme')).body).toEqual({
      columns: [
        { name: 'campaign', type: 'text' },
        { name: 'impressions', type: 'numeric' },
        { name: 'cost', type: 'numeric' },
      ],
      rows: [['spring', '10', '2.500000']],
      stats: { rows: 1, truncated: false },
    });
    expect(rowsOf(await server.ask(path, 'bolt'))).toEqual([['winter', '5', '1.250000']]);
    expect(rowsOf(await server.ask(path))).toHaveLength(2);
    expect(rowsOf(await server.ask(`${path}?tenant=bolt`))).toHaveLength(1);
    expect((await server.ask(`${path}?tenant=acme`, 'acme')).status).toBe(200);
    for (const other of ['tenant=bolt', 'tenant=acme&tenant=bolt', 'tenant=bolt&tenant=acme'])
      expect([400, 403]).toContain((await server.ask(`${path}?${other}`, 'acme')).status);
    expect(codeOf(await server.ask('/v1/endpoints/all_tenants', 'acme'))).toBe('KEY_FORBIDDEN');
    expect((await server.ask('/v1/endpoints/all_tenants')).status).toBe(200);
  });

  it('takes values by their types', async () => {
    const ask = async (query: string) => rowsOf(await server.ask(`/v1/endpoints/top_campaigns?${query}`));
    expect(await ask('campaigns=winter')).toEqual([['winter', '5', '1.250000']]);
    expect(await ask('campaigns=winter&campaigns=spring')).toHaveLength(2);
    expect(await ask("campaigns=' OR true --")).toEqual([]);
    expect(await ask('least=6')).toEqual([['spring', '6', '1.500000']]);
    expect(await ask('shown=1')).toEqual([['spring', '10', '2.500000']]);
    const clicks = await server.ask('/v1/endpoints/clicks?kind=click&since=2026-01-31T12:00:00Z');
    expect(rowsOf(clicks).map(([id]) => id)).toEqual(['e1', 'e2']);
    expect(rowsOf(await server.ask('/v1/endpoints/clicks?kind=click&since=2026-02-01'))).toEqual([]);
  });

  it('says what is wrong with a value', async () => {
    const cases: readonly (readonly [string, string])[] = [
      ['top_campaigns?leest=1', "there is no parameter 'leest'; there are campaigns, least, shown, format, tenant"],
      ['top_campaigns?__proto__=1', "there is no parameter '__proto__'"],
      ['top_campaigns?least=many', 'least: expected bigint: invalid input syntax'],
      ['top_campaigns?least=', 'least: expected bigint'],
      ['top_campaigns?least=1&least=2', 'given more than once'],
      ['top_campaigns?campaigns=a%00b', 'NUL'],
      ['clicks', 'kind: expected a value of type text'],
      ['clicks?kind=click&since=yesterday', 'since: expected timestamptz'],
      ['clicks?kind=click&format=xml', 'format: expected one of json, ndjson, csv'],
    ];
    for (const [path, says] of cases) {
      const answer = await server.ask(`/v1/endpoints/${path}`, 'acme');
      expect([answer.status, codeOf(answer)]).toEqual([400, 'PARAMETER_INVALID']);
      expect(messageOf(answer)).toContain(says);
    }
    expect((await server.ask('/v1/endpoints/top_campaigns?shown=-1', 'acme')).status).toBe(400);
    expect((await server.ask('/v1/endpoints/gone', 'acme')).status).toBe(404);
  });

  it('answers in the format that is asked for', async () => {
    const ask = (query: string, accept?: string) =>
      server.ask(`/v1/endpoints/top_campaigns${query}`, 'acme', accept === undefined ? {} : { headers: { accept } });
    const csv = 'campaign,impressions,cost\r\nspring,10,2.500000\r\n';
    expect((await ask('?format=csv')).body).toBe(csv);
    expect((await ask('', 'text/csv')).body).toBe(csv);
    expect((await ask('', 'application/json;q=0.5, text/csv')).body).toBe(csv);
    expect((await ask('?format=json', 'text/csv')).headers.get('content-type')).toContain('application/json');
    for (const accept of ['*/*', 'text/html', 'text/csv;q=0, nonsense', 'text/csv;q=x'])
      expect((await ask('', accept)).headers.get('content-type')).toContain('application/json');
    for (const [format, type] of [
      ['arrow', 'application/vnd.apache.arrow.stream'],
      ['parquet', 'application/vnd.apache.parquet'],
    ] as const) {
      const named = await ask(`?format=${format}`);
      const accepted = await ask('', `text/html, ${type}`);
      expect([named.headers.get('content-type'), accepted.headers.get('content-type')]).toEqual([type, type]);
      expect([accepted.headers.get('x-millrace-cache'), accepted.body]).toEqual(['hit', named.body]);
      const query = { method: 'POST', body: 'SELECT 1', headers: { 'content-type': 'text/plain', accept: type } };
      expect((await server.ask('/v1/query', 'acme', query)).headers.get('content-type')).toBe(type);
      expect((await server.query({ sql: 'SELECT 1', format })).headers.get('content-type')).toBe(type);
    }
    expect((await ask('', 'application/x-ndjson')).body).toBe(
      '{"campaign":"spring","impressions":"10","cost":"2.500000"}\n',
    );
  });

  it('gives what is kept until a row changes that the key can see', async () => {
    const path = '/v1/endpoints/top_campaigns?least=1';
    const cacheOf = async (key: 'acme' | 'bolt' | 'operator') =>
      (await server.ask(path, key)).headers.get('x-millrace-cache');
    expect([await cacheOf('acme'), await cacheOf('acme'), await cacheOf('bolt'), await cacheOf('operator')]).toEqual([
      'miss',
      'hit',
      'miss',
      'miss',
    ]);
    // Another spelling of the same values is the same answer.
    const other = await server.ask('/v1/endpoints/top_campaigns?shown=10&least=+1', 'acme');
    expect(other.headers.get('x-millrace-cache')).toBe('hit');
    const { etag } = Object.fromEntries((await server.ask(path, 'acme')).headers) as { etag: string };
    const unchanged = await server.ask(path, 'acme', { headers: { 'if-none-match': `"x", W/${etag}` } });
    expect([unchanged.status, unchanged.body, unchanged.headers.get('etag')]).toEqual([304, '', etag]);
    // Not for another tenant, other values or another format.
    for (const [where, key] of [
      [path, 'bolt'],
      [path, 'operator'],
      [`${path}&shown=3`, 'acme'],
      [`${path}&format=csv`, 'acme'],
    ] as const)
      expect((await server.ask(where, key, { headers: { 'if-none-match': etag } })).status).toBe(200);
    await server.fixture.change([change('bolt', 2, 'autumn', 1)]);
    expect([await cacheOf('acme'), await cacheOf('bolt'), await cacheOf('operator')]).toEqual(['hit', 'miss', 'miss']);
    await server.fixture.change([change('acme', 2, 'autumn', 1)]);
    const changed = await server.ask(path, 'acme', { headers: { 'if-none-match': etag } });
    expect([changed.status, rowsOf(changed)]).toEqual([
      200,
      [
        ['spring', '10', '2.500000'],
        ['autumn', '1', '0.250000'],
      ],
    ]);
  });

  it('answers HEAD without a body', async () => {
    const head = await server.ask('/v1/endpoints/top_campaigns?format=csv', 'acme', { method: 'HEAD' });
    expect([head.status, head.body, head.headers.get('x-millrace-rows')]).toEqual([200, '', '2']);
  });
});
