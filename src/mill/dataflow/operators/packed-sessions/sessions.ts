/**
 * Sessions in arrays, by slot, and each key's sessions as a chain from the latest to the earliest.
 *
 * A key's sessions lie apart by the gap or more. A slot is taken for a session, or for the *image* of one: what it
 * was when its row was passed on, kept from its first change until the next flush.
 */
import { larger } from '../../../../util/typed-arrays.js';
import type { PackedAggregate } from './packed-aggregate.js';

/** No slot. */
export const NONE = -1;
const CAPACITY_MIN = 1_024;

/** Bits of what is known of a session: its row was passed on. */
export const PASSED = 1;
/** It changed since the last flush. */
export const DIRTY = 2;
/** It became part of another, or was dropped. */
export const GONE = 4;
/** It was published, and is to be published once more when it closes. */
export const OPEN = 8;

/** Slots in a list that grows. */
export class SlotList {
  slots = new Int32Array(256);
  count = 0;

  push(slot: number): void {
    if (this.count === this.slots.length) this.slots = larger(this.slots, new Int32Array(2 * this.count));
    this.slots[this.count++] = slot;
  }
}

/** See the head of the file. */
export class PackedSessions {
  /** Times of the first and last row, ms. */
  start = new Float64Array(0);
  last = new Float64Array(0);
  /** Ids of the keys. */
  key = new Int32Array(0);
  flags = new Uint8Array(0);
  /** The slot of the image; -1: there is none. */
  image = new Int32Array(0);
  /** The session before of the same key; -1: it is the first. */
  earlier = new Int32Array(0);
  /** By key: its latest session; -1: it has none. */
  heads = new Int32Array(0);
  /** Sessions, images left out. */
  size = 0;
  readonly #aggregates: readonly PackedAggregate[];
  readonly #resized: (capacity: number) => void;
  #free = new Int32Array(0);
  #freeCount = 0;
  #used = 0;

  /** `resized`: makes room for more slots where something else is kept for them. */
  constructor(aggregates: readonly PackedAggregate[], resized: (capacity: number) => void) {
    this.#aggregates = aggregates;
    this.#resized = resized;
  }

  /** Makes room for keys below `size`. */
  resizeKeys(size: number): void {
    const before = this.heads.length;
    if (size <= before) return;
    this.heads = larger(this.heads, new Int32Array(Math.max(CAPACITY_MIN, size, 2 * before)));
    this.heads.fill(NONE, before);
  }

  /** A slot for a session over no rows yet; it is in no chain. */
  take(key: number, time: number): number {
    const slot = this.#freeCount > 0 ? this.#free[--this.#freeCount]! : this.#used++;
    if (slot >= this.start.length) this.#grow();
    this.start[slot] = time;
    this.last[slot] = time;
    this.key[slot] = key;
    this.flags[slot] = 0;
    this.image[slot] = NONE;
    for (const aggregate of this.#aggregates) aggregate.clear(slot);
    return slot;
  }

  #grow(): void {
    const capacity = Math.max(CAPACITY_MIN, 2 * this.start.length);
    this.start = larger(this.start, new Float64Array(capacity));
    this.last = larger(this.last, new Float64Array(capacity));
    this.key = larger(this.key, new Int32Array(capacity));
    this.flags = larger(this.flags, new Uint8Array(capacity));
    this.image = larger(this.image, new Int32Array(capacity));
    this.earlier = larger(this.earlier, new Int32Array(capacity));
    this.#free = larger(this.#free, new Int32Array(capacity));
    for (const aggregate of this.#aggregates) aggregate.resize(capacity);
    this.#resized(capacity);
  }

  /** Nobody needs a slot any more. */
  free(slot: number): void {
    this.#free[this.#freeCount++] = slot;
  }

  /** Keeps what a session is now. */
  keepImage(slot: number): void {
    const image = this.take(this.key[slot]!, this.start[slot]!);
    this.last[image] = this.last[slot]!;
    for (const aggregate of this.#aggregates) aggregate.copy(slot, image);
    this.image[slot] = image;
  }

  /** Puts a session into its key's chain, by its start. */
  insert(slot: number): void {
    const key = this.key[slot]!;
    let later = NONE;
    let earlier = this.heads[key]!;
    for (; earlier !== NONE && this.start[earlier]! > this.start[slot]!; earlier = this.earlier[earlier]!)
      later = earlier;
    this.earlier[slot] = earlier;
    this.#link(key, later, slot);
    this.size++;
  }

  /** Takes a session out of its key's chain. */
  remove(slot: number): void {
    const key = this.key[slot]!;
    let later = NONE;
    for (let at = this.heads[key]!; at !== slot; at = this.earlier[at]!) later = at;
    this.#link(key, later, this.earlier[slot]!);
    this.flags[slot]! |= GONE;
    this.size--;
  }

  #link(key: number, later: number, slot: number): void {
    if (later === NONE) this.heads[key] = slot;
    else this.earlier[later] = slot;
  }

  /** Makes a later session part of another. */
  merge(into: number, later: number): void {
    this.remove(later);
    this.last[into] = Math.max(this.last[into]!, this.last[later]!);
    for (const aggregate of this.#aggregates) aggregate.merge(into, later);
  }
}
