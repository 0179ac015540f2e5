/** Builds columns of SQL values, one value after the other. */
import type { BytesColumn, Column, DictionaryColumn } from '../event/columns.js';
import { Dictionary } from '../event/dictionary.js';
import type { ColumnType } from '../event/schema.js';
import { parseUuid } from '../event/uuid.js';
import { type Decimal, roundDecimal } from './decimal.js';
import { evaluationError } from './value.js';
import type { Value } from './value.js';

const encoder = new TextEncoder();
const INT64_MAX = 2n ** 63n - 1n;

/** One column that grows. */
export interface ColumnBuilder {
  /** Appends a value; throws SQL_RUNTIME when the column's type can't hold it, and appends nothing. */
  add(value: Value): void;
  /** The column of all values; the builder is empty again. */
  build(): Column;
}

/** A builder for a column type. */
export function columnBuilder(type: ColumnType): ColumnBuilder {
  switch (type) {
    case 'int64':
    case 'timestamp':
    case 'decimal':
      return new IntegerBuilder();
    case 'double':
      return new DoubleBuilder();
    case 'boolean':
      return new BooleanBuilder();
    case 'uuid':
      return new UuidBuilder();
    case 'dictionary':
      return new DictionaryBuilder();
    case 'list':
      return new ListBuilder();
    default:
      return new BytesBuilder();
  }
}

/** Grows a null bitmap only when a null comes. */
class Nulls {
  #rows: number[] = [];

  mark(row: number): void {
    this.#rows.push(row);
  }

  build(rows: number): Uint8Array | null {
    if (this.#rows.length === 0) return null;
    const bitmap = new Uint8Array((rows + 7) >> 3);
    for (const row of this.#rows) bitmap[row >> 3]! |= 1 << (row & 7);
    this.#rows = [];
    return bitmap;
  }
}

/** Numbers and bigints are units of the column: millionths for `decimal`. */
export class IntegerBuilder implements ColumnBuilder {
  #words: Uint32Array<ArrayBuffer>;
  #rows = 0;
  readonly #nulls = new Nulls();

  constructor(rows = 64) {
    this.#words = new Uint32Array(rows * 2);
  }

  add(value: Value): void {
    if (value === null) {
      this.#nulls.mark(this.#rows);
      this.#put(0, 0);
    } else if (typeof value === 'number') this.addNumber(value);
    else {
      const units = typeof value === 'bigint' ? value : roundDecimal(value as Decimal, 6).units;
      if (!this.holds(units)) throw evaluationError('numeric field overflow');
      this.#put(Number(units & 0xffffffffn), Number((units >> 32n) & 0xffffffffn));
    }
  }

  addNumber(value: number): void {
    const high = Math.floor(value / 4_294_967_296);
    this.#put(value - high * 4_294_967_296, high);
  }

  /** Whether 64 bits hold a value. */
  holds(units: bigint): boolean {
    return units <= INT64_MAX && units >= -INT64_MAX - 1n;
  }

  /** Appends a number `count` times. */
  fill(value: number, count: number): void {
    for (let i = 0; i < count; i++) this.addNumber(value);
  }

  #put(low: number, high: number): void {
    const at = this.#rows++ * 2;
    if (at === this.#words.length) {
      const larger = new Uint32Array(Math.max(128, at * 2));
      larger.set(this.#words);
      this.#words = larger;
    }
    this.#words[at] = low;
    this.#words[at + 1] = high;
  }

  build(): Column {
    const used = this.#rows * 2;
    const deltas = this.#words.length === used ? this.#words : this.#words.slice(0, used);
    const nulls = this.#nulls.build(this.#rows);
    this.#words = new Uint32Array(0);
    this.#rows = 0;
    return { kind: 'integer', nulls, base: 0n, width: 8, deltas };
  }
}

class DoubleBuilder implements ColumnBuilder {
  #values: number[] = [];
  readonly #nulls = new Nulls();

  add(value: Value): void {
    if (value === null) this.#nulls.mark(this.#values.length);
    this.#values.push(value === null ? 0 : Number(value));
  }

  build(): Column {
    const values = new Float64Array(this.#values);
    this.#values = [];
    return { kind: 'double', nulls: this.#nulls.build(values.length), values };
  }
}

class BooleanBuilder implements ColumnBuilder {
  #values: number[] = [];
  readonly #nulls = new Nulls();

  add(value: Value): void {
    if (value === null) this.#nulls.mark(this.#values.length);
    this.#values.push(value === true ? 1 : 0);
  }

  build(): Column {
    const values = new Uint8Array(this.#values);
    this.#values = [];
    return { kind: 'boolean', nulls: this.#nulls.build(values.length), values };
  }
}

class UuidBuilder implements ColumnBuilder {
  #texts: (string | null)[] = [];
  readonly #nulls = new Nulls();

  add(value: Value): void {
    if (value === null) this.#nulls.mark(this.#texts.length);
    this.#texts.push(value as string | null);
  }

  build(): Column {
    const data = new Uint8Array(this.#texts.length * 16);
    this.#texts.forEach((text, row) => text !== null && parseUuid(text, data, row * 16));
    const nulls = this.#nulls.build(this.#texts.length);
    this.#texts = [];
    return { kind: 'uuid', nulls, data };
  }
}

class BytesBuilder implements ColumnBuilder {
  #offsets: number[] = [0];
  #data = new Uint8Array(1024);
  readonly #nulls = new Nulls();

  add(value: Value): void {
    const row = this.#offsets.length - 1;
    const from = this.#offsets[row]!;
    let length = 0;
    if (value === null) this.#nulls.mark(row);
    else if (value instanceof Uint8Array) {
      length = value.length;
      this.#reserve(from, length);
      this.#data.set(value, from);
    } else {
      const text = typeof value === 'string' ? value : String(value);
      // No UTF-16 unit takes more than three bytes.
      this.#reserve(from, text.length * 3);
      length = encoder.encodeInto(text, this.#data.subarray(from)).written;
    }
    this.#offsets.push(from + length);
  }

  #reserve(from: number, length: number): void {
    if (from + length <= this.#data.length) return;
    const larger = new Uint8Array(Math.max(from + length, this.#data.length * 2));
    larger.set(this.#data.subarray(0, from));
    this.#data = larger;
  }

  build(): BytesColumn {
    const offsets = new Uint32Array(this.#offsets);
    const rows = offsets.length - 1;
    const data = this.#data.slice(0, offsets[rows]);
    this.#offsets = [0];
    return { kind: 'bytes', nulls: this.#nulls.build(rows), offsets, data };
  }
}

/** Falls back to bytes when the dictionary is full. */
class DictionaryBuilder implements ColumnBuilder {
  #dictionary = new Dictionary();
  #codes: number[] = [];
  #known = new Map<string, number>();
  #overflow: BytesBuilder | null = null;
  #nulls = new Nulls();

  add(value: Value): void {
    if (this.#overflow !== null) return this.#overflow.add(value);
    if (value === null) {
      this.#nulls.mark(this.#codes.length);
      this.#codes.push(0);
      return;
    }
    const text = String(value);
    let code = this.#known.get(text);
    if (code === undefined) {
      code = this.#dictionary.internString(text);
      if (code < 0) return this.#spill(value);
      this.#known.set(text, code);
    }
    this.#codes.push(code);
  }

  #spill(value: Value): void {
    const overflow = new BytesBuilder();
    const nulls = this.#nulls.build(this.#codes.length);
    this.#codes.forEach((code, row) => {
      const isNull = nulls !== null && (nulls[row >> 3]! & (1 << (row & 7))) !== 0;
      overflow.add(isNull ? null : this.#dictionary.bytesOf(code).slice());
    });
    overflow.add(value);
    this.#overflow = overflow;
  }

  build(): DictionaryColumn | BytesColumn {
    const column: DictionaryColumn | BytesColumn = this.#overflow?.build() ?? {
      kind: 'dictionary',
      nulls: this.#nulls.build(this.#codes.length),
      codes: new Uint16Array(this.#codes),
      dictionary: this.#dictionary,
    };
    this.#dictionary = new Dictionary();
    this.#codes = [];
    this.#known = new Map();
    this.#overflow = null;
    this.#nulls = new Nulls();
    return column;
  }
}

/** Items that are NULL become empty texts: a list column has no NULL inside. Falls back to bytes as above. */
class ListBuilder implements ColumnBuilder {
  #offsets: number[] = [0];
  readonly #items = new DictionaryBuilder();
  #count = 0;
  readonly #nulls = new Nulls();

  add(value: Value): void {
    if (value === null) this.#nulls.mark(this.#offsets.length - 1);
    for (const item of (value as readonly (string | null)[] | null) ?? []) {
      this.#items.add(item ?? '');
      this.#count += 1;
    }
    this.#offsets.push(this.#count);
  }

  build(): Column {
    const offsets = new Uint32Array(this.#offsets);
    const nulls = this.#nulls.build(offsets.length - 1);
    const items = this.#items.build();
    this.#offsets = [0];
    this.#count = 0;
    return items.kind === 'bytes'
      ? { kind: 'bytesList', nulls, offsets, items }
      : { kind: 'list', nulls, offsets, codes: items.codes, dictionary: items.dictionary };
  }
}
