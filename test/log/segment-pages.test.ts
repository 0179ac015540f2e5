/** Large batches stay in their segments: a column is read once it is touched, also late, and never wrongly. */
import { closeSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { columnIndex } from '../../src/event/schema-define.js';
import type { Disk, DiskFile } from '../../src/io/disk.js';
import { realDisk } from '../../src/io/disk-real.js';
import type { EmbeddedLog } from '../../src/log/embedded/open.js';
import type { LogBatch } from '../../src/log/log.js';
import { definition, events, freshFolder, open, readBatches, removeFolders, rowsOf, SCHEMA } from './support.js';

afterEach(removeFolders);

/** So many rows that a batch is a large one. */
const ROWS = 30_000;
const COUNTRY = columnIndex(SCHEMA, 'country');
const ID = columnIndex(SCHEMA, 'id');

/** The real disk, and how many bytes were read from it. */
class CountingDisk {
  bytes = 0;
  readonly disk: Disk = bound(realDisk, {
    open: (...args: Parameters<Disk['open']>) => {
      const file = realDisk.open(...args);
      const readSync: DiskFile['readSync'] = (...place) => {
        const got = file.readSync(...place);
        this.bytes += got;
        return got;
      };
      return bound(file, { readSync });
    },
  });
}

/** An object with some of its methods replaced. */
function bound<T extends object>(object: T, replaced: Partial<T>): T {
  return new Proxy(object, {
    get(target, key) {
      const other = replaced[key as keyof T];
      if (other !== undefined) return other;
      const value = target[key as keyof T];
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

async function filled(folder: string, batches: number, disk: Disk = realDisk): Promise<EmbeddedLog> {
  const log = await open(folder, { disk, options: { segmentBytes: 1 << 20, firstSegmentBytes: 1 << 20 } });
  await log.createStream(definition('events'));
  for (let n = 0; n < batches; n++) await log.append({ batches: [{ stream: 'events', rows: events(ROWS, n * ROWS) }] });
  return log;
}

/** The first batch, held while others of several segments are read. */
function firstOf(log: EmbeddedLog): LogBatch {
  const [first, ...others] = readBatches(log, 'events');
  for (const { batch } of others) batch.column(COUNTRY);
  return first!;
}

test('a column that nobody touches is not read', async () => {
  const counting = new CountingDisk();
  const log = await filled(freshFolder(), 1, counting.disk);
  const bytes = (columns: readonly number[]): number => {
    counting.bytes = 0;
    for (const { batch } of readBatches(log, 'events')) for (const column of columns) batch.column(column);
    return counting.bytes;
  };
  bytes([]);
  expect(bytes([COUNTRY])).toBeLessThan(40_000);
  expect(bytes([ID])).toBeGreaterThan(150_000);
  expect(rowsOf(readBatches(log, 'events')).map(({ id }) => id)).toEqual(
    Array.from({ length: ROWS }, (_, i) => `e${i}`),
  );
  await log.close();
});

test('a batch that is held is read late, from a segment that was closed meanwhile', async () => {
  const log = await filled(freshFolder(), 20);
  const first = firstOf(log);
  expect(rowsOf([first]).slice(-1)).toMatchObject([{ id: `e${ROWS - 1}`, tenant: `tenant-${(ROWS - 1) % 3}` }]);
  await log.close();
});

test('of a segment that is gone, and of a log that is closed, a column says so', async () => {
  const folder = freshFolder();
  const log = await filled(folder, 20);
  const gone = firstOf(log);
  const last = readBatches(log, 'events').at(-1)!;
  const [oldest] = readdirSync(folder)
    .filter((name) => name.endsWith('.segment'))
    .toSorted();
  rmSync(join(folder, oldest!));
  expect(() => gone.batch.column(ID)).toThrow(/segment \d+ is no longer kept/);
  await log.close();
  expect(() => last.batch.column(ID)).toThrow('the log is closed');
});

test('a damaged page is its column alone', async () => {
  const folder = freshFolder();
  const log = await filled(folder, 1);
  await log.close();
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    const at = readFileSync(path).indexOf('e12345e12346');
    if (at < 0) continue;
    const file = openSync(path, 'r+');
    writeSync(file, 'E', at);
    closeSync(file);
  }
  const again = await open(folder);
  const [{ batch }] = readBatches(again, 'events') as [LogBatch];
  expect(() => batch.column(ID)).toThrow(/the page of column 'id' for offsets 0-29999 fails its crc/);
  expect(batch.column(COUNTRY)).toMatchObject({ kind: 'dictionary' });
  await again.close();
});
