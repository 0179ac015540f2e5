/** What a relation's shape says about its rows. */
import type { Relation } from '../../sql/relation/relation.js';
import { isAppendOnly } from '../../sql/relation/append-only.js';
import type { DataflowContext } from './operator.js';
import { aggregateOverWindow } from './operators/aggregate-window.js';
import { waitsMs } from './waits.js';

/**
 * Whether an operator that passes on each row once gives only rows that are added: as `isAppendOnly`, and the rows of
 * windows that are passed on when they close, in a view that publishes closed windows and allows no lateness.
 */
export function isOnlyAdded(relation: Relation, context: DataflowContext): boolean {
  if (isAppendOnly(relation)) return true;
  if (relation.kind === 'filter' || relation.kind === 'project') return isOnlyAdded(relation.input, context);
  // With a policy for its state, groups are kept, and passed on as they change.
  if (context.statePolicy !== undefined) return false;
  if (relation.kind !== 'aggregate' || !context.isFinalOnly || context.allowedLatenessMs > 0) return false;
  if (waitsMs(relation) > 0) return false;
  const fused = aggregateOverWindow(relation);
  if (fused === null || !isAppendOnly(fused.window.input)) return false;
  const { kind } = fused.window.window;
  return kind === 'tumble' || kind === 'hop' || kind === 'cumulate';
}

/** The source whose rows a relation has as they are, or `view`: what late rows are told to come from. */
export function originOf(relation: Relation, view: string): string {
  if (relation.kind === 'scan') return relation.source;
  return relation.kind === 'filter' ? originOf(relation.input, view) : view;
}
