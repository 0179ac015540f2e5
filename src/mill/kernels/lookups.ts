/**
 * What an expression over one dictionary column gives, evaluated once a dictionary entry.
 *
 * A table belongs to a dictionary *object*: codes mean nothing without it. Dictionaries only grow,
 * so a table is extended, never rebuilt. Entry 0 is the null row, entry c + 1 is code c. An entry
 * whose evaluation fails is marked, so that only rows which have it fail.
 */
import type { Dictionary } from '../../event/dictionary.js';

/** Marks in lookup tables. */
export const FAILS = 2;
/** In tables of bits: an entry for which one of the expressions can't be evaluated. */
export const FAILS_BIT = 128;
/** In tables of ids: NULL, and an entry that can't be evaluated. */
export const NULL_ID = -1;
export const FAILS_ID = -2;

type Table = Int32Array | Uint8Array | Uint32Array | unknown[];

interface Entry<T> {
  known: number;
  table: T;
}

/** Tables of one expression, by dictionary. */
export class Lookup<T extends Table> {
  #tables = new WeakMap<Dictionary, Entry<T>>();
  readonly #create: (size: number) => T;
  readonly #fill: (table: T, at: number, dictionary: Dictionary, code: number) => void;

  /** `fill` sets entry `at` for `code`, -1 for the null row. */
  constructor(create: (size: number) => T, fill: (table: T, at: number, dictionary: Dictionary, code: number) => void) {
    this.#create = create;
    this.#fill = fill;
  }

  /** The table for all entries that `dictionary` has now. */
  of(dictionary: Dictionary): T {
    let entry = this.#tables.get(dictionary);
    if (entry === undefined) {
      entry = { known: 0, table: this.#create(Math.max(16, dictionary.size + 1)) };
      this.#tables.set(dictionary, entry);
    }
    const size = dictionary.size + 1;
    if (entry.known === size) return entry.table;
    if (entry.table.length < size) entry.table = this.#grown(entry.table, Math.max(size, entry.table.length * 2));
    for (let at = entry.known; at < size; at++) this.#fill(entry.table, at, dictionary, at - 1);
    entry.known = size;
    return entry.table;
  }

  #grown(table: T, size: number): T {
    const larger = this.#create(size);
    if (Array.isArray(larger)) (table as unknown[]).forEach((value, at) => (larger[at] = value));
    else (larger as Int32Array).set(table as Int32Array);
    return larger;
  }

  /** Forgets all tables. */
  clear(): void {
    this.#tables = new WeakMap();
  }
}
