/**
 * The first rows of each partition: Top-N, DISTINCT ON.
 *
 * Purpose: a partition's rows in order; at each flush the rows that are shown are found again from the
 * first on and compared with those that were, and only the differences are passed on.
 *
 * Limits: where rows can be taken back all of a partition's rows are kept, as any may come up; where not,
 * only those that are shown or before them. A partition with a window's end goes when no row in time can
 * belong to it. All counts against the budget; without room new rows go to the late stream.
 * Invariant: between rounds `shown` is what follows from the partition's rows.
 * Recovery: the rows, from their pages; order and what is shown are found again.
 */
import type { TopN } from '../../../sql/relation/relation.js';
import { rowAt, type Block } from '../block.js';
import type { BuiltOperator, OperatorScope } from '../build.js';
import { failureReason } from '../expressions.js';
import { keyFunction } from '../keys.js';
import type { Deltas, Operator, Row } from '../operator.js';
import { orderComparator, rowComparator, type Compare } from '../order.js';
import { isAppendOnly } from '../../../sql/relation/append-only.js';
import { isOnlyAdded } from '../relations.js';
import type { Key, StateTable } from '../state-table.js';
import { RowOutput } from './row-output.js';
import { bucketWidthMs, Expiry } from './expiry.js';
import { FirstRowOperator } from './first-row.js';
import { Leaders, type LedBlock } from './leaders.js';
import { LeftOut } from './left-out.js';
import { RowStore } from './row-store.js';
import { SortedSlots, type Place } from './sorted-slots.js';

/** A row that is passed on, with its number. */
interface Shown {
  readonly row: Row;
  readonly stamp: number;
  readonly number: number;
}

interface Partition {
  readonly key: Key;
  readonly slots: SortedSlots;
  shown: Shown[];
  isTouched: boolean;
  /** Its id among the leaders; below 0: it has none yet. */
  leader: number;
}

const START: Place = { chunk: 0, at: 0 };

/** Top-N of rows that may be taken back. */
export class TopOperator implements Operator {
  readonly name = 'top';
  readonly tables: readonly StateTable<unknown>[];
  readonly #top: TopN;
  readonly #scope: OperatorScope;
  readonly #store: RowStore;
  readonly #partitions = new Map<Key, Partition>();
  readonly #keyOf: (row: Row) => Key;
  readonly #compare: Compare<Row>;
  readonly #isPeer: (a: Row, b: Row) => boolean;
  readonly #output: RowOutput;
  readonly #leftOut: LeftOut;
  readonly #isAppendOnly: boolean;
  readonly #leaders: Leaders | null;
  /** The last number that is shown. */
  readonly #last: number;
  readonly #expiry: Expiry<Key>;
  #horizonMs = Number.NEGATIVE_INFINITY;
  #touched: Partition[] = [];

  constructor(top: TopN, scope: OperatorScope) {
    const { context, path, output } = scope;
    const { fields } = top.input;
    this.#top = top;
    this.#scope = scope;
    this.#store = new RowStore(`${path}.rows`, fields, context.budget);
    this.tables = [this.#store.table as unknown as StateTable<unknown>];
    this.#keyOf = keyFunction(
      top.partition,
      top.partition.map(({ type }) => type),
    );
    this.#compare = rowComparator(top.order, fields);
    const peers = orderComparator(top.order);
    this.#isPeer = (a, b) => peers(a, b) === 0;
    this.#output = new RowOutput(output);
    this.#leftOut = new LeftOut(context, top.input, fields);
    this.#isAppendOnly = isOnlyAdded(top.input, context);
    // Of one row that leads, whatever is behind it can be left out at once.
    this.#leaders = this.#isAppendOnly && top.limit === 1 && top.offset === 0 ? Leaders.of(top) : null;
    this.#last = top.limit === null ? Number.POSITIVE_INFINITY : top.offset + top.limit;
    this.#expiry = new Expiry(bucketWidthMs(context.lagMs + context.allowedLatenessMs));
  }

  take(_input: number, deltas: Deltas): void {
    const { block, stamps } = deltas;
    const led = block === undefined ? null : (this.#leaders?.read(block) ?? null);
    if (led !== null) return this.#takeLed(block!, led, stamps);
    const { rows, weights } = deltas;
    for (let i = 0; i < rows.length; i++) {
      const stamp = typeof stamps === 'number' ? stamps : stamps[i]!;
      this.#takeRow(rows[i]!, weights === null ? 1 : weights[i]!, stamp);
    }
  }

  /** Takes the rows of a block that are not behind those that lead. */
  #takeLed(block: Block, led: LedBlock, stamps: Deltas['stamps']): void {
    for (let i = 0; i < block.count; i++) {
      if (this.#leaders!.isBehind(led, i)) continue;
      const partition = this.#takeRow(rowAt(block, i), 1, typeof stamps === 'number' ? stamps : stamps[i]!);
      if (partition === null) this.#leaders!.pass(led, i);
      else {
        partition.leader = led.ids[i]!;
        this.#leaders!.lead(led, i);
      }
    }
  }

  /** The partition that a row was added to, null where it was not. */
  #takeRow(row: Row, weight: number, stamp: number): Partition | null {
    try {
      const key = this.#keyOf(row);
      // An order that can't be evaluated is found here, before the row is kept.
      this.#compare(row, row);
      if (weight > 0) return this.#add(key, row, stamp);
      this.#takeBack(key, row, stamp);
    } catch (error) {
      const reason = failureReason(error);
      if (weight > 0) this.#leftOut.report(row, reason);
    }
    return null;
  }

  #add(key: Key, row: Row, stamp: number): Partition | null {
    let partition = this.#partitions.get(key);
    const isBeyond = partition !== undefined && this.#isBeyond(partition, row);
    if (isBeyond && this.#isAppendOnly) return null;
    if (!this.#scope.context.budget.hasRoom()) {
      this.#leftOut.report(row, 'state_full');
      return null;
    }
    if (partition === undefined) {
      const { windowEnd } = this.#top;
      const end = windowEnd === null ? null : (row[windowEnd] as number);
      if (end !== null && end < this.#horizonMs) {
        this.#leftOut.late(row, end, this.#horizonMs - end);
        return null;
      }
      partition = this.#open(key, row);
    }
    this.#insert(partition, this.#store.add(row, stamp, 0));
    if (!isBeyond) this.#touch(partition);
    return partition;
  }

  #open(key: Key, row: Row): Partition {
    const { windowEnd } = this.#top;
    const partition = { key, slots: new SortedSlots(), shown: [], isTouched: false, leader: -1 };
    this.#partitions.set(key, partition);
    if (windowEnd !== null) this.#expiry.add(row[windowEnd] as number, key);
    return partition;
  }

  #insert({ slots }: Partition, slot: number): void {
    const { rows, stamps } = this.#store;
    const row = rows[slot]!;
    const stamp = stamps[slot]!;
    const isBefore = (other: number): boolean => {
      const order = this.#compare(rows[other]!, row);
      return order < 0 || (order === 0 && stamps[other]! <= stamp);
    };
    slots.insert(slots.position(isBefore), slot);
  }

  #takeBack(key: Key, row: Row, stamp: number): void {
    const partition = this.#partitions.get(key);
    const place = partition === undefined ? undefined : this.#find(partition, row, stamp);
    // It was dropped, or never had room: nobody can see it go.
    if (partition === undefined || place === undefined) return;
    let gone = 0;
    partition.slots.each(place, (slot) => {
      gone = slot;
      return false;
    });
    partition.slots.remove(place);
    this.#store.remove(gone);
    if (!this.#isBeyond(partition, row)) this.#touch(partition);
  }

  /** Where a row is, with its stamp where there are several. */
  #find({ slots }: Partition, row: Row, stamp: number): Place | undefined {
    const { rows, stamps } = this.#store;
    const from = slots.position((slot) => this.#compare(rows[slot]!, row) < 0);
    let found: Place | undefined;
    slots.each(from, (slot, place) => {
      if (this.#compare(rows[slot]!, row) !== 0) return false;
      if (found === undefined || stamps[slot] === stamp) found = place;
      return stamps[slot] !== stamp;
    });
    return found;
  }

  /** Whether a row is surely behind all that is shown, so that it changes nothing. */
  #isBeyond({ shown }: Partition, row: Row): boolean {
    const { limit, ranking } = this.#top;
    if (limit === null || shown.length < limit || ranking === 'dense_rank') return false;
    const last = shown.at(-1)?.row;
    if (last === undefined) return true;
    return this.#compare(row, last) > 0 && (ranking === 'row_number' || !this.#isPeer(row, last));
  }

  #touch(partition: Partition): void {
    if (partition.isTouched) return;
    partition.isTouched = true;
    this.#touched.push(partition);
  }

  flush(): void {
    const touched = this.#touched;
    this.#touched = [];
    for (const partition of touched) {
      const before = partition.shown;
      this.#show(partition);
      partition.isTouched = false;
      this.#emitChanges(before, partition.shown);
      if (partition.slots.size === 0) this.#partitions.delete(partition.key);
    }
    this.#output.send();
    this.#store.settle();
    this.#leaders?.settle();
  }

  /** Finds what is shown. Rows behind it that can never be are dropped. */
  #show(partition: Partition): void {
    const { ranking, offset } = this.#top;
    const { rows, stamps } = this.#store;
    const shown: Shown[] = [];
    let count = 0;
    let number = 0;
    let previous: Row | undefined;
    partition.slots.each(START, (slot) => {
      const row = rows[slot]!;
      const isPeer = ranking !== 'row_number' && previous !== undefined && this.#isPeer(previous, row);
      if (!isPeer) number = ranking === 'dense_rank' ? number + 1 : count + 1;
      if (number > this.#last) return false;
      if (number > offset) shown.push({ row, stamp: stamps[slot]!, number });
      previous = row;
      count++;
      return true;
    });
    partition.shown = shown;
    if (this.#isAppendOnly) for (const slot of partition.slots.cut(count)) this.#store.remove(slot);
  }

  /** Both lists are in the same order. */
  #emitChanges(before: readonly Shown[], after: readonly Shown[]): void {
    let i = 0;
    let j = 0;
    while (i < before.length || j < after.length) {
      const old = before[i];
      const made = after[j];
      const order = old === undefined ? 1 : made === undefined ? -1 : this.#order(old, made);
      const isRenumbered = order === 0 && this.#top.numbered && old!.number !== made!.number;
      if (order < 0 || isRenumbered) this.#emit(old!, -1);
      if (order > 0 || isRenumbered) this.#emit(made!, 1);
      if (order <= 0) i++;
      if (order >= 0) j++;
    }
  }

  #order(a: Shown, b: Shown): number {
    return this.#compare(a.row, b.row) || (a.stamp === b.stamp ? 0 : a.stamp - b.stamp);
  }

  #emit({ row, stamp, number }: Shown, weight: number): void {
    this.#output.emit(this.#top.numbered ? [...row, number] : row, weight, stamp);
  }

  advance(now: number): void {
    const { lagMs, allowedLatenessMs, isBatch } = this.#scope.context;
    if (isBatch || this.#top.windowEnd === null) return;
    this.#horizonMs = now - lagMs - allowedLatenessMs;
    this.#expiry.due(this.#horizonMs, (key) => {
      const partition = this.#partitions.get(key);
      this.#partitions.delete(key);
      if (partition === undefined) return;
      if (partition.leader >= 0) this.#leaders!.forget(partition.leader);
      for (const slot of partition.slots.cut(0)) this.#store.remove(slot);
    });
    this.#store.settle();
  }

  restored(): void {
    this.#partitions.clear();
    for (const slot of this.#store.restored()) {
      const row = this.#store.rows[slot]!;
      const key = this.#keyOf(row);
      this.#insert(this.#partitions.get(key) ?? this.#open(key, row), slot);
    }
    for (const partition of this.#partitions.values()) this.#show(partition);
  }
}

/** The operator of a Top-N. */
export function topOperator(top: TopN, scope: OperatorScope): BuiltOperator {
  const isFirst = top.offset === 0 && top.limit === 1 && top.ranking === 'row_number' && isAppendOnly(top.input);
  return { operator: isFirst ? new FirstRowOperator(top, scope) : new TopOperator(top, scope) };
}
