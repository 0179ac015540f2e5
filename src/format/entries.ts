/**
 * A dictionary's entries in the form that a format gives them, made once: a row then costs a copy.
 *
 * They live as long as their dictionary. Bound: what the form makes of a dictionary's bytes, for
 * JSON and CSV at most 6 times as many, nearly always about the same.
 */
import type { Dictionary } from '../event/dictionary.js';

/** Writes the form of `source[from .. to]` at `view[at]` and answers where it ends. */
export type PutEntry = (view: DataView, at: number, source: DataView, from: number, to: number) => number;

/** Most bytes that a form has for each byte of an entry, and beside them. */
const ENTRY_BYTES_FACTOR = 6;
const ENTRY_BYTES_MORE = 8;

/** Bytes that may be read behind the last entry. */
const SLACK = 8;

/** The entries of one dictionary; entry c is `view[offsets[c] .. offsets[c + 1]]`. */
export class Entries {
  view = new DataView(new ArrayBuffer(256));
  offsets = new Uint32Array(17);
  #size = 0;

  /** Takes in what the dictionary got since the last time. */
  extend(dictionary: Dictionary, put: PutEntry): void {
    const { size } = dictionary;
    if (this.#size === size) return;
    const source = new DataView(dictionary.data.buffer, dictionary.data.byteOffset, dictionary.data.byteLength);
    if (size >= this.offsets.length) this.#growOffsets(size);
    for (let code = this.#size; code < size; code++) {
      const from = dictionary.offsets[code]!;
      const to = dictionary.offsets[code + 1]!;
      const start = this.offsets[code]!;
      this.#reserve(start, (to - from) * ENTRY_BYTES_FACTOR + ENTRY_BYTES_MORE + SLACK);
      this.offsets[code + 1] = put(this.view, start, source, from, to);
    }
    this.#size = size;
  }

  #growOffsets(size: number): void {
    const offsets = new Uint32Array(Math.max(size + 1, (this.offsets.length - 1) * 2 + 1));
    offsets.set(this.offsets);
    this.offsets = offsets;
  }

  #reserve(used: number, bytes: number): void {
    if (used + bytes <= this.view.byteLength) return;
    const larger = new Uint8Array(Math.max(used + bytes, this.view.byteLength * 2));
    larger.set(new Uint8Array(this.view.buffer, 0, used));
    this.view = new DataView(larger.buffer);
  }
}

/** Entries in one form, by dictionary. */
export class EntryCache {
  readonly #put: PutEntry;
  readonly #known = new WeakMap<Dictionary, Entries>();

  constructor(put: PutEntry) {
    this.#put = put;
  }

  /** The entries of a dictionary, all of them at hand. */
  of(dictionary: Dictionary): Entries {
    let entries = this.#known.get(dictionary);
    if (entries === undefined) this.#known.set(dictionary, (entries = new Entries()));
    entries.extend(dictionary, this.#put);
    return entries;
  }
}
