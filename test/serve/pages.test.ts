import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPages } from '../../src/serve/pages.js';

const folder = mkdtempSync(join(tmpdir(), 'millrace-pages-'));
const file = join(folder, 'demo.html');
const pages = createPages([
  { path: '/demo', file },
  { path: '/gone', file: join(folder, 'gone.html') },
]);
const server = createServer((request, response) => {
  if (!pages.handle(request, response)) response.writeHead(418).end();
});
let url = '';

beforeAll(async () => {
  writeFileSync(file, '<p>one</p>');
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

test('a page is served, with its query, and anew when it changes', async () => {
  const first = await fetch(`${url}/demo?cid=1`);
  expect(first.headers.get('content-type')).toBe('text/html; charset=utf-8');
  expect(await first.text()).toBe('<p>one</p>');
  writeFileSync(file, '<p>two</p>');
  expect(await (await fetch(`${url}/demo`)).text()).toBe('<p>two</p>');
  expect((await fetch(`${url}/demo`, { method: 'HEAD' })).headers.get('content-length')).toBe('10');
});

test('other paths and methods are left to others, a missing file is an error', async () => {
  for (const path of ['/demo/', '/demo2', '/../demo.html', '/'])
    expect((await fetch(url + path)).status, path).toBe(418);
  expect((await fetch(`${url}/demo`, { method: 'POST' })).status).toBe(418);
  expect((await fetch(`${url}/gone`)).status).toBe(404);
});
