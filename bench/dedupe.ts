/**
 * The memory of event ids, full: 24 hourly runs with 200 M ids on disk (`MILLRACE_BENCH_IDS` for
 * fewer), then batches of 500 looked up and taken in, new ones and resends.
 *
 * The baseline is what one would write first: a `Set` of "tenant id" strings, with as many as fit
 * (2 M), in the same run. It holds one hundredth of the ids, forgets all of them at a restart.
 */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Dedupe } from '../src/collect/dedupe/dedupe.js';
import { Keys, type HashSeed } from '../src/collect/dedupe/keys.js';
import { writeManifest } from '../src/collect/dedupe/manifest.js';
import { RunWriter } from '../src/collect/dedupe/run-writer.js';
import { HOUR_MS } from '../src/collect/dedupe/run-store.js';
import { Scopes } from '../src/collect/dedupe/scopes.js';
import { batchOf, type ColumnBatch } from '../src/event/columns.js';
import { Dictionary } from '../src/event/dictionary.js';
import { constantInteger } from '../src/event/integers.js';
import { defineSchema } from '../src/event/schema-define.js';
import { uuidText } from '../src/event/uuid.js';
import { systemClock } from '../src/io/clock.js';
import { realDisk } from '../src/io/disk-real.js';
import { systemRandom } from '../src/io/random.js';
import { openLog } from '../src/log/embedded/open.js';
import type { Log } from '../src/log/log.js';
import { measure, row, type BenchRow } from './harness.js';

const HOURS = 24;
const BATCH_ROWS = 500;
const LOOK_UPS = 500_000;
const BASELINE_IDS = 2_000_000;
const SEED: HashSeed = [0x12345678, 0x9abcdef0];
const schema = defineSchema({
  columns: { event_id: 'uuid', tenant: 'dictionary' },
  tenant: 'tenant',
  eventId: 'event_id',
});

/** Runs the bench. */
export async function run(): Promise<BenchRow[]> {
  const ids = Number(process.env['MILLRACE_BENCH_IDS'] ?? 200_000_000);
  const folder = mkdtempSync(join(tmpdir(), 'bench-dedupe-'));
  try {
    const log = await openLog({
      folder: join(folder, 'log'),
      disk: realDisk,
      clock: systemClock,
      random: systemRandom,
    });
    await log.createStream({
      name: 'events',
      schema,
      partitions: 1,
      clock: 'arrival',
      retentionMs: HOUR_MS,
      bytesMax: 1e12,
      policy: 'refuse',
    });
    const runsFolder = join(folder, 'dedupe');
    await preload(runsFolder, ids);
    const dedupe = await Dedupe.open({
      disk: realDisk,
      folder: runsFolder,
      clock: systemClock,
      random: systemRandom,
      log,
      streams: ['events'],
      idsMax: ids + 10_000_000,
    });
    const rows = await look(dedupe, log, ids, runsFolder);
    await dedupe.close();
    await log.close();
    return rows;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function look(dedupe: Dedupe, log: Log, ids: number, folder: string): Promise<BenchRow[]> {
  const stats = dedupe.stats();
  const baseline = await measureSet();
  let next = ids;
  const fresh = await measure(() => claims(dedupe, log, () => next++, 'new'), { warm: 1, times: 5 });
  const after = dedupe.stats();
  const looked = next - ids;
  const spread = Math.floor(ids / LOOK_UPS) | 1;
  let at = 0;
  const resent = await measure(() => claims(dedupe, log, () => (at = (at + spread) % ids), 'old'), {
    warm: 1,
    times: 3,
  });
  const disk = readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
  return [
    row(`dedupe: new ids, ${ids / 1e6} M held`, fresh, `Set of ${BASELINE_IDS / 1e6} M strings`, baseline, {
      extra: {
        nsPerId: (fresh.cpuSeconds / fresh.records) * 1e9,
        residentBytesPerId: stats.residentBytes / stats.ids,
        falsePositives: `${(((after.confirmedNew - stats.confirmedNew) / looked) * 100).toFixed(2)} % of ids`,
        diskGB: disk / 1e9,
        runs: after.runs,
      },
    }),
    row(`dedupe: resent ids, ${ids / 1e6} M held`, resent, `Set of ${BASELINE_IDS / 1e6} M strings`, baseline, {
      extra: { nsPerId: (resent.cpuSeconds / resent.records) * 1e9 },
    }),
  ];
}

/** Claims batch after batch and commits each at once; every answer is checked. */
async function claims(dedupe: Dedupe, log: Log, nextId: () => number, kind: 'new' | 'old'): Promise<number> {
  const { end } = log.range('events', 0);
  for (let done = 0; done < LOOK_UPS; done += BATCH_ROWS) {
    const claim = dedupe.claim('events', batch(nextId));
    if ((kind === 'new' ? claim.fresh : claim.duplicates) !== BATCH_ROWS)
      throw new Error(`${claim.fresh} new, ${claim.duplicates} duplicates of ${BATCH_ROWS} ${kind} ids`);
    claim.commit({
      appended: [{ stream: 'events', partition: 0, baseOffset: end, rows: 0 }],
      receivedAt: systemClock.now(),
    });
  }
  await dedupe.idle();
  return LOOK_UPS;
}

const tenants = new Dictionary();
tenants.internString('acme');
const tenantColumn = {
  kind: 'dictionary',
  nulls: null,
  codes: new Uint8Array(BATCH_ROWS),
  dictionary: tenants,
} as const;

function batch(nextId: () => number): ColumnBatch {
  const words = new Uint32Array(BATCH_ROWS * 4);
  for (let at = 0; at < BATCH_ROWS; at++) putId(words, at * 4, nextId());
  return batchOf(schema, BATCH_ROWS, [
    { kind: 'uuid', nulls: null, data: new Uint8Array(words.buffer) },
    tenantColumn,
    constantInteger(0n),
  ]);
}

/** The id with a number: spread like a random one, and never twice. */
function putId(words: Uint32Array, at: number, number: number): void {
  let mixed = Math.imul(number ^ (number >>> 15), 0x2c1b3c6d);
  words[at] = number;
  for (let word = 1; word < 4; word++) {
    mixed = Math.imul(mixed ^ (mixed >>> 13) ^ word, 0x297a2d39);
    words[at + word] = mixed ^ (mixed >>> 16);
  }
}

/** Writes the runs of the last 24 hours straight to disk, as flushes and merges would have. */
async function preload(folder: string, ids: number): Promise<void> {
  realDisk.makeFolder(folder);
  const scopes = Scopes.open(realDisk, folder, 0);
  const scope = scopes.numberOf('events', 'acme');
  await scopes.persist();
  const hour = Math.floor(systemClock.now() / HOUR_MS);
  const names: string[] = [];
  for (let back = HOURS - 1, from = 0; back >= 0; back--) {
    const to = Math.floor((ids * (HOURS - back)) / HOURS);
    const name = `run-${String(HOURS - back).padStart(8, '0')}`;
    await writeRun(folder, name, hour - back, scope, from, to);
    names.push(name);
    from = to;
  }
  await writeManifest(realDisk, folder, {
    seed: SEED,
    nextRun: HOURS + 1,
    runs: names,
    scopes: 1,
    covered: [],
    leftUntilMs: 0,
  });
}

async function writeRun(
  folder: string,
  name: string,
  hour: number,
  scope: number,
  from: number,
  to: number,
): Promise<void> {
  const count = to - from;
  const keys = new Keys();
  const words = new Uint32Array(count * 4);
  for (let i = 0; i < count; i++) putId(words, i * 4, from + i);
  keys.loadWords(words, count);
  keys.scopes.fill(scope, 0, count);
  keys.hash(SEED);
  const writer = new RunWriter(realDisk, folder, {
    name,
    ids: count,
    hour,
    firstMs: hour * HOUR_MS,
    lastMs: (hour + 1) * HOUR_MS - 1,
  });
  const record = new Uint32Array(8);
  for (const key of sorted(keys.high, count)) {
    record[0] = keys.high[key]!;
    record[1] = keys.low[key]!;
    record[2] = scope;
    record[3] = 16;
    for (let word = 0; word < 4; word++) record[4 + word] = words[key * 4 + word]!;
    writer.add(record, 0);
    if (writer.full) await writer.drain();
  }
  (await writer.finish()).close();
}

/** Positions by rising value: two passes of radix sort. */
function sorted(values: Uint32Array, count: number): Uint32Array {
  let order = new Uint32Array(count);
  for (let i = 0; i < count; i++) order[i] = i;
  for (const shift of [0, 16]) {
    const cells = new Uint32Array(65_537);
    for (let i = 0; i < count; i++) cells[((values[i]! >>> shift) & 0xffff) + 1]! += 1;
    for (let cell = 0; cell < 65_536; cell++) cells[cell + 1]! += cells[cell]!;
    const next = new Uint32Array(count);
    for (let i = 0; i < count; i++) next[cells[(values[order[i]!]! >>> shift) & 0xffff]!++] = order[i]!;
    order = next;
  }
  return order;
}

/** The baseline: text of the id, one look-up, one insert. */
async function measureSet(): Promise<{ records: number; cpuSeconds: number; wallSeconds: number }> {
  const known = new Set<string>();
  const words = new Uint32Array(4);
  const bytes = new Uint8Array(words.buffer);
  let number = 0;
  const take = (): void => {
    putId(words, 0, number++);
    const key = `acme ${uuidText(bytes, 0)}`;
    if (known.has(key)) throw new Error('the baseline found a duplicate');
    known.add(key);
  };
  while (number < BASELINE_IDS) take();
  return measure(
    () => {
      for (let i = 0; i < LOOK_UPS; i++) take();
      return LOOK_UPS;
    },
    { warm: 0, times: 3 },
  );
}
