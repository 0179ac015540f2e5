/** Things to happen later, earliest first; a binary heap. */
export class Pending<T> {
  readonly #times: number[] = [];
  readonly #items: T[] = [];

  /** How many wait. */
  get size(): number {
    return this.#items.length;
  }

  /** When the earliest happens; Infinity when none waits. */
  get nextTime(): number {
    return this.#times[0] ?? Infinity;
  }

  /** Adds one. */
  add(time: number, item: T): void {
    let at = this.#items.length;
    this.#times.push(time);
    this.#items.push(item);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#times[parent]! <= time) break;
      this.#times[at] = this.#times[parent]!;
      this.#items[at] = this.#items[parent]!;
      at = parent;
    }
    this.#times[at] = time;
    this.#items[at] = item;
  }

  /** Takes the earliest; there must be one. */
  take(): T {
    const first = this.#items[0]!;
    const time = this.#times.pop()!;
    const item = this.#items.pop()!;
    const size = this.#items.length;
    if (size === 0) return first;
    let at = 0;
    for (let child = 1; child < size; child = at * 2 + 1) {
      if (child + 1 < size && this.#times[child + 1]! < this.#times[child]!) child++;
      if (this.#times[child]! >= time) break;
      this.#times[at] = this.#times[child]!;
      this.#items[at] = this.#items[child]!;
      at = child;
    }
    this.#times[at] = time;
    this.#items[at] = item;
    return first;
  }
}
