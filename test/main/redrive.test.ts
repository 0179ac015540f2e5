import { readFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startMillrace, type Millrace } from '../../src/millrace.js';
import { parseConfig } from '../../src/config/parse.js';

const OPERATOR = 'operator-key-123456';
const INGEST = 'acme-ingest-key-1234';

let folder: string;
let running: Millrace;

const config = (filter: string) => ({
  data: join(folder, 'data'),
  http: { port: 0 },
  streams: { events: { schema: 'ad-events' } },
  deliveries: {
    archive: {
      from: 'events',
      to: { type: 'file', path: join(folder, 'out.ndjson') },
      filter,
      buffer: { interval: '20 ms' },
    },
  },
  tenants: [
    {
      id: 'acme',
      keys: [
        { key: INGEST, role: 'ingest' },
        { key: 'acme-read-key-12345', role: 'read' },
      ],
    },
  ],
  operators: [{ key: OPERATOR }],
  messages: { level: 'silent' },
});

const start = async (filter: string): Promise<void> => {
  running = await startMillrace(parseConfig(config(filter), { folder }));
};

interface Row {
  readonly offset: number;
  readonly stage: string;
  readonly reader: string | null;
  readonly code: string;
  readonly tenant: string;
  readonly attempts: number;
}

/** What the answers of this test hold, all in one. */
interface Answer {
  readonly accepted: number;
  readonly resolved: number;
  readonly original: string;
  readonly rows: (Row & [string, string])[];
  readonly groups: unknown[];
  readonly deliveries: { readonly paused: boolean; readonly pendingRows: number; readonly oldestMs: number }[];
}

async function call(path: string, body?: unknown, key = OPERATOR): Promise<{ status: number; json: Answer }> {
  const init =
    body === undefined ? {} : { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) };
  const answer = await fetch(`${running.url}${path}`, { ...init, headers: { authorization: `Bearer ${key}` } });
  return { status: answer.status, json: (await answer.json()) as Answer };
}

async function until(what: string, test: () => Promise<boolean> | boolean): Promise<void> {
  for (let tries = 0; !(await test()); tries++) {
    if (tries > 1000) throw new Error(`${what}: still not so`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const delivered = (): string[] => {
  try {
    const lines = readFileSync(join(folder, 'out.ndjson'), 'utf8').split('\n').filter(Boolean);
    return lines.map((line) => (JSON.parse(line) as { event_id: string }).event_id);
  } catch {
    // Not there before the first delivery.
    return [];
  }
};

const uuid = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
const event = (n: number, rest: object = {}) =>
  JSON.stringify({ event_id: uuid(n), event_type: 'click', event_time: Date.now(), cost: `0.${n}`, ...rest });

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-redrive-'));
  // The mistake that is mended later: it fails for each event whose cost is 0.5.
  await start('1 / (cost - 0.5) IS NOT NULL');
});

afterAll(async () => {
  await running.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('quarantine and redrive, from one end to the other', () => {
  test('what failed is there, once, with stage, reason and original', async () => {
    const body = [1, 2, 3, 4, 5, 6].map((n) => event(n)).join('\n');
    expect((await call('/v1/events', `${body}\n${event(7, { cost: 'much' })}`, INGEST)).json.accepted).toBe(6);
    await until('five lines', () => delivered().length === 5);
    await until('two rows', async () => (await call('/v1/quarantine')).json.rows.length === 2);
    const { rows } = (await call('/v1/quarantine')).json;
    expect(rows.map((row) => [row.stage, row.reader, row.code, row.tenant, row.attempts])).toEqual(
      expect.arrayContaining([
        ['collect', null, 'EVENT_TYPE', 'acme', 1],
        ['deliver', 'archive', 'SQL_RUNTIME', 'acme', 1],
      ]),
    );
    const failed = rows.find((row) => row.stage === 'deliver')!;
    const whole = (await call(`/v1/quarantine/${failed.offset}`)).json;
    expect(JSON.parse(Buffer.from(whole.original, 'base64').toString())).toMatchObject({ event_id: uuid(5) });
    expect((await call('/v1/quarantine/stats')).json.groups).toHaveLength(2);
    expect((await call('/v1/quarantine?code=EVENT_TYPE')).json.rows).toHaveLength(1);
  });

  test('the list begins at either end, and goes on behind a row', async () => {
    const offsets = async (query: string) =>
      (await call(`/v1/quarantine?${query}`)).json.rows.map(({ offset }) => offset);
    const [first, second] = await offsets('');
    expect(await offsets('order=newest')).toEqual([second, first]);
    expect(await offsets('order=newest&limit=1')).toEqual([second]);
    expect(await offsets(`order=newest&after=${second}`)).toEqual([first]);
    expect(await offsets(`after=${first}`)).toEqual([second]);
    expect((await call('/v1/quarantine?order=upwards')).status).toBe(400);
  });

  test("a tenant's key sees its own rows and may not redrive", async () => {
    expect((await call('/v1/quarantine', undefined, 'acme-read-key-12345')).json.rows).toHaveLength(2);
    expect((await call('/v1/quarantine?tenant=bolt', undefined, 'acme-read-key-12345')).status).toBe(403);
    expect((await call('/v1/quarantine/redrive', {}, 'acme-read-key-12345')).status).toBe(403);
    expect((await call('/v1/quarantine/redrive', { wrong: 1 })).status).toBe(400);
  });

  test('redriven before the fix it fails again, with one more attempt', async () => {
    expect((await call('/v1/quarantine/redrive', { reader: 'archive' })).json).toMatchObject({
      resolved: 1,
      refused: [],
    });
    await until('a second attempt', async () => {
      const { rows } = (await call('/v1/quarantine?reader=archive')).json;
      return rows.length === 1 && rows[0]!.attempts === 2;
    });
  });

  test('after the fix it is delivered, once, across a restart', async () => {
    await running.close();
    await start("event_type = 'click'");
    expect((await call('/v1/quarantine/redrive', { reader: 'archive' })).json.resolved).toBe(1);
    await until('six lines', () => delivered().length === 6);
    expect(delivered().toSorted()).toEqual([1, 2, 3, 4, 5, 6].map(uuid));
    expect((await call('/v1/quarantine/redrive', { reader: 'archive' })).json.resolved).toBe(0);
    expect((await call('/v1/quarantine?reader=archive')).json.rows).toEqual([]);
  });

  test('a redriven event of the front door is taken as any other, and one that is given up stays out', async () => {
    expect((await call('/v1/quarantine/redrive', { stage: 'collect' })).json).toMatchObject({ resolved: 1 });
    await until('its second row', async () => (await call('/v1/quarantine')).json.rows[0]?.attempts === 2);
    expect((await call('/v1/quarantine/drop', { code: 'EVENT_TYPE' })).json.resolved).toBe(1);
    expect((await call('/v1/quarantine')).json.rows).toEqual([]);
    const sql = 'SELECT outcome, count(*) FROM quarantine_resolved GROUP BY outcome ORDER BY outcome';
    expect((await call('/v1/query', { sql })).json.rows).toEqual([
      ['dropped', 1],
      ['redriven', 3],
    ]);
  });

  test('the delivery says how it is, pauses and goes on', async () => {
    await call('/v1/deliveries/archive/pause', {});
    await call('/v1/events', event(8), INGEST);
    await until('paused', async () => {
      const [archive] = (await call('/v1/deliveries')).json.deliveries;
      // A paused delivery holds no row: how old the oldest is stands in the log.
      return archive!.paused && archive!.pendingRows === 1 && archive!.oldestMs > 0;
    });
    expect((await call('/v1/deliveries/none/pause', {})).status).toBe(404);
    await call('/v1/deliveries/archive/resume', {});
    await until('delivered', () => delivered().length === 7);
    await until('nothing waits', async () => {
      const [archive] = (await call('/v1/deliveries')).json.deliveries;
      return archive!.pendingRows === 0 && archive!.oldestMs === 0;
    });
    const sql =
      "SELECT outcome, sum(events) FROM edges WHERE edge = 'deliver.archive' GROUP BY outcome ORDER BY outcome";
    let sums: unknown;
    await until('the account', async () => {
      const { rows } = (await call('/v1/query', { sql })).json;
      sums = Object.fromEntries(rows.map(([name, sum]: [string, string]) => [name, Number(sum)]));
      return (sums as { ok: number }).ok === 7;
    });
    expect(sums).toEqual({ ok: 7, quarantined: 2, read: 9 });
    const open = `SELECT minute, tenant, stream FROM edges GROUP BY minute, tenant, stream
      HAVING sum(events) FILTER (WHERE outcome = 'read')
        <> sum(events) FILTER (WHERE outcome IN ('ok', 'filtered', 'quarantined', 'dropped'))`;
    expect((await call('/v1/query', { sql: open })).json.rows).toEqual([]);
  });
});

test('a config whose delivery reads a stream that is not there is refused', () => {
  const wrong = { ...config('true'), deliveries: { archive: { from: 'evnts', to: { type: 'stdout' } } } };
  expect(() => parseConfig(wrong, { folder })).toThrow(
    /deliveries.archive.from: expected a stream: events, found 'evnts'/,
  );
});
