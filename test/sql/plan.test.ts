import { describe, expect, test } from 'vitest';
import { adEvents } from '../../src/event/ad-events.js';
import type { Catalog } from '../../src/sql/context.js';
import { parseViews } from '../../src/sql/parse.js';
import { planView } from '../../src/sql/standing.js';
import type { ViewPlan } from '../../src/sql/plan.js';

const catalog: Catalog = new Map([['events', { name: 'events', schema: adEvents() }]]);

async function plan(sql: string): Promise<ViewPlan> {
  const [view] = await parseViews(sql, 'views.sql');
  return planView(view!, catalog) as ViewPlan;
}

describe('planView', () => {
  test('binds the common path', async () => {
    const view = await plan(`
      -- clicks a minute
      CREATE MATERIALIZED VIEW clicks WITH (watermark_lag = '5 seconds', allowed_lateness = '1 hour', emit = '10 seconds') AS
      SELECT window_start, tenant_id AS advertiser, coalesce(country, $$zz$$) AS country, count(*) AS clicks,
             count(*) FILTER (WHERE cost > 1.5) AS dear, sum(cost) AS cost, sum(cost) / count(*) AS mean
      FROM TUMBLE(events, event_time, INTERVAL '1 minute')
      WHERE event_type = 'click'
      GROUP BY window_start, 2, coalesce(country, $$zz$$)
      HAVING count(*) > 1`);
    expect(view.name).toBe('clicks');
  });
});
