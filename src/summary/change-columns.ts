/**
 * A batch of a changes stream, unpacked a column at a time so that its rows can be copied into
 * tables cheaply.
 *
 * `load` unpacks what is the same for every table: integers become word pairs, marks one byte.
 * `resolve` then makes codes of one table's pool out of texts, and keys out of those. One object
 * serves all batches of a view; its scratch arrays grow to the largest.
 */
import type { Column, ColumnBatch, IntegerColumn } from '../event/columns.js';
import { isNull } from '../event/columns.js';
import { MillraceError } from '../util/errors.js';
import { OPERATION, REASON, STATE, TENANT, WINDOW_START, type RowLayout } from './layout.js';
import { operationBits, reasonBits, stateBits, type ColumnStore } from './row-set.js';
import { keyWordsOf, putDouble } from './row-key.js';
import { NULL_CODE, type TextPool } from './text-pool.js';

const decoder = new TextDecoder();

interface Unpacked {
  column: Column;
  /** Of an integer, by row of the batch: low and high word. */
  words: Int32Array;
  /** Of a text, by position in the resolved rows: a code of the table's pool. */
  codes: Int32Array;
}

/** One batch of changes, ready to be taken in. */
export class ChangeColumns {
  /** Window starts by row, ms. */
  windows = new Float64Array(0);
  /** Operation, state and reason by row. */
  marks = new Uint8Array(0);
  /** Of the resolved rows, `keyWords` words each: see `row-key.ts`. */
  keys = new Int32Array(0);
  /** Words of a key. */
  readonly keyWords: number;
  readonly #layout: RowLayout;
  readonly #stored: Unpacked[] = [];
  #tenant: Column | null = null;
  #scratch = new Int32Array(0);

  constructor(layout: RowLayout) {
    this.#layout = layout;
    this.keyWords = keyWordsOf(layout);
  }

  /** Unpacks a batch; what was there before is gone. */
  load(batch: ColumnBatch): void {
    const { rows } = batch;
    if (this.windows.length < rows) {
      this.windows = new Float64Array(rows);
      this.marks = new Uint8Array(rows);
      this.#scratch = new Int32Array(rows * 2);
    }
    this.#tenant = batch.column(TENANT);
    const starts = integerColumn(batch.column(WINDOW_START));
    unpackWords(starts, rows, this.#scratch);
    for (let row = 0; row < rows; row++)
      this.windows[row] = this.#scratch[row * 2 + 1]! * 4294967296 + (this.#scratch[row * 2]! >>> 0);
    this.#loadMarks(batch);
    this.#layout.columns.forEach((stored, index) => {
      const column = batch.column(stored.column);
      const unpacked = (this.#stored[index] ??= { column, words: new Int32Array(0), codes: new Int32Array(0) });
      unpacked.column = column;
      if (stored.kind !== 'integer') return;
      if (unpacked.words.length < rows * 2) unpacked.words = new Int32Array(rows * 2);
      if (column.kind === 'boolean') unpackBooleans(column.values, rows, unpacked.words);
      else unpackWords(integerColumn(column), rows, unpacked.words);
      if (column.nulls !== null) zeroNulls(column.nulls, rows, unpacked.words);
    });
  }

  /** The tenants of all rows as codes of `pool`. */
  tenantCodes(pool: TextPool, rows: number): Int32Array {
    if (this.#scratch.length < rows) this.#scratch = new Int32Array(rows);
    textCodes(this.#tenant!, pool, null, rows, this.#scratch, 0, 1);
    return this.#scratch;
  }

  /** The tenant of each of these rows. */
  tenantsOf(rows: Uint32Array): string[] {
    const text = textReader(this.#tenant!);
    return Array.from(rows, (row) => text(row) ?? '');
  }

  /** Makes keys and codes of these rows for a table with this pool; what was resolved before is gone. */
  resolve(pool: TextPool, rows: Uint32Array): void {
    const { keyWords } = this;
    const { columns } = this.#layout;
    const count = rows.length;
    if (this.keys.length < count * keyWords) this.keys = new Int32Array(count * keyWords);
    textCodes(this.#tenant!, pool, rows, count, this.keys, 0, keyWords);
    let at = 1;
    for (let c = 0; c < columns.length; c++) {
      const { kind, key } = columns[c]!;
      const unpacked = this.#stored[c]!;
      if (kind === 'text') {
        if (unpacked.codes.length < count) unpacked.codes = new Int32Array(count);
        textCodes(unpacked.column, pool, rows, count, unpacked.codes, 0, 1);
        if (key) for (let i = 0; i < count; i++) this.keys[i * keyWords + at] = unpacked.codes[i]!;
        if (key) at += 1;
      } else if (key) {
        this.#numberKeys(unpacked, kind, rows, at);
        at += 3;
      }
    }
  }

  #numberKeys({ column, words }: Unpacked, kind: 'integer' | 'double', rows: Uint32Array, at: number): void {
    const { keyWords, keys } = this;
    for (let i = 0, to = at; i < rows.length; i++, to += keyWords) {
      const row = rows[i]!;
      const missing = isNull(column.nulls, row) ? 1 : 0;
      if (kind === 'double') {
        putDouble(keys, to, column.kind === 'double' && missing === 0 ? column.values[row]! : 0, missing);
        continue;
      }
      keys[to] = words[row * 2]!;
      keys[to + 1] = words[row * 2 + 1]!;
      keys[to + 2] = missing;
    }
  }

  /** Writes the resolved rows to their slots, those of slot -1 left out; of a slot given twice the last counts. */
  valuesInto(stores: readonly ColumnStore[], rows: Uint32Array, slots: Int32Array): void {
    for (let c = 0; c < stores.length; c++) {
      const store = stores[c]!;
      const unpacked = this.#stored[c]!;
      if (store.kind === 'text') {
        const { codes } = unpacked;
        for (let i = 0; i < rows.length; i++) if (slots[i]! >= 0) store.codes[slots[i]!] = codes[i]!;
      } else numbersInto(store, this.#layout.columns[c]!.key, unpacked, rows, slots);
    }
  }

  #loadMarks(batch: ColumnBatch): void {
    this.marks.fill(0, 0, batch.rows);
    this.#addBits(batch, OPERATION, operationBits);
    this.#addBits(batch, STATE, stateBits);
    this.#addBits(batch, REASON, reasonBits);
  }

  /** Adds the bits of a column's texts to the marks; each text is looked at once. */
  #addBits(batch: ColumnBatch, index: number, bitsOf: (text: string | null) => number): void {
    const column = batch.column(index);
    const text = textReader(column);
    const marks = this.marks;
    if (column.kind !== 'dictionary') {
      for (let row = 0; row < batch.rows; row++) marks[row]! |= bitsOf(text(row));
      return;
    }
    const known = new Map<number, number>();
    const { codes, nulls } = column;
    const ofNull = bitsOf(null);
    for (let row = 0; row < batch.rows; row++) {
      if (isNull(nulls, row)) {
        marks[row]! |= ofNull;
        continue;
      }
      let bits = known.get(codes[row]!);
      if (bits === undefined) known.set(codes[row]!, (bits = bitsOf(text(row))));
      marks[row]! |= bits;
    }
  }
}

function textReader(column: Column): (row: number) => string | null {
  if (column.kind === 'dictionary')
    return (row) => (isNull(column.nulls, row) ? null : column.dictionary.stringOf(column.codes[row]!));
  if (column.kind === 'bytes')
    return (row) =>
      isNull(column.nulls, row)
        ? null
        : decoder.decode(column.data.subarray(column.offsets[row]!, column.offsets[row + 1]!));
  throw new MillraceError('BATCH_INVALID', `a changes stream holds ${column.kind} where a text was expected`);
}

/** Texts as codes of `pool`, one every `step` words from `start` on; `rows` null: the first `count` of the batch. */
function textCodes(
  column: Column,
  pool: TextPool,
  rows: Uint32Array | null,
  count: number,
  into: Int32Array,
  start: number,
  step: number,
): void {
  const { nulls } = column;
  if (column.kind === 'dictionary') {
    const { codes, dictionary } = column;
    const lookup = pool.lookup(dictionary);
    for (let i = 0, to = start; i < count; i++, to += step) {
      const row = rows === null ? i : rows[i]!;
      if (nulls !== null && ((nulls[row >> 3]! >> (row & 7)) & 1) === 1) into[to] = NULL_CODE;
      else {
        const code = codes[row]!;
        const known = lookup[code]!;
        into[to] = known > 0 ? known : (lookup[code] = pool.ofDictionary(dictionary, code));
      }
    }
    return;
  }
  if (column.kind !== 'bytes' && column.kind !== 'uuid')
    throw new MillraceError('BATCH_INVALID', `a changes stream holds ${column.kind} where a text was expected`);
  for (let i = 0, to = start; i < count; i++, to += step) {
    const row = rows === null ? i : rows[i]!;
    if (isNull(nulls, row)) into[to] = NULL_CODE;
    else if (column.kind === 'uuid') into[to] = pool.intern(column.data, row * 16, row * 16 + 16);
    else into[to] = pool.intern(column.data, column.offsets[row]!, column.offsets[row + 1]!);
  }
}

function numbersInto(
  store: Exclude<ColumnStore, { kind: 'text' }>,
  isKey: boolean,
  { column, words }: Unpacked,
  rows: Uint32Array,
  slots: Int32Array,
): void {
  const { nulls } = column;
  for (let i = 0; i < rows.length; i++) {
    const slot = slots[i]!;
    if (slot < 0) continue;
    const row = rows[i]!;
    store.nulls[slot] = nulls === null ? 0 : (nulls[row >> 3]! >> (row & 7)) & 1;
    if (store.kind === 'double') {
      const value = column.kind === 'double' ? column.values[row]! : 0;
      // As in the key's words: -0 and 0 are one key, wherever it is compared.
      store.values[slot] = isKey && value === 0 ? 0 : value;
    } else {
      store.words[slot * 2] = words[row * 2]!;
      store.words[slot * 2 + 1] = words[row * 2 + 1]!;
    }
  }
}

function integerColumn(column: Column): IntegerColumn {
  if (column.kind !== 'integer')
    throw new MillraceError('BATCH_INVALID', `a changes stream holds ${column.kind} where an integer was expected`);
  return column;
}

/** The values of an integer column as word pairs, low then high. */
function unpackWords(column: IntegerColumn, rows: number, into: Int32Array): void {
  const { base, width, deltas } = column;
  const low = Number(BigInt.asUintN(32, base));
  const high = Number(BigInt.asIntN(32, base >> 32n));
  for (let row = 0; row < rows; row++) {
    const deltaLow = width === 0 ? 0 : width === 8 ? deltas[row * 2]! >>> 0 : deltas[row]!;
    const deltaHigh = width === 8 ? deltas[row * 2 + 1]! : 0;
    const sum = low + deltaLow;
    into[row * 2] = sum;
    into[row * 2 + 1] = high + deltaHigh + (sum > 4294967295 ? 1 : 0);
  }
}

/** A boolean as the low and high word of an integer. */
function unpackBooleans(values: Uint8Array, rows: number, words: Int32Array): void {
  for (let row = 0; row < rows; row++) {
    words[row * 2] = values[row]!;
    words[row * 2 + 1] = 0;
  }
}

/** A null's words are 0 whatever the batch's base, so that nulls are equal as keys. */
function zeroNulls(nulls: Uint8Array, rows: number, words: Int32Array): void {
  for (let row = 0; row < rows; row++) {
    if (((nulls[row >> 3]! >> (row & 7)) & 1) === 0) continue;
    words[row * 2] = 0;
    words[row * 2 + 1] = 0;
  }
}
