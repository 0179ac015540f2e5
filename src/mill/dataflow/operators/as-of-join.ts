/**
 * ASOF join: a left row meets the one right row of its key that is nearest by a comparison.
 *
 * Purpose: `left >= right` (or `>`) takes the last right row at or before the left one, `<=` and `<` the
 * first at or behind it; among equal values the row with the least key, else the one that sorts first by its
 * fields, so that the order of arrival does not matter. A right row that comes later moves the left rows that are
 * nearest to it. Falling comparisons run in the mirrored order, so there is one case.
 *
 * A temporal join (FOR SYSTEM_TIME AS OF) is the same with the versions of a keyed table: where the keys
 * of the table are all compared, a row that is replaced stays as the version up to the next, and one that
 * is deleted ends at the stamp of that.
 *
 * Limits: where both values are times, rows go as `as-of-lifetimes.ts` says. Otherwise they stay and count
 * against the budget; at its end new ones go to the late stream.
 * Recovery: one table, a key's two lists an entry.
 */
import type { Expression } from '../../../sql/plan.js';
import { columnOf } from '../../../sql/relation/columns.js';
import { uniqueKey } from '../../../sql/relation/identity.js';
import type { Join, OrderItem } from '../../../sql/relation/relation.js';
import type { Value } from '../../../sql/value.js';
import type { OperatorScope } from '../build.js';
import { compileCondition, compileExpression, failureReason } from '../expressions.js';
import type { Deltas, Operator, Row } from '../operator.js';
import { compareValues, rowComparator, type Compare } from '../order.js';
import { isAppendOnly } from '../../../sql/relation/append-only.js';
import { StateTable, type Key, type StateCodec } from '../state-table.js';
import { groupCodec, placedCodec, position, type AsOfGroup, type Placed } from './as-of-group.js';
import { AsOfLifetimes } from './as-of-lifetimes.js';
import { hasVersions } from './as-of-versions.js';
import { RowOutput } from './row-output.js';
import { joinKeyFunction } from './join-side.js';
import { LeftOut } from './left-out.js';

/** A right row of a table that was taken back in the batch at hand. */
interface Ended {
  readonly key: Key;
  readonly placed: Placed;
  readonly stamp: number;
}

/** What is known of a side's rows. */
interface Side {
  readonly keyOf: (row: Row) => Key | null;
  readonly valueOf: (row: Row) => Value;
  /** Order of the side's list. */
  readonly compare: Compare<Placed>;
  readonly codec: StateCodec<Placed>;
  readonly leftOut: LeftOut;
}

type AsOf = Extract<Join['mode'], { kind: 'asOf' }>;

/** An ASOF join; `type` is inner, left, semi or anti. */
export class AsOfJoinOperator implements Operator {
  readonly name = 'join';
  readonly tables: readonly StateTable<unknown>[];
  readonly #groups: StateTable<AsOfGroup>;
  readonly #join: Join;
  readonly #scope: OperatorScope;
  readonly #sides: readonly [Side, Side];
  /** Whether the left row's value lets it meet the right row's. */
  readonly #admits: (left: Value, right: Value) => boolean;
  readonly #accepts: ((left: Row, right: Row) => boolean) | null;
  readonly #nulls: Row;
  readonly #output: RowOutput;
  readonly #hasVersions: boolean;
  readonly #lifetimes: AsOfLifetimes | null;
  #ended: Ended[] = [];

  constructor(join: Join, scope: OperatorScope) {
    const { context, path, output } = scope;
    const mode = join.mode as AsOf;
    const sign = mode.comparison.startsWith('>') ? 1 : -1;
    const values = compareValues(mode.left.type);
    const compare: Compare<Value> = (a, b) => sign * values(a, b);
    const isStrict = mode.comparison.length === 1;
    const isTimed = [mode.left, mode.right].every(isTimeColumn);
    this.#join = join;
    this.#scope = scope;
    this.#sides = [sideOf(join, 'left', compare, scope), sideOf(join, 'right', compare, scope)];
    this.#admits = isStrict ? (left, right) => compare(right, left) < 0 : (left, right) => compare(right, left) <= 0;
    this.#accepts = this.#acceptance();
    this.#nulls = join.right.fields.map(() => null);
    this.#output = new RowOutput(output);
    this.#hasVersions = isTimed && hasVersions(join);
    this.#groups = new StateTable(
      `${path}.keys`,
      groupCodec(this.#sides[0].codec, this.#sides[1].codec),
      context.budget,
    );
    this.tables = [this.#groups as StateTable<unknown>];
    const isSteady = isAppendOnly(join.right) || this.#hasVersions;
    this.#lifetimes =
      isTimed && !context.isBatch
        ? new AsOfLifetimes(this.#groups, this.#sides[0].codec, this.#sides[1].codec, context, {
            isMirrored: sign < 0,
            isStrict,
            canSupersede: isSteady && this.#accepts === null,
            isSteady,
            best: (group, left) => group.right[this.#best(group, left, this.#admitted(group, left))],
          })
        : null;
  }

  /** What a pair must be beside being the nearest; null: nothing. */
  #acceptance(): ((left: Row, right: Row) => boolean) | null {
    const { bound, condition } = this.#join;
    if (bound === null && condition === null) return null;
    const holds = condition === null ? null : compileCondition(condition);
    const leftOut = new LeftOut(this.#scope.context, null, [...this.#join.left.fields, ...this.#join.right.fields]);
    return (left, right) => {
      if (bound !== null) {
        const distance = (right[bound.rightTime] as number) - (left[bound.leftTime] as number);
        if (!(distance >= (bound.lowMs ?? Number.NEGATIVE_INFINITY))) return false;
        if (!(distance <= (bound.highMs ?? Number.POSITIVE_INFINITY))) return false;
      }
      const pair = left.concat(right);
      try {
        return holds === null || holds(pair);
      } catch (error) {
        leftOut.report(pair, failureReason(error));
        return false;
      }
    };
  }

  take(input: number, { rows, weights, stamps }: Deltas): void {
    const { keyOf, valueOf, leftOut } = this.#sides[input]!;
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!;
      const stamp = typeof stamps === 'number' ? stamps : stamps[i]!;
      const weight = weights === null ? 1 : weights[i]!;
      try {
        const key = keyOf(row);
        const value = valueOf(row);
        const placed = { value, row, stamp };
        if (key === null || value === null) {
          if (input === 0) this.#emit(placed, undefined, weight);
        } else if (weight < 0) this.#takeBack(input, key, placed);
        else if (this.#scope.context.budget.hasRoom()) this.#add(input, key, placed);
        else leftOut.report(row, 'state_full');
      } catch (error) {
        const reason = failureReason(error);
        if (weight > 0) leftOut.report(row, reason);
      }
    }
    this.#endVersions();
    this.#output.send();
  }

  #add(input: number, key: Key, placed: Placed): void {
    const group = this.#group(key);
    if (input === 1 && this.#ended.length > 0) this.#replace(key, group, placed);
    const { compare, codec } = this.#sides[input]!;
    const list = input === 0 ? group.left : group.right;
    const at =
      list.length === 0 || compare(list.at(-1)!, placed) <= 0
        ? list.length
        : position(list, (other) => compare(other, placed) <= 0);
    if (at === list.length) list.push(placed);
    else list.splice(at, 0, placed);
    group.bytes += codec.bytes(placed);
    if (input === 0) this.#emitLeft(group, placed, 1);
    else this.#move(group, at, 1);
    this.#lifetimes?.file(key, placed.value as number);
  }

  #group(key: Key): AsOfGroup {
    const known = this.#groups.get(key);
    if (known !== undefined) {
      this.#groups.touch(key);
      return known;
    }
    const group = { left: [], right: [], bytes: 0 };
    this.#groups.set(key, group);
    return group;
  }

  #takeBack(input: number, key: Key, placed: Placed): void {
    const group = this.#groups.get(key);
    if (group === undefined) return;
    const list = input === 0 ? group.left : group.right;
    const at = this.#find(input, list, placed);
    // It was dropped, or never had room: nobody can see it go.
    if (at === -1) return;
    if (input === 1 && this.#hasVersions) this.#ended.push({ key, placed: list[at]!, stamp: placed.stamp });
    else this.#remove(input, key, group, at);
  }

  #remove(input: number, key: Key, group: AsOfGroup, at: number): void {
    const list = input === 0 ? group.left : group.right;
    const gone = list[at]!;
    this.#groups.touch(key);
    if (input === 0) this.#emitLeft(group, gone, -1);
    else this.#move(group, at, -1);
    list.splice(at, 1);
    group.bytes -= this.#sides[input]!.codec.bytes(gone);
    if (group.left.length === 0 && group.right.length === 0) this.#groups.delete(key);
  }

  /** Where a row lies, with its stamp where there are several; -1: nowhere. */
  #find(input: number, list: readonly Placed[], placed: Placed): number {
    const { compare } = this.#sides[input]!;
    const from = position(list, (other) => compare(other, placed) < 0);
    let copy = -1;
    for (let at = from; at < list.length && compare(list[at]!, placed) === 0; at++) {
      if (list[at]!.stamp === placed.stamp) return at;
      if (copy === -1) copy = at;
    }
    return copy;
  }

  /** A new version of a row that was taken back before it in this batch: it replaces one of the same time. */
  #replace(key: Key, group: AsOfGroup, placed: Placed): void {
    this.#ended = this.#ended.filter((ended) => {
      if (ended.key !== key) return true;
      if (ended.placed.value === placed.value) this.#removeVersion(ended);
      return false;
    });
    // The group may have gone with its only row.
    if (this.#groups.get(key) === undefined) this.#groups.set(key, group);
  }

  /** What was taken back and has no new version was deleted. */
  #endVersions(): void {
    const ended = this.#ended;
    this.#ended = [];
    for (const { key, placed, stamp } of ended) {
      if (stamp > (placed.value as number)) this.#add(1, key, { value: stamp, row: null, stamp });
      else this.#removeVersion({ key, placed, stamp });
    }
  }

  #removeVersion({ key, placed }: Ended): void {
    const group = this.#groups.get(key);
    const at = group?.right.indexOf(placed) ?? -1;
    if (group !== undefined && at >= 0) this.#remove(1, key, group, at);
  }

  /** A right row came to, or leaves, a position: left rows that it is the best for move. */
  #move(group: AsOfGroup, at: number, weight: number): void {
    const { left, right } = group;
    const moved = right[at]!;
    const next = right[at + 1];
    for (let i = position(left, ({ value }) => !this.#admits(value, moved.value)); i < left.length; i++) {
      const placed = left[i]!;
      if (this.#accepts === null) {
        if (next !== undefined && this.#admits(placed.value, next.value)) return;
      } else if (this.#best(group, placed, this.#admitted(group, placed)) !== at) continue;
      const other = right[this.#best(group, placed, at)];
      if ((other?.row ?? null) === null && moved.row === null) continue;
      this.#emit(placed, other, -weight);
      this.#emit(placed, moved, weight);
    }
  }

  #emitLeft(group: AsOfGroup, placed: Placed, weight: number): void {
    this.#emit(placed, group.right[this.#best(group, placed, this.#admitted(group, placed))], weight);
  }

  /** How many right rows, from the first, the left row's value admits. */
  #admitted({ right }: AsOfGroup, { value }: Placed): number {
    return position(right, (placed) => this.#admits(value, placed.value));
  }

  /** Position of the last right row below `end` that the left row meets; -1: none. */
  #best({ right }: AsOfGroup, { row }: Placed, end: number): number {
    if (this.#accepts === null) return end - 1;
    for (let at = end - 1; at >= 0; at--) {
      const there = right[at]!.row;
      if (there === null || this.#accepts(row!, there)) return at;
    }
    return -1;
  }

  #emit(left: Placed, right: Placed | undefined, weight: number): void {
    const { type } = this.#join;
    const row = left.row!;
    const there = right?.row ?? null;
    if (type === 'semi' || type === 'anti') {
      if ((there !== null) === (type === 'semi')) this.#output.emit(row, weight, left.stamp);
    } else if (there !== null) this.#output.emit(row.concat(there), weight, Math.max(left.stamp, right!.stamp));
    else if (type === 'left') this.#output.emit(row.concat(this.#nulls), weight, left.stamp);
  }

  flush(): void {}

  advance(now: number): void {
    this.#lifetimes?.advance(now);
  }

  restored(): void {
    this.#lifetimes?.restored();
  }
}

function isTimeColumn({ kind, type }: Expression): boolean {
  return kind === 'column' && (type === 'timestamptz' || type === 'timestamp');
}

function sideOf(join: Join, name: 'left' | 'right', values: Compare<Value>, { context }: OperatorScope): Side {
  const relation = join[name];
  const { fields } = relation;
  const expression = (join.mode as AsOf)[name];
  const key = (uniqueKey(relation) ?? []).map((field): OrderItem => ({
    expression: columnOf(fields, field),
    descending: false,
    nullsFirst: false,
  }));
  const rows = rowComparator(key, fields);
  return {
    keyOf: joinKeyFunction(join.equal.map((pair) => ({ expression: pair[name], nullSafe: pair.nullSafe }))),
    valueOf: compileExpression(expression),
    compare: (a, b) => values(a.value, b.value) || compareRows(a.row, b.row, rows),
    codec: placedCodec(expression.type, fields),
    leftOut: new LeftOut(context, relation, fields),
  };
}

/** A row that ends before the one that begins at the same time; of others the first last, for the last one is met. */
function compareRows(a: Row | null, b: Row | null, compare: Compare<Row>): number {
  if (a === null || b === null) return Number(b === null) - Number(a === null);
  return compare(b, a);
}
