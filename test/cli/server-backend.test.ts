/** SQL against a server: what `millrace sql --url` asks it for. */
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Server } from '../../src/cli/server.js';
import type { SqlChange } from '../../src/cli/sql/backend.js';
import { ServerBackend } from '../../src/cli/sql/server-backend.js';
import { splitStatements } from '../../src/sql/statements/statement-text.js';
import { loadParser } from '../../src/util/sql-text.js';

let http: HttpServer;
let backend: ServerBackend;
let asked: string[] = [];

beforeAll(async () => {
  await loadParser();
  const columns = [{ name: 'clicks', type: 'bigint' }];
  http = createServer((request, response) => {
    const { pathname, search } = new URL(request.url!, 'http://x');
    let body = '';
    request.on('data', (part) => (body += String(part)));
    request.on('end', () => {
      asked.push(`${pathname}${search} ${body}`);
      if (pathname === '/v1/live') {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write('event: rows\ndata: {"rows":[{"op":"upsert","clicks":1},{"op":"delete","clicks":2}]}\n\n');
      } else if (pathname === '/v1/views') response.end(JSON.stringify({ views: [{ name: 'traffic', columns }] }));
      else response.end(JSON.stringify({ columns, rows: [[3]] }));
    });
  });
  await new Promise<void>((ready) => http.listen(0, '127.0.0.1', ready));
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  backend = new ServerBackend(new Server({ url, key: 'k' }), 'acme');
});
afterAll(() => {
  http.closeAllConnections();
  http.close();
});

const run = (sql: string) => backend.run(splitStatements(sql)[0]!);

test('SELECT goes to the query API as it was written, as the tenant', async () => {
  asked = [];
  expect((await run('SELECT clicks  FROM traffic;')).rows).toEqual([[3]]);
  expect(asked).toEqual(['/v1/query {"sql":"SELECT clicks  FROM traffic","tenant":"acme"}']);
});

test('SHOW and DESCRIBE are answered from the list of views', async () => {
  expect((await run('SHOW MATERIALIZED VIEWS')).rows).toEqual([['traffic']]);
  expect((await run('describe traffic')).rows).toEqual([['clicks', 'bigint']]);
  await expect(run('DESCRIBE nope')).rejects.toMatchObject({ code: 'SQL_UNKNOWN_RELATION' });
  await expect(run('SHOW TABLES')).rejects.toMatchObject({ code: 'SQL_UNSUPPORTED' });
  expect(await backend.relations()).toEqual([
    { name: 'traffic', kind: 'view', columns: [{ name: 'clicks', type: 'bigint' }] },
  ]);
});

test('a subscription follows the live changes until it is stopped', async () => {
  const stop = new AbortController();
  const changes: SqlChange['op'][] = [];
  await backend.subscribe(
    'traffic',
    ({ op }) => {
      changes.push(op);
      if (changes.length === 2) stop.abort();
    },
    stop.signal,
  );
  expect(changes).toEqual(['+', '-']);
  expect(asked.at(-1)).toBe('/v1/live?stream=traffic&tenant=acme ');
});
