/**
 * Keys by the moment at which they are due: a binary heap in two arrays.
 *
 * A key that is there already stays at its moment unless the new one is earlier; an owner whose key is due
 * later by now adds it again when it comes out. So a key takes one place, however often it is put off.
 */
import type { Key } from './state-table.js';

/** A heap of (moment, key), the earliest first. */
export class ExpiryQueue {
  readonly #times: number[] = [];
  readonly #keys: Key[] = [];
  readonly #moments = new Map<Key, number>();

  get size(): number {
    return this.#moments.size;
  }

  /** The earliest moment, ms; undefined when it is empty. */
  get next(): number | undefined {
    return this.#times[0];
  }

  /** Adds a key that is due once the clock is beyond `time`, ms. */
  add(time: number, key: Key): void {
    const moment = this.#moments.get(key);
    if (moment !== undefined && moment <= time) return;
    this.#moments.set(key, time);
    this.#push(time, key);
  }

  /** Takes the earliest key out, if the clock `now` is beyond its moment. */
  due(now: number): Key | undefined {
    while (this.#times.length > 0 && this.#times[0]! < now) {
      const time = this.#times[0]!;
      const key = this.#pop();
      // It was moved to an earlier moment, and came out then.
      if (this.#moments.get(key) !== time) continue;
      this.#moments.delete(key);
      return key;
    }
    return undefined;
  }

  #push(time: number, key: Key): void {
    const times = this.#times;
    const keys = this.#keys;
    let at = times.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (times[parent]! <= time) break;
      times[at] = times[parent]!;
      keys[at] = keys[parent]!;
      at = parent;
    }
    times[at] = time;
    keys[at] = key;
  }

  #pop(): Key {
    const times = this.#times;
    const keys = this.#keys;
    const first = keys[0]!;
    const time = times.pop()!;
    const key = keys.pop()!;
    const length = times.length;
    if (length === 0) return first;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= length) break;
      if (child + 1 < length && times[child + 1]! < times[child]!) child++;
      if (times[child]! >= time) break;
      times[at] = times[child]!;
      keys[at] = keys[child]!;
      at = child;
    }
    times[at] = time;
    keys[at] = key;
    return first;
  }

  clear(): void {
    this.#times.length = 0;
    this.#keys.length = 0;
    this.#moments.clear();
  }
}
