/** A page is of the moment between two commits, also when one comes as several batches. */
import { expect, test } from 'vitest';
import { partitionOf } from '../../src/log/partition.js';
import { FeedReader } from '../../src/serve/feed/reader.js';
import { Driven, Stream, type Change } from '../summary/fixture.js';

test('a page that is asked for in the midst of a commit waits for its end', async () => {
  const stream = new Stream();
  const driven = new Driven(stream);
  // One whose rows are in the partition that the fixture puts them in.
  const tenant = [...'abcdefgh'].find(
    (name) => partitionOf(Buffer.from(name), 0, 1, stream.partitions) === stream.partitionOf(name),
  )!;
  const row = (window: number): Change => ({
    tenant,
    window,
    campaign: 'x',
    device: 1,
    impressions: 1,
    deleted: false,
  });
  try {
    await driven.open();
    const reader = new FeedReader(driven.summary.store, () => null);
    const ask = () => reader.changes({ tenant, revision: 0, limit: 100, from: null });
    stream.append([row(0)]);
    await driven.catchUp();
    expect((await ask()).rows).toBe(1);

    // One commit of two rows; it is taken in a row at a time.
    stream.append([row(1), row(2)]);
    const pages: Promise<number>[] = [];
    await driven.catchUp(1, () => pages.push(ask().then(({ rows }) => rows)));
    expect(pages.length).toBe(3);
    // Before it, in its midst, and behind it: one row, and then three, never two.
    expect(await Promise.all(pages)).toEqual([1, 3, 3]);
  } finally {
    await driven.close();
    driven.remove();
  }
});
