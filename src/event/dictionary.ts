/**
 * An append-only table of byte strings: code → bytes and bytes → code.
 *
 * Whoever interns (a decoder, a segment's writer) owns one; readers hold the same object and see
 * it grow. Bounds: `ENTRIES_MAX` entries and `BYTES_MAX` bytes by default; past either `intern` answers -1
 * and the caller stores plain bytes instead, so hostile input cannot grow memory.
 *
 * Layout: entry c is `data[offsets[c] .. offsets[c + 1]]`. The hash table is open addressing over
 * codes with linear probing, at most half full, and is built only when something interns or
 * looks up, so that a dictionary which is merely read (`appendEntries`) costs its bytes. Its hash
 * is keyed, so that nobody can send strings that collide.
 */
import { keyedHash, THREAD_HASH_KEY, type HashKey } from './keyed-hash.js';

/** Most entries one dictionary holds: codes are at most 16 bits. */
export const ENTRIES_MAX = 65_536;

/** Most bytes one dictionary holds. */
export const BYTES_MAX = 4 * 1024 * 1024;

const decoder = new TextDecoder();
const encoder = new TextEncoder();
const scratch = new Uint8Array(64);

/** An append-only table of byte strings. */
export class Dictionary {
  /** How many entries there are; codes are `0 .. size - 1`. */
  size = 0;
  /** `offsets[c]` is where entry c starts, `offsets[size]` where the bytes end. May be longer. */
  offsets = new Uint32Array(65);
  /** The entries' bytes, one after the other. May be longer than `offsets[size]`. */
  data = new Uint8Array(1024);

  #hashes = new Uint32Array(0);
  #slots: Int32Array | null = null;
  readonly #strings: (string | undefined)[] = [];
  readonly #entriesMax: number;
  readonly #bytesMax: number;
  readonly #key: HashKey;

  /** Bounds other than the log's are for a dictionary that leaves no process and whose owner bounds it. */
  constructor(entriesMax = ENTRIES_MAX, bytesMax = BYTES_MAX, key = THREAD_HASH_KEY) {
    this.#entriesMax = entriesMax;
    this.#bytesMax = bytesMax;
    this.#key = key;
  }

  /** The bytes of entry `code`: a view, valid as long as nobody writes to it. */
  bytesOf(code: number): Uint8Array {
    return this.data.subarray(this.offsets[code]!, this.offsets[code + 1]!);
  }

  /** The text of entry `code`, decoded once. */
  stringOf(code: number): string {
    return (this.#strings[code] ??= decoder.decode(this.bytesOf(code)));
  }

  /** Bytes of all entries together. */
  get bytes(): number {
    return this.offsets[this.size]!;
  }

  /** The code of `source[start .. end]`, adding it if new; -1 when the dictionary is full. */
  intern(source: Uint8Array, start = 0, end = source.length): number {
    const hash = keyedHash(this.#key, source, start, end);
    const slots = this.#slots ?? this.#index();
    const slot = this.#probe(slots, hash, source, start, end);
    const found = slots[slot]!;
    if (found >= 0) return found;
    return this.#append(slot, hash, source, start, end);
  }

  /** As `intern`, for a string. */
  internString(text: string): number {
    const length = asciiInto(text, scratch);
    return length >= 0 ? this.intern(scratch, 0, length) : this.intern(encoder.encode(text));
  }

  /** The code of `source[start .. end]`, or -1 when it is not an entry. */
  find(source: Uint8Array, start = 0, end = source.length): number {
    const slots = this.#slots ?? this.#index();
    return slots[this.#probe(slots, keyedHash(this.#key, source, start, end), source, start, end)]!;
  }

  /**
   * Adds `count` entries as they come, without looking for equals: what a dictionary page does.
   * Lengths are `lengths[0 .. count]`, the bytes start at `data[start]`. Only for entries that
   * another dictionary interned.
   */
  appendEntries(lengths: ArrayLike<number>, count: number, data: Uint8Array, start: number): void {
    while (this.size + count + 1 > this.offsets.length) this.#growEntries();
    let to = this.offsets[this.size]!;
    const from = to;
    for (let i = 0; i < count; i++) {
      to += lengths[i]!;
      this.offsets[this.size + i + 1] = to;
    }
    if (to > this.data.length) this.data = grown(this.data, Math.max(to, this.data.length * 2));
    this.data.set(data.subarray(start, start + (to - from)), from);
    this.size += count;
    this.#slots = null;
  }

  /** Adds an entry without looking for equals, as `appendEntries` does; -1 when the dictionary is full. */
  append(source: Uint8Array, start: number, end: number): number {
    const code = this.size;
    const from = this.offsets[code]!;
    const to = from + (end - start);
    if (code >= this.#entriesMax || to > this.#bytesMax) return -1;
    if (code + 2 > this.offsets.length) this.#growEntries();
    if (to > this.data.length) this.data = grown(this.data, Math.max(to, this.data.length * 2));
    for (let i = start, o = from; i < end; i++, o++) this.data[o] = source[i]!;
    this.offsets[code + 1] = to;
    this.size = code + 1;
    this.#slots = null;
    return code;
  }

  /** As `append`, for a string. */
  appendString(text: string): number {
    const length = asciiInto(text, scratch);
    if (length >= 0) return this.append(scratch, 0, length);
    const bytes = encoder.encode(text);
    return this.append(bytes, 0, bytes.length);
  }

  #append(slot: number, hash: number, source: Uint8Array, start: number, end: number): number {
    const code = this.size;
    const from = this.offsets[code]!;
    const to = from + (end - start);
    if (code >= this.#entriesMax || to > this.#bytesMax) return -1;
    if (code + 2 > this.offsets.length) this.#growEntries();
    if (code >= this.#hashes.length) this.#growHashes();
    if (to > this.data.length) this.data = grown(this.data, Math.max(to, this.data.length * 2));
    for (let i = start, o = from; i < end; i++, o++) this.data[o] = source[i]!;
    this.offsets[code + 1] = to;
    this.#hashes[code] = hash;
    this.#slots![slot] = code;
    this.size = code + 1;
    if (this.size * 2 >= this.#slots!.length) this.#slots = this.#rehash(this.#slots!.length * 2);
    return code;
  }

  #growEntries(): void {
    const offsets = new Uint32Array((this.offsets.length - 1) * 2 + 1);
    offsets.set(this.offsets);
    this.offsets = offsets;
  }

  #growHashes(): void {
    const hashes = new Uint32Array(this.offsets.length - 1);
    hashes.set(this.#hashes);
    this.#hashes = hashes;
  }

  /** Hashes the entries (those from pages have none yet) and builds the table. */
  #index(): Int32Array {
    this.#growHashes();
    for (let code = 0; code < this.size; code++)
      this.#hashes[code] = keyedHash(this.#key, this.data, this.offsets[code]!, this.offsets[code + 1]!);
    return (this.#slots = this.#rehash(1 << 7));
  }

  #rehash(least: number): Int32Array {
    let capacity = least;
    while (capacity < this.size * 2 + 2) capacity *= 2;
    const slots = new Int32Array(capacity).fill(-1);
    for (let code = 0; code < this.size; code++) {
      const hash = this.#hashes[code]!;
      let slot = hash & (capacity - 1);
      while (slots[slot]! >= 0) slot = (slot + 1) & (capacity - 1);
      slots[slot] = code;
    }
    return slots;
  }

  #probe(slots: Int32Array, hash: number, source: Uint8Array, start: number, end: number): number {
    const mask = slots.length - 1;
    const length = end - start;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const code = slots[slot]!;
      if (code < 0) return slot;
      if (this.#hashes[code] !== hash) continue;
      const at = this.offsets[code]!;
      if (this.offsets[code + 1]! - at !== length) continue;
      let i = 0;
      while (i < length && this.data[at + i] === source[start + i]) i++;
      if (i === length) return slot;
    }
  }
}

/** Writes a short text of ASCII and answers its length; -1 for any other: a call of the encoder costs more than the text. */
function asciiInto(text: string, into: Uint8Array): number {
  const { length } = text;
  if (length > into.length) return -1;
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 127) return -1;
    into[i] = unit;
  }
  return length;
}

function grown(data: Uint8Array, size: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(size);
  larger.set(data);
  return larger;
}

/**
 * FNV-1a over bytes with a final mix (murmur3's), 32 bits: the same everywhere and for ever. Which
 * partition a tenant is in follows from it; a table of what senders choose takes `keyedHash`.
 */
export function hashBytes(source: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ source[i]!, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
