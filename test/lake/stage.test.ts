import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { compareSchemas } from '../../src/event/schema-compare.js';
import { defineSchema } from '../../src/event/schema-define.js';
import { openCatalog } from '../../src/lake/catalog.js';
import { HOUR_MS } from '../../src/lake/options.js';
import { readSnapshot } from '../../src/lake/snapshot.js';
import { LakeStage } from '../../src/lake/stage.js';
import { EVERY_TYPE, everyRow } from '../event/arbitrary.js';
import { noSyncDisk as realDisk } from './no-sync.js';
import { dataFiles, Feed, handClock, inLakeOrder, lakeRows, lakeTexts, type Row } from './feed.js';

const HOUR = 1_750_003_200_000 - (1_750_003_200_000 % HOUR_MS);
const SMALL = defineSchema({
  columns: { tenant: 'dictionary', time: 'timestamp', n: 'int64', url: 'string?' },
  tenant: 'tenant',
  eventTime: 'time',
});

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'lake-'))));
afterEach(() => rmSync(folder, { recursive: true }));

const stageOf = (feed: Feed, clock = handClock(HOUR), options = {}) =>
  new LakeStage({ stream: 'events', definition: () => feed.definition, folder, disk: realDisk, clock, options });

function rows(count: number, seed: number): Row[] {
  return Array.from({ length: count }, (_, i) => ({
    tenant: `t${(i * 7 + seed) % 5}`,
    time: HOUR - 5000 + ((i * 37 + seed * 11) % 1000),
    n: seed * 1000 + i,
    url: i % 3 === 0 ? null : `http://x/${i}`,
  }));
}

describe('the lake', () => {
  test('holds every row once, in order of tenant, time, partition and offset', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            partition: fc.nat(2),
            gapMs: fc.nat(40 * 60_000),
            rows: fc.array(everyRow, { minLength: 1, maxLength: 12 }),
          }),
          { minLength: 1, maxLength: 14 },
        ),
        fc.integer({ min: 1, max: 40 }),
        async (batches, runRowsMax) => {
          rmSync(join(folder, 'events'), { recursive: true, force: true });
          const feed = new Feed(EVERY_TYPE, 3);
          let at = HOUR;
          for (const batch of batches) feed.append(batch.partition, (at += batch.gapMs), batch.rows);
          const stage = stageOf(feed, handClock(HOUR), { runRowsMax, mergedGroupRows: 5 });
          await feed.run(stage, at + 2 * HOUR_MS);
          for (let i = 0; i < 12; i++) await feed.more(stage, at + 2 * HOUR_MS, new Map(), feed.batches.length);
          expect(lakeTexts(folder, EVERY_TYPE)).toEqual(feed.expected());
          expect(stage.status()).toMatchObject({ runs: 0, rowsWaiting: 0, mergeFailure: null });
          for (const { file, rows } of lakeRows(folder, EVERY_TYPE))
            expect([file, rows]).toEqual([file, inLakeOrder(rows)]);
          expect(readSnapshot(realDisk, folder, 'events')!.committed).toEqual(feed.ends);
        },
      ),
      { numRuns: 40 },
    );
  });

  test('merges an hour only when the arrival clock has passed it, into one file for any number of tenants', async () => {
    const feed = new Feed(SMALL, 1);
    for (let k = 0; k < 6; k++)
      feed.append(
        0,
        HOUR + k * 1000,
        Array.from({ length: 500 }, (_, i) => ({ tenant: `t${i}`, time: HOUR + i, n: i, url: null })),
      );
    const stage = stageOf(feed, handClock(HOUR), { runRowsMax: 1000 });
    await feed.run(stage, HOUR + HOUR_MS - 1);
    expect(stage.status()).toMatchObject({ files: 3, runs: 3, rowsWaiting: 0 });
    await feed.more(stage, HOUR + HOUR_MS, new Map(), 6);
    expect(stage.status()).toMatchObject({ files: 1, runs: 0, rows: 3000, merges: 1 });
    const [file] = readSnapshot(realDisk, folder, 'events')!.files;
    expect(file).toMatchObject({
      kind: 'merged',
      hour: HOUR,
      rows: 3000,
      tenantMin: 't0',
      tenantMax: 't99',
      eventTimeMin: HOUR,
      eventTimeMax: HOUR + 499,
      receivedAtMin: HOUR,
      receivedAtMax: HOUR + 5000,
      ranges: [{ partition: 0, from: 0, to: 3000 }],
    });
  });

  test('finishes a merged file when it is large enough', async () => {
    const feed = new Feed(SMALL, 1);
    for (let k = 0; k < 4; k++) feed.append(0, HOUR, rows(1000, k));
    const stage = stageOf(feed, handClock(HOUR), { runRowsMax: 1000, mergedGroupRows: 500, mergedFileBytes: 10_000 });
    await feed.run(stage, HOUR + HOUR_MS);
    const { files } = readSnapshot(realDisk, folder, 'events')!;
    expect(files.length).toBeGreaterThan(1);
    expect(files.every((file) => file.kind === 'merged')).toBe(true);
    expect(lakeTexts(folder, SMALL)).toEqual(feed.expected());
    const all = lakeRows(folder, SMALL).flatMap((file) => file.rows);
    expect(all).toEqual(inLakeOrder(all));
  });

  test('merges more runs than it may open at once in rounds', async () => {
    const feed = new Feed(SMALL, 2);
    for (let k = 0; k < 150; k++) feed.append(k % 2, HOUR + k, rows(3, k));
    const stage = stageOf(feed, handClock(HOUR), { runRowsMax: 3 });
    await feed.run(stage, HOUR + HOUR_MS);
    for (let i = 0; i < 5; i++) await feed.more(stage, HOUR + HOUR_MS, new Map(), 150);
    expect(stage.status()).toMatchObject({ files: 1, runs: 0, merges: 3 });
    expect(lakeTexts(folder, SMALL)).toEqual(feed.expected());
  });

  test('cuts a run by age, and when in a hurry', async () => {
    const feed = new Feed(SMALL, 1);
    const clock = handClock(HOUR);
    feed.append(0, HOUR, rows(5, 1));
    feed.append(0, HOUR, rows(5, 2));
    const stage = stageOf(feed, clock);
    await feed.run(stage, HOUR, 1);
    expect(await stage.flush([])).toBeNull();
    clock.ms += 600_000;
    expect(await stage.flush([])).toEqual([{ stream: 'events', partition: 0, offset: 5 }]);
    expect(await stage.flush([])).toBeNull();
    await feed.more(stage, HOUR, new Map(), 1);
    stage.hurried = true;
    expect(await stage.flush([])).toEqual([{ stream: 'events', partition: 0, offset: 10 }]);
    expect(await stage.flush([])).toBeNull();
  });

  test('moves its offset over rows that are lost', async () => {
    const feed = new Feed(SMALL, 1);
    feed.append(0, HOUR, rows(5, 1));
    const stage = stageOf(feed);
    await feed.run(stage, HOUR);
    stage.skipped({ stream: 'events', partition: 0, from: 5, to: 9 });
    stage.hurried = true;
    expect(await stage.flush([])).toEqual([{ stream: 'events', partition: 0, offset: 9 }]);
    stage.skipped({ stream: 'events', partition: 0, from: 9, to: 12 });
    expect(await stage.flush([])).toEqual([{ stream: 'events', partition: 0, offset: 12 }]);
    expect(stage.status().rows).toBe(5);
  });

  test('holds small batches for no more than their rows cost', async () => {
    const feed = new Feed(SMALL, 2);
    for (let k = 0; k < 1000; k++) feed.append(k % 2, HOUR, rows(1, k));
    const stage = stageOf(feed, handClock(HOUR), { runBytesMax: 700_000 });
    await feed.run(stage, HOUR);
    expect(stage.status()).toMatchObject({ rowsWaiting: 1000, files: 0 });
    await feed.more(stage, HOUR + HOUR_MS, new Map(), 1000);
    expect(lakeTexts(folder, SMALL)).toEqual(feed.expected());
  });

  test('keeps replaced files for the grace period, then removes them', async () => {
    const feed = new Feed(SMALL, 1);
    feed.append(0, HOUR, rows(10, 1));
    feed.append(0, HOUR, rows(10, 2));
    const clock = handClock(HOUR);
    const stage = stageOf(feed, clock, { runRowsMax: 10, graceMs: 60_000 });
    await feed.run(stage, HOUR + HOUR_MS);
    expect(dataFiles(folder)).toHaveLength(3);
    clock.ms += 60_000;
    await feed.more(stage, HOUR + HOUR_MS, new Map(), 2);
    expect(dataFiles(folder)).toEqual(readSnapshot(realDisk, folder, 'events')!.files.map((file) => file.name));
    expect(readSnapshot(realDisk, folder, 'events')!.removed).toEqual([]);
  });

  test('reads on when the schema grows, and DuckDB reads old and new files together', async () => {
    const feed = new Feed(SMALL, 1);
    feed.append(0, HOUR, rows(20, 1));
    await feed.run(stageOf(feed, handClock(HOUR), { runRowsMax: 20 }), HOUR);
    const declared = defineSchema({
      columns: {
        tenant: 'dictionary',
        time: 'timestamp',
        n: 'int64',
        url: 'dictionary?',
        added: 'decimal?',
        tags: 'list?',
      },
      tenant: 'tenant',
      eventTime: 'time',
    });
    feed.evolve(compareSchemas(SMALL, declared));
    feed.append(
      0,
      HOUR,
      rows(20, 2).map((row) => ({ ...row, added: '1.500000', tags: ['a'] })),
    );
    const stage = stageOf(feed, handClock(HOUR), { runRowsMax: 20 });
    await feed.run(stage, HOUR);
    const catalog = openCatalog(realDisk, folder);
    const paths = catalog.snapshot('events')!.files.map((file) => catalog.pathOf('events', file));
    expect(paths).toHaveLength(2);
    const duck = await (await DuckDBInstance.create(':memory:')).connect();
    const read = await duck.runAndReadAll(
      `SELECT count(*)::INT c, count(added)::INT a, sum(added)::VARCHAR s, count(url)::INT u FROM read_parquet([${paths.map((path) => `'${path}'`).join(', ')}], union_by_name = true)`,
    );
    expect(read.getRowObjectsJson()).toEqual([{ c: 40, a: 20, s: '30.000000', u: 26 }]);
    await feed.more(stage, HOUR + HOUR_MS, new Map(), 2);
    expect(stage.status()).toMatchObject({ files: 1, runs: 0 });
    expect(lakeTexts(folder, feed.definition.schema)).toEqual(feed.expected());
  });

  test('tells readers of a new snapshot by its version', async () => {
    const feed = new Feed(SMALL, 1);
    feed.append(0, HOUR, rows(10, 1));
    feed.append(0, HOUR, rows(10, 2));
    const catalog = openCatalog(realDisk, folder);
    expect(catalog.snapshot('events')).toBeUndefined();
    const stage = stageOf(feed, handClock(HOUR), { runRowsMax: 10 });
    await feed.run(stage, HOUR, 1);
    const first = catalog.snapshot('events')!;
    expect(catalog.snapshot('events')).toBe(first);
    await feed.more(stage, HOUR, new Map(), 1);
    expect(catalog.snapshot('events')).toMatchObject({ version: first.version + 1, committed: [20] });
  });

  test('goes on when an hour can not be merged, says why, and tries again', async () => {
    const feed = new Feed(SMALL, 1);
    feed.append(0, HOUR, rows(10, 1));
    feed.append(0, HOUR + HOUR_MS, rows(10, 2));
    const clock = handClock(HOUR);
    const stage = stageOf(feed, clock, { runRowsMax: 10 });
    await feed.run(stage, HOUR);
    const path = join(folder, 'events', 'data', readSnapshot(realDisk, folder, 'events')!.files[0]!.name);
    realDisk.rename(path, `${path}.away`);
    await feed.more(stage, HOUR + 3 * HOUR_MS, new Map(), 2);
    expect(stage.status().mergeFailure).toContain('ENOENT');
    await feed.more(stage, HOUR + 3 * HOUR_MS, new Map(), 2);
    expect(stage.status()).toMatchObject({ runs: 1, merges: 1 });
    realDisk.rename(`${path}.away`, path);
    clock.ms += 30_000;
    await feed.more(stage, HOUR + 3 * HOUR_MS, new Map(), 2);
    expect(stage.status()).toMatchObject({ runs: 0, merges: 2, mergeFailure: null });
    expect(lakeTexts(folder, SMALL)).toEqual(feed.expected());
  });
});

/** The order that the lake promises, by a plain comparison. */
