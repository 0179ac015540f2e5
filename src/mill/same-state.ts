/**
 * Whether a changed definition can go on with the state of the one before.
 *
 * It can when every row that the view will ever show is the same, and only when each is shown differs, or in
 * which order its columns stand:
 * - comments, spaces, retention: they are in no plan hash;
 * - the order of the columns: the definition before is run, and who asks sees the new order;
 * - `emit` on change or every N, for one another: what was published last lies in the log with its positions,
 *   and what has changed since is published when the new mode says so.
 *
 * It cannot for the rest:
 * - another name of a column: consumers of the feed know values by their names;
 * - `emit` on close: before, rows of open windows were published, or none was, and those who were told do not unlearn;
 * - `watermark_lag`, `allowed_lateness`: they decide which rows count, also of windows that are closed already.
 */
import type { StandingPlan } from '../sql/standing.js';
import { isRelational } from '../sql/standing.js';
import { planHash } from './plan-hash.js';

/** Names of a view's columns, in their order. */
export function columnNamesOf(plan: StandingPlan): readonly string[] {
  const columns = isRelational(plan) ? plan.relation.fields.slice(0, plan.width) : plan.outputs;
  return columns.map(({ name }) => name);
}

/** Whether `changed` goes on with the state of `before`; both with their columns in the same order. */
export function hasSameState(before: StandingPlan, changed: StandingPlan): boolean {
  return planHash(emitted(before)) === planHash(emitted(changed));
}

/** What is run: the state of `before`, published, kept and acted by as `changed` says. */
export function withStateOf(before: StandingPlan, changed: StandingPlan): StandingPlan {
  const { retentionMs: _kept, guard: _guard, alert: _alert, dropsLate: _dropped, ...meaning } = before;
  const { alert, dropsLate, emit, guard, retentionMs, text } = changed;
  const said = {
    emit,
    text,
    ...(retentionMs !== undefined && { retentionMs }),
    ...(guard && { guard }),
    ...(alert && { alert }),
    ...(dropsLate !== undefined && { dropsLate }),
  };
  return { ...meaning, ...said } as StandingPlan;
}

function emitted(plan: StandingPlan): StandingPlan {
  return plan.emit.kind === 'every' ? { ...plan, emit: { kind: 'change' } } : plan;
}
