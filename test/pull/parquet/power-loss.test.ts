/** A simulated disk: errors and power cuts at any operation. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { valueOf } from '../../../src/event/rows.js';
import { FeedClient } from '../../../src/pull/feed-client.js';
import { Puller } from '../../../src/pull/puller.js';
import { createParquetTarget } from '../../../src/pull/targets/parquet.js';
import { rowSchema } from '../../../src/pull/targets/parquet/columns.js';
import { keyColumns, readGroups } from '../../../src/pull/targets/parquet/files.js';
import { readManifest } from '../../../src/pull/targets/parquet/manifest.js';
import { keyHash } from '../../../src/event/feed.js';
import { SimClock } from '../../sim/clock.js';
import { errno, SimDisk } from '../../sim/disk.js';
import { SeededRandom } from '../../sim/random.js';
import { ModelFeed, traffic } from '../model-feed.js';

const FOLDER = '/pulled';
const PART = `${FOLDER}/traffic/acme`;
const KEYS = 14;
const TOTAL = KEYS * 10;
/** Some keys a day. */
const minute = (n: number): number => n * 400;

let feed: ModelFeed;
let url = '';
beforeEach(async () => {
  feed = new ModelFeed();
  url = await feed.listen();
});
afterEach(() => feed.close());

/** A worker; its target is to be closed. */
function worker(disk: SimDisk, limit: number) {
  const lock = async () => () => undefined;
  const target = createParquetTarget({ path: FOLDER, disk, clock: new SimClock(), lock, partRows: 4 });
  const client = new FeedClient({ url, tenant: 'acme', view: 'traffic' });
  return { target, puller: new Puller({ client, target, limit }) };
}

/** Clicks and revision by key, of the files that the manifest names. Throws when a key comes twice. */
function contents(disk: SimDisk): Map<string, string> {
  const manifest = readManifest(disk, PART);
  const rows = new Map<string, string>();
  if (manifest === undefined) return rows;
  const schema = rowSchema(manifest.columns);
  const clicks = schema.columns.findIndex(({ name }) => name === 'clicks');
  for (const { path } of manifest.files) {
    for (const batch of readGroups(disk, `${PART}/${path}`, schema)) {
      const keys = keyColumns(batch);
      for (let row = 0; row < batch.rows; row++) {
        const key = Buffer.from(keys.key(row), 'latin1').toString('hex');
        if (rows.has(key)) throw new Error(`key ${key} comes twice`);
        rows.set(key, `${keys.rev(row)} ${String(valueOf(batch.column(clicks), 'int64', row))}`);
      }
    }
  }
  return rows;
}

function expected(): Map<string, string> {
  const { key: names } = feed.columns;
  return new Map(
    feed.rows('acme').map(({ key, rev, values }) => {
      const hash = keyHash(
        'acme',
        names.map(({ name }) => key[name] ?? null),
      ).toString('hex');
      return [hash, `${rev} ${String(values['clicks'])}`];
    }),
  );
}

const sum = (rows: ReadonlyMap<string, string>): number =>
  [...rows.values()].reduce((all, text) => all + Number(text.split(' ')[1]), 0);

describe('power cuts and errors of the disk', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'at any operation: what is found is whole, and the end exact (seed %i)',
    async (seed) => {
      const random = new SeededRandom(seed);
      const clicks = Array.from({ length: KEYS }, () => 10);
      let disk = new SimDisk(random);
      feed.change('acme', ...clicks.map((amount, n) => traffic(minute(n), `c${n}`, amount)));
      let cuts = 0;
      for (let life = 0; life < 60; life++) {
        const { puller, target } = worker(disk, 1 + random.below(6));
        const isLate = random.chance(0.4);
        let left = isLate ? random.below(3) : random.below(60);
        let isRenamed = false;
        disk.fault = ({ kind }) => {
          // Between the rename of a manifest and its being on disk is little time: it is hit on purpose.
          const isCounted = !isLate || (isRenamed && kind === 'syncDirectory');
          isRenamed = kind === 'rename';
          return isCounted && --left < 0 ? errno('EIO', 'the disk does not answer') : undefined;
        };
        for (let turn = 0; turn < 6; turn++) {
          const [a, b] = [random.below(KEYS), random.below(KEYS)];
          const amount = random.below(clicks[a]! + 1);
          clicks[a]! -= amount;
          clicks[b]! += amount;
          const isGone = a !== b && clicks[a] === 0 && random.chance(0.5);
          if (a !== b) feed.change('acme', { ...traffic(minute(a), `c${a}`, clicks[a]!), isDelete: isGone });
          feed.change('acme', traffic(minute(b), `c${b}`, clicks[b]!));
          if (random.chance(0.03)) feed.expiredBelow = feed.rev('acme');
          const failed = await puller.turn(0).then(
            () => false,
            (error: unknown) => {
              if (!String(error).includes('do not come to an end'))
                expect(error).toMatchObject({ code: 'PULL_DATABASE_UNAVAILABLE' });
              return true;
            },
          );
          if (failed) break;
        }
        disk.fault = undefined;
        const isCut = random.chance(0.7);
        if (isCut) {
          disk = disk.crash();
          cuts++;
        } else await target.close();
        expect([0, TOTAL]).toContain(sum(contents(disk)));
      }
      const { puller, target } = worker(disk, 5);
      await puller.catchUp();
      expect(contents(disk)).toEqual(expected());
      expect(cuts).toBeGreaterThan(20);
      // Nothing is left over.
      await target.close();
      const manifest = readManifest(disk, PART)!;
      const named = [...manifest.files, ...manifest.deleted, ...manifest.staged].map(({ path }) => path);
      expect(disk.list(PART).toSorted()).toEqual([...named, 'manifest.json'].toSorted());
    },
  );

  test('a full disk is said so, changes nothing, and it goes on when there is room', async () => {
    const disk = new SimDisk(new SeededRandom(1));
    feed.change('acme', traffic(0, 'a', 1));
    const { puller, target } = worker(disk, 5);
    await puller.catchUp();
    const before = contents(disk);
    feed.change('acme', traffic(0, 'a', 2));
    disk.fault = ({ kind }) => (kind === 'write' ? errno('ENOSPC', 'no space left on device') : undefined);
    await expect(puller.catchUp()).rejects.toMatchObject({
      code: 'PULL_DATABASE_FULL',
      message: expect.stringContaining('make room there'),
    });
    expect(contents(disk)).toEqual(before);
    disk.fault = undefined;
    await puller.catchUp();
    expect(contents(disk)).toEqual(expected());
    await target.close();
  });
});
