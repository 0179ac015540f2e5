/**
 * Deliveries of one stream together: one, and three, from the log on disk to files, in records per
 * CPU-second. Decoding, reading and encoding are shared, so three cost less than three times one.
 * The baseline of the first row is the same without Millrace's columns: a plain loop that parses
 * lines of JSON, makes each event's text again, and writes it to a file in portions, synced.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseConfig } from '../src/config/parse.js';
import { Deliveries } from '../src/deliver/deliveries.js';
import { adEvents } from '../src/event/ad-events.js';
import {
  EDGES_SCHEMA,
  EDGES_STREAM,
  QUARANTINE_SCHEMA,
  QUARANTINE_STREAM,
  REDRIVE_SCHEMA,
  REDRIVE_STREAM,
} from '../src/event/internal.js';
import { batchFromRows, rowOf } from '../src/event/rows.js';
import type { Schema } from '../src/event/schema.js';
import { systemClock } from '../src/io/clock.js';
import { realDisk } from '../src/io/disk-real.js';
import { systemNetwork } from '../src/io/network.js';
import { systemRandom } from '../src/io/random.js';
import { openLog, type EmbeddedLog } from '../src/log/embedded/open.js';
import { adRows } from './ad-rows.js';
import { measure, row, type BenchRow, type Measured } from './harness.js';

const RECORDS = 200_000;
const COMMIT_ROWS = 4_000;
const PORTION_BYTES = 5 * 1024 ** 2;
const schema = adEvents();

/** Runs the bench. */
export async function run(): Promise<BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-deliver-'));
  const log = await filledLog(folder);
  try {
    const batch = batchFromRows(schema, adRows(RECORDS));
    const lines = Array.from({ length: RECORDS }, (_, index) => JSON.stringify(rowOf(batch, index)));
    const plain = await measure(() => plainLoop(folder, lines), { times: 3 });
    const one = await measure(() => deliver(log, folder, 1), { times: 3 });
    const three = await measure(() => deliver(log, folder, 3), { times: 3 });
    const perStream = (measured: Measured): number => measured.cpuSeconds / RECORDS;
    return [
      row('deliver: one delivery, lines into a file', one, 'a plain loop over JSON objects', plain),
      row('deliver: three deliveries of one stream', { ...three, records: RECORDS }, 'one delivery', one, {
        target: 'costs < 2.5x one',
        extra: { cost: `${(perStream(three) / perStream(one)).toFixed(2)}x` },
      }),
    ];
  } finally {
    await log.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function filledLog(folder: string): Promise<EmbeddedLog> {
  const log = await openLog({
    folder: join(folder, 'log'),
    disk: realDisk,
    clock: systemClock,
    random: systemRandom,
    options: {},
  });
  const stream = (name: string, of: Schema) =>
    log.createStream({
      name,
      schema: of,
      partitions: 1,
      clock: 'arrival',
      retentionMs: 86_400_000,
      bytesMax: 1e12,
      policy: 'refuse',
    });
  await stream('events', schema);
  await stream(QUARANTINE_STREAM, QUARANTINE_SCHEMA);
  await stream(REDRIVE_STREAM, REDRIVE_SCHEMA);
  await stream(EDGES_STREAM, EDGES_SCHEMA);
  const rows = adRows(RECORDS);
  for (let from = 0; from < RECORDS; from += COMMIT_ROWS)
    await log.append({
      batches: [{ stream: 'events', rows: batchFromRows(schema, rows.slice(from, from + COMMIT_ROWS)) }],
    });
  return log;
}

let runs = 0;

async function deliver(log: EmbeddedLog, folder: string, count: number): Promise<number> {
  const names = Array.from({ length: count }, () => `out_${runs++}`);
  const config = {
    streams: { events: { schema: 'ad-events' } },
    deliveries: Object.fromEntries(
      names.map((name) => [
        name,
        { from: 'events', to: { type: 'file', path: join(folder, name) }, buffer: { size: '5 MiB', interval: '1 s' } },
      ]),
    ),
  };
  const options = parseConfig(config, { folder }).deliveries;
  const deliveries = new Deliveries({
    log,
    clock: systemClock,
    random: systemRandom,
    disk: realDisk,
    network: systemNetwork,
    quarantine: { tenantBytesMax: 1e9, eventBytesMax: 65_536 },
    ask: () => Promise.reject(new Error('nothing is replayed here')),
    onStatus: () => undefined,
  });
  await deliveries.apply(options, []);
  await deliveries.drain();
  await deliveries.stop(0);
  for (const name of names) {
    await log.removeReader(`deliver.${name}`);
    rmSync(join(folder, name));
  }
  return RECORDS * count;
}

async function plainLoop(folder: string, lines: readonly string[]): Promise<number> {
  const path = join(folder, 'plain');
  const file = await open(path, 'w');
  let parts: string[] = [];
  let bytes = 0;
  const flush = async (): Promise<void> => {
    await file.write(parts.join(''));
    await file.datasync();
    parts = [];
    bytes = 0;
  };
  for (const line of lines) {
    const text = `${JSON.stringify(JSON.parse(line))}\n`;
    parts.push(text);
    bytes += text.length;
    if (bytes >= PORTION_BYTES) await flush();
  }
  await flush();
  await file.close();
  rmSync(path);
  return lines.length;
}
