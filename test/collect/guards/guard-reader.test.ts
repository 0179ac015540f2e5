import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { GuardKeys, type SavedKey } from '../../../src/collect/guards/guard-keys.js';
import { GuardReader } from '../../../src/collect/guards/guard-reader.js';
import type { GuardDefinition } from '../../../src/collect/guards/guard.js';
import { batchFromRows } from '../../../src/event/rows.js';
import { defineSchema } from '../../../src/event/schema-define.js';
import { systemClock } from '../../../src/io/clock.js';
import { realDisk } from '../../../src/io/disk-real.js';
import type { LogBatch, Position } from '../../../src/log/log.js';

const CHANGES = defineSchema({
  columns: {
    tenant: 'dictionary',
    window_start: 'timestamp',
    window_end: 'timestamp',
    op: 'dictionary',
    state: 'dictionary',
    ip: 'string?',
  },
  tenant: 'tenant',
  eventTime: 'window_start',
});
const NOW = 1_700_000_000_000;
const MINUTE = 60_000;

let folder: string;
let monotonic = 0;
const clock = { ...systemClock, now: () => NOW, monotonic: () => monotonic };
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-guard-reader-'));
  monotonic = 0;
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const guard = (epoch = '1.a'): GuardDefinition => ({
  view: 'hot',
  epoch,
  stream: 'view.hot',
  changes: CHANGES,
  columns: ['ip'],
  action: 'label',
  label: 'hot',
  url: null,
  forMs: 10 * MINUTE,
  keyAt: [5],
  rowAt: [0, 1, 2, 5],
  tenantScoped: true,
  closesAfterMs: 0,
  guarded: ['events'],
  behindMs: () => 0,
});

function reader(epoch?: string): { reader: GuardReader; keys: GuardKeys } {
  const keys = new GuardKeys({ forMs: 10 * MINUTE, keysMax: 10_000 });
  const input = { guard: guard(epoch), keys, file: join(folder, 'hot'), disk: realDisk, clock };
  return { reader: new GuardReader(input), keys };
}

function changes(baseOffset: number, ips: readonly string[], more: Readonly<Record<string, unknown>> = {}): LogBatch {
  const row = { tenant: 'acme', window_start: NOW - MINUTE, window_end: NOW, op: 'upsert', state: 'open', ...more };
  const batch = batchFromRows(
    CHANGES,
    ips.map((ip) => ({ ...row, ip })),
  );
  const times = { eventTimeMin: NaN, eventTimeMax: NaN, receivedAt: NOW, clockAdvanceMs: 0, clockTotalMs: 0 };
  return { stream: 'view.hot', partition: 0, baseOffset, rows: batch.rows, batch, ...times };
}
const at = (offset: number): Position[] => [{ stream: 'view.hot', partition: 0, offset }];
const sorted = (keys: GuardKeys): SavedKey[] => [...keys.saved()].toSorted((a, b) => (a[0] < b[0] ? -1 : 1));

/** Flushes until the snapshot that is being written is there; answers its positions. */
async function snapshot(one: GuardReader, offset: number): Promise<readonly Position[]> {
  monotonic += MINUTE;
  for (let saved = one.flush(at(offset)); ; saved = one.flush(at(offset))) {
    if (saved !== null) return saved;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

test('a snapshot brings the keys back, and says where reading goes on', async () => {
  const ips = Array.from({ length: 1_234 }, (_, n) => `10.0.${n >> 8}.${n & 255}`);
  const first = reader();
  expect(await first.reader.restore()).toEqual([]);
  first.reader.process(changes(0, ips));
  expect(first.reader.flush(at(ips.length))).toBeNull();
  expect(await snapshot(first.reader, ips.length)).toEqual(at(ips.length));
  const second = reader();
  expect(await second.reader.restore()).toEqual(at(ips.length));
  expect(sorted(second.keys)).toEqual(sorted(first.keys));
  const [[, , , hash]] = sorted(first.keys) as [SavedKey];
  expect(second.keys.mayHave(hash)).toBe(true);
});

test('changes that come while it is written are taken again', async () => {
  const first = reader();
  await first.reader.restore();
  first.reader.process(changes(0, ['1.1.1.1', '2.2.2.2']));
  monotonic += MINUTE;
  first.reader.flush(at(2));
  const behind = changes(2, ['1.1.1.1', '3.3.3.3'], { state: 'final' });
  first.reader.process(behind);
  const gone = changes(4, ['2.2.2.2'], { op: 'delete' });
  first.reader.process(gone);
  await first.reader.close();
  const second = reader();
  expect(await second.reader.restore()).toEqual(at(2));
  for (const batch of [behind, gone]) second.reader.process(batch);
  expect(sorted(second.keys)).toEqual(sorted(first.keys));
});

test('a snapshot of another definition, or one that is damaged, counts for nothing', async () => {
  const first = reader();
  await first.reader.restore();
  first.reader.process(changes(0, ['1.1.1.1']));
  await snapshot(first.reader, 1);
  const other = reader('2.b');
  expect(await other.reader.restore()).toEqual([]);
  expect(other.keys.size).toBe(0);
  const file = join(folder, 'hot');
  writeFileSync(file, readFileSync(file).subarray(0, -3));
  const damaged = reader();
  expect(await damaged.reader.restore()).toEqual([]);
  expect(damaged.keys.size).toBe(0);
});

test('without changes nothing is written again', async () => {
  const first = reader();
  await first.reader.restore();
  first.reader.process(changes(0, ['1.1.1.1']));
  await snapshot(first.reader, 1);
  monotonic += 10 * MINUTE;
  expect(first.reader.flush(at(1))).toBeNull();
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(first.reader.flush(at(1))).toBeNull();
});
