/** The power goes at a random operation of the disk; what the log was told must be in the lake. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { defineSchema } from '../../src/event/schema-define.js';
import { rowOf } from '../../src/event/rows.js';
import { HOUR_MS } from '../../src/lake/options.js';
import { ParquetReader } from '../../src/format/parquet/reader.js';
import { lakeSchema } from '../../src/lake/schema.js';
import { openLake } from '../../src/lake/snapshot.js';
import { LakeStage } from '../../src/lake/stage.js';
import { SimDisk, type DiskControl } from '../sim/disk.js';
import { SeededRandom } from '../sim/random.js';
import { Feed, handClock } from './feed.js';

const HOUR = 1_750_003_200_000 - (1_750_003_200_000 % HOUR_MS);
const SCHEMA = defineSchema({
  columns: { tenant: 'dictionary', time: 'timestamp', n: 'int64' },
  tenant: 'tenant',
  eventTime: 'time',
});
const LAKE = '/data/lake';

function feedOf(): Feed {
  const feed = new Feed(SCHEMA, 2);
  for (let k = 0; k < 6; k++)
    feed.append(
      k % 2,
      HOUR + k,
      Array.from({ length: 5 }, (_, i) => ({
        tenant: `t${i % 2}`,
        time: HOUR + ((i * 13 + k * 7) % 11),
        n: k * 5 + i,
      })),
    );
  return feed;
}

/** Works until the power goes; answers what the log was told last. */
async function live(feed: Feed, disk: SimDisk, powerAt: number, errorAt = Infinity): Promise<number[]> {
  let steps = 0;
  disk.fault = (operation) => {
    if (operation.kind === 'read') return undefined;
    steps++;
    if (steps >= powerAt) return new Error('power');
    return steps === errorAt ? new Error('a passing error') : undefined;
  };
  const told = feed.ends.map(() => 0);
  const clock = handClock(HOUR);
  const stage = new LakeStage({
    stream: 'events',
    definition: () => feed.definition,
    folder: LAKE,
    disk,
    clock,
    options: { runRowsMax: 10, mergedGroupRows: 4, graceMs: 1000 },
  });
  const flush = stage.flush.bind(stage);
  stage.flush = async (positions) => {
    const held = await flush(positions);
    for (const { partition, offset } of held ?? []) told[partition] = offset;
    return held;
  };
  const restore = stage.restore.bind(stage);
  stage.restore = async () => {
    const start = await restore();
    // The loop registers these, so the log may forget what is below.
    for (const { partition, offset } of start) told[partition] = Math.max(told[partition]!, offset);
    return start;
  };
  stage.hurried = true;
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      await feed.run(stage, HOUR + HOUR_MS);
      clock.ms += 60_000;
      await feed.more(stage, HOUR + HOUR_MS, new Map(), feed.batches.length);
    } catch (error) {
      if (!(error instanceof Error) || !['power', 'a passing error'].includes(error.message)) throw error;
    }
  }
  await stage.close();
  return told;
}

/** Counts the lake of a disk: every row below its offsets, once; its offsets at least what was told. */
function recount(feed: Feed, disk: SimDisk, told: readonly number[]): void {
  const { snapshot } = openLake(disk, LAKE, 'events');
  const committed = snapshot?.committed ?? [];
  told.forEach((offset, partition) =>
    expect(committed[partition] ?? 0, `partition ${partition}`).toBeGreaterThanOrEqual(offset),
  );
  const texts = (snapshot?.files ?? []).flatMap((entry) => {
    const path = join(LAKE, 'events', 'data', entry.name);
    const file = disk.open(path, 'read');
    const reader = new ParquetReader(file, path, lakeSchema(SCHEMA));
    return Array.from({ length: reader.groups }, (_, group) => reader.readGroup(group)).flatMap((batch) =>
      Array.from({ length: batch.rows }, (__, row) => JSON.stringify(rowOf(batch, row))),
    );
  });
  const expected = feed.expected().filter((text) => {
    const row = JSON.parse(text) as { _partition: number; _offset: number };
    return row._offset < (committed[row._partition] ?? 0);
  });
  expect(texts.sort()).toEqual(expected);
}

/** One life, a crash, a recount, and a second life that finishes. */
async function round(seed: number, control?: DiskControl): Promise<void> {
  const random = new SeededRandom(seed);
  const feed = feedOf();
  let disk = new SimDisk(random, control);
  let told = feed.ends.map(() => 0);
  for (let life = 0; life < 3; life++) {
    const errorAt = 1 + random.below(60);
    const powerAt = random.chance(0.5) ? errorAt + 1 + random.below(8) : 1 + random.below(90);
    const said = await live(feed, disk, powerAt, errorAt);
    told = told.map((offset, partition) => Math.max(offset, said[partition]!));
    disk = disk.crash();
    recount(feed, disk, told);
  }
  await live(feed, disk, Infinity);
  disk.fault = undefined;
  recount(feed, disk, feed.ends);
}

describe('the lake when the power goes', () => {
  test('keeps every row that the log may forget, once', async () => {
    for (let seed = 1; seed <= 150; seed++)
      await round(seed).catch((cause: unknown) =>
        Promise.reject(new Error(`seed ${seed}: ${String(cause)}`, { cause })),
      );
  }, 120_000);

  for (const control of ['no-data-sync', 'no-directory-sync'] as const)
    test(`would not with ${control}: the harness notices within 25 rounds`, async () => {
      let failed = 0;
      for (let seed = 1; seed <= 25; seed++) await round(seed, control).catch(() => failed++);
      expect(failed).toBeGreaterThan(0);
    }, 120_000);
});
