/** Binding against one scope. */
import type { BindContext } from '../context.js';
import { expressionContext } from './query-context.js';
import type { QueryContext } from './query-context.js';
import { lookUp, unknownColumn } from './scope.js';
import type { Scope } from './scope.js';

/** A context that finds names in a scope and knows nothing else. */
export function scopeContext(context: QueryContext, scope: Scope): BindContext {
  return expressionContext(
    context.source,
    {
      column: (names, location) => {
        const found = lookUp(scope, names, context.source, location);
        if (found === undefined) throw unknownColumn(scope, names, context.source, location);
        return found;
      },
      node: () => undefined,
    },
    'JOIN',
  );
}
