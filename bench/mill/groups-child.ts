/** Fills a view with `--groups N` groups of one open window, and prints what that took as JSON. */
import { readFileSync } from 'node:fs';
import { batchOf } from '../../src/event/columns.js';
import { constantInteger } from '../../src/event/integers.js';
import { defineSchema } from '../../src/event/schema-define.js';
import { growHeapsFreely } from '../../src/io/heap.js';
import { Rig, type Arrival } from './rig.js';

/** What it prints. */
export interface GroupsReport {
  readonly records: number;
  readonly cpuSeconds: number;
  readonly wallSeconds: number;
  /** Of the whole process, with all groups there. */
  readonly residentBytes: number;
  /** As the view counts them. */
  readonly stateBytes: number;
}

const BATCH_ROWS = 16_384;
const START = Date.UTC(2026, 0, 1);
const SCHEMA = defineSchema({
  columns: { event_time: 'timestamp', account: 'int64', cost: 'decimal' },
  eventTime: 'event_time',
});

const SQL = `CREATE MATERIALIZED VIEW accounts WITH (emit = 'close') AS
  SELECT account, window_start, count(*) AS events, sum(cost) AS cost
  FROM TUMBLE(events, event_time, INTERVAL '1 day') GROUP BY account, window_start`;

/** Each account once, in an order that is not theirs. */
function* arrivals(groups: number): Iterable<Arrival> {
  for (let from = 0; from < groups; from += BATCH_ROWS) {
    const rows = Math.min(BATCH_ROWS, groups - from);
    const accounts = new Uint32Array(rows);
    const costs = new Uint32Array(rows);
    for (let i = 0; i < rows; i++) {
      accounts[i] = Math.imul(from + i, 0x9e3779b1) >>> 0;
      costs[i] = ((from + i) % 1_000) * 10_000;
    }
    const integers = (deltas: Uint32Array) => ({
      kind: 'integer' as const,
      nulls: null,
      base: 0n,
      width: 4 as const,
      deltas,
    });
    const columns = [constantInteger(BigInt(START)), integers(accounts), integers(costs), constantInteger(0n)];
    yield { stream: 'events', rows: batchOf(SCHEMA, rows, columns), atMs: START };
  }
}

growHeapsFreely();
const groups = Number(process.argv[process.argv.indexOf('--groups') + 1]);
const rig = await Rig.open([{ name: 'events', schema: SCHEMA }], arrivals(groups));
const { stage } = await rig.stage(await rig.plan(SQL), { stateBytesMax: 2 ** 40 });
await stage.restore(undefined);
const cursor = rig.log.cursor('events', 0, 0);
const cpu = process.cpuUsage();
const start = performance.now();
for (let batch = cursor.next(); batch !== null; batch = cursor.next()) await stage.process(batch, false);
cursor.close();
const used = process.cpuUsage(cpu);
const stats = stage.stats();
if (stats.groups !== groups) throw new Error(`${stats.groups} groups of ${groups}`);
globalThis.gc?.();
const report: GroupsReport = {
  records: groups,
  cpuSeconds: (used.user + used.system) / 1e6,
  wallSeconds: (performance.now() - start) / 1e3,
  residentBytes: Number(/RssAnon:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))![1]) * 1024,
  stateBytes: stats.stateBytes,
};
console.log(JSON.stringify(report));
await rig.close();
process.exit(0);
