/** Finds the operator that publishes a view's rows itself. */
import type { RelationView } from '../../sql/relation/relation.js';
import type { OperatorTree } from './build.js';
import type { Publisher } from './publication.js';

/** The publisher of a view that shows the rows of an operator as they are, or some of their fields; null: it has none. */
export function ownPublisher(view: RelationView, { nodes }: OperatorTree): Publisher | null {
  const { relation, statePolicy } = view;
  // An emitter knows which rows are the oldest.
  if (statePolicy === 'shed') return null;
  if (relation.kind !== 'project') {
    const fields = relation.fields.map((_, field) => field);
    return nodes.at(-1)!.operator.publisher?.(view, fields) ?? null;
  }
  const fields: number[] = [];
  for (const expression of relation.expressions) {
    if (expression.kind !== 'column') return null;
    fields.push(expression.index);
  }
  // The root comes last, and what feeds it right before.
  return nodes.at(-2)!.operator.publisher?.(view, fields) ?? null;
}
