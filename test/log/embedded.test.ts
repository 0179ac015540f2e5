import { afterEach, expect, test } from 'vitest';
import { events, definition, freshFolder, idsOf, open, readBatches, removeFolders, rowsOf } from './support.js';

afterEach(removeFolders);

test('what is appended is read back, after a restart too', async () => {
  const folder = freshFolder();
  let log = await open(folder);
  await log.createStream(definition('events'));
  const first = await log.append({ batches: [{ stream: 'events', rows: events(10) }] });
  expect(first.appended).toEqual([{ stream: 'events', partition: 0, baseOffset: 0, rows: 10 }]);
  await log.append({ batches: [{ stream: 'events', rows: events(5, 10) }] });
  const ids = Array.from({ length: 15 }, (_, i) => `e${i}`);
  expect(idsOf(log, 'events')).toEqual(ids);
  await log.close();
  log = await open(folder);
  expect(log.recovery.cut).toBeNull();
  expect(log.recovery.damaged).toEqual([]);
  expect(idsOf(log, 'events')).toEqual(ids);
  expect(log.range('events', 0)).toEqual({ start: 0, end: 15 });
  await log.close();
});

test('appends of one moment become one batch, over many segments every offset can be opened', async () => {
  const folder = freshFolder();
  const log = await open(folder, { options: { segmentBytes: 1 << 16, firstSegmentBytes: 1 << 16 } });
  await log.createStream(definition('events'));
  let n = 0;
  for (let round = 0; round < 60; round++) {
    const counts = [1, 7, 200];
    await Promise.all(
      counts.map((count) => log.append({ batches: [{ stream: 'events', rows: events(count, (n += count) - count) }] })),
    );
  }
  expect(readBatches(log, 'events')).toHaveLength(60);
  expect(log.stats().segments).toBeGreaterThan(2);
  const all = rowsOf(readBatches(log, 'events'));
  expect(all).toHaveLength(n);
  for (let offset = 0; offset < n; offset += 97) {
    const [first] = readBatches(log, 'events', 0, offset);
    expect(rowsOf([first!])).toEqual(all.slice(offset, offset + first!.rows));
  }
  await log.close();
});
