/** `emit` on change and every N for one another: the same state, nothing lost, nothing published twice. */
import { afterEach, expect, test } from 'vitest';
import { planHash } from '../../src/mill/plan-hash.js';
import type { StandingPlan } from '../../src/sql/standing.js';
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
} from './support.js';

const T0 = 1_760_000_000_000 - (1_760_000_000_000 % 60_000);

afterEach(removeFolders);

const view = (emit: string) => `CREATE MATERIALIZED VIEW clicks WITH (watermark_lag = '5 seconds', emit = '${emit}') AS
  SELECT tenant, campaign, window_start, count(*) AS events
  FROM TUMBLE(events, at, INTERVAL '1 minute') GROUP BY tenant, campaign, window_start`;

for (const [kind, plan] of [
  ['kernel', planOf],
  ['operators', relationalPlanOf],
] as const)
  test(`a ${kind} goes on with the other mode, also after restarts between publications`, async () => {
    const folder = freshFolder();
    const clock = new HandClock(T0 + 1_000);
    const [change, hour, soon] = await Promise.all(
      ['change', '1 hour', '30 milliseconds'].map((emit) => plan(view(emit))),
    );
    const log = await openTestLog(folder, clock, [change!]);
    let number = 0;
    const append = async (events: number, ms = 0): Promise<void> => {
      const rows = Array.from({ length: events }, () => {
        const campaign = `c${number % 3}`;
        return { id: `e${number++}`, tenant: 'acme', at: T0 + ms, kind: 'click', campaign };
      });
      await log.append({ batches: [{ stream: 'events', rows: batchOfEvents(rows) }] });
    };
    // Positions are committed without a publication too, and the state is saved at once.
    const options = { idleCommitRows: 1, snapshotEveryMs: 1 };
    const run = async (wanted: StandingPlan, events: number, published: number | null): Promise<void> => {
      const { loop, stage } = startView(log, folder, wanted, clock, { ...options }, undefined, planHash(change!));
      await append(events);
      if (published === null) await until(() => stage.stats().rows > 0 || loop.status().lagRows === 0, 'the rows');
      else await until(() => counted() === published, `${published} to be published`);
      await loop.stop();
    };
    const counted = (): number =>
      [...newest(readAll(log, 'view.clicks'), ['campaign', 'window_start']).values()].reduce(
        (sum, { events }) => sum + Number(events),
        0,
      );
    await run(change!, 10, 10);
    await run(hour!, 5, null);
    await run(hour!, 5, null);
    expect(counted()).toBe(10);
    await run(change!, 1, 21);
    await run(hour!, 2, null);
    await run(soon!, 0, 23);
    await run(change!, 0, 23);
    await run(hour!, 4, null);
    await run(soon!, 0, 27);

    const rows = readAll(log, 'view.clicks');
    for (const campaign of ['c0', 'c1', 'c2']) {
      const values = rows
        .filter((row) => row['campaign'] === campaign)
        .map(({ events, state }) => `${String(events)} ${String(state)}`);
      expect(values.filter((value, i) => value === values[i - 1])).toEqual([]);
    }
    await log.close();
  });
