/**
 * The rows of windows that close, from slots: what `window-aggregate.ts` says of totals.
 *
 * A slot waits in the list of the first window that it counts for, then in that of the first one that it does not.
 */
import type { Vector } from '../../block.js';
import type { WindowGrid } from '../../windows.js';
import type { PackedColumn } from './column.js';
import type { ColumnFamily } from './columns.js';
import type { PackedSlots } from './slots.js';
import { grown } from '../../../../util/typed-arrays.js';

const NONE = -1;
const CAPACITY_MIN = 1_024;
/** With so few panes a window, merging a key's slots costs no more than totals do. */
const TOTALS_PANES_MIN = 3;

/** See the head of the file. */
export class ClosingTotals {
  /** Rows of closed windows that wait to be taken: key and window of each. */
  count = 0;
  keys = new Int32Array(0);
  windows = new Float64Array(0);
  readonly #slots: PackedSlots;
  readonly #families: readonly ColumnFamily[];
  readonly #grid: WindowGrid;
  /** By aggregate, cells by key; null: it is merged from slots. */
  readonly #totals: (PackedColumn | null)[];
  /** By aggregate, cells by row. */
  readonly #results: PackedColumn[];
  /** By key: how many of its slots count. */
  #counting = new Int32Array(0);
  /** Keys of which some do. */
  #live = new Int32Array(0);
  #liveCount = 0;
  /** Lists of slots by window. */
  readonly #begin = new Map<number, number>();
  readonly #end = new Map<number, number>();

  constructor(slots: PackedSlots, families: readonly ColumnFamily[], grid: WindowGrid) {
    this.#slots = slots;
    this.#families = families;
    this.#grid = grid;
    const hasTotals = grid.lastPane(0) - grid.firstPane(0) + 1 >= TOTALS_PANES_MIN;
    this.#totals = families.map((family) => {
      const column = family.column();
      return hasTotals && column.isInvertible ? column : null;
    });
    this.#results = families.map((family) => family.column());
  }

  /** After loading: slots may have met values that are general ones. */
  restored(): void {
    this.#families.forEach((family, aggregate) => {
      if (!family.isGeneral) return;
      this.#totals[aggregate] = null;
      this.#results[aggregate] = family.column();
      this.#results[aggregate]!.grow(this.keys.length);
    });
  }

  /** Takes a new slot, whose first window has not closed. */
  await(slot: number): void {
    list(this.#begin, this.#slots.from[slot]!, slot, this.#slots.next);
  }

  /** Takes a slot that counts for the last window that has closed. */
  resume(slot: number): void {
    this.#enter(slot);
  }

  /** Makes the rows of windows `from` to `to`. */
  close(from: number, to: number): void {
    for (let window = from; ; window++) {
      if (this.#liveCount === 0) window = Math.max(window, this.#first());
      if (window > to || window === Number.POSITIVE_INFINITY) return;
      for (const slot of this.#taken(this.#begin, window)) this.#enter(slot);
      this.#makeRows(window);
      const gone = this.#end.get(window + 1);
      if (gone === undefined) continue;
      for (const slot of this.#taken(this.#end, window + 1)) this.#leave(slot);
      this.#slots.free(gone);
      this.#compact();
    }
  }

  #first(): number {
    let first = Number.POSITIVE_INFINITY;
    for (const window of this.#begin.keys()) if (window < first) first = window;
    return first;
  }

  /** The slots of a window's list, which is no more. */
  #taken(lists: Map<number, number>, window: number): number[] {
    const slots: number[] = [];
    for (let slot = lists.get(window) ?? NONE; slot !== NONE; slot = this.#slots.next[slot]!) slots.push(slot);
    lists.delete(window);
    return slots;
  }

  #enter(slot: number): void {
    const key = this.#slots.key[slot]!;
    if (key >= this.#counting.length) this.#grow(key);
    if (this.#counting[key]!++ === 0) {
      this.#live = grown(this.#live, this.#counting.length);
      this.#live[this.#liveCount++] = key;
    }
    for (let i = 0; i < this.#totals.length; i++) {
      const total = this.#totals[i]!;
      if (total !== null && !total.plus(key, this.#slots.columns[i]!, slot)) this.generalise(i);
    }
    list(this.#end, this.#grid.lastWindow(this.#slots.pane[slot]!) + 1, slot, this.#slots.next);
  }

  #grow(key: number): void {
    const capacity = Math.max(CAPACITY_MIN, 2 * this.#counting.length, key + 1);
    this.#counting = grown(this.#counting, capacity);
    for (const total of this.#totals) total?.grow(capacity);
  }

  #leave(slot: number): void {
    const key = this.#slots.key[slot]!;
    this.#counting[key]!--;
    for (let i = 0; i < this.#totals.length; i++) this.#totals[i]?.minus(key, this.#slots.columns[i]!, slot);
  }

  /** Forgets keys of which nothing counts any more, before their ids can be given out again. */
  #compact(): void {
    let kept = 0;
    for (let i = 0; i < this.#liveCount; i++)
      if (this.#counting[this.#live[i]!]! > 0) this.#live[kept++] = this.#live[i]!;
    this.#liveCount = kept;
  }

  #makeRows(window: number): void {
    const from = this.count;
    const to = from + this.#liveCount;
    if (to > this.keys.length) this.#makeRoom(to);
    for (let i = from; i < to; i++) {
      this.keys[i] = this.#live[i - from]!;
      this.windows[i] = window;
    }
    this.count = to;
    for (let i = 0; i < this.#results.length; i++) this.#fill(i, from, to, window);
  }

  #makeRoom(rows: number): void {
    const capacity = Math.max(CAPACITY_MIN, 2 * this.keys.length, rows);
    this.keys = grown(this.keys, capacity);
    this.windows = grown(this.windows, capacity);
    for (const result of this.#results) result.grow(capacity);
  }

  #fill(aggregate: number, from: number, to: number, window: number): void {
    const total = this.#totals[aggregate]!;
    for (let row = from; row < to; row++) {
      const result = this.#results[aggregate]!;
      result.reset(row);
      const isWhole =
        total === null ? this.#merge(result, aggregate, row, window) : result.plus(row, total, this.keys[row]!);
      if (isWhole) continue;
      this.generalise(aggregate);
      return this.#fill(aggregate, row, to, window);
    }
  }

  #merge(result: PackedColumn, aggregate: number, row: number, window: number): boolean {
    const { columns, from, older } = this.#slots;
    for (let slot = this.#slots.newest(this.keys[row]!); slot !== NONE; slot = older[slot]!)
      if (from[slot]! <= window && !result.plus(row, columns[aggregate]!, slot)) return false;
    return true;
  }

  /** Puts general columns in the place of those of an aggregate. */
  generalise(aggregate: number): void {
    const family = this.#families[aggregate]!;
    this.#totals[aggregate] = null;
    this.#results[aggregate] = family.generalise(
      this.#results[aggregate]!,
      this.keys.length,
      (row) => row < this.count,
    );
    this.#slots.generalise(aggregate);
  }

  /** The rows' values of an aggregate. */
  vector(aggregate: number, failed: (row: number, error: unknown) => void): Vector {
    return this.#results[aggregate]!.vector(this.count, failed);
  }

  /** The rows were taken. */
  clear(): void {
    this.count = 0;
  }
}

function list(lists: Map<number, number>, window: number, slot: number, next: Int32Array): void {
  next[slot] = lists.get(window) ?? NONE;
  lists.set(window, slot);
}
