/**
 * What makes a standing query possible: every row's stay in memory has an end, or a bound that does not
 * grow with the stream. Decides how joins meet tables, and which rows can be late.
 */
import { bindError } from '../context.js';
import type { Expression } from '../plan.js';
import type { QuerySource } from './catalog.js';
import { columnOf, replaceColumns } from './columns.js';
import { originOf } from './lineage.js';
import type { Join, Relation } from './relation.js';
import { inputsOf, mapInputs } from './walk-relation.js';

/** How many rows a relation can have: as many as a table, one a group, or one an event. */
export type Growth = 'table' | 'groups' | 'stream';

/** What to write instead of a join without a bound. */
export const JOIN_ADVICE =
  "Bound it: AND b.ts BETWEEN a.ts AND a.ts + INTERVAL '1 hour', in days at most (months differ in length); or join windows, ON a.window_start = b.window_start; or give the side that is a dimension a PRIMARY KEY, so that it is looked up.";

/** How a relation grows. */
export function growthOf(relation: Relation): Growth {
  switch (relation.kind) {
    case 'scan':
      return relation.key === null ? 'stream' : 'table';
    case 'values':
      return 'table';
    case 'aggregate':
      return growthOf(relation.input) === 'table' || relation.keys.length === 0 ? 'table' : 'groups';
    case 'top':
      return growthOf(relation.input) === 'stream' ? 'groups' : growthOf(relation.input);
    default: {
      const all = inputsOf(relation).map(growthOf);
      return all.includes('stream') ? 'stream' : all.includes('groups') ? 'groups' : 'table';
    }
  }
}

/** A standing query whose joins have bounds. Throws SQL_UNSUPPORTED, with advice, where one can't have. */
export function boundJoins(relation: Relation, source: QuerySource): Relation {
  const inner = mapInputs(relation, (input) => boundJoins(input, source));
  return inner.kind === 'join' ? boundJoin(inner, source) : inner;
}

function boundJoin(join: Join, source: QuerySource): Relation {
  const { bound, mode } = join;
  if (join.windowEnd !== null || mode.kind === 'asOf') return join;
  if (bound !== null && bound.lowMs !== null && bound.highMs !== null) return join;
  const [left, right] = [growthOf(join.left), growthOf(join.right)];
  if (mode.kind === 'lookup') {
    if (right === 'table') return join;
    throw refused(source, join, 'FOR SYSTEM_TIME AS OF PROCTIME() needs a table with a PRIMARY KEY on its right side');
  }
  if (left !== 'stream' && right !== 'stream') return join;
  if (right === 'table' && join.type !== 'right' && join.type !== 'full' && !isAggregated(join.right))
    return { ...join, mode: { kind: 'lookup' } };
  if (left === 'table' && (join.type === 'inner' || join.type === 'right') && !isAggregated(join.left))
    return swapped({ ...join, type: join.type === 'right' ? 'left' : 'inner', mode: { kind: 'lookup' } });
  const what = left === 'stream' && right === 'stream' ? 'streams' : 'a stream with groups';
  throw refused(source, join, `a join of ${what} without a bound in time would keep every event for ever`);
}

function refused(source: QuerySource, { location }: Join, message: string): Error {
  return bindError(source, 'SQL_UNSUPPORTED', `unbounded join: ${message}`, location, JOIN_ADVICE);
}

function isAggregated(relation: Relation): boolean {
  if (relation.kind === 'aggregate' || relation.kind === 'top') return true;
  return inputsOf(relation).some(isAggregated);
}

/** A join with its sides exchanged, its fields where they were. */
function swapped(join: Join): Relation {
  const width = join.left.fields.length;
  const other = join.right.fields.length;
  const turn = (expression: Expression): Expression =>
    replaceColumns(expression, (column) => ({
      ...column,
      index: column.index < width ? column.index + other : column.index - width,
    }));
  const fields = [...join.fields.slice(width), ...join.fields.slice(0, width)];
  const turned: Join = {
    ...join,
    fields,
    left: join.right,
    right: join.left,
    equal: join.equal.map(({ left, right, nullSafe }) => ({ left: right, right: left, nullSafe })),
    condition: join.condition === null ? null : turn(join.condition),
  };
  const expressions = join.fields.map((_, i) => columnOf(fields, i < width ? i + other : i - width));
  return { kind: 'project', fields: join.fields, input: turned, expressions };
}

/** Says of each source and window whether its rows can be late: where something waits for them by time. */
export function markLate(relation: Relation, isTimed: boolean): Relation {
  switch (relation.kind) {
    case 'scan':
      return { ...relation, late: isTimed && relation.time !== null && relation.key === null };
    case 'window': {
      const direct = isDirect(relation.input, relation.time);
      return { ...relation, late: direct, input: markLate(relation.input, !direct) };
    }
    case 'join': {
      const own = relation.bound !== null || relation.mode.kind === 'asOf';
      const left = markLate(relation.left, isTimed || own);
      return { ...relation, left, right: markLate(relation.right, isTimed || own) };
    }
    case 'over': {
      const first = relation.order[0]?.expression;
      const origin = first?.kind === 'column' ? originOf(relation.input, first.index) : null;
      const timed = origin?.kind === 'column' && origin.isTime;
      return { ...relation, input: markLate(relation.input, isTimed || timed) };
    }
    default:
      return mapInputs(relation, (input) => markLate(input, isTimed));
  }
}

/** Whether a field is a time of a stream's own rows, read with nothing between that waits. */
export function isDirect(relation: Relation, time: number): boolean {
  switch (relation.kind) {
    case 'scan':
      return relation.key === null;
    case 'filter':
    case 'expand':
      return isDirect(relation.input, time);
    case 'project': {
      const expression = relation.expressions[time]!;
      return expression.kind === 'column' && isDirect(relation.input, expression.index);
    }
    case 'join':
      return relation.mode.kind === 'lookup' && time < relation.left.fields.length && isDirect(relation.left, time);
    case 'union':
      return relation.inputs.every((input) => isDirect(input, time));
    default:
      return false;
  }
}

/** Parts of a query whose state grows with the number of keys, in words, for a notice. */
export function growing(relation: Relation): string[] {
  const own: string[] = [];
  if (
    relation.kind === 'aggregate' &&
    relation.windowEnd === null &&
    relation.keys.length > 0 &&
    growthOf(relation.input) === 'stream'
  )
    own.push(
      `groups by ${relation.keys
        .map((key, i) => (key.kind === 'column' ? relation.fields[i]!.name : 'an expression'))
        .join(', ')} are kept for ever; in a window they end: FROM TUMBLE(stream, event_time, INTERVAL '1 hour')`,
    );
  if (
    relation.kind === 'top' &&
    relation.windowEnd === null &&
    relation.partition.length > 0 &&
    growthOf(relation.input) === 'stream'
  )
    own.push('the first rows of each partition are kept for ever');
  return [...own, ...inputsOf(relation).flatMap(growing)];
}
