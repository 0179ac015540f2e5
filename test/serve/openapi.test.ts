/** The OpenAPI document, and whether the routes answer what it says. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openServer, type ServerFixture } from './server.js';
import Ajv2020 from 'ajv/dist/2020.js';

let server: ServerFixture;
beforeAll(async () => {
  server = await openServer();
});
afterAll(async () => {
  await server.close();
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
    const document = (await server.ask('/v1/openapi.json', null)).body as Document;
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
      for (const parameter of operation.parameters ?? [])
        if (parameter.in === 'path') expect(parameter.required).toBe(true);
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

  it('has an entry for each saved endpoint, with its parameters', async () => {
    const document = (await server.ask('/v1/openapi.json', null)).body as Document;
    const { parameters } = document.paths['/v1/endpoints/clicks']!['get']!;
    expect(parameters).toEqual([
      { name: 'kind', in: 'query', description: 'Such as click (text)', schema: { type: 'string' }, required: true },
      {
        name: 'since',
        in: 'query',
        description: 'timestamptz',
        schema: { type: 'string', format: 'date-time', default: '2026-01-01' },
        required: false,
      },
      expect.objectContaining({ name: 'format', required: false }),
      expect.objectContaining({ name: 'tenant', required: false }),
    ]);
  });

  it('says what the routes really answer', async () => {
    const document = (await server.ask('/v1/openapi.json', null)).body as Document;
    const ajv = new Ajv2020.default({
      strict: true,
      allowUnionTypes: true,
      formats: { 'date-time': true, date: true, uuid: true },
    });
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
    check('/v1/query', 'post', 200, (await server.query({ sql: 'SELECT * FROM traffic' })).body);
    check('/v1/query', 'post', 400, (await server.query({ sql: 'SELEC' })).body);
    for (const path of ['/v1/views', '/v1/stats', '/v1/audit', '/v1/tenants', '/health', '/ready'])
      check(path, 'get', 200, (await server.ask(path)).body);
    check('/v1/stats', 'get', 200, (await server.ask('/v1/stats', 'acme')).body);
    check('/v1/views/{view}/rows', 'get', 200, (await server.ask('/v1/views/traffic/rows')).body);
    const feed = async (part: string, method = 'get', body?: object) => {
      const init = body === undefined ? {} : { method, body: JSON.stringify(body) };
      const answer = await server.ask(`/v1/tenants/acme/views/traffic${part}`, 'acme', init);
      check(`/v1/tenants/{tenant}/views/{view}${part}`, method, 200, answer.body);
      return answer.body as { next_cursor: string };
    };
    for (const part of ['', '/snapshot', '/digest']) await feed(part);
    await feed('/replay', 'post', { from: 0 });
    await feed('/ack', 'post', { cursor: (await feed('/changes')).next_cursor });
    check('/v1/whoami', 'get', 200, (await server.ask('/v1/whoami', 'acme')).body);
    check('/v1/endpoints', 'get', 200, (await server.ask('/v1/endpoints')).body);
    const { body } = await server.ask('/v1/endpoints/clicks?kind=click');
    expect((body as { rows: unknown[] }).rows).toHaveLength(2);
    check('/v1/endpoints/clicks', 'get', 200, body);
    check('/v1/endpoints/top_campaigns', 'get', 200, (await server.ask('/v1/endpoints/top_campaigns')).body);
    check('/v1/endpoints/clicks', 'get', 400, (await server.ask('/v1/endpoints/clicks')).body);
    check('/v1/views', 'get', 401, (await server.ask('/v1/views', null)).body);
  });
});
