/** Views with every aggregate, run by the mill, against the same SELECT in a real PostgreSQL. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import {
  batchOfEvents,
  EVENTS,
  freshFolder,
  HandClock,
  newest,
  openTestLog,
  planOf,
  readAll,
  removeFolders,
  startView,
} from '../mill/support.js';
import type { Event } from '../mill/support.js';
import { randomOf } from './oracle-rows.js';
import { startPostgres } from './postgres.js';
import type { TestPostgres } from './postgres.js';

const SEED = Number(process.env['MILLRACE_SEED'] ?? 5);
const T0 = 1_760_000_000_000 - (1_760_000_000_000 % 60_000);
const ROWS = 600;
const DOUBLE_TOLERANCE = 1e-9;

let postgres: TestPostgres | undefined;
try {
  postgres = await startPostgres();
} catch (error) {
  console.warn(`oracle tests are skipped: ${String(error)}`);
}

afterAll(() => postgres?.stop());
afterEach(removeFolders);

const WINDOW = "TUMBLE(events, at, INTERVAL '1 minute')";
const BATCH =
  "(SELECT *, date_bin('1 minute', at, 'epoch') AS window_start, date_bin('1 minute', at, 'epoch') + INTERVAL '1 minute' AS window_end FROM events) AS tumble";

/** SELECT lists over the events of a group, by what they try. */
const SELECTS: Readonly<Record<string, readonly string[]>> = {
  counts: [
    'count(*) AS a',
    'count(number) AS b',
    'count(kind) AS c',
    'count(DISTINCT kind) AS d',
    'count(DISTINCT "user") AS e',
    'count(DISTINCT number) AS f',
    'count(DISTINCT device) AS g',
    'count(DISTINCT cost) AS h',
    'count(DISTINCT ratio) AS i',
    'count(DISTINCT seen) AS j',
    'count(DISTINCT flag) AS k',
    'count(DISTINCT lower(kind)) AS l',
    "count(*) FILTER (WHERE kind = 'click') AS m",
    "count(DISTINCT kind) FILTER (WHERE cost > 1 OR kind LIKE 'c%') AS n",
    'count(*) FILTER (WHERE flag) AS o',
    'count(*) FILTER (WHERE number / nullif(number, 0) = 1) AS p',
    'count(DISTINCT cost / 3) AS q',
    'count(NULL) AS r',
  ],
  sums: [
    'sum(number) AS a',
    'sum(cost) AS b',
    'sum(ratio) AS c',
    'sum(number % 100) AS d',
    'sum(cost * 2) AS e',
    'sum(cost * number) AS f',
    'sum(cost / 7) AS g',
    "sum(cost) FILTER (WHERE kind = 'click') AS h",
    "sum(CASE WHEN kind = 'click' THEN cost ELSE 0 END) AS i",
    "sum(CASE WHEN kind = 'click' THEN 1 ELSE 0 END) AS j",
    'sum((number % 1000)::integer) AS k',
    'sum(cost + 0.5) AS l',
    'sum(coalesce(cost, 0.000000)) AS m',
    'sum(round(cost, 2)) AS n',
    'sum(length(kind)) AS o',
    'sum(number::numeric / 3) AS p',
  ],
  averages: [
    'avg(number) AS a',
    'avg(cost) AS b',
    'avg(ratio) AS c',
    'avg(length(kind)) AS d',
    'avg(cost * number) AS e',
    'avg(cost / 7) AS f',
    "avg(cost) FILTER (WHERE kind = 'click') AS g",
    'sum(cost) / nullif(count(*), 0) AS h',
    'round(avg(cost), 2) AS i',
    'round(100.0 * count(cost) / count(*), 1) AS j',
    'count(cost)::double precision / count(*) AS k',
  ],
  extremes: [
    'min(number) AS a',
    'max(number) AS b',
    'min(cost) AS c',
    'max(cost) AS d',
    'min(ratio) AS e',
    'max(ratio) AS f',
    'min(kind) AS g',
    'max(kind) AS h',
    'min("user") AS i',
    'max("user") AS j',
    'min(seen) AS k',
    'max(seen) AS l',
    'min(cost / 7) AS m',
    'max(cost * number) AS n',
    'max(upper(kind)) AS o',
    'min(number) FILTER (WHERE number > 0) AS p',
    'min(seen::date) AS q',
    'max(length(kind)) AS r',
    'greatest(max(number), count(*)) AS s',
    "coalesce(max(kind), 'none') AS t",
    "max(seen)::text || ' ' || count(*) AS u",
    "CASE WHEN count(*) > 9 THEN 'many' ELSE min(kind) END AS v",
  ],
};

function randomEvents(): Event[] {
  const random = randomOf(SEED);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const orNull = <T>(value: T): T | null => (random() < 0.15 ? null : value);
  return Array.from({ length: ROWS }, (_, i) => ({
    id: `e${i}`,
    tenant: pick(['acme', 'bolt']),
    at: T0 + Math.floor(random() * 180_000),
    seen: orNull(T0 - Math.floor(random() * 1e12)),
    kind: orNull(pick(['click', 'view', 'Click', 'convert', 'é', ''])),
    campaign: orNull(pick(['x', 'y', 'z'])),
    user: orNull(`u${Math.floor(random() * 40)}`),
    number: orNull(
      random() < 0.1
        ? pick(['9223372036854775807', '-9223372036854775808', '9007199254740993'])
        : String(Math.floor((random() - 0.5) * 1e6)),
    ),
    cost: orNull(
      random() < 0.1
        ? pick(['999999999999.999999', '0.000001', '-5.000000'])
        : `${Math.floor(random() * 100)}.${String(Math.floor(random() * 1e6)).padStart(6, '0')}`,
    ),
    ratio: orNull(random() < 0.1 ? pick([0, -1.5, 1e10]) : random()),
    flag: orNull(random() < 0.5),
    device: orNull(`00000000-0000-4000-8000-00000000000${Math.floor(random() * 10)}`),
  }));
}

const events = randomEvents();
async function load(): Promise<void> {
  const types: Readonly<Record<string, string>> = {
    string: 'text',
    dictionary: 'text',
    timestamp: 'timestamptz',
    int64: 'bigint',
    decimal: 'numeric(18,6)',
    double: 'float8',
    boolean: 'boolean',
    uuid: 'uuid',
  };
  const columns = EVENTS.columns.filter((column) => column.name !== 'received_at');
  await postgres!.client.query(
    `CREATE TABLE events (${columns.map((column) => `"${column.name}" ${types[column.type]}`).join(', ')})`,
  );
  for (const event of events) {
    const values = columns.map(({ name, type }) => {
      const value = event[name] ?? null;
      return type === 'timestamp' && value !== null ? new Date(value as number).toISOString() : value;
    });
    await postgres!.client.query(
      `INSERT INTO events VALUES (${columns.map((_, i) => `$${i + 1}`).join(', ')})`,
      values,
    );
  }
}

function same(ours: unknown, theirs: string | null, type: string): boolean {
  if (ours === null || theirs === null) return ours === theirs;
  if (type === 'double precision')
    return Math.abs(Number(ours) - Number(theirs)) <= DOUBLE_TOLERANCE * Math.abs(Number(theirs));
  if (type === 'timestamptz') return ours === Date.parse(`${theirs.replace(' ', 'T').replace('+00', '')}Z`);
  if (type === 'date') return ours === Date.parse(`${theirs}T00:00:00Z`);
  return String(ours) === theirs;
}

/** A PostgreSQL text as our row has it, for telling rows apart. */
function keyText(text: string | null, type: string): unknown {
  if (text === null) return null;
  if (type === 'timestamptz') return Date.parse(`${text.replace(' ', 'T').replace('+00', '')}Z`);
  if (type === 'date') return Date.parse(`${text}T00:00:00Z`);
  if (type === 'double precision' || type === 'integer' || (type === 'bigint' && Number.isSafeInteger(Number(text))))
    return Number(text);
  return type === 'boolean' ? text === 'true' : text;
}

/** Runs a SELECT as a view and in PostgreSQL; answers what differs. */
async function compare(
  list: string,
  groupBy: string,
  keys: readonly string[],
): Promise<{ wrong: string[]; rows: number }> {
  const select = (from: string): string =>
    `SELECT ${list} FROM ${from} WHERE kind IS DISTINCT FROM 'convert' GROUP BY ${groupBy}`;
  const plan = await planOf(`CREATE MATERIALIZED VIEW v AS ${select(WINDOW)}`);
  const folder = freshFolder();
  const clock = new HandClock(T0 + 1_000);
  const log = await openTestLog(folder, clock, [plan]);
  const { loop } = startView(log, folder, plan, clock);
  for (let at = 0; at < events.length; at += 100) {
    await log.append({ batches: [{ stream: 'events', rows: batchOfEvents(events.slice(at, at + 100)) }] });
  }
  await loop.drained();
  const rows = newest(readAll(log, 'view.v'), keys);
  const wrong = readAll(log, 'late').map((row) => `late: ${String(row['reason'])}`);
  await loop.stop();
  await log.close();
  const texts = plan.outputs.map((output) => `("${output.name}")::text`).join(', ');
  const theirs = await postgres!.client.query({
    text: `SELECT ${texts} FROM (${select(BATCH)}) AS r`,
    rowMode: 'array',
  });
  const places = keys.map((name) => plan.outputs.findIndex((output) => output.name === name));
  for (const row of theirs.rows as (string | null)[][]) {
    const key = JSON.stringify(places.map((place) => keyText(row[place]!, plan.outputs[place]!.type)));
    const ours = rows.get(key);
    if (ours === undefined) wrong.push(`${key}: not there; there is ${[...rows.keys()].slice(0, 3).join(' ')}`);
    plan.outputs.forEach((output, i) => {
      if (ours !== undefined && !same(ours[output.name], row[i]!, output.type))
        wrong.push(`${key} ${output.name}: ours ${String(ours[output.name])}, PostgreSQL ${row[i]}`);
    });
  }
  if (rows.size !== theirs.rows.length) wrong.push(`${rows.size} rows, PostgreSQL has ${theirs.rows.length}`);
  return { wrong, rows: rows.size };
}

/** GROUP BY expressions. */
const KEYS: readonly string[] = [
  'campaign',
  '"user"',
  'number',
  'cost',
  'ratio',
  'flag',
  'device',
  'seen',
  'lower(kind)',
  'number % 7',
  'round(cost, 1)',
  'cost > 50',
  'seen::date',
  "date_trunc('year', seen)",
  "coalesce(kind, 'none')",
  "CASE WHEN cost > 50 THEN 'dear' WHEN cost IS NULL THEN NULL ELSE 'cheap' END",
  'length(kind)',
  "to_char(seen, 'YYYY-MM')",
  'number::double precision',
  "device::text || '!'",
];

// Skipped where PostgreSQL's binaries do not run; the reason is printed above.
describe.skipIf(postgres === undefined)(`aggregates, seed ${SEED}`, () => {
  beforeAll(load);

  test.each(Object.entries(SELECTS))(
    '%s',
    async (_, items) => {
      const { wrong, rows } = await compare(
        `tenant, campaign, window_start, ${items.join(', ')}`,
        'tenant, campaign, window_start',
        ['tenant', 'campaign', 'window_start'],
      );
      expect(wrong).toEqual([]);
      expect(rows).toBeGreaterThan(20);
    },
    60_000,
  );

  test.each(KEYS)(
    'GROUP BY %s',
    async (key) => {
      const { wrong, rows } = await compare(
        `window_start, ${key} AS k, count(*) AS a, sum(cost) AS b`,
        `window_start, ${key}`,
        ['window_start', 'k'],
      );
      expect(wrong).toEqual([]);
      expect(rows).toBeGreaterThan(5);
    },
    60_000,
  );

  test('HAVING', async () => {
    const { wrong, rows } = await compare(
      'tenant, window_start, kind, count(*) AS a',
      'tenant, window_start, kind HAVING count(*) > 15 AND max(cost) > 10',
      ['tenant', 'window_start', 'kind'],
    );
    expect(wrong).toEqual([]);
    expect(rows).toBeGreaterThan(2);
  });
});
