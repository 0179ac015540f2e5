/**
 * Sinks over TLS: the server is known by its authority and name, and we by our certificate.
 *
 * `tls/` holds an authority of the tests' own (its key is gone), a server's certificate for localhost
 * and 127.0.0.1, and a client's; they last until 2126.
 */
import { chmod, chown, copyFile, stat } from 'node:fs/promises';
import { createServer } from 'node:https';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createSink } from '../../src/deliver/sinks/index.js';
import type { Sink } from '../../src/deliver/sink.js';
import { startPostgres, type Postgres } from '../engines/postgres.js';
import { openSink, send } from './http/support.js';
import { ask, settings } from './postgres/support.js';
import { cutRows, sinkContext, someRows } from './support.js';

const file = (name: string): string => join(import.meta.dirname, 'tls', name);
const ca = file('ca.pem');
const own = { certificate: file('client.pem'), key: file('client-key.pem') };

let sink: Sink | null = null;
afterEach(async () => {
  await sink?.close();
  sink = null;
});

describe('a webhook', () => {
  const texts = (...names: readonly string[]) => names.map((name) => readFileSync(file(name), 'utf8'));
  const [serverCa, cert, key] = texts('ca.pem', 'server.pem', 'server-key.pem');
  const tls = { ca: serverCa!, cert: cert!, key: key!, requestCert: true, rejectUnauthorized: true };
  const server = createServer(tls, (request, response) => {
    request.resume();
    response.writeHead(204).end();
  });
  beforeAll(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)));
  afterAll(() => void server.close());

  const answer = async (host: string, rest: Readonly<Record<string, string>>): Promise<string> => {
    const { port } = server.address() as AddressInfo;
    sink = await openSink({ type: 'webhook', url: `https://${host}:${port}/`, tls: rest }, { network });
    const { error } = await send(sink);
    return error === null ? 'taken' : String(error);
  };
  const network = {
    resolve: (_name: string, done: (error: null, addresses: { address: string; family: number }[]) => void) =>
      done(null, [{ address: '127.0.0.1', family: 4 }]),
  };

  test.each([
    ['with both certificates', 'localhost', { ca, ...own }, /^taken$/],
    ['from a server of an unknown authority', 'localhost', own, /unable to (verify|get)|self-signed/],
    ['from a server of another name', 'other.example', { ca, ...own }, /does not match certificate's altnames/],
    ['without a certificate of our own', 'localhost', { ca }, /certificate required|ECONNRESET|closed|hang up/i],
  ])('%s', async (_what, host, rest, expected) => {
    expect(await answer(host, rest)).toMatch(expected);
  });

  test('without the file', async () => {
    const opened = openSink({ type: 'webhook', url: 'https://localhost/', tls: { ca: '/nowhere.pem' } });
    await expect(opened).rejects.toThrow('/nowhere.pem');
  });
});

describe('PostgreSQL', () => {
  let engine: Postgres;
  beforeAll(async () => {
    engine = await startPostgres();
    // The server refuses a key that others can read, and reads it as a user of its own.
    const { uid, gid } = await stat(engine.folder);
    const files = { ssl_ca_file: 'ca.pem', ssl_cert_file: 'server.pem', ssl_key_file: 'server-key.pem' };
    for (const [name, from] of Object.entries(files)) {
      const to = join(engine.folder, from);
      await copyFile(file(from), to);
      await chmod(to, 0o600);
      await chown(to, uid, gid);
      await ask(engine.url, `ALTER SYSTEM SET ${name} = '${to}'`);
    }
    await ask(engine.url, 'ALTER SYSTEM SET ssl = on');
    await engine.restart();
  });
  afterAll(() => engine?.stop());

  const opening = async (tls: Readonly<Record<string, string>> | undefined): Promise<void> => {
    const to = { url: engine.url, table: 'events', ...(tls === undefined ? {} : { tls }) };
    sink = createSink(settings(to), sinkContext());
    await sink.open(new AbortController().signal);
  };

  test('known by its authority, with a certificate of our own', async () => {
    await opening({ ca, ...own });
    expect((await send(sink!, cutRows(someRows(3)))).error).toBeNull();
  });

  test('of an unknown authority', async () => {
    await expect(opening({})).rejects.toThrow(/unable to (verify|get)|self-signed/);
  });
});
