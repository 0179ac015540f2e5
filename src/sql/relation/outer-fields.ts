/** What a subquery reads of the query around it. */
import type { Expression } from '../plan.js';
import { visit } from '../walk.js';
import { isReference, LEVEL, OUTER } from './columns.js';
import type { Relation } from './relation.js';
import { expressionsOf, inputsOf } from './walk-relation.js';

/** Whether a relation reads a query around it. */
export function readsOuter(relation: Relation): boolean {
  return fieldsAround(relation).size > 0;
}

/** The fields of the query right around it that a relation reads. */
export function outerFields(relation: Relation): readonly number[] {
  return [...fieldsAround(relation)].filter((field) => field < LEVEL);
}

/** Whether an expression reads a query beyond the one right around it. */
export function readsFurther(expression: Expression): boolean {
  let found = false;
  visitOuter(expression, (field) => {
    found ||= field >= LEVEL;
  });
  return found;
}

function fieldsAround(relation: Relation): Set<number> {
  const fields = new Set<number>();
  const look = (each: Relation): void => {
    for (const expression of expressionsOf(each)) visitOuter(expression, (field) => fields.add(field));
    inputsOf(each).forEach(look);
  };
  look(relation);
  return fields;
}

/** Calls a function for each column of a query around it that an expression reads. */
export function visitOuter(expression: Expression, look: (field: number) => void): void {
  visit(expression, (node) => {
    if (node.kind === 'column' && isReference(node, OUTER)) look(node.index - OUTER);
  });
}
