/**
 * Changes of a result since they were published last, netted by key.
 *
 * An open table of hashes over changes that lie in arrays: no text a key, no object a change. A key's changes
 * (rows that differ) are a chain; one that was netted to nothing is used again for the key's next row, or left
 * out when the table grows.
 *
 * Bounded by what changes between two publications. Recovery: all of it is one entry of a snapshot.
 */
import type { SqlType } from '../../sql/plan.js';
import { ByteReader, ByteWriter } from '../../util/bytes.js';
import { rowsOfBlock, type Block } from './block.js';
import type { Row, StateBudget } from './operator.js';
import { identicalRows } from './order.js';
import type { RowIdentity } from './row-identity.js';
import { rowCodec } from './rows.js';
import type { Key, SavedEntry, StateCodec, StateStore } from './state-table.js';

/** Bytes of one change. */
const CHANGE_BYTES = 96;
const CAPACITY_MIN = 1024;
const NONE = -1;

/** Netted changes by key. */
export class PendingChanges implements StateStore {
  readonly name = 'pending';
  bytes = 0;
  /** Row of each change, and how often it came (or went): 0 where that is netted to nothing. */
  readonly rows: Row[] = [];
  readonly weights: number[] = [];
  /** The next change of the same key; -1: none. */
  #next = new Int32Array((CAPACITY_MIN >> 1) + 1).fill(NONE);
  #hashes = new Int32Array((CAPACITY_MIN >> 1) + 1);
  /** Of each key's first change whether it is one. */
  #isFirst = new Uint8Array((CAPACITY_MIN >> 1) + 1);
  #places = new Int32Array(CAPACITY_MIN).fill(NONE);
  readonly #identity: RowIdentity;
  readonly #identical: (a: Row, b: Row) => boolean;
  readonly #codec: StateCodec<Row>;
  readonly #budget: StateBudget;
  #blocks: Block[] = [];
  #blockRows = 0;
  #wasSaved = false;
  #saved: SavedEntry[] = [];

  /** `identity`: which rows have one key. */
  constructor(types: readonly SqlType[], identity: RowIdentity, budget: StateBudget) {
    this.#identity = identity;
    this.#identical = identicalRows(types);
    this.#codec = rowCodec(types.map((type) => ({ type })));
    this.#budget = budget;
  }

  /** Changes, netted ones included. */
  get size(): number {
    return this.rows.length + this.#blockRows;
  }

  /** Takes a block as it is; its rows are added one by one only if they have to be saved. */
  addBlock(block: Block): void {
    this.#blocks.push(block);
    this.#blockRows += block.count;
  }

  /** The blocks that were taken. */
  takeBlocks(): Block[] {
    const taken = this.#blocks;
    this.#blocks = [];
    this.#blockRows = 0;
    return taken;
  }

  /** Adds the rows of the blocks one by one. */
  spread(): void {
    for (const block of this.takeBlocks()) for (const row of rowsOfBlock(block)) this.add(row, 1);
  }

  add(row: Row, weight: number): void {
    const { isSame, hash: hashOf } = this.#identity;
    const hash = hashOf(row);
    const places = this.#places;
    const mask = places.length - 1;
    let at = hash & mask;
    for (let first = places[at]!; first !== NONE; first = places[at]!) {
      if (this.#hashes[first] === hash && isSame(this.rows[first]!, row)) return this.#addTo(first, row, weight, hash);
      at = (at + 1) & mask;
    }
    const change = this.#push(row, weight, hash);
    this.#isFirst[change] = 1;
    places[at] = change;
    if (this.rows.length * 2 > places.length) this.#grow();
  }

  #addTo(first: number, row: Row, weight: number, hash: number): void {
    let free = NONE;
    let last = first;
    for (let change = first; change !== NONE; change = this.#next[change]!) {
      if (this.rows[change] === row || this.#identical(this.rows[change]!, row)) {
        this.weights[change]! += weight;
        return;
      }
      if (free === NONE && this.weights[change] === 0) free = change;
      last = change;
    }
    if (free !== NONE) {
      this.rows[free] = row;
      this.weights[free] = weight;
      return;
    }
    this.#next[last] = this.#push(row, weight, hash);
    if (this.rows.length * 2 > this.#places.length) this.#grow();
  }

  #push(row: Row, weight: number, hash: number): number {
    const change = this.rows.length;
    this.rows.push(row);
    this.weights.push(weight);
    this.#hashes[change] = hash;
    this.#next[change] = NONE;
    this.#isFirst[change] = 0;
    return change;
  }

  /** Makes the table anew without what is netted to nothing: larger, if it is still half full. */
  #grow(): void {
    const { rows, weights } = this;
    const kept = weights.reduce((count, weight) => (weight === 0 ? count : count + 1), 0);
    const old = { rows: rows.slice(), weights: weights.slice() };
    this.#reset(kept * 4 > this.#places.length ? this.#places.length * 2 : this.#places.length);
    old.rows.forEach((row, i) => old.weights[i] !== 0 && this.add(row, old.weights[i]!));
  }

  #reset(capacity: number): void {
    this.rows.length = 0;
    this.weights.length = 0;
    if (this.#places.length === capacity) {
      this.#places.fill(NONE);
      return;
    }
    this.#places = new Int32Array(capacity).fill(NONE);
    this.#hashes = new Int32Array((capacity >> 1) + 1);
    this.#next = new Int32Array((capacity >> 1) + 1);
    this.#isFirst = new Uint8Array((capacity >> 1) + 1);
  }

  /** Whether a change is the first of its key. */
  isFirst(change: number): boolean {
    return this.#isFirst[change] === 1;
  }

  /** The next change of the same key; -1: none. */
  nextOf(change: number): number {
    return this.#next[change]!;
  }

  clear(): void {
    // A table that is nearly empty is not worth wiping each time.
    const isLarge = this.#places.length > CAPACITY_MIN && this.rows.length * 16 < this.#places.length;
    this.#reset(isLarge ? this.#places.length / 2 : this.#places.length);
  }

  count(): void {
    const bytes = this.size * CHANGE_BYTES;
    this.#budget.bytes += bytes - this.bytes;
    this.bytes = bytes;
  }

  /** All of it at once: after a publication there is nothing. */
  freeze(): void {
    this.spread();
    this.#saved = this.rows.length > 0 ? [{ key: 0, bytes: this.#bytes() }] : [];
    if (this.rows.length === 0 && this.#wasSaved) this.#saved.push({ key: 0, bytes: null });
    this.#wasSaved = this.rows.length > 0;
  }

  #bytes(): Uint8Array<ArrayBuffer> {
    const writer = new ByteWriter(1024);
    this.rows.forEach((row, i) => {
      if (this.weights[i] === 0) return;
      writer.byte(1);
      writer.integer(this.weights[i]!);
      this.#codec.write(row, writer);
    });
    writer.byte(0);
    return writer.copy();
  }

  encode(): number {
    return 0;
  }

  take(): SavedEntry[] {
    const saved = this.#saved;
    this.#saved = [];
    return saved;
  }

  load(_key: Key, bytes: Uint8Array | null): void {
    this.#reset(CAPACITY_MIN);
    this.#wasSaved = bytes !== null;
    if (bytes === null) return;
    const reader = new ByteReader(bytes);
    while (reader.byte() !== 0) {
      const weight = Number(reader.integer());
      this.add(this.#codec.read(reader), weight);
    }
  }
}
