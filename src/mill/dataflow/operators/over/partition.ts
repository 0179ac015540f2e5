/**
 * Rows of one partition of an OVER in order, and which of them changed in this round.
 *
 * A row behind the last is put there at once; all others wait for `settle`, which sorts and merges them, so
 * that rows in any order cost no more than a sort. A row that was passed on stands here as it was passed on,
 * with the functions' values behind its own fields. Derived from the rows' pages.
 */
import type { Row } from '../../operator.js';
import type { Compare } from '../../order.js';
import type { Key } from '../../state-table.js';
import type { RowStore } from '../row-store.js';

/** What changed: rows in [from, to) are new or stand beside one that went; those before and behind are as they were. */
export interface Change {
  from: number;
  to: number;
  /** First and last of the rows that came or went, in order. */
  low: Row;
  high: Row;
}

/** A row that is taken back. */
interface Removal {
  readonly row: Row;
  readonly stamp: number;
}

/** What a partition needs to keep its order: by row, then by stamp. */
export interface PartitionOrder {
  readonly compare: Compare<Row>;
  readonly store: RowStore;
}

/** One partition. */
export class Partition {
  readonly key: Key;
  rows: Row[] = [];
  /** Where each row lies in the store. */
  slots: number[] = [];
  /** What each part knows of the rows; made again when they change before it. */
  readonly live: unknown[];
  /** What each part knows of the rows that were dropped; null: none was. */
  base: unknown[] | null = null;
  isTouched = false;
  isFiled = false;
  #pending: number[] = [];
  #removals: Removal[] = [];
  #appendedFrom = -1;
  /** No less than the last row's time: a later row stands behind it, without a look at it. */
  #lastTime = Number.NEGATIVE_INFINITY;

  constructor(key: Key, live: unknown[]) {
    this.key = key;
    this.live = live;
  }

  /** Takes a row that is in the store. `time`: what its order begins with, rising; null where that is unknown or NULL. */
  add(row: Row, slot: number, order: PartitionOrder, time: number | null): void {
    const { rows, slots } = this;
    const count = rows.length;
    if (count > 0 && !(time !== null && time > this.#lastTime)) {
      const compared = order.compare(rows[count - 1]!, row);
      const { stamps } = order.store;
      if (compared > 0 || (compared === 0 && stamps[slots[count - 1]!]! > stamps[slot]!)) {
        this.#pending.push(slot);
        return;
      }
    }
    if (this.#appendedFrom === -1) this.#appendedFrom = count;
    this.#lastTime = time ?? Number.POSITIVE_INFINITY;
    rows.push(row);
    slots.push(slot);
  }

  remove(row: Row, stamp: number): void {
    this.#removals.push({ row, stamp });
  }

  /** Brings the rows in order; answers what changed, or null for nothing. `gone` gets each row that was taken back. */
  settle(order: PartitionOrder, gone: (row: Row, slot: number) => void): Change | null {
    const { rows } = this;
    const from = this.#appendedFrom;
    this.#appendedFrom = -1;
    let change: Change | null =
      from === -1 ? null : { from, to: rows.length, low: rows[from]!, high: rows[rows.length - 1]! };
    if (this.#pending.length > 0) change = this.#merge(order, change);
    if (this.#removals.length > 0) {
      for (const removal of this.#removals) change = this.#take(removal, order, change, gone);
      this.#removals = [];
    }
    return change;
  }

  #merge({ compare, store }: PartitionOrder, change: Change | null): Change {
    const { rows, slots } = this;
    const before = (a: number, b: number): number =>
      compare(store.rows[a]!, store.rows[b]!) || store.stamps[a]! - store.stamps[b]! || 0;
    const pending = this.#pending.toSorted(before);
    this.#pending = [];
    const low = store.rows[pending[0]!]!;
    const high = store.rows[pending.at(-1)!]!;
    const from = this.first((i) => before(slots[i]!, pending[0]!) <= 0);
    const tail = slots.splice(from);
    const tailRows = rows.splice(from);
    let at = 0;
    for (const slot of pending) {
      for (; at < tail.length && before(tail[at]!, slot) <= 0; at++) {
        slots.push(tail[at]!);
        rows.push(tailRows[at]!);
      }
      slots.push(slot);
      rows.push(store.rows[slot]!);
    }
    const to = rows.length;
    for (; at < tail.length; at++) {
      slots.push(tail[at]!);
      rows.push(tailRows[at]!);
    }
    if (change === null) return { from, to, low, high };
    return {
      from: Math.min(from, change.from),
      to: rows.length,
      low: compare(low, change.low) < 0 ? low : change.low,
      high: change.high,
    };
  }

  #take(
    { row, stamp }: Removal,
    { compare, store }: PartitionOrder,
    change: Change | null,
    gone: (row: Row, slot: number) => void,
  ): Change | null {
    const { rows, slots } = this;
    let found = -1;
    for (let at = this.first((i) => compare(rows[i]!, row) < 0); at < rows.length; at++) {
      if (compare(rows[at]!, row) !== 0) break;
      const isCopy = store.stamps[slots[at]!] === stamp;
      if (found === -1 || isCopy) found = at;
      if (isCopy) break;
    }
    // It was dropped, or never had room: nobody can see it go.
    if (found === -1) return change;
    gone(rows[found]!, slots[found]!);
    rows.splice(found, 1);
    slots.splice(found, 1);
    if (change === null) return { from: found, to: found, low: row, high: row };
    return {
      from: Math.min(change.from, found),
      to: found < change.to ? change.to - 1 : found,
      low: compare(row, change.low) < 0 ? row : change.low,
      high: compare(row, change.high) > 0 ? row : change.high,
    };
  }

  /** The first `count` rows are gone. */
  drop(count: number): void {
    this.rows = this.rows.slice(count);
    this.slots = this.slots.slice(count);
  }

  /** The first position that `isBefore` does not hold for. */
  first(isBefore: (i: number) => boolean): number {
    let low = 0;
    let high = this.rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isBefore(middle)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
