/** What identifies a relation's rows, and when a row is final. */
import { makeCall } from '../bind-call.js';
import { literal } from '../context.js';
import type { BindContext } from '../context.js';
import type { Expression } from '../plan.js';
import { columnOf } from './columns.js';
import { originOf } from './lineage.js';
import type { Join, Relation } from './relation.js';
import { settlesAfterMs, timesOf } from './settle.js';

/** Fields whose values no two rows share; null where none are known. */
export function uniqueKey(relation: Relation): readonly number[] | null {
  switch (relation.kind) {
    case 'scan':
      return relation.key;
    case 'filter':
    case 'over':
      return uniqueKey(relation.input);
    case 'window': {
      const key = uniqueKey(relation.input);
      return key === null ? null : [...key, relation.input.fields.length];
    }
    case 'project': {
      const key = uniqueKey(relation.input);
      const fields = key?.map((field) => fieldOf(relation.expressions, field));
      return fields === undefined || fields.includes(-1) ? null : fields;
    }
    case 'aggregate': {
      const keys = relation.keys.map((_, i) => i);
      if (relation.sets === null) return keys;
      const sets = new Set(relation.sets.map((set) => set.toSorted((a, b) => a - b).join()));
      return sets.size < relation.sets.length ? null : [...keys, relation.fields.length - 1];
    }
    case 'top': {
      const fields = relation.partition.map((part) => (part.kind === 'column' ? part.index : -1));
      const isOne = relation.limit === 1 && relation.ranking === 'row_number' && !fields.includes(-1);
      return isOne ? fields : uniqueKey(relation.input);
    }
    case 'join': {
      const left = uniqueKey(relation.left);
      if (left === null || relation.type === 'semi' || relation.type === 'anti') return left;
      const right = uniqueKey(relation.right);
      if (right === null) return null;
      // An outer join's missing side has no key; the NULLs in its place tell that, where a key itself is never all NULL.
      const isTold = isNeverNull(relation.left, left) || isNeverNull(relation.right, right);
      if (relation.type === 'full' && !isTold) return null;
      return [...left, ...right.map((field) => field + relation.left.fields.length)];
    }
    default:
      return null;
  }
}

/** Whether some of the fields is in every row. */
function isNeverNull(relation: Relation, fields: readonly number[]): boolean {
  return fields.some((field) => !relation.fields[field]!.nullable);
}

/** Fields that others determine: of each table whose key is among `given` all. */
export function determinedBy(relation: Relation, given: ReadonlySet<number>): ReadonlySet<number> {
  switch (relation.kind) {
    case 'scan':
      return relation.key?.every((field) => given.has(field)) === true
        ? new Set(relation.fields.keys())
        : new Set<number>();
    case 'filter':
      return determinedBy(relation.input, given);
    case 'project': {
      const { expressions, input } = relation;
      const inside = expressions.flatMap((each, i) => (each.kind === 'column' && given.has(i) ? [each.index] : []));
      const determined = determinedBy(input, new Set(inside));
      const isDetermined = (each: Expression): boolean => each.kind === 'column' && determined.has(each.index);
      return new Set([...expressions.keys()].filter((i) => isDetermined(expressions[i]!)));
    }
    case 'join': {
      const width = relation.left.fields.length;
      const left = determinedBy(relation.left, given);
      if (relation.type === 'semi' || relation.type === 'anti') return left;
      const right = determinedBy(relation.right, new Set([...given].map((field) => field - width)));
      return new Set([...left, ...[...right].map((field) => field + width)]);
    }
    default:
      return new Set<number>();
  }
}

/** The place of a column among expressions, or -1. */
export function fieldOf(expressions: readonly Expression[], column: number): number {
  return expressions.findIndex((each) => each.kind === 'column' && each.index === column);
}

/**
 * The time from which, plus the lag, a row is final, as an expression over the relation: its window's end, else
 * the event time of its row, and as long after it as other rows can change it; null: it never is. Of joined rows
 * the later time, and the last moment in which a partner may come.
 */
export function closingTime(context: BindContext, relation: Relation): Expression | null {
  if (relation.kind === 'filter') return closingTime(context, relation.input);
  const joined = relation.kind === 'join' ? joinedClosing(context, relation) : null;
  if (joined !== null) return joined;
  const settled = relation.fields.map((_, field) => settlesAfterMs(relation, field));
  const isEnd = (field: number): boolean => originOf(relation, field)?.kind === 'windowEnd';
  const fields = [...relation.fields.keys()].filter((field) => settled[field]! < Number.POSITIVE_INFINITY);
  const best = fields.find(isEnd) ?? fields[0];
  return best === undefined ? null : later(context, columnOf(relation.fields, best), settled[best]!);
}

/** A time so long after another. */
export function later(context: BindContext, time: Expression, ms: number | null): Expression {
  if (ms === null || ms <= 0) return time;
  return makeCall(context, '+', [time, literal({ months: 0, days: 0, ms }, 'interval')], time.type, undefined);
}

/** Of an outer join the time of the side that is there; of an inner one the later of both. */
function joinedClosing(context: BindContext, join: Join): Expression | null {
  if (join.mode.kind !== 'both') return null;
  const width = join.left.fields.length;
  const isEarly = join.type === 'inner' || join.type === 'full';
  const [shared] = timesOf(join);
  if (shared !== undefined && join.type === 'full') {
    const sides = [columnOf(join.fields, shared.left), columnOf(join.fields, width + shared.right)];
    return later(context, makeCall(context, 'coalesce', sides, sides[0]!.type, undefined), shared.afterMs);
  }
  if (join.windowEnd !== null) return null;
  if (join.bound === null || !isEarly) return null;
  const { highMs, leftTime, lowMs, rightTime } = join.bound;
  const own = [settlesAfterMs(join.left, leftTime), settlesAfterMs(join.right, rightTime)];
  if (own[0] !== 0 || own[1] !== 0 || highMs === null || lowMs === null) return null;
  const left = columnOf(join.fields, leftTime);
  const right = columnOf(join.fields, width + rightTime);
  if (left.type !== right.type) return null;
  const isFull = join.type === 'full';
  const times = [isFull ? later(context, left, highMs) : left, isFull ? later(context, right, -lowMs) : right];
  return makeCall(context, 'greatest', times, left.type, undefined);
}
