import { afterEach, expect, test } from 'vitest';
import type { ReaderLoop } from '../../src/log/reader-loop.js';
import type { RunningView, ViewStats } from '../../src/mill/stage-options.js';
import { CutLog } from './cut-log.js';
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
const MINUTE = 60_000;

afterEach(removeFolders);

interface Outcome {
  readonly rows: Map<string, Record<string, unknown>>;
  /** What was let go of, and rows that were refused for it. */
  readonly shed: string[];
  readonly stats: ViewStats;
  readonly mostBytes: number;
}

interface RunOptions {
  /** Columns that tell the view's rows apart. */
  readonly keys?: readonly string[];
  /** Whether what is under way ends before the next batch comes. */
  readonly isCalm?: boolean;
  /** Called with all that was told so far. */
  readonly afterBatch?: (late: readonly Record<string, unknown>[]) => void;
}

/** Appends batches of users (`name`, or `name@minutes ago`) a minute apart, and kills the view after each of some. */
async function run(
  sql: string,
  options: { stateBytesMax: number; snapshotEveryMs?: number },
  batches: readonly (readonly string[])[],
  killedAfter: readonly number[] = [],
  { afterBatch, isCalm = false, keys = ['campaign', 'window_end'] }: RunOptions = {},
): Promise<Outcome> {
  const folder = freshFolder();
  const clock = new HandClock(T0);
  const plan = await planOf(sql);
  const log = await openTestLog(folder, clock, [plan]);
  const start = (): { loop: ReaderLoop; stage: RunningView; cut: CutLog } => {
    const cut = new CutLog(log);
    return { ...startView(cut, folder, plan, clock, { snapshotEveryMs: 1e9, ...options }, cut.disk), cut };
  };
  let running = start();
  const calm = async (): Promise<void> => {
    await running.loop.drained();
    await until(() => running.stage.ready?.() !== false, 'what is under way to end');
    await running.loop.drained();
  };
  let ids = 0;
  let mostBytes = 0;
  for (const [i, users] of batches.entries()) {
    clock.time += MINUTE;
    const events = users.map((user) => {
      const [campaign, minutesAgo = '0'] = user.split('@');
      return { id: `e${ids++}`, tenant: 'acme', campaign, at: clock.time - Number(minutesAgo) * MINUTE } as Event;
    });
    await log.append({ batches: [{ stream: 'events', rows: batchOfEvents(events) }] });
    await running.loop.drained();
    mostBytes = Math.max(mostBytes, running.stage.stats().stateBytes);
    if (killedAfter.includes(i)) {
      running.cut.mode = 'refuse';
      await running.loop.stop();
      running = start();
    }
    if (isCalm) await calm();
    afterBatch?.(readAll(log, 'late'));
  }
  await calm();
  const stats = running.stage.stats();
  await running.loop.stop();
  const shed = readAll(log, 'late').map((row) => JSON.stringify([row.reason, row.event]));
  const rows = newest(readAll(log, `view.${plan.name}`), keys);
  await log.close();
  return { rows, shed, stats, mostBytes };
}

/** Users `from` to `to`, once each. */
function users(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, i) => `user-${from + i}`);
}

const BY_USER = (policy: string): string =>
  `CREATE MATERIALIZED VIEW v WITH (state_policy = '${policy}') AS SELECT campaign, count(*) AS n FROM events GROUP BY campaign`;
const BY_WINDOW = (policy: string): string =>
  `CREATE MATERIALIZED VIEW v WITH (state_policy = '${policy}', watermark_lag = '1 hour') AS
   SELECT campaign, window_end, count(*) AS n FROM TUMBLE(events, at, INTERVAL '2 minutes') GROUP BY campaign, window_end`;

/** New users each minute, some of the old ones among them. */
const BATCHES = Array.from({ length: 14 }, (_, i) => [...users(i * 20, i * 20 + 20), ...users(i * 3, i * 3 + 5)]);

const counted = (rows: Map<string, Record<string, unknown>>): unknown[] =>
  [...rows.values()]
    .map(({ campaign, n, window_end }) => JSON.stringify([campaign, String(n), window_end ?? null]))
    .sort();

for (const [name, sql] of [
  ['groups', BY_USER],
  ['windows', BY_WINDOW],
] as const) {
  test(`${name} that spill are what they are in memory, over kills`, async () => {
    const whole = await run(sql('refuse'), { stateBytesMax: 1e9 }, BATCHES);
    const small = { stateBytesMax: 10_000, snapshotEveryMs: 0 };
    const spilled = await run(sql('spill'), small, BATCHES, [3, 4, 11]);
    expect(counted(spilled.rows)).toEqual(counted(whole.rows));
    expect(spilled.stats.spilled).toBeGreaterThan(200);
    expect(spilled.stats.stateBytes).toBeLessThanOrEqual(10_000);
    expect(spilled.shed).toEqual([]);
  });

  test(`${name} are shed from the oldest on, each told, and over kills the same`, async () => {
    const options = { stateBytesMax: 80_000 };
    const once = await run(sql('shed'), options, BATCHES);
    expect(once.stats.stateShed).toBeGreaterThan(100);
    expect(once.stats.stateFull).toBe(0);
    expect(once.shed.length).toBe(once.stats.stateShed);
    expect(once.stats.stateBytes).toBeLessThanOrEqual(80_000);
    expect(once.mostBytes).toBeLessThan(160_000);
    for (const killedAfter of [BATCHES.map((_, i) => i), [5, 6, 9]]) {
      const killed = await run(sql('shed'), options, BATCHES, killedAfter);
      expect(killed.shed).toEqual(once.shed);
      expect(counted(killed.rows)).toEqual(counted(once.rows));
    }
  });
}

test('a group that was shed is taken out of the view and begins anew; the newest are never shed', async () => {
  const { rows, shed } = await run(BY_USER('shed'), { stateBytesMax: 80_000 }, BATCHES);
  const last = users(13 * 20, 14 * 20);
  for (const user of last) expect([...rows.values()].find((row) => row.campaign === user)?.n).toBeDefined();
  const gone = users(0, 3).filter((user) => shed.some((told) => told.includes(`"${user}"`)));
  expect(gone.length).toBeGreaterThan(0);
  for (const user of gone) expect([...rows.values()].some((row) => row.campaign === user)).toBe(false);
  const stuck = await run(BY_USER('shed'), { stateBytesMax: 5_000 }, [users(0, 200)]);
  expect(stuck.stats.stateShed).toBe(0);
  expect(stuck.stats.stateFull).toBeGreaterThan(0);
  expect(stuck.rows.size + stuck.stats.stateFull).toBe(200);
});

test('a window that was shed is final, keeps its rows, and refuses what comes for it', async () => {
  // Though the lag is an hour, and the last event in time.
  const { rows, shed } = await run(BY_WINDOW('shed'), { stateBytesMax: 80_000 }, [...BATCHES, ['user-1@14']]);
  const ends = [...rows.values()].map(({ window_end }) => Number(window_end));
  const first = [...rows.values()].filter(({ window_end }) => Number(window_end) === Math.min(...ends));
  expect(first.length).toBe(40);
  for (const { n, state } of first) expect([state, Number(n) <= 3]).toEqual(['final', true]);
  expect(shed.at(-1)).toMatch(/state_shed.*"at":/);
});

/** Each of a user's events with those of the hour before it. */
const joined = (type: string, policy: string, key: string): string =>
  `CREATE MATERIALIZED VIEW v WITH (state_policy = '${policy}', watermark_lag = '0', allowed_lateness = '0') AS
   SELECT a.campaign, a.id, b.id AS before, a.at FROM events a
   ${type} JOIN events b ON ${key} AND b.at BETWEEN a.at - INTERVAL '1 hour' AND a.at`;

/** Two of these users each minute, in turn, and others. */
const VISITS = Array.from({ length: 14 }, (_, i) => [
  ...users(i % 7, (i % 7) + 2),
  ...users(100 + i * 20, 118 + i * 20),
]);

interface Visit {
  readonly id: string;
  readonly user: string;
  readonly batch: number;
}

/** The pairs there are to be, as `id before`: each row meets what had not been let go of when it came. */
function expectedPairs(told: readonly ReadonlySet<string>[]): string[] {
  const all: Visit[] = [];
  for (const [batch, names] of VISITS.entries())
    for (const user of names) all.push({ id: `e${all.length}`, user, batch });
  const isThere = (row: Visit, batch: number): boolean => batch === 0 || !told[batch - 1]!.has(row.id);
  return all
    .flatMap((row) => {
      const before = all.filter((one) => one.user === row.user && one.batch <= row.batch && isThere(one, row.batch));
      return before.map((one) => `${row.id} ${one.id}`);
    })
    .sort();
}

for (const [name, key] of [
  ['in arrays', 'a.campaign = b.campaign'],
  ['as objects', 'a.campaign = b.campaign AND ARRAY[a.campaign] = ARRAY[b.campaign]'],
] as const)
  for (const type of ['', 'LEFT '])
    test(`rows of a ${type}join ${name} are shed from the oldest on, each told, and others meet all the same`, async () => {
      for (const killedAfter of [[], VISITS.map((_, i) => i), [5, 6, 9]]) {
        const told: Set<string>[] = [];
        const { rows, shed, stats } = await run(
          joined(type, 'shed', key),
          { stateBytesMax: 60_000 },
          VISITS,
          killedAfter,
          {
            keys: ['id', 'before'],
            isCalm: true,
            afterBatch: (late) => told.push(new Set(late.map(({ event }) => String((event as { id: string }).id)))),
          },
        );
        expect(stats.stateFull).toBe(0);
        expect(stats.stateBytes).toBeLessThanOrEqual(60_000);
        expect(new Set(shed.map((text) => /state_shed/.test(text)))).toEqual(new Set([true]));
        // A row of the left side can meet none that is newer: it is gone or as good as gone, and not told of.
        expect(told.at(-1)!.size).toBe(shed.length);
        const expected = expectedPairs(told);
        expect(expected.length).toBeLessThan(expectedPairs(VISITS.map(() => new Set())).length);
        expect([...rows.values()].map(({ before, id }) => `${String(id)} ${String(before)}`).sort()).toEqual(expected);
      }
    });

test('what can neither be shed nor spilled is refused by name', async () => {
  const view = (policy: string, query: string): Promise<unknown> =>
    planOf(`CREATE MATERIALIZED VIEW v WITH (state_policy = '${policy}') AS ${query}`);
  await expect(view('spill', 'SELECT campaign, row_number() OVER (ORDER BY at) AS n FROM events')).rejects.toThrow(
    /state_policy = 'spill': the state of OVER stays in memory/,
  );
  await expect(
    view('shed', "SELECT campaign, count(*) AS n FROM SESSION(events, at, INTERVAL '1 minute') GROUP BY campaign"),
  ).rejects.toThrow(/a SESSION window stays in memory/);
  await expect(view('spill', joined('', 'spill', 'a.id = b.id').split(' AS\n')[1]!)).rejects.toThrow(
    /a join stays in memory/,
  );
  await expect(view('throw', 'SELECT campaign FROM events')).rejects.toThrow(
    /'refuse', 'shed' or 'spill', not "throw"/,
  );
});
