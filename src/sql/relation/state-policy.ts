/** Which views can let go of state, or put it on disk: those whose every operator can. */
import { bindError } from '../context.js';
import type { ViewStatement } from '../parse.js';
import type { StatePolicy } from '../plan-options.js';
import type { Relation } from './relation.js';
import { isAppendOnly } from './append-only.js';
import { inputsOf } from './walk-relation.js';

/** What a relation is called in SQL, where its state stays in memory; null where it has none, or can do both. */
function stuckIn(relation: Relation, policy: StatePolicy): string | null {
  switch (relation.kind) {
    case 'scan':
      return relation.key === null ? null : `the table ${relation.source}`;
    case 'window':
      return relation.window.kind === 'session' || relation.window.kind === 'stagger'
        ? `a ${relation.window.kind.toUpperCase()} window`
        : null;
    case 'join':
      if (policy === 'shed' && isJoinByTime(relation)) return null;
      return relation.mode.kind === 'both' ? 'a join' : relation.mode.kind === 'asOf' ? 'an ASOF join' : 'a lookup';
    case 'over':
      return 'OVER';
    case 'top':
      return 'ORDER BY with LIMIT, DISTINCT ON or a rank';
    case 'intersect':
    case 'except':
      return relation.kind.toUpperCase();
    default:
      return null;
  }
}

/** Whether rows of a join, all of which stay, meet each other within a time: the oldest can go earlier. */
function isJoinByTime({ bound, left, mode, right, windowEnd }: Extract<Relation, { kind: 'join' }>): boolean {
  if (mode.kind !== 'both' || !isAppendOnly(left) || !isAppendOnly(right)) return false;
  return windowEnd !== null || (bound !== null && bound.lowMs !== null && bound.highMs !== null);
}

/** Throws SQL_UNSUPPORTED where state of the view can neither be let go of nor put on disk, as its policy says. */
export function checkStatePolicy(view: ViewStatement, policy: StatePolicy, relation: Relation): void {
  const stuck = stuckIn(relation, policy);
  if (stuck !== null)
    throw bindError(
      view,
      'SQL_UNSUPPORTED',
      `state_policy = '${policy}': the state of ${stuck} stays in memory`,
      view.options.get('state_policy')?.location,
      policy === 'spill'
        ? 'Groups of GROUP BY spill, those of TUMBLE, HOP and CUMULATE too. Leave the option out: beyond the budget rows are refused, and told in the table late.'
        : 'Groups of GROUP BY are shed, those of TUMBLE, HOP and CUMULATE too, and rows of streams that are joined within a time. Leave the option out: beyond the budget rows are refused, and told in the table late.',
    );
  for (const input of inputsOf(relation)) checkStatePolicy(view, policy, input);
}
