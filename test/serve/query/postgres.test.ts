/**
 * Meaning: what a query answers here is what PostgreSQL answers. Each statement runs on both, over
 * the same rows, and the answers must be equal: integers, texts and times exactly, numeric to the
 * digits that this engine keeps, double within 1e-9.
 *
 * Known differences, on purpose: a quotient and an average of numerics keep 16 digits behind the
 * point (PostgreSQL: 16 or more significant ones); numeric holds 38 digits and refuses more;
 * sqrt, ln, exp, power, log and the deviations answer double precision for numerics too; regular
 * expressions are RE2's; to_char knows the common patterns only.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MillraceError } from '../../../src/util/errors.js';
import { startPostgres, type TestPostgres } from '../../sql/postgres.js';
import { change, MINUTE, openFixture, START, type Fixture } from './fixture.js';

let fixture: Fixture;
let postgres: TestPostgres;

const EVENTS = [
  {
    tenant_id: 'acme',
    event_id: 'e1',
    event_time: START + 1_500,
    kind: 'click',
    campaign: 'spring',
    cost: '1.25',
    score: 0.5,
    clicks: 3,
    labels: ['a', 'b'],
    props: { x: { y: 'z' }, n: 5 },
    note: 'Hello World',
  },
  {
    tenant_id: 'acme',
    event_id: 'e2',
    event_time: START + 61_000,
    kind: 'view',
    campaign: null,
    cost: '-7.000001',
    score: -2.5,
    clicks: -7,
    labels: [],
    props: { x: null },
    note: '',
  },
  {
    tenant_id: 'bolt',
    event_id: 'e3',
    event_time: START + 3_600_000,
    kind: 'click',
    campaign: 'Zürich',
    cost: null,
    score: null,
    clicks: null,
    labels: ['b'],
    props: null,
    note: null,
  },
  {
    tenant_id: 'bolt',
    event_id: 'e4',
    event_time: START + 86_400_000,
    kind: 'view',
    campaign: '10% _off\\',
    cost: '0.1',
    score: 1e20,
    clicks: 0,
    labels: null,
    props: { x: { y: '' } },
    note: '  pad  ',
  },
  {
    tenant_id: 'zinc',
    event_id: 'e5',
    event_time: START - 1,
    kind: 'click',
    campaign: 'spring',
    cost: '1000000.5',
    score: 3.5,
    clicks: 12,
    labels: ['c', 'a'],
    props: { list: [1, 2] },
    note: 'x,y,z',
  },
] as const;

beforeAll(async () => {
  fixture = await openFixture();
  postgres = await startPostgres();
  await fixture.append('events', EVENTS);
  const rows = [
    change('acme', 0, 'spring', 5),
    change('acme', 1, null, 0),
    change('bolt', 0, 'spring', 7),
    change('bolt', 2, 'winter', 2 ** 40),
  ];
  await fixture.change(rows.slice(0, 2));
  await fixture.views.get('traffic')!.settle();
  await fixture.change(rows.slice(2));
  await postgres.client
    .query(`CREATE TABLE events (tenant_id text, event_id text, event_time timestamptz, kind text, campaign text, cost numeric(18,6), score double precision, clicks bigint, labels text[], props json, note text, received_at timestamptz);
    CREATE TABLE traffic (tenant_id text, campaign text, window_start timestamptz, window_end timestamptz, impressions bigint, cost numeric(18,6), rate double precision)`);
  for (const event of EVENTS)
    await postgres.client.query('INSERT INTO events VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11)', [
      event.tenant_id,
      event.event_id,
      new Date(event.event_time),
      event.kind,
      event.campaign,
      event.cost,
      event.score,
      event.clicks,
      event.labels,
      event.props === null ? null : JSON.stringify(event.props),
      event.note,
    ]);
  for (const row of rows)
    await postgres.client.query('INSERT INTO traffic VALUES ($1,$2,$3,$4,$5,$6,$7)', [
      row.tenant,
      row.campaign,
      new Date(row.window_start),
      new Date(row.window_start + MINUTE),
      row.impressions,
      row.cost,
      row.rate,
    ]);
}, 120_000);
afterAll(async () => {
  await postgres.stop();
  await fixture.close();
});

/** Rows with every value as PostgreSQL's text, and our types beside. */
async function both(sql: string): Promise<{ ours: string[][]; theirs: string[][] }> {
  const { body } = await fixture.engine.run({ sql, tenant: null, format: 'json' });
  const { columns, rows } = JSON.parse(new TextDecoder().decode(body)) as {
    columns: { name: string; type: string }[];
    rows: unknown[][];
  };
  const raw = { getTypeParser: () => (text: string) => text };
  const answer = await postgres.client.query({ text: sql, rowMode: 'array', types: raw as never });
  expect(columns.map((column) => column.name)).toEqual(answer.fields.map((field) => field.name));
  const types = columns.map((column) => column.type);
  return {
    ours: rows.map((row) => row.map((value, index) => ourText(value, types[index]!))),
    theirs: (answer.rows as (string | null)[][]).map((row) => row.map((text, index) => theirText(text, types[index]!))),
  };
}

function ourText(value: unknown, type: string): string {
  if (value === null) return 'null';
  if (type === 'boolean') return value === true ? 't' : 'f';
  if (type === 'numeric') return numeric(String(value));
  if (type === 'double precision') return double(String(value));
  if (type === 'timestamptz' || type === 'timestamp')
    return String(Date.parse(type === 'timestamp' ? `${String(value)}Z` : String(value)));
  if (type === 'text[]') return JSON.stringify(value);
  if (type === 'json') return JSON.stringify(value);
  return String(value);
}

function theirText(text: string | null, type: string): string {
  if (text === null) return 'null';
  if (type === 'numeric') return numeric(text);
  if (type === 'double precision') return double(text);
  if (type === 'timestamptz') return String(Date.parse(text.replace(' ', 'T').replace(/([+-]\d\d)$/, '$1:00')));
  if (type === 'timestamp') return String(Date.parse(`${text.replace(' ', 'T')}Z`));
  if (type === 'text[]') return JSON.stringify(listItems(text.slice(1, -1)));
  if (type === 'json') return JSON.stringify(JSON.parse(text));
  return text;
}

/** The items of PostgreSQL's `{a,"b,c",NULL}`, braces off. */
function listItems(text: string): (string | null)[] {
  const items = text.matchAll(/"((?:[^"\\]|\\.)*)"|([^,]+)/g);
  return [...items].map(([, quoted, plain]) =>
    quoted === undefined ? (plain === 'NULL' ? null : plain!) : quoted.replaceAll(/\\(.)/g, '$1'),
  );
}

/** At most 15 digits behind the point: one fewer than are kept, because the last is rounded. */
function numeric(text: string): string {
  const [whole, fraction = ''] = text.split('.');
  return `${whole}.${fraction.slice(0, 15)}`.replace(/\.?0*$/, '').replace(/^-0$/, '0');
}

function double(text: string): string {
  return Number.isFinite(Number(text)) ? Number(text).toPrecision(9) : text.toLowerCase();
}

const EXPRESSIONS = [
  // integers and division
  '7 / 2, -7 / 2, 7 % 3, -7 % 3, 7 % -3, 2 + 3 * 4, - clicks, clicks / 2, clicks % 4',
  'mod(7, 3), mod(-7, 3), abs(-7), abs(clicks), sign(cost), 5 / 2.0, 5.0 / 2, 1.0 / 3',
  'cost * 2, cost + clicks, cost - 1, cost / 3, cost * cost, clicks * 1.5, score * 2, score + cost, clicks + score',
  'round(2.5), round(-2.5), round(1.2345, 2), round(cost, 3), round(score), trunc(1.999, 1), trunc(cost), ceil(1.1), floor(-1.1), ceil(score), floor(cost)',
  '2 ^ 10, sqrt(16.0::float8), power(2::float8, 3), exp(0::float8), ln(1::float8), log(100::float8)',
  'CAST(2.5 AS integer), CAST(3.5::float8 AS integer), CAST(-2.5 AS bigint), 1.5::numeric(10,3), 7::numeric, 7::float8, true::integer, cost::double precision, cost::numeric(10,2)',
  "'12'::integer, ' 7 '::bigint, '1.5'::numeric, '2.5e3'::float8, 't'::boolean, 'no'::boolean, 12::text, 1.50::text, true::text, 2.5::float8::text, 1::float8::text, clicks::text, cost::text",
  // texts
  "lower(note), upper(campaign), length(note), char_length('é'), octet_length('é'), 'a' || 'b', note || campaign, note || clicks",
  "substr('hello', 2), substr('hello', 2, 3), substr('hello', -1, 4), substr('hello', 0, 2), substring('hello' from 2 for 2), left('hello', 2), right('hello', 2), left('hello', -2)",
  "position('l' in 'hello'), strpos('hello', 'z'), replace(note, 'l', 'L'), trim(note), ltrim(note), rtrim(note), trim(both 'x' from 'xax'), lpad('7', 3, '0'), rpad('ab', 4), repeat('ab', 2), reverse('abc')",
  "split_part('a,b,c', ',', 2), split_part('a,b,c', ',', -1), split_part('a,b', ',', 5), split_part(note, ',', 2), concat('a', NULL, 1, true), concat_ws('-', 'a', NULL, 'b'), starts_with('hello', 'he'), md5('x'), ascii('A'), chr(66)",
  "note LIKE '%World', note ILIKE '%world', campaign LIKE '10\\% %', campaign LIKE '%\\_off%', 'a_b' LIKE 'a!_b' ESCAPE '!', note NOT LIKE 'x%', 'x' LIKE '', '' LIKE '%'",
  "note ~ 'W', note ~* 'world', note !~ 'x', regexp_replace(note, 'l', 'L'), regexp_replace(note, 'l', 'L', 'g'), regexp_replace('abc', '(b)', '[\\1]')",
  // nulls and conditions
  "coalesce(clicks, -1), coalesce(NULL, campaign, 'none'), nullif(clicks, 0), greatest(1, clicks, 5), least(1, clicks), greatest('a', campaign)",
  'clicks IS NULL, clicks IS NOT NULL, clicks IS DISTINCT FROM 3, clicks IS NOT DISTINCT FROM NULL, NULL = NULL, (clicks > 2) IS TRUE, (clicks > 2) IS UNKNOWN, (clicks > 2) IS NOT FALSE',
  "CASE WHEN clicks > 2 THEN 'many' WHEN clicks > 0 THEN 'some' END, CASE kind WHEN 'click' THEN 1 ELSE 2.5 END, CASE WHEN false THEN 1 END",
  "clicks BETWEEN 0 AND 5, clicks NOT BETWEEN 0 AND 5, 3 BETWEEN SYMMETRIC 5 AND 1, clicks IN (3, 12), clicks NOT IN (3, 12), kind IN ('click'), clicks IN (3, NULL)",
  "true AND NULL, false AND NULL, true OR NULL, NOT NULL::boolean, clicks > 2 AND cost > 1, 1 = 1.0, 1 < 1.5, 'a' < 'b', 'Z' < 'a', 'é' > 'z'",
  // time
  "date_trunc('hour', event_time), date_trunc('day', event_time), date_trunc('week', event_time), date_trunc('month', event_time), date_trunc('day', event_time, 'America/New_York')",
  // An hour that comes twice, days of 23 and 25 hours, and one that begins at 1.
  "date_trunc('hour', event_time, 'Asia/Kathmandu'), date_trunc('hour', TIMESTAMPTZ '2025-10-26 00:30Z', 'Europe/Berlin'), date_trunc('hour', TIMESTAMPTZ '2025-10-26 01:30Z', 'Europe/Berlin')",
  "date_trunc('day', TIMESTAMPTZ '2025-10-26 22:30Z', 'Europe/Berlin'), date_trunc('day', TIMESTAMPTZ '2025-03-30 22:30Z', 'Europe/Berlin'), date_trunc('day', TIMESTAMPTZ '2025-04-25 12:00Z', 'Africa/Cairo')",
  "date_bin(INTERVAL '15 minutes', event_time, TIMESTAMPTZ '2025-01-01 00:05Z')",
  "extract(hour from event_time), extract(epoch from event_time), extract(dow from event_time), extract(isodow from event_time), extract(second from event_time), extract(milliseconds from event_time), extract(week from event_time), extract(doy from event_time), date_part('minute', event_time)",
  "event_time AT TIME ZONE 'Europe/Berlin', (event_time AT TIME ZONE 'UTC') AT TIME ZONE 'Europe/Berlin', event_time + interval '1 day', event_time - interval '90 minutes', interval '1 hour' + event_time, event_time + 2 * interval '1 minute'",
  "to_char(event_time, 'YYYY-MM-DD HH24:MI:SS.MS'), to_char(event_time, 'Mon DD, YYYY HH12:MI AM'), to_char(event_time, 'FMDay, FMMonth DDD IW Q D'), to_char(event_time, '\"at\" HH24\"h\"'), to_char(event_time, 'Dy dd')",
  "event_time::date::text, date '2026-03-01' - date '2026-02-01', date '2026-03-01' + 5, event_time > '2026-01-31 12:00:00+00', event_time >= '2026-01-31T13:00+01:00', event_time::timestamp, timestamp '2026-01-01 10:00' + interval '1 month'",
  "to_timestamp(1769860800.5), date_bin(interval '15 minutes', event_time, timestamptz '2026-01-01 00:00:00+00'), extract(epoch from (event_time - timestamptz '2026-01-31 00:00:00+00')), make_date(2026, 2, 28)::text",
  // json and lists
  "props -> 'x' ->> 'y', props ->> 'n', (props ->> 'n')::integer + 1, props -> 'list' ->> 0, props -> 'list' ->> -1, props ->> 'nothing'",
  "labels, cardinality(labels), array_length(labels, 1), labels[1], labels[3], 'a' = ANY (labels), 'z' <> ALL (labels), labels @> ARRAY['a'], labels && ARRAY['c', 'b'], array_to_string(labels, '-'), string_to_array(note, ','), array_position(labels, 'b')",
  "ARRAY['x', note], labels || 'z'::text, 'z'::text || labels, array_to_string(ARRAY['a'] || labels, '')",
];

describe('expressions mean what they mean in PostgreSQL', () => {
  it.each(EXPRESSIONS)('%s', async (expressions) => {
    const { ours, theirs } = await both(`SELECT ${expressions} FROM events ORDER BY event_id`);
    expect(ours).toEqual(theirs);
  });
});

const QUERIES = [
  'SELECT count(*), count(clicks), count(DISTINCT campaign), sum(clicks), sum(cost), avg(clicks), avg(cost), avg(score), min(note), max(event_time), min(cost) FROM events',
  "SELECT sum(clicks) FILTER (WHERE kind = 'click'), count(*) FILTER (WHERE false), bool_and(clicks > 0), bool_or(clicks > 0), every(kind <> 'x') FROM events",
  'SELECT count(*), sum(clicks), avg(clicks), max(note) FROM events WHERE false',
  "SELECT stddev(score::float8), variance(clicks::float8), stddev_pop(clicks::float8), percentile_cont(0.5) WITHIN GROUP (ORDER BY clicks::float8), percentile_disc(0.5) WITHIN GROUP (ORDER BY clicks::float8), corr(clicks::float8, score) FROM events WHERE event_id <> 'e4'",
  "SELECT string_agg(event_id, ',' ORDER BY event_id DESC), array_agg(event_id ORDER BY event_id) FROM events",
  'SELECT kind, campaign, count(*) FROM events GROUP BY kind, campaign ORDER BY kind, campaign',
  'SELECT kind, campaign, count(*) FROM events GROUP BY ROLLUP (kind, campaign) ORDER BY kind, campaign, 3',
  'SELECT kind, campaign, count(*) FROM events GROUP BY CUBE (kind, campaign) ORDER BY 1 NULLS FIRST, 2 DESC NULLS LAST, 3',
  'SELECT kind, sum(clicks) AS s FROM events GROUP BY GROUPING SETS ((kind), ()) ORDER BY s',
  'SELECT kind AS k, count(*) FROM events GROUP BY 1 HAVING count(*) > 2 ORDER BY k',
  'SELECT length(note) / 2 AS half, count(*) FROM events GROUP BY length(note) / 2 ORDER BY half NULLS FIRST',
  'SELECT clicks FROM events ORDER BY clicks',
  'SELECT clicks FROM events ORDER BY clicks DESC',
  'SELECT clicks FROM events ORDER BY clicks DESC NULLS LAST, event_id LIMIT 2 OFFSET 1',
  'SELECT event_id FROM events ORDER BY campaign, event_id DESC',
  'SELECT DISTINCT kind FROM events ORDER BY kind DESC',
  'SELECT DISTINCT ON (kind) kind, event_id FROM events ORDER BY kind, event_time DESC',
  'SELECT e.event_id, t.impressions FROM events e JOIN traffic t ON t.tenant_id = e.tenant_id AND t.campaign = e.campaign ORDER BY 1, 2',
  'SELECT e.event_id, t.impressions FROM events e LEFT JOIN traffic t USING (tenant_id, campaign) ORDER BY 1, 2',
  'SELECT tenant_id, count(*) FROM events FULL JOIN traffic USING (tenant_id) GROUP BY tenant_id ORDER BY tenant_id',
  'SELECT * FROM traffic a JOIN traffic b USING (tenant_id, campaign, window_start, window_end, impressions, cost, rate) ORDER BY tenant_id, window_start',
  'SELECT a.tenant_id, b.tenant_id FROM traffic a CROSS JOIN traffic b WHERE a.impressions < b.impressions ORDER BY 1, 2',
  'SELECT event_id FROM events WHERE clicks > (SELECT avg(clicks) FROM events) ORDER BY 1',
  'SELECT event_id, (SELECT max(impressions) FROM traffic t WHERE t.tenant_id = e.tenant_id) FROM events e ORDER BY 1',
  'SELECT event_id FROM events e WHERE EXISTS (SELECT 1 FROM traffic t WHERE t.campaign = e.campaign) ORDER BY 1',
  'SELECT event_id FROM events WHERE tenant_id NOT IN (SELECT tenant_id FROM traffic) ORDER BY 1',
  'SELECT event_id FROM events WHERE clicks >= ALL (SELECT clicks FROM events WHERE clicks IS NOT NULL) ORDER BY 1',
  'SELECT event_id FROM events WHERE campaign = ANY (SELECT campaign FROM traffic) ORDER BY 1',
  'SELECT e.event_id, x.n FROM events e, LATERAL (SELECT count(*) AS n FROM traffic t WHERE t.tenant_id = e.tenant_id) x ORDER BY 1',
  'SELECT e.event_id, l FROM events e, unnest(e.labels) l ORDER BY 1, 2',
  'SELECT e.event_id, l.item FROM events e LEFT JOIN LATERAL unnest(e.labels) AS l(item) ON true ORDER BY 1, 2',
  'SELECT n, n * n FROM generate_series(1, 5) n ORDER BY n',
  "SELECT g FROM generate_series(timestamptz '2026-01-01 00:00:00+00', timestamptz '2026-01-01 02:00:00+00', interval '1 hour') g ORDER BY g",
  'WITH a AS (SELECT tenant_id, sum(clicks) AS s FROM events GROUP BY 1), b AS (SELECT max(s) AS m FROM a) SELECT a.tenant_id FROM a, b WHERE a.s = b.m',
  "WITH a(x, y) AS (VALUES (1, 'one'), (2, 'two')) SELECT y, x FROM a ORDER BY x DESC",
  'SELECT kind FROM events UNION SELECT campaign FROM events ORDER BY 1',
  'SELECT 1 AS x UNION ALL SELECT 2.5 UNION ALL SELECT 3 ORDER BY x DESC',
  "(SELECT kind FROM events) INTERSECT (SELECT 'click') ORDER BY kind",
  'SELECT tenant_id FROM events EXCEPT SELECT tenant_id FROM traffic',
  'SELECT event_id, row_number() OVER (ORDER BY event_time), rank() OVER (PARTITION BY kind ORDER BY clicks), sum(clicks) OVER (PARTITION BY kind), sum(clicks) OVER (ORDER BY event_time ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM events ORDER BY 1',
  'SELECT event_id, lag(clicks) OVER w, lead(clicks, 2) OVER w, first_value(event_id) OVER w, avg(clicks) OVER w, ntile(2) OVER w, dense_rank() OVER w FROM events WINDOW w AS (ORDER BY event_time) ORDER BY 1',
  "SELECT event_id, count(*) OVER (ORDER BY event_time RANGE BETWEEN interval '2 minutes' PRECEDING AND CURRENT ROW), last_value(event_id) OVER (ORDER BY event_time ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) FROM events ORDER BY 1",
  'SELECT kind, sum(sum(clicks)) OVER (ORDER BY kind), rank() OVER (ORDER BY count(*) DESC) FROM events GROUP BY kind ORDER BY kind',
  'SELECT t.* FROM traffic t ORDER BY tenant_id, window_start',
  'SELECT x.a + 1 AS b FROM (SELECT clicks AS a FROM events) AS x WHERE x.a IS NOT NULL ORDER BY b',
  'SELECT tenant_id, sum(impressions) / count(*), sum(impressions)::float8 / count(*), 100.0 * sum(cost) / nullif(sum(impressions), 0) FROM traffic GROUP BY tenant_id ORDER BY 1',
];

describe('queries answer what PostgreSQL answers', () => {
  it.each(QUERIES)('%s', async (sql) => {
    const { ours, theirs } = await both(sql);
    expect(ours).toEqual(theirs);
  });
});

const ERRORS = [
  'SELECT 1 / 0',
  'SELECT 1 / (clicks - clicks) FROM events WHERE clicks = 3',
  'SELECT 1.5 / 0',
  'SELECT 1 % 0',
  'SELECT 1::float8 / 0',
  "SELECT note::integer FROM events WHERE event_id = 'e1'",
  "SELECT 'x'::integer",
  "SELECT '2026-02-30'::date",
  'SELECT 2147483647 + 1',
  'SELECT 9223372036854775807 + 1',
  "SELECT 'a' + 1",
  'SELECT 1 || 2',
  'SELECT clicks FROM events GROUP BY kind',
  'SELECT sum(clicks) FROM events WHERE sum(clicks) > 1',
  'SELECT sum(sum(clicks)) FROM events',
  'SELECT (SELECT clicks FROM events)',
  'SELECT * FROM events a, events a',
  'SELECT tenant_id FROM events a, events b',
  'SELECT kind FROM events ORDER BY 2',
  'SELECT DISTINCT kind FROM events ORDER BY clicks',
  'SELECT 1 UNION SELECT 1, 2',
  'SELECT 1 UNION SELECT true',
  "SELECT substr('abc', 1, -1)",
  "SELECT split_part('a', ',', 0)",
  'SELECT CASE WHEN 1 THEN 2 END',
  'SELECT lower(1)',
  'SELECT row_number() FROM events',
];

describe('what PostgreSQL refuses is refused', () => {
  it.each(ERRORS)('%s', async (sql) => {
    await expect(postgres.client.query(sql)).rejects.toThrow();
    const failure = await fixture.query(sql).then(
      (rows) => rows,
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(MillraceError);
    expect((failure as MillraceError).code).toMatch(/^SQL_/);
  });
});
