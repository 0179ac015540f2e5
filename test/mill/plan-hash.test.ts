import { expect, it } from 'vitest';
import { adEvents } from '../../src/event/ad-events.js';
import { planHash } from '../../src/mill/plan-hash.js';
import { parseViews } from '../../src/sql/parse.js';
import { planView } from '../../src/sql/standing.js';
import type { ViewPlan } from '../../src/sql/plan.js';

async function plan(options: string): Promise<ViewPlan> {
  const [statement] = await parseViews(
    `CREATE MATERIALIZED VIEW v WITH (${options}) AS SELECT tenant_id, window_start, count(*) AS n
     FROM TUMBLE(events, event_time, INTERVAL '1 minute') GROUP BY 1, 2`,
    'views.sql',
  );
  return planView(statement!, new Map([['events', { name: 'events', schema: adEvents() }]])) as ViewPlan;
}

it('another retention is the same definition', async () => {
  const kept = await plan("watermark_lag = '5 seconds'");
  const day = await plan("watermark_lag = '5 seconds', retention = '1 day'");
  expect(day.retentionMs).toBe(86_400_000);
  expect(planHash(day)).toBe(planHash(kept));
  expect(planHash(await plan("watermark_lag = '6 seconds'"))).not.toBe(planHash(kept));
});

it('a retention is at least an hour, and no shorter than the lag', async () => {
  await expect(plan("retention = '59 minutes'")).rejects.toThrow('at least an hour');
  await expect(plan("retention = '2 hours', watermark_lag = '3 hours'")).rejects.toThrow('no shorter than');
  await expect(plan("retention = '90'")).rejects.toThrow('length of time');
});
