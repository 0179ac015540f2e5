/** Binding against one scope. */
import { bindError } from '../context.js';
import type { BindContext } from '../context.js';
import { expressionContext } from './query-context.js';
import type { QueryContext } from './query-context.js';
import { lookAround, lookUp, unknownColumn } from './scope.js';
import type { Scope } from './scope.js';

/** A context that finds names in a scope, then in those of the queries around it, and knows nothing else. */
export function scopeContext(context: QueryContext, scope: Scope): BindContext {
  return expressionContext(
    context.source,
    {
      column: (names, location) => {
        const found = lookUp(scope, names, context.source, location);
        if (found !== undefined) return found;
        const around = lookAround(context.outer, names, context.source, location);
        if (around !== undefined) return around;
        throw unknownColumn(scope, names, context.source, location);
      },
      node: (node) => {
        if (!('SubLink' in node)) return undefined;
        throw bindError(
          context.source,
          'SQL_UNSUPPORTED',
          'a subquery in the condition of an outer join or in a function of FROM: not supported',
          node.SubLink.location,
          'Join a subquery of FROM that has its value, or write it in WHERE.',
        );
      },
    },
    'JOIN',
  );
}
