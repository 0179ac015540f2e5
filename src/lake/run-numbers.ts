/**
 * Columns of a run that grow: nulls and values of fixed size. Rows are only ever added at the end,
 * into arrays that were zero, so that a null row's slot is zero.
 */
import type { BooleanColumn, Column, DoubleColumn, IntegerColumn, UuidColumn } from '../event/columns.js';
import { integerAt } from '../event/integers.js';
import { MillraceError } from '../util/errors.js';

/** Which rows of a column: the first `count`, or those at `chosen`, in that order. */
export interface Rows {
  readonly count: number;
  readonly chosen: Uint32Array | null;
}

/** One column that grows. */
export interface GrowingColumn {
  /** Bytes of what it holds. */
  readonly bytes: number;
  /** Adds rows of `column`, the first as row `at`; nothing was added from there on. */
  append(column: Column, at: number, rows: Rows): void;
  /** The first `rows` rows: views, valid until the next `append`. */
  column(rows: number): Column;
}

/** Rows that are collected before they are put in order: one column of them fits a processor's cache. */
export const BLOCK_ROWS = 16_384;

type Arrays = Uint8Array | Uint16Array | Uint32Array | Float64Array;

/** `array`, or a longer copy of it when it holds fewer than `length`. */
export function withRoom<A extends Arrays>(array: A, length: number): A {
  if (length <= array.length) return array;
  const capacity = Math.max(length, BLOCK_ROWS, array.length * 2);
  const longer = new (array.constructor as new (length: number) => A)(capacity);
  longer.set(array);
  return longer;
}

/** A column came as something that its type never is. */
export function unexpected(column: Column, expected: string): MillraceError {
  return new MillraceError('BATCH_INVALID', `a column holds ${column.kind} where ${expected} was expected`);
}

/** A bitmap of nulls that grows. */
export class NullRows {
  #bits = new Uint8Array(0);
  #any = false;

  get bytes(): number {
    return this.#any ? this.#bits.length : 0;
  }

  append(nulls: Uint8Array | null, at: number, { count: rows, chosen }: Rows): void {
    if (nulls === null) return;
    this.#bits = withRoom(this.#bits, ((at + rows + 7) >> 3) + 1);
    const bits = this.#bits;
    if (chosen !== null) {
      this.#any = true;
      for (let i = 0, to = at; i < rows; i++, to++) {
        const row = chosen[i]!;
        bits[to >> 3]! |= ((nulls[row >> 3]! >> (row & 7)) & 1) << (to & 7);
      }
      return;
    }
    const shift = at & 7;
    const bytes = (rows + 7) >> 3;
    const last = (rows & 7) === 0 ? 255 : (1 << (rows & 7)) - 1;
    let to = at >> 3;
    for (let i = 0; i < bytes; i++, to++) {
      const byte = i === bytes - 1 ? nulls[i]! & last : nulls[i]!;
      if (byte === 0) continue;
      this.#any = true;
      bits[to]! |= byte << shift;
      bits[to + 1]! |= byte >> (8 - shift);
    }
  }

  column(rows: number): Uint8Array | null {
    if (!this.#any) return null;
    const bytes = (rows + 7) >> 3;
    this.#bits = withRoom(this.#bits, bytes);
    return this.#bits.subarray(0, bytes);
  }
}

/** UUIDs. */
export class UuidRows implements GrowingColumn {
  readonly #nulls = new NullRows();
  #words = new Uint32Array(0);
  #rows = 0;

  get bytes(): number {
    return this.#rows * 16 + this.#nulls.bytes;
  }

  append(column: Column, at: number, rows: Rows): void {
    if (column.kind !== 'uuid') throw unexpected(column, 'uuid');
    const { count, chosen } = rows;
    this.#nulls.append(column.nulls, at, rows);
    const words = (this.#words = withRoom(this.#words, (at + count) * 4));
    this.#rows = at + count;
    const { data } = column;
    if (chosen === null) return new Uint8Array(words.buffer).set(data.subarray(0, count * 16), at * 16);
    const from = new Uint32Array(data.buffer, data.byteOffset, data.length >> 2);
    for (let i = 0, to = at * 4; i < count; i++) {
      const row = chosen[i]! * 4;
      words[to++] = from[row]!;
      words[to++] = from[row + 1]!;
      words[to++] = from[row + 2]!;
      words[to++] = from[row + 3]!;
    }
  }

  column(rows: number): UuidColumn {
    return { kind: 'uuid', nulls: this.#nulls.column(rows), data: new Uint8Array(this.#words.buffer, 0, rows * 16) };
  }
}

/** Doubles. */
export class DoubleRows implements GrowingColumn {
  readonly #nulls = new NullRows();
  #values = new Float64Array(0);
  #rows = 0;

  get bytes(): number {
    return this.#rows * 8 + this.#nulls.bytes;
  }

  append(column: Column, at: number, rows: Rows): void {
    if (column.kind !== 'double') throw unexpected(column, 'double');
    const { count, chosen } = rows;
    this.#nulls.append(column.nulls, at, rows);
    this.#values = withRoom(this.#values, at + count);
    this.#rows = at + count;
    if (chosen === null) this.#values.set(column.values.subarray(0, count), at);
    else for (let i = 0; i < count; i++) this.#values[at + i] = column.values[chosen[i]!]!;
  }

  column(rows: number): DoubleColumn {
    return { kind: 'double', nulls: this.#nulls.column(rows), values: this.#values.subarray(0, rows) };
  }
}

/** Booleans. */
export class BooleanRows implements GrowingColumn {
  readonly #nulls = new NullRows();
  #values = new Uint8Array(0);
  #rows = 0;

  get bytes(): number {
    return this.#rows + this.#nulls.bytes;
  }

  append(column: Column, at: number, rows: Rows): void {
    if (column.kind !== 'boolean') throw unexpected(column, 'boolean');
    const { count, chosen } = rows;
    this.#nulls.append(column.nulls, at, rows);
    this.#values = withRoom(this.#values, at + count);
    this.#rows = at + count;
    if (chosen === null) this.#values.set(column.values.subarray(0, count), at);
    else for (let i = 0; i < count; i++) this.#values[at + i] = column.values[chosen[i]!]!;
  }

  column(rows: number): BooleanColumn {
    return { kind: 'boolean', nulls: this.#nulls.column(rows), values: this.#values.subarray(0, rows) };
  }
}

const WORD = 4_294_967_296;
const HALF = 2_147_483_648;
/** Sums of a base and a 32-bit delta on either side stay exact below this. */
const EXACT_MAX = Number.MAX_SAFE_INTEGER - 4 * WORD;

/**
 * Integers: 4 bytes each as distances from the first value, less half their range, while they fit;
 * from the first that does not, 8 bytes each.
 */
export class IntegerRows implements GrowingColumn {
  readonly #nulls = new NullRows();
  /** NaN until the first row; Infinity when `#values` holds word pairs. */
  #base = NaN;
  #values = new Uint32Array(0);
  #rows = 0;

  get bytes(): number {
    return this.#rows * (this.#base === Infinity ? 8 : 4) + this.#nulls.bytes;
  }

  append(column: Column, at: number, rows: Rows): void {
    if (column.kind !== 'integer') throw unexpected(column, 'integer');
    this.#nulls.append(column.nulls, at, rows);
    if (this.#base !== Infinity && !this.#appendNarrow(column, at, rows)) this.#widen(at);
    if (this.#base === Infinity) this.#appendWide(column, at, rows);
    this.#rows = at + rows.count;
  }

  column(rows: number): IntegerColumn {
    const nulls = this.#nulls.column(rows);
    if (this.#base === Infinity)
      return { kind: 'integer', nulls, base: 0n, width: 8, deltas: this.#values.subarray(0, rows * 2) };
    const base = Number.isNaN(this.#base) ? 0n : BigInt(this.#base);
    return { kind: 'integer', nulls, base, width: 4, deltas: this.#values.subarray(0, rows) };
  }

  /** False when a value does not fit. */
  #appendNarrow(column: IntegerColumn, at: number, { count, chosen }: Rows): boolean {
    const { width, deltas, nulls } = column;
    const base = Number(column.base);
    if (Math.abs(base) > EXACT_MAX || (width === 8 && base !== 0)) return false;
    if (Number.isNaN(this.#base)) this.#base = firstOf(column, count) - HALF;
    if (Math.abs(this.#base) > EXACT_MAX) return false;
    const values = (this.#values = withRoom(this.#values, at + count));
    const shift = base - this.#base;
    if (width === 0) {
      if (shift < 0 || shift >= WORD) return false;
      values.fill(shift, at, at + count);
      return true;
    }
    for (let i = 0; i < count; i++) {
      const row = chosen === null ? i : chosen[i]!;
      const value = shift + (width === 8 ? (deltas[row * 2 + 1]! | 0) * WORD + deltas[row * 2]! : deltas[row]!);
      if (value >= 0 && value < WORD) values[at + i] = value;
      else if (nulls === null || ((nulls[row >> 3]! >> (row & 7)) & 1) === 0) return false;
    }
    return true;
  }

  #widen(rows: number): void {
    const base = Number.isNaN(this.#base) ? 0 : this.#base;
    const words = new Uint32Array(Math.max(this.#values.length, 1024) * 2);
    for (let row = 0; row < rows; row++) {
      const value = base + this.#values[row]!;
      const high = Math.floor(value / WORD);
      words[row * 2] = value - high * WORD;
      words[row * 2 + 1] = high;
    }
    this.#values = words;
    this.#base = Infinity;
  }

  #appendWide(column: IntegerColumn, at: number, { count, chosen }: Rows): void {
    const words = (this.#values = withRoom(this.#values, (at + count) * 2));
    const { width, deltas } = column;
    const base = Number(column.base);
    const plain = width === 8 && base === 0;
    const exact = width !== 8 && Math.abs(base) <= EXACT_MAX;
    for (let i = 0; i < count; i++) {
      const row = chosen === null ? i : chosen[i]!;
      const to = (at + i) * 2;
      if (plain) {
        words[to] = deltas[row * 2]!;
        words[to + 1] = deltas[row * 2 + 1]!;
      } else if (exact) {
        const value = width === 0 ? base : base + deltas[row]!;
        const high = Math.floor(value / WORD);
        words[to] = value - high * WORD;
        words[to + 1] = high;
      } else {
        const value = integerAt(column, row);
        words[to] = Number(value & 0xffffffffn);
        words[to + 1] = Number((value >> 32n) & 0xffffffffn);
      }
    }
  }
}

/** The first value that is not null, the base when there is none. */
function firstOf({ base, width, deltas, nulls }: IntegerColumn, rows: number): number {
  if (width > 0)
    for (let row = 0; row < rows; row++)
      if (nulls === null || ((nulls[row >> 3]! >> (row & 7)) & 1) === 0)
        return Number(base) + (width === 8 ? (deltas[row * 2 + 1]! | 0) * WORD + deltas[row * 2]! : deltas[row]!);
  return Number(base);
}
