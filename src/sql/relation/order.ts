/** ORDER BY. */
import type { Node } from 'libpg-query';
import type { Expression } from '../plan.js';
import type { OrderItem } from './relation.js';

/** One item of ORDER BY; NULLs come last, or first when descending, as in PostgreSQL. */
export function readOrder(node: Node, bind: (node: Node) => Expression): OrderItem {
  const sort = 'SortBy' in node ? node.SortBy : { node };
  const descending = 'sortby_dir' in sort && sort.sortby_dir === 'SORTBY_DESC';
  const nulls = 'sortby_nulls' in sort ? sort.sortby_nulls : undefined;
  const nullsFirst = nulls === 'SORTBY_NULLS_FIRST' ? true : nulls === 'SORTBY_NULLS_LAST' ? false : descending;
  return { expression: bind(sort.node!), descending, nullsFirst };
}
