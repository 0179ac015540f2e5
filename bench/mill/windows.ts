/**
 * Windows that overlap, that follow a row, that follow a key's activity; and two streams joined within a time.
 *
 * Each over the same events of 10,000 users, a tenth of them clicks.
 */
import { defineSchema } from '../../src/event/schema-define.js';
import { batchOf, type ColumnBatch } from '../../src/event/columns.js';
import { Dictionary } from '../../src/event/dictionary.js';
import { constantInteger } from '../../src/event/integers.js';
import type { BenchRow } from '../harness.js';
import { compare, type Event, type Plain } from './compare.js';
import { Seeded } from './random.js';
import { Rig, type Arrival } from './rig.js';

const SIZE = Number(process.env['MILLRACE_BENCH_WINDOW_EVENTS'] ?? 1_000_000);
const PART = 60_000;
const USERS = 10_000;
const CAMPAIGNS = 100;
const BATCH_ROWS = 8_192;
const EVENTS_A_SECOND = 1_000;
const START = Date.UTC(2026, 0, 1);

const SCHEMA = defineSchema({
  columns: { event_time: 'timestamp', user_id: 'dictionary', campaign_id: 'dictionary', cost: 'decimal?' },
  eventTime: 'event_time',
});

const STREAMS = [
  { name: 'events', schema: SCHEMA },
  { name: 'clicks', schema: SCHEMA },
];

/** Runs the bench. */
export async function run(): Promise<BenchRow[]> {
  const part = await Rig.open(STREAMS, arrivals(PART));
  await part.write('events.ndjson', arrivals(PART));
  const common = { rig: await Rig.open(STREAMS, arrivals(SIZE)), part: { rig: part, file: 'events.ndjson' } };
  const own = { ...common, part: { ...common.part, records: PART } };
  const both = { ...common, part: { ...common.part, records: 2 * PART } };
  const rows: BenchRow[] = [];
  for (const overlap of [2, 10, 60, 600]) {
    const slideMs = 1_000;
    const line = await compare({
      ...own,
      name: `HOP, ${overlap} windows a row`,
      sql: hop(slideMs, overlap),
      plain: plainHop(slideMs, overlap),
      target: 'within 1.5x of 2 windows',
    });
    rows.push(line);
  }
  rows.push(
    await compare({ ...own, name: 'OVER RANGE 1 minute', sql: over(), plain: plainOver, target: '>= 2 M/CPU-s' }),
    await compare({ ...own, name: 'the same, final rows only', sql: over(FINAL), plain: plainOver }),
    await compare({
      ...own,
      name: 'SESSION, 10,000 keys',
      sql: session(),
      plain: plainSession,
      target: '>= 2 M/CPU-s',
    }),
    await compare({ ...own, name: 'the same, final rows only', sql: session(FINAL), plain: plainSession }),
    await compare({ ...both, name: 'interval join', sql: JOIN, plain: plainJoin, target: '>= 1 M/CPU-s a side' }),
  );
  await common.rig.close();
  await part.close();
  return rows;
}

/** Events and clicks, one of each a moment; the same for the same size. */
function* arrivals(events: number): Iterable<Arrival> {
  const random = new Seeded(11);
  const users = named('u', USERS);
  const campaigns = named('c', CAMPAIGNS);
  for (let from = 0; from < events; from += BATCH_ROWS) {
    const rows = Math.min(BATCH_ROWS, events - from);
    const atMs = START + 1_000 + Math.floor(((from + rows) * 1_000) / EVENTS_A_SECOND);
    for (const stream of ['events', 'clicks'])
      yield { stream, rows: batch(from, rows, random, users, campaigns), atMs };
  }
}

function named(prefix: string, count: number): Dictionary {
  const dictionary = new Dictionary();
  for (let i = 0; i < count; i++) dictionary.internString(`${prefix}${i}`);
  return dictionary;
}

function batch(from: number, rows: number, random: Seeded, users: Dictionary, campaigns: Dictionary): ColumnBatch {
  const codes = (dictionary: Dictionary) => ({
    kind: 'dictionary' as const,
    nulls: null,
    codes: Uint16Array.from({ length: rows }, () => random.below(dictionary.size)),
    dictionary,
  });
  const integer = (base: number, deltas: Uint32Array, nulls: Uint8Array | null) => ({
    kind: 'integer' as const,
    nulls,
    base: BigInt(base),
    width: 4 as const,
    deltas,
  });
  const nulls = new Uint8Array((rows + 7) >> 3);
  const costs = Uint32Array.from({ length: rows }, (_, i) => {
    if (random.below(100) >= 5) return random.below(5_000) * 1_000;
    nulls[i >> 3]! |= 1 << (i & 7);
    return 0;
  });
  const times = Uint32Array.from(
    { length: rows },
    (_, i) => Math.floor(((from + i) * 1_000) / EVENTS_A_SECOND) + random.below(900),
  );
  return batchOf(SCHEMA, rows, [
    integer(START, times, null),
    codes(users),
    codes(campaigns),
    integer(0, costs, nulls),
    constantInteger(0n),
  ]);
}

function hop(slideMs: number, overlap: number): string {
  return `CREATE MATERIALIZED VIEW hop WITH (emit = 'close', watermark_lag = '15 seconds', allowed_lateness = '0') AS
    SELECT campaign_id, window_start, count(*) AS events, sum(cost) AS cost
    FROM HOP(events, event_time, INTERVAL '${slideMs} ms', INTERVAL '${slideMs * overlap} ms')
    GROUP BY campaign_id, window_start, window_end`;
}

/** Rows are published open and again as final, or only as that. */
const FINAL = "emit = 'close', ";

function over(emit = ''): string {
  return `CREATE MATERIALIZED VIEW over_range WITH (${emit}watermark_lag = '15 seconds', allowed_lateness = '0') AS
  SELECT user_id, event_time, count(*) OVER w AS events, sum(cost) OVER w AS cost FROM events
  WINDOW w AS (PARTITION BY user_id ORDER BY event_time RANGE BETWEEN INTERVAL '1 minute' PRECEDING AND CURRENT ROW)`;
}

function session(emit = ''): string {
  return `CREATE MATERIALIZED VIEW sessions WITH (${emit}watermark_lag = '15 seconds', allowed_lateness = '0') AS
  SELECT user_id, window_start, window_end, count(*) AS events, sum(cost) AS cost
  FROM SESSION(events, event_time, INTERVAL '10 seconds', user_id) GROUP BY user_id, window_start, window_end`;
}

const JOIN = `CREATE MATERIALIZED VIEW joined WITH (watermark_lag = '15 seconds', allowed_lateness = '0') AS
  SELECT e.user_id, e.event_time, c.event_time AS clicked, c.cost FROM events e
  JOIN clicks c ON c.user_id = e.user_id AND c.event_time BETWEEN e.event_time AND e.event_time + INTERVAL '10 seconds'`;

/** Millionths: sums of money are exact. */
function millionths(cost: unknown): number {
  return cost === null ? 0 : Math.round(Number(cost) * 1e6);
}

function money(sum: number | null): number | null {
  return sum === null ? null : sum / 1e6;
}

interface Sum {
  readonly key: string;
  readonly start: number;
  end: number;
  events: number;
  cost: number | null;
}

function add(sum: Sum, cost: unknown): void {
  sum.events++;
  if (cost !== null) sum.cost = (sum.cost ?? 0) + millionths(cost);
}

function plainHop(slideMs: number, overlap: number): Plain {
  return function* (events: Iterable<Event>) {
    const groups = new Map<string, Sum>();
    for (const { campaign_id, cost, event_time, stream } of events) {
      if (stream !== 'events') continue;
      const last = Math.floor(event_time! / slideMs) * slideMs;
      for (let start = last; start > last - slideMs * overlap; start -= slideMs) {
        const key = `${campaign_id}|${start}`;
        let group = groups.get(key);
        if (group === undefined) groups.set(key, (group = { key: campaign_id!, start, end: 0, events: 0, cost: null }));
        add(group, cost);
      }
    }
    for (const { cost, events: count, key, start } of groups.values()) yield [key, start, count, money(cost)];
  };
}

/** Users' events by time. */
function byUser(events: Iterable<Event>, wanted: string): Map<string, { time: number; cost: unknown }[]> {
  const users = new Map<string, { time: number; cost: unknown }[]>();
  for (const { cost, event_time, stream, user_id } of events) {
    if (stream !== wanted) continue;
    const one = { time: event_time! as number, cost };
    const known = users.get(user_id!);
    if (known === undefined) users.set(user_id!, [one]);
    else known.push(one);
  }
  for (const list of users.values()) list.sort((a, b) => a.time - b.time);
  return users;
}

function* plainOver(events: Iterable<Event>): Iterable<unknown[]> {
  for (const [user, list] of byUser(events, 'events')) {
    let first = 0;
    let next = 0;
    let sum = 0;
    let known = 0;
    for (const { time } of list) {
      for (; next < list.length && list[next]!.time <= time; next++) {
        sum += millionths(list[next]!.cost);
        if (list[next]!.cost !== null) known++;
      }
      for (; list[first]!.time < time - 60_000; first++) {
        sum -= millionths(list[first]!.cost);
        if (list[first]!.cost !== null) known--;
      }
      yield [user, time, next - first, known === 0 ? null : sum / 1e6];
    }
  }
}

function* plainSession(events: Iterable<Event>): Iterable<unknown[]> {
  for (const [user, list] of byUser(events, 'events')) {
    let session: Sum | null = null;
    for (const { cost, time } of list) {
      if (session !== null && time >= session.end) {
        yield [user, session.start, session.end, session.events, money(session.cost)];
        session = null;
      }
      session ??= { key: user, start: time, end: 0, events: 0, cost: null };
      session.end = time + 10_000;
      add(session, cost);
    }
    if (session !== null) yield [user, session.start, session.end, session.events, money(session.cost)];
  }
}

function* plainJoin(events: Iterable<Event>): Iterable<unknown[]> {
  const all = [...events];
  const clicks = byUser(all, 'clicks');
  for (const [user, list] of byUser(all, 'events'))
    for (const { time } of list)
      for (const click of clicks.get(user) ?? []) {
        if (click.time > time + 10_000) break;
        if (click.time >= time) yield [user, time, click.time, click.cost];
      }
}
