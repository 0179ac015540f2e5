import { afterEach, expect, test } from 'vitest';
import {
  batchOfEvents,
  freshFolder,
  HandClock,
  openTestLog,
  readAll,
  relationalPlanOf,
  removeFolders,
  startView,
  until,
} from './support.js';

afterEach(removeFolders);

test('the row of an aggregate over no rows is published, once, also when the stage starts again', async () => {
  const folder = freshFolder();
  const clock = new HandClock(1_760_000_000_000);
  const plan = await relationalPlanOf(
    "CREATE MATERIALIZED VIEW none AS SELECT count(*) AS events, max(number) AS most FROM events WHERE kind = 'sale'",
  );
  const log = await openTestLog(folder, clock, [plan]);
  const shown = () => readAll(log, 'view.none').map(({ events, most, op }) => ({ events, most, op }));
  const nothing = { events: 0, most: null, op: 'upsert' };
  const first = startView(log, folder, plan, clock, { snapshotEveryMs: 0 });
  await until(() => shown().length > 0, 'the row');
  await first.loop.stop();
  expect(shown()).toEqual([nothing]);

  const second = startView(log, folder, plan, clock, { snapshotEveryMs: 0 });
  const event = (id: string, kind: string) => ({ id, tenant: 'acme', at: clock.time, kind, number: 4 });
  await log.append({ batches: [{ stream: 'events', rows: batchOfEvents([event('a', 'view')]) }] });
  await second.loop.drained();
  expect(shown()).toEqual([nothing]);
  await log.append({ batches: [{ stream: 'events', rows: batchOfEvents([event('b', 'sale')]) }] });
  await second.loop.drained();
  expect(shown().at(-1)).toEqual({ events: 1, most: 4, op: 'upsert' });
  await second.loop.stop();
  await log.close();
});
