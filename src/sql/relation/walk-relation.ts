/** Walks relations. */
import type { Expression } from '../plan.js';
import type { AggregateSpec, OrderItem, OverSpec, Relation } from './relation.js';

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

/** The expressions of a relation itself, without those of its inputs. */
export function expressionsOf(relation: Relation): readonly Expression[] {
  const ordered = (order: readonly OrderItem[]): Expression[] => order.map((item) => item.expression);
  const called = (spec: AggregateSpec | OverSpec): Expression[] => [
    ...spec.args,
    ...(spec.filter === null ? [] : [spec.filter]),
    ...('order' in spec ? ordered(spec.order) : []),
  ];
  switch (relation.kind) {
    case 'values':
      return relation.rows.flat();
    case 'filter':
      return [relation.condition];
    case 'project':
      return relation.expressions;
    case 'window':
      return 'keys' in relation.window ? relation.window.keys : [];
    case 'aggregate':
      return [...relation.keys, ...relation.aggregates.flatMap(called)];
    case 'join': {
      const { condition, equal, mode } = relation;
      const pairs = equal.flatMap(({ left, right }) => [left, right]);
      return [
        ...pairs,
        ...(condition === null ? [] : [condition]),
        ...(mode.kind === 'asOf' ? [mode.left, mode.right] : []),
      ];
    }
    case 'over':
      return [...relation.partition, ...ordered(relation.order), ...relation.functions.flatMap(called)];
    case 'top':
      return [...relation.partition, ...ordered(relation.order)];
    case 'expand':
      return relation.calls.flatMap((call) => call.args);
    default:
      return [];
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

/** The streams that a relation reads, each as often as it does. */
export function streamsOf(relation: Relation): string[] {
  if (relation.kind === 'scan') return relation.key === null ? [relation.source] : [];
  return inputsOf(relation).flatMap(streamsOf);
}
