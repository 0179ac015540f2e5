/**
 * The groups of one closed window on their way to the closed store, as the store's records:
 *
 *     hash u32 LE · key length · key · value length · value
 *
 * All records lie in one buffer; `order` sorts them by hash.
 */
import { ByteReader, ByteWriter } from '../../util/bytes.js';

/** One group of a closed window. */
export interface ClosedGroup {
  readonly hash: number;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** Records of one window, sorted by hash once `sort` was called. */
export class SealedGroups {
  readonly start: number;
  count = 0;
  readonly #bytes = new ByteWriter(1 << 14);
  readonly #value = new ByteWriter(256);
  #hashes = new Uint32Array(256);
  #ends = new Float64Array(256);
  #order = new Uint32Array(0);

  constructor(start: number) {
    this.start = start;
  }

  /** Adds a group; `writeValue` writes what is kept of it. */
  add(hash: number, key: Uint8Array, writeValue: (writer: ByteWriter) => void): void {
    if (this.count === this.#hashes.length) this.#grow();
    const bytes = this.#bytes;
    for (let shift = 0; shift < 32; shift += 8) bytes.byte((hash >>> shift) & 255);
    bytes.block(key);
    this.#value.length = 0;
    writeValue(this.#value);
    bytes.block(this.#value.view());
    this.#hashes[this.count] = hash;
    this.#ends[this.count++] = bytes.length;
  }

  #grow(): void {
    const hashes = new Uint32Array(this.count * 2);
    hashes.set(this.#hashes);
    this.#hashes = hashes;
    const ends = new Float64Array(this.count * 2);
    ends.set(this.#ends);
    this.#ends = ends;
  }

  /** Sorts the records; nothing may be added afterwards. */
  sort(): void {
    const order = Uint32Array.from({ length: this.count }, (_, index) => index);
    const hashes = this.#hashes;
    this.#order = order.sort((a, b) => hashes[a]! - hashes[b]!);
  }

  /** The hash of record `index` in order. */
  hashOf(index: number): number {
    return this.#hashes[this.#order[index]!]!;
  }

  /** Records `from` up to `to` in order, one after the other. */
  records(from: number, to: number): Uint8Array {
    const block = new ByteWriter(8_192);
    for (let index = from; index < to; index++) {
      const at = this.#order[index]!;
      block.raw(this.#bytes.bytes.subarray(at === 0 ? 0 : this.#ends[at - 1]!, this.#ends[at]!));
    }
    return block.view();
  }

  /** Groups `from` up to `to` in order. */
  groups(from: number, to: number): ClosedGroup[] {
    return [...readRecords(this.records(from, to))];
  }
}

/** The groups of records that lie one after the other. */
export function* readRecords(bytes: Uint8Array): Generator<ClosedGroup> {
  const reader = new ByteReader(bytes);
  while (reader.position < bytes.length) {
    const word = reader.raw(4);
    const hash = (word[0]! | (word[1]! << 8) | (word[2]! << 16) | (word[3]! << 24)) >>> 0;
    yield { hash, key: reader.block(), value: reader.block() };
  }
}

/** Groups as records. */
export function writeRecords(groups: readonly ClosedGroup[]): Uint8Array {
  const sealed = new SealedGroups(0);
  for (const { hash, key, value } of groups) sealed.add(hash, key, (writer) => writer.raw(value));
  sealed.sort();
  return sealed.records(0, groups.length);
}
