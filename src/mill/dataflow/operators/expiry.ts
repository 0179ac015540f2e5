/**
 * When things die: items filed by time, handed out once all of their bucket are due.
 *
 * A bucket spans `widthMs`, so an item may stay up to that much longer than it must: results never
 * depend on when state is dropped. Filing is O(1) for times near the last one; a bucket is found by a
 * binary search when it is new. Derived state: it is filled again after a restore.
 */

/** Narrowest and widest bucket, ms. */
const WIDTH_MS_MIN = 100;
const WIDTH_MS_MAX = 60_000;

/** The width of buckets for state that lives this long: a sixteenth of it. */
export function bucketWidthMs(lifetimeMs: number): number {
  return Math.min(WIDTH_MS_MAX, Math.max(WIDTH_MS_MIN, lifetimeMs / 16));
}

/** Items filed by time. */
export class Expiry<Item> {
  readonly #widthMs: number;
  readonly #buckets = new Map<number, Item[]>();
  /** Numbers of the buckets, falling: the earliest is popped. */
  readonly #order: number[] = [];
  #lastNumber = Number.NaN;
  #last: Item[] = [];

  constructor(widthMs: number) {
    this.#widthMs = widthMs;
  }

  /** Files an item. */
  add(timeMs: number, item: Item): void {
    const number = Math.floor(timeMs / this.#widthMs);
    if (number !== this.#lastNumber) {
      this.#last = this.#bucket(number);
      this.#lastNumber = number;
    }
    this.#last.push(item);
  }

  /** Hands out and forgets what is in buckets that lie wholly below `limitMs`. */
  due(limitMs: number, take: (item: Item) => void): void {
    for (;;) {
      const number = this.#order.at(-1);
      if (number === undefined || (number + 1) * this.#widthMs > limitMs) return;
      const items = this.#buckets.get(number)!;
      this.#order.pop();
      this.#buckets.delete(number);
      if (number === this.#lastNumber) this.#lastNumber = Number.NaN;
      for (const item of items) take(item);
    }
  }

  #bucket(number: number): Item[] {
    let items = this.#buckets.get(number);
    if (items !== undefined) return items;
    items = [];
    this.#buckets.set(number, items);
    let low = 0;
    let high = this.#order.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#order[middle]! > number) low = middle + 1;
      else high = middle;
    }
    this.#order.splice(low, 0, number);
    return items;
  }
}
