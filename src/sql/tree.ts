/** Reading libpg-query's tree. */
import type { Node } from 'libpg-query';

/** Where a node starts, as a byte position; undefined where the tree does not say. */
export function locationOf(node: Node | undefined): number | undefined {
  if (node === undefined) return undefined;
  const inner = Object.values(node)[0] as { location?: number; arg?: Node; lexpr?: Node } | undefined;
  if (inner === undefined) return undefined;
  if ('TypeCast' in node) return minimum(locationOf(inner.arg), inner.location);
  if ('A_Expr' in node) return minimum(locationOf(inner.lexpr), inner.location);
  return inner.location === -1 ? undefined : (inner.location ?? 0);
}

function minimum(a: number | undefined, b: number | undefined): number | undefined {
  const both = [a, b].filter((value): value is number => value !== undefined && value >= 0);
  return both.length === 0 ? undefined : Math.min(...both);
}
