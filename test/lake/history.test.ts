/** Rows of the lake and then of the log are the rows of a log that kept everything. */
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { batchFromRows, rowOf } from '../../src/event/rows.js';
import { defineSchema } from '../../src/event/schema-define.js';
import { withHistory } from '../../src/lake/history.js';
import { reachOf } from '../../src/lake/reach.js';
import { commitSnapshot, readSnapshot, type LakeFile } from '../../src/lake/snapshot.js';
import type { Log, LogCursor } from '../../src/log/log.js';
import { EVERY_TYPE, everyRow } from '../event/arbitrary.js';
import { removeFolders, until } from '../mill/support.js';
import { rounds } from '../sim/rounds.js';
import { fromOf, HOUR, opened, startsOf, toLake, type Kept } from './kept.js';
import { noSyncDisk } from './no-sync.js';
import { shortLog } from './short-log.js';

const T0 = 1_760_000_000_000 - (1_760_000_000_000 % HOUR);

afterEach(removeFolders);

interface Read {
  readonly partition: number;
  readonly offset: number;
  readonly receivedAt: number;
  readonly row: Record<string, unknown>;
}

/** Every row from the start on, through cursors that are asked in turn. */
async function readAll(log: Log): Promise<Read[]> {
  const cursors = startsOf(log).map((start, partition) => log.cursor('events', partition, start));
  const rows: Read[][] = cursors.map(() => []);
  const atEnd = (cursor: LogCursor, partition: number) => cursor.position >= log.range('events', partition).end;
  for (let tries = 0; !cursors.every(atEnd); tries++) {
    expect(tries).toBeLessThan(100_000);
    for (const [partition, cursor] of cursors.entries()) {
      const batch = cursor.next();
      if (batch === null && !atEnd(cursor, partition)) await cursor.wait();
      if (batch === null || batch.rows === 0) continue;
      const { baseOffset, eventTimeMax, eventTimeMin, receivedAt } = batch;
      const { schema } = batch.batch;
      expect(schema).toBe(log.stream('events')!.schema);
      const read = Array.from({ length: batch.rows }, (_, i) => rowOf(batch.batch, i));
      if (schema.roles.eventTime >= 0) {
        const times = read.map((row) => row[schema.columns[schema.roles.eventTime]!.name] as number);
        // The log says of the rest of a batch what it says of all of it.
        expect(eventTimeMin).toBeLessThanOrEqual(Math.min(...times));
        expect(eventTimeMax).toBeGreaterThanOrEqual(Math.max(...times));
      }
      read.forEach((row, i) => rows[partition]!.push({ partition, offset: baseOffset + i, receivedAt, row }));
      expect(cursor.position).toBe(baseOffset + batch.rows);
    }
  }
  for (const cursor of cursors) cursor.close();
  return rows.flat();
}

async function append({ clock, log }: Kept, rows: readonly object[], passMs: number): Promise<void> {
  clock.time += passMs;
  const { schema } = log.stream('events')!;
  await log.append({ batches: [{ stream: 'events', rows: batchFromRows(schema, rows as never) }] });
}

const scenario = fc.record({
  partitions: fc.constantFrom(1, 4),
  appends: fc.array(
    fc.record({
      rows: fc.array(everyRow, { minLength: 1, maxLength: 9 }),
      passMs: fc.constantFrom(0, 1, 60_000, 25 * 60_000),
    }),
    { minLength: 2, maxLength: 16 },
  ),
  inLake: fc.integer({ min: 50, max: 100 }),
  cut: fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 4, maxLength: 4 }),
  runRowsMax: fc.constantFrom(1, 7, 1_000),
  pageRows: fc.constantFrom(1, 7, 64, 100_000),
});

describe('a log whose rows go on in the lake', () => {
  test('has the rows of one that kept everything, wherever retention cut, with every type', async () => {
    let fromLake = 0;
    await fc.assert(
      fc.asyncProperty(scenario, async ({ appends, cut, inLake, pageRows, partitions, runRowsMax }) => {
        const kept = await opened(EVERY_TYPE, partitions, T0, pageRows);
        const { log, source } = kept;
        const lakeFrom = Math.ceil((appends.length * inLake) / 100);
        for (const { passMs, rows } of appends.slice(0, lakeFrom)) await append(kept, rows, passMs);
        kept.clock.time += 3 * HOUR;
        await until(() => log.arrivalClock('events').clockMs >= kept.clock.time, 'the clock');
        await toLake(kept, runRowsMax);
        const committed = readSnapshot(noSyncDisk, kept.lake, 'events')!.committed;
        for (const { passMs, rows } of appends.slice(lakeFrom)) await append(kept, rows, passMs);
        // Retention never takes what the lake has not read.
        const starts = committed.map((end, partition) => Math.floor((end * cut[partition]!) / 100));
        while (starts.length < partitions) starts.push(0);
        const short = shortLog(log, 'events', starts);
        const from = fromOf({ ...kept, log: short });
        expect(Object.values(from)).toEqual(starts.map(() => 0));
        fromLake += starts.reduce((sum, start) => sum + start, 0);
        expect(await readAll(withHistory(short, source, from))).toEqual(await readAll(log));
        await log.close();
      }),
      { numRuns: rounds(25, 60), endOnFailure: true },
    );
    expect(fromLake).toBeGreaterThan(100);
  }, 300_000);
});

const SMALL = defineSchema({
  columns: { tenant: 'dictionary', at: 'timestamp', n: 'int64' },
  tenant: 'tenant',
  eventTime: 'at',
});
const small = (count: number, first: number): object[] =>
  Array.from({ length: count }, (_, i) => ({ tenant: `t${i % 3}`, at: T0 + first + i, n: first + i }));

/** Four hours of ten rows, in the lake; the last of them is in the log alone from row 35 on. */
async function fourHours(partitions = 1): Promise<Kept> {
  const kept = await opened(SMALL, partitions, T0, 7);
  for (let hour = 0; hour < 4; hour++) {
    await append(kept, small(5, hour * 10), 0);
    await append(kept, small(5, hour * 10 + 5), 1_000);
    kept.clock.time += HOUR;
  }
  await until(() => kept.log.arrivalClock('events').clockMs >= kept.clock.time, 'the clock');
  await toLake(kept, 5);
  return kept;
}

/** Takes files from the lake, as if they had been lost or removed. */
function without({ lake }: Kept, drop: (file: LakeFile) => boolean): void {
  const snapshot = readSnapshot(noSyncDisk, lake, 'events')!;
  const files = snapshot.files.filter((file) => !drop(file));
  commitSnapshot(noSyncDisk, lake, { ...snapshot, version: snapshot.version + 1, files });
}

const numbers = (rows: readonly Read[]) => rows.map(({ row }) => row['n']);

const upTo = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

/** The offsets that a cursor gives until it is at `end`. */
async function offsetsOf(cursor: LogCursor, end: number): Promise<number[]> {
  const offsets: number[] = [];
  while (cursor.position < end) {
    const batch = cursor.next();
    if (batch === null) await cursor.wait();
    else offsets.push(...upTo(batch.baseOffset, batch.baseOffset + batch.rows));
  }
  return offsets;
}

describe('where the lake lacks rows', () => {
  test('an hour that is not whole, or does not meet the next, ends the reach', async () => {
    const kept = await fourHours();
    const { files } = readSnapshot(noSyncDisk, kept.lake, 'events')!;
    expect(reachOf({ files }, [35])).toMatchObject({ from: [0], rows: 35, files: 4 });
    expect(reachOf({ files }, [15])).toMatchObject({ from: [0], rows: 15, files: 2 });
    expect(reachOf({ files }, [0])).toEqual({ from: [0], rows: 0, files: 0 });
    const second = files.filter(({ hour }) => hour !== T0 + HOUR);
    expect(reachOf({ files: second }, [35])).toMatchObject({ from: [20], rows: 15 });
    // What the log still has the lake need not.
    expect(reachOf({ files: second }, [20])).toMatchObject({ from: [20], rows: 0 });
    const thin = files.map((file) => (file.hour === T0 + HOUR ? { ...file, rows: file.rows - 1 } : file));
    expect(reachOf({ files: thin }, [35])).toMatchObject({ from: [20] });
    // It ends before the log begins.
    expect(reachOf({ files: files.filter(({ hour }) => hour < T0 + 3 * HOUR) }, [35]).from).toEqual([35]);
    await kept.log.close();
  });

  test('begins after the gap', async () => {
    const kept = await fourHours();
    without(kept, ({ hour }) => hour === T0 + HOUR);
    const short = shortLog(kept.log, 'events', [35]);
    const history = withHistory(short, kept.source, { 'events/0': 0 });
    expect(history.range('events', 0)).toEqual({ start: 20, end: 40 });
    expect(numbers(await readAll(history))).toEqual(numbers((await readAll(kept.log)).slice(20)));
    await kept.log.close();
  });

  test('rows that go while it is read are skipped, and what comes behind them is read', async () => {
    const kept = await fourHours();
    const cursor = withHistory(shortLog(kept.log, 'events', [35]), kept.source, { 'events/0': 0 }).cursor(
      'events',
      0,
      0,
    );
    without(kept, ({ hour }) => hour === T0 + HOUR);
    expect(await offsetsOf(cursor, 40)).toEqual([...upTo(0, 10), ...upTo(20, 40)]);
    await kept.log.close();
  });

  test('a batch ends where rows are missing', async () => {
    const kept = await opened(SMALL, 1, T0, 100);
    for (let n = 0; n < 3; n++) await append(kept, small(5, n * 5), 0);
    await toLake(kept, 5);
    const cursor = withHistory(shortLog(kept.log, 'events', [15]), kept.source, { 'events/0': 0 }).cursor(
      'events',
      0,
      0,
    );
    without(kept, ({ ranges }) => ranges[0]!.from === 5);
    expect(await offsetsOf(cursor, 15)).toEqual([...upTo(0, 5), ...upTo(10, 15)]);
    await kept.log.close();
  });

  test('a log that is cut under the reader goes on in the lake, and never back', async () => {
    const kept = await fourHours();
    const starts = [5];
    const history = withHistory(shortLog(kept.log, 'events', starts), kept.source, { 'events/0': 0 });
    const cursor = history.cursor('events', 0, 0);
    const first = await offsetsOf(cursor, 10);
    starts[0] = 30;
    expect([...first, ...(await offsetsOf(cursor, 40))]).toEqual(upTo(0, 40));
    await kept.log.close();
  });
});

test('a reader whose history begins with the log sees nothing of the lake', async () => {
  const kept = await fourHours();
  const history = withHistory(shortLog(kept.log, 'events', [35]), kept.source, {});
  expect(history.range('events', 0).start).toBe(35);
  await kept.log.close();
});

test('columns that came later are null in older rows', async () => {
  const kept = await fourHours();
  const schema = defineSchema({
    columns: { tenant: 'dictionary', at: 'timestamp', n: 'int64', kind: 'dictionary?', tags: 'list?' },
    tenant: 'tenant',
    eventTime: 'at',
  });
  await kept.log.createStream({ ...kept.log.stream('events')!, schema });
  await append(kept, [{ tenant: 't1', at: T0, n: 40, kind: 'x', tags: ['a'] }], 0);
  const history = withHistory(shortLog(kept.log, 'events', [35]), kept.source, { 'events/0': 0 });
  const rows = await readAll(history);
  expect(rows).toEqual(await readAll(kept.log));
  expect(rows[3]!.row).toMatchObject({ n: 3, kind: null, tags: null });
  await kept.log.close();
});
