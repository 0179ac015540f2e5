/**
 * From the log on disk to a window over 10,000 groups, against NDJSON on disk, `JSON.parse` and a
 * Map: the same events, the same answer, checked.
 *
 * Both read their file anew in every run. Ours goes through the cursor (crc of the pages touched),
 * the generated kernel, and the publication of every group at the end.
 */
import { mkdtempSync, openSync, readSync, rmSync, closeSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDecoder } from '../src/collect/decode/decoder.js';
import { adEvents } from '../src/event/ad-events.js';
import { rowOf } from '../src/event/rows.js';
import { systemClock } from '../src/io/clock.js';
import { realDisk } from '../src/io/disk-real.js';
import { systemRandom } from '../src/io/random.js';
import { openLog, type EmbeddedLog } from '../src/log/embedded/open.js';
import { Flow } from '../src/mill/operators/flow.js';
import { parseViews } from '../src/sql/parse.js';
import { planView } from '../src/sql/standing.js';
import type { ViewPlan } from '../src/sql/plan.js';
import { measure, row, type BenchRow } from './harness.js';
import { sampleEvents } from './sample-events.js';

const EVENTS = 1_000_000;
const GROUPS = 10_000;
const BATCH_ROWS = 8_192;
const WINDOW_MS = 60_000;
const STREAM = 'events';

/** Runs the bench. */
export async function run(): Promise<BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-window-'));
  try {
    const file = join(folder, 'events.ndjson');
    const log = await prepare(folder, file);
    // Neither side is to pay for sweeping a heap that holds all events as strings.
    globalThis.gc?.();
    const rows = [
      await compare(
        log,
        file,
        'count(*), sum(cost), max(cost)',
        'log to window: count, sum, max',
        '>= 40x, >= 8 M/CPU-s',
        false,
      ),
      await compare(
        log,
        file,
        'count(*), sum(cost), max(cost), approx_count_distinct(user_id)',
        'log to window: and approx_count_distinct',
        '>= 2.5 M/CPU-s',
        true,
      ),
    ];
    await log.close();
    return rows;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The events as NDJSON and in a log. */
async function prepare(folder: string, file: string): Promise<EmbeddedLog> {
  const events = prepared();
  writeFileSync(file, `${events.join('\n')}\n`);
  return filledLog(join(folder, 'log'), events);
}

/** 10,000 campaigns, and a cost that is null in 5 of 100. */
function prepared(): string[] {
  return sampleEvents(EVENTS, 0).map((text, i) => {
    const event = JSON.parse(text) as Record<string, unknown>;
    event.campaign_id = `c${(i * 7919) % GROUPS}`;
    if (i % 20 === 7) event.cost = null;
    return JSON.stringify(event);
  });
}

async function filledLog(folder: string, events: readonly string[]): Promise<EmbeddedLog> {
  const log = await openLog({ folder, disk: realDisk, clock: systemClock, random: systemRandom });
  const schema = adEvents();
  await log.createStream({
    name: STREAM,
    schema,
    partitions: 1,
    clock: 'arrival',
    retentionMs: 1e12,
    bytesMax: 1e12,
    policy: 'refuse',
  });
  const decoder = createDecoder(schema);
  for (let i = 0; i < events.length; i += BATCH_ROWS) {
    const { batch } = decoder.decode(Buffer.from(`${events.slice(i, i + BATCH_ROWS).join('\n')}\n`));
    await log.append({ batches: [{ stream: STREAM, rows: batch }] });
  }
  return log;
}

async function compare(
  log: EmbeddedLog,
  file: string,
  aggregates: string,
  name: string,
  target: string,
  distinct: boolean,
): Promise<BenchRow> {
  const plan = await planned(aggregates);
  const answers: string[][] = [];
  const measured = await measure(() => ours(log, plan, answers), { warm: 3, times: 7 });
  const maps: ReturnType<typeof baseline>[] = [];
  const plain = await measure(
    () => {
      maps[0] = baseline(file, distinct);
      return EVENTS;
    },
    { warm: 1, times: 3 },
  );
  check(answers[0]!, maps[0]!);
  return row(name, measured, 'NDJSON + JSON.parse + Map', plain, { target, extra: { groups: answers[0]!.length } });
}

async function planned(aggregates: string): Promise<ViewPlan> {
  const sql = `CREATE MATERIALIZED VIEW v WITH (watermark_lag = '10000 days') AS
    SELECT campaign_id, window_start, ${aggregates
      .split(', ')
      .map((call, i) => `${call} AS m${i}`)
      .join(', ')}
    FROM TUMBLE(${STREAM}, event_time, INTERVAL '${WINDOW_MS / 1000} seconds') GROUP BY campaign_id, window_start`;
  const [view] = await parseViews(sql, 'bench.sql');
  return planView(view!, new Map([[STREAM, { name: STREAM, schema: adEvents() }]])) as ViewPlan;
}

function ours(log: EmbeddedLog, plan: ViewPlan, answers: string[][]): number {
  const closed = { find: () => undefined, asOf: () => undefined };
  const flow = new Flow({
    plan,
    schema: log.stream(STREAM)!.schema,
    clock: 'arrival',
    partitions: 1,
    stateBytesMax: 1 << 30,
    closed,
  });
  const cursor = log.cursor(STREAM, 0, 0);
  let rows = 0;
  for (let batch = cursor.next(); batch !== null; batch = cursor.next()) {
    flow.process(batch, false, 0);
    rows += batch.rows;
  }
  const output = flow.flush([{ stream: STREAM, partition: 0, offset: cursor.position }], true);
  cursor.close();
  if (answers.length === 0) {
    answers.push(
      output.changes.flatMap((batch) =>
        Array.from({ length: batch.rows }, (_, i) => {
          const { campaign_id, window_start, m0, m1, m2 } = rowOf(batch, i);
          return `${campaign_id as string}|${window_start as number} ${m0 as number} ${m1 as string} ${m2 as string}`;
        }),
      ),
    );
  }
  return rows;
}

interface Group {
  count: number;
  sum: number;
  max: number;
  users: Set<string> | null;
}

function baseline(file: string, distinct: boolean): Map<string, Group> {
  const groups = new Map<string, Group>();
  const buffer = Buffer.alloc(1 << 20);
  const handle = openSync(file, 'r');
  let rest = '';
  for (let read = readSync(handle, buffer); read > 0; read = readSync(handle, buffer)) {
    const lines = (rest + buffer.toString('utf8', 0, read)).split('\n');
    rest = lines.pop()!;
    for (const line of lines) addRow(groups, line, distinct);
  }
  closeSync(handle);
  return groups;
}

function addRow(groups: Map<string, Group>, line: string, distinct: boolean): void {
  const event = JSON.parse(line) as { campaign_id: string; event_time: number; cost: number | null; user_id: string };
  const key = `${event.campaign_id}|${Math.floor(event.event_time / WINDOW_MS) * WINDOW_MS}`;
  let group = groups.get(key);
  if (group === undefined)
    groups.set(key, (group = { count: 0, sum: 0, max: -Infinity, users: distinct ? new Set() : null }));
  group.count++;
  group.users?.add(event.user_id);
  if (event.cost === null) return;
  const cost = Math.round(event.cost * 1e6);
  group.sum += cost;
  if (cost > group.max) group.max = cost;
}

function check(answers: readonly string[], groups: Map<string, Group>): void {
  if (answers.length !== groups.size) throw new Error(`${answers.length} groups, expected ${groups.size}`);
  for (const answer of answers) {
    const [key, count, sum, max] = answer.split(' ') as [string, string, string, string];
    const group = groups.get(key);
    const wanted =
      group === undefined
        ? 'none'
        : `${group.count} ${(group.sum / 1e6).toFixed(6)} ${group.max === -Infinity ? 'null' : (group.max / 1e6).toFixed(6)}`;
    if (`${count} ${sum === 'null' ? '0.000000' : sum} ${max}` !== wanted)
      throw new Error(`${answer}, expected ${wanted}`);
  }
}
