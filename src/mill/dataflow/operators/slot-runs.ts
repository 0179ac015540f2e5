/**
 * Slots of rows by key and in order of time, for keys that are small numbers (`block-keys.ts`).
 *
 * A key's slots are a run: a stretch of one array, in which each slot stands behind its time, so that a search by time
 * and the range behind it read memory in a row. Rows come mostly in order: one is put behind the last, or moved in.
 * They die from the front. A run that is full moves to a stretch of twice the room; what it leaves is used again for
 * runs of that size.
 *
 * Limits: 16 bytes a place and a key. Where there were more than eight places a slot, `settle` lays the runs out
 * anew.
 * Invariant: the stretch of key k is `[base, base + 2^class)`; its slots are those from `from[k]` to before `to[k]`.
 * Recovery: derived; built again from the rows.
 */
import { larger } from '../../../util/typed-arrays.js';

const CAPACITY_MIN = 1_024;
/** A key that has no stretch. */
const NO_CLASS = -1;
/** Places that are taken for each slot, most. */
const PLACES_MAX = 8;
/** Fewer slots are not worth another layout. */
const SETTLED_MIN = 8_192;
/** More places are moved by a copying function: for fewer the call takes longer. */
const COPIED_MIN = 16;

/** Words of a key: where its run begins and ends, the first place of its stretch, the logarithm of that one's length. */
const WORDS = 4;
const [FROM, TO, BASE, CLASS] = [0, 1, 2, 3];

/** See the head of the file. The arrays are read by who probes; they change with `add`. */
export class SlotRuns {
  /** Place p: its time at 2p, its slot at 2p + 1. */
  places = new Float64Array(2 * CAPACITY_MIN);
  /** `WORDS` a key: what is asked for together lies together. */
  #keys = new Int32Array(0);
  /** By class: stretches that nobody has. */
  readonly #free: number[][] = [];
  #end = 0;
  /** Slots of all runs, and how many were taken out since `settle`. */
  #size = 0;
  #removed = 0;

  /** Makes room for keys below `size`. */
  reserve(size: number): void {
    const old = this.#keys.length / WORDS;
    if (size <= old) return;
    this.#keys = larger(this.#keys, new Int32Array(WORDS * Math.max(CAPACITY_MIN, 2 * old, size)));
    for (let key = old; key * WORDS < this.#keys.length; key++) this.#keys[key * WORDS + CLASS] = NO_CLASS;
  }

  isEmpty(key: number): boolean {
    const word = key * WORDS;
    return word >= this.#keys.length || this.#keys[word + FROM] === this.#keys[word + TO];
  }

  /** The place behind a key's last. */
  end(key: number): number {
    return this.#keys[key * WORDS + TO]!;
  }

  /** The first place of a key's run whose time is not below `time`; its end where there is none. */
  firstFrom(key: number, time: number): number {
    const { places } = this;
    const from = this.#keys[key * WORDS + FROM]!;
    // Those that are asked for are mostly near the end.
    let high = this.#keys[key * WORDS + TO]!;
    let step = 1;
    while (high - step >= from && places[2 * (high - step)]! >= time) {
      high -= step;
      step *= 2;
    }
    let low = Math.max(from, high - step);
    while (low < high) {
      const middle = (low + high) >> 1;
      if (places[2 * middle]! < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Files a slot. `reserve` has made room for the key. */
  add(key: number, time: number, slot: number): void {
    const keys = this.#keys;
    const word = key * WORDS;
    if (keys[word + CLASS] === NO_CLASS || keys[word + TO] === keys[word + BASE]! + (1 << keys[word + CLASS]!))
      this.#makeRoom(word);
    const { places } = this;
    const from = keys[word + FROM]!;
    const end = keys[word + TO]!;
    this.#size++;
    keys[word + TO] = end + 1;
    let at = end;
    while (at > from && places[2 * at - 2]! > time && end - at < COPIED_MIN) {
      places[2 * at] = places[2 * at - 2]!;
      places[2 * at + 1] = places[2 * at - 1]!;
      at--;
    }
    if (at > from && places[2 * at - 2]! > time) {
      const first = firstBeyond(places, from, at, time);
      places.copyWithin(2 * first + 2, 2 * first, 2 * at);
      at = first;
    }
    places[2 * at] = time;
    places[2 * at + 1] = slot;
  }

  /** Moves a run to the front of its stretch where half of that is free, or to a larger one. */
  #makeRoom(word: number): void {
    const keys = this.#keys;
    const length = keys[word + TO]! - keys[word + FROM]!;
    const old = keys[word + CLASS]!;
    const base = keys[word + BASE]!;
    if (old !== NO_CLASS && length * 2 <= 1 << old) return this.#move(word, base);
    keys[word + CLASS] = old + 1;
    keys[word + BASE] = this.#free[old + 1]?.pop() ?? this.#append(1 << (old + 1));
    this.#move(word, keys[word + BASE]!);
    if (old !== NO_CLASS) this.#release(base, old);
  }

  #move(word: number, base: number): void {
    const { places } = this;
    const keys = this.#keys;
    const from = keys[word + FROM]!;
    const to = keys[word + TO]!;
    if (to - from > COPIED_MIN) places.copyWithin(2 * base, 2 * from, 2 * to);
    else for (let at = 2 * from, into = 2 * base; at < 2 * to; at++, into++) places[into] = places[at]!;
    keys[word + FROM] = base;
    keys[word + TO] = base + to - from;
  }

  #append(length: number): number {
    const base = this.#end;
    this.#end += length;
    if (2 * this.#end > this.places.length)
      this.places = larger(this.places, new Float64Array(2 * Math.max(this.places.length, this.#end)));
    return base;
  }

  #release(base: number, size: number): void {
    (this.#free[size] ??= []).push(base);
  }

  /** Takes out the slots of a key whose time is below `limit`, and tells of each. */
  removeBefore(key: number, limit: number, removed: (slot: number) => void): void {
    const { places } = this;
    const keys = this.#keys;
    const word = key * WORDS;
    const from = keys[word + FROM]!;
    const to = keys[word + TO]!;
    let at = from;
    for (; at < to && places[2 * at]! < limit; at++) removed(places[2 * at + 1]!);
    this.#size -= at - from;
    this.#removed += at - from;
    keys[word + FROM] = at;
    if (at < to || keys[word + CLASS] === NO_CLASS) return;
    this.#release(keys[word + BASE]!, keys[word + CLASS]!);
    keys[word + CLASS] = NO_CLASS;
  }

  /** Tells of the slots of all keys whose time is below `limit`, with their times, ms. */
  eachBefore(limit: number, take: (slot: number, time: number, key: number) => void): void {
    const { places } = this;
    const keys = this.#keys;
    for (let word = 0; word < keys.length; word += WORDS) {
      const to = keys[word + TO]!;
      for (let at = keys[word + FROM]!; at < to && places[2 * at]! < limit; at++)
        take(places[2 * at + 1]!, places[2 * at]!, word / WORDS);
    }
  }

  /** Ends a round of removals. */
  settle(): void {
    const most = this.#size + this.#removed;
    this.#removed = 0;
    if (this.#end <= PLACES_MAX * Math.max(SETTLED_MIN, most)) return;
    const { places } = this;
    const keys = this.#keys;
    this.#free.length = 0;
    this.#end = 0;
    this.places = new Float64Array(2 * Math.max(CAPACITY_MIN, 2 * this.#size));
    for (let word = 0; word < keys.length; word += WORDS) {
      const from = keys[word + FROM]!;
      const to = keys[word + TO]!;
      if (from === to) continue;
      const size = 32 - Math.clz32(to - from - 1);
      const base = this.#append(1 << size);
      this.places.set(places.subarray(2 * from, 2 * to), 2 * base);
      keys[word + CLASS] = size;
      keys[word + BASE] = base;
      keys[word + FROM] = base;
      keys[word + TO] = base + to - from;
    }
  }

  clear(): void {
    this.#keys = new Int32Array(0);
    this.#free.length = 0;
    this.#end = 0;
    this.#size = 0;
  }
}

/**
 * Puts rows in the order of their keys, about: rows of near keys are near each other, so that what is looked up for
 * them is read in the order in which it lies. Rows of one key stay in their order.
 */
export function orderByKey(rows: Int32Array, count: number, keys: Int32Array, size: number): Int32Array {
  let shift = 0;
  while (size >> shift > 2 * count) shift++;
  const ends = new Int32Array((size >> shift) + 2);
  for (let i = 0; i < count; i++) ends[(keys[rows[i]!]! >> shift) + 1]!++;
  for (let bucket = 1; bucket < ends.length; bucket++) ends[bucket]! += ends[bucket - 1]!;
  const ordered = new Int32Array(count);
  for (let i = 0; i < count; i++) ordered[ends[keys[rows[i]!]! >> shift]!++] = rows[i]!;
  return ordered;
}

/** The first place between two whose time is beyond `time`; `to` where none is. */
function firstBeyond(places: Float64Array, from: number, to: number, time: number): number {
  let low = from;
  let high = to;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (places[2 * middle]! <= time) low = middle + 1;
    else high = middle;
  }
  return low;
}
