/**
 * A batch of a changes stream, unpacked once so that rows can be copied into tables cheaply.
 *
 * Integers become word pairs, doubles stay, texts stay codes or bytes until a table asks for them
 * in its own pool. One object serves all batches of a view; its scratch arrays grow to the largest.
 */
import type { Column, ColumnBatch, IntegerColumn } from '../event/columns.js';
import { isNull } from '../event/columns.js';
import { MillraceError } from '../util/errors.js';
import { OPERATION, REASON, STATE, TENANT, WINDOW_START, type RowLayout } from './layout.js';
import { operationBits, reasonBits, stateBits, type RowSet } from './row-set.js';
import type { RowKey } from './row-key.js';
import { NULL_CODE, type TextPool } from './text-pool.js';

const decoder = new TextDecoder();
interface Unpacked {
  column: Column;
  words: Int32Array;
}

/** One batch of changes, ready to be taken in. */
export class ChangeColumns {
  /** Window starts by row, ms. */
  windows = new Float64Array(0);
  readonly #layout: RowLayout;
  readonly #stored: Unpacked[] = [];
  #tenant: Column | null = null;
  #marks = new Uint8Array(0);
  #scratch = new Int32Array(0);

  constructor(layout: RowLayout) {
    this.#layout = layout;
  }

  /** Unpacks a batch; what was there before is gone. */
  load(batch: ColumnBatch): void {
    const { rows } = batch;
    if (this.windows.length < rows) {
      this.windows = new Float64Array(rows);
      this.#marks = new Uint8Array(rows);
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
      const unpacked = (this.#stored[index] ??= { column, words: new Int32Array(0) });
      unpacked.column = column;
      if (stored.kind !== 'integer') return;
      if (unpacked.words.length < rows * 2) unpacked.words = new Int32Array(rows * 2);
      if (column.kind === 'boolean') unpackBooleans(column.values, rows, unpacked.words);
      else unpackWords(integerColumn(column), rows, unpacked.words);
    });
  }

  /** The tenant of a row as a code of `pool`. */
  tenantCode(pool: TextPool, row: number): number {
    return textCode(this.#tenant!, pool, row);
  }

  /** Calls back once for each tenant of the batch, with its last row. */
  forEachTenant(rows: number, each: (tenant: string, lastRow: number) => void): void {
    const column = this.#tenant!;
    const last = new Map<string | number, number>();
    const text = textReader(column);
    for (let row = 0; row < rows; row++) last.set(column.kind === 'dictionary' ? column.codes[row]! : text(row)!, row);
    for (const row of last.values()) each(text(row) ?? '', row);
  }

  /** Operation, state and reason of a row. */
  mark(row: number): number {
    return this.#marks[row]!;
  }

  /** Loads a row's key, texts as codes of `pool`. */
  keyInto(key: RowKey, pool: TextPool, row: number): void {
    const { keys, columns } = this.#layout;
    for (let k = 0; k < keys.length; k++) {
      const index = keys[k]!;
      const { column, words } = this.#stored[index]!;
      const { kind } = columns[index]!;
      if (kind === 'text') key.setText(k, textCode(column, pool, row));
      else if (kind === 'integer')
        key.setInteger(k, words[row * 2]!, words[row * 2 + 1]!, isNull(column.nulls, row) ? 1 : 0);
      else key.setDouble(k, column.kind === 'double' ? column.values[row]! : 0, isNull(column.nulls, row) ? 1 : 0);
    }
  }

  /** Writes a row's values, all but its key, into a slot. */
  valuesInto(target: RowSet & { readonly pool: TextPool }, row: number, slot: number): void {
    const { columns } = this.#layout;
    for (let c = 0; c < columns.length; c++) {
      if (columns[c]!.key) continue;
      const { column, words } = this.#stored[c]!;
      const store = target.columns[c]!;
      if (store.kind === 'text') {
        store.codes[slot] = textCode(column, target.pool, row);
        continue;
      }
      store.nulls[slot] = isNull(column.nulls, row) ? 1 : 0;
      if (store.kind === 'double') store.values[slot] = column.kind === 'double' ? column.values[row]! : 0;
      else {
        store.words[slot * 2] = words[row * 2]!;
        store.words[slot * 2 + 1] = words[row * 2 + 1]!;
      }
    }
  }

  #loadMarks(batch: ColumnBatch): void {
    this.#marks.fill(0, 0, batch.rows);
    this.#addBits(batch, OPERATION, operationBits);
    this.#addBits(batch, STATE, stateBits);
    this.#addBits(batch, REASON, reasonBits);
  }

  /** Adds the bits of a column's texts to the marks; each text is looked at once. */
  #addBits(batch: ColumnBatch, index: number, bitsOf: (text: string | null) => number): void {
    const column = batch.column(index);
    const text = textReader(column);
    const marks = this.#marks;
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

function textCode(column: Column, pool: TextPool, row: number): number {
  if (isNull(column.nulls, row)) return NULL_CODE;
  if (column.kind === 'dictionary') return pool.ofDictionary(column.dictionary, column.codes[row]!);
  if (column.kind === 'bytes') return pool.intern(column.data, column.offsets[row]!, column.offsets[row + 1]!);
  if (column.kind === 'uuid') return pool.intern(column.data, row * 16, row * 16 + 16);
  throw new MillraceError('BATCH_INVALID', `a changes stream holds ${column.kind} where a text was expected`);
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
