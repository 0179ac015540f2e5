/** Joins inside a subquery that reads the query around it. */
import type { Expression } from '../plan.js';
import { allOf, conjuncts, hasReference, isReference, OUTER, replaceColumns } from './columns.js';
import type { Unnesting } from './dependent.js';
import { joinOf } from './join-of.js';
import { readsOuter } from './outer-fields.js';
import type { Join, Relation } from './relation.js';

/** That the values at one position are those at another, NULL as NULL. */
export function sameValues(unnesting: Unnesting, at: number, other: number): Expression | null {
  const others = unnesting.columns(other);
  return allOf(
    unnesting.columns(at).map((value, i): Expression => {
      const args = [value, others[i]!];
      return { kind: 'not', arg: { kind: 'call', name: 'isDistinct', args, type: 'boolean' }, type: 'boolean' };
    }),
  );
}

/** Which sides have the values: those that read them, and one that keeps all of its rows. */
function sides({ left, right, type }: Join): { left: boolean; right: boolean } {
  const reads = { left: readsOuter(left), right: readsOuter(right) };
  switch (type) {
    case 'inner':
      return { left: reads.left || !reads.right, right: reads.right };
    case 'right':
      return { left: reads.left, right: true };
    case 'full':
      return { left: true, right: true };
    default:
      return { left: true, right: reads.right };
  }
}

/** A join with the values behind its fields. */
export function dependentJoin(unnesting: Unnesting, join: Join): Relation {
  const has = sides(join);
  if (join.mode.kind !== 'both' && has.right) throw unnesting.refuse('the right side of a join that takes one row');
  const left = has.left ? unnesting.apply(join.left) : join.left;
  const right = has.right ? unnesting.apply(join.right) : join.right;
  const [width, rightWidth] = [join.left.fields.length, join.right.fields.length];
  const begin = left.fields.length;
  const values = has.left ? width : begin + rightWidth;
  const at = (field: number): number => (field < width ? field : field - width + begin);
  const own = conjuncts(join.condition).map((part) => {
    const placed = replaceColumns(part, (column) =>
      isReference(column, OUTER) ? column : { ...column, index: at(column.index) },
    );
    return hasReference(placed, OUTER) ? unnesting.over(placed, values) : placed;
  });
  const same = has.left && has.right ? conjuncts(sameValues(unnesting, width, begin + rightWidth)) : [];
  const { location, mode } = join;
  const whole: Join = {
    ...joinOf(left, right, join.type, allOf([...own, ...same])),
    mode,
    ...(location === undefined ? {} : { location }),
  };
  const found = unnesting.arranged(whole, join.fields, at, values);
  if (join.type !== 'full' || found.kind !== 'project') return found;
  const others = unnesting.columns(begin + rightWidth);
  const either = unnesting.columns(width).map((value, i): Expression => ({
    kind: 'call',
    name: 'coalesce',
    args: [value, others[i]!],
    type: value.type,
  }));
  return { ...found, expressions: [...found.expressions.slice(0, join.fields.length), ...either] };
}
