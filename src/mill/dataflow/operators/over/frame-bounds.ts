/**
 * Where a frame begins and ends, as two questions about a pair of rows. Both answers are monotone in
 * either row, so a frame is found by walking on from the one before, or by a binary search.
 *
 * RANGE with an offset follows `in_range` of PostgreSQL: NULLs, and NaN, are in range of their like alone.
 */
import { addDecimal, compareDecimal, parseDecimal, type Decimal } from '../../../../sql/decimal.js';
import type { Frame, FrameBound, OrderItem } from '../../../../sql/relation/relation.js';
import { addWide, compareDouble } from '../../../../sql/value.js';
import type { Int, Value } from '../../../../sql/value.js';
import { compileExpression } from '../../expressions.js';
import type { Row } from '../../operator.js';
import { orderComparator } from '../../order.js';
import type { Range, Reach } from './part.js';
import type { Change } from './partition.js';

const DAY_MS = 86_400_000;
/** Half a microsecond, ms: times are exact to a microsecond, sums of doubles are not. */
const HALF_MICRO_MS = 0.0004;

/** A frame's ends. */
export interface FrameBounds {
  /** Called when rows changed, before anything else. */
  prepare(rows: readonly Row[]): void;
  /** Whether row j is before the frame of row i. */
  isBefore(rows: readonly Row[], i: number, j: number): boolean;
  /** Whether row j is beyond the frame of row i. */
  isBeyond(rows: readonly Row[], i: number, j: number): boolean;
  /** Widens a range of changed rows to all whose frames have one of them. */
  touch(rows: readonly Row[], change: Change, range: Range): void;
  readonly reach: Reach;
}

/** The bounds of a frame over this order. */
export function frameBounds(frame: Frame, order: readonly OrderItem[]): FrameBounds {
  if (frame.mode === 'rows') return new RowsBounds(frame);
  return frame.mode === 'range' ? new RangeBounds(frame, order) : new GroupsBounds(frame, order);
}

/** Rows from the one at hand; negative: before it. */
function distance(bound: FrameBound): number {
  switch (bound.kind) {
    case 'unboundedPreceding':
      return Number.NEGATIVE_INFINITY;
    case 'preceding':
      return -bound.offset;
    case 'currentRow':
      return 0;
    case 'following':
      return bound.offset;
    case 'unboundedFollowing':
      return Number.POSITIVE_INFINITY;
  }
}

/** How far back a frame reaches: its nearer end counts too, as rows before an open start are folded up to it. */
function back(frame: Frame): number {
  const distances = [distance(frame.start), distance(frame.end)].filter((d) => d !== Number.NEGATIVE_INFINITY);
  return Math.max(0, ...distances.map((d) => -d));
}

function ahead(frame: Frame): number {
  return Math.max(0, distance(frame.start), distance(frame.end));
}

class RowsBounds implements FrameBounds {
  readonly reach: Reach;
  readonly #start: number;
  readonly #end: number;

  constructor(frame: Frame) {
    this.#start = distance(frame.start);
    this.#end = distance(frame.end);
    this.reach = { backRows: back(frame), backMs: 0, aheadRows: ahead(frame), aheadMs: 0 };
  }

  prepare(): void {}

  isBefore(_rows: readonly Row[], i: number, j: number): boolean {
    return j < i + this.#start;
  }

  isBeyond(_rows: readonly Row[], i: number, j: number): boolean {
    return j > i + this.#end;
  }

  touch(rows: readonly Row[], _change: Change, range: Range): void {
    const { low, high } = range;
    range.low = Math.max(0, Math.min(low, low - this.#end));
    range.high = Math.min(rows.length, Math.max(high, high - this.#start));
  }
}

/** Whether the other row is before, or beyond, the bound of the row at hand. */
type Test = (row: Row, other: Row) => boolean;

class RangeBounds implements FrameBounds {
  readonly reach: Reach;
  readonly #isBefore: Test;
  readonly #isBeyond: Test;
  readonly #isOpenStart: boolean;
  readonly #isOpenEnd: boolean;

  constructor(frame: Frame, order: readonly OrderItem[]) {
    this.#isBefore = rangeTest(frame.start, order, -1);
    this.#isBeyond = rangeTest(frame.end, order, 1);
    this.#isOpenStart = frame.start.kind === 'unboundedPreceding';
    this.#isOpenEnd = frame.end.kind === 'unboundedFollowing';
    const scale = order[0]?.expression.type === 'date' ? DAY_MS : 1;
    this.reach = {
      backRows: 0,
      backMs: back(frame) * scale,
      aheadRows: this.#isOpenEnd ? Number.POSITIVE_INFINITY : 0,
      aheadMs: this.#isOpenEnd ? 0 : ahead(frame) * scale,
    };
  }

  prepare(): void {}

  isBefore(rows: readonly Row[], i: number, j: number): boolean {
    return this.#isBefore(rows[i]!, rows[j]!);
  }

  isBeyond(rows: readonly Row[], i: number, j: number): boolean {
    return this.#isBeyond(rows[i]!, rows[j]!);
  }

  touch(rows: readonly Row[], change: Change, range: Range): void {
    if (this.#isOpenEnd) range.low = 0;
    while (range.low > 0 && !this.#isBeyond(rows[range.low - 1]!, change.low)) range.low--;
    if (this.#isOpenStart) range.high = rows.length;
    while (range.high < rows.length && !this.#isBefore(rows[range.high]!, change.high)) range.high++;
  }
}

/** `side`: -1 asks whether the other row is before the bound, 1 whether it is beyond. */
function rangeTest(bound: FrameBound, order: readonly OrderItem[], side: -1 | 1): Test {
  const by = distance(bound);
  if (!Number.isFinite(by)) return () => by * side < 0;
  if (bound.kind === 'currentRow') {
    const compare = orderComparator(order);
    return (row, other) => compare(other, row) * side > 0;
  }
  const [item] = order;
  if (item === undefined || order.length > 1) throw new Error('RANGE with an offset needs one ORDER BY');
  return offsetTest(item, by, side);
}

/** Types whose values are added and compared as numbers. */
const TIMES: ReadonlySet<string> = new Set(['timestamptz', 'timestamp']);
const NUMBERS: ReadonlySet<string> = new Set(['smallint', 'integer', 'real', 'double precision', 'date', ...TIMES]);

function offsetTest({ expression, descending, nullsFirst }: OrderItem, by: number, side: -1 | 1): Test {
  const valueOf = compileExpression(expression);
  const { type } = expression;
  const sign = descending ? -1 : 1;
  const shift = sign * (type === 'date' ? by / DAY_MS : by);
  /** Which values stand before or behind all numbers. */
  const rank = (value: Value): number => {
    if (value === null) return nullsFirst ? -2 : 2;
    return Number.isNaN(value) ? sign : 0;
  };
  const isOut = comparison(type, shift, sign * side);
  const isAscendingTime = TIMES.has(type) && expression.kind === 'column' && !descending;
  const slow: Test = (row, other) => {
    const a = valueOf(row);
    const b = valueOf(other);
    const ranks = (rank(b) - rank(a)) * side;
    return ranks !== 0 ? ranks > 0 : rank(a) === 0 && isOut(a, b);
  };
  if (!isAscendingTime) return slow;
  const { index } = expression;
  const reach = shift + side * HALF_MICRO_MS;
  return (row, other) => {
    const a = row[index] as number | null;
    const b = other[index] as number | null;
    if (a === null || b === null) return slow(row, other);
    return side < 0 ? b < a + reach : b > a + reach;
  };
}

/** Whether b is on that side (-1: below, 1: above) of a + shift. */
function comparison(type: string, shift: number, side: number): (a: Value, b: Value) => boolean {
  if (NUMBERS.has(type)) {
    const slack = TIMES.has(type) ? side * HALF_MICRO_MS : 0;
    return (a, b) => compareDouble(b as number, (a as number) + shift + slack) * side > 0;
  }
  if (type === 'bigint')
    return (a, b) => {
      const bound = addWide(a as Int, shift);
      return side < 0 ? (b as Int) < bound : (b as Int) > bound;
    };
  if (type === 'numeric') {
    const exact = parseDecimal(String(shift))!;
    return (a, b) => compareDecimal(b as Decimal, addDecimal(a as Decimal, exact)) * side > 0;
  }
  throw new Error(`RANGE with an offset is not supported over ${type}`);
}

class GroupsBounds implements FrameBounds {
  readonly reach: Reach;
  readonly #start: number;
  readonly #end: number;
  readonly #compare: (a: Row, b: Row) => number;
  /** Number of each row's group of peers. */
  #groups: number[] = [];

  constructor(frame: Frame, order: readonly OrderItem[]) {
    this.#start = distance(frame.start);
    this.#end = distance(frame.end);
    this.#compare = orderComparator(order);
    // A group has any number of rows: only its own is at a known distance.
    this.reach = {
      backRows: back(frame) > 0 ? Number.POSITIVE_INFINITY : 0,
      backMs: 0,
      aheadRows: ahead(frame) > 0 ? Number.POSITIVE_INFINITY : 0,
      aheadMs: 0,
    };
  }

  prepare(rows: readonly Row[]): void {
    let group = 0;
    this.#groups = rows.map((row, i) => {
      if (i > 0 && this.#compare(rows[i - 1]!, row) !== 0) group++;
      return group;
    });
  }

  isBefore(_rows: readonly Row[], i: number, j: number): boolean {
    return this.#groups[j]! < this.#groups[i]! + this.#start;
  }

  isBeyond(_rows: readonly Row[], i: number, j: number): boolean {
    return this.#groups[j]! > this.#groups[i]! + this.#end;
  }

  touch(rows: readonly Row[], _change: Change, range: Range): void {
    range.low = 0;
    range.high = rows.length;
  }
}
