/** Files of views as a configuration has them, planned beside the streams of its examples. */
import { adEvents } from '../../src/event/ad-events.js';
import { declare } from '../../src/sql/declared.js';
import { readSqlFiles } from '../../src/sql/sql-files.js';
import { ViewPlanner } from '../../src/sql/standing.js';
import type { StandingPlan } from '../../src/sql/standing.js';

/** Plans every view of a file over the stream `events`. Throws SQL_*. */
export async function planFile(text: string): Promise<StandingPlan[]> {
  const { relations, views } = await readSqlFiles([{ text }]);
  const streams = new Map([['events', { name: 'events', schema: adEvents() }]]);
  const declared = declare(relations, streams);
  for (const { name, schema } of declared.streams) streams.set(name, { name, schema });
  const planner = new ViewPlanner(streams, declared);
  const plans: StandingPlan[] = [];
  for (const view of views) {
    if (view.isPlain === true) planner.define(view);
    else plans.push(planner.plan(view));
  }
  return plans;
}
