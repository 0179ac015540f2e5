/**
 * The Yahoo Streaming Benchmark: views of ads, by campaign and ten seconds, the campaign looked up in a table.
 *
 * From the log on disk, with lateness, nulls, snapshots and every publication committed; and from the bytes of
 * requests, through the decoder.
 */
import { join } from 'node:path';
import { createDecoder } from '../../src/collect/decode/decoder.js';
import type { ColumnBatch, IntegerColumn } from '../../src/event/columns.js';
import { numberAt } from '../../src/event/integers.js';
import type { Log, LogBatch } from '../../src/log/log.js';
import { sourcesOfPlan as sources } from '../../src/sql/standing.js';
import { measure, row, type BenchRow, type Measured } from '../harness.js';
import { compare, eventsOf, type Event, type Plain } from './compare.js';
import { Rig } from './rig.js';
import { EVENTS, STREAMS, ysbArrivals, type YsbSize } from './ysb-events.js';

const SIZE = Number(process.env['MILLRACE_BENCH_YSB_EVENTS'] ?? 4_000_000);
const PART = 400_000;
const WINDOW_MS = 10_000;
const PER_REQUEST = 500;

function view(aggregates: string): string {
  return `CREATE MATERIALIZED VIEW ysb WITH (watermark_lag = '10 seconds', allowed_lateness = '1 minute') AS
    SELECT c.campaign_id, e.window_start, ${aggregates}
    FROM TUMBLE(events, event_time, INTERVAL '10 seconds') e JOIN campaigns c ON c.ad_id = e.ad_id
    WHERE e.event_type = 'view' GROUP BY c.campaign_id, e.window_start`;
}

const COUNTS = view('count(*) AS views');
const USERS = view('count(*) AS views, approx_count_distinct(e.user_id) AS users');

/** Runs the bench. */
export async function run(): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const [campaigns, ads] of [
    [100, 10],
    [10_000, 6],
  ] as const) {
    const size: YsbSize = { events: SIZE, campaigns, ads, users: 1_000_000 };
    const part = await opened({ ...size, events: PART });
    await part.write('events.ndjson', ysbArrivals({ ...size, events: PART }));
    const records = PART + campaigns * ads;
    const common = { part: { rig: part, file: 'events.ndjson', records }, run: { durable: true } };
    const rig = await opened(size);
    const label = `YSB, ${campaigns.toLocaleString('en')} campaigns`;
    rows.push(
      await compare({
        ...common,
        rig,
        name: `${label}: counts`,
        sql: COUNTS,
        plain: plain(false),
        target: '>= 60x, >= 10 M/CPU-s',
      }),
      await compare({
        ...common,
        rig,
        name: `${label}: and distinct users`,
        sql: USERS,
        plain: plain(true),
        estimates: [3],
        target: '>= 3 M/CPU-s',
      }),
    );
    await rig.close();
    if (campaigns === 100) rows.push(await fromBytes(part, rows[0]!));
    await part.close();
  }
  return rows;
}

function opened(size: YsbSize): Promise<Rig> {
  return Rig.open(STREAMS, ysbArrivals(size));
}

/** The whole program one would write first. */
function plain(users: boolean): Plain {
  return function* (events: Iterable<Event>) {
    const campaigns = new Map<string, string>();
    const groups = new Map<string, { campaign: string; start: number; views: number; users: Set<string> }>();
    for (const { stream, ad_id, campaign_id, event_type, event_time, user_id } of events) {
      if (stream === 'campaigns') campaigns.set(ad_id!, campaign_id!);
      if (event_type !== 'view') continue;
      const campaign = campaigns.get(ad_id!);
      if (campaign === undefined) continue;
      const start = Math.floor(event_time! / WINDOW_MS) * WINDOW_MS;
      const key = `${campaign}|${start}`;
      let group = groups.get(key);
      if (group === undefined) groups.set(key, (group = { campaign, start, views: 0, users: new Set() }));
      group.views++;
      if (users && user_id !== null) group.users.add(user_id!);
    }
    for (const { campaign, start, views, users: seen } of groups.values())
      yield users ? [campaign, start, views, seen.size] : [campaign, start, views];
  };
}

/** Requests of 500 events, decoded and counted: no log between. */
async function fromBytes(part: Rig, counts: BenchRow): Promise<BenchRow> {
  const lines = [...eventsOf(join(part.folder, 'events.ndjson'))].flatMap(({ stream, received_at: _, ...event }) =>
    stream === 'events' ? [JSON.stringify(event)] : [],
  );
  const requests: Buffer[] = [];
  for (let i = 0; i < lines.length; i += PER_REQUEST)
    requests.push(Buffer.from(`${lines.slice(i, i + PER_REQUEST).join('\n')}\n`));
  const plan = await part.plan(COUNTS);
  const decoder = createDecoder(EVENTS);
  const measured = await measure(
    async () => {
      const { stage } = await part.stage(plan);
      await stage.restore(undefined);
      const positions = sources(plan).map((stream) => ({
        stream,
        partition: 0,
        offset: part.log.range(stream, 0).end,
      }));
      for (const batch of batchesOf(part.log, 'campaigns')) await stage.process(batch, false);
      let baseOffset = 0;
      for (const request of requests) {
        const { batch } = decoder.decode(request);
        await stage.process(arrived(batch, baseOffset), false);
        baseOffset += batch.rows;
      }
      const output = await stage.flush(positions);
      const published = output!.outputs.reduce((sum, { rows }) => sum + ('rows' in rows ? rows.rows : 0), 0);
      if (published !== counts.extra!['rows'])
        throw new Error(`${published} groups from bytes, ${counts.extra!['rows']} from the log`);
      await stage.close?.();
      return lines.length;
    },
    { warm: 1, times: 3 },
  );
  return row('YSB, 100 campaigns: counts from NDJSON bytes', measured, 'JSON.parse + Map', baselineOf(counts), {
    target: '>= 1.2 M/CPU-s',
  });
}

function baselineOf({ baselineCpuSeconds, baselineRecords }: BenchRow): Measured {
  return { records: baselineRecords, cpuSeconds: baselineCpuSeconds, wallSeconds: baselineCpuSeconds };
}

function* batchesOf(log: Log, stream: string): Iterable<LogBatch> {
  const cursor = log.cursor(stream, 0, 0);
  for (let batch = cursor.next(); batch !== null; batch = cursor.next()) yield batch;
  cursor.close();
}

/** What the log would make of decoded events. */
function arrived(batch: ColumnBatch, baseOffset: number): LogBatch {
  const times = batch.column(EVENTS.roles.eventTime) as IntegerColumn;
  let eventTimeMin = Infinity;
  let eventTimeMax = -Infinity;
  for (let i = 0; i < batch.rows; i++) {
    const time = numberAt(times, i);
    if (time < eventTimeMin) eventTimeMin = time;
    if (time > eventTimeMax) eventTimeMax = time;
  }
  return {
    stream: 'events',
    partition: 0,
    baseOffset,
    rows: batch.rows,
    batch,
    eventTimeMin,
    eventTimeMax,
    receivedAt: eventTimeMax,
    clockAdvanceMs: 0,
    clockTotalMs: 0,
  };
}
