/** Windows whose final rows take several commits, killed between two of them. */
import { afterEach, expect, test } from 'vitest';
import { CutLog } from './cut-log.js';
import {
  batchOfEvents,
  freshFolder,
  HandClock,
  openTestLog,
  planOf,
  readAll,
  removeFolders,
  startView,
  until,
} from './support.js';

const T0 = 1_760_000_000_000 - (1_760_000_000_000 % 60_000);
const CAMPAIGNS = 40_000;
const BATCH = 4_000;

afterEach(removeFolders);

test.each(['change', 'close'])('a kill between them publishes none twice (emit on %s)', async (emit) => {
  const folder = freshFolder();
  const clock = new HandClock(T0 + 1_000);
  const plan = await planOf(`
    CREATE MATERIALIZED VIEW many WITH (watermark_lag = '5 seconds', allowed_lateness = '1 hour', emit = '${emit}') AS
    SELECT tenant, campaign, window_start, count(*) AS events
    FROM TUMBLE(events, at, INTERVAL '1 minute') GROUP BY tenant, campaign, window_start`);
  const log = await openTestLog(folder, clock, [plan], { partitions: 3 });
  const start = () => {
    const cut = new CutLog(log);
    return { cut, ...startView(cut, folder, plan, clock, { snapshotEveryMs: 1e9 }, cut.disk) };
  };
  const first = start();
  for (let from = 0; from < CAMPAIGNS; from += BATCH)
    await log.append({
      batches: [
        {
          stream: 'events',
          rows: batchOfEvents(
            Array.from({ length: BATCH }, (_, i) => ({
              id: `e${from + i}`,
              tenant: `t${(from + i) % 7}`,
              at: T0 + 500,
              campaign: `c${from + i}`,
            })),
          ),
        },
      ],
    });
  await first.loop.drained();
  first.cut.appendsLeft = 1;
  clock.time = T0 + 120_000;
  await until(() => first.cut.mode === 'refuse', 'the first final rows');
  await first.loop.stop();
  const finals = () => readAll(log, 'view.many').filter(({ state }) => state === 'final');
  const before = finals().length;
  expect(before).toBeGreaterThan(0);
  expect(before).toBeLessThan(CAMPAIGNS);

  const second = start();
  await until(() => finals().length >= CAMPAIGNS, 'all final rows');
  await second.loop.drained();
  await second.loop.stop();
  const keys = finals().map(({ tenant, campaign }) => `${String(tenant)} ${String(campaign)}`);
  expect([keys.length, new Set(keys).size]).toEqual([CAMPAIGNS, CAMPAIGNS]);
  await log.close();
});
