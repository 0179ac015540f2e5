import type { ByteReader, ByteWriter } from '../../../util/bytes.js';
import type { BytePool } from '../byte-pool.js';
import { grownFloats, shadowFor } from './accumulator.js';
import type { Accumulator, UnitSource } from './accumulator.js';
import type { Value } from '../../../sql/value.js';

/**
 * `count(distinct x)`: every value of every group, whole, in one open-addressing table a window.
 *
 * An entry is (group, up to four words): an id of the view's pool for text, two words for integers,
 * times and doubles, four for a uuid. Full values, so the count is exact; the view's state budget
 * bounds it.
 */
export class DistinctAccumulator implements Accumulator, UnitSource {
  readonly groupBytes = 8;
  counts: Float64Array;
  readonly #width: number;
  readonly #pool: () => BytePool;
  /** Entry index + 1 a slot. */
  #slots = new Int32Array(64);
  /** `width + 1` words an entry: the group, then the value. */
  #entries: Int32Array;
  #size = 0;
  #shadow = new Float64Array(0);

  /** `width`: words a value; 1 means an id of `pool`. */
  constructor(capacity: number, width: number, pool: () => BytePool) {
    this.counts = new Float64Array(capacity);
    this.#width = width;
    this.#pool = pool;
    this.#entries = new Int32Array(32 * (width + 1));
  }

  grow(capacity: number): void {
    this.counts = grownFloats(this.counts, capacity);
  }

  addValue(_group: number, _value: Value): void {
    throw new TypeError('a distinct set takes words');
  }

  /** Adds a value by its words (zero those it does not have). */
  addWords(group: number, w0: number, w1: number, w2: number, w3: number): void {
    const mask = this.#slots.length - 1;
    const stride = this.#width + 1;
    const entries = this.#entries;
    let slot = hashEntry(group, w0, w1, w2, w3) & mask;
    for (; ; slot = (slot + 1) & mask) {
      const index = this.#slots[slot]! - 1;
      if (index < 0) break;
      const at = index * stride;
      if (entries[at] !== group || entries[at + 1] !== w0) continue;
      if (stride > 2 && entries[at + 2] !== w1) continue;
      if (stride > 3 && (entries[at + 3] !== w2 || entries[at + 4] !== w3)) continue;
      return;
    }
    this.#slots[slot] = this.#append(group, w0, w1, w2, w3);
    this.counts[group]!++;
    if (this.#size * 2 > this.#slots.length) this.#rehash(this.#slots.length * 2);
  }

  #append(group: number, w0: number, w1: number, w2: number, w3: number): number {
    const stride = this.#width + 1;
    const at = this.#size * stride;
    if (at + stride > this.#entries.length) {
      const larger = new Int32Array(this.#entries.length * 2);
      larger.set(this.#entries);
      this.#entries = larger;
    }
    this.#entries[at] = group;
    this.#entries[at + 1] = w0;
    if (stride > 2) this.#entries[at + 2] = w1;
    if (stride > 3) {
      this.#entries[at + 3] = w2;
      this.#entries[at + 4] = w3;
    }
    return ++this.#size;
  }

  #rehash(capacity: number): void {
    const stride = this.#width + 1;
    const slots = new Int32Array(capacity);
    for (let index = 0; index < this.#size; index++) {
      const at = index * stride;
      let slot =
        hashEntry(this.#entries[at]!, this.#entries[at + 1]!, this.#word(at, 2), this.#word(at, 3), this.#word(at, 4)) &
        (capacity - 1);
      while (slots[slot] !== 0) slot = (slot + 1) & (capacity - 1);
      slots[slot] = index + 1;
    }
    this.#slots = slots;
  }

  #word(at: number, index: number): number {
    return index <= this.#width ? this.#entries[at + index]! : 0;
  }

  units(group: number): number {
    return this.counts[group]!;
  }

  value(group: number): Value {
    return this.counts[group]!;
  }

  extraBytes(group: number): number {
    return this.counts[group]! * (this.#width + 3) * 4;
  }

  save(group: number, slot: number): void {
    this.#shadow = shadowFor(this.#shadow, slot);
    this.#shadow[slot] = this.counts[group]!;
  }

  same(group: number, slot: number): boolean {
    return this.#shadow[slot] === this.counts[group];
  }

  /** Gives every pool id its new one, after the pool was compacted. */
  remap(newIds: Int32Array): void {
    if (this.#width !== 1) return;
    for (let index = 0; index < this.#size; index++)
      this.#entries[index * 2 + 1] = newIds[this.#entries[index * 2 + 1]!]!;
    this.#rehash(this.#slots.length);
  }

  /** Calls `visit` with every pool id that is held. */
  eachId(visit: (id: number) => void): void {
    if (this.#width !== 1) return;
    for (let index = 0; index < this.#size; index++) visit(this.#entries[index * 2 + 1]!);
  }

  /** Entry indexes by group, built once for a run of `writePartial`. */
  #order: { starts: Int32Array; indexes: Int32Array; size: number } | null = null;

  #ordered(): { starts: Int32Array; indexes: Int32Array } {
    if (this.#order !== null && this.#order.size === this.#size) return this.#order;
    const stride = this.#width + 1;
    const starts = new Int32Array(this.counts.length + 1);
    for (let group = 0; group < this.counts.length; group++) starts[group + 1] = starts[group]! + this.counts[group]!;
    const next = starts.slice();
    const indexes = new Int32Array(this.#size);
    for (let index = 0; index < this.#size; index++) indexes[next[this.#entries[index * stride]!]!++] = index;
    this.#order = { starts, indexes, size: this.#size };
    return this.#order;
  }

  writePartial(group: number, writer: ByteWriter): void {
    const { starts, indexes } = this.#ordered();
    writer.unsigned(this.counts[group]!);
    for (let i = starts[group]!; i < starts[group + 1]!; i++) {
      const at = indexes[i]! * (this.#width + 1);
      if (this.#width === 1) writer.block(this.#pool().bytesOf(this.#entries[at + 1]!));
      else for (let word = 1; word <= this.#width; word++) writer.unsigned(this.#entries[at + word]! >>> 0);
    }
  }

  readPartial(group: number, reader: ByteReader): void {
    for (let left = reader.unsigned(); left > 0; left--) {
      if (this.#width === 1) {
        const bytes = reader.block();
        this.addWords(group, this.#pool().intern(bytes, 0, bytes.length), 0, 0, 0);
      } else {
        const words = [0, 0, 0, 0];
        for (let word = 0; word < this.#width; word++) words[word] = reader.unsigned() | 0;
        this.addWords(group, words[0]!, words[1]!, words[2]!, words[3]!);
      }
    }
  }

  /** Pool ids are kept: a snapshot holds the pool too. */
  write(_groups: number, writer: ByteWriter): void {
    writer.array(this.#entries, this.#size * (this.#width + 1));
  }

  read(_groups: number, reader: ByteReader): void {
    const stride = this.#width + 1;
    const entries = new Int32Array(reader.arrayCount(4));
    reader.array(entries);
    for (let at = 0; at < entries.length; at += stride) {
      const word = (index: number) => (index <= this.#width ? entries[at + index]! : 0);
      this.addWords(entries[at]!, word(1), word(2), word(3), word(4));
    }
  }
}

function hashEntry(group: number, w0: number, w1: number, w2: number, w3: number): number {
  let h = Math.imul(group ^ 0x9e3779b1, 0x85ebca6b);
  h = Math.imul((h ^ (h >>> 15)) + w0, 0xc2b2ae35);
  h = Math.imul((h ^ (h >>> 14)) + w1, 0x27d4eb2f);
  h = Math.imul((h ^ (h >>> 15)) + w2, 0x165667b1);
  h = Math.imul((h ^ (h >>> 14)) + w3, 0x85ebca6b);
  return (h ^ (h >>> 16)) >>> 0;
}
