/** A transform from end to end on a real log: once each, chained, failing, redriven, replaced. */
import { afterEach, expect, test } from 'vitest';
import { QUARANTINE_STREAM, REDRIVE_SCHEMA, REDRIVE_STREAM } from '../../src/event/internal.js';
import { batchFromRows } from '../../src/event/rows.js';
import type { EmbeddedLog } from '../../src/log/embedded/open.js';
import { edges, event, freshFolder, once, optionsOf, removeFolders, run, uuid, type Event } from './support.js';

afterEach(removeFolders);

const events = (count: number, from = 0): Event[] =>
  Array.from({ length: count }, (_, i) =>
    event(from + i, { kind: (from + i) % 2 === 0 ? 'click' : 'view', cost: '1.5' }),
  );

/** Quarantined rows on their way again, as `millrace redrive` writes them. */
async function redrive(log: EmbeddedLog, rows: readonly Event[], reader: string): Promise<void> {
  await log.append({
    batches: [
      {
        stream: REDRIVE_STREAM,
        rows: batchFromRows(
          REDRIVE_SCHEMA,
          rows.map((row, i) => ({
            ...row,
            stage: 'transform',
            reader,
            quarantine_offset: i,
            received_at: 0,
          })),
        ),
      },
    ],
  });
}

test('without steps, every row comes out as it went in, by partition', async () => {
  const folder = freshFolder();
  const running = await run(folder, optionsOf({ copy: { from: 'events', partitions: 3 } }, folder));
  await running.append(events(100));
  await running.append(events(50, 100));
  await running.drained();
  expect(running.rows('copy').toSorted((a, b) => (a['id']! < b['id']! ? -1 : 1))).toEqual(running.rows('events'));
  expect(
    [0, 1, 2].map((partition) => running.log.range('copy', partition).end).filter((end) => end > 0).length,
  ).toBeGreaterThan(1);
  expect(running.status('copy').stats).toMatchObject({ read: 150, ok: 150, written: 150, underWay: 0 });
  expect(edges(running.log, 'transform.copy')).toEqual({ read: 150, ok: 150, written: 150 });
  await running.stop();
});

test('filter, set and rename, in order', async () => {
  const {
    rows,
    edges: counts,
    quarantine,
  } = await once(
    {
      clicks: {
        from: 'events',
        to: 'paid_clicks',
        steps: [
          { filter: "kind = 'click'" },
          { set: { cost: 'cost * 2', doubled: 'cost', who: "tenant || '/' || kind" } },
          { rename: { who: 'origin', kind: 'event_kind' } },
          { filter: "origin <> 't0/click'" },
        ],
      },
    },
    events(6),
  );
  expect(rows).toEqual([
    {
      id: uuid(2),
      tenant: 't2',
      at: 1_760_000_000_002,
      event_kind: 'click',
      cost: '3.000000',
      doubled: '3.000000',
      origin: 't2/click',
    },
    {
      id: uuid(4),
      tenant: 't1',
      at: 1_760_000_000_004,
      event_kind: 'click',
      cost: '3.000000',
      doubled: '3.000000',
      origin: 't1/click',
    },
  ]);
  expect(counts).toEqual({ read: 6, ok: 2, written: 2, 'filtered filter': 4 });
  expect(quarantine).toEqual([]);
});

test('a row that fails is in the quarantine as it came, the others pass, and the account closes', async () => {
  const {
    rows,
    edges: counts,
    quarantine,
  } = await once({ rate: { from: 'events', steps: [{ set: { ratio: '(cost / clicks)::double precision' } }] } }, [
    event(1, { cost: '3', clicks: 2 }),
    event(2, { cost: '3', clicks: 0 }),
    event(3, { cost: '3' }),
  ]);
  expect(rows.map((row) => row['ratio'])).toEqual([1.5, undefined]);
  expect(counts).toEqual({ read: 3, ok: 2, written: 2, 'quarantined SQL_RUNTIME': 1 });
  expect(quarantine).toMatchObject([
    {
      tenant: 't2',
      stage: 'transform',
      reader: 'rate',
      stream: 'events',
      partition: 0,
      offset: 1,
      index: 1,
      code: 'SQL_RUNTIME',
      message: 'division by zero',
      path: 'ratio',
      attempts: 1,
      event_id: uuid(2),
    },
  ]);
  const original = JSON.parse(Buffer.from(quarantine[0]!['original'] as string, 'base64').toString()) as Event;
  expect(original).toMatchObject({ id: uuid(2), clicks: 0, cost: '3.000000' });
});

test('beyond the room in the quarantine, rows that fail are counted as dropped', async () => {
  const folder = freshFolder();
  const options = optionsOf({ rate: { from: 'events', steps: [{ set: { clicks: 'clicks / 0' } }] } }, folder);
  const running = await run(folder, options, { tenantBytesMax: 1_000 });
  await running.append(Array.from({ length: 9 }, (_, i) => event(i * 3, { clicks: 1 })));
  await running.drained();
  const counts = edges(running.log, 'transform.rate');
  expect(counts['quarantined SQL_RUNTIME']).toBeGreaterThan(0);
  expect(counts['dropped quarantine_full']).toBeGreaterThan(0);
  expect(counts['quarantined SQL_RUNTIME']! + counts['dropped quarantine_full']!).toBe(9);
  await running.stop();
});

test('what is redriven goes through again, once, and only where it is addressed to', async () => {
  const folder = freshFolder();
  const broken = optionsOf({ rate: { from: 'events', steps: [{ set: { clicks: '10 / clicks' } }] } }, folder);
  let running = await run(folder, broken);
  await running.append([
    event(1, { clicks: 0 }),
    event(2, { clicks: 5 }),
    event(3, { clicks: 0, props: { a: [1] }, labels: ['x'] }),
  ]);
  await running.drained();
  const quarantined = running.rows(QUARANTINE_STREAM);
  expect(quarantined).toHaveLength(2);
  await running.stop();

  const fixed = optionsOf({ rate: { from: 'events', steps: [{ set: { clicks: '10 / nullif(clicks, 0)' } }] } }, folder);
  running = await run(folder, fixed);
  await redrive(running.log, quarantined, 'rate');
  await redrive(running.log, quarantined, 'other');
  await redrive(running.log, [{ ...quarantined[0], original: Buffer.from('{"id": 7').toString('base64') }], 'rate');
  await running.drained();
  await running.stop();
  running = await run(folder, fixed);
  await running.drained();
  expect(running.rows('rate').map(({ id, clicks }) => [id, clicks])).toEqual([
    [uuid(2), 2],
    [uuid(1), undefined],
    [uuid(3), undefined],
  ]);
  expect(running.rows('rate')[2]).toMatchObject({ props: { a: [1] }, labels: ['x'] });
  expect(running.rows(QUARANTINE_STREAM).slice(2)).toMatchObject([
    {
      code: 'EVENT_MALFORMED',
      attempts: 2,
      stream: 'events',
      partition: 0,
      offset: 0,
      event_id: uuid(1),
      reader: 'rate',
    },
  ]);
  expect(running.log.reader('transform.rate')!.positions).toContainEqual({
    stream: REDRIVE_STREAM,
    partition: 0,
    offset: 5,
  });
  await running.stop();
});

test('the redrive of others moves its position as well, so that retention may go on', async () => {
  const folder = freshFolder();
  const running = await run(folder, optionsOf({ copy: { from: 'events' } }, folder));
  await running.append([event(1)]);
  await running.drained();
  const row = { tenant: 't', stream: 'events', original: Buffer.from('{}').toString('base64'), attempts: 1 };
  await redrive(running.log, [row, row, row], 'other');
  const position = () =>
    running.log.reader('transform.copy')!.positions.find(({ stream }) => stream === REDRIVE_STREAM)?.offset;
  while (position() !== 3) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(edges(running.log, 'transform.copy')).toEqual({ read: 1, ok: 1, written: 1 });
  await running.stop();
});

test('one transform reads what another writes, whatever their order in the configuration', async () => {
  const { rows } = await once(
    {
      last: { from: 'first', steps: [{ set: { doubled: 'doubled + 1' } }] },
      first: { from: 'events', steps: [{ set: { doubled: 'clicks * 2' } }] },
    },
    [event(1, { clicks: 4 })],
  );
  expect(rows).toMatchObject([{ doubled: 9 }]);
});

test('a transform of the quarantine counts what fails, and never quarantines it', async () => {
  const folder = freshFolder();
  const running = await run(
    folder,
    optionsOf(
      {
        rate: { from: 'events', steps: [{ set: { clicks: '10 / clicks' } }] },
        failures: { from: 'quarantine', steps: [{ set: { attempts: 'attempts / index' } }] },
      },
      folder,
    ),
  );
  await running.append([event(1, { clicks: 0 }), event(2, { clicks: 0 })]);
  await running.drained();
  expect(running.rows(QUARANTINE_STREAM)).toHaveLength(2);
  expect(running.rows('failures').map(({ index }) => index)).toEqual([1]);
  expect(edges(running.log, 'transform.failures')).toEqual({ read: 2, ok: 1, written: 1, 'dropped SQL_RUNTIME': 1 });
  await running.stop();
});

test('transforms come, change and go while the others run', async () => {
  const folder = freshFolder();
  const named = (transforms: Record<string, unknown>) => optionsOf(transforms, folder).transforms;
  const keep = { from: 'events' };
  const running = await run(
    folder,
    optionsOf({ keep, change: { from: 'events', steps: [{ filter: 'clicks = 1' }] } }, folder),
  );
  await running.append([event(1, { clicks: 1 }), event(2, { clicks: 2 })]);
  await running.drained();
  await running.transforms.apply(
    named({ keep, change: { from: 'events', steps: [{ filter: 'clicks = 2' }] }, added: { from: 'events' } }),
  );
  await running.append([event(3, { clicks: 1 }), event(4, { clicks: 2 })]);
  await running.drained();
  const ids = (stream: string) => running.rows(stream).map(({ id }) => id);
  expect(ids('keep')).toEqual([1, 2, 3, 4].map(uuid));
  expect(ids('change')).toEqual([1, 4].map(uuid));
  expect(ids('added')).toEqual([1, 2, 3, 4].map(uuid));
  await running.transforms.apply(named({ keep }));
  expect(running.transforms.status().map(({ stats }) => stats.name)).toEqual(['keep']);
  await expect(
    running.transforms.apply(named({ keep, bad: { from: 'events', steps: [{ filter: 'nothing = 1' }] } })),
  ).rejects.toMatchObject({
    code: 'SQL_UNKNOWN_COLUMN',
  });
  await running.append([event(5)]);
  await running.drained();
  expect(ids('keep')).toHaveLength(5);
  await running.stop();
});
