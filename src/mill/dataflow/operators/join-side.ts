/**
 * One side of a join: its rows, found by key and time, dropped when they can meet no row any more.
 *
 * Limits: a row with an end (a time bound, or a window among the keys) goes once the clock has passed
 * it; others stay, and count against the view's budget.
 * Invariant: each slot of the store is in the index under its key, and filed once by its time if it ends.
 * Recovery: the store's table has the rows; index, times and timers are built again.
 */
import type { Expression, SqlType } from '../../../sql/plan.js';
import type { Field } from '../../../sql/relation/relation.js';
import type { Row, StateBudget } from '../operator.js';
import { printKey } from '../keys.js';
import { identicalRows, rowComparator } from '../order.js';
import { RowSource } from '../row-source.js';
import type { Key } from '../state-table.js';
import { bucketWidthMs, Expiry } from './expiry.js';
import { hashOf } from '../key-hash.js';
import { KeyIndex, type SlotOrder } from './key-index.js';
import { RowStore } from './row-store.js';
import { ageOf, type ShedRow } from './shed-rows.js';

const DAY_MS = 86_400_000;

/** What a side is made of. */
export interface JoinSideOptions {
  /** Name of its state table. */
  readonly name: string;
  readonly fields: readonly Field[];
  readonly keys: readonly { readonly expression: Expression; readonly nullSafe: boolean }[];
  /** The field that bounds which rows meet; null: the key alone decides. */
  readonly time: number | null;
  /** How long behind the clock a row of that time can still meet one; null: for ever. */
  readonly lifetimeMs: number | null;
  /** Whether rows are only added. */
  readonly isAppendOnly: boolean;
  readonly budget: StateBudget;
}

/** The time of rows, ms; NaN where it is NULL. Without a time all rows are at 0. */
function timeFunction(fields: readonly Field[], time: number | null): (row: Row) => number {
  if (time === null) return () => 0;
  const scale = fields[time]!.type === 'date' ? DAY_MS : 1;
  return (row) => {
    const value = row[time] as number | null;
    return value === null ? Number.NaN : value * scale;
  };
}

/** The key of rows; null where a part is NULL and NULL equals nothing. */
export function joinKeyFunction(keys: JoinSideOptions['keys']): (row: Row) => Key | null {
  const source = new RowSource();
  const checks = keys
    .filter(({ nullSafe }) => !nullSafe)
    .map(({ expression }) => source.print(expression))
    .map(({ prelude, value }) => `${prelude}if (${value} === null) return null;\n`);
  const expressions = keys.map(({ expression }) => expression);
  const types = expressions.map(({ type }): SqlType => type);
  const { prelude, value } = printKey(source, expressions, types);
  return source.build(['row'], `${source.declarations()}\n${checks.join('')}${prelude}return ${value};`);
}

/** Rows of one side. */
export class JoinSide {
  readonly store: RowStore;
  readonly fields: readonly Field[];
  readonly index: KeyIndex;
  /** Time of each slot's row, ms. */
  readonly times: number[] = [];
  readonly #expiry: Expiry<number> | null;
  readonly #lifetimeMs: number;
  /** Rows of a time before this can meet none any more, and may be here still, ms. */
  #deadBefore = Number.NEGATIVE_INFINITY;
  readonly #compare: ((a: Row, b: Row) => number) | null;
  readonly #identical: (a: Row, b: Row) => boolean;
  /** Time of a row, ms; NaN: NULL. */
  readonly timeOf: (row: Row) => number;
  /** Key of a row; null: it meets nothing. Throws SQL_RUNTIME. */
  readonly keyOf: (row: Row) => Key | null;

  constructor({ name, fields, keys, time, lifetimeMs, isAppendOnly, budget }: JoinSideOptions) {
    this.store = new RowStore(name, fields, budget);
    this.fields = fields;
    this.timeOf = timeFunction(fields, time);
    this.keyOf = joinKeyFunction(keys);
    this.#compare = isAppendOnly ? null : rowComparator([], fields);
    this.#identical = identicalRows(fields.map(({ type }) => type));
    this.index = new KeyIndex(time === null && isAppendOnly ? null : this.#slotOrder());
    this.#expiry = lifetimeMs === null ? null : new Expiry(bucketWidthMs(lifetimeMs));
    this.#lifetimeMs = lifetimeMs ?? Number.POSITIVE_INFINITY;
  }

  #slotOrder(): SlotOrder {
    const { times } = this;
    const { rows } = this.store;
    const compare = this.#compare;
    if (compare === null) return (a, b) => times[a]! - times[b]!;
    return (a, b) => times[a]! - times[b]! || compare(rows[a]!, rows[b]!);
  }

  /** Keeps a row. `hash`: of its key. */
  add(key: Key, hash: number, time: number, row: Row, stamp: number, count: number): void {
    const slot = this.store.add(row, stamp, count);
    this.#link(slot, key, hash, time);
  }

  #link(slot: number, key: Key, hash: number, time: number): void {
    this.times[slot] = time;
    this.index.add(key, hash, slot);
    this.#expiry?.add(time, slot);
  }

  /** The slot of a row that is taken back, with its stamp where there are several; undefined where it is gone. */
  find(key: Key, hash: number, time: number, row: Row, stamp: number): number | undefined {
    const found = this.index.get(key, hash);
    if (found === undefined) return undefined;
    const { rows, stamps } = this.store;
    if (typeof found === 'number') return this.#identical(rows[found]!, row) ? found : undefined;
    const compare = this.#compare;
    const from = found.position(
      (slot) =>
        this.times[slot]! < time || (this.times[slot] === time && compare !== null && compare(rows[slot]!, row) < 0),
    );
    let copy: number | undefined;
    for (let at = from; at < found.slots.length; at++) {
      const slot = found.slots[at]!;
      if (this.times[slot] !== time || (compare !== null && compare(rows[slot]!, row) !== 0)) break;
      if (compare === null && !this.#identical(rows[slot]!, row)) continue;
      if (stamps[slot] === stamp) return slot;
      copy ??= slot;
    }
    return copy;
  }

  remove(slot: number): void {
    this.index.remove(slot);
    this.store.remove(slot);
  }

  /** Drops the rows that can meet nothing, now that no row in time is older than `horizonMs`. */
  expire(horizonMs: number): void {
    const limit = horizonMs - this.#lifetimeMs;
    this.#deadBefore = limit;
    const isDead = (slot: number): boolean => this.times[slot]! < limit;
    const removed = (slot: number): void => this.store.remove(slot);
    this.#expiry?.due(limit, (slot) => {
      // A slot that was freed and taken again is filed under its new time as well.
      if (this.store.rows[slot] !== undefined && isDead(slot)) this.index.removeFirst(slot, isDead, removed);
    });
  }

  /** Tells how old its rows are, ms, and how many bytes they take. */
  ages(visit: (at: number, bytes: number) => void): void {
    const age = ageOf(this.#lifetimeMs);
    for (const [slot, row] of this.store.rows.entries())
      if (row !== undefined) visit(age(this.times[slot]!), this.store.bytesOf(row));
  }

  /** Drops the rows of a time before `limit`, ms, and answers those that could have met others. */
  shed(limit: number): ShedRow[] {
    const gone: ShedRow[] = [];
    for (const [slot, row] of this.store.rows.entries()) {
      if (row === undefined || !(this.times[slot]! < limit)) continue;
      if (this.times[slot]! >= this.#deadBefore) gone.push({ row, time: this.times[slot]! });
      this.remove(slot);
    }
    return gone;
  }

  restored(): void {
    this.index.clear();
    for (const slot of this.store.restored()) {
      const row = this.store.rows[slot]!;
      const key = this.keyOf(row)!;
      this.#link(slot, key, hashOf(key), this.timeOf(row));
    }
  }
}
