/** A crash at every single step of the lake's work with the disk, then a recount. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { defineSchema } from '../../src/event/schema-define.js';
import type { Disk, DiskFile } from '../../src/io/disk.js';
import { noSyncDisk as realDisk } from './no-sync.js';
import { HOUR_MS } from '../../src/lake/options.js';
import { readSnapshot } from '../../src/lake/snapshot.js';
import { LakeStage } from '../../src/lake/stage.js';
import { dataFiles, Feed, handClock, lakeTexts } from './feed.js';

const HOUR = 1_750_003_200_000 - (1_750_003_200_000 % HOUR_MS);
const SCHEMA = defineSchema({
  columns: { tenant: 'dictionary', time: 'timestamp', n: 'int64' },
  tenant: 'tenant',
  eventTime: 'time',
});

/** A disk on which step number `failAt`, and if `stays` every one after it, fails; half of a failing write lands. */
function failingDisk(failAt: number, stays: boolean): { disk: Disk; steps: () => number } {
  let steps = 0;
  const step = (name: string): void => {
    steps++;
    if (steps === failAt || (stays && steps > failAt)) throw new Error(`the disk failed at step ${steps}: ${name}`);
  };
  const wrap = (file: DiskFile): DiskFile => ({
    readSync: (...args) => file.readSync(...args),
    async write(source, position) {
      try {
        step('write');
      } catch (error) {
        if (steps === failAt) await file.write(source.subarray(0, source.length >> 1), position);
        throw error;
      }
      await file.write(source, position);
    },
    writeSync(source, position) {
      try {
        step('write');
      } catch (error) {
        if (steps === failAt) file.writeSync(source.subarray(0, source.length >> 1), position);
        throw error;
      }
      file.writeSync(source, position);
    },
    async sync() {
      step('sync');
      await file.sync();
    },
    syncSync() {
      step('sync');
      file.syncSync();
    },
    allocate: (size) => file.allocate(size),
    truncate: (size) => file.truncate(size),
    size: () => file.size(),
    close: () => file.close(),
  });
  const disk: Disk = {
    ...realDisk,
    open(path, mode) {
      if (mode !== 'read') step(`open ${path}`);
      return wrap(realDisk.open(path, mode));
    },
    rename(from, to) {
      step('rename');
      realDisk.rename(from, to);
    },
    remove(path) {
      step('remove');
      realDisk.remove(path);
    },
    syncDirectory(path) {
      step('sync folder');
      realDisk.syncDirectory(path);
    },
  };
  return { disk, steps: () => steps };
}

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'lake-crash-'))));
afterEach(() => rmSync(folder, { recursive: true }));

function feedOf(): Feed {
  const feed = new Feed(SCHEMA, 2);
  for (let k = 0; k < 4; k++)
    feed.append(
      k % 2,
      HOUR + k,
      Array.from({ length: 5 }, (_, i) => ({
        tenant: `t${i % 2}`,
        time: HOUR + ((i * 13 + k * 7) % 11),
        n: k * 5 + i,
      })),
    );
  feed.append(0, HOUR + HOUR_MS, [{ tenant: 't1', time: HOUR, n: 99 }]);
  return feed;
}

/** Two runs, then the hour's merge, then the removal of what it replaced. */
async function work(feed: Feed, disk: Disk): Promise<LakeStage> {
  const clock = handClock(HOUR);
  const stage = new LakeStage({
    stream: 'events',
    definition: () => feed.definition,
    folder,
    disk,
    clock,
    options: { runRowsMax: 10, mergedGroupRows: 4, mergedFileBytes: 400, graceMs: 1000 },
  });
  await feed.run(stage, HOUR + HOUR_MS);
  clock.ms += 1000;
  await feed.more(stage, HOUR + HOUR_MS, new Map(), feed.batches.length);
  stage.hurried = true;
  await stage.flush([]);
  return stage;
}

function check(feed: Feed): void {
  expect(lakeTexts(folder, SCHEMA)).toEqual(feed.expected());
  const snapshot = readSnapshot(realDisk, folder, 'events')!;
  expect(snapshot.committed).toEqual(feed.ends);
  expect(snapshot.files.filter((file) => file.kind === 'run')).toHaveLength(1);
  const named = [...snapshot.files, ...snapshot.removed].map((file) => file.name);
  expect(new Set(named).size).toBe(named.length);
  expect(dataFiles(folder)).toEqual(named.toSorted());
}

describe('the lake on a failing disk', () => {
  test('holds every row once after a crash at any step', async () => {
    const counting = failingDisk(Infinity, false);
    await work(feedOf(), counting.disk);
    check(feedOf());
    const total = counting.steps();
    expect(total).toBeGreaterThan(40);
    for (let failAt = 1; failAt <= total; failAt++) {
      rmSync(join(folder, 'events'), { recursive: true, force: true });
      const feed = feedOf();
      // The process dies with the disk: whatever the stage says, only the folder counts.
      await work(feed, failingDisk(failAt, true).disk).catch(() => undefined);
      const before = readSnapshot(realDisk, folder, 'events');
      if (before !== undefined)
        expect(lakeTexts(folder, SCHEMA), `right after step ${failAt}`).toEqual(below(feed, before.committed));
      const stage = await work(feed, realDisk);
      check(feed);
      await stage.close();
    }
  }, 120_000);

  test('goes on by itself after an error at any step', async () => {
    const counting = failingDisk(Infinity, false);
    await work(feedOf(), counting.disk);
    for (let failAt = 1; failAt <= counting.steps(); failAt++) {
      rmSync(join(folder, 'events'), { recursive: true, force: true });
      const feed = feedOf();
      const { disk } = failingDisk(failAt, false);
      const clock = handClock(HOUR);
      const stage = new LakeStage({
        stream: 'events',
        definition: () => feed.definition,
        folder,
        disk,
        clock,
        options: { runRowsMax: 10, mergedGroupRows: 4, mergedFileBytes: 400, graceMs: 1000 },
      });
      stage.hurried = true;
      // As the reader loop does: any error leads to `restore`.
      for (let attempt = 0; attempt < 4; attempt++) {
        await feed.run(stage, HOUR + HOUR_MS).catch(() => undefined);
        clock.ms += 60_000;
      }
      await feed.run(stage, HOUR + HOUR_MS);
      check(feed);
      await stage.close();
    }
  }, 120_000);
});

test('a merge whose commit fails half way makes the stage start anew from what is on disk', async () => {
  const feed = feedOf();
  let armed = false;
  let renamed = false;
  const disk: Disk = {
    ...realDisk,
    rename(from, to) {
      realDisk.rename(from, to);
      renamed = armed;
    },
    syncDirectory(path) {
      if (renamed) {
        renamed = armed = false;
        throw new Error('the folder could not be synced');
      }
      realDisk.syncDirectory(path);
    },
  };
  const stage = new LakeStage({
    stream: 'events',
    definition: () => feed.definition,
    folder,
    disk,
    clock: handClock(HOUR),
    options: { runRowsMax: 10 },
  });
  await feed.run(stage, HOUR);
  armed = true;
  await feed.more(stage, HOUR + HOUR_MS, new Map(), feed.batches.length);
  expect(stage.status().mergeFailure).toBe('the folder could not be synced');
  await expect(stage.flush([])).rejects.toThrow('the folder could not be synced');
  await stage.restore();
  expect(stage.status().version).toBe(readSnapshot(realDisk, folder, 'events')!.version);
  expect(lakeTexts(folder, SCHEMA)).toEqual(below(feed, stage.status().committed));
});

/** The rows that a lake with these offsets must hold. */
function below(feed: Feed, committed: readonly number[]): string[] {
  return feed.expected().filter((text) => {
    const row = JSON.parse(text) as { _partition: number; _offset: number };
    return row._offset < committed[row._partition]!;
  });
}
