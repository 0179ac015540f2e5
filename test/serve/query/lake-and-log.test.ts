/** `events` in a query: lake below its committed offset, log from it, while both move. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/io/clock.js';
import { realDisk } from '../../../src/io/disk-real.js';
import { openCatalog } from '../../../src/lake/catalog.js';
import { LakeStage } from '../../../src/lake/stage.js';
import { startReaderLoop, type ReaderLoop } from '../../../src/log/reader-loop.js';
import { lakeReader } from '../../../src/serve/lake-reader.js';
import type { Log } from '../../../src/log/log.js';
import { StreamSnapshot, type LakeReader } from '../../../src/serve/query/stream-source.js';
import { EVENTS, openFixture, START, type Fixture } from './fixture.js';

let fixture: Fixture;
let lake: ReaderLoop;
const late: { reader: LakeReader | null } = { reader: null };

beforeAll(async () => {
  fixture = await openFixture({ lake: { take: (stream, tenant) => late.reader?.take(stream, tenant) ?? null } });
  const folder = join(fixture.folder, 'lake');
  late.reader = lakeReader(openCatalog(realDisk, folder));
  const stage = new LakeStage({
    stream: 'events',
    definition: () => fixture.log.stream('events')!,
    folder,
    disk: realDisk,
    clock: systemClock,
    options: { runRowsMax: 150, runAgeMaxMs: 50 },
  });
  lake = startReaderLoop({ log: fixture.log, stage, clock: systemClock, options: { flushEveryMs: 10 } });
});
afterAll(async () => {
  await lake.stop();
  await fixture.close();
});

let next = 0;
function rows(count: number) {
  return Array.from({ length: count }, () => ({
    tenant_id: `t${next % 7}`,
    event_id: `e${next++}`,
    event_time: START + next,
    kind: 'click',
    clicks: next,
    props: { n: next },
  }));
}

/** Every row below what the answer says it saw, each once. */
async function checkOnce(): Promise<number> {
  const sql =
    'SELECT _partition, count(*), count(DISTINCT _offset), min(_offset), max(_offset), count(DISTINCT event_id) FROM events GROUP BY 1 ORDER BY 1';
  const answer = await fixture.engine.run({ sql, tenant: null, format: 'json' });
  const { rows: found, stats } = JSON.parse(new TextDecoder().decode(answer.body)) as {
    rows: number[][];
    stats: { asOf: { events: number[] } };
  };
  const expected = stats.asOf.events
    .map((end, partition) => [partition, end, end, 0, end - 1, end])
    .filter(([, end]) => end! > 0);
  expect(found).toEqual(expected);
  return stats.asOf.events.reduce((sum, end) => sum + end, 0);
}

describe('events', () => {
  it('holds each acknowledged row exactly once, while the log and the lake commit', async () => {
    let acknowledged = 0;
    let writing = true;
    const writer = (async () => {
      while (writing) {
        const batch = rows(20 + (next % 37));
        await fixture.append('events', batch);
        acknowledged += batch.length;
        await new Promise((resolve) => setTimeout(resolve, 3));
      }
    })();
    let withBoth = 0;
    for (let round = 0; round < 60; round++) {
      const before = acknowledged;
      const seen = await checkOnce();
      expect(seen).toBeGreaterThanOrEqual(before);
      const committed =
        openCatalog(realDisk, join(fixture.folder, 'lake'))
          .snapshot('events')
          ?.committed.reduce((a, b) => a + b, 0) ?? 0;
      if (committed > 0 && committed < acknowledged) withBoth += 1;
    }
    writing = false;
    await writer;
    // The test is worth something only when queries met the lake and the log together.
    expect(withBoth).toBeGreaterThan(10);
    expect(await checkOnce()).toBe(acknowledged);
  }, 120_000);

  it('asks the lake before the log, because the lake commits in another thread', () => {
    let end = 10;
    const log = {
      stream: () => ({ partitions: 1, schema: EVENTS }),
      range: () => ({ start: 0, end }),
    } as unknown as Log;
    // While it is asked, rows come and are committed to the lake.
    const lakeOf = { take: () => ((end = 20), { files: ['x'], offsets: [20], release: () => undefined }) };
    const snapshot = new StreamSnapshot(log, lakeOf, 'events', fixture.files, null);
    expect({ starts: snapshot.starts, ends: snapshot.ends }).toEqual({ starts: [20], ends: [20] });
  });

  it('shows a tenant its own, from both, and the same columns', async () => {
    await fixture.append('events', rows(14));
    const all = await fixture.query(
      "SELECT count(*), sum(clicks), max(props ->> 'n') FROM events WHERE tenant_id = 't3'",
    );
    expect(await fixture.query("SELECT count(*), sum(clicks), max(props ->> 'n') FROM events", 't3')).toEqual(all);
    expect((await fixture.query('SELECT * FROM events LIMIT 1', 't3'))[0]).toHaveLength(12);
  });
});
