/** How far back a stream goes, and from when on nothing of it is missing. */
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { batchFromRows, valueOf } from '../../src/event/rows.js';
import { defineSchema } from '../../src/event/schema-define.js';
import { Histories } from '../../src/histories.js';
import { commitSnapshot, readSnapshot } from '../../src/lake/snapshot.js';
import { HOUR, opened, toLake, type Kept } from '../lake/kept.js';
import { noSyncDisk } from '../lake/no-sync.js';
import { shortLog } from '../lake/short-log.js';
import { removeFolders, until } from '../mill/support.js';

const T0 = 1_760_000_000_000 - (1_760_000_000_000 % HOUR);
const SCHEMA = defineSchema({ columns: { tenant: 'dictionary', n: 'int64' }, tenant: 'tenant' });

afterEach(removeFolders);

/** Three hours of rows of many tenants, each a minute after the one before, all in the lake. */
async function threeHours(partitions: number): Promise<Kept> {
  const kept = await opened(SCHEMA, partitions, T0, 100);
  for (let n = 0; n < 180; n++) {
    const rows = batchFromRows(SCHEMA, [{ tenant: `t${n % 13}`, n }]);
    await kept.log.append({ batches: [{ stream: 'events', rows }] });
    kept.clock.time += 60_000;
  }
  await until(() => kept.log.arrivalClock('events').clockMs >= kept.clock.time, 'the clock');
  await toLake(kept, 25);
  return kept;
}

/** The stamp of a row. */
function stampOf({ log }: Kept, partition: number, offset: number): number {
  const cursor = log.cursor('events', partition, offset);
  const batch = cursor.next()!;
  cursor.close();
  return valueOf(batch.batch.column(SCHEMA.roles.receivedAt), 'timestamp', 0) as number;
}

test.each([1, 4])('of %i partitions', async (partitions) => {
  const kept = await threeHours(partitions);
  const { folder, lake, log } = kept;
  const ends = Array.from({ length: partitions }, (_, partition) => log.range('events', partition).end);
  const of = (starts: number[]) => new Histories(shortLog(log, 'events', starts), noSyncDisk, folder).of('events');
  const lost = ends.map((end) => Math.floor(end * 0.9));
  const rows = lost.reduce((sum, start) => sum + start, 0);

  expect(await of(ends.map(() => 0))).toEqual({
    stream: 'events',
    from: {},
    sinceMs: null,
    logRows: 180,
    lakeRows: 0,
    lakeFiles: 0,
    logOnly: null,
  });
  expect(await of(lost)).toMatchObject({
    from: Object.fromEntries(lost.map((_, partition) => [`events/${partition}`, 0])),
    sinceMs: null,
    logRows: 180 - rows,
    lakeRows: rows,
    logOnly: null,
  });

  // Without the first hour: from the first row of the second on, in each partition.
  const snapshot = readSnapshot(noSyncDisk, lake, 'events')!;
  const files = snapshot.files.filter(({ hour }) => hour !== T0);
  commitSnapshot(noSyncDisk, lake, { ...snapshot, version: snapshot.version + 1, files });
  const second = await of(lost);
  const firsts = Object.values(second.from);
  expect(firsts.length).toBe(partitions);
  const stamps = firsts.map((offset, partition) => stampOf(kept, partition, offset));
  expect(Math.min(...stamps)).toBe(T0 + HOUR);
  expect(second.sinceMs).toBe(Math.max(...stamps));
  for (const [partition, offset] of firsts.entries())
    expect(stampOf(kept, partition, offset - 1)).toBeLessThan(T0 + HOUR);

  // Nothing joins: the log alone, from the last of its partitions' first rows on.
  commitSnapshot(noSyncDisk, lake, { ...snapshot, version: snapshot.version + 2, files: files.slice(0, 1) });
  expect(await of(lost)).toMatchObject({
    from: {},
    sinceMs: Math.max(...lost.map((start, partition) => stampOf(kept, partition, start))),
    lakeRows: 0,
    logOnly: 'the lake lacks rows right before the oldest of the log',
  });
  expect(
    await new Histories(shortLog(log, 'events', lost), noSyncDisk, join(folder, 'none')).of('events'),
  ).toMatchObject({ lakeRows: 0, logOnly: 'the lake has nothing of it' });
  await log.close();
});

test('a stream that goes by event time begins with the log', async () => {
  const kept = await threeHours(1);
  const short = shortLog(kept.log, 'events', [100]);
  const events = { ...kept.log.stream('events')!, clock: 'event' as const };
  const log = { ...short, stream: () => events };
  expect(await new Histories(log, noSyncDisk, kept.folder).of('events')).toMatchObject({
    from: {},
    sinceMs: stampOf(kept, 0, 100),
    lakeRows: 0,
    logOnly: 'it goes by event time, and the lake does not hold how its clock went',
  });
  await kept.log.close();
});
