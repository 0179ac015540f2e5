/** Slots in an order, in chunks: one comes or goes among a million without moving the rest. */

/** Most slots of a chunk; a full one is split in two. */
const CHUNK_MAX = 512;

/** A place: chunk, and position in it. */
export interface Place {
  readonly chunk: number;
  readonly at: number;
}

/** An ordered list of slots. */
export class SortedSlots {
  readonly #chunks: number[][] = [];
  /** How many there are. */
  size = 0;

  /** The first place whose slot `isBefore` does not hold for; the end if it holds for all. */
  position(isBefore: (slot: number) => boolean): Place {
    let chunk = lowerBound(this.#chunks.length, (i) => isBefore(this.#chunks[i]!.at(-1)!));
    if (chunk === this.#chunks.length) {
      if (chunk === 0) return { chunk: 0, at: 0 };
      chunk--;
      return { chunk, at: this.#chunks[chunk]!.length };
    }
    const slots = this.#chunks[chunk]!;
    return { chunk, at: lowerBound(slots.length, (i) => isBefore(slots[i]!)) };
  }

  insert({ chunk, at }: Place, slot: number): void {
    this.size++;
    const slots = this.#chunks[chunk];
    if (slots === undefined) {
      this.#chunks.push([slot]);
      return;
    }
    if (at === slots.length) slots.push(slot);
    else slots.splice(at, 0, slot);
    if (slots.length > CHUNK_MAX) this.#chunks.splice(chunk + 1, 0, slots.splice(CHUNK_MAX >> 1));
  }

  remove({ chunk, at }: Place): void {
    this.size--;
    const slots = this.#chunks[chunk]!;
    slots.splice(at, 1);
    if (slots.length === 0) this.#chunks.splice(chunk, 1);
  }

  /** The slots from a place on, with their places, as long as `see` says so. Nothing may change meanwhile. */
  each(from: Place, see: (slot: number, place: Place) => boolean): void {
    let { at } = from;
    for (let { chunk } = from; chunk < this.#chunks.length; chunk++, at = 0) {
      const slots = this.#chunks[chunk]!;
      for (; at < slots.length; at++) if (!see(slots[at]!, { chunk, at })) return;
    }
  }

  /** Takes out the slots behind the first `count`; answers them. */
  cut(count: number): number[] {
    let left = count;
    let chunk = 0;
    while (chunk < this.#chunks.length && this.#chunks[chunk]!.length <= left) left -= this.#chunks[chunk++]!.length;
    const cut = this.#chunks.splice(chunk + (left > 0 ? 1 : 0)).flat();
    if (left > 0) cut.unshift(...this.#chunks[chunk]!.splice(left));
    this.size -= cut.length;
    return cut;
  }
}

function lowerBound(count: number, isBefore: (i: number) => boolean): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isBefore(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}
