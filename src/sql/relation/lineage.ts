/** Where a field's values come from: a source's event time, a window's bound, a tenant. */
import { fixedLengthMs } from '../interval.js';
import type { Expression } from '../plan.js';
import type { Interval } from '../value.js';
import type { Relation, WindowSpec } from './relation.js';

/** What a field is. */
export type Origin =
  | { readonly kind: 'column'; readonly source: string; readonly column: number; readonly isTime: boolean }
  | { readonly kind: 'windowStart' | 'windowEnd'; readonly window: WindowSpec };

/** The origin of a relation's field; null for a value that was computed. */
export function originOf(relation: Relation, field: number): Origin | null {
  switch (relation.kind) {
    case 'scan':
      return {
        kind: 'column',
        source: relation.source,
        column: relation.columns[field]!,
        isTime: relation.time === field,
      };
    case 'values':
      return null;
    case 'filter':
    case 'top':
    case 'over':
    case 'expand':
      return field < relation.input.fields.length ? originOf(relation.input, field) : null;
    case 'project':
      return originOfExpression(relation.input, relation.expressions[field]!);
    case 'window': {
      const width = relation.input.fields.length;
      if (field < width) return originOf(relation.input, field);
      return { kind: field === width ? 'windowStart' : 'windowEnd', window: relation.window };
    }
    case 'aggregate': {
      const key = relation.keys[field];
      return key === undefined ? null : originOfExpression(relation.input, key);
    }
    case 'join': {
      const width = relation.left.fields.length;
      return field < width ? originOf(relation.left, field) : originOf(relation.right, field - width);
    }
    case 'union': {
      const [first, ...rest] = relation.inputs.map((input) => originOf(input, field));
      return first !== undefined && first !== null && rest.every((other) => isSameKind(first, other)) ? first : null;
    }
    case 'intersect':
    case 'except':
      return originOf(relation.left, field);
  }
}

/** The origin of an expression over a relation: a plain column's, a window's end as its start and size, else none. */
export function originOfExpression(relation: Relation, expression: Expression): Origin | null {
  if (expression.kind === 'column') return originOf(relation, expression.index);
  if (expression.kind !== 'call' || expression.name !== '+') return null;
  const [start, size] = expression.args;
  if (start?.kind !== 'column' || size?.kind !== 'literal' || size.type !== 'interval' || size.value === null)
    return null;
  const origin = originOf(relation, start.index);
  const isEnd = origin?.kind === 'windowStart' && fixedLengthMs(size.value as Interval) === sizeMs(origin.window);
  return isEnd ? { ...origin, kind: 'windowEnd' } : null;
}

/** Whether two fields are the same bound of equal windows, or both are event times. */
export function isSameKind(a: Origin, b: Origin | null): boolean {
  if (b === null || a.kind !== b.kind) return false;
  if (a.kind === 'column') return a.isTime === (b as typeof a).isTime;
  return isSameWindow(a.window, (b as typeof a).window);
}

/** Whether two windows cut time alike. */
export function isSameWindow(a: WindowSpec, b: WindowSpec): boolean {
  const bare = ({ ...spec }: WindowSpec): string => JSON.stringify({ ...spec, keys: undefined });
  return bare(a) === bare(b);
}

/**
 * The field that is the end of the window that `bound` is a bound of; -1: there is none. Windows of windows may be alike,
 * and their rows have the bounds of both: the end stands right behind its start, and that of the outer one comes last.
 */
export function endFieldOf(relation: Relation, bound: Expression, window: WindowSpec): number {
  const isEnd = (field: number): boolean => {
    const origin = originOf(relation, field);
    return origin?.kind === 'windowEnd' && isSameWindow(origin.window, window);
  };
  if (bound.kind === 'column')
    for (const field of [bound.index, bound.index + 1])
      if (field < relation.fields.length && isEnd(field)) return field;
  return relation.fields.findLastIndex((_, field) => isEnd(field));
}

/** Whether a window's end follows from its start. */
export function hasFixedSize(window: WindowSpec): boolean {
  return sizeMs(window) !== undefined;
}

/** How long every window is, ms; undefined where they differ. */
export function sizeMs(window: WindowSpec): number | undefined {
  return window.kind === 'tumble' || window.kind === 'hop' || window.kind === 'stagger' ? window.sizeMs : undefined;
}
