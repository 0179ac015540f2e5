/**
 * A dictionary's entries as the JSON strings that they become, escaped once: a row then costs a copy.
 *
 * They live as long as their dictionary and are shared by all who write JSON in a thread. An entry
 * lacks the opening quote (it is part of the key before it) and brings the comma behind it.
 * Bound: 6 times a dictionary's bytes at the most (control characters only), else about the same.
 */
import type { Dictionary } from '../../event/dictionary.js';
import { ESCAPED_BYTES_MAX, putText } from './text.js';

/** Bytes that may be read behind the last entry. */
const SLACK = 8;

/** The entries of one dictionary; entry c is `view[offsets[c] .. offsets[c + 1]]`. */
export class JsonEntries {
  view = new DataView(new ArrayBuffer(256));
  offsets = new Uint32Array(17);
  #size = 0;

  /** Takes in what the dictionary got since the last time. */
  extend(dictionary: Dictionary): void {
    const { size } = dictionary;
    if (this.#size === size) return;
    const source = new DataView(dictionary.data.buffer, dictionary.data.byteOffset, dictionary.data.byteLength);
    if (size >= this.offsets.length) this.#growOffsets(size);
    for (let code = this.#size; code < size; code++) {
      const from = dictionary.offsets[code]!;
      const to = dictionary.offsets[code + 1]!;
      const start = this.offsets[code]!;
      this.#reserve(start, (to - from) * ESCAPED_BYTES_MAX + 2 + SLACK);
      const end = putText(this.view, start, source, from, to);
      this.view.setUint16(end, 0x2c22, true);
      this.offsets[code + 1] = end + 2;
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

const known = new WeakMap<Dictionary, JsonEntries>();

/** The entries of a dictionary, all of them at hand. */
export function jsonEntriesOf(dictionary: Dictionary): JsonEntries {
  let entries = known.get(dictionary);
  if (entries === undefined) known.set(dictionary, (entries = new JsonEntries()));
  entries.extend(dictionary);
  return entries;
}
