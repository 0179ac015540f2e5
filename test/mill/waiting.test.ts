/** How many rows a view says that its next flush writes. */
import { afterEach, expect, test } from 'vitest';
import { realDisk } from '../../src/io/disk-real.js';
import { ViewStage } from '../../src/mill/stage.js';
import { batchOfEvents, freshFolder, HandClock, openTestLog, planOf, removeFolders } from './support.js';

const T0 = 1_760_000_000_000 - (1_760_000_000_000 % 60_000);

afterEach(removeFolders);

for (const [emit, groups] of [
  ['change', 3],
  ['1 hour', 3],
  // What is open is never written.
  ['close', 0],
] as const)
  test(`of many rows of a few groups: emit ${emit}`, async () => {
    const folder = freshFolder();
    const clock = new HandClock(T0 + 1_000);
    const plan = await planOf(`CREATE MATERIALIZED VIEW v WITH (watermark_lag = '5 seconds', emit = '${emit}') AS
      SELECT campaign, window_start, count(*) AS n FROM TUMBLE(events, at, INTERVAL '1 minute') GROUP BY campaign, window_start`);
    const log = await openTestLog(folder, clock, [plan]);
    const rows = Array.from({ length: 300 }, (_, i) => {
      return { id: `e${i}`, tenant: 'acme', at: T0, campaign: `c${i % 3}` };
    });
    // A late row is written whatever `emit` says.
    const late = { id: 'late', tenant: 'acme', at: T0 - 30 * 86_400_000, campaign: 'c' };
    await log.append({ batches: [{ stream: 'events', rows: batchOfEvents([...rows, late]) }] });
    const stage = new ViewStage({
      stream: 'view.v',
      id: 'mill.v',
      folder: `${folder}/mill`,
      disk: realDisk,
      plan,
      log,
      clock,
    });
    await stage.restore(undefined);
    const cursor = log.cursor('events', 0, 0);
    stage.process(cursor.next()!, false);
    cursor.close();
    expect(stage.waiting()).toBe(groups + 1);
    stage.flush([{ stream: 'events', partition: 0, offset: 301 }]);
    expect(stage.waiting()).toBe(emit === '1 hour' ? 3 : 0);
    await stage.close();
    await log.close();
  });
