/**
 * The event ids of one batch, ready to be looked up: scope, hash and bytes of each row.
 *
 * An id counts once within its **scope**, which is a (stream, tenant); scopes are small numbers,
 * see `scopes.ts`. The hash is HalfSipHash-1-3 (Aumasson, Bernstein) over scope, id and length,
 * keyed by a secret of the data folder: a tenant who picks ids by itself can't make them collide.
 * Its two outputs are the two halves of the final state.
 *
 * Ids are handled as 32-bit little-endian words, the last one filled up with zeros.
 */
import type { BytesColumn, Column, UuidColumn } from '../../event/columns.js';

/** The secret of the hash: two random words. */
export type HashSeed = readonly [number, number];

/** Ids of many rows. Arrays may be longer than `rows`; they are reused by the next batch. */
export class Keys {
  rows = 0;
  scopes = new Uint32Array(0);
  high = new Uint32Array(0);
  low = new Uint32Array(0);
  /** Row i's id is `words[starts[i] .. starts[i + 1]]`. */
  starts = new Uint32Array(1);
  /** Length of each id in bytes. */
  lengths = new Uint32Array(0);
  words = new Uint32Array(0);

  #own = new Uint32Array(0);

  /** Takes the ids of `rows` rows. Fill `scopes` next, then call `hash`. */
  load(column: Column, rows: number): void {
    this.rows = rows;
    if (this.scopes.length < rows) this.#grow(rows);
    if (column.kind === 'uuid') this.#loadUuids(column, rows);
    else if (column.kind === 'bytes') this.#loadBytes(column, rows);
    else throw new Error(`a column of kind ${column.kind} holds no event ids`);
  }

  /** Takes `rows` ids of 16 bytes that are words already. */
  loadWords(words: Uint32Array, rows: number): void {
    this.rows = rows;
    if (this.scopes.length < rows) this.#grow(rows);
    this.words = words as Uint32Array<ArrayBuffer>;
    this.#fixed(rows);
  }

  /** Computes `high` and `low` of every row. */
  hash(seed: HashSeed): void {
    const { rows, scopes, high, low, starts, lengths, words } = this;
    const [k0, k1] = seed;
    for (let row = 0; row < rows; row++) {
      let v0 = k0;
      let v1 = k1 ^ 0xee;
      let v2 = 0x6c796765 ^ k0;
      let v3 = 0x74656462 ^ k1;
      const start = starts[row]!;
      const count = starts[row + 1]! - start;
      // One message word a turn: the scope, the id, the length; then three empty turns to finish.
      for (let turn = -1; turn <= count + 3; turn++) {
        let word = 0;
        if (turn < 0) word = scopes[row]!;
        else if (turn < count) word = words[start + turn]!;
        else if (turn === count) word = lengths[row]!;
        else if (turn === count + 1) v2 ^= 0xee;
        v3 ^= word;
        v0 = (v0 + v1) | 0;
        v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
        v0 = (v0 << 16) | (v0 >>> 16);
        v2 = (v2 + v3) | 0;
        v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
        v0 = (v0 + v3) | 0;
        v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
        v2 = (v2 + v1) | 0;
        v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
        v2 = (v2 << 16) | (v2 >>> 16);
        v0 ^= word;
      }
      high[row] = v1 ^ v3;
      low[row] = v0 ^ v2;
    }
  }

  #grow(rows: number): void {
    const size = Math.max(256, 1 << (32 - Math.clz32(rows - 1)));
    this.scopes = new Uint32Array(size);
    this.high = new Uint32Array(size);
    this.low = new Uint32Array(size);
    this.lengths = new Uint32Array(size);
    this.starts = new Uint32Array(size + 1);
  }

  #loadUuids(column: UuidColumn, rows: number): void {
    const { data } = column;
    if ((data.byteOffset & 3) === 0) {
      this.words = new Uint32Array(data.buffer as ArrayBuffer, data.byteOffset, rows * 4);
    } else {
      this.#room(rows * 4);
      new Uint8Array(this.#own.buffer).set(data.subarray(0, rows * 16));
      this.words = this.#own;
    }
    this.#fixed(rows);
  }

  #fixed(rows: number): void {
    for (let row = 0; row <= rows; row++) this.starts[row] = row * 4;
    this.lengths.fill(16, 0, rows);
  }

  #loadBytes(column: BytesColumn, rows: number): void {
    const { offsets, data } = column;
    let total = 0;
    for (let row = 0; row < rows; row++) {
      const length = offsets[row + 1]! - offsets[row]!;
      this.starts[row] = total;
      this.lengths[row] = length;
      total += (length + 3) >> 2;
    }
    this.starts[rows] = total;
    this.#room(total);
    this.#own.fill(0, 0, total);
    const bytes = new Uint8Array(this.#own.buffer);
    for (let row = 0; row < rows; row++)
      bytes.set(data.subarray(offsets[row]!, offsets[row + 1]!), this.starts[row]! * 4);
    this.words = this.#own;
  }

  #room(words: number): void {
    if (this.#own.length < words) this.#own = new Uint32Array(Math.max(1024, words * 2));
  }
}
