/**
 * What `decode` gives back: columns over one buffer of their own, copied out of the decoder's
 * memory in one piece, so that they stay valid however long the log takes.
 */
import {
  batchOf,
  isNull,
  type BytesColumn,
  type Column,
  type ColumnBatch,
  type IntegerColumn,
} from '../../event/columns.js';
import type { Dictionary } from '../../event/dictionary.js';
import { constantInteger, integerAt, integersFrom } from '../../event/integers.js';
import type { Schema } from '../../event/schema.js';
import * as map from './memory-map.js';
import type { DecoderMemory } from './memory.js';
import type { DecodedBatch, DecodeError } from './types.js';

/** Builds columns from what `finish` packed. */
export class ColumnReader {
  readonly #memory: DecoderMemory;
  readonly #start: number;
  readonly #buffer: ArrayBuffer;
  readonly #rows: number;

  /** Copies [start, end) into `buffer`, over which the columns will be. */
  constructor(memory: DecoderMemory, start: number, end: number, rows: number, buffer: ArrayBuffer) {
    this.#memory = memory;
    this.#start = start;
    this.#buffer = buffer;
    new Uint8Array(buffer).set(memory.bytes.subarray(start, end));
    this.#rows = rows;
  }

  /** The rows that lack column `index`, or null. */
  nulls(index: number): Uint8Array | null {
    const at = this.#memory.columnWord(index, map.OUT_NULLS);
    return at === 0 ? null : this.#bytes(at, (this.#rows + 7) >> 3);
  }

  /** Column `index`, whose dictionary is `dictionary` if it has one. */
  column(index: number, nulls: Uint8Array | null, dictionary: Dictionary | undefined): Column {
    const rows = this.#rows;
    const word = (name: number) => this.#memory.columnWord(index, name);
    switch (word(map.TYPE)) {
      case map.TYPE_IGNORED:
        return constantInteger(0n);
      case map.TYPE_UUID:
        return { kind: 'uuid', nulls, data: this.#bytes(word(map.OUT_DATA), rows * 16) };
      case map.TYPE_INT64:
      case map.TYPE_DECIMAL:
      case map.TYPE_TIMESTAMP:
        return this.#integers(index, nulls);
      case map.TYPE_DOUBLE:
        return {
          kind: 'double',
          nulls,
          values: new Float64Array(this.#buffer, word(map.OUT_DATA) - this.#start, rows),
        };
      case map.TYPE_BOOLEAN:
        return { kind: 'boolean', nulls, values: this.#bytes(word(map.OUT_DATA), rows) };
      case map.TYPE_LIST:
        return this.#list(index, nulls, dictionary!);
      case map.TYPE_DICTIONARY:
        if (word(map.OUT_WIDTH) !== 0)
          return { kind: 'dictionary', nulls, codes: this.#codes(index, rows), dictionary: dictionary! };
    }
    return {
      kind: 'bytes',
      nulls,
      offsets: this.#offsets(word(map.OUT_OFFSETS), rows),
      data: this.#bytes(word(map.OUT_DATA), word(map.OUT_DATA_LENGTH)),
    };
  }

  #bytes(at: number, length: number): Uint8Array {
    return new Uint8Array(this.#buffer, at - this.#start, length);
  }

  #offsets(at: number, count: number): Uint32Array {
    return new Uint32Array(this.#buffer, at - this.#start, count + 1);
  }

  #codes(index: number, count: number): Uint8Array | Uint16Array {
    const at = this.#memory.columnWord(index, map.OUT_DATA);
    return this.#memory.columnWord(index, map.OUT_WIDTH) === 1
      ? this.#bytes(at, count)
      : new Uint16Array(this.#buffer, at - this.#start, count);
  }

  #list(index: number, nulls: Uint8Array | null, dictionary: Dictionary): Column {
    const word = (name: number) => this.#memory.columnWord(index, name);
    const offsets = this.#offsets(word(map.OUT_OFFSETS), this.#rows);
    const count = word(map.OUT_ITEMS);
    if (word(map.OUT_WIDTH) !== 0)
      return { kind: 'list', nulls, offsets, codes: this.#codes(index, count), dictionary };
    const data = this.#bytes(word(map.OUT_DATA), word(map.OUT_DATA_LENGTH));
    return {
      kind: 'bytesList',
      nulls,
      offsets,
      items: { kind: 'bytes', nulls: null, offsets: this.#offsets(word(map.OUT_ITEM_OFFSETS), count), data },
    };
  }

  #integers(index: number, nulls: Uint8Array | null): IntegerColumn {
    const word = (name: number) => this.#memory.columnWord(index, name);
    const base = BigInt.asIntN(64, (BigInt(word(map.OUT_BASE + 4)) << 32n) | BigInt(word(map.OUT_BASE)));
    const width = word(map.OUT_WIDTH) as IntegerColumn['width'];
    const at = word(map.OUT_DATA) - this.#start;
    const rows = this.#rows;
    if (width === 0) return { kind: 'integer', nulls, base, width, deltas: new Uint8Array(0) };
    if (width === 1) return { kind: 'integer', nulls, base, width, deltas: new Uint8Array(this.#buffer, at, rows) };
    if (width === 2) return { kind: 'integer', nulls, base, width, deltas: new Uint16Array(this.#buffer, at, rows) };
    return {
      kind: 'integer',
      nulls,
      base,
      width,
      deltas: new Uint32Array(this.#buffer, at, width === 4 ? rows : rows * 2),
    };
  }
}

/** Everything a result is made of. */
export interface ResultParts {
  readonly schema: Schema;
  readonly rows: number;
  readonly events: number;
  readonly errors: readonly DecodeError[];
  readonly places: Uint32Array;
  readonly columns: Column[];
  /** By column: the rows that lack it; only columns of `fill`. */
  readonly missing: ReadonlyMap<number, Uint8Array>;
  /** The code of a text in a column's dictionary, or -1 when it is full. */
  readonly intern: (column: number, text: string) => number;
  readonly release: () => void;
}

/** The result of one `decode`. */
export class DecodedEvents implements DecodedBatch {
  readonly batch: ColumnBatch;
  readonly rows: number;
  readonly events: number;
  readonly errors: readonly DecodeError[];
  readonly places: Uint32Array;
  readonly #parts: ResultParts;
  readonly #missing: Map<number, Uint8Array>;
  #released = false;

  constructor(parts: ResultParts) {
    this.#parts = parts;
    this.#missing = new Map(parts.missing);
    this.rows = parts.rows;
    this.events = parts.events;
    this.errors = parts.errors;
    this.places = parts.places;
    this.batch = batchOf(parts.schema, parts.rows, parts.columns);
  }

  missing(column: number): Uint8Array | null {
    return this.#missing.get(column) ?? null;
  }

  fill(index: number, valueOf: (row: number) => bigint | string | Uint8Array): void {
    const missing = this.#missing.get(index);
    if (missing === undefined) return;
    const { columns, rows } = this.#parts;
    const column = columns[index]!;
    const lacking = Array.from({ length: rows }, (_, row) => row).filter((row) => isNull(missing, row));
    if (column.kind === 'uuid') for (const row of lacking) column.data.set(valueOf(row) as Uint8Array, row * 16);
    else if (column.kind === 'integer') columns[index] = filledIntegers(column, rows, missing, valueOf);
    else if (column.kind === 'bytes') columns[index] = filledBytes(column, rows, missing, valueOf);
    else if (column.kind === 'dictionary') columns[index] = this.#filledCodes(index, lacking, valueOf);
    else throw new Error(`a ${column.kind} column can't be filled`);
    this.#missing.delete(index);
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#parts.release();
  }

  #filledCodes(index: number, lacking: readonly number[], valueOf: (row: number) => unknown): Column {
    const column = this.#parts.columns[index]!;
    if (column.kind !== 'dictionary') return column;
    const codes = Uint16Array.from(column.codes);
    for (const row of lacking) {
      const code = this.#parts.intern(index, String(valueOf(row)));
      if (code < 0) return this.#filledRaw(index, lacking, valueOf);
      codes[row] = code;
    }
    return { ...column, codes };
  }

  /** The dictionary is full, so the column becomes plain bytes. */
  #filledRaw(index: number, lacking: readonly number[], valueOf: (row: number) => unknown): Column {
    const column = this.#parts.columns[index]!;
    if (column.kind !== 'dictionary') return column;
    const fills = new Map(lacking.map((row) => [row, Buffer.from(String(valueOf(row)))]));
    return bytesColumn(
      this.#parts.rows,
      column.nulls,
      (row) => fills.get(row) ?? column.dictionary.bytesOf(column.codes[row]!),
    );
  }
}

function filledIntegers(
  column: IntegerColumn,
  rows: number,
  missing: Uint8Array,
  valueOf: (row: number) => unknown,
): IntegerColumn {
  const values = Array.from({ length: rows }, (_, row) =>
    isNull(missing, row) ? (valueOf(row) as bigint) : integerAt(column, row),
  );
  return integersFrom(values, column.nulls);
}

function filledBytes(
  column: BytesColumn,
  rows: number,
  missing: Uint8Array,
  valueOf: (row: number) => unknown,
): BytesColumn {
  return bytesColumn(rows, column.nulls, (row) =>
    isNull(missing, row)
      ? Buffer.from(valueOf(row) as string)
      : column.data.subarray(column.offsets[row], column.offsets[row + 1]),
  );
}

function bytesColumn(rows: number, nulls: Uint8Array | null, bytesOf: (row: number) => Uint8Array): BytesColumn {
  const parts = Array.from({ length: rows }, (_, row) => bytesOf(row));
  const offsets = new Uint32Array(rows + 1);
  parts.forEach((part, row) => {
    offsets[row + 1] = offsets[row]! + part.length;
  });
  const data = new Uint8Array(offsets[rows]!);
  parts.forEach((part, row) => data.set(part, offsets[row]!));
  return { kind: 'bytes', nulls, offsets, data };
}
