/**
 * Roll-ups in the whole machine, over random events around changes of the clock: what the API answers is
 * what SQL over the quarters of an hour says, what a view of hours or days says, and what a recount of the
 * events says.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { parseConfig } from '../../src/config/parse.js';
import { wordOfBytes } from '../../src/sql/aggregates/sketches/hash.js';
import { Sketches } from '../../src/sql/aggregates/sketches/hyperloglog.js';
import { startMillrace, type Millrace } from '../../src/millrace.js';
import { until } from './example.js';
import { rounds } from '../sim/rounds.js';

const OPERATOR = 'operator-key-123456';
const HOUR = 3_600_000;
/** Within twenty hours of these some clock changes: Berlin's, Cairo's at midnight, New York's. */
const SPANS = [
  Date.UTC(2026, 2, 28, 14),
  Date.UTC(2026, 3, 23, 12),
  Date.UTC(2026, 9, 24, 14),
  Date.UTC(2026, 9, 31, 20),
];
const ZONES = ['Europe/Berlin', 'America/New_York', 'Asia/Kathmandu', 'Africa/Cairo'];
const COUNT = rounds(1_000, 2_000);

const folder = mkdtempSync(join(tmpdir(), 'millrace-rollup-'));
const encoder = new TextEncoder();
let running: Millrace;

interface Event {
  readonly event_id: string;
  readonly tenant: string;
  readonly at: number;
  readonly campaign: string | null;
  readonly cost: string | null;
  readonly weight: number | null;
  readonly clicks: number | null;
  readonly user_name: string;
}

const SEED = Number(process.env['MILLRACE_SEED'] ?? 20_260_327);
const events: readonly Event[] = fc
  .sample(
    fc.record({
      event_id: fc.constant(''),
      tenant: fc.constantFrom('acme', 'bolt'),
      at: fc
        .tuple(fc.constantFrom(...SPANS), fc.integer({ min: 0, max: 20 * HOUR - 1 }))
        .map(([start, ms]) => start + ms),
      campaign: fc.constantFrom(null, 'spring', 'ü'),
      cost: fc.option(
        fc.integer({ min: -5_000_000, max: 90_000_000 }).map((units) => (units / 1e6).toFixed(6)),
        { freq: 6 },
      ),
      weight: fc.option(
        fc.integer({ min: -4_000, max: 4_000 }).map((n) => n / 16),
        { freq: 6 },
      ),
      clicks: fc.option(fc.integer({ min: -5, max: 1_000 }), { freq: 6 }),
      user_name: fc.integer({ min: 0, max: 900 }).map((n) => `user ${n}`),
    }),
    { numRuns: COUNT, seed: SEED },
  )
  .map((event, index) => ({ ...event, event_id: `e${index}` }));

const MEASURES = `count(*) AS n, count(clicks) AS with_clicks, sum(clicks) AS clicks, sum(cost) AS cost, sum(weight) AS weight,
  min(cost) AS least, max(weight) AS most, min(user_name) AS first_user, max(at) AS newest,
  approx_count_distinct(user_name) AS users, approx_count_distinct_sketch(user_name) AS users_sketch`;

const view = (name: string, size: string, more = '') => ({
  sql: `CREATE MATERIALIZED VIEW ${name} WITH (allowed_lateness = '9000 days', emit = '1 second') AS
        SELECT tenant, campaign, window_start, window_end, ${MEASURES} ${more}
        FROM TUMBLE(events, at, INTERVAL '${size}') GROUP BY 1, 2, 3, 4`,
});

const config = () => ({
  data: join(folder, 'data'),
  http: { port: 0 },
  streams: {
    events: {
      clock: 'event',
      schema: {
        columns: {
          event_id: 'string',
          tenant: 'dictionary',
          at: 'timestamp',
          campaign: 'dictionary?',
          cost: 'decimal?',
          weight: 'double?',
          clicks: 'int64?',
          user_name: 'string',
        },
        tenant: 'tenant',
        eventId: 'event_id',
        eventTime: 'at',
      },
    },
  },
  views: [
    view(
      'quarters',
      '15 minutes',
      ', avg(cost) AS mean, count(DISTINCT user_name) AS exact, approx_count_distinct(campaign) AS lone, sum(clicks) / count(*) AS rate',
    ),
    view('hours', '1 hour'),
    view('days', '1 day'),
    {
      sql: `CREATE MATERIALIZED VIEW picked AS SELECT tenant, window_start, count(*) AS n FROM TUMBLE(events, at, INTERVAL '1 hour') GROUP BY 1, 2 HAVING count(*) > 2`,
    },
  ],
  tenants: [
    { id: 'acme', timeZone: 'Europe/Berlin', keys: [{ key: 'acme-read-key-12345', role: 'read' }] },
    { id: 'bolt' },
  ],
  operators: [{ key: OPERATOR }],
  messages: { level: 'silent' },
});

interface Answer {
  readonly rows: readonly Record<string, unknown>[];
  readonly truncated: boolean;
  readonly zone: string;
  readonly leftOut: readonly { readonly column: string; readonly instead: string }[];
  readonly error: { readonly code: string; readonly message: string };
}

async function get(path: string, key = OPERATOR): Promise<Answer> {
  const answer = await fetch(`${running.url}/v1/views/${path}`, { headers: { authorization: `Bearer ${key}` } });
  return (await answer.json()) as Answer;
}

async function ask(sql: string, tenant: string): Promise<unknown[][]> {
  const answer = await fetch(`${running.url}/v1/query`, {
    method: 'POST',
    body: JSON.stringify({ sql, tenant }),
    headers: { authorization: `Bearer ${OPERATOR}`, 'content-type': 'application/json' },
  });
  const body = (await answer.json()) as { rows: unknown[][] };
  if (answer.status !== 200) throw new Error(JSON.stringify(body));
  return body.rows;
}

beforeAll(async () => {
  running = await startMillrace(parseConfig(config(), { folder }));
  for (let from = 0; from < COUNT; from += 500) {
    const answer = await fetch(`${running.url}/v1/events`, {
      method: 'POST',
      body: events
        .slice(from, from + 500)
        .map((event) => JSON.stringify(event))
        .join('\n'),
      headers: { authorization: `Bearer ${OPERATOR}`, 'content-type': 'application/x-ndjson' },
    });
    expect(await answer.json()).toMatchObject({ accepted: 500 });
  }
  for (const name of ['quarters', 'hours', 'days'])
    await until(async () => {
      let count = 0;
      for (const tenant of ['acme', 'bolt'])
        count += Number((await ask(`SELECT coalesce(sum(n), 0) FROM ${name}`, tenant))[0]![0]);
      return count === COUNT;
    });
}, 120_000);

afterAll(async () => {
  await running?.close();
  rmSync(folder, { recursive: true, force: true });
});

const FIELDS = ['n', 'with_clicks', 'clicks', 'cost', 'weight', 'least', 'most', 'first_user', 'newest', 'users'];

/** Values as one text whatever digits a number is written with; sums of these weights are exact in any order. */
function shown(row: Record<string, unknown>): string {
  const values = FIELDS.map((name) => {
    const value = row[name];
    return value === null || ['first_user', 'newest'].includes(name) ? value : Number(value);
  });
  return JSON.stringify([row['window_start'], row['campaign'], ...values]);
}

/** An independent recount: the local date or hour by Intl alone. */
function recount(tenant: string, labelOf: (at: number) => string): Map<string, string> {
  const groups = new Map<string, Event[]>();
  for (const event of events.filter((one) => one.tenant === tenant)) {
    const key = JSON.stringify([labelOf(event.at), event.campaign]);
    groups.set(key, [...(groups.get(key) ?? []), event]);
  }
  return new Map([...groups].map(([key, group]) => [key, values(group)]));
}

function values(group: readonly Event[]): string {
  const present = <T>(list: readonly (T | null)[]): T[] => list.filter((one): one is T => one !== null);
  const clicks = present(group.map((one) => one.clicks));
  const costs = present(group.map((one) => one.cost)).map((text) => BigInt(text.replace('.', '')));
  const weights = present(group.map((one) => one.weight));
  const sketches = new Sketches(1);
  for (const { user_name } of group) {
    const bytes = encoder.encode(user_name);
    sketches.add(0, wordOfBytes(bytes, 0, bytes.length));
  }
  const sum = (list: readonly number[]): number | null => (list.length === 0 ? null : list.reduce((a, b) => a + b));
  return JSON.stringify([
    group.length,
    clicks.length,
    sum(clicks),
    costs.length === 0 ? null : Number(costs.reduce((a, b) => a + b)) / 1e6,
    sum(weights),
    costs.length === 0 ? null : Number(costs.reduce((a, b) => (b < a ? b : a))) / 1e6,
    weights.length === 0 ? null : Math.max(...weights),
    group.map((one) => one.user_name).sort()[0],
    new Date(Math.max(...group.map((one) => one.at))).toISOString(),
    sketches.estimate(0),
  ]);
}

const UNITS = { '1h': 'hour', '1d': 'day', '1w': 'week', '1mo': 'month' } as const;

describe.each(ZONES)('in %s', (zone) => {
  it.each(Object.keys(UNITS) as (keyof typeof UNITS)[])(
    '%s is what SQL over the quarters says',
    async (granularity) => {
      for (const tenant of granularity === '1h' ? ['acme', 'bolt'] : ['bolt']) {
        const path = `quarters/rows?tenant=${tenant}&granularity=${granularity}&zone=${zone}&limit=10000&from=${SPANS[0]! - 40 * 24 * HOUR}`;
        const { rows, truncated } = await get(path);
        expect(truncated).toBe(false);
        const period = `date_trunc('${UNITS[granularity]}', window_start, '${zone}')`;
        const sql = await ask(
          `SELECT ${period}, campaign, sum(n), sum(with_clicks), sum(clicks), sum(cost), sum(weight), min(least), max(most), min(first_user), max(newest), sketch_count(sketch_merge(users_sketch)) FROM quarters GROUP BY 1, 2`,
          tenant,
        );
        const byHand = sql.map(([start, campaign, ...rest]) =>
          shown(
            Object.fromEntries([
              ['window_start', start],
              ['campaign', campaign],
              ...FIELDS.map((name, at) => [name, rest[at]]),
            ]),
          ),
        );
        expect(rows.map(shown).sort()).toEqual(byHand.sort());
      }
    },
  );

  it('days are those of the zone, of 23 and 25 hours too', async () => {
    const format = new Intl.DateTimeFormat('en-CA', {
      timeZone: zone,
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
    });
    const expected = recount('acme', (at) => format.format(at));
    const { rows } = await get(
      `quarters/rows?tenant=acme&granularity=1d&zone=${zone}&limit=10000&from=${SPANS[0]! - 40 * 24 * HOUR}`,
    );
    const found = new Map(
      rows.map((row) => [
        JSON.stringify([format.format(Date.parse(row['window_start'] as string)), row['campaign']]),
        JSON.stringify((JSON.parse(shown(row)) as unknown[]).slice(2)),
      ]),
    );
    expect(found.size).toBe(rows.length);
    expect(Object.fromEntries(found)).toEqual(Object.fromEntries(expected));
  });
});

it.each([
  ['1h', 'hours'],
  ['1d', 'days'],
] as const)('%s in UTC is what the view of %s says', async (granularity, direct) => {
  const from = SPANS[0]! - 40 * 24 * HOUR;
  const rolled = await get(`quarters/rows?tenant=bolt&granularity=${granularity}&zone=UTC&limit=10000&from=${from}`);
  const own = await get(`${direct}/rows?tenant=bolt&limit=10000&from=${from}`);
  expect(rolled.rows.map(shown).sort()).toEqual(own.rows.map(shown).sort());
  expect(new Set(rolled.rows.map((row) => row['users_sketch']))).toEqual(
    new Set(own.rows.map((row) => row['users_sketch'])),
  );
});

test('what has no exact value is left out, and named with what to write', async () => {
  const { rows, leftOut, zone } = await get('quarters/rows?tenant=acme&granularity=1d');
  expect(zone).toBe('Europe/Berlin');
  expect(leftOut).toEqual([
    { column: 'mean', instead: 'sum(cost) and count(cost)' },
    { column: 'exact', instead: 'approx_count_distinct_sketch(user_name)' },
    { column: 'lone', instead: 'approx_count_distinct_sketch(campaign) beside it' },
    { column: 'rate', instead: 'its parts as columns of their own' },
  ]);
  for (const { column } of leftOut) expect(rows[0]).not.toHaveProperty(column);
});

test("a tenant's key has its own zone and its own rows", async () => {
  const { rows, zone } = await get('hours/rows?granularity=1w', 'acme-read-key-12345');
  expect(zone).toBe('Europe/Berlin');
  expect(new Set(rows.map((row) => row['tenant']))).toEqual(new Set(['acme']));
  const all = await get('hours/rows?granularity=1w');
  expect(all.zone).toBe('UTC');
  expect(new Set(all.rows.map((row) => row['tenant']))).toEqual(new Set(['acme', 'bolt']));
});

test('periods are whole, whatever part of one is asked for', async () => {
  const noon = SPANS[1]!;
  const whole = await get(`quarters/rows?tenant=acme&granularity=1d&from=${noon}&to=${noon + HOUR}`);
  const wide = await get(`quarters/rows?tenant=acme&granularity=1d&from=${noon - 10 * HOUR}&to=${noon + 2 * HOUR}`);
  expect(whole.rows.length).toBeGreaterThan(0);
  expect(whole.rows).toEqual(wide.rows);
  const few = await get('quarters/rows?tenant=acme&granularity=1d&limit=2');
  expect(few).toMatchObject({ truncated: true });
  expect(few.rows).toHaveLength(2);
});

test.each([
  ['hours', 'granularity=15m', 'finer'],
  ['hours', 'granularity=1d&zone=Asia/Kolkata', 'within a window'],
  ['hours', 'granularity=1h&zone=Asia/Kathmandu', 'within a window'],
  ['picked', 'granularity=1d', 'HAVING'],
  ['hours', 'granularity=1d&zone=Mars/Base', 'zone'],
  ['hours', 'granularity=2d', 'granularity'],
  ['hours', 'zone=UTC', 'granularity'],
])('%s by %s is refused', async (name, query, word) => {
  const { error } = await get(`${name}/rows?tenant=acme&${query}`);
  expect(error.message).toContain(word);
});
