/**
 * Keys that were seen within a window, each with when.
 *
 * Keys are 128 bits of a hash, in open addressing, in **generations** by time: each holds an eighth
 * of the window, and a generation whose newest key is out of the window goes as a whole.
 *
 * Bound: `keysMax`; beyond it the oldest generation goes before its time, which is counted. About 48
 * bytes a key.
 */

const GENERATIONS = 8;
const WORDS = 4;

interface Generation {
  /** Four words a slot; a slot is in use when its time is not NaN. */
  words: Uint32Array;
  times: Float64Array;
  used: number;
  readonly fromMs: number;
  newestMs: number;
}

/** Keys seen within a window. */
export class SeenKeys {
  readonly #windowMs: number;
  readonly #keysMax: number;
  #generations: Generation[] = [];
  /** Keys that left before their time. */
  evicted = 0;

  constructor(windowMs: number, keysMax: number) {
    this.#windowMs = windowMs;
    this.#keysMax = keysMax;
  }

  /** How many keys there are. */
  get size(): number {
    let keys = 0;
    for (const { used } of this.#generations) keys += used;
    return keys;
  }

  /** Whether the key `words[at .. at + 4]` was not seen within the window before `ms`; notes it if so. */
  add(words: Uint32Array, at: number, ms: number): boolean {
    for (let i = this.#generations.length - 1; i >= 0; i--) {
      const { times, words: known } = this.#generations[i]!;
      const slot = probe(known, times, words, at);
      if (!Number.isNaN(times[slot]!) && ms - times[slot]! < this.#windowMs) return false;
    }
    this.#put(words, at, ms);
    return true;
  }

  /** Notes a key that is known to be the first. */
  note(words: Uint32Array, at: number, ms: number): void {
    this.#put(words, at, ms);
  }

  /** A key that was noted shall count as not seen. */
  forget(words: Uint32Array, at: number): void {
    for (const { times, words: known } of this.#generations) {
      const slot = probe(known, times, words, at);
      if (!Number.isNaN(times[slot]!)) times[slot] = -Infinity;
    }
  }

  /** Forgets everything. */
  clear(): void {
    this.#generations = [];
  }

  #put(words: Uint32Array, at: number, ms: number): void {
    const generation = this.#generationOf(ms);
    if ((generation.used + 1) * 2 > generation.times.length) grow(generation);
    const slot = probe(generation.words, generation.times, words, at);
    if (Number.isNaN(generation.times[slot]!)) {
      generation.words.set(words.subarray(at, at + WORDS), slot * WORDS);
      generation.used += 1;
    }
    generation.times[slot] = ms;
    generation.newestMs = Math.max(generation.newestMs, ms);
    if (this.size > this.#keysMax && this.#generations.length > 1) this.evicted += this.#generations.shift()!.used;
  }

  #generationOf(ms: number): Generation {
    const last = this.#generations.at(-1);
    // A window that is full of keys at one moment is parted all the same, or nothing could leave.
    const isFull = last !== undefined && last.used >= Math.ceil(this.#keysMax / GENERATIONS);
    if (last !== undefined && !isFull && ms - last.fromMs < this.#windowMs / GENERATIONS) return last;
    while (this.#generations.length > 0 && ms - this.#generations[0]!.newestMs >= this.#windowMs)
      this.#generations.shift();
    const next: Generation = { ...emptySlots(64), used: 0, fromMs: ms, newestMs: ms };
    this.#generations.push(next);
    return next;
  }
}

function emptySlots(capacity: number): { words: Uint32Array; times: Float64Array } {
  return { words: new Uint32Array(capacity * WORDS), times: new Float64Array(capacity).fill(NaN) };
}

/** The slot of a key, or the free one where it would be. The words are those of a hash already. */
function probe(known: Uint32Array, times: Float64Array, words: Uint32Array, at: number): number {
  const mask = times.length - 1;
  for (let slot = words[at]! & mask; ; slot = (slot + 1) & mask) {
    if (Number.isNaN(times[slot]!)) return slot;
    const start = slot * WORDS;
    if (
      known[start] === words[at] &&
      known[start + 1] === words[at + 1] &&
      known[start + 2] === words[at + 2] &&
      known[start + 3] === words[at + 3]
    )
      return slot;
  }
}

function grow(generation: Generation): void {
  const { words, times } = generation;
  const larger = emptySlots(times.length * 2);
  for (let slot = 0; slot < times.length; slot++) {
    if (Number.isNaN(times[slot]!)) continue;
    const to = probe(larger.words, larger.times, words, slot * WORDS);
    larger.words.set(words.subarray(slot * WORDS, slot * WORDS + WORDS), to * WORDS);
    larger.times[to] = times[slot]!;
  }
  generation.words = larger.words;
  generation.times = larger.times;
}
