import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type { EmbeddedLog } from '../../src/log/embedded/open.js';
import type { ViewPlan } from '../../src/sql/plan.js';
import type { ViewStageOptions } from '../../src/mill/stage-options.js';
import {
  batchOfEvents,
  freshFolder,
  HandClock,
  newest,
  openTestLog,
  planOf,
  readAll,
  removeFolders,
  startView,
  until,
  type Event,
} from './support.js';

const T0 = 1_760_000_000_000 - (1_760_000_000_000 % 60_000);

afterEach(removeFolders);

interface Running {
  readonly folder: string;
  readonly clock: HandClock;
  readonly plan: ViewPlan;
  readonly log: EmbeddedLog;
  readonly append: (events: readonly Partial<Event>[]) => Promise<void>;
  readonly rows: () => Record<string, unknown>[];
}

let ids = 0;

async function open(sql: string): Promise<Running> {
  const folder = freshFolder();
  const clock = new HandClock(T0 + 1_000);
  const plan = await planOf(sql);
  const log = await openTestLog(folder, clock, [plan]);
  const append = async (events: readonly Partial<Event>[]): Promise<void> => {
    const made = events.map((event) => ({ id: `e${ids++}`, tenant: 'acme', at: T0, ...event }) as Event);
    await log.append({ batches: [{ stream: 'events', rows: batchOfEvents(made) }] });
  };
  return { folder, clock, plan, log, append, rows: () => readAll(log, `view.${plan.name}`) };
}

function start(running: Running, options: Partial<ViewStageOptions> = {}): ReturnType<typeof startView> {
  return startView(running.log, running.folder, running.plan, running.clock, options);
}

const late = (running: Running): unknown[] =>
  readAll(running.log, 'late').map(({ reason, offset, window_start: window }) => [reason, offset, window]);

test('a row that cannot be evaluated goes to the late stream, and only that row', async () => {
  const running = await open(`CREATE MATERIALIZED VIEW v AS SELECT tenant, window_start, count(*) AS events,
    sum(10 / number) AS parts, sum(100 / number) FILTER (WHERE kind = 'click') AS clicks
    FROM TUMBLE(events, at, INTERVAL '1 minute') WHERE kind <> 'skip' GROUP BY tenant, window_start`);
  const { loop, stage } = start(running);
  await running.append([
    { kind: 'view', number: 5 },
    { kind: 'view', number: 0 },
    { kind: 'skip', number: 0 },
    { kind: 'click', number: 4 },
  ]);
  await loop.drained();
  expect(late(running)).toEqual([['error: division by zero', 1, null]]);
  expect(
    [...newest(running.rows(), ['tenant']).values()].map(({ events, parts, clicks }) => [events, parts, clicks]),
  ).toEqual([[2, '4', '25']]);
  expect(stage.stats().failed).toBe(1);
  await loop.stop();
  await running.log.close();
});

test('an argument is not evaluated for a row that its FILTER leaves out', async () => {
  const running = await open(`CREATE MATERIALIZED VIEW v AS SELECT tenant, window_start, count(*) AS events,
    sum(10 / number) FILTER (WHERE number <> 0) AS parts, count(DISTINCT 12 / number) FILTER (WHERE number <> 0) AS kinds,
    max((campaign)::bigint) FILTER (WHERE kind = 'click') AS most, sum(cost / number) FILTER (WHERE number > 0) AS share
    FROM TUMBLE(events, at, INTERVAL '1 minute') GROUP BY tenant, window_start`);
  const { loop } = start(running);
  await running.append([
    { kind: 'click', number: 5, campaign: '17', cost: '1.5' },
    { kind: 'view', number: 0, campaign: 'x', cost: '2' },
    { kind: 'view', number: -6, campaign: null, cost: null },
  ]);
  await loop.drained();
  expect(late(running)).toEqual([]);
  const [row] = running.rows();
  expect([row!.events, row!.parts, row!.kinds, row!.most]).toEqual([3, '1', 2, 17]);
  expect(Number(row!.share)).toBe(0.3);
  await loop.stop();
  await running.log.close();
});

test('an output that cannot be computed is NULL, counted, and stops nothing', async () => {
  const running =
    await open(`CREATE MATERIALIZED VIEW v AS SELECT tenant, window_start, count(*) AS events, sum(number) / count(campaign) AS share
    FROM TUMBLE(events, at, INTERVAL '1 minute') GROUP BY tenant, window_start`);
  const { loop, stage } = start(running);
  await running.append([{ number: 5 }]);
  await loop.drained();
  await running.append([{ number: 5, campaign: 'x' }]);
  await loop.drained();
  expect(running.rows().map(({ events, share }) => [events, share === null ? null : Number(share)])).toEqual([
    [1, null],
    [2, 10],
  ]);
  expect(stage.stats().outputErrors).toBe(1);
  await loop.stop();
  await running.log.close();
});

test('an event time that is NULL belongs to no window', async () => {
  const running = await open(`CREATE MATERIALIZED VIEW v AS SELECT tenant, window_start, count(*) AS events
    FROM TUMBLE(events, seen, INTERVAL '1 minute') GROUP BY tenant, window_start`);
  const { loop } = start(running);
  await running.append([{ seen: T0 }, { seen: null }, { seen: T0 + 59_999 }]);
  await loop.drained();
  expect(late(running)).toEqual([['event_time_null', 1, null]]);
  expect(running.rows().map(({ events }) => events)).toEqual([2]);
  await loop.stop();
  await running.log.close();
});

test('with late = drop a row without a time is counted, and not kept', async () => {
  for (const window of [
    "TUMBLE(events, seen, INTERVAL '1 minute')",
    "HOP(events, seen, INTERVAL '1 minute', INTERVAL '1 minute')",
  ]) {
    const running = await open(`CREATE MATERIALIZED VIEW v WITH (late = 'drop') AS
      SELECT tenant, window_start, count(*) AS events FROM ${window} GROUP BY tenant, window_start`);
    const { loop, stage } = start(running);
    await running.append([{ seen: T0 }, { seen: null }]);
    await loop.drained();
    expect(stage.stats().late).toBe(1);
    expect(late(running)).toEqual([]);
    await loop.stop();
    await running.log.close();
  }
});

test('what a start needs is held, not only what is not yet committed', async () => {
  for (const window of [
    "TUMBLE(events, at, INTERVAL '1 minute')",
    "HOP(events, at, INTERVAL '1 minute', INTERVAL '1 minute')",
  ]) {
    const running = await open(`CREATE MATERIALIZED VIEW v AS
      SELECT tenant, window_start, count(*) AS events FROM ${window} GROUP BY tenant, window_start`);
    const { loop } = start(running, { snapshotEveryMs: 1e9 });
    await running.append([{}, {}]);
    await loop.drained();
    expect(running.log.reader('mill.v')?.positions).toMatchObject([{ offset: 2 }]);
    expect(running.log.holds('mill.v')).toMatchObject([{ offset: 0 }]);
    await loop.stop();
    await running.log.close();
  }
});

test('a key that HAVING no longer lets through is deleted, and may come back', async () => {
  const running = await open(`CREATE MATERIALIZED VIEW v AS SELECT tenant, window_start, sum(number) AS total
    FROM TUMBLE(events, at, INTERVAL '1 minute') GROUP BY tenant, window_start HAVING sum(number) > 3`);
  const { loop } = start(running);
  for (const number of [2, 2, -3, 1, 5]) {
    await running.append([{ number }]);
    await loop.drained();
  }
  expect(running.rows().map(({ op, total }) => [op, total])).toEqual([
    ['upsert', '4'],
    ['delete', null],
    ['upsert', '7'],
  ]);
  await loop.stop();
  await running.log.close();
});

test('at its bound a view takes no new groups, says so, and goes on with those it has', async () => {
  const running = await open(`CREATE MATERIALIZED VIEW v AS SELECT tenant, campaign, window_start, count(*) AS events
    FROM TUMBLE(events, at, INTERVAL '1 minute') GROUP BY tenant, campaign, window_start`);
  const options = { stateBytesMax: 1_000 };
  let { loop, stage } = start(running, options);
  const events = Array.from({ length: 200 }, (_, i) => ({ campaign: `campaign-${i % 100}` }));
  await running.append(events);
  await loop.drained();
  const groups = stage.stats().groups;
  expect(groups).toBeGreaterThan(5);
  expect(groups).toBeLessThan(100);
  expect(stage.stats().stateBytes).toBeLessThanOrEqual(1_000);
  expect(stage.stats().stateFull).toBe(200 - groups * 2);
  const refused = late(running);
  expect(refused.length).toBe(200 - groups * 2);
  expect(refused[0]).toEqual(['state_full', groups, T0]);
  expect([...newest(running.rows(), ['campaign']).values()].every((row) => row.events === 2)).toBe(true);
  // A restart that replays decides the same, and says nothing twice.
  await loop.stop();
  ({ loop, stage } = start(running, options));
  await running.append([{ campaign: 'campaign-0' }, { campaign: 'campaign-99' }]);
  await loop.drained();
  expect(stage.stats().groups).toBe(groups);
  expect(late(running).length).toBe(201 - groups * 2);
  await loop.stop();
  await running.log.close();
});

test('a window of more groups than one flush takes closes over several', async () => {
  const running =
    await open(`CREATE MATERIALIZED VIEW v WITH (watermark_lag = '0 seconds', emit = 'close') AS SELECT id, window_start, count(*) AS events
    FROM TUMBLE(events, at, INTERVAL '1 minute') GROUP BY id, window_start`);
  const { loop, stage } = start(running);
  const count = 40_000;
  for (let from = 0; from < count; from += 10_000) {
    await running.append(Array.from({ length: 10_000 }, (_, i) => ({ id: `id-${from + i}` })));
  }
  await until(() => stage.stats().groups === count, 'the groups');
  await loop.drained();
  expect(running.rows().length).toBe(0);
  running.clock.time = T0 + 60_001;
  await until(() => running.rows().length === count, 'the window to close');
  expect(loop.status().commits).toBeGreaterThanOrEqual(3);
  const rows = running.rows();
  expect(rows.length).toBe(count);
  expect(new Set(rows.map((row) => row.id)).size).toBe(count);
  expect(rows.every((row) => row.state === 'final' && row.events === 1)).toBe(true);
  // A correction of one of them finds its stored partial.
  await running.append([{ id: 'id-27777' }]);
  await loop.drained();
  expect(
    running
      .rows()
      .slice(count)
      .map(({ id, state, events }) => [id, state, events]),
  ).toEqual([['id-27777', 'corrected', 2]]);
  await loop.stop();
  await running.log.close();
});

test('a damaged snapshot is not used: the view replays from the start and says nothing twice', async () => {
  const running =
    await open(`CREATE MATERIALIZED VIEW v AS SELECT tenant, window_start, count(*) AS events, count(DISTINCT campaign) AS campaigns
    FROM TUMBLE(events, at, INTERVAL '1 minute') GROUP BY tenant, window_start`);
  let { loop } = start(running, { snapshotEveryMs: 0 });
  await running.append([{ campaign: 'a' }, { campaign: 'b' }]);
  await loop.drained();
  await loop.stop();
  const snapshot = join(running.folder, 'mill', 'v', 'snapshot');
  for (const [pattern, damage] of [
    [/^table-/, flip],
    [/^pool-/, flip],
    [/^manifest/, cut],
    [/^clocks-/, cut],
  ] as const) {
    for (const name of readdirSync(snapshot).filter((each) => pattern.test(each)))
      writeFileSync(join(snapshot, name), damage(readFileSync(join(snapshot, name))));
    ({ loop } = start(running, { snapshotEveryMs: 0 }));
    await running.append([{ campaign: 'a' }]);
    await loop.drained();
    await loop.stop();
  }
  expect(running.rows().map(({ events, campaigns }) => [events, campaigns])).toEqual([
    [2, 2],
    [3, 2],
    [4, 2],
    [5, 2],
    [6, 2],
  ]);
  await running.log.close();
});

function flip(bytes: Buffer): Buffer {
  bytes[bytes.length >> 1]! ^= 16;
  return bytes;
}

function cut(bytes: Buffer): Buffer {
  return bytes.subarray(0, bytes.length - 3);
}

test.each(['close', '1 second', 'change'])('a window is corrected again and again, emit %s', async (emit) => {
  const running = await open(`CREATE MATERIALIZED VIEW v WITH (watermark_lag = '5 seconds', allowed_lateness = '1 hour',
    emit = '${emit}') AS SELECT tenant, window_start, count(*) AS events
    FROM TUMBLE(events, at, INTERVAL '1 minute') GROUP BY tenant, window_start`);
  const { loop, stage } = start(running);
  await running.append([{}, { tenant: 'other' }]);
  await loop.drained();
  running.clock.time = T0 + 65_001;
  await until(() => stage.stats().windowsClosed === 1 && stage.stats().windows === 0, 'the window to be stored');
  for (const events of [2, 3, 4]) {
    await running.append([{}]);
    await loop.drained();
    await until(() => stage.stats().windows === 0, 'the correction to be stored');
    const newestRows = newest(running.rows(), ['tenant', 'window_start']);
    expect([...newestRows.values()].map((row) => [row.tenant, row.state, row.events])).toEqual([
      ['acme', 'corrected', events],
      ['other', 'final', 1],
    ]);
  }
  await loop.stop();
  await running.log.close();
});
