/**
 * Takes the conditions of joins apart: pairs that must be equal, bounds of time, the rest. What one side
 * can tell goes to that side, where the join's kind allows.
 */
import type { Expression } from '../plan.js';
import type { Interval } from '../value.js';
import { fixedLengthMs } from '../interval.js';
import { literal } from '../context.js';
import { assumeTime, canBeTime } from './assume-time.js';
import { allOf, columnOf, conjuncts, replace, shifted } from './columns.js';
import { sideOf } from './join-of.js';
import { hasFixedSize, isSameWindow, originOf, originOfExpression, sizeMs } from './lineage.js';
import { pushDown } from './push-down.js';
import type { Join, Project, Relation, TimeBound } from './relation.js';
import { mapInputs } from './walk-relation.js';

/** A relation whose joins are ready to run, and whose projections are one where they follow each other. */
export function finishJoins(relation: Relation): Relation {
  const inner = mapInputs(relation, finishJoins);
  if (inner.kind === 'project' && inner.input.kind === 'project') return merged(inner, inner.input);
  if (inner.kind === 'over') {
    const first = inner.order[0];
    const timed =
      first?.expression.kind === 'column' && !first.descending ? assumeTime(inner.input, first.expression.index) : null;
    return timed === null ? inner : { ...inner, input: timed };
  }
  return inner.kind === 'join' ? finishJoin(inner) : inner;
}

/** Two projections as one, where the inner one computes nothing that would be computed twice. */
function merged(outer: Project, inner: Project): Project {
  const isPlain = inner.expressions.every((each) => each.kind === 'column' || each.kind === 'literal');
  if (!isPlain && !outer.expressions.every((each) => each.kind === 'column')) return outer;
  const expressions = outer.expressions.map((each) =>
    replace(each, (node) => (node.kind === 'column' ? inner.expressions[node.index] : undefined)),
  );
  return { ...outer, input: inner.input, expressions };
}

function finishJoin(join: Join): Relation {
  const width = join.left.fields.length;
  const { type } = join;
  let { left, right } = join;
  const equal: Join['equal'][number][] = [...join.equal];
  const rest: Expression[] = [];
  for (const part of conjuncts(join.condition)) {
    const side = sideOf(part, width);
    if (side === 'left' && (type === 'inner' || type === 'semi' || type === 'right'))
      left = finishJoins(pushDown(left, part));
    else if (side === 'right' && type !== 'right' && type !== 'full' && join.mode.kind === 'both')
      right = finishJoins(pushDown(right, shifted(part, -width)));
    else {
      const pair = equalPair(part, width);
      if (pair === undefined) rest.push(part);
      else equal.push(pair);
    }
  }
  const joined: Join = { ...join, left, right, equal, condition: allOf(rest) };
  return withWindowEnds(joined) ?? bounded(joined);
}

function bounded(join: Join): Join {
  const windowEnd = commonWindow(join);
  // A window's rows change until it ends, so its end comes before any bound.
  const bound = windowEnd === null ? timeBound(join, join.left.fields.length) : null;
  return { ...withTimes(join, bound), bound, windowEnd };
}

/** A join whose sides have the times that bound it. */
function withTimes(join: Join, bound: TimeBound | null): Join {
  if (bound === null) return join;
  const left = assumeTime(join.left, bound.leftTime) ?? join.left;
  return { ...join, left, right: assumeTime(join.right, bound.rightTime) ?? join.right };
}

/** `left = right`, either way round; `IS NOT DISTINCT FROM` too. */
function equalPair(part: Expression, width: number): Join['equal'][number] | undefined {
  const isNot =
    part.kind === 'not' && part.arg.kind === 'call' && part.arg.name === 'isDistinct' ? part.arg : undefined;
  const call = isNot ?? (part.kind === 'call' && part.name === '=' ? part : undefined);
  if (call === undefined) return undefined;
  const [a, b] = call.args as [Expression, Expression];
  if (a.type !== b.type) return undefined;
  const [sideA, sideB] = [sideOf(a, width), sideOf(b, width)];
  const nullSafe = isNot !== undefined;
  if (sideA === 'left' && sideB === 'right') return { left: a, right: shifted(b, -width), nullSafe };
  if (sideA === 'right' && sideB === 'left') return { left: b, right: shifted(a, -width), nullSafe };
  return undefined;
}

/** An expression that is a column and a constant number of ms. */
interface Moved {
  readonly index: number;
  readonly ms: number;
}

const TIMES = ['timestamptz', 'timestamp'];

function movedTime(expression: Expression): Moved | undefined {
  if (expression.kind === 'column' && TIMES.includes(expression.type)) return { index: expression.index, ms: 0 };
  if (expression.kind !== 'call' || (expression.name !== '+' && expression.name !== '-')) return undefined;
  const [a, b] = expression.args;
  const [time, span] = a?.type === 'interval' ? [b, a] : [a, b];
  const inside = time === undefined ? undefined : movedTime(time);
  if (inside === undefined || span?.kind !== 'literal' || span.type !== 'interval' || span.value === null)
    return undefined;
  const ms = fixedLengthMs(span.value as Interval);
  if (ms === undefined) return undefined;
  return { index: inside.index, ms: expression.name === '+' ? inside.ms + ms : inside.ms - ms };
}

/** The bounds that a join's conditions set on right time minus left time, of the first pair of event times. */
function timeBound(join: Join, width: number): TimeBound | null {
  const bounds = new Map<
    string,
    { leftTime: number; rightTime: number; lowMs: number | null; highMs: number | null }
  >();
  const note = (a: Moved, b: Moved, comparison: string): void => {
    // a.time + a.ms COMPARISON b.time + b.ms, one of them of the left side
    const isLeftFirst = a.index < width;
    const [left, right] = isLeftFirst ? [a, b] : [b, a];
    if (left.index >= width || right.index < width) return;
    const key = `${left.index}:${right.index}`;
    const bound = bounds.get(key) ?? {
      leftTime: left.index,
      rightTime: right.index - width,
      lowMs: null,
      highMs: null,
    };
    const ms = left.ms - right.ms;
    // right - left >= ms where the right side is the larger one, <= ms where it is the smaller.
    const rightIsLarger = comparison.startsWith('<') === isLeftFirst;
    if (comparison === '=' || rightIsLarger) bound.lowMs = Math.max(bound.lowMs ?? -Infinity, ms);
    if (comparison === '=' || !rightIsLarger) bound.highMs = Math.min(bound.highMs ?? Infinity, ms);
    bounds.set(key, bound);
  };
  for (const part of conjuncts(join.condition)) {
    if (part.kind !== 'call' || !['<', '<=', '>', '>=', '='].includes(part.name)) continue;
    const [a, b] = part.args.map((arg) => (arg === undefined ? undefined : movedTime(arg)));
    if (a !== undefined && b !== undefined) note(a, b, part.name);
  }
  for (const { left, right } of join.equal) {
    const [a, b] = [movedTime(left), movedTime(right)];
    if (a !== undefined && b !== undefined) note(a, { ...b, index: b.index + width }, '=');
  }
  const nearest = asOfBound(join);
  if (join.mode.kind === 'asOf') {
    const limited = nearest === null ? undefined : bounds.get(`${nearest.leftTime}:${nearest.rightTime + width}`);
    return nearest === null || limited === undefined ? nearest : narrower(nearest, limited);
  }
  const found = [...bounds.values()].filter(
    ({ leftTime, rightTime }) => isEventTime(join.left, leftTime) && isEventTime(join.right, rightTime),
  );
  return found.find(({ lowMs, highMs }) => lowMs !== null && highMs !== null) ?? found[0] ?? null;
}

/** A bound that holds when both do. */
function narrower(a: TimeBound, b: TimeBound): TimeBound {
  const low = Math.max(a.lowMs ?? -Infinity, b.lowMs ?? -Infinity);
  const high = Math.min(a.highMs ?? Infinity, b.highMs ?? Infinity);
  return { ...a, lowMs: Number.isFinite(low) ? low : null, highMs: Number.isFinite(high) ? high : null };
}

/** An ASOF join over event times: the right row lies before (or after) without an end. */
function asOfBound(join: Join): TimeBound | null {
  if (join.mode.kind !== 'asOf') return null;
  const [a, b] = [movedTime(join.mode.left), movedTime(join.mode.right)];
  if (a === undefined || b === undefined || !isEventTime(join.left, a.index) || !isEventTime(join.right, b.index))
    return null;
  const ms = a.ms - b.ms;
  const before = join.mode.comparison.startsWith('>');
  return { leftTime: a.index, rightTime: b.index, lowMs: before ? null : ms, highMs: before ? ms : null };
}

/**
 * Whether a field is the event time of its rows, or can be, as far as it is carried unchanged; or a window's end. Not a
 * window's start: its rows change for as long as the window is open.
 */
function isEventTime(relation: Relation, field: number): boolean {
  const origin = originOf(relation, field);
  if (origin !== null && origin.kind !== 'column') return origin.kind === 'windowEnd';
  return origin?.isTime === true || canBeTime(relation, field);
}

/** The end of a window that both sides have in common, because they are joined by it. */
function commonWindow(join: Join): Join['windowEnd'] {
  if (windowPair(join) === undefined) return null;
  const [left, right] = [endField(join.left), endField(join.right)];
  return left === undefined || right === undefined ? null : { left, right };
}

/** The pair of `equal` that says that two rows are of one window. */
function windowPair(join: Join): Join['equal'][number] | undefined {
  return join.equal.find(({ left, right }) => {
    const [a, b] = [originOfExpression(join.left, left), originOfExpression(join.right, right)];
    if (a === null || b === null || a.kind === 'column' || b.kind === 'column') return false;
    return a.kind === b.kind && isSameWindow(a.window, b.window) && (a.kind === 'windowEnd' || hasFixedSize(a.window));
  });
}

/**
 * A join by the starts of windows, one side of which does not show their ends: with the ends, and a projection that
 * leaves them out again. Undefined for any other join.
 */
function withWindowEnds(join: Join): Relation | undefined {
  const pair = windowPair(join);
  if (pair === undefined || join.mode.kind !== 'both') return undefined;
  const left = withEnd(join.left, pair.left);
  const right = withEnd(join.right, pair.right);
  if (left === join.left && right === join.right) return undefined;
  const [width, wider] = [join.left.fields.length, left.fields.length];
  const moved = (index: number): number => (index < width ? index : index - width + wider);
  const isLeftOnly = join.type === 'semi' || join.type === 'anti';
  const shown = join.fields.map((field, i) => ({ field, index: moved(i) }));
  const nullable = (fields: Relation['fields'], isOuter: boolean): Relation['fields'] =>
    fields.map((field) => ({ ...field, nullable: field.nullable || isOuter }));
  const outer = (side: 'left' | 'right'): boolean => join.type === 'full' || join.type === side;
  const fields = isLeftOnly
    ? left.fields
    : [...nullable(left.fields, outer('right')), ...nullable(right.fields, outer('left'))];
  const condition =
    join.condition === null
      ? null
      : replace(join.condition, (node) => (node.kind === 'column' ? { ...node, index: moved(node.index) } : undefined));
  const whole = bounded({ ...join, left, right, fields, condition });
  return {
    kind: 'project',
    fields: join.fields,
    input: whole,
    expressions: shown.map(({ index }) => columnOf(fields, index)),
  };
}

/** A side with its window's end, computed from its start, behind its fields; the side itself where it has one. */
function withEnd(side: Relation, start: Expression): Relation {
  const origin = originOfExpression(side, start);
  if (endField(side) !== undefined || origin?.kind !== 'windowStart') return side;
  const size = sizeMs(origin.window);
  if (size === undefined) return side;
  const interval = literal({ months: 0, days: 0, ms: size }, 'interval');
  const end: Expression = { kind: 'call', name: '+', args: [start, interval], type: start.type };
  return {
    kind: 'project',
    fields: [...side.fields, { name: '_window_end', type: start.type, nullable: false }],
    input: side,
    expressions: [...side.fields.map((_, i) => columnOf(side.fields, i)), end],
  };
}

/** The field that is a window's end. */
export function endField(relation: Relation): number | undefined {
  const at = relation.fields.findIndex((_, field) => originOf(relation, field)?.kind === 'windowEnd');
  return at < 0 ? undefined : at;
}
