/** Walks relations. */
import type { Relation } from './relation.js';

/** The relations that one reads. */
export function inputsOf(relation: Relation): readonly Relation[] {
  switch (relation.kind) {
    case 'scan':
    case 'values':
      return [];
    case 'join':
    case 'intersect':
    case 'except':
      return [relation.left, relation.right];
    case 'union':
      return relation.inputs;
    default:
      return [relation.input];
  }
}

/** A relation with its inputs changed. */
export function mapInputs(relation: Relation, change: (input: Relation) => Relation): Relation {
  switch (relation.kind) {
    case 'scan':
    case 'values':
      return relation;
    case 'join':
    case 'intersect':
    case 'except':
      return { ...relation, left: change(relation.left), right: change(relation.right) };
    case 'union':
      return { ...relation, inputs: relation.inputs.map(change) };
    default:
      return { ...relation, input: change(relation.input) };
  }
}

/** The streams and tables that a relation reads, each once. */
export function sourcesOf(relation: Relation): string[] {
  const found = new Set<string>();
  const look = (each: Relation): void => {
    if (each.kind === 'scan') found.add(each.source);
    inputsOf(each).forEach(look);
  };
  look(relation);
  return [...found];
}
