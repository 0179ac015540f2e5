/**
 * The newest ids, in memory: pending ones (their commit is not on disk yet) and durable ones.
 *
 * ```
 * heap    one record an id, in order of arrival, words of 32 bits:
 *         ticket | high | low | scope | length | id, filled up with zeros
 *         `------'  `---------------------------------------------------' as in a run's file
 * slots   open addressing over `low`, linear probing, at most half full; 0 = free, else
 *         26 bits heap position + 1, above them 6 bits of `high`, so that a record of another id is
 *         seldom looked at: each look is a cache miss
 * ```
 *
 * A **ticket** is the number of the commit that carries the id. While the ticket is open the id is
 * pending; if that commit fails, its records are marked `DEAD` and no look-up sees them any more.
 *
 * Life: active (takes ids) → sealed (read only) → flushed to a run once its last ticket is settled.
 * Limits: the owner seals it when it is `full`; a batch may go beyond that. Its arrays, once large,
 * serve the next one (`Arrays`).
 */
import type { Position } from '../../log/log.js';
import type { Keys } from './keys.js';

/** Records handled before other work gets its turn: well below a millisecond. */
const SORT_SLICE = 8192;

/** Ticket of records whose commit failed. */
export const DEAD = 0xffff_ffff;

/** Words of a heap record before the id. */
export const HEAP_HEAD = 5;

/** Bits of a slot that hold a heap position. */
const POSITION_BITS = 26;
const POSITION_MASK = 2 ** POSITION_BITS - 1;

/** Words after which the heap takes no further batch: half of what a slot can name. */
const HEAP_WORDS_MAX = 2 ** (POSITION_BITS - 1);

/** Takes what `warm` loaded, or the compiler would leave the loads out. */
const warmed = new Int32Array(1);

/** What a memtable is made of; the slots are all free. */
export interface Arrays {
  readonly heap: Uint32Array;
  readonly slots: Uint32Array;
}

/** The newest ids. */
export class Memtable {
  /** Records, dead ones included. */
  ids = 0;
  heap: Uint32Array;
  heapEnd = 0;
  /** Open tickets with records in here. */
  pending = 0;
  /** Earliest and latest arrival, ms. */
  firstMs = Infinity;
  lastMs = -Infinity;
  /** The hour (hours since 1970) whose ids these are. */
  readonly hour: number;
  /** Ends of the log rows whose ids are in here, by `stream/partition`. */
  readonly covered = new Map<string, Position>();

  #slots: Uint32Array;

  /** `arrays`: those of an earlier one, from `recycled`. */
  constructor(hour: number, arrays?: Arrays) {
    this.hour = hour;
    this.heap = arrays?.heap ?? new Uint32Array(8192);
    this.#slots = arrays?.slots ?? new Uint32Array(2048);
  }

  /** Whether no further batch should come: `ids` are `idsMax`, or they are so long that the heap is full. */
  isFull(idsMax: number): boolean {
    return this.ids >= idsMax || this.heapEnd >= HEAP_WORDS_MAX;
  }

  /** Its arrays for another memtable; this one is of no use any more. */
  recycled(): Arrays {
    this.#slots.fill(0);
    return { heap: this.heap, slots: this.#slots };
  }

  /** Bytes it takes. */
  get bytes(): number {
    return this.heap.byteLength + this.#slots.byteLength;
  }

  /** The ticket of row `row`'s id, or -1 when it is not here. */
  find(keys: Keys, row: number): number {
    const slots = this.#slots;
    const heap = this.heap;
    const mask = slots.length - 1;
    const high = keys.high[row]!;
    const low = keys.low[row]!;
    const tag = high >>> POSITION_BITS;
    for (let slot = low & mask; ; slot = (slot + 1) & mask) {
      const entry = slots[slot]!;
      if (entry === 0) return -1;
      if (entry >>> POSITION_BITS !== tag) continue;
      const at = (entry & POSITION_MASK) - 1;
      if (heap[at + 2] !== low || heap[at + 1] !== high || heap[at] === DEAD) continue;
      if (
        heap[at + 3] === keys.scopes[row] &&
        heap[at + 4] === keys.lengths[row] &&
        sameId(heap, at + HEAP_HEAD, keys, row)
      )
        return heap[at]!;
    }
  }

  /** The ticket of row `row`'s id when it is here; else adds it under `ticket` and answers -1. */
  findOrInsert(keys: Keys, row: number, ticket: number): number {
    if ((this.ids + 1) * 2 > this.#slots.length) this.#rehash();
    const slots = this.#slots;
    const heap = this.heap;
    const mask = slots.length - 1;
    const high = keys.high[row]!;
    const low = keys.low[row]!;
    const tag = high >>> POSITION_BITS;
    let slot = low & mask;
    for (let entry = slots[slot]!; entry !== 0; entry = slots[slot]!) {
      const at = (entry & POSITION_MASK) - 1;
      if (entry >>> POSITION_BITS === tag && heap[at + 2] === low && heap[at + 1] === high && heap[at] !== DEAD)
        if (
          heap[at + 3] === keys.scopes[row] &&
          heap[at + 4] === keys.lengths[row] &&
          sameId(heap, at + HEAP_HEAD, keys, row)
        )
          return heap[at]!;
      slot = (slot + 1) & mask;
    }
    slots[slot] = ((tag << POSITION_BITS) | (this.#append(keys, row, ticket) + 1)) >>> 0;
    return -1;
  }

  /**
   * Asks the memory for the slots of `candidates[0 .. count]` at once: one by one, each insert would
   * wait for its own.
   */
  warm(keys: Keys, candidates: Uint32Array, count: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let sum = 0;
    for (let at = 0; at < count; at++) sum ^= slots[keys.low[candidates[at]!]! & mask]!;
    warmed[0] = sum;
  }

  /** Marks the records in `heap[from .. to]` as never committed. */
  kill(from: number, to: number): void {
    for (let at = from; at < to; at = next(this.heap, at)) this.heap[at] = DEAD;
  }

  /** Notes when rows arrived and how far the log is covered. */
  cover(positions: readonly Position[], receivedAt: number): void {
    this.firstMs = Math.min(this.firstMs, receivedAt);
    this.lastMs = Math.max(this.lastMs, receivedAt);
    for (const position of positions) {
      const key = `${position.stream}/${position.partition}`;
      const before = this.covered.get(key);
      if (before === undefined || before.offset < position.offset) this.covered.set(key, position);
    }
  }

  /** Heap positions of the living records, by rising `high`. Gives way through `pause` after every slice of them. */
  async sorted(pause: () => Promise<void>): Promise<Uint32Array> {
    const { heap, heapEnd } = this;
    const cells = new Uint32Array(65_537);
    let living = 0;
    for (let at = 0; at < heapEnd; at = next(heap, at)) {
      if (heap[at] === DEAD) continue;
      cells[(heap[at + 1]! >>> 16) + 1]! += 1;
      if (++living % SORT_SLICE === 0) await pause();
    }
    for (let cell = 0; cell < 65_536; cell++) cells[cell + 1]! += cells[cell]!;
    const order = new Uint32Array(living);
    const highs = new Uint32Array(living);
    for (let at = 0, placed = 0; at < heapEnd; at = next(heap, at)) {
      if (heap[at] === DEAD) continue;
      const high = heap[at + 1]!;
      const place = cells[high >>> 16]!++;
      order[place] = at;
      highs[place] = high;
      if (++placed % SORT_SLICE === 0) await pause();
    }
    for (let from = 0; from < living; from += SORT_SLICE) {
      await pause();
      insertionSort(order, highs, from, Math.min(living, from + SORT_SLICE));
    }
    return order;
  }

  #append(keys: Keys, row: number, ticket: number): number {
    const start = keys.starts[row]!;
    const count = keys.starts[row + 1]! - start;
    const at = this.heapEnd;
    if (at + HEAP_HEAD + count > this.heap.length) this.#growHeap(at + HEAP_HEAD + count);
    const heap = this.heap;
    heap[at] = ticket;
    heap[at + 1] = keys.high[row]!;
    heap[at + 2] = keys.low[row]!;
    heap[at + 3] = keys.scopes[row]!;
    heap[at + 4] = keys.lengths[row]!;
    for (let word = 0; word < count; word++) heap[at + HEAP_HEAD + word] = keys.words[start + word]!;
    this.heapEnd = at + HEAP_HEAD + count;
    this.ids += 1;
    return at;
  }

  #link(at: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = this.heap[at + 2]! & mask;
    while (slots[slot] !== 0) slot = (slot + 1) & mask;
    slots[slot] = (((this.heap[at + 1]! >>> POSITION_BITS) << POSITION_BITS) | (at + 1)) >>> 0;
  }

  #growHeap(least: number): void {
    const larger = new Uint32Array(Math.max(least, this.heap.length * 2));
    larger.set(this.heap.subarray(0, this.heapEnd));
    this.heap = larger;
  }

  #rehash(): void {
    this.#slots = new Uint32Array(this.#slots.length * 2);
    for (let at = 0; at < this.heapEnd; at = next(this.heap, at)) if (this.heap[at] !== DEAD) this.#link(at);
  }
}

/** Sorts `[from, to)` into what is sorted below it; the cells have left little to do. */
function insertionSort(order: Uint32Array, highs: Uint32Array, from: number, to: number): void {
  for (let i = Math.max(1, from); i < to; i++) {
    const high = highs[i]!;
    if (highs[i - 1]! <= high) continue;
    const at = order[i]!;
    let j = i - 1;
    for (; j >= 0 && highs[j]! > high; j--) {
      order[j + 1] = order[j]!;
      highs[j + 1] = highs[j]!;
    }
    order[j + 1] = at;
    highs[j + 1] = high;
  }
}

function next(heap: Uint32Array, at: number): number {
  return at + HEAP_HEAD + ((heap[at + 4]! + 3) >> 2);
}

function sameId(heap: Uint32Array, at: number, keys: Keys, row: number): boolean {
  const start = keys.starts[row]!;
  const end = keys.starts[row + 1]!;
  for (let word = start; word < end; word++, at++) if (heap[at] !== keys.words[word]) return false;
  return true;
}
