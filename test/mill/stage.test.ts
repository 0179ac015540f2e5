import { afterEach, expect, test } from 'vitest';
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
} from './support.js';

const T0 = 1_760_000_000_000 - (1_760_000_000_000 % 60_000);

afterEach(removeFolders);

const CLICKS = `CREATE MATERIALIZED VIEW clicks WITH (watermark_lag = '5 seconds', allowed_lateness = '1 hour') AS
  SELECT tenant, campaign, window_start, count(*) AS events, sum(cost) AS cost, max(number) AS most
  FROM TUMBLE(events, at, INTERVAL '1 minute') WHERE kind = 'click' GROUP BY tenant, campaign, window_start`;

test('open windows are published, become final, take corrections, and send late rows away', async () => {
  const folder = freshFolder();
  const clock = new HandClock(T0 + 1_000);
  const plan = await planOf(CLICKS);
  const log = await openTestLog(folder, clock, [plan]);
  const { loop, stage } = startView(log, folder, plan, clock);
  const event = (id: string, at: number, campaign: string | null, rest = {}) => ({
    id,
    tenant: 'acme',
    at: T0 + at,
    kind: 'click',
    campaign,
    cost: '1.25',
    number: 3,
    ...rest,
  });
  await log.append({
    batches: [
      {
        stream: 'events',
        rows: batchOfEvents([
          event('a', 0, 'x'),
          event('b', 10, 'x', { number: 9 }),
          event('c', 20, null, { cost: null }),
          event('d', 30, 'x', { kind: 'view' }),
        ]),
      },
    ],
  });
  await loop.drained();
  const open = newest(readAll(log, 'view.clicks'), ['tenant', 'campaign', 'window_start']);
  expect(
    [...open.values()].map(({ campaign, state, events, cost, most, reason, op }) => ({
      campaign,
      state,
      events,
      cost,
      most,
      reason,
      op,
    })),
  ).toEqual([
    { campaign: 'x', state: 'open', events: 2, cost: '2.500000', most: 9, reason: null, op: 'upsert' },
    { campaign: null, state: 'open', events: 1, cost: null, most: 3, reason: null, op: 'upsert' },
  ]);

  clock.time = T0 + 65_001;
  await until(
    () => readAll(log, 'view.clicks').filter((row) => row.state === 'final').length === 2,
    'the window to close',
  );
  await until(() => stage.stats().windows === 0, 'the table to be stored');

  await log.append({ batches: [{ stream: 'events', rows: batchOfEvents([event('e', 40, 'x', { number: 1 })]) }] });
  await loop.drained();
  const corrected = newest(readAll(log, 'view.clicks'), ['tenant', 'campaign', 'window_start']);
  expect(
    [...corrected.values()].map(({ campaign, state, events, cost, most, reason }) => ({
      campaign,
      state,
      events,
      cost,
      most,
      reason,
    })),
  ).toEqual([
    { campaign: 'x', state: 'corrected', events: 3, cost: '3.750000', most: 9, reason: 'late' },
    { campaign: null, state: 'final', events: 1, cost: null, most: 3, reason: null },
  ]);

  clock.time = T0 + 65_001 + 3_600_000;
  await log.append({ batches: [{ stream: 'events', rows: batchOfEvents([event('f', 50, 'x')]) }] });
  await loop.drained();
  expect(
    readAll(log, 'late').map(({ view, reason, window_start, offset, tenant }) => ({
      view,
      reason,
      window_start,
      offset,
      tenant,
    })),
  ).toEqual([{ view: 'clicks', reason: 'late', window_start: T0, offset: 5, tenant: 'acme' }]);
  await loop.stop();
  await log.close();
});
