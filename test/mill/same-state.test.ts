/** Which changes of a view go on with its state, and that the state is then right. */
import { afterEach, expect, it, test } from 'vitest';
import { adEvents } from '../../src/event/ad-events.js';
import { systemRandom } from '../../src/io/random.js';
import { realDisk } from '../../src/io/disk-real.js';
import { systemClock } from '../../src/io/clock.js';
import { assignEpochs, type ViewEpoch } from '../../src/mill/epochs.js';
import { rememberSwap } from '../../src/mill/definitions.js';
import { Views } from '../../src/planner.js';
import { NOTHING_DECLARED } from '../../src/sql/declared.js';
import type { MillraceOptions } from '../../src/config/options.js';
import { freshFolder, removeFolders } from './support.js';

afterEach(removeFolders);

const streams = [{ name: 'events', schema: adEvents() }] as unknown as MillraceOptions['streams'];

const view = (select: string, options = '', group = 'GROUP BY tenant_id, window_start, window_end'): string =>
  `CREATE MATERIALIZED VIEW v WITH (watermark_lag = '1 second'${options}) AS
   SELECT ${select} FROM TUMBLE(events, event_time, INTERVAL '1 minute') ${group}`;
const BASE = view('tenant_id, window_start, count(*) AS n, sum(cost) AS cost');

/** The definitions in force after these texts were the configuration, one after the other. */
async function after(folder: string, ...texts: readonly string[]): Promise<readonly ViewEpoch[]> {
  let views: readonly ViewEpoch[] = [];
  for (const text of texts) {
    const planner = new Views({ streams }, NOTHING_DECLARED);
    const plans = await planner.plan([{ text, file: 'views.sql' }] as MillraceOptions['views']);
    views = await assignEpochs(
      {
        disk: realDisk,
        random: systemRandom,
        clock: systemClock,
        dataFolder: folder,
        keepMs: 60_000,
        planner,
        historyOf: async () => ({ from: {}, sinceMs: null }),
        positionsOf: () => [{ stream: 'events', partition: 0, offset: 7 }],
      },
      plans,
    );
  }
  return views;
}

const same: Readonly<Record<string, string>> = {
  comments: BASE.replace('count', '/* how many */ count'),
  retention: view('tenant_id, window_start, count(*) AS n, sum(cost) AS cost', ", retention = '2 days'"),
  order: view('sum(cost) AS cost, window_start, count(*) AS n, tenant_id'),
  interval: view('tenant_id, window_start, count(*) AS n, sum(cost) AS cost', ", emit = '1 minute'"),
  'order and interval': view('sum(cost) AS cost, count(*) AS n, tenant_id, window_start', ", emit = '1 minute'"),
};
it.each(Object.entries(same))('goes on: %s', async (_what, text) => {
  const folder = freshFolder();
  const [base] = await after(folder, BASE);
  for (const text_ of [text, BASE, text]) {
    const [only, ...more] = await after(folder, text_);
    expect(more).toEqual([]);
    expect(only).toMatchObject({ epoch: 1, hash: base!.hash, description: { epoch: base!.description.epoch } });
    expect(only!.description.schema).toEqual(base!.description.schema);
  }
});

const other: Readonly<Record<string, string>> = {
  'another name': view('tenant_id, window_start, count(*) AS m, sum(cost) AS cost'),
  'names exchanged': view('tenant_id, window_start, count(*) AS cost, sum(cost) AS n'),
  'emit on close': view('tenant_id, window_start, count(*) AS n, sum(cost) AS cost', ", emit = 'close'"),
  lag: BASE.replace('1 second', '2 seconds'),
  'allowed lateness': view(
    'tenant_id, window_start, count(*) AS n, sum(cost) AS cost',
    ", allowed_lateness = '3 hours'",
  ),
  'a column more': view('tenant_id, window_start, count(*) AS n, sum(cost) AS cost, max(cost) AS most'),
  'a filter': view(
    'tenant_id, window_start, count(*) AS n, sum(cost) AS cost',
    '',
    'WHERE cost > 1 GROUP BY tenant_id, window_start, window_end',
  ),
  'numbers of columns that mean others': view(
    'sum(cost) AS cost, tenant_id, window_start, count(*) AS n',
    '',
    'GROUP BY 2, 3',
  ),
};
it.each(Object.entries(other))('begins a new epoch: %s', async (what, text) => {
  const folder = freshFolder();
  if (what === 'numbers of columns that mean others') {
    // The same columns by number: in the order before, 2 and 3 are others, which can't be grouped by.
    const [first] = await after(
      folder,
      view('tenant_id, window_start, count(*) AS n, sum(cost) AS cost', '', 'GROUP BY 1, 2'),
    );
    expect((await after(folder, text))[0]!.description.epoch).not.toBe(first!.description.epoch);
    return;
  }
  await after(folder, BASE);
  const [newest, before] = await after(folder, text);
  expect(newest).toMatchObject({ epoch: 2, isNewest: true, late: { from: null } });
  expect(before).toMatchObject({ epoch: 1, isNewest: false, isSwapped: false, late: { from: {}, to: null } });
});

test('a change that is taken back before the swap was none, and its number is used', async () => {
  const folder = freshFolder();
  const [first] = await after(folder, BASE, other['lag']!, BASE);
  expect(first).toMatchObject({ epoch: 1, isNewest: true, late: { from: {}, to: null } });
  const [newest, before] = await after(folder, other['lag']!);
  expect([newest!.epoch, before!.epoch]).toEqual([3, 1]);
});

test('the one that was never seen goes when a view changes again before the swap', async () => {
  const [newest, before, ...more] = await after(freshFolder(), BASE, other['lag']!, other['a filter']!);
  expect([newest!.epoch, before!.epoch, before!.isSwapped, more.length]).toEqual([3, 1, false, 0]);
});

test('after a swap the one before tells late rows up to there, and the newest from there on', async () => {
  const folder = freshFolder();
  await after(folder, BASE, other['lag']!);
  await rememberSwap(realDisk, folder, 'v', Date.now(), { 'events/0': 9 });
  const [newest, before] = await after(folder, other['lag']!);
  expect(newest!.late).toEqual({ from: { 'events/0': 9 }, to: null });
  expect(before).toMatchObject({ isSwapped: true, late: { from: {}, to: { 'events/0': 9 } } });
  // A new change: what was swapped last answers now.
  const [third, second] = await after(folder, other['a filter']!);
  expect([third!.epoch, second!.epoch, second!.isSwapped]).toEqual([3, 2, false]);
});

test('a view on a changed view keeps its definition before, on the view as it was', async () => {
  const folder = freshFolder();
  const plain = (condition: string) => `CREATE VIEW paid AS SELECT * FROM events WHERE ${condition};\n`;
  const onPlain = BASE.replace('TUMBLE(events,', 'TUMBLE(paid,');
  await after(folder, plain('cost > 0') + onPlain);
  const [newest, before] = await after(folder, plain('cost > 1') + onPlain);
  expect([newest!.epoch, before?.epoch, before?.isSwapped]).toEqual([2, 1, false]);
  const [again] = await after(folder, plain('cost > 0') + onPlain);
  expect(again!.epoch).toBe(1);
});
