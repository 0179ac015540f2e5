/** Makes joins, and tells which side an expression is of. */
import type { Expression } from '../plan.js';
import { visit } from '../walk.js';
import type { Field, Join, JoinKind, Relation } from './relation.js';

/** A join of two relations, its condition not yet taken apart. */
export function joinOf(left: Relation, right: Relation, type: JoinKind, condition: Expression | null): Join {
  const nullable = (fields: readonly Field[], any: boolean): Field[] =>
    fields.map((field) => (any && !field.nullable ? { ...field, nullable: true } : field));
  const fields =
    type === 'semi' || type === 'anti'
      ? left.fields
      : [
          ...nullable(left.fields, type === 'right' || type === 'full'),
          ...nullable(right.fields, type === 'left' || type === 'full'),
        ];
  return {
    kind: 'join',
    fields,
    left,
    right,
    type,
    equal: [],
    condition,
    bound: null,
    windowEnd: null,
    mode: { kind: 'both' },
  };
}

/** Which side of a join an expression reads. */
export function sideOf(expression: Expression, width: number): 'left' | 'right' | 'both' | 'none' {
  let left = false;
  let right = false;
  const look = (node: Expression): void => {
    if (node.kind === 'column') {
      if (node.index < width) left = true;
      else right = true;
    }
  };
  visit(expression, look);
  return left ? (right ? 'both' : 'left') : right ? 'right' : 'none';
}
