import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { difference } from '../../src/cli/audit.js';
import type { AuditAccount } from '../../src/serve/audit.js';
import { portArgument } from '../../src/cli/start.js';
import { rowText } from '../../src/cli/tail.js';
import { csvCell } from '../../src/cli/sql/csv.js';
import { serverSentEvents } from '../../src/cli/sse.js';
import { table } from '../../src/cli/output.js';
import { hashKey } from '../../src/config/tenants.js';

const MAIN = resolve('dist/cli/main.js');

interface Run {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs the built command, as a user would. */
function millrace(
  args: readonly string[],
  options: { cwd?: string; input?: string; env?: Record<string, string> } = {},
): Promise<Run> {
  return new Promise((done) => {
    const env = { ...process.env, MILLRACE_URL: '', MILLRACE_KEY: '', ...options.env };
    for (const name of ['MILLRACE_URL', 'MILLRACE_KEY'] as const) if (env[name] === '') delete env[name];
    const child = execFile(
      process.execPath,
      [MAIN, ...args],
      { cwd: options.cwd ?? folder, env },
      (error, out, err) => {
        done({ code: error === null ? 0 : Number(error.code ?? 1), out, err });
      },
    );
    child.stdin!.end(options.input ?? '');
  });
}

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-cli-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('the command', () => {
  test('helps, with an example for each command', async () => {
    const { code, out } = await millrace(['--help']);
    expect(code).toBe(0);
    const commands = [...out.matchAll(/^ {2}([a-z]+) /gm)].map((match) => match[1]!).filter((name) => name !== 'help');
    expect(commands).toEqual([
      'start',
      'dev',
      'init',
      'check',
      'send',
      'tail',
      'sql',
      'test',
      'deliveries',
      'quarantine',
      'redrive',
      'replay',
      'pull',
      'explain',
      'diff',
      'swap',
      'audit',
      'key',
    ]);
    const helps = await Promise.all(commands.map((name) => millrace([name, '--help'])));
    for (const [index, help] of helps.entries()) {
      expect(help.out, commands[index]).toContain('Examples:');
      expect(help.out, commands[index]).toContain('--json');
      expect(help.code).toBe(0);
    }
  });

  test.each([
    ['an unknown command', ['strat'], "unknown command 'strat'"],
    ['an unknown option', ['start', '--prot', '1'], "unknown option '--prot'"],
    ['a bad port', ['start', '--port', 'http'], 'expected a port from 0 to 65535'],
  ])('%s is a usage error: exit code 2', async (_name, args, expected) => {
    const { code, err } = await millrace(args);
    expect(code).toBe(2);
    expect(err).toContain(expected);
  });

  test('an error is one line with its code, or JSON', async () => {
    const text = await millrace(['check', '--config', 'nowhere.ts']);
    expect(text.code).toBe(1);
    expect(text.err).toMatch(
      /^error CONFIG_NOT_FOUND: .*nowhere\.ts: there is no such file; `millrace init` writes one to start from\n/,
    );
    const json = await millrace(['start', '--config', 'nowhere.ts', '--json']);
    expect(json.code).toBe(1);
    expect(JSON.parse(json.err)).toMatchObject({ error: { code: 'CONFIG_NOT_FOUND', retryable: false } });
  });

  test('without a server, says so', async () => {
    const { code, err } = await millrace(['sql', 'SELECT 1', '--url', 'http://127.0.0.1:9']);
    expect(code).toBe(1);
    expect(err).toContain('no Millrace answers at http://127.0.0.1:9');
  });
});

describe('init, check and key', () => {
  test('init writes what check finds right, and never writes over it', async () => {
    const first = await millrace(['init', 'shop']);
    expect(first.code, first.err).toBe(0);
    expect(first.out).toContain('wrote shop/millrace.config.ts');
    const checked = await millrace(['check'], { cwd: join(folder, 'shop') });
    expect(checked.code, checked.err).toBe(0);
    expect(checked.out).toContain('ok millrace.config.ts');
    const config = readFileSync(join(folder, 'shop/millrace.config.ts'), 'utf8');
    const again = await millrace(['init', 'shop']);
    expect(again.code).toBe(1);
    expect(again.err).toContain('nothing was written');
    expect(readFileSync(join(folder, 'shop/millrace.config.ts'), 'utf8')).toBe(config);
    expect((await millrace(['init', 'shop', '--force', '--json'])).code).toBe(0);
    expect(readFileSync(join(folder, 'shop/millrace.config.ts'), 'utf8')).not.toBe(config);
  });

  test('check exits with 1 and prints each mistake, also as JSON', async () => {
    writeFileSync(
      join(folder, 'bad.json'),
      JSON.stringify({ streams: { events: { schema: 'ad-events' } }, views: [{ sql: 'SELEC 1' }] }),
    );
    const text = await millrace(['check', '-c', 'bad.json']);
    expect(text.code).toBe(1);
    expect(text.err).toContain('error SQL_SYNTAX: views[0].sql');
    expect(text.out).toContain('bad.json: 1 mistake');
    const json = await millrace(['check', '-c', 'bad.json', '--json']);
    expect(json.code).toBe(1);
    expect(JSON.parse(json.out)).toMatchObject({ ok: false, errors: [{ code: 'SQL_SYNTAX' }] });
  });

  test('check prints the JSON schema', async () => {
    expect(JSON.parse((await millrace(['check', '--schema'])).out)).toHaveProperty('properties.streams');
  });

  test('key makes a key that its hash fits', async () => {
    const { key, hash } = JSON.parse((await millrace(['key', '--json'])).out) as { key: string; hash: string };
    expect(key).toMatch(/^mr_[0-9a-f]{8}_[\w-]{43}$/);
    expect(hash).toBe(hashKey(key));
    expect((await millrace(['key', key])).out).toContain(hash);
    const access = JSON.parse((await millrace(['key', '--access', '--json'])).out) as { id: string; secret: string };
    expect([access.id, access.secret]).toEqual([
      expect.stringMatching(/^MRAK[A-Z2-7]{16}$/),
      expect.stringMatching(/^[\w-]{40}$/),
    ]);
    expect(existsSync(join(folder, 'millrace.config.ts'))).toBe(false);
  });
});

/** What the commands ask of a server, answered by one that shows what it was asked. */
describe('with a server', () => {
  const account: AuditAccount = {
    stream: 'events',
    received: 10,
    delivered: 6,
    quarantined: 1,
    pending: 1,
    duplicates: 1,
    dropped: { quarantine_full: 1 },
    cut: { 'mill.traffic.1': 4 },
    refused: 5,
    unlogged: 0,
  };
  let gaps: object[] = [];
  let asked = '';
  let server: Server;
  let url = '';
  let accounts: AuditAccount[] = [account];
  let edges: unknown[] = [];
  beforeAll(async () => {
    server = createServer((request, response) => {
      const { pathname, search } = new URL(request.url!, 'http://x');
      asked = pathname + search;
      if (request.headers.authorization !== 'Bearer good') {
        response.writeHead(401).end(JSON.stringify({ error: { code: 'KEY_MISSING', message: 'expected a key' } }));
      } else if (pathname === '/v1/audit')
        response.end(JSON.stringify({ tenant: null, sinceMs: 1e12, gaps, accounts, edges }));
      else if (pathname === '/v1/query') {
        let body = '';
        request.on('data', (part: Buffer) => (body += part.toString()));
        request.on('end', () => {
          const { sql } = JSON.parse(body) as { sql: string };
          if (sql.includes('bad'))
            response
              .writeHead(400)
              .end(JSON.stringify({ error: { code: 'SQL_SYNTAX', message: 'line 1, column 3\n  bad\n  ^' } }));
          else
            response.end(
              JSON.stringify({
                columns: [
                  { name: 'a', type: 'text' },
                  { name: 'n', type: 'bigint' },
                ],
                rows: [
                  ['x, "y"', 12],
                  [null, 3],
                ],
              }),
            );
        });
      } else if (pathname === '/v1/live') {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write(': hello\n\nevent: rows\ndata: {"rows":[{"a":1,"b":null},{"a":2}]}\n\n');
        response.write('event: rows\nda');
        setTimeout(() => response.write('ta: {"rows":[{"a":3}]}\n\n'), 10);
      } else response.writeHead(404).end('nope');
    });
    await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  const good = () => ({ env: { MILLRACE_URL: url, MILLRACE_KEY: 'good' } });

  test('a missing key is explained', async () => {
    const { code, err } = await millrace(['sql', 'SELECT 1', '--url', url]);
    expect(code).toBe(1);
    expect(err).toContain('error KEY_MISSING: expected a key; give one with --key or MILLRACE_KEY');
  });

  test('sql prints a table, JSON or CSV, from an argument or the input', async () => {
    expect((await millrace(['sql', 'SELECT'], good())).out).toMatch(
      /^a {8}n\nx, "y" {2}12\n {9}3\n2 rows in \d+ ms\n$/,
    );
    expect((await millrace(['sql', '-', '--json'], { ...good(), input: 'SELECT' })).out).toBe(
      '{"a":"x, \\"y\\"","n":12}\n{"a":null,"n":3}\n',
    );
    expect((await millrace(['sql', '--csv'], { ...good(), input: 'SELECT' })).out).toBe('a,n\n"x, ""y""",12\n,3\n');
    const bad = await millrace(['sql', 'bad'], good());
    expect(bad.code).toBe(1);
    expect(bad.err).toContain('error SQL_SYNTAX: line 1, column 3\n  bad\n  ^');
  });

  test('tail follows, across events that arrive in pieces, and stops at its limit', async () => {
    expect((await millrace(['tail', 'events', '--json', '--limit', '3'], good())).out).toBe(
      '{"a":1,"b":null}\n{"a":2}\n{"a":3}\n',
    );
    expect((await millrace(['tail', '--limit', '1'], good())).out).toBe('a=1\n');
    const wrong = await millrace(['tail', '--limit', 'abc'], good());
    expect([wrong.code, wrong.err]).toEqual([2, expect.stringContaining('expected a whole number from 1')]);
  });

  test('audit closes, or exits with 1 and says by how much', async () => {
    accounts = [account];
    const closed = await millrace(['audit', '--json'], good());
    expect(closed.code, closed.err).toBe(0);
    expect(JSON.parse(closed.out)).toMatchObject({ closes: true, accounts: [{ difference: 0 }] });
    accounts = [{ ...account, received: 12 }];
    const open = await millrace(['audit'], good());
    expect(open.code).toBe(1);
    expect(open.out).toContain('off by 2');
    expect(open.err).toContain('events differs by 2');
  });

  test('audit names edge, tenant and minute of a row that is nowhere', async () => {
    const open = [{ tenant: 'bolt', minute: '2026-11-29T12:03:00.000Z', rows: 1 }];
    const counts = { filtered: {}, quarantined: {}, dropped: {}, written: 0, pending: 0 };
    accounts = [account];
    edges = [{ edge: 'deliver.archive', stream: 'events', read: 5, ok: 4, ...counts, difference: 1, open }];
    const { code, out, err } = await millrace(['audit'], good());
    edges = [];
    expect(code).toBe(1);
    expect(out).toContain('deliver.archive: tenant bolt, 2026-11-29T12:03:00.000Z: 1 rows are nowhere');
    expect(err).toContain('deliver.archive differs by 1');
  });

  test('audit says what was cut and refused, asks for a tenant, and tells of spans in doubt', async () => {
    accounts = [account];
    const plain = await millrace(['audit', '--tenant', 'a&b'], good());
    expect(asked).toBe('/v1/audit?tenant=a%26b');
    expect(plain.out).toContain('events: cut from mill.traffic.1 at the disk bound 4');
    expect(plain.out).toContain('events: refused with 429 or 503, to be sent again: 5');
    expect(plain.out).not.toContain('killed');
    gaps = [{ fromMs: 1e12, toMs: 1e12 + 60_000 }];
    const killed = await millrace(['audit'], good());
    expect(killed.out).toContain('2001-09-09T01:46:40Z to 2001-09-09T01:47:40Z');
    expect(killed.code).toBe(0);
  });
});

describe('helpers', () => {
  test('ports', () => {
    expect(portArgument('0')).toBe(0);
    for (const bad of ['-1', '65536', '1.5', 'x', '']) expect(() => portArgument(bad), bad).toThrow('expected a port');
  });

  test('tables put numbers to the right and cut long cells', () => {
    expect(
      table(
        ['name', 'n'],
        [
          ['abc', 1],
          ['d'.repeat(70), 12_345],
        ],
        5,
      ),
    ).toBe(['name       n', 'abc        1', 'dddd…  12345'].join('\n'));
  });

  test('an account that does not close', () => {
    expect(
      difference({
        stream: 'e',
        received: 5,
        delivered: 3,
        quarantined: 0,
        pending: 0,
        duplicates: 1,
        dropped: {},
        cut: {},
        refused: 9,
        unlogged: 9,
      }),
    ).toBe(1);
  });

  test('csv cells and rows of a tail', () => {
    expect([csvCell(''), csvCell(null), csvCell('a'), csvCell('a\nb'), csvCell(['x'])]).toEqual([
      '""',
      '',
      'a',
      '"a\nb"',
      '"[""x""]"',
    ]);
    expect(rowText({ received_at: 0, a: null, b: '', c: ['l'] })).toBe('received_at=1970-01-01T00:00:00.000Z c=["l"]');
  });

  test('server-sent events cut anywhere are the same', async () => {
    const text = Buffer.from('event: a\ndata: é1\ndata: 2\nid: 7\n\n: note\n\ndata: z\r\n\r\n');
    const expected = [
      { event: 'a', data: 'é1\n2', id: '7' },
      { event: 'message', data: 'z', id: undefined },
    ];
    for (let cut = 0; cut <= text.length; cut++) {
      const parts = (async function* () {
        yield text.subarray(0, cut);
        yield text.subarray(cut);
      })();
      expect(await collect(serverSentEvents(parts))).toEqual(expected);
    }
  });
});

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
