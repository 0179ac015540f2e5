/** Lists of texts: membership and length. */
import { define } from './registry.js';
import type { FunctionDefinition } from './registry.js';

function isAny(item: string | null, list: readonly (string | null)[] | null): boolean | null {
  if (list === null) return null;
  if (list.length === 0) return false;
  if (item === null) return null;
  if (list.includes(item)) return true;
  return list.includes(null) ? null : false;
}

/** Functions of lists. */
export const listFunctions: readonly FunctionDefinition[] = [
  define('= ANY', ['text', 'text[]'], 'boolean', isAny, { nulls: true }),
  define('cardinality', ['text[]'], 'integer', (list: readonly unknown[]) => list.length),
  define('array_length', ['text[]', 'integer'], 'integer', (list: readonly unknown[], dimension: number) =>
    dimension === 1 && list.length > 0 ? list.length : null,
  ),
];
