/**
 * The key columns of one row, taken out of a batch or a row set so that they can be hashed and
 * compared: two words a column. One object is reused for all rows; nothing is allocated.
 */
import type { RowLayout } from './layout.js';
import type { RowSet } from './row-set.js';
import { NULL_CODE, type TextPool } from './text-pool.js';

const doubleBits = new Float64Array(1);
const doubleWords = new Int32Array(doubleBits.buffer);

/** One row's key, texts as codes of the pool it was loaded for. */
export class RowKey {
  readonly #layout: RowLayout;
  readonly #words: Int32Array;
  readonly #nulls: Uint8Array;

  constructor(layout: RowLayout) {
    this.#layout = layout;
    this.#words = new Int32Array(layout.keys.length * 2);
    this.#nulls = new Uint8Array(layout.keys.length);
  }

  /** Sets key column `k` to a text code. */
  setText(k: number, code: number): void {
    this.#words[k * 2] = code;
  }

  /** Sets key column `k` to an integer's words. */
  setInteger(k: number, low: number, high: number, isNull: number): void {
    this.#words[k * 2] = low;
    this.#words[k * 2 + 1] = high;
    this.#nulls[k] = isNull;
  }

  /** Sets key column `k` to a double: by its bits, so that NaN equals NaN; -0 counts as 0. */
  setDouble(k: number, value: number, isNull: number): void {
    doubleBits[0] = value === 0 ? 0 : value;
    this.setInteger(k, doubleWords[0]!, doubleWords[1]!, isNull);
  }

  /** Loads the key of a row of any row set, texts looked up in `pool`; false when `pool` lacks one. */
  load(rows: RowSet, row: number, pool: TextPool): boolean {
    const { keys } = this.#layout;
    for (let k = 0; k < keys.length; k++) {
      const column = rows.columns[keys[k]!]!;
      if (column.kind === 'text') {
        const code = column.codes[row]!;
        const found = code === NULL_CODE ? NULL_CODE : pool === rows.pool ? code : pool.find(rows.pool.bytesOf(code));
        if (found < 0) return false;
        this.setText(k, found);
      } else if (column.kind === 'integer')
        this.setInteger(k, column.words[row * 2]!, column.words[row * 2 + 1]!, column.nulls[row]!);
      else this.setDouble(k, column.values[row]!, column.nulls[row]!);
    }
    return true;
  }

  /** A 32-bit hash of tenant and key. */
  hash(tenant: number): number {
    let hash = Math.imul(tenant ^ 0x9e3779b9, 0x85ebca6b);
    for (const word of this.#words) hash = Math.imul((hash ^ (hash >>> 15)) + word, 0x2c1b3c6d);
    hash = Math.imul(hash ^ (hash >>> 15), 0x297a2d39);
    return hash ^ (hash >>> 16);
  }

  /** Whether a row of the row set whose pool this key was loaded for has this key. */
  equals(rows: RowSet, row: number): boolean {
    const { keys } = this.#layout;
    for (let k = 0; k < keys.length; k++) {
      const column = rows.columns[keys[k]!]!;
      const low = this.#words[k * 2]!;
      if (column.kind === 'text') {
        if (column.codes[row] !== low) return false;
        continue;
      }
      if (column.nulls[row] !== this.#nulls[k]) return false;
      if (column.kind === 'integer') {
        if (column.words[row * 2] !== low || column.words[row * 2 + 1] !== this.#words[k * 2 + 1]) return false;
      } else if (!this.#sameDouble(k, column.values[row]!)) return false;
    }
    return true;
  }

  /** Writes the key into a row. */
  store(rows: RowSet, row: number): void {
    const { keys } = this.#layout;
    for (let k = 0; k < keys.length; k++) {
      const column = rows.columns[keys[k]!]!;
      if (column.kind === 'text') {
        column.codes[row] = this.#words[k * 2]!;
        continue;
      }
      column.nulls[row] = this.#nulls[k]!;
      if (column.kind === 'integer') {
        column.words[row * 2] = this.#words[k * 2]!;
        column.words[row * 2 + 1] = this.#words[k * 2 + 1]!;
      } else {
        doubleWords[0] = this.#words[k * 2]!;
        doubleWords[1] = this.#words[k * 2 + 1]!;
        column.values[row] = doubleBits[0]!;
      }
    }
  }

  #sameDouble(k: number, value: number): boolean {
    doubleBits[0] = value === 0 ? 0 : value;
    return doubleWords[0] === this.#words[k * 2] && doubleWords[1] === this.#words[k * 2 + 1];
  }
}
