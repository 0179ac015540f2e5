import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/config/parse.js';
import { startMillrace, type Millrace } from '../../src/millrace.js';

const OPERATOR = 'operator-key-123456';

let folder: string;
let running: Millrace;

const config = (retention: string) => ({
  data: join(folder, 'data'),
  http: { port: 0 },
  log: { segmentSize: '64 KiB' },
  lake: { run: '100 ms' },
  // The ledger holds old segments until a quarter of the smallest bound is written.
  streams: { events: { schema: 'ad-events', partitions: 2, retention, sizeMax: '2 MiB' } },
  deliveries: {
    archive: {
      from: 'events',
      to: { type: 'file', path: join(folder, 'out.ndjson') },
      buffer: { interval: '20 ms' },
    },
  },
  tenants: ['acme', 'bolt'].map((id) => ({ id, keys: [{ key: `${id}-ingest-key-1234`, role: 'ingest' }] })),
  operators: [{ key: OPERATOR }],
  messages: { level: 'silent' },
});

const start = async (retention = '7 d'): Promise<void> => {
  running = await startMillrace(parseConfig(config(retention), { folder }));
};

async function call<T>(path: string, body?: unknown, key = OPERATOR): Promise<T> {
  const init =
    body === undefined ? {} : { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) };
  const answer = await fetch(`${running.url}${path}`, { ...init, headers: { authorization: `Bearer ${key}` } });
  return (await answer.json()) as T;
}

interface Replay {
  readonly id: string;
  readonly state: string;
  readonly rowsDone: number;
  readonly rowsTotal: number;
  readonly delivered: number;
}

async function until(what: string, test: () => Promise<boolean> | boolean): Promise<void> {
  for (let tries = 0; !(await test()); tries++) {
    if (tries > 1000) throw new Error(`${what}: still not so`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** Ids and stamps of what is in the file of the delivery, or of a replay. */
function lines(replay?: string): { id: string; receivedAt: number }[] {
  const path = join(folder, replay === undefined ? 'out.ndjson' : `out.ndjson.replay-${replay}`);
  if (!existsSync(path)) return [];
  const texts = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  return texts
    .map((line) => JSON.parse(line) as { event_id: string; received_at: number })
    .map(({ event_id: id, received_at: receivedAt }) => ({ id, receivedAt }))
    .toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

let sent = 0;
async function send(tenant: string, count: number): Promise<void> {
  const events = Array.from({ length: count }, () =>
    JSON.stringify({
      event_id: `00000000-0000-4000-8000-${String(++sent).padStart(12, '0')}`,
      event_type: 'click',
      event_time: Date.now(),
      cost: '0.25',
      url: `https://example.com/${'x'.repeat(400)}/${sent}`,
      labels: ['a', 'b'],
      props: { n: sent },
    }),
  );
  await call('/v1/events', events.join('\n'), `${tenant}-ingest-key-1234`);
}

const stateOf = async (id: string): Promise<Replay> =>
  (await call<{ replays: Replay[] }>('/v1/replays')).replays.find((one) => one.id === id)!;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-replay-'));
  sent = 0;
});
afterEach(async () => {
  await running.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('a replay', () => {
  test('brings the part that is asked for, of one tenant, with the stamps it had, and nothing twice into views', async () => {
    await start();
    await send('acme', 10);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const from = Date.now();
    await send('acme', 20);
    await send('bolt', 30);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const to = Date.now();
    await new Promise((resolve) => setTimeout(resolve, 20));
    await send('acme', 5);
    await until('65 lines', () => lines().length === 65);
    const { id } = await call<Replay>('/v1/replays', { delivery: 'archive', tenant: 'acme', from, to });
    await until('the end', async () => (await stateOf(id)).state === 'done');
    expect(lines(id)).toEqual(lines().slice(10, 30));
    expect(await stateOf(id)).toMatchObject({ delivered: 20, rowsDone: 50, rowsTotal: 50 });
    const { rows } = await call<{ rows: unknown[][] }>('/v1/query', {
      sql: 'SELECT edge, outcome, sum(events) FROM edges GROUP BY edge, outcome ORDER BY edge, outcome',
    });
    expect(rows.map(([edge, outcome, sum]) => `${edge} ${outcome} ${sum}`)).toEqual([
      'deliver.archive ok 65',
      'deliver.archive read 65',
      `replay.${id} ok 20`,
      `replay.${id} read 20`,
    ]);
    expect((await call<{ rows: unknown[][] }>('/v1/query', { sql: 'SELECT count(*) FROM events' })).rows).toEqual([
      [65],
    ]);
  });

  test('is made from the lake where the log has nothing any more, and goes on after a restart', async () => {
    await start('1 s');
    const from = Date.now();
    for (let n = 0; n < 6; n++) {
      await send('acme', 150);
      await send('bolt', 150);
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    await until('1800 lines', () => lines().length === 1800);
    // The memory of event ids lets go of what it has written when the process ends; then the log
    // deletes what nobody needs.
    await running.close();
    await start('1 s');
    await until('the log to forget', async () => {
      const { rows } = await call<{ rows: unknown[][] }>('/v1/query', { sql: 'SELECT count(*) FROM events' });
      expect(rows).toEqual([[1800]]);
      const headers = { authorization: `Bearer ${OPERATOR}` };
      const metrics = await (await fetch(`${running.url}/metrics`, { headers })).text();
      await new Promise((resolve) => setTimeout(resolve, 200));
      return Number(/^millrace_log_segments (\d+)/m.exec(metrics)?.[1]) < 6;
    });
    await send('bolt', 50);
    const to = Date.now();
    const total = sent;
    await until('all lines', () => lines().length === total);
    const made = await call<Replay>('/v1/replays', { delivery: 'archive', from, to, rowsPerSecond: 1500 });
    await until('some rows', async () => (await stateOf(made.id)).rowsDone > 100);
    await running.close();
    await start('1 s');
    await until('the end', async () => (await stateOf(made.id)).state === 'done');
    expect(lines(made.id)).toEqual(lines());
    expect(await stateOf(made.id)).toMatchObject({ delivered: total, state: 'done' });
  }, 120_000);

  test('can be ended, and says what is wrong with a request', async () => {
    await start();
    await send('acme', 100);
    await until('100 lines', () => lines().length === 100);
    const body = { delivery: 'archive', from: 0, to: Date.now() + 1000, rowsPerSecond: 1 };
    const { id } = await call<Replay>('/v1/replays', body);
    expect(await call('/v1/replays/none/cancel', {})).toMatchObject({ error: { code: 'NOT_FOUND' } });
    expect(await call(`/v1/replays/${id}/cancel`, {})).toMatchObject({ state: 'cancelled' });
    expect((await stateOf(id)).state).toBe('cancelled');
    expect(await call('/v1/replays', { ...body, delivery: 'x' })).toMatchObject({
      error: { code: 'DELIVERY_UNKNOWN' },
    });
    expect(await call('/v1/replays', { ...body, to: 0 })).toMatchObject({ error: { code: 'BODY_MALFORMED' } });
    expect(await call('/v1/replays', { ...body, rate: 1 })).toMatchObject({ error: { code: 'BODY_MALFORMED' } });
  });
});
