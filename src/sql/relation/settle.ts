/**
 * How long after a row's time its place in a result can still change.
 *
 * A stream's row of time t can come until the clock is beyond t, the lag and the allowed lateness. What is
 * made of rows can change for longer: a window's rows come until its end, a joined row when its partner comes,
 * a row's rank whenever another one comes before it.
 */
import type { Expression } from '../plan.js';
import { fixedLengthMs } from '../interval.js';
import type { Interval } from '../value.js';
import { isDirect } from './bounds.js';
import { hasFixedSize, originOf, originOfExpression } from './lineage.js';
import type { Join, Over, OverSpec, Relation, TopN } from './relation.js';

const NEVER = Number.POSITIVE_INFINITY;

/**
 * Ms from the time in `field`, an event time or a window's bound, until no row with that time comes, goes or
 * changes any more but for the lag and the allowed lateness. Infinity: never, or the field can be NULL where
 * an outer join has no partner.
 */
export function settlesAfterMs(relation: Relation, field: number): number {
  switch (relation.kind) {
    case 'scan':
      return relation.key === null && relation.time === field ? 0 : NEVER;
    case 'filter':
      return settlesAfterMs(relation.input, field);
    case 'expand':
      return field < relation.input.fields.length ? settlesAfterMs(relation.input, field) : NEVER;
    case 'project':
      return ofExpression(relation.input, relation.expressions[field]!);
    case 'window':
      return ofWindow(relation, field);
    case 'aggregate': {
      const key = relation.keys[field];
      if (key === undefined || relation.sets !== null) return NEVER;
      return ofExpression(relation.input, key);
    }
    case 'join':
      return ofJoin(relation, field);
    case 'over':
      return field < relation.input.fields.length ? ofOver(relation, field) : NEVER;
    case 'top':
      return field < relation.input.fields.length ? ofTop(relation, field) : NEVER;
    case 'union':
      return Math.max(...relation.inputs.map((input) => settlesAfterMs(input, field)));
    default:
      return NEVER;
  }
}

function ofExpression(input: Relation, expression: Expression): number {
  if (expression.kind === 'column') return settlesAfterMs(input, expression.index);
  const cut = cutOf(expression);
  if (cut !== null) return cut.lengthMs + ofExpression(input, cut.time);
  const moved = movedOf(expression);
  return moved === null ? NEVER : Math.max(0, ofExpression(input, moved.time) - moved.byMs);
}

/** A time plus or less a constant length. */
function movedOf(expression: Expression): { readonly time: Expression; readonly byMs: number } | null {
  if (expression.kind !== 'call' || (expression.name !== '+' && expression.name !== '-')) return null;
  const [time, length] = expression.args;
  if (length?.kind !== 'literal' || length.type !== 'interval' || length.value === null) return null;
  const ms = fixedLengthMs(length.value as Interval);
  return ms === undefined ? null : { time: time!, byMs: expression.name === '+' ? ms : -ms };
}

/** Lengths of what `date_trunc` cuts time into, at most. */
const UNITS_MS: Readonly<Record<string, number>> = {
  microseconds: 1,
  milliseconds: 1,
  second: 1_000,
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
  week: 7 * 86_400_000,
  month: 31 * 86_400_000,
  quarter: 92 * 86_400_000,
  year: 366 * 86_400_000,
};

/** A time that is cut down to where its stretch begins, and how long that is at most: rows of it come until its end. */
function cutOf(expression: Expression): { readonly time: Expression; readonly lengthMs: number } | null {
  if (expression.kind !== 'call' || expression.args.length < 2) return null;
  const [by, time, zone] = expression.args;
  if (by!.kind !== 'literal') return null;
  if (expression.name === 'date_trunc' && typeof by.value === 'string') {
    const lengthMs = UNITS_MS[by.value.toLowerCase()];
    // Clocks that are put back make a day of a zone longer.
    return lengthMs === undefined
      ? null
      : { time: time!, lengthMs: zone === undefined ? lengthMs : lengthMs + 86_400_000 };
  }
  if (expression.name !== 'date_bin' || by.type !== 'interval') return null;
  const lengthMs = fixedLengthMs(by.value as Interval);
  return lengthMs === undefined ? null : { time: time!, lengthMs };
}

/** A window's rows come until it ends; a session's end may move with each of them. */
function ofWindow(relation: Extract<Relation, { kind: 'window' }>, field: number): number {
  const { input, time, window } = relation;
  const width = input.fields.length;
  // A stream's rows are in time by what they are windowed by, be it their event time or not.
  const own = isDirect(input, time) ? 0 : settlesAfterMs(input, time);
  if (field === width + 1) return own;
  if (window.kind === 'session') return NEVER;
  if (field === width) return own + window.sizeMs;
  return field === time ? own + window.sizeMs : settlesAfterMs(input, field);
}

function ofJoin(join: Join, field: number): number {
  const width = join.left.fields.length;
  const isLeft = field < width;
  const own = isLeft ? settlesAfterMs(join.left, field) : settlesAfterMs(join.right, field - width);
  if (join.type === 'full' || (isLeft ? join.type === 'right' : join.type === 'left')) return NEVER;
  if (join.mode.kind === 'lookup') return isLeft ? own : NEVER;
  if (join.mode.kind === 'asOf') return isLeft && join.bound !== null && join.bound.highMs !== null ? own : NEVER;
  if (join.windowEnd !== null) {
    const { left, right } = join.windowEnd;
    const ends = Math.max(settlesAfterMs(join.left, left), settlesAfterMs(join.right, right));
    return Math.max(own, ends);
  }
  const shared = timesOf(join).find(({ left, right }) => field === (isLeft ? left : right + width));
  if (shared !== undefined) return shared.afterMs;
  if (join.bound === null) return NEVER;
  const { highMs, leftTime, lowMs, rightTime } = join.bound;
  if (field !== leftTime && field !== rightTime + width) return NEVER;
  const far = isLeft ? highMs : lowMs === null ? null : -lowMs;
  const theirs = isLeft ? settlesAfterMs(join.right, rightTime) : settlesAfterMs(join.left, leftTime);
  return far === null ? NEVER : Math.max(own, far + theirs);
}

/** Pairs of fields that a join makes equal and that settle: once both have, so has what is joined by them. */
export function timesOf({ equal, left, right }: Join): { left: number; right: number; afterMs: number }[] {
  return equal.flatMap((pair) => {
    if (pair.left.kind !== 'column' || pair.right.kind !== 'column') return [];
    const fields = { left: pair.left.index, right: pair.right.index };
    const afterMs = Math.max(settlesAfterMs(left, fields.left), settlesAfterMs(right, fields.right));
    return afterMs === NEVER ? [] : [{ ...fields, afterMs }];
  });
}

/**
 * Whether a partition's rows share the window that `field` is a bound of. A bound that is NULL where an outer join has
 * no partner is no window's: rows of all windows share it.
 */
function isWithinWindow(input: Relation, partition: readonly Expression[], field: number): boolean {
  const of = originOf(input, field);
  if (of === null || of.kind === 'column') return false;
  return partition.some((part) => {
    const origin = originOfExpression(input, part);
    if (origin === null || origin.kind === 'column' || ofExpression(input, part) === NEVER) return false;
    return origin.kind === 'windowEnd' || hasFixedSize(origin.window);
  });
}

/** What closing times are made by, of an end first: of the other side where one is missing, or some time away. */
const ENDS: ReadonlySet<string> = new Set(['coalesce', '+', '-']);

/**
 * Whether all that can change a row has a time before `field`, plus `settlesAfterMs` of it: a window's end, or what else is
 * told from its bounds. Else there can be rows of that very moment.
 */
export function isBeforeClosing(relation: Relation, field: number): boolean {
  const isBefore = (input: Relation, expression: Expression | undefined): boolean =>
    (expression?.kind === 'column' && isBeforeClosing(input, expression.index)) ||
    (expression?.kind === 'call' && ENDS.has(expression.name) && isBefore(input, expression.args[0])) ||
    (expression !== undefined && cutOf(expression) !== null);
  switch (relation.kind) {
    case 'window':
      return field >= relation.input.fields.length;
    case 'filter':
    case 'expand':
    case 'top':
      return field < relation.input.fields.length && isBeforeClosing(relation.input, field);
    case 'over': {
      const { input } = relation;
      return field < input.fields.length && isBeforeClosing(input, field) && ofOver(relation, field) === 0;
    }
    case 'project':
      return isBefore(relation.input, relation.expressions[field]);
    case 'aggregate':
      return isBefore(relation.input, relation.keys[field]);
    case 'union':
      return relation.inputs.every((input) => isBeforeClosing(input, field));
    case 'join':
      return relation.bound === null && relation.mode.kind !== 'asOf' && isBeforeClosingOfJoin(relation, field);
    default:
      return false;
  }
}

function isBeforeClosingOfJoin(join: Join, field: number): boolean {
  const { left, mode, right, windowEnd } = join;
  const width = left.fields.length;
  const own = field < width ? isBeforeClosing(left, field) : isBeforeClosing(right, field - width);
  if (mode.kind === 'lookup') return own;
  const shared = windowEnd ?? timesOf(join).find((pair) => field === pair.left || field === pair.right + width);
  return own && shared !== undefined && isBeforeClosing(left, shared.left) && isBeforeClosing(right, shared.right);
}

/** Functions whose value at a row depends on rows behind it, however far. */
const WHOLE: ReadonlySet<string> = new Set(['ntile', 'percent_rank', 'cume_dist']);
/** Functions that look at rows before alone. */
const BEFORE: ReadonlySet<string> = new Set(['row_number', 'rank', 'dense_rank']);

/** How far behind its row a window function looks: so many rows, and as many ms. */
export function looksAhead({ args, frame, ignoreNulls, name }: OverSpec): {
  readonly rows: number;
  readonly ms: number;
} {
  if (BEFORE.has(name)) return { rows: 0, ms: 0 };
  if (name === 'lag' || name === 'lead') {
    const [, offset] = args;
    if (offset?.kind !== 'literal' || typeof offset.value !== 'number') return { rows: NEVER, ms: 0 };
    const rows = Math.max(0, name === 'lead' ? offset.value : -offset.value);
    return { rows: rows > 0 && ignoreNulls ? NEVER : rows, ms: 0 };
  }
  const { end, mode } = frame;
  if (WHOLE.has(name) || end.kind === 'unboundedFollowing') return { rows: NEVER, ms: 0 };
  if (end.kind !== 'following' || end.offset === 0) return { rows: 0, ms: 0 };
  if (mode === 'range') return { rows: 0, ms: end.offset };
  return { rows: mode === 'rows' ? end.offset : NEVER, ms: 0 };
}

function ofOver({ functions, input, order, partition }: Over, field: number): number {
  const own = settlesAfterMs(input, field);
  if (isWithinWindow(input, partition, field)) return own;
  // A window ends no earlier than each of its rows, by whose time they may lie.
  const time = timeOfEnd(input, field);
  if (!isInOrderOf(order, field) && (time === null || !isInOrderOf(order, time))) return NEVER;
  const ahead = functions.map(looksAhead).map(({ ms, rows }) => (rows > 0 ? NEVER : ms));
  return own + Math.max(0, ...ahead);
}

/** The time whose window a field is the end of; null where it is none. */
function timeOfEnd(relation: Relation, field: number): number | null {
  if (relation.kind === 'window') {
    const width = relation.input.fields.length;
    if (field === width + 1) return relation.time;
  }
  const isThrough = relation.kind === 'over' || relation.kind === 'filter' || relation.kind === 'window';
  return isThrough && field < relation.input.fields.length ? timeOfEnd(relation.input, field) : null;
}

function ofTop({ input, order, partition }: TopN, field: number): number {
  const isSettled = isWithinWindow(input, partition, field) || isInOrderOf(order, field);
  return isSettled ? settlesAfterMs(input, field) : NEVER;
}

/** Whether rows lie by a rising time: one that comes later lies behind all that are settled. */
function isInOrderOf([first]: Over['order'], field: number): boolean {
  if (first === undefined || first.descending || first.nullsFirst) return false;
  return first.expression.kind === 'column' && first.expression.index === field;
}
