/**
 * The keys that one guard holds, as its view's changes say.
 *
 * A key is guarded as long as a row with it is in the view and may still change, and for `forMs` after such
 * a row appeared. A row that its window's end has made final is no longer a reason by itself; a row without
 * windows is one until it leaves the view.
 *
 * Limits. `keysMax` keys, and as many open rows: beyond it the key whose row appeared longest ago leaves.
 *
 * Nearly no event is guarded, so a table of counts by hash says first that a key is not there (a counting Bloom
 * filter with one hash; L. Fan and others, Summary Cache, 1998): the key of most events is never put together. Who sends
 * values whose hashes collide costs a look-up each, no more.
 *
 * Invariant. Applying the same changes again, in order, from any place on, ends in the same keys: so a
 * snapshot that was written while changes came in is as good as one of a single moment.
 */

/** A key and why it is guarded. */
interface Held {
  readonly hash: number;
  /** Guarded until then in any case, ms since 1970. */
  until: number;
  /** Rows that may still change. */
  readonly rows: Set<string>;
}

/** One change of the view. */
export interface RowChange {
  /** The key that events are looked up by. */
  readonly key: string;
  /** Of the key's first part: `hashReader`. */
  readonly hash: number;
  /** Tells the row from all others of the view. */
  readonly row: string;
  /** `open`: it may still change; `closed`: it is final, or was corrected; `gone`: it is not there any more. */
  readonly state: 'open' | 'closed' | 'gone';
  /** When it appeared, if this is the first that is known of it; ms since 1970. */
  readonly appearedMs: number;
}

/** A key as a snapshot has it. */
export type SavedKey = readonly [key: string, until: number, rows: readonly string[], hash: number];

/** Least time between two looks for keys that are over, ms. */
const SWEEP_EVERY_MS = 5_000;

/** Counts of the filter for each key that may be held, and their limits. */
const SLOTS_A_KEY = 8;
const SLOTS_MIN = 1 << 10;
const SLOTS_MAX = 1 << 22;
/** A count that stands still: it can't be taken back. */
const COUNT_MAX = 255;

/** The keys of one guard. */
export class GuardKeys {
  /** Keys that left because there was no room. */
  evicted = 0;
  readonly #forMs: number;
  readonly #keysMax: number;
  /** In the order in which rows appeared last. */
  readonly #held = new Map<string, Held>();
  readonly #counts: Uint8Array;
  #rows = 0;
  #sweptAt = -Infinity;

  constructor(options: { readonly forMs: number; readonly keysMax: number }) {
    this.#forMs = options.forMs;
    this.#keysMax = options.keysMax;
    const slots = 2 ** Math.ceil(Math.log2(options.keysMax * SLOTS_A_KEY));
    this.#counts = new Uint8Array(Math.min(SLOTS_MAX, Math.max(SLOTS_MIN, slots)));
  }

  /** Keys that are held; some of them may be over. */
  get size(): number {
    return this.#held.size;
  }

  /** Whether a key whose first part has this hash may be held; false: none is. */
  mayHave(hash: number): boolean {
    return this.#counts[hash & (this.#counts.length - 1)]! > 0;
  }

  /** Whether events with the key are guarded at `nowMs`. */
  has(key: string, nowMs: number): boolean {
    const held = this.#held.get(key);
    return held !== undefined && (held.rows.size > 0 || held.until > nowMs);
  }

  /** Takes a change. */
  apply({ key, hash, row, state, appearedMs }: RowChange, nowMs: number): void {
    const held = this.#held.get(key);
    const isOpen = held?.rows.has(row) === true;
    if (state === 'open' && isOpen) return;
    if (isOpen) {
      held.rows.delete(row);
      this.#rows -= 1;
    }
    if (state === 'gone' || isOpen) {
      if (held !== undefined && held.rows.size === 0 && held.until <= nowMs) this.#remove(key, held);
      return;
    }
    const until = Math.max(held?.until ?? 0, appearedMs + this.#forMs);
    if (state === 'closed' && until <= nowMs) return;
    const rows = held?.rows ?? new Set();
    if (state === 'open') {
      rows.add(row);
      this.#rows += 1;
    }
    if (held !== undefined) this.#remove(key, held);
    this.#put(key, { hash, until, rows });
    this.#makeRoom();
  }

  /** Lets keys go that are over; looks at all of them, now and then. */
  sweep(nowMs: number): void {
    if (nowMs - this.#sweptAt < SWEEP_EVERY_MS) return;
    this.#sweptAt = nowMs;
    for (const [key, held] of this.#held) if (held.rows.size === 0 && held.until <= nowMs) this.#remove(key, held);
  }

  /** Forgets all. */
  clear(): void {
    this.#held.clear();
    this.#counts.fill(0);
    this.#rows = 0;
  }

  /** Puts a key of a snapshot back. */
  restore([key, until, rows, hash]: SavedKey): void {
    this.#put(key, { hash, until, rows: new Set(rows) });
    this.#rows += rows.length;
    this.#makeRoom();
  }

  /** All keys, the oldest first; changes may come in between. */
  *saved(): IterableIterator<SavedKey> {
    for (const [key, { hash, until, rows }] of this.#held) yield [key, until, [...rows], hash];
  }

  #put(key: string, held: Held): void {
    const slot = held.hash & (this.#counts.length - 1);
    if (this.#counts[slot]! < COUNT_MAX) this.#counts[slot]! += 1;
    this.#held.set(key, held);
  }

  #remove(key: string, { hash }: Held): void {
    const slot = hash & (this.#counts.length - 1);
    if (this.#counts[slot]! < COUNT_MAX) this.#counts[slot]! -= 1;
    this.#held.delete(key);
  }

  #makeRoom(): void {
    for (const [key, held] of this.#held) {
      if (this.#held.size <= this.#keysMax && this.#rows <= this.#keysMax) return;
      this.#remove(key, held);
      this.#rows -= held.rows.size;
      this.evicted += 1;
    }
  }
}
