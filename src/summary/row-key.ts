/**
 * The keys of rows as words: tenant and key columns, so that they hash and compare as integers.
 *
 * A text is one word, its code in the pool of the table that looks; a number is three: low, high
 * and whether it is null. A double goes by its bits, so that NaN equals NaN; -0 counts as 0.
 */
import type { RowLayout } from './layout.js';
import type { RowSet } from './row-set.js';
import { NULL_CODE, type TextPool } from './text-pool.js';

const doubleBits = new Float64Array(1);
const doubleWords = new Int32Array(doubleBits.buffer);

/** Words of one key: the tenant's, then each key column's. */
export function keyWordsOf(layout: RowLayout): number {
  let words = 1;
  for (const index of layout.keys) words += layout.columns[index]!.kind === 'text' ? 1 : 3;
  return words;
}

/** Writes a double and whether it is null as three words. */
export function putDouble(words: Int32Array, at: number, value: number, isNull: number): void {
  doubleBits[0] = value === 0 ? 0 : value;
  words[at] = doubleWords[0]!;
  words[at + 1] = doubleWords[1]!;
  words[at + 2] = isNull;
}

/** Writes the key of a row of any row set to `words`, texts looked up in `pool`; false when `pool` lacks one. */
export function loadKey(layout: RowLayout, rows: RowSet, row: number, pool: TextPool, words: Int32Array): boolean {
  const tenant = codeIn(pool, rows, rows.tenants[row]!);
  if (tenant < 0) return false;
  words[0] = tenant;
  let at = 1;
  for (const index of layout.keys) {
    const column = rows.columns[index]!;
    if (column.kind === 'text') {
      const code = codeIn(pool, rows, column.codes[row]!);
      if (code < 0) return false;
      words[at++] = code;
      continue;
    }
    if (column.kind === 'integer') {
      words[at] = column.words[row * 2]!;
      words[at + 1] = column.words[row * 2 + 1]!;
      words[at + 2] = column.nulls[row]!;
    } else putDouble(words, at, column.values[row]!, column.nulls[row]!);
    at += 3;
  }
  return true;
}

function codeIn(pool: TextPool, rows: RowSet, code: number): number {
  return code === NULL_CODE || pool === rows.pool ? code : pool.find(rows.pool.bytesOf(code));
}

/** A 32-bit hash of the key at `words[at ..]`. */
export function hashKey(words: Int32Array, at: number, count: number): number {
  let hash = 0x9e3779b9;
  for (let i = at; i < at + count; i++) hash = Math.imul((hash ^ (hash >>> 15)) + words[i]!, 0x2c1b3c6d);
  hash = Math.imul(hash ^ (hash >>> 15), 0x297a2d39);
  return hash ^ (hash >>> 16);
}
