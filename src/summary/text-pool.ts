/**
 * Byte strings of one table, each kept once: bytes → code and code → bytes.
 *
 * Purpose: rows hold 32-bit codes instead of texts, so that keys compare as integers. Code 0 is
 * null. Codes mean nothing outside their pool; a pool dies with its table, so what is no longer
 * stored costs nothing. There is no limit here: the owner watches `bytes` and seals the table.
 *
 * Layout: entry c is `data[offsets[c] .. offsets[c + 1]]`; the hash table is open addressing over
 * codes with linear probing, at most half full.
 */
import { hashBytes, type Dictionary } from '../event/dictionary.js';

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** The code of null. */
export const NULL_CODE = 0;

/** An append-only pool of byte strings. */
export class TextPool {
  /** One more than the largest code. */
  size = 1;
  #offsets = new Uint32Array(64);
  #data = new Uint8Array(1024);
  #hashes = new Uint32Array(64);
  #slots = new Int32Array(128);
  readonly #strings: (string | undefined)[] = [];
  readonly #lookups = new WeakMap<Dictionary, Int32Array>();

  /** Bytes of memory this pool holds, about. */
  get bytes(): number {
    return this.#data.length + this.#offsets.length * 8 + this.#slots.length * 4;
  }

  /** The bytes of an entry: a view, valid until the next `intern`. */
  bytesOf(code: number): Uint8Array {
    return this.#data.subarray(this.#offsets[code]!, this.#offsets[code + 1]!);
  }

  /** The text of an entry, decoded once. */
  stringOf(code: number): string {
    return (this.#strings[code] ??= decoder.decode(this.bytesOf(code)));
  }

  /** The code of `source[start .. end]`, adding it if new. */
  intern(source: Uint8Array, start = 0, end = source.length): number {
    const hash = hashBytes(source, start, end);
    const slot = this.#probe(hash, source, start, end);
    const found = this.#slots[slot]!;
    return found > 0 ? found : this.#append(slot, hash, source, start, end);
  }

  /** As `intern`, for a string. */
  internString(text: string): number {
    return this.intern(encoder.encode(text));
  }

  /** The code of a byte string, or -1 when it is not an entry. */
  find(source: Uint8Array): number {
    const found = this.#slots[this.#probe(hashBytes(source, 0, source.length), source, 0, source.length)]!;
    return found > 0 ? found : -1;
  }

  /** As `find`, for a string. */
  findString(text: string): number {
    return this.find(encoder.encode(text));
  }

  /** The table from a dictionary's codes to this pool's; 0 where not known yet: then ask `ofDictionary`. */
  lookup(dictionary: Dictionary): Int32Array {
    const known = this.#lookups.get(dictionary);
    if (known !== undefined && known.length >= dictionary.size) return known;
    const lookup = new Int32Array(Math.max(64, dictionary.size, (known?.length ?? 0) * 2));
    if (known !== undefined) lookup.set(known);
    this.#lookups.set(dictionary, lookup);
    return lookup;
  }

  /** This pool's code for a code of `dictionary`, adding the entry if new. */
  ofDictionary(dictionary: Dictionary, code: number): number {
    return this.intern(dictionary.data, dictionary.offsets[code]!, dictionary.offsets[code + 1]!);
  }

  #append(slot: number, hash: number, source: Uint8Array, start: number, end: number): number {
    const code = this.size;
    const from = this.#offsets[code]!;
    const to = from + (end - start);
    if (code + 2 > this.#offsets.length) {
      this.#offsets = grown(this.#offsets, this.#offsets.length * 2);
      this.#hashes = grown(this.#hashes, this.#hashes.length * 2);
    }
    if (to > this.#data.length) {
      const larger = new Uint8Array(Math.max(to, this.#data.length * 2));
      larger.set(this.#data);
      this.#data = larger;
    }
    for (let i = start, o = from; i < end; i++, o++) this.#data[o] = source[i]!;
    this.#offsets[code + 1] = to;
    this.#hashes[code] = hash;
    this.#slots[slot] = code;
    this.size = code + 1;
    if (this.size * 2 >= this.#slots.length) this.#rehash();
    return code;
  }

  #rehash(): void {
    const slots = new Int32Array(this.#slots.length * 2);
    const mask = slots.length - 1;
    for (let code = 1; code < this.size; code++) {
      let slot = this.#hashes[code]! & mask;
      while (slots[slot]! > 0) slot = (slot + 1) & mask;
      slots[slot] = code;
    }
    this.#slots = slots;
  }

  #probe(hash: number, source: Uint8Array, start: number, end: number): number {
    const mask = this.#slots.length - 1;
    const length = end - start;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const code = this.#slots[slot]!;
      if (code === 0) return slot;
      if (this.#hashes[code] !== hash) continue;
      const at = this.#offsets[code]!;
      if (this.#offsets[code + 1]! - at !== length) continue;
      let i = 0;
      while (i < length && this.#data[at + i] === source[start + i]) i++;
      if (i === length) return slot;
    }
  }
}

function grown(array: Uint32Array, length: number): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(length);
  larger.set(array);
  return larger;
}
