import { CutLog } from './cut-log.js';
import { writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import type { Log } from '../../src/log/log.js';
import type { ReaderLoop } from '../../src/log/reader-loop.js';
import type { RunningView } from '../../src/mill/stage-options.js';
import { asText, measures, MEASURES_SQL, recount, type ModelView } from './model.js';
import {
  batchOfEvents,
  freshFolder,
  HandClock,
  newest,
  openTestLog,
  planOf,
  readAll,
  relationalPlanOf,
  removeFolders,
  startView,
  until,
  type Event,
} from './support.js';
import { rounds } from '../sim/rounds.js';

const T0 = 1_760_000_000_000 - (1_760_000_000_000 % 60_000);
const MINUTE = 60_000;
const DAY = 86_400_000;
const TENANTS = ['acme', 'bolt', 'core', 'dyne', 'echo'] as const;
const RUNS = Number(process.env.MILLRACE_RUNS ?? rounds(14, 25));

afterEach(removeFolders);

const CLOCKS = ['arrival', 'event'] as const;

const VIEWS: readonly { name: string; sql: string; model: ModelView }[] = [
  {
    name: 'by_campaign',
    sql: `CREATE MATERIALIZED VIEW by_campaign WITH (watermark_lag = '5 seconds', allowed_lateness = '10 minutes') AS
      SELECT tenant, campaign, number % 2 AS odd, window_start, ${MEASURES_SQL} FROM TUMBLE(events, at, INTERVAL '1 minute') GROUP BY tenant, campaign, number % 2, window_start`,
    model: { keys: ['tenant', 'campaign', 'odd'], sizeMs: MINUTE, lagMs: 5_000, allowedMs: 600_000, where: () => true },
  },
  {
    name: 'by_flag',
    sql: `CREATE MATERIALIZED VIEW by_flag WITH (watermark_lag = '0 seconds', allowed_lateness = '3 minutes') AS
      SELECT flag, window_start, ${MEASURES_SQL} FROM TUMBLE(events, at, INTERVAL '1 minute') WHERE kind <> 'view' GROUP BY flag, window_start`,
    model: {
      keys: ['flag'],
      sizeMs: MINUTE,
      lagMs: 0,
      allowedMs: 180_000,
      where: (row) => row.kind !== null && row.kind !== 'view',
    },
  },
  {
    name: 'at_close',
    sql: `CREATE MATERIALIZED VIEW at_close WITH (watermark_lag = '5 seconds', allowed_lateness = '10 minutes', emit = 'close') AS
      SELECT tenant, window_start, ${MEASURES_SQL} FROM TUMBLE(events, at, INTERVAL '1 minute') WHERE campaign LIKE '%x%' OR number > 0 GROUP BY tenant, window_start`,
    model: {
      keys: ['tenant'],
      sizeMs: MINUTE,
      lagMs: 5_000,
      allowedMs: 600_000,
      where: (row) => row.campaign === 'x' || (row.number !== null && BigInt(row.number as string) > 0n),
    },
  },
  {
    name: 'now_and_then',
    sql: `CREATE MATERIALIZED VIEW now_and_then WITH (watermark_lag = '5 seconds', allowed_lateness = '10 minutes', emit = '20 milliseconds') AS
      SELECT tenant, campaign, window_start, ${MEASURES_SQL} FROM TUMBLE(events, at, INTERVAL '1 minute') GROUP BY tenant, campaign, window_start`,
    model: { keys: ['tenant', 'campaign'], sizeMs: MINUTE, lagMs: 5_000, allowedMs: 600_000, where: () => true },
  },
];

type Step =
  | { readonly kind: 'append'; readonly events: readonly Omit<Event, 'id'>[]; readonly size: number }
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'drain' | 'kill' | 'lose' | 'stop' }
  | { readonly kind: 'sleep'; readonly ms: number };

const event = fc.record({
  tenant: fc.constantFrom(...TENANTS),
  behindMs: fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 0, max: 20_000 }) },
    { weight: 2, arbitrary: fc.integer({ min: 0, max: 300_000 }) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 1_500_000 }) },
  ),
  kind: fc.constantFrom('click', 'view', 'sale', null),
  campaign: fc.constantFrom('x', 'y', 'ünï', null),
  user: fc.option(fc.constantFrom('u1', 'u2', 'u3', 'u4', '', 'ß𝄞'), { nil: null }),
  number: fc.option(
    fc.oneof(
      fc.integer({ min: -5, max: 5 }),
      fc.constantFrom('9007199254740993', '9007199254740994', '-9223372036854775808', '4611686018427387904'),
    ),
    { nil: null },
  ),
  cost: fc.option(
    fc.integer({ min: -9_000_000, max: 9_000_000 }).map((units) => (units / 1e6).toFixed(6)),
    { nil: null },
  ),
  flag: fc.option(fc.boolean(), { nil: null }),
  device: fc.option(
    fc.integer({ min: 0, max: 5 }).map((n) => `00000000-0000-4000-8000-00000000000${n}`),
    { nil: null },
  ),
});

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      events: fc.array(event, { minLength: 1, maxLength: 30 }),
      size: fc.constantFrom(1, 7, 1_000),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('pass' as const),
      ms: fc.constantFrom(1, 1_000, 20_000, 70_000, 400_000),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('drain' as const, 'kill' as const, 'lose' as const) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'stop' as const }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('sleep' as const), ms: fc.constantFrom(1, 12, 40) }) },
);

const scenario = fc.record({
  engine: fc.constantFrom('kernel' as const, 'operators' as const, 'operators that spill' as const),
  view: fc.constantFrom(...VIEWS),
  clockKind: fc.constantFrom(...CLOCKS),
  partitions: fc.constantFrom(1, 2, 4),
  snapshotEveryMs: fc.constantFrom(0, 15, 1e9),
  steps: fc.array(step, { minLength: 3, maxLength: 25 }),
});

type Scenario = typeof scenario extends fc.Arbitrary<infer T> ? T : never;

async function play({ engine, view, clockKind, partitions, snapshotEveryMs, steps }: Scenario): Promise<void> {
  const folder = freshFolder();
  const clock = new HandClock(T0);
  const spills = engine === 'operators that spill';
  const relational = await relationalPlanOf(view.sql);
  const plan =
    engine === 'kernel' ? await planOf(view.sql) : { ...relational, ...(spills && { statePolicy: 'spill' as const }) };
  // Room for a handful of groups: most of what is touched has been on disk.
  const options = { snapshotEveryMs, ...(spills && { stateBytesMax: 4_000 }) };
  const log = await openTestLog(folder, clock, [plan], { partitions, clock: clockKind });
  let running = start();
  let ids = 0;

  function start(): { loop: ReaderLoop; stage: RunningView; cut: CutLog } {
    const cut = new CutLog(log);
    return { ...startView(cut, folder, plan, clock, options, cut.disk), cut };
  }

  async function append(events: readonly Omit<Event, 'id'>[], size: number): Promise<void> {
    const made = events.map(
      ({ behindMs, ...rest }) =>
        ({ ...rest, id: `e${ids++}`, at: clock.time - (behindMs as number) }) as unknown as Event,
    );
    for (let i = 0; i < made.length; i += size)
      await log.append({ batches: [{ stream: 'events', rows: batchOfEvents(made.slice(i, i + size)) }] });
  }

  for (const each of steps) {
    if (each.kind === 'append') await append(each.events, each.size);
    else if (each.kind === 'pass') clock.time += each.ms;
    else if (each.kind === 'sleep') await new Promise((resolve) => setTimeout(resolve, each.ms));
    else if (each.kind === 'drain') await running.loop.drained();
    else {
      if (each.kind !== 'stop') running.cut.mode = each.kind === 'kill' ? 'refuse' : 'lose the answer';
      await running.loop.stop();
      running = start();
    }
  }
  clock.time += 10 * MINUTE;
  // Event clocks are moved by a last event of each tenant, in a window of its own that is not looked at.
  const end = clock.time + DAY;
  if (clockKind === 'event')
    await append(
      TENANTS.map((tenant) => ({ tenant, behindMs: -2 * DAY, kind: 'view' })),
      1,
    );
  await running.loop.drained();
  const open = (): unknown[] => readAll(log, `view.${view.name}`).filter((row) => (row.window_start as number) < end);
  if (clockKind === 'arrival') {
    await until(() => log.arrivalClock('events').clockMs >= clock.time, 'the arrival clock');
    await until(() => running.stage.stats().windows === 0, 'all windows to close');
  }
  await until(
    () =>
      [...newest(open() as Record<string, unknown>[], [...view.model.keys, 'window_start']).values()].every(
        (row) => row.state !== 'open',
      ),
    'final rows',
  );
  await running.loop.drained();
  check(log, view.name, view.model, clockKind, end, engine);
  await running.loop.stop();
  await log.close();
}

function check(
  log: Log,
  name: string,
  model: ModelView,
  clockKind: 'arrival' | 'event',
  end: number,
  engine: Scenario['engine'],
): void {
  const rows = readAll(log, `view.${name}`).filter((row) => (row.window_start as number) < end);
  const seen = newest(rows, [...model.keys, 'window_start']);
  const expected = recount(log, model, clockKind, end);
  // Operators call a row corrected when it changed after it was published as final; kernels go by each event's stamp.
  const isExact = engine === 'kernel';
  const shown = (row: Record<string, unknown>): Record<string, unknown> =>
    isExact ? row : { ...row, state: 'closed', reason: null };
  const found = Object.fromEntries([...seen].map(([key, row]) => [key, shown(pick(asText(row)))]).sort());
  const should = Object.fromEntries(
    [...expected.groups]
      .map(
        ([key, group]) =>
          [
            key,
            shown({
              ...measures(group.rows),
              state: group.corrected ? 'corrected' : 'final',
              reason: group.corrected ? 'late' : null,
            }),
          ] as const,
      )
      .sort(),
  );
  if (process.env.MILLRACE_TRACE !== undefined)
    writeFileSync(
      process.env.MILLRACE_TRACE,
      [readAll(log, 'late'), readAll(log, 'events'), rows]
        .map((each) => each.map((row) => JSON.stringify(row)).join('\n'))
        .join('\n\n'),
    );
  expect(found).toEqual(should);
  expect(
    readAll(log, 'late')
      .map((row) => `${row.partition}/${row.offset}`)
      .sort(),
  ).toEqual(expected.late);
  // How late each came follows from the rule.
  for (const row of readAll(log, 'late')) {
    if (row.reason !== 'late' || clockKind === 'event') continue;
    const event = row.event as { received_at: number };
    const last = (row.window_start as number) + model.sizeMs + model.lagMs + model.allowedMs;
    expect(row.late_by_ms).toBe(event.received_at - last);
  }
  checkHistory(rows, model);
}

const MEASURES = [
  'events',
  'clicks',
  'cost',
  'most',
  'least',
  'users',
  'devices',
  'about',
  'first',
  'total',
  'state',
  'reason',
];

function pick(row: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(MEASURES.map((name) => [name, row[name]]));
}

/** A revision changes something, and nothing published goes back. */
function checkHistory(rows: readonly Record<string, unknown>[], model: ModelView): void {
  const last = new Map<string, Record<string, unknown>>();
  for (const row of rows) {
    const key = JSON.stringify([...model.keys, 'window_start'].map((name) => row[name]));
    const before = last.get(key);
    if (before !== undefined) {
      expect(pick(row), `a revision of ${key} that changes nothing`).not.toEqual(pick(before));
      expect(Number(row.events), `${key} went back`).toBeGreaterThanOrEqual(Number(before.events));
    }
    last.set(key, row);
  }
}

test('any order, batch size, partitioning, lateness and kill gives the recount', async () => {
  await fc.assert(fc.asyncProperty(scenario, play), {
    numRuns: RUNS,
    ...(process.env.MILLRACE_SEED === undefined
      ? {}
      : { seed: Number(process.env.MILLRACE_SEED), path: process.env.MILLRACE_PATH ?? '' }),
    endOnFailure: process.env.MILLRACE_SHRINK === undefined,
  });
}, 600_000);
