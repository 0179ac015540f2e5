import { expect, test } from 'vitest';
import { rowOf } from '../../src/event/rows.js';
import type { EmbeddedLog } from '../../src/log/embedded/open.js';
import { MillraceError } from '../../src/util/errors.js';
import { SimClock } from '../sim/clock.js';
import { SimDisk } from '../sim/disk.js';
import { SeededRandom } from '../sim/random.js';
import { definition, events, open } from './support.js';

const SEED = Number(process.env['SEED'] ?? 7);
const ROWS = 240;

function openSim(disk: SimDisk): Promise<EmbeddedLog> {
  return open('/log', {
    disk,
    clock: new SimClock(),
    random: new SeededRandom(SEED),
    lock: () => Promise.resolve(() => undefined),
  });
}

/** A log of 12 commits in two partitions, left as a crash or a clean end leaves it. */
async function written(end: 'closed' | 'crashed'): Promise<{ disk: SimDisk; rows: Map<string, string> }> {
  const disk = new SimDisk(new SeededRandom(SEED));
  const log = await openSim(disk);
  await log.createStream(definition('events', { partitions: 2 }));
  for (let i = 0; i < 12; i++)
    await log.append({ batches: [{ stream: 'events', rows: events(20, i * 20, { tenants: 9 }) }] });
  const rows = readAll(log).rows;
  expect(rows.size).toBe(ROWS);
  if (end === 'closed') await log.close();
  for (let i = 0; i < 30; i++) await new Promise((resolve) => setImmediate(resolve));
  return { disk: disk.copy(), rows };
}

/** Every row that can be read, as text, and every offset that is named as damaged or missing. */
function readAll(log: EmbeddedLog): { rows: Map<string, string>; damaged: Set<string> } {
  const rows = new Map<string, string>();
  const damaged = new Set<string>();
  for (let partition = 0; partition < 2; partition++) {
    const { start, end } = log.range('events', partition);
    const cursor = log.cursor('events', partition, start);
    let next = start;
    for (let batch = cursor.next(); batch !== null; batch = cursor.next()) {
      for (let offset = next; offset < batch.baseOffset; offset++) damaged.add(`${partition}/${offset}`);
      next = batch.baseOffset + batch.rows;
      for (let row = 0; row < batch.rows; row++) {
        const place = `${partition}/${batch.baseOffset + row}`;
        try {
          rows.set(place, JSON.stringify(rowOf(batch.batch, row)));
        } catch (error) {
          if (!(error instanceof MillraceError) || error.code !== 'LOG_PAGE_DAMAGED') throw error;
          damaged.add(place);
        }
      }
    }
    for (let offset = next; offset < end; offset++) damaged.add(`${partition}/${offset}`);
    cursor.close();
  }
  return { rows, damaged };
}

for (const end of ['closed', 'crashed'] as const)
  test(`one flipped bit anywhere in a segment (${end}): every row reads as it was, or is named (seed ${SEED})`, async () => {
    const { disk, rows } = await written(end);
    const random = new SeededRandom(SEED);
    const path = '/log/0000000001.segment';
    const used = lastByte(disk.bytesOf(path)) + 1;
    let hurt = 0;
    for (let round = 0; round < 240; round++) {
      const copy = disk.copy();
      const position = round < 100 ? Math.floor((round / 100) * used) : random.below(used);
      copy.flip(path, position, random.below(8));
      const log = await openSim(copy);
      expect(log.stream('events'), `the stream is gone with a bit of byte ${position} flipped`).toBeDefined();
      const found = readAll(log);
      const { cut, damaged } = log.recovery;
      const named = new Set(
        [...(cut?.lost ?? []), ...damaged.flatMap(({ lost }) => lost)].flatMap(({ partition, from, to }) =>
          Array.from({ length: to - from }, (_, i) => `${partition}/${from + i}`),
        ),
      );
      for (const [place, text] of found.rows)
        if (text !== rows.get(place))
          throw new Error(`row ${place} reads as ${text} with a bit of byte ${position} flipped`);
      // A cut commit whose directory is unreadable too is reported by its number of rows alone.
      let unnamed = cut !== null && cut.lost.length === 0 ? (cut.rows === -1 ? Infinity : cut.rows) : 0;
      for (const place of rows.keys()) {
        if (found.rows.has(place) || found.damaged.has(place) || named.has(place)) continue;
        if (unnamed-- <= 0) throw new Error(`row ${place} vanished with a bit of byte ${position} flipped`);
      }
      if (found.rows.size < ROWS) hurt += 1;
      await log.append({ batches: [{ stream: 'events', rows: events(2, 1000) }] });
      await log.close();
    }
    expect(hurt).toBeGreaterThan(20);
  });

test('a destroyed commit below the synced end is reported with exactly the rows that are lost; the rest reads on', async () => {
  const { disk, rows } = await written('crashed');
  const path = '/log/0000000001.segment';
  const commits = commitPositions(disk.bytesOf(path));
  expect(commits.length).toBeGreaterThan(10);
  for (const victim of commits.slice(4, -1)) {
    const copy = disk.copy();
    for (let i = 0; i < 80; i++) copy.flip(path, victim + i, i % 8);
    const log = await openSim(copy);
    const found = readAll(log);
    expect(log.recovery.cut).toBeNull();
    expect(log.recovery.damaged).toHaveLength(1);
    const named = new Set(
      log.recovery.damaged[0]!.lost.flatMap(({ partition, from, to }) =>
        Array.from({ length: to - from }, (_, i) => `${partition}/${from + i}`),
      ),
    );
    expect(named).toEqual(found.damaged);
    expect(named.size).toBe(20);
    for (const [place, text] of rows) expect(found.rows.get(place)).toBe(named.has(place) ? undefined : text);
  }
});

test('a torn last commit is cut and reported with its rows and bytes; its offsets are not used again', async () => {
  const { disk, rows } = await written('crashed');
  const path = '/log/0000000001.segment';
  const last = commitPositions(disk.bytesOf(path)).at(-1)!;
  const end = lastByte(disk.bytesOf(path));
  for (const [at, known] of [
    [last + 200, true],
    [last + 10, false],
    [end, false],
  ] as const) {
    const copy = disk.copy();
    copy.flip(path, at, 3);
    const log = await openSim(copy);
    expect(log.recovery.damaged).toEqual([]);
    expect(log.recovery.cut).toMatchObject({ segment: 1, position: last, note: 'may have been acknowledged' });
    expect(log.recovery.cut!.bytes).toBeGreaterThan(512);
    if (known) {
      expect(log.recovery.cut!.rows).toBe(20);
      expect(log.recovery.cut!.lost.reduce((sum, { from, to }) => sum + to - from, 0)).toBe(20);
      expect(log.range('events', 0).end + log.range('events', 1).end).toBe(ROWS);
    }
    const found = readAll(log);
    expect(found.rows.size).toBe(ROWS - 20);
    for (const [place, text] of found.rows) expect(text).toBe(rows.get(place));
    await log.close();
  }
});

test('a folder of a newer format is refused', async () => {
  const { disk } = await written('closed');
  const { writeSegmentHeader, readSegmentHeader } = await import('../../src/log/embedded/layout.js');
  const { crc32c } = await import('../../src/event/batch/crc.js');
  const bytes = disk.bytesOf('/log/0000000001.segment').slice(0, 512);
  writeSegmentHeader(bytes, readSegmentHeader(bytes)!);
  new DataView(bytes.buffer).setUint32(8, 2, true);
  new DataView(bytes.buffer).setUint32(4, crc32c(bytes, 8, 64), true);
  const copy = disk.copy();
  copy.open('/log/0000000001.segment', 'write').writeSync(bytes, 0);
  await expect(openSim(copy)).rejects.toMatchObject({ code: 'DATA_FOLDER_NEWER' });
});

function lastByte(bytes: Uint8Array): number {
  let end = bytes.length - 1;
  while (end > 0 && bytes[end] === 0) end -= 1;
  return end;
}

function commitPositions(bytes: Uint8Array): number[] {
  const data = new DataView(bytes.buffer);
  const positions: number[] = [];
  for (
    let at = 512;
    at + 80 < bytes.length && data.getUint32(at, true) === 0x3143524d;
    at += data.getUint32(at + 8, true)
  )
    positions.push(at);
  return positions;
}
