/** Entries of a state table that are on disk; see `state-table.ts`. */
import type { Key } from './state-table.js';

/** An entry on its way to a shelf. */
export interface Shelved {
  readonly key: Key;
  /** Null: what is there is what is put. */
  readonly bytes: Uint8Array | null;
  /** The moment that `due` finds it by, ms; null: it does not. */
  readonly due: number | null;
}

/** Where a table's entries lie that are not in memory; see `state/spill-space.ts`. */
export interface Shelf {
  get(key: Key): Uint8Array | undefined;
  put(entries: readonly Shelved[]): void;
  /** From now on there is no such entry. */
  hide(key: Key): void;
  /** Up to `max` keys that are due before `now`, ms, each once a moment. They may be there no more, or due later. */
  due(now: number, max: number): Key[];
  /** The first moment; undefined where there is none. */
  nextDue(): number | undefined;
  /** What the last snapshot has. */
  saved(): Iterable<{ readonly key: Key; readonly bytes: Uint8Array }>;
}

/** What an operator says of entries that leave memory and come back. */
export interface SpillHooks<State> {
  /** The moment at which an entry is asked for by itself, ms; null: never. Of each that leaves, and at a start of all. */
  due(state: State): number | null;
  /** An entry is in memory again, as its codec read it. */
  revived(key: Key, state: State): void;
  /** Some have left: timers of what is not in memory are of no use. */
  evicted(): void;
}

/** What a table knows of its entries on the shelf. */
export interface Spilled<State> {
  readonly shelf: Shelf;
  readonly hooks: SpillHooks<State>;
  /** How many are not in memory. */
  count: number;
  /** Keys of those that changed since the last freeze. */
  changed: Set<Key>;
  /** Keys of those that wait to be encoded as they lie there. */
  frozen: Set<Key>;
  /** A key that was asked for last, and is nowhere but in memory. */
  missed: Key | null;
}

/** Keys that are asked for at once because they are due. */
export const DUE_KEYS = 1_024;
/** Entries that leave memory in one write. */
const BATCH_ENTRIES = 1_024;

/** Puts entries on a shelf, many at once. */
export class ShelfBatch {
  readonly #shelf: Shelf;
  #entries: Shelved[] = [];

  constructor(shelf: Shelf) {
    this.#shelf = shelf;
  }

  add(entry: Shelved): void {
    this.#entries.push(entry);
    if (this.#entries.length === BATCH_ENTRIES) this.send();
  }

  /** Puts what was added since the last time. */
  send(): void {
    if (this.#entries.length > 0) this.#shelf.put(this.#entries);
    this.#entries = [];
  }
}
