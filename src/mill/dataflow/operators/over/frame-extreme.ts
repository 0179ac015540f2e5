/**
 * The smallest or largest value of frames that move on: of each partition a queue of rows none of which has a better
 * one behind it (the *monotonic queue* of sliding windows), as a chain of slots.
 */
import { NONE, type PackedRows } from './packed-rows.js';
import { larger } from '../../../../util/typed-arrays.js';

/** See the head of the file. */
export class FrameExtreme {
  readonly #sign: 1 | -1;
  readonly #argument: number;
  readonly #rows: PackedRows;
  #next = new Int32Array(0);
  #previous = new Int32Array(0);
  #heads = new Int32Array(0);
  #tails = new Int32Array(0);

  /** `sign`: 1 for the smallest. */
  constructor(sign: 1 | -1, argument: number, rows: PackedRows) {
    this.#sign = sign;
    this.#argument = argument;
    this.#rows = rows;
  }

  /** Makes room for partitions below a number, and for the slots that there are. */
  openTo(keys: number): void {
    const slots = this.#rows.times.length;
    if (this.#next.length < slots) {
      this.#next = larger(this.#next, new Int32Array(slots).fill(NONE));
      this.#previous = larger(this.#previous, new Int32Array(slots).fill(NONE));
    }
    if (keys <= this.#heads.length) return;
    this.#heads = larger(this.#heads, new Int32Array(Math.max(keys, 2 * this.#heads.length)).fill(NONE));
    this.#tails = larger(this.#tails, new Int32Array(this.#heads.length).fill(NONE));
  }

  push(key: number, slot: number): void {
    const values = this.#rows.values[this.#argument]!;
    const value = values[slot]!;
    if (value !== value) return;
    let tail = this.#tails[key]!;
    while (tail !== NONE && (values[tail]! - value) * this.#sign >= 0) tail = this.#previous[tail]!;
    this.#previous[slot] = tail;
    this.#next[slot] = NONE;
    if (tail === NONE) this.#heads[key] = slot;
    else this.#next[tail] = slot;
    this.#tails[key] = slot;
  }

  /** The frame's first row leaves. */
  evict(key: number, slot: number): void {
    if (this.#heads[key] !== slot) return;
    const next = this.#next[slot]!;
    this.#heads[key] = next;
    if (next === NONE) this.#tails[key] = NONE;
    else this.#previous[next] = NONE;
  }

  clear(key: number): void {
    this.#heads[key] = this.#tails[key] = NONE;
  }

  /** Only where the frame has a value. */
  value(key: number): number {
    return this.#rows.values[this.#argument]![this.#heads[key]!]!;
  }
}
