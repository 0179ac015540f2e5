/** Rows that came before others of their partition, until a flush puts them in their place. */
import type { Row } from '../../operator.js';
import type { Compare } from '../../order.js';
import { NONE, type PackedRows } from './packed-rows.js';

/** See the head of the file. */
export class PackedOrder {
  readonly #rows: PackedRows;
  /** The order of peers; null where it makes no difference. */
  readonly #compare: Compare<Row> | null;
  #loose: number[] = [];
  /** By partition, of those that are touched: the row that was put in its place last, and the first of all. */
  #placed = new Int32Array(0);
  #lowest = new Int32Array(0);

  constructor(rows: PackedRows, compare: Compare<Row> | null) {
    this.#rows = rows;
    this.#compare = compare;
  }

  /** Makes room for partitions below a number. */
  openTo(keys: number): void {
    if (keys <= this.#placed.length) return;
    const capacity = Math.max(keys, 2 * this.#placed.length);
    this.#placed = new Int32Array(capacity).fill(NONE);
    this.#lowest = new Int32Array(capacity);
  }

  /** A row that waits. */
  add(slot: number): void {
    this.#loose.push(slot);
  }

  /** Puts all in their place; `settled` is told of each partition, and of the first row that was put in it. */
  settle(settled: (key: number, from: number) => void): void {
    if (this.#loose.length === 0) return;
    const touched: number[] = [];
    for (const slot of this.#sorted()) {
      const key = this.#rows.keys[slot]!;
      const isFirst = this.#placed[key] === NONE;
      if (isFirst) touched.push(key);
      this.#insert(key, slot);
      if (isFirst || this.#isBefore(slot, this.#lowest[key]!)) this.#lowest[key] = slot;
      this.#placed[key] = slot;
    }
    for (const key of touched) {
      this.#placed[key] = NONE;
      settled(key, this.#lowest[key]!);
    }
    this.#loose = [];
  }

  /** By time; rows of one time in the order in which they came. */
  #sorted(): Iterable<number> {
    const loose = this.#loose;
    const { times } = this.#rows;
    return loose.toSorted((a, b) => (times[a]! < times[b]! ? -1 : times[a]! > times[b]! ? 1 : 0));
  }

  #insert(key: number, slot: number): void {
    const rows = this.#rows;
    let before = this.#placed[key]!;
    if (before === NONE) before = rows.last[key]!;
    let behind = before === NONE ? NONE : rows.next[before]!;
    while (before !== NONE && this.#isBefore(slot, before)) {
      behind = before;
      before = rows.before(before);
    }
    while (behind !== NONE && !this.#isBefore(slot, behind)) {
      before = behind;
      behind = rows.next[behind]!;
    }
    rows.insert(slot, key, before, behind);
  }

  /** Whether a row's place is before another's. */
  #isBefore(slot: number, other: number): boolean {
    const rows = this.#rows;
    const time = rows.times[slot]!;
    const otherTime = rows.times[other]!;
    if (time !== otherTime) return time < otherTime;
    return this.#compare !== null && slot !== other && this.#compare(rows.rowOf(slot), rows.rowOf(other)) < 0;
  }
}
