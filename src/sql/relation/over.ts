/** Window functions: `f(…) OVER (PARTITION BY … ORDER BY … frame)`. */
import type { FuncCall, Node, WindowDef } from 'libpg-query';
import { MillraceError } from '../../util/errors.js';
import { findAggregate, findOrdered, isAggregateName, isOrderedName } from '../aggregates/index.js';
import { bind, bindCondition, bindTyped } from '../bind.js';
import { coerce } from '../bind-call.js';
import { bindError, literal, typeOf } from '../context.js';
import type { BindContext } from '../context.js';
import { literalValue } from '../evaluate.js';
import { fixedLengthMs } from '../interval.js';
import type { Expression, SqlType } from '../plan.js';
import { locationOf } from '../tree.js';
import { commonType, typeName } from '../types.js';
import type { Interval } from '../value.js';
import { bindArguments, callName } from './aggregates.js';
import { checkConstants } from './constants.js';
import { readOrder } from './order.js';
import { sessionGap } from './session-frame.js';
import type { SessionNode } from '../statements/session-frames.js';
import type { Frame, FrameBound, OrderItem, OverSpec } from './relation.js';

/** A window function's call, bound. */
export interface BoundOver {
  readonly spec: OverSpec;
  readonly partition: readonly Expression[];
  readonly order: readonly OrderItem[];
  /** Its frame is the row's session: what ends when nothing has come for so long, ms. */
  readonly sessionGapMs?: number;
}

/** Ranking functions: how many arguments, and the result (null: the first argument's type). */
export const RANKING: Readonly<Record<string, { least: number; most: number; result: SqlType | null }>> = {
  row_number: { least: 0, most: 0, result: 'bigint' },
  rank: { least: 0, most: 0, result: 'bigint' },
  dense_rank: { least: 0, most: 0, result: 'bigint' },
  percent_rank: { least: 0, most: 0, result: 'double precision' },
  cume_dist: { least: 0, most: 0, result: 'double precision' },
  ntile: { least: 1, most: 1, result: 'integer' },
  lag: { least: 1, most: 3, result: null },
  lead: { least: 1, most: 3, result: null },
  first_value: { least: 1, most: 1, result: null },
  last_value: { least: 1, most: 1, result: null },
  nth_value: { least: 2, most: 2, result: null },
};

/** Bits of a window definition's frame: `FRAMEOPTION_*` of PostgreSQL's `parsenodes.h`. */
const BIT = {
  nonDefault: 0x1,
  rows: 0x4,
  groups: 0x8,
  startUnboundedPreceding: 0x20,
  endUnboundedPreceding: 0x40,
  startUnboundedFollowing: 0x80,
  endUnboundedFollowing: 0x100,
  startCurrentRow: 0x200,
  endCurrentRow: 0x400,
  startOffsetPreceding: 0x800,
  endOffsetPreceding: 0x1000,
  startOffsetFollowing: 0x2000,
  endOffsetFollowing: 0x4000,
  excludeCurrentRow: 0x8000,
  excludeGroup: 0x10000,
  excludeTies: 0x20000,
} as const;

const DEFAULT_FRAME: Frame = {
  mode: 'range',
  start: { kind: 'unboundedPreceding' },
  end: { kind: 'currentRow' },
  exclude: 'none',
};

const WHOLE_FRAME: Frame = {
  mode: 'rows',
  start: { kind: 'unboundedPreceding' },
  end: { kind: 'unboundedFollowing' },
  exclude: 'none',
};

/** Binds a call that has OVER. `named`: the definitions of the WINDOW clause. */
export function bindOver(context: BindContext, call: FuncCall, named: ReadonlyMap<string, WindowDef>): BoundOver {
  const definition = resolved(context, call.over!, named);
  const partition = (definition.partitionClause ?? []).map((node) => bindTyped(context, node));
  const order = (definition.orderClause ?? []).map((node) => readOrder(node, (item) => bindTyped(context, item)));
  const { session } = definition as SessionNode;
  const sessionGapMs = session === undefined ? undefined : sessionGap(context, session, order);
  const frame = session === undefined ? frameOf(context, definition, order) : WHOLE_FRAME;
  const name = callName(call);
  const filter = call.agg_filter === undefined ? null : bindCondition(context, call.agg_filter, 'FILTER');
  const bound = rankingArguments(context, call, name) ?? bindFunctionArguments(context, call, name);
  return {
    spec: {
      name,
      args: bound.args,
      distinct: call.agg_distinct === true,
      filter,
      ignoreNulls: (call as { ignore_nulls?: number }).ignore_nulls === 2,
      frame,
      type: bound.type,
    },
    partition,
    order,
    ...(sessionGapMs === undefined ? {} : { sessionGapMs }),
  };
}

/** Refuses a window function's name without OVER. Throws SQL_TYPE. */
export function requireOver(context: BindContext, call: FuncCall, name: string): void {
  if (isAggregateName(name) || (!isOrderedName(name) && !Object.hasOwn(RANKING, name))) return;
  throw bindError(
    context,
    'SQL_TYPE',
    `window function ${name} requires an OVER clause`,
    call.location,
    `Write ${name}(…) OVER (PARTITION BY … ORDER BY …).`,
  );
}

interface BoundArguments {
  readonly args: readonly Expression[];
  readonly type: SqlType;
}

/** Arguments of a ranking function; null where it is none, or does not take so many. */
function rankingArguments(context: BindContext, call: FuncCall, name: string): BoundArguments | null {
  const ranking = Object.hasOwn(RANKING, name) ? RANKING[name]! : undefined;
  const nodes = call.args ?? [];
  if (ranking === undefined || nodes.length < ranking.least || nodes.length > ranking.most) return null;
  const countOf = (node: Node): Expression => coerce(context, bind(context, node), 'integer', locationOf(node));
  const [first, second, third] = nodes;
  if (first === undefined || name === 'ntile') return { args: nodes.map(countOf), type: ranking.result! };
  const value = bindTyped(context, first);
  if (name === 'lag' || name === 'lead') {
    const offset = second === undefined ? literal(1, 'integer') : countOf(second);
    return third === undefined
      ? { args: [value, offset], type: value.type }
      : lagArguments(context, call, value, offset, third);
  }
  return { args: [value, ...(second === undefined ? [] : [countOf(second)])], type: value.type };
}

function bindFunctionArguments(context: BindContext, call: FuncCall, name: string): BoundArguments {
  const args = (call.args ?? []).map((node) => bindTyped(context, node));
  if (isOrderedName(name)) {
    const found = findOrdered(
      name,
      args.map((arg) => arg.type),
    );
    if (found !== undefined) {
      const cast = args.map((arg, i) => {
        const param = found.params[i] ?? found.params.at(-1)!;
        return param === 'any' ? arg : coerce(context, arg, param, locationOf(call.args?.[i]));
      });
      checkConstants(context, call, found, cast);
      return { args: cast, type: found.result };
    }
  }
  if (
    isAggregateName(name) &&
    (call.agg_star === true ||
      findAggregate(
        name,
        args.map((arg) => arg.type),
      ) !== undefined)
  )
    return bindArguments(context, call, name, args);
  throw bindError(
    context,
    'SQL_UNKNOWN_FUNCTION',
    `window function ${name}(${args.map((arg) => typeName(arg.type)).join(', ')}) does not exist`,
    call.location,
    'docs/reference/sql.md lists the window functions, and every aggregate is one.',
  );
}

/** `lag(x, offset, default)`: value and default have one type. A bare text or NULL is of the value's. */
function lagArguments(
  context: BindContext,
  call: FuncCall,
  value: Expression,
  offset: Expression,
  node: Node,
): BoundArguments {
  const otherwise = bind(context, node);
  const type = commonType([value.type, typeOf(otherwise)]);
  const location = locationOf(node);
  if (typeof type !== 'string')
    throw bindError(context, 'SQL_TYPE', `the default of ${callName(call)} must have the type of its value`, location);
  return { args: [coerce(context, value, type, location), offset, coerce(context, otherwise, type, location)], type };
}

function resolved(context: BindContext, definition: WindowDef, named: ReadonlyMap<string, WindowDef>): WindowDef {
  const name = definition.refname ?? definition.name;
  if (name === undefined || name === '') return definition;
  const base = named.get(name);
  if (base === undefined) throw bindError(context, 'SQL_TYPE', `window "${name}" does not exist`, definition.location);
  // In the WINDOW clause a definition's name is its own; it may build on another, not on itself.
  const { name: _own, ...unnamed } = base;
  const whole = resolved(context, unnamed, new Map([...named].filter(([other]) => other !== name)));
  return {
    ...whole,
    ...(definition.orderClause === undefined ? {} : { orderClause: definition.orderClause }),
    ...(definition.refname === undefined
      ? {}
      : {
          frameOptions: definition.frameOptions ?? 0,
          ...(definition.startOffset === undefined ? {} : { startOffset: definition.startOffset }),
          ...(definition.endOffset === undefined ? {} : { endOffset: definition.endOffset }),
        }),
  };
}

function frameOf(context: BindContext, definition: WindowDef, order: readonly OrderItem[]): Frame {
  const bits = definition.frameOptions ?? 0;
  if ((bits & BIT.nonDefault) === 0) return DEFAULT_FRAME;
  const mode = (bits & BIT.rows) !== 0 ? 'rows' : (bits & BIT.groups) !== 0 ? 'groups' : 'range';
  const has = (bit: number): boolean => (bits & bit) !== 0;
  const start: FrameBound = has(BIT.startUnboundedPreceding)
    ? { kind: 'unboundedPreceding' }
    : has(BIT.startUnboundedFollowing)
      ? { kind: 'unboundedFollowing' }
      : has(BIT.startCurrentRow)
        ? { kind: 'currentRow' }
        : {
            kind: has(BIT.startOffsetPreceding) ? 'preceding' : 'following',
            offset: offsetOf(context, definition.startOffset!, mode, order),
          };
  const end: FrameBound = has(BIT.endUnboundedFollowing)
    ? { kind: 'unboundedFollowing' }
    : has(BIT.endUnboundedPreceding)
      ? { kind: 'unboundedPreceding' }
      : has(BIT.endCurrentRow) || definition.endOffset === undefined
        ? { kind: 'currentRow' }
        : {
            kind: has(BIT.endOffsetPreceding) ? 'preceding' : 'following',
            offset: offsetOf(context, definition.endOffset, mode, order),
          };
  const exclude = has(BIT.excludeCurrentRow)
    ? 'currentRow'
    : has(BIT.excludeGroup)
      ? 'group'
      : has(BIT.excludeTies)
        ? 'ties'
        : 'none';
  return { mode, start, end, exclude };
}

const SPANS: readonly SqlType[] = ['timestamptz', 'timestamp', 'date'];

function offsetOf(context: BindContext, node: Node, mode: Frame['mode'], order: readonly OrderItem[]): number {
  const location = locationOf(node);
  const isTime = order[0] !== undefined && SPANS.includes(order[0].expression.type);
  const isSpan = mode === 'range' && isTime;
  const written = bind(context, node);
  const bound =
    isSpan && written.kind === 'unknown' ? coerce(context, written, 'interval', location) : bindTyped(context, node);
  if (bound.kind !== 'literal' || bound.value === null)
    throw bindError(
      context,
      'SQL_UNSUPPORTED',
      "a frame's bound must be constant",
      location,
      "Write ROWS 10 PRECEDING, or RANGE INTERVAL '1 minute' PRECEDING.",
    );
  if (mode === 'range' && order.length !== 1)
    throw bindError(
      context,
      'SQL_TYPE',
      'RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column',
      location,
    );
  if (isSpan) return spanOf(context, bound, location);
  try {
    const number = Number(
      literalValue(
        coerce(context, bound, mode === 'range' ? 'double precision' : 'bigint', location).kind === 'literal'
          ? bound.value
          : 0,
        bound.type,
      ),
    );
    if (number >= 0) return number;
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    throw bindError(context, 'SQL_TYPE', error.message.split('\n')[0]!, location);
  }
  throw bindError(context, 'SQL_TYPE', 'frame starting or ending offset must not be negative', location);
}

function spanOf(context: BindContext, bound: Expression, location: number | undefined): number {
  const interval = coerce(context, bound, 'interval', location);
  const ms = interval.kind === 'literal' ? fixedLengthMs(interval.value as Interval) : undefined;
  if (ms !== undefined && ms >= 0) return ms;
  throw bindError(
    context,
    'SQL_UNSUPPORTED',
    "a frame's interval must have a fixed length, not negative",
    location,
    "Write days, not months: RANGE INTERVAL '30 days' PRECEDING.",
  );
}

/** A window function with its expressions changed. */
export function mapOver(bound: BoundOver, map: (expression: Expression) => Expression): BoundOver {
  const { spec } = bound;
  return {
    ...bound,
    spec: { ...spec, args: spec.args.map(map), filter: spec.filter === null ? null : map(spec.filter) },
    partition: bound.partition.map(map),
    order: bound.order.map((item) => ({ ...item, expression: map(item.expression) })),
  };
}
