import { afterEach, expect, test } from 'vitest';
import { encodeBatch } from '../../src/event/batch.js';
import { connectLog } from '../../src/log/remote.js';
import { events, definition, freshFolder, idsOf, open, removeFolders } from './support.js';

afterEach(removeFolders);

test('another thread reads the files and appends through the port', async () => {
  const log = await open(freshFolder());
  await log.createStream(definition('events', { partitions: 4 }));
  const remote = await connectLog(log.remotePort());
  expect(remote.stream('events')?.partitions).toBe(4);
  await log.append({ batches: [{ stream: 'events', rows: events(100) }] });
  const sent = await remote.append({
    batches: [{ stream: 'events', rows: events(50, 100) }],
    reader: {
      id: 'mill',
      epoch: 1,
      positions: [{ stream: 'events', partition: 0, offset: 3 }],
      state: Uint8Array.of(1, 2, 3),
    },
  });
  expect(sent.appended.reduce((sum, part) => sum + part.rows, 0)).toBe(50);
  expect(Array.from(remote.reader('mill')!.state)).toEqual([1, 2, 3]);
  expect(log.reader('mill')?.positions).toEqual([{ stream: 'events', partition: 0, offset: 3 }]);
  for (let partition = 0; partition < 4; partition++)
    expect(idsOf(remote, 'events', partition)).toEqual(idsOf(log, 'events', partition));
  const total = [0, 1, 2, 3].flatMap((partition) => idsOf(remote, 'events', partition));
  expect(new Set(total).size).toBe(150);
  remote.close();
  await log.close();
});

test('a waiting cursor of another thread is woken by an append', async () => {
  const log = await open(freshFolder());
  const remote = await connectLog(log.remotePort());
  await remote.createStream(definition('events'));
  const cursor = remote.cursor('events', 0, 0);
  expect(cursor.next()).toBeNull();
  const woken = cursor.wait();
  await log.append({ batches: [{ stream: 'events', rows: events(1) }] });
  await woken;
  expect(cursor.next()?.rows).toBe(1);
  cursor.close();
  remote.close();
  await log.close();
});

test('another thread knows what the owner knows once it has caught up', async () => {
  const log = await open(freshFolder());
  const remote = await connectLog(log.remotePort());
  await log.createStream(definition('events'));
  const reader = { epoch: 1, positions: [{ stream: 'events', partition: 0, offset: 0 }], state: new Uint8Array(0) };
  await log.append({ batches: [], reader: { ...reader, id: 'gone' } });
  await remote.caughtUp();
  expect([remote.stream('events')?.name, remote.reader('gone')?.id]).toEqual(['events', 'gone']);
  await log.removeReader('gone');
  await remote.caughtUp();
  expect(remote.reader('gone')).toBeUndefined();
  remote.close();
  await log.close();
});

test('rows that came encoded stay with whoever appended them, so a refused group can go again', async () => {
  const log = await open(freshFolder());
  const remote = await connectLog(log.remotePort());
  await remote.createStream(definition('events'));
  const bytes = encodeBatch(events(7));
  const group = { batches: [{ stream: 'events', rows: { partition: 0, count: 7, bytes } }] };
  const reader = { id: 'old', epoch: 2, positions: [], state: new Uint8Array(0) };
  await remote.append({ batches: [], reader });
  await expect(remote.append({ ...group, reader: { ...reader, epoch: 1 } })).rejects.toMatchObject({
    code: 'READER_FENCED',
  });
  await remote.append(group);
  expect(idsOf(log, 'events')).toHaveLength(7);
  remote.close();
  await log.close();
});
