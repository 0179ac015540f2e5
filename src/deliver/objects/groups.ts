/**
 * Which rows of a cut go into which object, and in what order.
 *
 * Limits: three numbers a row and one entry a group, so any number of partitions fits where the cut does.
 */
import type { RowExpression } from '../../sql/expression.js';
import type { CutRows } from '../rows.js';
import { idsOf, sortKeyOf, type FailedRows, type SortKey } from './values.js';

/** The rows of one object. */
export interface RowGroup {
  /** The partition keys as texts. */
  readonly keys: readonly (string | null)[];
  /** Numbers of its rows in their order. */
  readonly numbers: Uint32Array;
}

/** Groups of a cut, in the order of their first rows. */
export interface RowGroups {
  readonly groups: readonly RowGroup[];
  readonly failed: FailedRows;
}

/** How rows are put together. */
export interface Grouping {
  /** Rows with the same texts belong together. */
  readonly by: readonly RowExpression[];
  /** How the rows of a group are sorted; the first counts most. */
  readonly sortBy: readonly RowExpression[];
}

/** Puts rows together. */
export async function groupRows(rows: CutRows, { by, sortBy }: Grouping): Promise<RowGroups> {
  const failed: FailedRows = new Map();
  const { ids, keys } = await partitionOf(rows, by, failed);
  const sorts: SortKey[] = [];
  for (const expression of sortBy) sorts.push(await sortKeyOf(rows, expression, failed));
  const starts = new Uint32Array(keys.length + 1);
  for (let row = 0; row < rows.count; row++) if (!failed.has(row)) starts[ids[row]! + 1]!++;
  for (let group = 0; group < keys.length; group++) starts[group + 1]! += starts[group]!;
  const order = new Uint32Array(starts[keys.length]!);
  const next = starts.slice();
  for (let row = 0; row < rows.count; row++) if (!failed.has(row)) order[next[ids[row]!]!++] = row;
  const groups = keys.map((texts, group) => {
    const numbers = order.subarray(starts[group], starts[group + 1]);
    return { keys: texts, numbers: sorts.length === 0 ? numbers : sorted(numbers, sorts) };
  });
  return { groups: groups.filter(({ numbers }) => numbers.length > 0), failed };
}

interface Partitions {
  /** By row; positions in `keys`. */
  readonly ids: Uint32Array;
  readonly keys: readonly (readonly (string | null)[])[];
}

async function partitionOf(rows: CutRows, by: readonly RowExpression[], failed: FailedRows): Promise<Partitions> {
  let ids: Uint32Array = new Uint32Array(rows.count);
  let keys: (readonly (string | null)[])[] = [[]];
  for (const expression of by) {
    const { ids: mine, values } = await idsOf(rows, expression, failed);
    const texts = values as readonly (string | null)[];
    if (keys.length === 1) {
      ids = mine;
      keys = texts.map((text) => [...keys[0]!, text]);
      continue;
    }
    const before = keys;
    const known = new Map<number, number>();
    keys = [];
    for (let row = 0; row < rows.count; row++) {
      if (failed.has(row)) continue;
      // Both are below 2^24, the most rows of a cut.
      const pair = ids[row]! * 2 ** 26 + mine[row]!;
      let id = known.get(pair);
      if (id === undefined) {
        known.set(pair, (id = keys.length));
        keys.push([...before[ids[row]!]!, texts[mine[row]!]!]);
      }
      ids[row] = id;
    }
  }
  return { ids, keys };
}

/** Numbers by their keys; those that are equal stay in order. The last key first, since each pass is stable. */
function sorted(numbers: Uint32Array, sorts: readonly SortKey[]): Uint32Array {
  let order = numbers;
  for (const { keys, distinct } of sorts.toReversed())
    order =
      distinct !== null && distinct <= order.length
        ? countingSorted(order, keys, distinct)
        : order.toSorted((a, b) => keys[a]! - keys[b]! || 0);
  return order;
}

function countingSorted(numbers: Uint32Array, keys: Float64Array, distinct: number): Uint32Array {
  const next = new Uint32Array(distinct + 1);
  for (const number of numbers) next[keys[number]! + 1]!++;
  for (let key = 0; key < distinct; key++) next[key + 1]! += next[key]!;
  const order = new Uint32Array(numbers.length);
  for (const number of numbers) order[next[keys[number]!]!++] = number;
  return order;
}
