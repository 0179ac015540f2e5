/** Whether the right side of an ASOF join is a keyed table of which a key has one row at a time. */
import type { Expression } from '../../../sql/plan.js';
import type { Join, Relation } from '../../../sql/relation/relation.js';

/** Where the table's key lies among a relation's fields; null where it is no table or the key is not all there. */
function tableKey(relation: Relation): readonly number[] | null {
  if (relation.kind === 'scan') return relation.key;
  if (relation.kind === 'filter') return tableKey(relation.input);
  if (relation.kind !== 'project') return null;
  const key = tableKey(relation.input)?.map((field) => relation.expressions.findIndex(isField(field)));
  return key === undefined || key.includes(-1) ? null : key;
}

function isField(index: number): (expression: Expression) => boolean {
  return (expression) => expression.kind === 'column' && expression.index === index;
}

/** Whether the rows that a key of the join has had are the versions of one row. */
export function hasVersions({ right, equal }: Join): boolean {
  const key = tableKey(right);
  return key !== null && key.every((field) => equal.some((pair) => isField(field)(pair.right)));
}
