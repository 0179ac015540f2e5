import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Dedupe } from '../../../src/collect/dedupe/dedupe.js';
import { HOUR_MS } from '../../../src/collect/dedupe/run-store.js';
import { batchFromRows } from '../../../src/event/rows.js';
import { systemRandom } from '../../../src/io/random.js';
import { FaultyDisk } from '../front-door.js';
import { ModelLog, UUID_SCHEMA } from './model-log.js';

let folder = '';
let now = 0;
let log: ModelLog;
let faults: FaultyDisk;
let troubles: unknown[] = [];
let retries: (() => void)[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-dedupe-'));
  now = 1_700_000_000_000;
  log = new ModelLog(() => now);
  faults = new FaultyDisk();
  troubles = [];
  retries = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const open = (options: { idsMax?: number; memtableIds?: number } = {}): Promise<Dedupe> =>
  Dedupe.open({
    disk: faults.disk,
    folder,
    log,
    random: systemRandom,
    streams: ['events'],
    memtableIds: 100,
    ...options,
    clock: { now: () => now, monotonic: () => 0, after: (_, run) => (retries.push(run), () => undefined) },
    onTrouble: (error) => troubles.push(error),
  });

const uuid = (id: number): string => `00000000-0000-4000-8000-${String(id).padStart(12, '0')}`;

/** Claims ids from .. to and commits them; answers how many were new. */
function take(dedupe: Dedupe, from: number, to: number): number {
  const rows = Array.from({ length: to - from }, (_, i) => ({ event_id: uuid(from + i), tenant: 'a' }));
  const batch = batchFromRows(UUID_SCHEMA, rows);
  const claim = dedupe.claim('events', batch);
  if (claim.fresh > 0) claim.commit(log.write('events', batch, claim.freshRows));
  return claim.fresh;
}

async function fill(dedupe: Dedupe, from: number, to: number): Promise<void> {
  for (let at = from; at < to; at += 50) {
    take(dedupe, at, Math.min(to, at + 50));
    await dedupe.idle();
  }
}

describe('limits', () => {
  test('an hour over becomes one run; ids leave after the window', async () => {
    const dedupe = await open();
    await fill(dedupe, 0, 1000);
    now += HOUR_MS;
    await fill(dedupe, 1000, 1300);
    now += HOUR_MS;
    await fill(dedupe, 1300, 1350);
    expect(dedupe.stats().runs).toBe(2);
    now += 22.5 * HOUR_MS;
    expect(take(dedupe, 0, 1350)).toBe(0);
    now += 2 * HOUR_MS;
    await fill(dedupe, 2000, 2050);
    expect(take(dedupe, 0, 100)).toBe(100);
    expect(take(dedupe, 1300, 1350)).toBe(0);
    await dedupe.close();
  });

  test('beyond idsMax the oldest hour leaves, and the window says so', async () => {
    const dedupe = await open({ idsMax: 2000 });
    for (let hour = 0; hour < 6; hour++) {
      await fill(dedupe, hour * 500, hour * 500 + 500);
      now += HOUR_MS;
    }
    await fill(dedupe, 9000, 9050);
    const { ids, heldMs } = dedupe.stats();
    expect(ids).toBeLessThanOrEqual(2100);
    // The first two hours left; the newest id that is missing came five hours ago.
    expect(heldMs).toBe(5 * HOUR_MS);
    expect(take(dedupe, 1000, 3000)).toBe(0);
    expect(take(dedupe, 0, 100)).toBe(100);
    await dedupe.close();
  });

  test('takes at most two resident bytes an id once they are on disk', async () => {
    const dedupe = await open({ memtableIds: 20_000 });
    for (let at = 0; at < 200_000; at += 10_000) {
      take(dedupe, at, at + 10_000);
      await dedupe.idle();
    }
    now += HOUR_MS;
    take(dedupe, 900_000, 900_001);
    await dedupe.idle();
    const { ids, runs, residentBytes, memtableBytes } = dedupe.stats();
    expect([ids, runs]).toEqual([200_001, 1]);
    expect((residentBytes - memtableBytes) / 200_000).toBeLessThanOrEqual(2);
    // The new memtable and one pair of arrays kept: at most 64 bytes an id each, doubled by growth.
    expect(memtableBytes).toBeLessThanOrEqual(2 * 2 * 64 * 20_000);
    await dedupe.close();
  });

  test('when the disk takes no runs new ids are refused, and taken again by itself', async () => {
    const dedupe = await open();
    faults.fail = 'ENOSPC';
    let refused: unknown;
    for (let at = 0; refused === undefined && at < 5000; at += 50) {
      try {
        take(dedupe, at, at + 50);
      } catch (error) {
        refused = error;
      }
      await dedupe.idle();
    }
    expect(refused).toMatchObject({ code: 'LOG_DISK_FULL', retryable: true });
    expect(troubles.length).toBeGreaterThan(0);
    faults.fail = null;
    for (const retry of retries.splice(0)) retry();
    await dedupe.idle();
    expect(take(dedupe, 100_000, 100_050)).toBe(50);
    expect(take(dedupe, 0, 50)).toBe(0);
    await dedupe.close();
  });
});

describe('damage', () => {
  const runs = (): string[] => readdirSync(folder).filter((name) => name.startsWith('run-'));
  const flip = (name: string, at: number): void => {
    const bytes = readFileSync(join(folder, name));
    bytes[at < 0 ? bytes.length + at : at]! ^= 0x10;
    writeFileSync(join(folder, name), bytes);
  };

  test('in a bucket confirms nothing: its ids are new again, and it is counted', async () => {
    const first = await open();
    await fill(first, 0, 90);
    await first.close();
    flip(runs()[0]!, 64 + 4 + 40);
    const second = await open();
    expect(take(second, 0, 90)).toBe(90);
    expect(second.stats().damagedBuckets).toBe(90);
    await second.close();
  });

  test.each([
    ['header', 20],
    ['filter', -5],
  ])('in the %s of a run is refused by name', async (_, at) => {
    const first = await open();
    await fill(first, 0, 90);
    await first.close();
    flip(runs()[0]!, at);
    await expect(open()).rejects.toMatchObject({ code: 'DATA_FOLDER_DAMAGED', place: join(folder, runs()[0]!) });
  });

  test('in the manifest is refused; a newer one says so', async () => {
    await (await open()).close();
    const path = join(folder, 'manifest.json');
    const good = readFileSync(path, 'utf8');
    writeFileSync(path, good.replace('"runs"', '"rums"'));
    await expect(open()).rejects.toMatchObject({ code: 'DATA_FOLDER_DAMAGED' });
    writeFileSync(path, good.replace(/^1 /, '9 '));
    await expect(open()).rejects.toMatchObject({ code: 'DATA_FOLDER_NEWER' });
  });

  test('without its folder the memory is built again from the log', async () => {
    const first = await open();
    await fill(first, 0, 500);
    await first.close();
    rmSync(folder, { recursive: true });
    const second = await open();
    expect(take(second, 0, 500)).toBe(0);
    expect(take(second, 500, 510)).toBe(10);
    await second.close();
  });

  test('files that no manifest names are removed', async () => {
    await (await open()).close();
    writeFileSync(join(folder, 'run-00000099'), 'x');
    writeFileSync(join(folder, 'run-00000098.tmp'), 'x');
    await (await open()).close();
    expect(runs()).toEqual([]);
  });
});
