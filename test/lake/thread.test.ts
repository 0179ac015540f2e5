/** The lake's thread on the real log: everything appended is in the lake, across a restart. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { batchFromRows } from '../../src/event/rows.js';
import { defineSchema } from '../../src/event/schema-define.js';
import { systemClock } from '../../src/io/clock.js';
import { realDisk } from '../../src/io/disk-real.js';
import { systemRandom } from '../../src/io/random.js';
import { createRpc } from '../../src/io/rpc.js';
import { startThread } from '../../src/io/threads.js';
import { openCatalog } from '../../src/lake/catalog.js';
import { LAKE_FOLDER } from '../../src/lake/options.js';
import type { LakeThreadData, LakeThreadMethods } from '../../src/lake/thread.js';
import { openLog, type EmbeddedLog } from '../../src/log/embedded/open.js';

const SCHEMA = defineSchema({
  columns: { tenant: 'dictionary', time: 'timestamp', n: 'int64' },
  tenant: 'tenant',
  eventTime: 'time',
});

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'lake-thread-'))));
afterEach(() => rmSync(folder, { recursive: true }));

async function openAll(): Promise<{
  log: EmbeddedLog;
  lake: ReturnType<typeof createRpc<LakeThreadMethods>>;
  deaths: Error[];
  close(): Promise<void>;
}> {
  const log = await openLog({ folder: join(folder, 'log'), disk: realDisk, clock: systemClock, random: systemRandom });
  for (const name of ['events', 'other'])
    await log.createStream({
      name,
      schema: SCHEMA,
      partitions: 3,
      clock: 'arrival',
      retentionMs: 60_000,
      bytesMax: 1e12,
      policy: 'refuse',
    });
  const logPort = log.remotePort();
  const deaths: Error[] = [];
  const data: LakeThreadData = {
    dataFolder: folder,
    streams: ['events', 'other'],
    options: { runRowsMax: 500 },
    logPort,
  };
  const thread = startThread({
    name: 'lake',
    module: 'lake/thread.js',
    workerData: data,
    transfer: [logPort],
    onDeath: (error) => deaths.push(error),
  });
  const lake = createRpc<LakeThreadMethods>(thread.worker);
  await lake.call('ready');
  return {
    log,
    lake,
    deaths,
    async close() {
      await lake.call('stop');
      await thread.terminate();
      await log.close();
    },
  };
}

const rows = (from: number, count: number) =>
  batchFromRows(
    SCHEMA,
    Array.from({ length: count }, (_, i) => ({
      tenant: `t${(from + i) % 17}`,
      time: 1_750_000_000_000 + ((i * 7919) % 5000),
      n: from + i,
    })),
  );

test('takes what is appended to the lake, each row once, also after a restart', async () => {
  const first = await openAll();
  for (let k = 0; k < 10; k++)
    await first.log.append({
      batches: [
        { stream: 'events', rows: rows(k * 200, 200) },
        { stream: 'other', rows: rows(k, 1) },
      ],
    });
  await first.lake.call('cut');
  await first.log.append({ batches: [{ stream: 'events', rows: rows(2000, 100) }] });
  const status = await first.lake.call('status');
  expect(status.map(({ lake }) => lake.stream)).toEqual(['events', 'other']);
  expect(status[0]!.lake.rows).toBe(2000);
  await first.close();

  const second = await openAll();
  await second.log.append({ batches: [{ stream: 'events', rows: rows(2100, 50) }] });
  await second.lake.call('cut');
  const catalog = openCatalog(realDisk, join(folder, LAKE_FOLDER));
  const taken = catalog.take('events')!;
  expect(taken.offsets).toEqual([0, 1, 2].map((partition) => second.log.range('events', partition).end));
  const duck = await (await DuckDBInstance.create(':memory:')).connect();
  const read = await duck.runAndReadAll(
    `SELECT count(*)::INT c, count(DISTINCT n)::INT d, sum(n)::BIGINT::VARCHAR s, count(DISTINCT (_partition, _offset))::INT o FROM read_parquet([${taken.files.map((path) => `'${path}'`).join(', ')}])`,
  );
  expect(read.getRowObjectsJson()).toEqual([{ c: 2150, d: 2150, s: String((2149 * 2150) / 2), o: 2150 }]);
  expect(catalog.snapshot('other')!.files.reduce((sum, file) => sum + file.rows, 0)).toBe(10);
  expect([...first.deaths, ...second.deaths]).toEqual([]);
  await second.close();
});
