/**
 * Binds ORDER BY items over expressions (inside aggregates and windows).
 */
import { nodeList } from './ast.js';
import { bindExpression, type Place } from './bind-expression.js';
import type { Binder } from './binder.js';
import { convert } from './coerce.js';
import type { BoundOrder } from './tree.js';
import { typeOf } from './types.js';

/** The direction of a SortBy node. PostgreSQL puts NULLs last when rising and first when falling. */
export function directionOf(
  binder: Binder,
  fields: Readonly<Record<string, unknown>>,
): { descending: boolean; nullsFirst: boolean } {
  const direction = fields['sortby_dir'];
  if (direction === 'SORTBY_USING') return binder.statement.refuse('ORDER BY … USING', fields);
  const descending = direction === 'SORTBY_DESC';
  const nulls = fields['sortby_nulls'];
  return { descending, nullsFirst: nulls === 'SORTBY_NULLS_FIRST' || (nulls !== 'SORTBY_NULLS_LAST' && descending) };
}

/** Binds a list of SortBy nodes. */
export function bindOrder(binder: Binder, value: unknown, place: Place): BoundOrder[] {
  return nodeList(value).map(({ kind, fields }) => {
    if (kind !== 'SortBy') return binder.statement.refuse(kind, fields);
    const bound = bindExpression(binder, fields['node'], place);
    const expression = bound.type.name === 'unknown' ? convert(bound, typeOf('text')) : bound;
    if (expression.type.name === 'json') return binder.statement.fail('SQL_TYPE', 'json has no order', fields);
    return { expression, ...directionOf(binder, fields) };
  });
}
