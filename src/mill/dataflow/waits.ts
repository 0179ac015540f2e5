/**
 * How long operators must wait for their inputs beyond the lag and the allowed lateness, before they drop rows by time.
 *
 * A stream's rows come in time by their own time; what is made of them below may come, go or change for longer:
 * see `settle.ts`.
 */
import type { Expression } from '../../sql/plan.js';
import type { Join, Relation } from '../../sql/relation/relation.js';
import { settlesAfterMs } from '../../sql/relation/settle.js';

/** Longer than any clock runs, yet a number that can be reckoned with. */
const FOREVER_MS = 1e15;

/** Ms that the operator of a relation waits longer; `FOREVER_MS` where its input never settles. */
export function waitsMs(relation: Relation): number {
  return Math.min(FOREVER_MS, ofInputs(relation));
}

function ofInputs(relation: Relation): number {
  switch (relation.kind) {
    case 'window':
      return relation.window.kind === 'session' || relation.window.kind === 'stagger' ? ofWindow(relation) : 0;
    case 'aggregate':
      return relation.windowEnd === null ? 0 : ofExpression(relation.input, relation.keys[relation.windowEnd]);
    case 'top':
      return relation.windowEnd === null ? 0 : settlesAfterMs(relation.input, relation.windowEnd);
    case 'over':
      return ofExpression(relation.input, relation.order[0]?.expression);
    case 'join':
      return ofJoin(relation);
    default:
      return 0;
  }
}

/** A late row is left out by the window itself where its time is the stream's own. */
function ofWindow({ input, late, time }: Extract<Relation, { kind: 'window' }>): number {
  return late ? 0 : settlesAfterMs(input, time);
}

function ofExpression(input: Relation, expression: Expression | undefined): number {
  return expression?.kind === 'column' ? settlesAfterMs(input, expression.index) : 0;
}

function ofJoin({ bound, left, mode, right, windowEnd }: Join): number {
  if (mode.kind === 'lookup') return 0;
  const leftTime = windowEnd?.left ?? bound?.leftTime;
  const rightTime = windowEnd?.right ?? bound?.rightTime;
  if (leftTime === undefined || rightTime === undefined) return 0;
  const own = settlesAfterMs(left, leftTime);
  // A table's versions have lifetimes of their own.
  return mode.kind === 'asOf' ? own : Math.max(own, settlesAfterMs(right, rightTime));
}
