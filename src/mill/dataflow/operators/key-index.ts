/**
 * Slots of rows by key, in an order.
 *
 * An open table of hashes, linear probing, at most half full: one miss of the cache a look-up. A key that
 * has one row is its slot, without an object; in a stream joined by its ids that is nearly every key.
 * More rows are a chain, kept in order: by time where the join is bounded, so that a probe reads only its
 * range; by content where rows can be taken back, so that one is found among many. Rows come mostly in
 * order: one is put behind the last, or moved in by a binary search.
 *
 * Limits: 8 bytes a place; the table grows by doubling and is quartered when a sixteenth is left.
 * Invariant: a place is free (`EMPTY`), a slot, or `-2 - n` for chain n; every place between a key's home
 * and its place is taken.
 * Recovery: derived; built again from the slots.
 */
import type { Key } from '../state-table.js';

/** Order of two slots, as for `Array.sort`. */
export type SlotOrder = (a: number, b: number) => number;

/** Freed places at a chain's front that are worth moving the rest for. */
const FRONT_MAX = 32;
const CAPACITY_MIN = 64;
const EMPTY = -1;

/** Slots in order, from `start` on. */
export class Chain {
  slots: number[];
  start = 0;

  constructor(first: number) {
    this.slots = [first];
  }

  /** The first position that `isBefore` does not hold for. */
  position(isBefore: (slot: number) => boolean): number {
    let low = this.start;
    let high = this.slots.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isBefore(this.slots[middle]!)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  insert(slot: number, order: SlotOrder | null): void {
    const { slots } = this;
    if (order === null || order(slots.at(-1)!, slot) <= 0) slots.push(slot);
    else
      slots.splice(
        this.position((other) => order(other, slot) <= 0),
        0,
        slot,
      );
  }

  removeAt(position: number): void {
    if (position !== this.start) {
      this.slots.splice(position, 1);
      return;
    }
    this.removeBefore(position + 1);
  }

  /** Takes out all before a position. */
  removeBefore(position: number): void {
    this.start = position;
    if (this.start > FRONT_MAX && this.start * 2 > this.slots.length) {
      this.slots = this.slots.slice(this.start);
      this.start = 0;
    }
  }
}

/** A multimap from keys to slots. */
export class KeyIndex {
  /** Key of each slot, and its hash. */
  readonly #keys: Key[] = [];
  readonly #slotHashes: number[] = [];
  readonly #order: SlotOrder | null;
  readonly #chains: (Chain | undefined)[] = [];
  readonly #freeChains: number[] = [];
  #places = new Int32Array(CAPACITY_MIN).fill(EMPTY);
  #hashes = new Int32Array(CAPACITY_MIN);
  #size = 0;

  /** `order`: of the slots of one key; null: as they came. */
  constructor(order: SlotOrder | null) {
    this.#order = order;
  }

  /** The key's only slot, its chain of several, or undefined. `hash`: of the key (`hashOf`). */
  get(key: Key, hash: number): number | Chain | undefined {
    const place = this.#places[this.#find(key, hash)]!;
    if (place === EMPTY) return undefined;
    return place >= 0 ? place : this.#chains[-2 - place];
  }

  add(key: Key, hash: number, slot: number): void {
    this.#keys[slot] = key;
    this.#slotHashes[slot] = hash;
    const at = this.#find(key, hash);
    const place = this.#places[at]!;
    if (place === EMPTY) {
      this.#places[at] = slot;
      this.#hashes[at] = hash;
      if (++this.#size * 2 > this.#places.length) this.#resize(this.#places.length * 2);
    } else if (place >= 0) {
      const chain = new Chain(place);
      chain.insert(slot, this.#order);
      const number = this.#freeChains.pop() ?? this.#chains.length;
      this.#chains[number] = chain;
      this.#places[at] = -2 - number;
    } else this.#chains[-2 - place]!.insert(slot, this.#order);
  }

  /** Takes a slot out. Its row must still be there: the order looks at it. */
  remove(slot: number): void {
    const at = this.#find(this.#keys[slot]!, this.#slotHashes[slot]!);
    const place = this.#places[at]!;
    if (place === slot) return this.#free(at);
    const number = -2 - place;
    const chain = this.#chains[number]!;
    chain.removeAt(this.#position(chain, slot));
    // The key's text is the one of a slot: a chain of one becomes it again.
    if (chain.slots.length - chain.start > 1) return;
    this.#places[at] = chain.slots[chain.start]!;
    this.#chains[number] = undefined;
    this.#freeChains.push(number);
  }

  /**
   * Takes out the first slots of a slot's key, as long as `isDead` holds for them, and tells of each. Rows that
   * die by their time are the first ones of their key: one after the other would each be looked for.
   */
  removeFirst(of: number, isDead: (slot: number) => boolean, removed: (slot: number) => void): void {
    const at = this.#find(this.#keys[of]!, this.#slotHashes[of]!);
    const place = this.#places[at]!;
    if (place >= 0) {
      if (!isDead(place)) return;
      this.#free(at);
      return removed(place);
    }
    const number = -2 - place;
    const chain = this.#chains[number]!;
    const { slots } = chain;
    let next = chain.start;
    for (; next < slots.length && isDead(slots[next]!); next++) removed(slots[next]!);
    if (slots.length - next > 1) return chain.removeBefore(next);
    if (next === slots.length) this.#free(at);
    else this.#places[at] = slots[next]!;
    this.#chains[number] = undefined;
    this.#freeChains.push(number);
  }

  clear(): void {
    this.#places = new Int32Array(CAPACITY_MIN).fill(EMPTY);
    this.#hashes = new Int32Array(CAPACITY_MIN);
    this.#chains.length = 0;
    this.#freeChains.length = 0;
    this.#size = 0;
  }

  /** Where the key is, or the free place where it belongs. */
  #find(key: Key, hash: number): number {
    const places = this.#places;
    const hashes = this.#hashes;
    const mask = places.length - 1;
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const place = places[at]!;
      if (place === EMPTY) return at;
      if (hashes[at] === hash && this.#keys[place >= 0 ? place : this.#first(place)] === key) return at;
    }
  }

  #first(place: number): number {
    const { slots, start } = this.#chains[-2 - place]!;
    return slots[start]!;
  }

  /** Frees a place and moves back what was pushed on by it (Knuth, volume 3, 6.4, algorithm R). */
  #free(from: number): void {
    const places = this.#places;
    const hashes = this.#hashes;
    const mask = places.length - 1;
    this.#size--;
    let hole = from;
    for (let at = (hole + 1) & mask; places[at] !== EMPTY; at = (at + 1) & mask) {
      const home = hashes[at]! & mask;
      if (((at - home) & mask) < ((at - hole) & mask)) continue;
      places[hole] = places[at]!;
      hashes[hole] = hashes[at]!;
      hole = at;
    }
    places[hole] = EMPTY;
    if (places.length > CAPACITY_MIN && this.#size * 16 < places.length) this.#resize(places.length / 4);
  }

  #resize(capacity: number): void {
    const places = this.#places;
    const hashes = this.#hashes;
    const mask = capacity - 1;
    this.#places = new Int32Array(capacity).fill(EMPTY);
    this.#hashes = new Int32Array(capacity);
    for (let i = 0; i < places.length; i++) {
      if (places[i] === EMPTY) continue;
      let at = hashes[i]! & mask;
      while (this.#places[at] !== EMPTY) at = (at + 1) & mask;
      this.#places[at] = places[i]!;
      this.#hashes[at] = hashes[i]!;
    }
  }

  /** Where a slot stands in its chain. */
  #position(chain: Chain, slot: number): number {
    const order = this.#order;
    const { slots, start } = chain;
    if (slots[start] === slot) return start;
    let at = order === null ? start : chain.position((other) => order(other, slot) < 0);
    while (slots[at] !== slot) {
      if (at >= slots.length) throw new Error(`slot ${slot} is not in the chain of its key`);
      at++;
    }
    return at;
  }
}
