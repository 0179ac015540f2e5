import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { OnceOptions } from '../../src/config/options.js';
import { Once } from '../../src/deliver/once.js';
import { CutRows } from '../../src/deliver/rows.js';
import { batchFromRows } from '../../src/event/rows.js';
import { defineSchema } from '../../src/event/schema-define.js';
import type { LogBatch } from '../../src/log/log.js';
import { freshFolder, removeFolders } from './support.js';

const SCHEMA = defineSchema({
  columns: { tenant: 'dictionary', window_start: 'timestamp', window_end: 'timestamp', ip: 'string?' },
  tenant: 'tenant',
  eventTime: 'window_start',
});
const NOW = 1_700_000_000_000;
const MINUTE = 60_000;
let open: Once[] = [];
afterEach(async () => {
  await Promise.all(open.map((one) => one.close()));
  open = [];
  removeFolders();
});

function once(folder: string, options: Partial<OnceOptions> = {}): Once {
  const made = new Once({ view: 'hot', columns: [3], everyMs: null, freshMs: 10 * MINUTE, folder, ...options });
  open.push(made);
  return made;
}

interface Given {
  readonly ip: string | null;
  readonly tenant?: string;
  readonly end?: number;
}

function batchAt(baseOffset: number, rows: readonly Given[], receivedAt = NOW, stream = 'view.hot'): LogBatch {
  const batch = batchFromRows(
    SCHEMA,
    rows.map(({ ip, tenant = 'acme', end = NOW }) => ({ tenant, ip, window_start: end - MINUTE, window_end: end })),
  );
  const times = { eventTimeMin: NaN, eventTimeMax: NaN, receivedAt, clockAdvanceMs: 0, clockTotalMs: 0 };
  return { stream, partition: 0, baseOffset, rows: rows.length, batch, ...times };
}
const firstOf = (one: Once, batch: LogBatch): boolean[] =>
  Array.from({ length: batch.rows }, (_, row) => one.firstOf(batch)(row));

describe('rows that are told once', () => {
  test('are the first of their tenant, key and window', () => {
    const one = once(join(freshFolder(), 'once'));
    const rows = [{ ip: 'a' }, { ip: 'a' }, { ip: 'b' }, { ip: 'a', tenant: 'bolt' }, { ip: 'a', end: NOW + MINUTE }];
    expect(firstOf(one, batchAt(0, [...rows, { ip: null }, { ip: null }]))).toEqual([
      true,
      false,
      true,
      true,
      true,
      true,
      false,
    ]);
    expect(firstOf(one, batchAt(7, rows))).toEqual(rows.map(() => false));
  });

  test('are the same when they are read again, in memory and from the disk', async () => {
    const folder = join(freshFolder(), 'once');
    const one = once(folder);
    const first = batchAt(0, [{ ip: 'a' }, { ip: 'a' }]);
    const again = batchAt(2, [{ ip: 'a' }, { ip: 'b' }]);
    expect([firstOf(one, first), firstOf(one, again)]).toEqual([
      [true, false],
      [false, true],
    ]);
    await one.flush();
    await one.close();
    open = [];
    const other = once(folder);
    expect([firstOf(other, again), firstOf(other, first)]).toEqual([
      [false, true],
      [true, false],
    ]);
    expect(firstOf(other, batchAt(4, [{ ip: 'a' }, { ip: 'b' }]))).toEqual([false, false]);
    // The same place in the changes of another definition is another row.
    expect(firstOf(other, batchAt(0, [{ ip: 'a' }], NOW, 'view.hot.2'))).toEqual([false]);
  });

  test('are told once in a period where that is asked for', () => {
    const one = once(join(freshFolder(), 'once'), { everyMs: 60 * MINUTE, freshMs: null });
    const hour = Math.floor(NOW / (60 * MINUTE)) * 60 * MINUTE;
    const at = (offset: number, receivedAt: number) =>
      firstOf(one, batchAt(offset, [{ ip: 'a', end: receivedAt }], receivedAt));
    expect([at(0, hour), at(1, hour + 59 * MINUTE), at(2, hour + 60 * MINUTE)]).toEqual([[true], [false], [true]]);
  });

  test('are not rows of windows that are long over', () => {
    const one = once(join(freshFolder(), 'once'));
    const rows = [
      { ip: 'a', end: NOW - 10 * MINUTE },
      { ip: 'b', end: NOW - 10 * MINUTE - 1 },
    ];
    expect(firstOf(one, batchAt(0, rows))).toEqual([true, false]);
  });

  test('are forgotten when no row can be the first of their period any more', async () => {
    const one = once(join(freshFolder(), 'once'));
    firstOf(one, batchAt(0, [{ ip: 'a' }]));
    await one.flush();
    firstOf(one, batchAt(1, [{ ip: 'b', end: NOW + 9 * 86_400_000 }], NOW + 9 * 86_400_000));
    await one.flush();
    expect(firstOf(one, batchAt(2, [{ ip: 'a' }]))).toEqual([false]);
    firstOf(one, batchAt(3, [{ ip: 'c', end: NOW + 11 * 86_400_000 }], NOW + 11 * 86_400_000));
    await one.flush();
    expect(firstOf(one, batchAt(4, [{ ip: 'a' }]))).toEqual([true]);
  });

  test('have one key, whatever row of the key and window it is', () => {
    const one = once(join(freshFolder(), 'once'));
    const keyAt = (row: Given, receivedAt = NOW): string => {
      const { stream, partition, baseOffset, batch } = batchAt(0, [row], receivedAt);
      const slice = { stream, partition, baseOffset, receivedAt, batch, rows: null, attempts: null };
      return one.idempotencyKey(new CutRows(SCHEMA, [slice]));
    };
    expect(keyAt({ ip: 'a' }, NOW + 5)).toBe(keyAt({ ip: 'a' }));
    const keys = [{ ip: 'a' }, { ip: 'b' }, { ip: 'a', tenant: 'bolt' }, { ip: 'a', end: NOW + 1 }].map((row) =>
      keyAt(row),
    );
    expect(new Set(keys).size).toBe(4);
  });
});
