/**
 * The log against what one would write without it: the same bytes appended to a growing file with
 * one fsync a group, and lines parsed back with JSON.parse. Disk times on a shared machine wander
 * by factors, so commits a second are only told beside the baseline's of the same run.
 */
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { adEvents } from '../src/event/ad-events.js';
import type { ColumnBatch } from '../src/event/columns.js';
import { batchFromRows } from '../src/event/rows.js';
import { systemClock } from '../src/io/clock.js';
import { realDisk } from '../src/io/disk-real.js';
import { systemRandom } from '../src/io/random.js';
import { openLog } from '../src/log/embedded/open.js';
import { adRows } from './ad-rows.js';
import { measure, row, type BenchRow, type Measured } from './harness.js';

const ROWS_A_BATCH = 500;
const BATCHES = 400;
/** Appends that arrive together: what the group commit may join. */
const TOGETHER = 4;
const RECORDS = ROWS_A_BATCH * BATCHES;

/** Runs the log's benches. */
export async function run(): Promise<BenchRow[]> {
  const schema = adEvents();
  const rows = adRows(ROWS_A_BATCH * 40);
  const batches: ColumnBatch[] = [];
  const lines: Buffer[] = [];
  for (let i = 0; i < 40; i++) {
    const part = rows.slice(i * ROWS_A_BATCH, (i + 1) * ROWS_A_BATCH);
    batches.push(
      batchFromRows(
        schema,
        part.map((event) => ({ ...event, received_at: 0 })),
      ),
    );
    lines.push(Buffer.from(part.map((event) => JSON.stringify(event)).join('\n') + '\n'));
  }
  const folder = fs.mkdtempSync(join(tmpdir(), 'millrace-bench-log-'));
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
      retentionMs: 1e12,
      bytesMax: 1e12,
      policy: 'refuse',
    });
    const append = await measure(async () => {
      for (let i = 0; i < BATCHES; i += TOGETHER)
        await Promise.all(
          Array.from({ length: TOGETHER }, (_, j) =>
            log.append({ batches: [{ stream: 'events', rows: batches[(i + j) % 40]! }] }),
          ),
        );
      return RECORDS;
    });
    const raw = await measure(() => appendRaw(join(folder, 'raw.ndjson'), lines));
    const { end } = log.range('events', 0);
    const read = await measure(() => readLog(log, Math.max(0, end - RECORDS), schema.columns.length));
    const parsed = await measure(() => parseLines(join(folder, 'raw.ndjson')));
    const { syncs, syncSecondsSum, bytesWritten, rows: written } = log.stats();
    await log.close();
    return [
      row('log append, 4 batches of 500 a commit', append, 'growing file, NDJSON, fsync', raw, {
        extra: {
          'commits/s': perSecond(append),
          'baseline commits/s': perSecond(raw),
          'bytes/row': Math.round(bytesWritten / written),
          'baseline bytes/row': Math.round(lines.reduce((sum, line) => sum + line.length, 0) / rows.length),
          'write+sync ms': Number(((syncSecondsSum / syncs) * 1e3).toFixed(2)),
        },
      }),
      row('log read, every column', read, 'lines + JSON.parse', parsed),
    ];
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

async function appendRaw(path: string, lines: readonly Buffer[]): Promise<number> {
  fs.rmSync(path, { force: true });
  const file = await fs.promises.open(path, 'a');
  for (let i = 0; i < BATCHES; i += TOGETHER) {
    await file.write(Buffer.concat(Array.from({ length: TOGETHER }, (_, j) => lines[(i + j) % 40]!)));
    await file.datasync();
  }
  await file.close();
  return RECORDS;
}

function readLog(log: Awaited<ReturnType<typeof openLog>>, from: number, columns: number): number {
  const cursor = log.cursor('events', 0, from);
  let rows = 0;
  for (let batch = cursor.next(); batch !== null; batch = cursor.next()) {
    for (let i = 0; i < columns; i++) batch.batch.column(i);
    rows += batch.rows;
  }
  cursor.close();
  return rows;
}

function parseLines(path: string): number {
  let rows = 0;
  for (const line of fs.readFileSync(path, 'utf8').split('\n')) {
    if (line === '') continue;
    JSON.parse(line);
    rows += 1;
  }
  return rows;
}

function perSecond(measured: Measured): number {
  return Math.round(BATCHES / TOGETHER / measured.wallSeconds);
}
