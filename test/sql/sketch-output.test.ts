import { describe, expect, test } from 'vitest';
import { adEvents } from '../../src/event/ad-events.js';
import { describeView } from '../../src/sql/describe.js';
import { parseViews } from '../../src/sql/parse.js';
import { isRelational, planView } from '../../src/sql/standing.js';
import type { ViewPlan } from '../../src/sql/plan.js';

async function plan(list: string, having = ''): Promise<ViewPlan> {
  const [view] = await parseViews(
    `CREATE MATERIALIZED VIEW v AS SELECT tenant_id, window_start, ${list}
     FROM TUMBLE(events, event_time, INTERVAL '1 minute') GROUP BY 1, 2 ${having}`,
    'views.sql',
  );
  return planView(view!, new Map([['events', { name: 'events', schema: adEvents() }]])) as ViewPlan;
}

describe('a sketch in a view', () => {
  test('shares its state with the estimate, and is stored as bytes', async () => {
    const view = await plan(
      'approx_count_distinct(user_id) AS users, approx_count_distinct_sketch(user_id) AS sketch, approx_count_distinct(ip) AS ips',
    );
    expect(view.aggregates).toHaveLength(2);
    const { columns, schema } = describeView(view, { number: 1, id: '1.x', sinceMs: null });
    const shown = columns
      .slice(2)
      .map(({ name, type, rollUp, column }) => [name, type, rollUp, schema.columns[column]!.type]);
    expect(shown).toEqual([
      ['users', 'bigint', { sketch: 'sketch' }, 'int64'],
      ['sketch', 'bytea', 'sketch', 'bytes'],
      ['ips', 'bigint', undefined, 'int64'],
    ]);
  });

  test('is kept by a kernel when it stands alone; what is made of one, operators make', async () => {
    expect(isRelational(await plan('approx_count_distinct_sketch(user_id) AS s'))).toBe(false);
    expect(isRelational(await plan('approx_count_distinct_sketch(user_id)::text AS s'))).toBe(true);
    const having = await plan('count(*) AS n', 'HAVING approx_count_distinct_sketch(user_id) IS NOT NULL');
    expect(isRelational(having)).toBe(true);
    await expect(plan("min(decode('00', 'hex')) AS b")).rejects.toThrow();
  });
});
