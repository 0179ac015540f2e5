/**
 * What every `Log` must do, whatever it is made of. Call `logConformance` in a test file with a way
 * to make an empty log.
 */
import { describe, expect, test } from 'vitest';
import type { AppendResult, Log, StreamDefinition } from '../../src/log/log.js';
import type { MillraceError } from '../../src/util/errors.js';
import { definition, events, idsOf, readBatches, rowsOf } from '../log/support.js';

/** A log under test. */
export interface LogUnderTest {
  readonly log: Log;
  createStream(definition: StreamDefinition): Promise<StreamDefinition>;
  close(): Promise<void>;
}

/** Runs the suite; `make` answers an empty log. */
export function logConformance(name: string, make: () => Promise<LogUnderTest>): void {
  const check = (title: string, run: (under: LogUnderTest) => Promise<void>): void => {
    test(title, async () => {
      const under = await make();
      try {
        await run(under);
      } finally {
        await under.close();
      }
    });
  };
  describe(`log conformance: ${name}`, () => {
    appending(check);
    reading(check);
    readers(check);
  });
}

type Check = (title: string, run: (under: LogUnderTest) => Promise<void>) => void;

function append(log: Log, count: number, from: number, stream = 'events'): Promise<AppendResult> {
  return log.append({ batches: [{ stream, rows: events(count, from) }] });
}

function code(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'done',
    (error: unknown) => (error as MillraceError).code,
  );
}

function appending(check: Check): void {
  check(
    'offsets count rows from 0, without gaps, and rows come back as they were sent',
    async ({ log, createStream }) => {
      await createStream(definition('events'));
      for (let i = 0; i < 5; i++)
        expect((await append(log, 3, i * 3)).appended).toEqual([
          { stream: 'events', partition: 0, baseOffset: i * 3, rows: 3 },
        ]);
      const rows = rowsOf(readBatches(log, 'events'));
      expect(rows.map(({ offset }) => offset)).toEqual(Array.from({ length: 15 }, (_, i) => i));
      expect(rows[7]).toMatchObject({
        id: 'e7',
        tenant: 'tenant-1',
        at: 1_700_000_000_007,
        country: 'c0',
        price: '1.250000',
      });
      expect(rows[5]!['country']).toBeNull();
    },
  );

  check(
    'a tenant stays in its partition, in order, and every answer says where its rows went',
    async ({ log, createStream }) => {
      await createStream(definition('events', { partitions: 4 }));
      const answers = await Promise.all(
        Array.from({ length: 10 }, (_, i) =>
          log.append({ batches: [{ stream: 'events', rows: events(40, i * 40, { tenants: 23 }) }] }),
        ),
      );
      const homes = new Map<string, number>();
      for (let partition = 0; partition < 4; partition++) {
        const rows = rowsOf(readBatches(log, 'events', partition));
        for (const row of rows) expect(homes.get(row['tenant'] as string) ?? partition).toBe(partition);
        for (const row of rows) homes.set(row['tenant'] as string, partition);
        for (const tenant of new Set(rows.map((row) => row['tenant']))) {
          const times = rows.filter((row) => row['tenant'] === tenant).map((row) => row['at'] as number);
          expect(times).toEqual([...times].sort((a, b) => a - b));
        }
        const answered = answers.flatMap(({ appended }) => appended).filter((part) => part.partition === partition);
        expect(answered.reduce((sum, part) => sum + part.rows, 0)).toBe(rows.length);
      }
      expect(homes.size).toBe(23);
      expect(new Set(homes.values()).size).toBe(4);
    },
  );

  check("received_at is the answer's stamp and never falls within a partition", async ({ log, createStream }) => {
    await createStream(definition('events'));
    let last = 0;
    for (let i = 0; i < 20; i++) {
      const { receivedAt, appended } = await append(log, 2, i * 2);
      expect(receivedAt).toBeGreaterThanOrEqual(last);
      last = receivedAt;
      const [batch] = readBatches(log, 'events', 0, appended[0]!.baseOffset);
      expect(batch!.receivedAt).toBe(receivedAt);
      expect(rowsOf([batch!])[0]!['received_at']).toBe(receivedAt);
    }
  });

  check('an append to several streams is one; to an unknown stream nothing is', async ({ log, createStream }) => {
    await createStream(definition('events'));
    await createStream(definition('other'));
    await log.append({
      batches: [
        { stream: 'events', rows: events(2) },
        { stream: 'other', rows: events(1) },
      ],
    });
    expect(
      await code(
        log.append({
          batches: [
            { stream: 'events', rows: events(2) },
            { stream: 'nowhere', rows: events(1) },
          ],
        }),
      ),
    ).toBe('STREAM_UNKNOWN');
    expect(log.range('events', 0).end).toBe(2);
    expect(log.range('other', 0).end).toBe(1);
  });

  check('batches of any size come back whole', async ({ log, createStream }) => {
    await createStream(definition('events'));
    let next = 0;
    for (const count of [1, 16_384, 16_385, 70_000]) {
      expect((await append(log, count, next)).appended).toEqual([
        { stream: 'events', partition: 0, baseOffset: next, rows: count },
      ]);
      next += count;
    }
    let seen = 0;
    for (const batch of readBatches(log, 'events')) {
      expect(batch.baseOffset).toBe(seen);
      seen += batch.rows;
    }
    expect(seen).toBe(next);
    expect(idsOf(log, 'events', 0, next - 3)).toEqual([`e${next - 3}`, `e${next - 2}`, `e${next - 1}`]);
  });
}

function reading(check: Check): void {
  check('every offset can be opened', async ({ log, createStream }) => {
    await createStream(definition('events'));
    for (let i = 0; i < 30; i++) await append(log, 1 + (i % 4), i * 10);
    const all = rowsOf(readBatches(log, 'events'));
    for (let offset = 0; offset <= all.length; offset++) {
      const cursor = log.cursor('events', 0, offset);
      expect(cursor.position).toBe(offset);
      const batch = cursor.next();
      if (batch === null) expect(offset).toBe(all.length);
      else expect(rowsOf([batch])).toEqual(all.slice(offset, offset + batch.rows));
      cursor.close();
    }
    expect(() => log.cursor('events', 0, all.length + 1)).toThrow(
      expect.objectContaining({ code: 'OFFSET_OUT_OF_RANGE' }),
    );
    expect(() => log.cursor('events', 1, 0)).toThrow(expect.objectContaining({ code: 'STREAM_UNKNOWN' }));
  });

  check('a tail waits, wakes, and gives up when told to', async ({ log, createStream }) => {
    await createStream(definition('events'));
    const cursor = log.cursor('events', 0, 0);
    for (let i = 0; i < 10; i++) {
      expect(cursor.next()).toBeNull();
      const woken = cursor.wait();
      await append(log, 2, i * 2);
      await woken;
      let batch = cursor.next();
      while (batch === null) {
        await cursor.wait();
        batch = cursor.next();
      }
      expect(batch).toMatchObject({ baseOffset: i * 2, rows: 2 });
      expect(cursor.position).toBe(i * 2 + 2);
    }
    expect(cursor.next()).toBeNull();
    const ending = new AbortController();
    const waiting = cursor.wait(ending.signal);
    ending.abort();
    await waiting;
    cursor.close();
    expect(cursor.next()).toBeNull();
  });

  check('batches stay as they are while reading goes on', async ({ log, createStream }) => {
    await createStream(definition('events'));
    for (let i = 0; i < 50; i++) await append(log, 5, i * 5);
    const held = readBatches(log, 'events');
    const before = JSON.stringify(rowsOf(held));
    for (let i = 50; i < 100; i++) await append(log, 5, i * 5);
    readBatches(log, 'events');
    expect(JSON.stringify(rowsOf(held))).toBe(before);
  });

  check('the arrival clock never promises what a later row breaks', async ({ log, createStream }) => {
    await createStream(definition('events', { partitions: 2 }));
    for (let i = 0; i < 30; i++) {
      const { ends, clockMs } = log.arrivalClock('events');
      await append(log, 4, i * 4);
      for (let partition = 0; partition < 2; partition++)
        for (const batch of readBatches(log, 'events', partition, ends[partition]))
          expect(batch.receivedAt).toBeGreaterThanOrEqual(clockMs);
    }
  });
}

function readers(check: Check): void {
  check('a reader commits outputs, positions and state together', async ({ log, createStream }) => {
    await createStream(definition('events'));
    await createStream(definition('out'));
    await append(log, 5, 0);
    expect(log.reader('mill')).toBeUndefined();
    const positions = [{ stream: 'events', partition: 0, offset: 5 }];
    await log.append({
      batches: [{ stream: 'out', rows: events(2) }],
      reader: { id: 'mill', epoch: 3, positions, state: Uint8Array.of(9, 8, 7) },
    });
    const state = log.reader('mill')!;
    expect({ ...state, state: Array.from(state.state) }).toMatchObject({
      id: 'mill',
      epoch: 3,
      positions,
      state: [9, 8, 7],
    });
    expect(log.range('out', 0).end).toBe(2);
  });

  check('an older epoch is fenced, whole', async ({ log, createStream }) => {
    await createStream(definition('out'));
    const commit = (epoch: number): Promise<unknown> =>
      log.append({
        batches: [{ stream: 'out', rows: events(1) }],
        reader: { id: 'mill', epoch, positions: [], state: new Uint8Array(0) },
      });
    await commit(2);
    expect(await code(commit(1))).toBe('READER_FENCED');
    expect(await Promise.all([code(commit(3)), code(commit(2))])).toEqual(['done', 'READER_FENCED']);
    expect(log.range('out', 0).end).toBe(2);
  });

  check('a reader with a store of its own only registers, and can be removed', async ({ log, createStream }) => {
    await createStream(definition('events'));
    expect(log.holds('lake')).toBeUndefined();
    await log.registerReader('lake', [{ stream: 'events', partition: 0, offset: 0 }]);
    expect(log.reader('lake')).toBeUndefined();
    expect(log.holds('lake')).toEqual([{ stream: 'events', partition: 0, offset: 0 }]);
    await log.removeReader('lake');
    expect(log.holds('lake')).toBeUndefined();
    await log.removeReader('nobody');
  });

  check('too much state is refused', async ({ log }) => {
    expect(
      await code(
        log.append({
          batches: [],
          reader: { id: 'mill', epoch: 1, positions: [], state: new Uint8Array(64 * 1024 + 1) },
        }),
      ),
    ).toBe('BATCH_INVALID');
  });
}
