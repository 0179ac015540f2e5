/** The console's files. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openServer, type ServerFixture } from './server.js';
import { connect } from 'node:net';

let server: ServerFixture;
beforeAll(async () => {
  server = await openServer();
});
afterAll(async () => {
  await server.close();
});

describe('the console', () => {
  it('is served with its headers, cached by what may change', async () => {
    const page = await server.ask('/', null);
    expect([page.status, page.headers.get('cache-control'), page.headers.get('content-security-policy')]).toEqual([
      200,
      'no-cache',
      expect.stringContaining("script-src 'self'"),
    ]);
    expect(page.headers.get('x-content-type-options')).toBe('nosniff');
    const script = await server.ask('/assets/app-abc123.js', null);
    expect([script.headers.get('cache-control'), script.headers.get('content-encoding')]).toEqual([
      'public, max-age=31536000, immutable',
      'gzip',
    ]);
    const again = await server.ask('/', null, { headers: { 'if-none-match': page.headers.get('etag')! } });
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
