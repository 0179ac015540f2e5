/** `millrace dev`, as a user runs it: edits, mistakes, and what runs meanwhile. */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

const MAIN = resolve('dist/cli/main.js');
const KEY = 'acme-ingest-key-1234';
const WAIT = { timeout: 100_000, interval: 50 };

let folder = '';
let child: ChildProcess | undefined;
let out = '';
let err = '';
let url = '';

const label = (text: string): string =>
  `import { name } from './name.js';\nexport default (event) => ({ ...event, campaign_id: ${text} + name });\n`;

function write(name: string, text: string): void {
  writeFileSync(join(folder, name), text);
}

function config(more = ''): string {
  return `export default {
  data: './data',
  http: { port: 0 },
  streams: { events: { schema: 'ad-events' } },
  transforms: { labelled: { from: 'events', steps: [{ function: './label.js' }] } },
  deliveries: { out: { from: 'labelled', to: { type: 'file', path: './out.ndjson' }, buffer: { interval: '1 s' } } },
  tenants: [{ id: 'acme', keys: [{ key: '${KEY}' }] }],
  lake: { run: '100 ms' },
  messages: { level: 'silent' },
  ${more}
};
`;
}

function lines(event: string): Record<string, unknown>[] {
  return out
    .split('\n')
    .flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Record<string, unknown>]))
    .filter((line) => line['event'] === event);
}

async function line(event: string, number = 1): Promise<Record<string, unknown>> {
  await vi.waitFor(() => expect(lines(event).length, out + err).toBeGreaterThanOrEqual(number), WAIT);
  return lines(event)[number - 1]!;
}

/** Sends one event and answers what the transform has made of it. */
async function labelOf(): Promise<unknown> {
  const id = randomUUID();
  const response = await fetch(`${url}/v1/events`, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ event_id: id, event_type: 'click', event_time: Date.now() }),
  });
  expect(response.status, await response.text()).toBe(200);
  const file = join(folder, 'out.ndjson');
  return vi.waitFor(() => {
    const rows = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
    const row = rows.find((text) => text.includes(id));
    expect(row, out + err).toBeDefined();
    return (JSON.parse(row!) as { campaign_id: unknown }).campaign_id;
  }, WAIT);
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-dev-'));
  [out, err] = ['', ''];
  write('name.js', `export const name = ' of a';\n`);
  write('label.js', label(`'first'`));
  write('millrace.config.js', config());
  child = spawn(process.execPath, [MAIN, 'dev', '--json'], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout!.on('data', (part: Buffer) => (out += part.toString()));
  child.stderr!.on('data', (part: Buffer) => (err += part.toString()));
  url = String((await line('started'))['url']);
});

afterEach(async () => {
  const ended = child!.exitCode === null ? new Promise((done) => child!.once('close', done)) : undefined;
  child!.kill('SIGKILL');
  await ended;
  rmSync(folder, { recursive: true });
});

describe('millrace dev', () => {
  test('new events go through the new function, and through what it imports', async () => {
    expect(await labelOf()).toBe('first of a');
    write('label.js', label(`'second'`));
    expect((await line('restarted'))['changed']).toEqual(['label.js']);
    expect(await labelOf()).toBe('second of a');
    write('name.js', `export const name = ' of b';\n`);
    expect((await line('restarted', 2))['changed']).toEqual(['name.js']);
    expect(await labelOf()).toBe('second of b');
    expect(lines('moved')).toEqual([]);
  }, 120_000);

  test('a mistake is printed and what runs goes on; a file that was missing is seen when it comes', async () => {
    write('label.js', 'export default (event) => {\n');
    expect(await line('kept')).toMatchObject({ changed: ['label.js'], mistakes: 1 });
    expect(JSON.parse(err)).toMatchObject({ error: { code: 'CONFIG_INVALID' } });
    expect(err).toContain('label.js:2:1: Unexpected end of file');
    expect(await labelOf()).toBe('first of a');
    write('millrace.config.js', config('views: "./views/*.sql",'));
    await line('kept', 2);
    expect(await labelOf()).toBe('first of a');
    expect(lines('restarted')).toEqual([]);
    write('label.js', label(`'mended'`));
    expect(await line('kept', 3)).toMatchObject({ changed: ['label.js'] });
    mkdirSync(join(folder, 'views'));
    write(
      'views/clicks.sql',
      `CREATE MATERIALIZED VIEW clicks AS SELECT tenant_id, window_start, window_end, count(*) AS n
       FROM TUMBLE(events, event_time, INTERVAL '1 minute') GROUP BY tenant_id, window_start, window_end;`,
    );
    expect(await line('restarted')).toMatchObject({ changed: [join('views', 'clicks.sql')] });
    expect(await labelOf()).toBe('mended of a');
  }, 120_000);

  test('what passes the check and can not start is said, and the configuration before runs again', async () => {
    write('millrace.config.js', config().replace("schema: 'ad-events'", "schema: 'ad-events', partitions: 3"));
    await vi.waitFor(() => expect(err + out).toMatch(/error|restarted/), WAIT);
    expect(lines('restarted')).toEqual([]);
    await line('kept');
    expect(await labelOf()).toBe('first of a');
  }, 120_000);

  test('a signal ends it in order', async () => {
    const code = new Promise((done) => child!.once('close', done));
    child!.kill('SIGINT');
    expect(await code).toBe(0);
    expect(lines('stopped')).toEqual([{ event: 'stopped', signal: 'SIGINT' }]);
  });
});
