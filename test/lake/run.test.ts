/** Runs larger than a block: what the property tests of the stage are too small for. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { defineSchema } from '../../src/event/schema-define.js';
import { compareSchemas } from '../../src/event/schema-compare.js';
import { batchFromRows, rowOf as decodedRow } from '../../src/event/rows.js';
import { MillraceError } from '../../src/util/errors.js';
import { HOUR_MS } from '../../src/lake/options.js';
import { ParquetReader } from '../../src/format/parquet/reader.js';
import { RunBuffer } from '../../src/lake/run.js';
import { lakeSchema } from '../../src/lake/schema.js';
import { LakeStage } from '../../src/lake/stage.js';
import { Feed, handClock, inLakeOrder, lakeRows, lakeTexts, type Row } from './feed.js';
import { noSyncDisk as realDisk } from './no-sync.js';

const HOUR = 1_750_003_200_000 - (1_750_003_200_000 % HOUR_MS);
const SCHEMA = defineSchema({
  columns: {
    id: 'uuid?',
    tenant: 'dictionary',
    time: 'timestamp',
    many: 'dictionary?',
    tags: 'list?',
    url: 'string?',
    cost: 'decimal?',
    wide: 'int64',
    share: 'double?',
    bot: 'boolean?',
  },
  tenant: 'tenant',
  eventTime: 'time',
});

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'run-'))));
afterEach(() => rmSync(folder, { recursive: true }));

const stageOf = (feed: Feed, options = {}) =>
  new LakeStage({
    stream: 'events',
    definition: () => feed.definition,
    folder,
    disk: realDisk,
    clock: handClock(HOUR),
    options: { runRowsMax: Infinity, ...options },
  });

function rowOf(n: number): Row {
  const gap = <T>(every: number, value: T): T | null => (n % every === 0 ? null : value);
  return {
    id: gap(11, `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`),
    tenant: `t${(n * 7919) % 997}`,
    time: HOUR - ((n * 31) % 4000),
    many: gap(7, `value ${n}`),
    tags: gap(5, n % 3 === 0 ? [] : [`tag ${n % 300}`, `one ${n}`]),
    url: gap(3, 'x'.repeat(n % 90)),
    cost: gap(4, (n / 4).toFixed(6)),
    // Fits 32 bits for many rows, then no longer, then not even a double.
    wide: n < 40_000 ? n : n < 60_000 ? n * 1e9 : (2n ** 62n + BigInt(n)).toString(),
    share: gap(6, n / 7),
    bot: gap(8, n % 2 === 0),
  };
}

test('a run of several blocks holds every row, in order, whatever its values', async () => {
  const feed = new Feed(SCHEMA, 3);
  for (let n = 0, batch = 0; n < 72_000; n += 900, batch++)
    feed.append(
      batch % 3,
      HOUR + batch,
      Array.from({ length: 900 }, (_, i) => rowOf(n + i)),
    );
  const stage = stageOf(feed);
  stage.hurried = false;
  await feed.run(stage, HOUR);
  expect(stage.status()).toMatchObject({ rowsWaiting: 72_000, files: 0 });
  await feed.more(stage, HOUR + HOUR_MS, new Map(), feed.batches.length);
  expect(stage.status()).toMatchObject({ rowsWaiting: 0, rows: 72_000 });
  expect(lakeTexts(folder, SCHEMA)).toEqual(feed.expected());
  for (const { rows } of lakeRows(folder, SCHEMA)) expect(rows).toEqual(inLakeOrder(rows));
}, 120_000);

test('bytes that wait are bounded: a run is cut by them', async () => {
  const feed = new Feed(SCHEMA, 1);
  for (let n = 0; n < 20_000; n += 500)
    feed.append(
      0,
      HOUR,
      Array.from({ length: 500 }, (_, i) => rowOf(n + i)),
    );
  const stage = stageOf(feed, { runBytesMax: 1_000_000 });
  await feed.run(stage, HOUR);
  expect(stage.status().files).toBeGreaterThan(1);
});

test('a run has one schema: a column that became another type starts a new one', async () => {
  const small = { columns: { id: 'uuid', tenant: 'dictionary', time: 'timestamp' } as const, tenant: 'tenant' };
  const feed = new Feed(defineSchema({ ...small, eventTime: 'time' }), 1);
  const row = (n: number): Row => ({ id: rowOf(n * 11 + 1)['id'], tenant: 't', time: HOUR + n });
  feed.append(0, HOUR, [row(1), row(2)]);
  const stage = stageOf(feed);
  await feed.run(stage, HOUR);
  const before = feed.definition.schema;
  feed.evolve(
    compareSchemas(before, defineSchema({ ...small, columns: { ...small.columns, id: 'string' }, eventTime: 'time' })),
  );
  feed.append(0, HOUR, [row(3)]);
  await feed.more(stage, HOUR, new Map(), 1);
  expect(stage.status()).toMatchObject({ files: 1, rowsWaiting: 1 });
  await feed.more(stage, HOUR + HOUR_MS, new Map(), 2);
  expect(stage.status()).toMatchObject({ rows: 3, rowsWaiting: 0, mergeFailure: null });
});

test('a batch with a damaged column leaves nothing behind', async () => {
  const schema = defineSchema({ columns: { tenant: 'dictionary', n: 'int64?' }, tenant: 'tenant' });
  const buffer = new RunBuffer(lakeSchema(schema), HOUR);
  const place = {
    stream: 'events',
    partition: 0,
    eventTimeMin: NaN,
    eventTimeMax: NaN,
    receivedAt: HOUR,
    clockAdvanceMs: 0,
    clockTotalMs: 0,
  };
  const good = batchFromRows(schema, [{ tenant: 'a', n: 1, received_at: HOUR }]);
  const nulls = batchFromRows(schema, [{ tenant: 'b', n: null, received_at: HOUR }]);
  const bad = {
    ...nulls,
    column: (index: number) => {
      if (index === 2) throw new MillraceError('LOG_PAGE_DAMAGED', 'a page of this test');
      return nulls.column(index);
    },
  };
  buffer.add({ ...place, baseOffset: 0, rows: 1, batch: good });
  expect(() => buffer.add({ ...place, baseOffset: 1, rows: 1, batch: bad })).toThrow('a page of this test');
  buffer.add({ ...place, baseOffset: 2, rows: 1, batch: good });
  const entry = await buffer.write(realDisk, folder, 1, () => Promise.resolve());
  expect(entry).toMatchObject({ rows: 2, tenantMin: 'a', tenantMax: 'a', ranges: [{ partition: 0, from: 0, to: 3 }] });
  const file = realDisk.open(join(folder, entry.name), 'read');
  const read = new ParquetReader(file, entry.name, lakeSchema(schema)).readGroup(0);
  expect([0, 1].map((row) => decodedRow(read, row)['n'])).toEqual([1, 1]);
  file.close();
});
