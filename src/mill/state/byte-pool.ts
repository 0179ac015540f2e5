/**
 * A view's own table of byte strings: text ↔ a small integer that keys and distinct sets hold.
 *
 * Codes of the log's dictionaries mean nothing outside their segment; ids of this pool mean
 * something as long as the pool lives. Ids are dense from 0. It grows without a bound of its own:
 * the view's state budget refuses new groups, and `compacted` drops what no group holds any more.
 *
 * Layout as in `event/dictionary.ts`: entry c is `data[offsets[c] .. offsets[c + 1]]`, hash table
 * of open addressing over ids, linear probing, at most half full.
 */
import { hashBytes } from '../../event/dictionary.js';
import type { ByteReader, ByteWriter } from '../../util/bytes.js';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** An append-only table of byte strings, numbered from 0. */
export class BytePool {
  size = 0;
  #offsets = new Float64Array(65);
  #data = new Uint8Array(1024);
  #hashes = new Uint32Array(64);
  #slots = new Int32Array(128).fill(-1);

  /** Bytes of all entries together. */
  get bytes(): number {
    return this.#offsets[this.size]!;
  }

  /** The bytes of an entry: a view, valid until the next `intern`. */
  bytesOf(id: number): Uint8Array {
    return this.#data.subarray(this.#offsets[id]!, this.#offsets[id + 1]!);
  }

  /** The lengths of some entries, and their bytes one after the other. */
  gather(ids: Int32Array, count: number): { readonly lengths: Uint32Array; readonly data: Uint8Array } {
    const lengths = new Uint32Array(count);
    let total = 0;
    for (let i = 0; i < count; i++) total += lengths[i] = this.lengthOf(ids[i]!);
    const data = new Uint8Array(total);
    const source = this.#data;
    let to = 0;
    for (let i = 0; i < count; i++) {
      let from = this.#offsets[ids[i]!]!;
      for (const end = to + lengths[i]!; to < end;) data[to++] = source[from++]!;
    }
    return { lengths, data };
  }

  /** The text of an entry. */
  stringOf(id: number): string {
    return decoder.decode(this.bytesOf(id));
  }

  /** The length of an entry in bytes. */
  lengthOf(id: number): number {
    return this.#offsets[id + 1]! - this.#offsets[id]!;
  }

  /** The id of `source[start .. end]`, adding it if new. */
  intern(source: Uint8Array, start: number, end: number): number {
    const hash = hashBytes(source, start, end);
    const mask = this.#slots.length - 1;
    const length = end - start;
    let slot = hash & mask;
    for (; ; slot = (slot + 1) & mask) {
      const id = this.#slots[slot]!;
      if (id < 0) break;
      if (this.#hashes[id] !== hash) continue;
      const at = this.#offsets[id]!;
      if (this.#offsets[id + 1]! - at !== length) continue;
      let i = 0;
      while (i < length && this.#data[at + i] === source[start + i]) i++;
      if (i === length) return id;
    }
    return this.#append(slot, hash, source.subarray(start, end));
  }

  /** As `intern`, for a string. */
  internString(text: string): number {
    const bytes = encoder.encode(text);
    return this.intern(bytes, 0, bytes.length);
  }

  #append(slot: number, hash: number, bytes: Uint8Array): number {
    const id = this.size;
    const from = this.#offsets[id]!;
    const to = from + bytes.length;
    if (id + 2 > this.#offsets.length) this.#growEntries();
    if (to > this.#data.length) this.#data = grown(this.#data, Math.max(to, this.#data.length * 2));
    this.#data.set(bytes, from);
    this.#offsets[id + 1] = to;
    this.#hashes[id] = hash;
    this.#slots[slot] = id;
    this.size = id + 1;
    if (this.size * 2 >= this.#slots.length) this.#rehash(this.#slots.length * 2);
    return id;
  }

  #growEntries(): void {
    const count = this.#offsets.length - 1;
    const offsets = new Float64Array(count * 2 + 1);
    offsets.set(this.#offsets);
    this.#offsets = offsets;
    const hashes = new Uint32Array(count * 2);
    hashes.set(this.#hashes);
    this.#hashes = hashes;
  }

  #rehash(capacity: number): void {
    const slots = new Int32Array(capacity).fill(-1);
    for (let id = 0; id < this.size; id++) {
      let slot = this.#hashes[id]! & (capacity - 1);
      while (slots[slot]! >= 0) slot = (slot + 1) & (capacity - 1);
      slots[slot] = id;
    }
    this.#slots = slots;
  }

  /** Writes all entries. */
  write(writer: ByteWriter): void {
    writer.unsigned(this.size);
    for (let id = 0; id < this.size; id++) writer.unsigned(this.lengthOf(id));
    writer.raw(this.#data.subarray(0, this.bytes));
  }

  /** A pool with the entries that `write` wrote, under the same ids. */
  static read(reader: ByteReader): BytePool {
    const pool = new BytePool();
    const lengths = Array.from({ length: reader.unsigned() }, () => reader.unsigned());
    for (const length of lengths) {
      const bytes = reader.raw(length);
      pool.intern(bytes, 0, length);
    }
    return pool;
  }
}

function grown(data: Uint8Array, size: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(size);
  larger.set(data);
  return larger;
}
