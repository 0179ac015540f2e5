/**
 * Moves conditions towards the rows they are about: what one side of a join can tell is asked there, and
 * what compares two sides becomes the join's own, where it bounds the state.
 */
import type { Expression } from '../plan.js';
import { allOf, conjuncts, replaceColumns, shifted } from './columns.js';
import { sideOf } from './join-of.js';
import type { Join, Relation } from './relation.js';
import { visit } from '../walk.js';

/** A relation's rows for which a condition is true. */
export function pushDown(relation: Relation, condition: Expression): Relation {
  return conjuncts(condition).reduce(pushOne, relation);
}

function pushOne(relation: Relation, condition: Expression): Relation {
  switch (relation.kind) {
    case 'filter':
      return filtered(relation.input, [...conjuncts(relation.condition), condition]);
    case 'project': {
      const inside = replaceColumns(condition, (column) => relation.expressions[column.index] as typeof column);
      return { ...relation, input: pushOne(relation.input, inside) };
    }
    case 'window':
      if (relation.window.kind === 'session' || relation.window.kind === 'stagger') break;
      return readsOnly(condition, relation.input.fields.length)
        ? { ...relation, input: pushOne(relation.input, condition) }
        : filtered(relation, [condition]);
    case 'join':
      return pushIntoJoin(relation, condition);
    case 'union':
      return { ...relation, inputs: relation.inputs.map((input) => pushOne(input, condition)) };
    default:
      break;
  }
  return filtered(relation, [condition]);
}

function filtered(input: Relation, parts: readonly Expression[]): Relation {
  return { kind: 'filter', fields: input.fields, input, condition: allOf(parts)! };
}

function readsOnly(condition: Expression, width: number): boolean {
  let only = true;
  visit(condition, (node) => {
    if (node.kind === 'column' && node.index >= width) only = false;
  });
  return only;
}

function pushIntoJoin(join: Join, condition: Expression): Relation {
  if (join.type === 'semi' || join.type === 'anti') return { ...join, left: pushOne(join.left, condition) };
  const width = join.left.fields.length;
  const side = sideOf(condition, width);
  const leftKeeps = join.type === 'inner' || join.type === 'left';
  const rightKeeps = join.type === 'inner' || join.type === 'right';
  // A lookup's right side is what it is when a row comes: conditions on it hold for the pair.
  if (side === 'left' && leftKeeps) return { ...join, left: pushOne(join.left, condition) };
  if (side === 'right' && rightKeeps && join.mode.kind === 'both')
    return { ...join, right: pushOne(join.right, shifted(condition, -width)) };
  if (join.type === 'inner' && join.mode.kind !== 'asOf')
    return { ...join, condition: allOf([...conjuncts(join.condition), condition]) };
  return filtered(join, [condition]);
}
