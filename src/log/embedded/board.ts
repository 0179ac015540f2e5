/**
 * The board: shared memory on which the owner writes how far the log reaches, for readers in every
 * thread, itself included. Reading it costs no message.
 *
 * Layout, in 32-bit words: 0 a sequence lock (odd while the owner writes), 1 the version (rises with
 * every change; readers compare it to know that there is nothing new), 2 and 3 unused, 4 … 67 the
 * waiting flags of 64 connections, then numbers of two words each: the active segment, its durable
 * end, the oldest segment, the arrival clock, and start and end of every slot. A slot is one
 * partition of one stream; the stream table says which.
 *
 * Limit: `SLOTS_MAX` partitions in all. Numbers are whole and below 2^53.
 */

/** Most partitions of all streams together. */
export const SLOTS_MAX = 8192;
/** Most connections of other threads. */
export const CONNECTIONS_MAX = 64;

const LOCK = 0;
const VERSION = 1;
const WAITING = 4;
const NUMBERS = WAITING + CONNECTIONS_MAX;
const ACTIVE = 0;
const DURABLE_END = 1;
const OLDEST = 2;
const CLOCK = 3;
const SLOTS = 4;
const WORDS = NUMBERS + 2 * (SLOTS + 2 * SLOTS_MAX);

/** Up to where the log is on disk. */
export interface Durable {
  readonly segment: number;
  /** End of the last synced commit in it. */
  readonly end: number;
  readonly oldest: number;
}

/** The board; one owner writes, anyone reads. */
export class Board {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;

  constructor(memory?: SharedArrayBuffer) {
    this.memory = memory ?? new SharedArrayBuffer(WORDS * 4);
    this.#words = new Int32Array(this.memory);
  }

  /** Rises with every change of anything but the arrival clock. */
  get version(): number {
    return Atomics.load(this.#words, VERSION);
  }

  /** Owner only: changes the board in one piece; `change` must not read it. `wake` raises the version. */
  publish(wake: boolean, change: (write: BoardWriter) => void): void {
    Atomics.add(this.#words, LOCK, 1);
    try {
      change(this.#writer);
    } finally {
      Atomics.add(this.#words, LOCK, 1);
    }
    if (wake) Atomics.add(this.#words, VERSION, 1);
  }

  readonly #writer: BoardWriter = {
    durable: (segment, end) => {
      this.#set(ACTIVE, segment);
      this.#set(DURABLE_END, end);
    },
    oldest: (segment) => this.#set(OLDEST, segment),
    clock: (clockMs) => this.#set(CLOCK, Math.floor(clockMs)),
    start: (slot, offset) => this.#set(SLOTS + 2 * slot, offset),
    end: (slot, offset) => this.#set(SLOTS + 2 * slot + 1, offset),
  };

  /** The durable end. */
  durable(): Durable {
    return this.#read(() => ({ segment: this.#get(ACTIVE), end: this.#get(DURABLE_END), oldest: this.#get(OLDEST) }));
  }

  /** Oldest kept offset and durable end of a slot. */
  range(slot: number): { start: number; end: number } {
    return this.#read(() => ({ start: this.#get(SLOTS + 2 * slot), end: this.#get(SLOTS + 2 * slot + 1) }));
  }

  /** The durable ends of `count` slots from `first`, together with the arrival clock. */
  arrivalClock(first: number, count: number): { ends: number[]; clockMs: number } {
    return this.#read(() => ({
      ends: Array.from({ length: count }, (_, i) => this.#get(SLOTS + 2 * (first + i) + 1)),
      clockMs: this.#get(CLOCK),
    }));
  }

  /** Says that connection `index` wants a message at the next change. */
  setWaiting(index: number, waiting: boolean): void {
    Atomics.store(this.#words, WAITING + index, waiting ? 1 : 0);
  }

  /** Owner: whether connection `index` wanted a message; it no longer does. */
  takeWaiting(index: number): boolean {
    return Atomics.exchange(this.#words, WAITING + index, 0) === 1;
  }

  #read<T>(read: () => T): T {
    for (;;) {
      const before = Atomics.load(this.#words, LOCK);
      if ((before & 1) !== 0) continue;
      const value = read();
      if (Atomics.load(this.#words, LOCK) === before) return value;
    }
  }

  #get(number: number): number {
    const at = NUMBERS + 2 * number;
    return Atomics.load(this.#words, at) * 0x1_0000_0000 + (Atomics.load(this.#words, at + 1) >>> 0);
  }

  #set(number: number, value: number): void {
    const at = NUMBERS + 2 * number;
    Atomics.store(this.#words, at, Math.floor(value / 0x1_0000_0000));
    Atomics.store(this.#words, at + 1, value | 0);
  }
}

/** What the owner changes. */
export interface BoardWriter {
  durable(segment: number, end: number): void;
  oldest(segment: number): void;
  clock(clockMs: number): void;
  start(slot: number, offset: number): void;
  end(slot: number, offset: number): void;
}
