/**
 * The smallest and the largest of many texts, by unsigned bytes. What the two share in front is
 * compared once for both: most texts of a column (ids, addresses) begin alike.
 */
export class TextBounds {
  /** Copies of the two; empty while `any` is false. */
  min: Uint8Array = EMPTY;
  max: Uint8Array = EMPTY;
  any = false;
  #shared = 0;

  /** Takes the text `data[from .. to]`. */
  take(data: Uint8Array, from: number, to: number): void {
    if (!this.any) {
      this.any = true;
      this.min = this.max = data.slice(from, to);
      this.#shared = to - from;
      return;
    }
    const min = this.min;
    const length = to - from;
    const shared = this.#shared;
    const common = length < shared ? length : shared;
    for (let i = 0; i < common; i++) {
      const difference = data[from + i]! - min[i]!;
      if (difference !== 0) return this.#widen(data, from, to, difference < 0);
    }
    if (compare(data, from, to, min, common) < 0) this.#widen(data, from, to, true);
    else if (compare(data, from, to, this.max, common) > 0) this.#widen(data, from, to, false);
  }

  #widen(data: Uint8Array, from: number, to: number, below: boolean): void {
    if (below) this.min = data.slice(from, to);
    else this.max = data.slice(from, to);
    const length = Math.min(this.min.length, this.max.length);
    let shared = 0;
    while (shared < length && this.min[shared] === this.max[shared]) shared++;
    this.#shared = shared;
  }
}

const EMPTY = new Uint8Array(0);

/** `left[from .. to]` against `right`, whose first `start` bytes are known to be equal. */
function compare(left: Uint8Array, from: number, to: number, right: Uint8Array, start: number): number {
  const length = Math.min(to - from, right.length);
  for (let i = start; i < length; i++) {
    const difference = left[from + i]! - right[i]!;
    if (difference !== 0) return difference;
  }
  return to - from - right.length;
}
