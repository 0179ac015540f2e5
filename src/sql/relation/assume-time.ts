/**
 * The event time of a stream that declares none: the time by which a query bounds its rows.
 *
 * A window names its time; a join by time and a frame ordered by time do as well. Of a stream that has no event
 * time of its own such a column becomes it, for this query: its rows are then in time or late by that.
 */
import type { Relation } from './relation.js';

/** Whether a field is a plain time of a stream that declares no event time. */
export function canBeTime(relation: Relation, field: number): boolean {
  return assumeTime(relation, field) !== null;
}

/** The relation with a field as the event time of its rows; null where it can't be. */
export function assumeTime(relation: Relation, field: number): Relation | null {
  switch (relation.kind) {
    case 'scan': {
      const { type } = relation.fields[field]!;
      const isTime = type === 'timestamptz' || type === 'timestamp';
      return relation.key === null && relation.time === null && isTime ? { ...relation, time: field } : null;
    }
    case 'filter':
    case 'over':
    case 'top':
    case 'expand':
    case 'window': {
      if (field >= relation.input.fields.length) return null;
      const input = assumeTime(relation.input, field);
      return input === null ? null : { ...relation, input };
    }
    case 'project': {
      const expression = relation.expressions[field]!;
      if (expression.kind !== 'column') return null;
      const input = assumeTime(relation.input, expression.index);
      return input === null ? null : { ...relation, input };
    }
    case 'join': {
      const width = relation.left.fields.length;
      const isLeft = field < width;
      const side = isLeft ? assumeTime(relation.left, field) : assumeTime(relation.right, field - width);
      if (side === null) return null;
      return isLeft ? { ...relation, left: side } : { ...relation, right: side };
    }
    case 'union': {
      const inputs = relation.inputs.map((input) => assumeTime(input, field));
      return inputs.every((input) => input !== null) ? { ...relation, inputs } : null;
    }
    default:
      return null;
  }
}
