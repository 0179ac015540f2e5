import { afterEach, describe, expect, test } from 'vitest';
import { defineSchema } from '../../src/event/schema-define.js';
import type { CutRows, EmbeddedLog } from '../../src/log/embedded/open.js';
import type { MillraceError } from '../../src/util/errors.js';
import { batchFromRows } from '../../src/event/rows.js';
import { SimClock } from '../sim/clock.js';
import { SimDisk } from '../sim/disk.js';
import { SeededRandom } from '../sim/random.js';
import { definition, events, freshFolder, idsOf, open, readBatches, removeFolders, rowsOf } from './support.js';

afterEach(removeFolders);

const HOUR = 3_600_000;

async function openSim(
  rest: { onCut?: (rows: readonly CutRows[]) => void; disk?: SimDisk; clock?: SimClock } = {},
): Promise<{ log: EmbeddedLog; clock: SimClock; disk: SimDisk }> {
  const disk = rest.disk ?? new SimDisk(new SeededRandom(1));
  const clock = rest.clock ?? new SimClock();
  const options = { segmentBytes: 1 << 15, firstSegmentBytes: 1 << 15 };
  const log = await open('/log', {
    disk,
    clock,
    random: new SeededRandom(1),
    lock: () => Promise.resolve(() => undefined),
    options,
    ...(rest.onCut === undefined ? {} : { onCut: rest.onCut }),
  });
  return { log, clock, disk };
}

async function fill(log: EmbeddedLog, from: number, commits: number, stream = 'events'): Promise<void> {
  for (let i = 0; i < commits; i++) await log.append({ batches: [{ stream, rows: events(100, from + i * 100) }] });
}

async function settle(): Promise<void> {
  for (let i = 0; i < 200; i++) await new Promise((resolve) => setImmediate(resolve));
}

function code(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'done',
    (error: unknown) => (error as MillraceError).code,
  );
}

describe('retention', () => {
  test('deletes whole old segments once every reader has passed them', async () => {
    const { log, clock, disk } = await openSim();
    await log.createStream(definition('events', { retentionMs: HOUR }));
    await log.registerReader('lake', [{ stream: 'events', partition: 0, offset: 0 }]);
    await fill(log, 0, 120);
    await settle();
    const before = log.stats().segments;
    expect(before).toBeGreaterThan(4);
    clock.advance(2 * HOUR);
    await settle();
    expect(log.stats().segments).toBe(before);
    await log.registerReader('lake', [{ stream: 'events', partition: 0, offset: 6000 }]);
    clock.advance(20_000);
    await settle();
    const { start, end } = log.range('events', 0);
    expect(start).toBeGreaterThan(0);
    expect(start).toBeLessThanOrEqual(6000);
    expect(end).toBe(12_000);
    expect(idsOf(log, 'events')[0]).toBe(`e${start}`);
    expect(() => log.cursor('events', 0, start - 1)).toThrow(expect.objectContaining({ code: 'OFFSET_OUT_OF_RANGE' }));
    expect(log.stats().segmentsDeleted).toBeGreaterThan(0);
    const again = await openSim({ disk: disk.crash(), clock });
    expect(again.log.range('events', 0)).toEqual({ start, end });
    expect(idsOf(again.log, 'events')).toHaveLength(end - start);
  });

  test('does not delete what is younger than the retention', async () => {
    const { log, clock } = await openSim();
    await log.createStream(definition('events', { retentionMs: HOUR }));
    await fill(log, 0, 40);
    clock.advance(HOUR / 2);
    await settle();
    expect(log.range('events', 0).start).toBe(0);
    clock.advance(HOUR);
    await settle();
    expect(log.range('events', 0).start).toBeGreaterThan(0);
  });

  test('at the bound `refuse` answers 503 until the reader has moved on', async () => {
    const { log, clock } = await openSim();
    await log.createStream(definition('events', { bytesMax: 60_000 }));
    await log.createStream(definition('small'));
    await log.registerReader('lake', [{ stream: 'events', partition: 0, offset: 0 }]);
    let taken = 0;
    let answer = 'done';
    for (; answer === 'done' && taken < 100_000; taken += 100) {
      answer = await code(fill(log, taken, 1));
      await settle();
    }
    expect(answer).toBe('LOG_DISK_FULL');
    expect(await code(fill(log, 0, 1, 'small'))).toBe('done');
    expect(log.range('events', 0).start).toBe(0);
    await log.registerReader('lake', [{ stream: 'events', partition: 0, offset: log.range('events', 0).end }]);
    clock.advance(20_000);
    await settle();
    expect(await code(fill(log, taken, 1))).toBe('done');
    expect(log.range('events', 0).start).toBeGreaterThan(0);
  });

  test('at the bound `cut` deletes, and says for every tenant how many rows the reader will not see', async () => {
    const cuts: CutRows[] = [];
    const { log } = await openSim({ onCut: (rows) => void cuts.push(...rows) });
    await log.createStream(definition('events', { bytesMax: 60_000, policy: 'cut' }));
    await log.registerReader('slow', [{ stream: 'events', partition: 0, offset: 50 }]);
    for (let i = 0; i < 120; i++) {
      await fill(log, i * 100, 1);
      await settle();
    }
    const { start } = log.range('events', 0);
    expect(start).toBeGreaterThan(50);
    expect(cuts.reduce((sum, cut) => sum + cut.rows, 0)).toBe(start - 50);
    expect(new Set(cuts.map((cut) => `${cut.reader} ${cut.tenant}`))).toEqual(
      new Set(['slow tenant-0', 'slow tenant-1', 'slow tenant-2']),
    );
    expect(cuts[0]).toMatchObject({ stream: 'events', partition: 0, from: 50 });
    expect(log.stats().streams.find(({ name }) => name === 'events')!.bytes).toBeLessThan(60_000 + 2 * 32_768);
  });
});

describe('idle streams with clock = event', () => {
  test('advance by the time that passes, at growing intervals, in the log', async () => {
    const { log, clock, disk } = await openSim();
    await log.createStream(definition('sample', { clock: 'event', partitions: 2 }));
    await log.createStream(definition('empty', { clock: 'event' }));
    await fill(log, 0, 1, 'sample');
    for (let second = 0; second < 120; second++) {
      clock.advance(1000);
      await settle();
    }
    for (const partition of [0, 1]) {
      const records = readBatches(log, 'sample', partition).filter((batch) => batch.rows === 0);
      expect(records.length).toBeGreaterThan(15);
      expect(records.length).toBeLessThan(50);
      const sum = records.reduce((total, record) => total + record.clockAdvanceMs, 0);
      expect(sum).toBeGreaterThan(100_000);
      expect(sum).toBeLessThanOrEqual(120_000);
      expect(records.at(-1)!.clockTotalMs).toBe(sum);
      expect(records.every((record) => record.baseOffset === log.range('sample', partition).end)).toBe(true);
    }
    expect(readBatches(log, 'empty')).toEqual([]);
    const total = readBatches(log, 'sample').at(-1)!.clockTotalMs;
    const again = await openSim({ disk: disk.crash(), clock: new SimClock(clock.now() + 3 * HOUR) });
    again.clock.advance(1000);
    await settle();
    again.clock.advance(1000);
    await settle();
    const after = readBatches(again.log, 'sample').at(-1)!;
    expect(after.clockTotalMs).toBeGreaterThan(total);
    expect(after.clockTotalMs).toBeLessThanOrEqual(total + 2000);
  });

  test('rows end the idleness', async () => {
    const { log, clock } = await openSim();
    await log.createStream(definition('sample', { clock: 'event' }));
    for (let i = 0; i < 10; i++) {
      await fill(log, i * 100, 1, 'sample');
      clock.advance(900);
      await settle();
    }
    expect(readBatches(log, 'sample').every((batch) => batch.rows > 0)).toBe(true);
  });
});

describe('streams', () => {
  const WIDER = defineSchema({
    columns: {
      id: 'string',
      tenant: 'dictionary',
      at: 'timestamp',
      country: 'string?',
      price: 'decimal?',
      campaign: 'dictionary?',
    },
    tenant: 'tenant',
    eventId: 'id',
    eventTime: 'at',
  });

  test('columns are added and widened, old batches read on, an old producer too', async () => {
    const folder = freshFolder();
    let log = await open(folder);
    await log.createStream(definition('events'));
    await log.append({ batches: [{ stream: 'events', rows: events(5) }] });
    const changed = await log.createStream(definition('events', { schema: WIDER }));
    expect(changed.schema.columns.map((column) => column.name)).toEqual([
      'id',
      'tenant',
      'at',
      'country',
      'price',
      'received_at',
      'campaign',
    ]);
    await log.append({ batches: [{ stream: 'events', rows: events(2, 5) }] });
    const row = { id: 'new', tenant: 'tenant-1', at: 1, country: 'de', price: null, campaign: 'c', received_at: 0 };
    await log.append({ batches: [{ stream: 'events', rows: batchFromRows(changed.schema, [row]) }] });
    for (let life = 0; life < 2; life++) {
      const rows = rowsOf(readBatches(log, 'events'));
      expect(rows.map(({ id, country, campaign }) => [id, country, campaign])).toEqual([
        ['e0', null, null],
        ['e1', 'c1', null],
        ['e2', 'c2', null],
        ['e3', 'c3', null],
        ['e4', 'c4', null],
        ['e5', null, null],
        ['e6', 'c6', null],
        ['new', 'de', 'c'],
      ]);
      await log.close();
      log = await open(folder);
    }
    await log.close();
  });

  test('an incompatible schema and another partition count are refused with the way out; nothing changes', async () => {
    const log = await open(freshFolder());
    await log.createStream(definition('events'));
    const other = defineSchema({
      columns: { id: 'string', tenant: 'dictionary', at: 'timestamp', country: 'int64?', price: 'decimal?' },
      tenant: 'tenant',
      eventId: 'id',
      eventTime: 'at',
    });
    await expect(log.createStream(definition('events', { schema: other }))).rejects.toThrow(
      /stream 'events': column 'country' was dictionary\? and is now int64\?; add a column of another name/,
    );
    await expect(log.createStream(definition('events', { partitions: 2 }))).rejects.toThrow(
      /has 1 partitions and is now declared with 2;.*put 1 back, or declare a stream of another name/,
    );
    expect(log.stream('events')).toEqual(definition('events'));
    expect(await log.createStream(definition('events'))).toEqual(definition('events'));
    await log.close();
  });

  test('rows of a foreign schema are refused', async () => {
    const log = await open(freshFolder());
    await log.createStream(definition('events'));
    const rows = batchFromRows(defineSchema({ columns: { x: 'int64' } }), [{ x: 1, received_at: 0 }]);
    expect(await code(log.append({ batches: [{ stream: 'events', rows }] }))).toBe('BATCH_INVALID');
    await log.close();
  });
});
