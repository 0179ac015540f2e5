/**
 * Join of two changing relations: a symmetric hash join over weighted rows.
 *
 * Purpose: each row is kept, and meets the rows of the other side when it comes; so the result is the
 * same in whatever order rows come (Wilschut and Apers, 1991). Rows of an outer, semi or anti join also
 * know how many rows they met: at none they stand alone, and the first one takes that back.
 *
 * Limits: with a time bound, or a window's end among the keys, a row goes when the clock has passed the
 * last time that could meet it; a key's rows are in order of time, and only the range is read. Without,
 * rows stay; at the budget new ones go to the late stream as `state_full`.
 * Invariant: the count of a row is the number of rows it met on the other side and that were not taken
 * back, dropped ones included.
 * Recovery: the two sides' tables, counts included.
 */
import type { Join } from '../../../sql/relation/relation.js';
import { isAppendOnly } from '../../../sql/relation/append-only.js';
import { compileCondition, failureReason } from '../expressions.js';
import type { BuiltOperator, OperatorScope } from '../build.js';
import type { Age, DataflowContext, Deltas, Operator, Row, ShedCut } from '../operator.js';
import type { Key, StateTable } from '../state-table.js';
import { AsOfJoinOperator } from './as-of-join.js';
import { RowOutput } from './row-output.js';
import { hashOf } from '../key-hash.js';
import { reachOf, type Reach } from './join-reach.js';
import { JoinSide } from './join-side.js';
import { LookupJoinOperator } from './lookup-join.js';
import { LeftOut } from './left-out.js';
import { isPackable, PackedJoin } from './packed-join.js';
import { tellShed } from './shed-rows.js';

/** A side as the other side's rows see it. */
interface Standing extends Reach {
  readonly side: JoinSide;
  readonly leftOut: LeftOut;
  /** What stands for a row that met none; null: nothing. */
  readonly alone: ((row: Row) => Row) | null;
  /** Whether a row that met some is passed on by itself. */
  readonly isMet: boolean;
  /** Whether counts are needed. */
  readonly isCounted: boolean;
}

/** A join whose sides both take effect (`mode: both`). */
export class JoinOperator implements Operator {
  readonly name = 'join';
  readonly tables: readonly StateTable<unknown>[];
  readonly #sides: readonly [Standing, Standing];
  readonly #context: DataflowContext;
  readonly #output: RowOutput;
  readonly #pairLeftOut: LeftOut;
  readonly #condition: ((row: Row) => boolean) | null;
  /** Whether pairs are passed on. */
  readonly #givesPairs: boolean;

  constructor(join: Join, { context, path, output }: OperatorScope) {
    const reach = reachOf(join);
    const [left, right] = sidesOf(join, reach, path, context);
    this.#sides = [
      {
        ...leftStanding(join),
        ...reach.left,
        side: left,
        leftOut: new LeftOut(context, join.left, join.left.fields),
      },
      {
        ...rightStanding(join),
        ...reach.right,
        side: right,
        leftOut: new LeftOut(context, join.right, join.right.fields),
      },
    ];
    this.tables = [left.store.table, right.store.table] as unknown as StateTable<unknown>[];
    this.#context = context;
    this.#output = new RowOutput(output);
    this.#pairLeftOut = new LeftOut(context, null, [...join.left.fields, ...join.right.fields]);
    this.#condition = join.condition === null ? null : compileCondition(join.condition);
    this.#givesPairs = join.type !== 'semi' && join.type !== 'anti';
  }

  take(input: number, { rows, weights, stamps }: Deltas): void {
    const mine = this.#sides[input]!;
    for (let i = 0; i < rows.length; i++) {
      const stamp = typeof stamps === 'number' ? stamps : stamps[i]!;
      const weight = weights === null ? 1 : weights[i]!;
      try {
        this.#row(mine, input, rows[i]!, weight, stamp);
      } catch (error) {
        const reason = failureReason(error);
        if (weight > 0) mine.leftOut.report(rows[i]!, reason);
      }
    }
    this.#output.send();
  }

  #row(mine: Standing, input: number, row: Row, weight: number, given: number): void {
    const { side } = mine;
    let stamp = given;
    const key = side.keyOf(row);
    const time = side.timeOf(row);
    if (key === null || Number.isNaN(time)) {
      if (mine.alone !== null) this.#output.emit(mine.alone(row), weight, stamp);
      return;
    }
    const hash = hashOf(key);
    if (weight < 0) {
      const slot = side.find(key, hash, time, row, stamp);
      // It was dropped, or never had room: nobody can see it go.
      if (slot === undefined) return;
      stamp = side.store.stamps[slot]!;
      side.remove(slot);
    } else if (!this.#context.budget.hasRoom()) return mine.leftOut.report(row, 'state_full');
    const count = this.#meetAll(mine, input, row, weight, stamp, key, hash, time);
    if (mine.isCounted) this.#emitOwn(mine, row, weight, stamp, count);
    if (weight > 0) side.add(key, hash, time, row, stamp, mine.isCounted ? count : 0);
  }

  #emitOwn(mine: Standing, row: Row, weight: number, stamp: number, count: number): void {
    if (count === 0) {
      if (mine.alone !== null) this.#output.emit(mine.alone(row), weight, stamp);
    } else if (mine.isMet) this.#output.emit(row, weight, stamp);
  }

  /** Pairs a row with all it meets; answers how many. */
  #meetAll(
    mine: Standing,
    input: number,
    row: Row,
    weight: number,
    stamp: number,
    key: Key,
    hash: number,
    time: number,
  ): number {
    const other = this.#sides[1 - input]!;
    const found = other.side.index.get(key, hash);
    if (found === undefined) return 0;
    const from = time + mine.fromMs;
    const to = time + mine.toMs;
    const { times } = other.side;
    if (typeof found === 'number') {
      const at = times[found]!;
      return at >= from && at <= to ? this.#meet(other, input, row, weight, stamp, found) : 0;
    }
    const { slots } = found;
    let count = 0;
    for (
      let i = from === Number.NEGATIVE_INFINITY ? found.start : found.position((slot) => times[slot]! < from);
      i < slots.length;
      i++
    ) {
      const slot = slots[i]!;
      if (times[slot]! > to) break;
      count += this.#meet(other, input, row, weight, stamp, slot);
    }
    return count;
  }

  /** Pairs a row with the one in a slot of the other side; answers 1 if they meet. */
  #meet(other: Standing, input: number, row: Row, weight: number, stamp: number, slot: number): number {
    const { store } = other.side;
    const there = store.rows[slot]!;
    const thereStamp = store.stamps[slot]!;
    if (this.#givesPairs || this.#condition !== null) {
      const pair = input === 0 ? row.concat(there) : there.concat(row);
      if (this.#condition !== null && !this.#holds(this.#condition, pair, weight)) return 0;
      if (this.#givesPairs) this.#output.emit(pair, weight, Math.max(stamp, thereStamp));
    }
    if (other.isCounted) {
      const before = store.counts[slot]!;
      store.setCount(slot, before + weight);
      if ((weight > 0 ? before : before + weight) === 0) this.#turn(other, there, weight, thereStamp);
    }
    return 1;
  }

  /** Whether a pair meets. One that the condition can't be evaluated for does not. */
  #holds(condition: (row: Row) => boolean, pair: Row, weight: number): boolean {
    try {
      return condition(pair);
    } catch (error) {
      const reason = failureReason(error);
      if (weight > 0) this.#pairLeftOut.report(pair, reason);
      return false;
    }
  }

  /** A row met its first row, or lost its last. */
  #turn({ alone, isMet }: Standing, row: Row, weight: number, stamp: number): void {
    if (alone !== null) this.#output.emit(alone(row), -weight, stamp);
    if (isMet) this.#output.emit(row, weight, stamp);
  }

  flush(): void {
    for (const { side } of this.#sides) side.store.settle();
  }

  advance(now: number): void {
    if (this.#context.isBatch) return;
    const horizon = now - this.#context.lagMs - this.#context.allowedLatenessMs;
    for (const { side } of this.#sides) side.expire(horizon);
    this.flush();
  }

  ages(visit: (age: Age, at: number, bytes: number) => void): void {
    for (const { side } of this.#sides) side.ages((at, bytes) => visit('time', at, bytes));
  }

  /** What a row met or did not stays as it is; those to come meet it no more. */
  shed({ time }: ShedCut): void {
    for (const { leftOut, side } of this.#sides) tellShed(side.shed(time), side.fields, leftOut);
    this.flush();
  }

  restored(): void {
    for (const { side } of this.#sides) side.restored();
  }
}

function sidesOf(
  join: Join,
  reach: ReturnType<typeof reachOf>,
  path: string,
  { budget }: DataflowContext,
): [JoinSide, JoinSide] {
  const { equal } = join;
  const left = new JoinSide({
    name: `${path}.left`,
    fields: join.left.fields,
    keys: equal.map((pair) => ({ expression: pair.left, nullSafe: pair.nullSafe })),
    ...reach.left,
    isAppendOnly: isAppendOnly(join.left),
    budget,
  });
  const right = new JoinSide({
    name: `${path}.right`,
    fields: join.right.fields,
    keys: equal.map((pair) => ({ expression: pair.right, nullSafe: pair.nullSafe })),
    ...reach.right,
    isAppendOnly: isAppendOnly(join.right),
    budget,
  });
  return [left, right];
}

type StandingKind = Pick<Standing, 'alone' | 'isMet' | 'isCounted'>;

const SILENT: StandingKind = { alone: null, isMet: false, isCounted: false };

function leftStanding({ type, right }: Join): StandingKind {
  const nulls: Row = right.fields.map(() => null);
  if (type === 'left' || type === 'full') return { alone: (row) => row.concat(nulls), isMet: false, isCounted: true };
  if (type === 'anti') return { alone: (row) => row, isMet: false, isCounted: true };
  return type === 'semi' ? { alone: null, isMet: true, isCounted: true } : SILENT;
}

function rightStanding({ type, left }: Join): StandingKind {
  const nulls: Row = left.fields.map(() => null);
  if (type !== 'right' && type !== 'full') return SILENT;
  return { alone: (row) => nulls.concat(row), isMet: false, isCounted: true };
}

/** The operator of a join of any mode. */
export function joinOperator(join: Join, scope: OperatorScope): BuiltOperator {
  const { mode, type } = join;
  if (mode.kind === 'both') {
    // The rows of a query that is asked once come in the order of what they are made of.
    const isPacked = !scope.context.isBatch && isPackable(join);
    return { operator: isPacked ? new PackedJoin(join, scope) : new JoinOperator(join, scope) };
  }
  if (type === 'right' || type === 'full') throw new Error(`a ${mode.kind} join can't be a ${type} join`);
  return {
    operator: mode.kind === 'lookup' ? new LookupJoinOperator(join, scope) : new AsOfJoinOperator(join, scope),
  };
}
