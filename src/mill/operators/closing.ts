/**
 * Windows whose final rows take several commits: how far each has come.
 *
 * Groups go in the order of a hash of their key. A group's number would not do: after a restart rows of
 * several partitions come in another order, and groups get other numbers. By the hash, a restart knows
 * which rows were published, and publishes none of them again.
 *
 * Limits: four bytes a group of a window that closes in slices.
 */
import { hashBytes } from '../../event/dictionary.js';
import { writeKey } from '../kernels/keys.js';
import { ByteWriter } from '../../util/bytes.js';
import type { WindowTable } from '../state/window-table.js';
import type { ViewState } from './view-state.js';

/** One past the largest hash. */
const END = 2 ** 32;

/** Part of a window's groups: hashes `from` up to `to`. */
export interface ClosingSlice {
  readonly from: number;
  readonly to: number;
  /** Nothing is left behind it. */
  readonly isLast: boolean;
}

/** Windows that are being closed, by their start. */
export class Closing {
  readonly #state: ViewState;
  /** Hash up to which the final rows are published. */
  readonly #bounds = new Map<number, number>();
  readonly #hashes = new WeakMap<WindowTable, { hashes: Uint32Array; count: number }>();
  readonly #key = new ByteWriter(256);

  constructor(state: ViewState) {
    this.#state = state;
  }

  get size(): number {
    return this.#bounds.size;
  }

  has(start: number): boolean {
    return this.#bounds.has(start);
  }

  /** Whether a group of a window that is being closed is in a slice that has been published. */
  passed(table: WindowTable, group: number): boolean {
    const bound = this.#bounds.get(table.start) ?? 0;
    return bound > 0 && this.#hashOf(table, group) < bound;
  }

  /** The next slice of about `rows` groups. */
  next(table: WindowTable, rows: number): ClosingSlice {
    const from = this.#bounds.get(table.start) ?? 0;
    const share = Math.ceil((END * Math.max(1, rows)) / Math.max(1, table.groups));
    const to = Math.min(END, from + share);
    return { from, to, isLast: to === END };
  }

  /** Whether a group is in a slice. */
  isIn(table: WindowTable, group: number, { from, isLast, to }: ClosingSlice): boolean {
    if (from === 0 && isLast) return true;
    const hash = this.#hashOf(table, group);
    return hash >= from && hash < to;
  }

  /** A slice has been published. */
  advance(table: WindowTable, slice: ClosingSlice): void {
    if (slice.isLast) this.#bounds.delete(table.start);
    else this.#bounds.set(table.start, slice.to);
  }

  /** Starts and bounds, for the mark. */
  marks(): (readonly [start: number, bound: number])[] {
    return [...this.#bounds];
  }

  /** As a mark has them. */
  restore(marks: readonly (readonly [start: number, bound: number])[]): void {
    this.#bounds.clear();
    for (const [start, bound] of marks) this.#bounds.set(start, bound);
  }

  #hashOf(table: WindowTable, group: number): number {
    let known = this.#hashes.get(table);
    if (known === undefined) this.#hashes.set(table, (known = { hashes: new Uint32Array(table.groups), count: 0 }));
    if (known.hashes.length < table.groups) {
      const larger = new Uint32Array(Math.ceil(table.groups * 1.25));
      larger.set(known.hashes);
      known.hashes = larger;
    }
    for (; known.count < table.groups; known.count++) known.hashes[known.count] = this.#hash(table, known.count);
    return known.hashes[group]!;
  }

  #hash(table: WindowTable, group: number): number {
    const key = this.#key;
    key.length = 0;
    writeKey(this.#state.keys, table.words, group * table.width, this.#state.pool, key);
    return hashBytes(key.bytes, 0, key.length) >>> 0;
  }
}
