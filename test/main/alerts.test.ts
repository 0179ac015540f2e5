/** Alerts of a view, from the built program that is killed again and again: each key and window is told once. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startReceiver, type Received, type Receiver } from '../deliver/http/receiver.js';
import { until } from './example.js';

const OPERATOR = 'operator-key-123456';
const HEADERS = { authorization: `Bearer ${OPERATOR}`, 'content-type': 'application/json' };

let folder: string;
let receiver: Receiver;
let child: ChildProcess | undefined;
let url = '';
/** Requests that were answered with success. */
let told: Received[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-alerts-'));
  receiver = await startReceiver();
  told = [];
  answerAll();
});
afterEach(async () => {
  await kill();
  await receiver.close();
  rmSync(folder, { recursive: true, force: true });
});

function answerAll(): void {
  receiver.answer = (request, response) => {
    told.push(request);
    response.writeHead(204).end();
  };
}

function configure(options: string, select = '', having = 'count(*) >= 3'): void {
  const sql = `CREATE MATERIALIZED VIEW hot WITH (alert = '${receiver.url}/hook?k=1', ${options}) AS
    SELECT tenant_id, ip, window_start, window_end, count(*) AS clicks${select}
    FROM TUMBLE(events, event_time, INTERVAL '1 hour') WHERE ip IS NOT NULL
    GROUP BY tenant_id, ip, window_start, window_end HAVING ${having}`;
  writeFileSync(
    join(folder, 'millrace.config.json'),
    JSON.stringify({
      data: './data',
      http: { port: 0 },
      streams: { events: { schema: 'ad-events' } },
      views: [{ sql }],
      alerts: { allowPrivate: ['127.0.0.1/32'], retry: { first: '20 ms', longest: '100 ms' } },
      tenants: [{ id: 'acme' }, { id: 'bolt' }],
      operators: [{ key: OPERATOR }],
    }),
  );
}

async function start(): Promise<void> {
  let said = '';
  const program = ['dist/cli/main.js', 'start', '--config', join(folder, 'millrace.config.json')];
  const started = spawn(process.execPath, program, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, HOOK_TOKEN: 'Bearer t0ken' },
  });
  child = started;
  for (const stream of [started.stdout, started.stderr])
    stream.on('data', (bytes: Buffer) => (said += bytes.toString()));
  await until(
    async () => {
      if (started.exitCode !== null) throw new Error(said);
      return /Millrace runs at (\S+)/.test(said);
    },
    () => said,
  );
  url = /Millrace runs at (\S+)/.exec(said)![1]!;
}

async function kill(): Promise<void> {
  if (child === undefined) return;
  const ended = new Promise((done) => child!.once('exit', done));
  child.kill('SIGKILL');
  await ended;
  child = undefined;
}

async function send(tenant: string, ips: readonly string[], clicks: number): Promise<void> {
  const events = ips.flatMap((ip) =>
    Array.from({ length: clicks }, () => ({ tenant_id: tenant, event_type: 'click', event_time: Date.now(), ip })),
  );
  const body = events.map((event) => JSON.stringify(event)).join('\n');
  const answer = await fetch(`${url}/v1/events`, { method: 'POST', body, headers: HEADERS });
  expect(await answer.json()).toMatchObject({ accepted: events.length });
}

const bodyOf = ({ body }: Received): Record<string, unknown> => JSON.parse(body.toString());
const nameOf = (request: Received): string => {
  const { tenant, ip, window_start: start } = bodyOf(request);
  return [tenant, ip, start].join(' ');
};
const keyOf = ({ headers }: Received): string => String(headers['idempotency-key']);
const addresses = (count: number): string[] => Array.from({ length: count }, (_, n) => `10.0.0.${n}`);

async function quiet(): Promise<void> {
  for (let before = -1; before !== receiver.seen.length; await sleep(700)) before = receiver.seen.length;
}

test('tells a row once, with the row, the headers and a key', async () => {
  configure(`alert_headers = 'Authorization: env:HOOK_TOKEN; X-Team: fraud'`);
  await start();
  await send('acme', ['10.0.0.1', '10.0.0.2'], 2);
  await send('acme', ['10.0.0.1'], 1);
  await until(async () => told.length > 0);
  await send('acme', ['10.0.0.1'], 5);
  await send('bolt', ['10.0.0.1'], 3);
  await until(async () => told.length > 1);
  await quiet();
  expect(told.map((request) => [bodyOf(request)['tenant'], bodyOf(request)['ip']])).toEqual([
    ['acme', '10.0.0.1'],
    ['bolt', '10.0.0.1'],
  ]);
  expect(bodyOf(told[0]!)).toMatchObject({ clicks: 3, op: 'upsert', state: 'open' });
  expect(told[0]).toMatchObject({
    method: 'POST',
    path: '/hook?k=1',
    headers: { authorization: 'Bearer t0ken', 'x-team': 'fraud', 'millrace-view': 'hot' },
  });
  expect(keyOf(told[0]!)).toMatch(/^[0-9a-f-]{36}$/);
  expect(keyOf(told[1]!)).not.toBe(keyOf(told[0]!));
});

test('tells each key and window once through failures and kill -9', async () => {
  configure(`watermark_lag = '10 seconds'`);
  const ips = addresses(40);
  await start();
  // Every other request fails, and answers come slowly, so that a kill finds some under way.
  let number = 0;
  receiver.answer = (request, response) => {
    if (number++ % 2 === 0) return void response.writeHead(503).end();
    told.push(request);
    setTimeout(() => response.writeHead(204).end(), 30);
  };
  for (let round = 0; round < 3; round++) {
    const before = told.length;
    await send('acme', ips.slice(0, 20 + round * 10), 3);
    await until(async () => told.length > before + 2);
    await kill();
    await start();
  }
  answerAll();
  await send('acme', ips, 3);
  await until(async () => new Set(told.map(nameOf)).size >= ips.length);
  await quiet();
  const keys = new Map<string, Set<string>>();
  for (const request of receiver.seen) {
    const name = nameOf(request);
    keys.set(name, (keys.get(name) ?? new Set()).add(keyOf(request)));
  }
  // The same key every time that a row is told, and another for each row.
  expect([...keys.values()].map(({ size }) => size)).toEqual([...keys.keys()].map(() => 1));
  expect(new Set([...keys.values()].flatMap((of) => [...of])).size).toBe(keys.size);
  // What is told again, of the cut that was under way when it was killed, is the very same request.
  const bodies = new Map(receiver.seen.map((request) => [keyOf(request), request.body.toString()]));
  for (const request of receiver.seen) expect(request.body.toString()).toBe(bodies.get(keyOf(request)));
  await kill();
  await start();
  const before = receiver.seen.length;
  await send('acme', ips, 1);
  await sleep(1_500);
  expect(receiver.seen.slice(before)).toEqual([]);
}, 120_000);
