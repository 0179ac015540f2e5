/** Rows with the bounds of their windows: the operator for each kind of window. */
import type { Windowed } from '../../../sql/relation/relation.js';
import type { BuiltOperator, OperatorScope } from '../build.js';
import { SessionWindow } from './session-window.js';
import { fixedWindowOperator } from './window.js';

/** The operator of a window whose rows are wanted one by one. */
export function windowOperator(relation: Windowed, scope: OperatorScope): BuiltOperator {
  const { kind } = relation.window;
  if (kind === 'session' || kind === 'stagger') return { operator: new SessionWindow(relation, scope) };
  return fixedWindowOperator(relation, scope);
}
