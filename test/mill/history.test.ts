/** Views that begin below the log's start, in the lake: what they would be had the log kept everything. */
import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { withHistory } from '../../src/lake/history.js';
import { readSnapshot } from '../../src/lake/snapshot.js';
import { fromOf, HOUR, opened, toLake } from '../lake/kept.js';
import { noSyncDisk } from '../lake/no-sync.js';
import { shortLog } from '../lake/short-log.js';
import { rounds } from '../sim/rounds.js';
import { CutLog } from './cut-log.js';
import { asText, measures, MEASURES_SQL, recount, type ModelView } from './model.js';
import {
  batchOfEvents,
  EVENTS,
  newest,
  planOf,
  readAll,
  relationalPlanOf,
  removeFolders,
  startView,
  until,
  type Event,
} from './support.js';

const T0 = 1_760_000_000_000 - (1_760_000_000_000 % HOUR);
const MINUTE = 60_000;

afterEach(removeFolders);

const SQL = `CREATE MATERIALIZED VIEW by_campaign WITH (watermark_lag = '5 seconds', allowed_lateness = '10 minutes') AS
  SELECT tenant, campaign, number % 2 AS odd, window_start, ${MEASURES_SQL} FROM TUMBLE(events, at, INTERVAL '1 minute')
  GROUP BY tenant, campaign, number % 2, window_start`;
const MODEL: ModelView = {
  keys: ['tenant', 'campaign', 'odd'],
  sizeMs: MINUTE,
  lagMs: 5_000,
  allowedMs: 600_000,
  where: () => true,
};

const event = fc.record({
  tenant: fc.constantFrom('acme', 'bolt', 'core', 'dyne', 'echo'),
  behindMs: fc.oneof(fc.integer({ min: 0, max: 20_000 }), fc.integer({ min: 0, max: 1_500_000 })),
  kind: fc.constantFrom('click', 'view', null),
  campaign: fc.constantFrom('x', 'y', 'ünï', null),
  user: fc.constantFrom('u1', 'u2', '', 'ß𝄞', null),
  number: fc.constantFrom(-3, 0, 2, '9007199254740993', '-9223372036854775808', null),
  cost: fc.constantFrom('1.500000', '-0.000001', '7.250000', null),
  device: fc.constantFrom('00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002', null),
});

const scenario = fc.record({
  engine: fc.constantFrom('kernel' as const, 'operators' as const),
  partitions: fc.constantFrom(1, 4),
  appends: fc.array(
    fc.record({
      events: fc.array(event, { minLength: 1, maxLength: 12 }),
      size: fc.constantFrom(1, 7, 1_000),
      passMs: fc.constantFrom(1, 20_000, 70_000, 400_000, 2_000_000),
    }),
    { minLength: 4, maxLength: 20 },
  ),
  cut: fc.array(fc.integer({ min: 20, max: 100 }), { minLength: 4, maxLength: 4 }),
  pageRows: fc.constantFrom(1, 16, 100_000),
  snapshotEveryMs: fc.constantFrom(0, 1e9),
  /** Appends after which the reader is killed, once each. */
  kills: fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 4 }),
});

type Scenario = typeof scenario extends fc.Arbitrary<infer T> ? T : never;

/** How often a reader was killed while what it had committed lay in the lake. */
let killedInLake = 0;

async function play({ appends, cut, engine, kills, pageRows, partitions, snapshotEveryMs }: Scenario): Promise<void> {
  const plan = engine === 'kernel' ? await planOf(SQL) : await relationalPlanOf(SQL);
  const kept = await opened(EVENTS, partitions, T0, pageRows, [plan]);
  const { clock, folder, log, source } = kept;
  let ids = 0;
  const append = async ({ events, passMs, size }: Scenario['appends'][number]): Promise<void> => {
    clock.time += passMs;
    const made = events.map(({ behindMs, ...rest }) => ({ ...rest, id: `e${ids++}`, at: clock.time - behindMs }));
    for (let i = 0; i < made.length; i += size)
      await log.append({ batches: [{ stream: 'events', rows: batchOfEvents(made.slice(i, i + size) as Event[]) }] });
  };
  const inLake = Math.ceil(appends.length / 2);
  for (const each of appends.slice(0, inLake)) await append(each);
  clock.time += 2 * HOUR;
  await until(() => log.arrivalClock('events').clockMs >= clock.time, 'the arrival clock');
  await toLake(kept, 7);
  const { committed } = readSnapshot(noSyncDisk, kept.lake, 'events')!;
  const starts = Array.from({ length: partitions }, (_, partition) =>
    Math.floor(((committed[partition] ?? 0) * cut[partition]!) / 100),
  );
  for (const each of appends.slice(inLake)) await append(each);

  const from = fromOf({ ...kept, log: shortLog(log, 'events', starts) });
  const start = () => {
    const cut = new CutLog(withHistory(shortLog(log, 'events', starts), source, from));
    return { ...startView(cut, folder, plan, clock, { snapshotEveryMs }, cut.disk), cut };
  };
  let running = start();
  for (const after of kills) {
    running.cut.appendsLeft = after;
    await running.loop.drained().catch(() => undefined);
    running.cut.mode = 'refuse';
    await running.loop.stop();
    const at = log.reader('mill.by_campaign')?.positions ?? [];
    if (at.some(({ offset, partition }) => offset > 0 && offset < starts[partition]!)) killedInLake++;
    running = start();
  }
  clock.time += HOUR;
  const end = clock.time;
  await running.loop.drained();
  await until(() => log.arrivalClock('events').clockMs >= clock.time, 'the arrival clock');
  await until(() => running.stage.stats().windows === 0, 'all windows to close');
  await running.loop.drained();
  expect(running.loop.status().rowsSkipped).toBe(0);

  const expected = recount(log, MODEL, 'arrival', end);
  const seen = newest(readAll(log, 'view.by_campaign'), [...MODEL.keys, 'window_start']);
  const isExact = engine === 'kernel';
  const shown = (row: Record<string, unknown>) => Object.fromEntries(NAMES.map((name) => [name, row[name]]));
  const state = (corrected: boolean) => (isExact ? { state: corrected ? 'corrected' : 'final' } : {});
  const found = [...seen].map(([key, row]) => [key, { ...shown(asText(row)), ...state(row.state === 'corrected') }]);
  const should = [...expected.groups].map(([key, group]) => [
    key,
    { ...shown(measures(group.rows)), ...state(group.corrected) },
  ]);
  expect(Object.fromEntries(found)).toEqual(Object.fromEntries(should));
  const late = readAll(log, 'late').map((row) => `${row.partition}/${row.offset}`);
  expect(late.sort()).toEqual(expected.late);
  await running.loop.stop();
  await log.close();
}

const NAMES = ['events', 'clicks', 'cost', 'most', 'least', 'users', 'devices', 'first', 'total'];

test('wherever retention cut, and however often it is killed in the lake, a view is the recount of everything', async () => {
  await fc.assert(fc.asyncProperty(scenario, play), { numRuns: rounds(16, 60), endOnFailure: true });
  expect(killedInLake).toBeGreaterThan(0);
}, 600_000);
