/**
 * Rows on their way as columns: what the fast operators hand to each other instead of arrays of values.
 *
 * A row of a block is nothing by itself: no object is made for it. An operator that does not know blocks reads
 * `Deltas.rows`, which makes the rows on the first look; both forms say the same.
 *
 * Invariants: each vector has `count` entries or more; an entry that is NULL holds 0, -1 or null, never garbage.
 * A block that was passed on is never written to again: whoever gets it may keep it.
 */
import { DECIMAL_SCALE } from '../../event/schema.js';
import { Decimal } from '../../sql/decimal.js';
import type { SqlType } from '../../sql/plan.js';
import type { Value } from '../../sql/value.js';
import type { Deltas, Row } from './operator.js';

/** Numbers: of integers, real, double precision, date, time, timestamp, timestamptz. */
export interface NumberVector {
  readonly kind: 'numbers';
  readonly values: Float64Array;
  /** A byte a row, 1: NULL; null: none is. */
  readonly nulls: Uint8Array | null;
}

/** Numerics of one scale: whole units of 10^-scale, at most `UNITS_MAX` in size. */
export interface DecimalVector {
  readonly kind: 'decimals';
  readonly units: Float64Array;
  readonly scale: number;
  readonly nulls: Uint8Array | null;
}

/** Texts by their codes in a table; -1: NULL. */
export interface TextVector {
  readonly kind: 'texts';
  readonly codes: Int32Array;
  readonly texts: TextTable;
}

/** Values as they are: of every type, and of numbers and texts that do not fit the kinds above. */
export interface ValueVector {
  readonly kind: 'values';
  readonly values: readonly Value[];
}

/** One field of a block's rows. */
export type Vector = NumberVector | DecimalVector | TextVector | ValueVector;

/**
 * Texts by code: a batch's dictionary, its rows' own texts, or the keys of an operator. It may grow; a code keeps its
 * text. Two codes may have the same.
 */
export interface TextTable {
  readonly size: number;
  stringOf(code: number): string;
}

/** Rows as columns. */
export interface Block {
  readonly count: number;
  readonly vectors: readonly Vector[];
  /**
   * Fields that no two rows share, of all rows that their operator has passed on; null where that is not known.
   * Rows that it has taken back are among them: one that is passed on again must come as a row. Fields that are
   * equal in SQL's eyes are shared.
   */
  readonly distinct: readonly number[] | null;
}

/** Largest size of a decimal's units that a vector holds: sums of two are exact. */
export const UNITS_MAX = 2 ** 52;

/** Types that `numbers` hold; integers only while they are numbers, not bigints. */
export const NUMBER_TYPES: ReadonlySet<SqlType> = new Set([
  'smallint',
  'integer',
  'bigint',
  'real',
  'double precision',
  'timestamptz',
  'timestamp',
  'date',
  'time',
]);

/** Deltas over a block: rows are made when somebody asks for them. All rows are added. */
export class BlockDeltas implements Deltas {
  readonly block: Block;
  readonly weights = null;
  readonly stamps: readonly number[] | number;
  #rows: readonly Row[] | null = null;

  constructor(block: Block, stamps: readonly number[] | number) {
    this.block = block;
    this.stamps = stamps;
  }

  get rows(): readonly Row[] {
    return (this.#rows ??= rowsOfBlock(this.block));
  }
}

/** How many rows deltas have; makes none. */
export function countOf(deltas: Deltas): number {
  return deltas.block?.count ?? deltas.rows.length;
}

/** An entry of a vector. */
export function valueOf(vector: Vector, at: number): Value {
  switch (vector.kind) {
    case 'numbers':
      return vector.nulls !== null && vector.nulls[at] === 1 ? null : vector.values[at]!;
    case 'decimals':
      if (vector.nulls !== null && vector.nulls[at] === 1) return null;
      return new Decimal(BigInt(vector.units[at]!), vector.scale);
    case 'texts':
      return vector.codes[at]! < 0 ? null : vector.texts.stringOf(vector.codes[at]!);
    case 'values':
      return vector.values[at]!;
  }
}

/** A row of a block. */
export function rowAt({ vectors }: Block, at: number): Row {
  return vectors.map((vector) => valueOf(vector, at));
}

/** All rows of a block. */
export function rowsOfBlock({ count, vectors }: Block): Row[] {
  const rows = new Array<Value[]>(count);
  for (let i = 0; i < count; i++) rows[i] = new Array<Value>(vectors.length);
  vectors.forEach((vector, field) => {
    for (let i = 0; i < count; i++) rows[i]![field] = valueOf(vector, i);
  });
  return rows;
}

/** The first `count` rows of those at `selection`, in that order. */
export function selectRows(block: Block, selection: Uint32Array, count: number): Block {
  return { count, vectors: block.vectors.map((one) => selectVector(one, selection, count)), distinct: block.distinct };
}

/** The rows from `from` to before `to`; nothing is copied. */
export function sliceRows(block: Block, from: number, to: number): Block {
  return { count: to - from, vectors: block.vectors.map((one) => sliced(one, from, to)), distinct: block.distinct };
}

function sliced(vector: Vector, from: number, to: number): Vector {
  switch (vector.kind) {
    case 'numbers':
      return { ...vector, values: vector.values.subarray(from, to), nulls: vector.nulls?.subarray(from, to) ?? null };
    case 'decimals':
      return { ...vector, units: vector.units.subarray(from, to), nulls: vector.nulls?.subarray(from, to) ?? null };
    case 'texts':
      return { ...vector, codes: vector.codes.subarray(from, to) };
    case 'values':
      return { kind: 'values', values: vector.values.slice(from, to) };
  }
}

/** The first `count` entries of those at `selection`, in that order. */
export function selectVector(vector: Vector, selection: Uint32Array, count: number): Vector {
  switch (vector.kind) {
    case 'numbers': {
      const nulls = vector.nulls === null ? null : pick(vector.nulls, selection, new Uint8Array(count));
      return { kind: 'numbers', values: pick(vector.values, selection, new Float64Array(count)), nulls };
    }
    case 'decimals': {
      const nulls = vector.nulls === null ? null : pick(vector.nulls, selection, new Uint8Array(count));
      return { ...vector, units: pick(vector.units, selection, new Float64Array(count)), nulls };
    }
    case 'texts':
      return { ...vector, codes: pick(vector.codes, selection, new Int32Array(count)) };
    case 'values':
      return { kind: 'values', values: Array.from({ length: count }, (_, i) => vector.values[selection[i]!]!) };
  }
}

function pick<T extends Float64Array | Uint8Array | Int32Array>(from: T, selection: Uint32Array, into: T): T {
  for (let i = 0; i < into.length; i++) into[i] = from[selection[i]!]!;
  return into;
}

/** Rows as a block: numbers and decimals of one scale as such, all else as values. For what has rows only. */
export function blockOfRows(
  rows: readonly Row[],
  types: readonly SqlType[],
  distinct: readonly number[] | null = null,
): Block {
  const vectors = types.map((type, field) =>
    vectorOfValues(
      rows.map((row) => row[field]!),
      type,
    ),
  );
  return { count: rows.length, vectors, distinct };
}

/** Values of one type as the best vector for them. */
export function vectorOfValues(values: readonly Value[], type: SqlType): Vector {
  if (NUMBER_TYPES.has(type)) return numbersOf(values) ?? { kind: 'values', values };
  if (type === 'numeric') return decimalsOf(values) ?? { kind: 'values', values };
  return { kind: 'values', values };
}

function numbersOf(all: readonly Value[]): NumberVector | null {
  const values = new Float64Array(all.length);
  let nulls: Uint8Array | null = null;
  for (let i = 0; i < all.length; i++) {
    const value = all[i]!;
    if (typeof value === 'number') values[i] = value;
    else if (value !== null) return null;
    else (nulls ??= new Uint8Array(all.length))[i] = 1;
  }
  return { kind: 'numbers', values, nulls };
}

function decimalsOf(all: readonly Value[]): DecimalVector | null {
  const units = new Float64Array(all.length);
  let nulls: Uint8Array | null = null;
  let scale = -1;
  for (let i = 0; i < all.length; i++) {
    const value = all[i] as Decimal | null;
    if (value === null) {
      (nulls ??= new Uint8Array(all.length))[i] = 1;
      continue;
    }
    const number = Number(value.units);
    if (scale < 0) scale = value.scale;
    if (value.scale !== scale || Math.abs(number) > UNITS_MAX) return null;
    units[i] = number;
  }
  return { kind: 'decimals', units, scale: Math.max(0, scale), nulls };
}

/** A vector of NULLs, in the form that the type's values mostly have. */
export function nullVector(type: SqlType, count: number): Vector {
  const nulls = (): Uint8Array => new Uint8Array(count).fill(1);
  if (NUMBER_TYPES.has(type)) return { kind: 'numbers', values: new Float64Array(count), nulls: nulls() };
  if (type === 'numeric')
    return { kind: 'decimals', units: new Float64Array(count), scale: DECIMAL_SCALE, nulls: nulls() };
  if (type === 'text') return { kind: 'texts', codes: new Int32Array(count).fill(-1), texts: NO_TEXTS };
  return { kind: 'values', values: new Array<Value>(count).fill(null) };
}

const NO_TEXTS: TextTable = {
  size: 0,
  stringOf: () => {
    throw new Error('a NULL has no text');
  },
};
