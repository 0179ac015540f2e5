/**
 * The values of a group's keys, as its rows show them.
 *
 * Values that SQL calls equal can print otherwise (1.0 and 1.00; a month and 30 days). A group shows the
 * last of those that came in the exact order, so that the order of arrival does not matter.
 */
import type { Expression } from '../../../sql/plan.js';
import { compileRow } from '../expressions.js';
import type { Row } from '../operator.js';
import { compareExactly } from '../order.js';

const INEXACT: ReadonlySet<string> = new Set(['numeric', 'interval', 'real', 'double precision', 'jsonb']);

/** How the keys of a group are read and kept. */
export interface GroupKeys {
  /** The key values of a row. */
  of(row: Row): Row;
  /** What a group that shows `keys` shows once it has `row` as well; `keys` itself where nothing changes. */
  join(keys: Row, row: Row): Row;
  /** Whether `join` can change anything. */
  readonly canChange: boolean;
}

/** The keys of these expressions. */
export function groupKeys(parts: readonly Expression[]): GroupKeys {
  const of = compileRow(parts);
  const inexact = parts.flatMap(({ type }, i) =>
    INEXACT.has(type) || type.endsWith('[]') ? [{ i, compare: compareExactly(type) }] : [],
  );
  const join = (keys: Row, row: Row): Row => {
    const other = of(row);
    let joined = keys;
    for (const { compare, i } of inexact)
      if (keys[i] !== null && other[i] !== null && compare(other[i]!, joined[i]!) > 0)
        joined = joined.with(i, other[i]!);
    return joined;
  };
  return { of, join, canChange: inexact.length > 0 };
}
