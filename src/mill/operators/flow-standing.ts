/** How a view's path stands, and what it has counted. */
import type { ViewPlan } from '../../sql/plan.js';
import { sourceStanding } from '../relational/source-clocks.js';
import type { ViewStats } from '../stage-options.js';
import type { OldestOpen, ViewStanding } from '../standing.js';
import type { WindowTable } from '../state/window-table.js';
import type { Flow } from './flow.js';

/** Its clock, and the window that closes first. */
export function flowStanding(flow: Flow, plan: ViewPlan): Pick<ViewStanding, 'sources' | 'oldestOpen'> {
  const clock = flow.arrival === null ? { event: flow.event! } : { arrival: flow.arrival };
  return { sources: [sourceStanding(plan.source, clock)], oldestOpen: oldestOpen(flow, plan) };
}

function oldestOpen(flow: Flow, plan: ViewPlan): OldestOpen | null {
  let oldest: WindowTable | undefined;
  for (const table of flow.state.tables.values()) if (!(table.end >= (oldest?.end ?? Infinity))) oldest = table;
  if (oldest === undefined) return null;
  const { end, groups, start } = oldest;
  const tenants = flow.event === null ? null : tenantsOf(flow, plan, oldest);
  const waitsFor = flow.event?.slowest((tenant) => tenants?.has(tenant) ?? true);
  const closesAfterMs = end + plan.lagMs;
  return { startMs: start, endMs: end, closesAfterMs, groups, ...(waitsFor === undefined ? {} : { waitsFor }) };
}

/** Tenants that have rows in a window; null for a view over all tenants. */
function tenantsOf({ state }: Flow, plan: ViewPlan, table: WindowTable): ReadonlySet<string> | null {
  if (plan.tenantKey < 0) return null;
  const { at } = state.keys.parts[plan.tenantKey]!;
  const tenants = new Set<string>();
  for (let group = 0; group < table.groups; group++) {
    const id = table.words[group * table.width + at]!;
    tenants.add(id < 0 ? '' : state.pool.stringOf(id));
  }
  return tenants;
}

/** What it has counted and holds. */
export function flowStats(flow: Flow): Omit<ViewStats, 'name' | 'snapshots'> {
  const { state, changes } = flow;
  let groups = 0;
  for (const table of state.tables.values()) groups += table.groups;
  const complete = flow.completeThrough;
  return {
    windows: state.tables.size,
    groups,
    stateBytes: flow.bytes,
    completeThrough: Number.isFinite(complete) ? complete : null,
    rows: state.counters.rows,
    changes: changes.total,
    corrections: state.counters.corrections,
    windowsClosed: state.counters.windowsClosed,
    late: state.counters.late,
    failed: state.counters.failed,
    stateFull: state.counters.stateFull,
    stateShed: 0,
    spilled: 0,
    outputErrors: changes.outputErrors,
  };
}
