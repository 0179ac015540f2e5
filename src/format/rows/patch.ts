/**
 * A column with some values replaced: the source's rows, and over them what objects say otherwise.
 * Without a source every row is replaced.
 */
import { paddedBits } from '../../event/batch/slices.js';
import {
  isNull,
  type BooleanColumn,
  type Column,
  type DoubleColumn,
  type IntegerColumn,
  type UuidColumn,
} from '../../event/columns.js';
import { integerAt } from '../../event/integers.js';
import type { ColumnDefinition } from '../../event/schema.js';
import type { MillraceError } from '../../util/errors.js';
import { parseUuid } from '../../event/uuid.js';
import { shapeOf } from '../shapes.js';
import type { Changes } from './changes.js';
import { doubleOf, integerOf, missingValue, wrongValue } from './values.js';

/** What a column is made of. */
export interface Patch {
  readonly definition: ColumnDefinition;
  /** Whether a null is taken as 0: the log stamps `received_at`. */
  readonly stamped: boolean;
  /** The source's values, one a row of the new column; null without a source. */
  readonly base: Column | null;
  /** Rows of the new column. */
  readonly count: number;
  readonly changes: Changes;
  /** Notes that a row can't be kept; what the column then holds there is of no meaning. */
  fault(row: number, error: MillraceError): void;
}

/** The null bitmap; rows that may not be null are faults. */
export function patchNulls({ definition, stamped, base, count, changes, fault }: Patch): Uint8Array | null {
  const { rows, values } = changes;
  let nulls: Uint8Array | null = null;
  if (base !== null && base.nulls !== null) {
    nulls = new Uint8Array(paddedBits(count));
    nulls.set(base.nulls.subarray(0, (count + 7) >> 3));
  }
  for (let k = 0; k < changes.rows.length; k++) {
    const row = rows[k]!;
    if ((values[k] ?? null) === null) {
      if (stamped) continue;
      if (!definition.nullable) fault(row, missingValue(definition));
      nulls ??= new Uint8Array(paddedBits(count));
      nulls[row >> 3]! |= 1 << (row & 7);
    } else if (nulls !== null) nulls[row >> 3]! &= ~(1 << (row & 7));
  }
  return nulls;
}

/** `uuid`. */
export function patchUuids(patch: Patch): UuidColumn {
  const { definition, base, count, changes, fault } = patch;
  const data = new Uint8Array(count * 16);
  if (base !== null) data.set((base as UuidColumn).data.subarray(0, count * 16));
  for (let k = 0; k < changes.rows.length; k++) {
    const row = changes.rows[k]!;
    const value = changes.values[k] ?? null;
    if (value === null) data.fill(0, row * 16, row * 16 + 16);
    else if (typeof value !== 'string' || !parseUuid(value, data, row * 16)) fault(row, wrongValue(definition, value));
  }
  return { kind: 'uuid', nulls: patchNulls(patch), data };
}

/** `int64`, `decimal` and `timestamp`: plain 64-bit integers. */
export function patchIntegers(patch: Patch): IntegerColumn {
  const { definition, base, count, changes, fault } = patch;
  const deltas = base === null ? new Uint32Array(count * 2) : wordsOf(base as IntegerColumn, count);
  for (let k = 0; k < changes.rows.length; k++) {
    const row = changes.rows[k]!;
    const value = changes.values[k] ?? null;
    const integer = value === null ? 0 : integerOf(definition.type, value);
    if (integer === undefined) fault(row, wrongValue(definition, value));
    else putWords(deltas, row, integer);
  }
  return { kind: 'integer', nulls: patchNulls(patch), base: 0n, width: 8, deltas };
}

function wordsOf(column: IntegerColumn, count: number): Uint32Array {
  const words = new Uint32Array(count * 2);
  if (column.width === 8 && column.base === 0n) words.set(column.deltas.subarray(0, count * 2));
  else if (shapeOf(column) === 'i') {
    const base = Number(column.base);
    for (let row = 0; row < count; row++)
      if (!isNull(column.nulls, row)) putWords(words, row, base + column.deltas[row]!);
  } else
    for (let row = 0; row < count; row++) if (!isNull(column.nulls, row)) putWords(words, row, integerAt(column, row));
  return words;
}

function putWords(words: Uint32Array, row: number, value: number | bigint): void {
  if (typeof value === 'number') {
    const high = Math.floor(value / 4_294_967_296);
    words[row * 2] = value - high * 4_294_967_296;
    words[row * 2 + 1] = high;
  } else {
    words[row * 2] = Number(value & 0xffff_ffffn);
    words[row * 2 + 1] = Number((value >> 32n) & 0xffff_ffffn);
  }
}

/** `double`. */
export function patchDoubles(patch: Patch): DoubleColumn {
  const { definition, base, count, changes, fault } = patch;
  const values = new Float64Array(count);
  if (base !== null) values.set((base as DoubleColumn).values.subarray(0, count));
  for (let k = 0; k < changes.rows.length; k++) {
    const row = changes.rows[k]!;
    const value = changes.values[k] ?? null;
    const double = value === null ? 0 : doubleOf(value);
    if (double === undefined) fault(row, wrongValue(definition, value));
    else values[row] = double;
  }
  return { kind: 'double', nulls: patchNulls(patch), values };
}

/** `boolean`. */
export function patchBooleans(patch: Patch): BooleanColumn {
  const { definition, base, count, changes, fault } = patch;
  const values = new Uint8Array(count);
  if (base !== null) values.set((base as BooleanColumn).values.subarray(0, count));
  for (let k = 0; k < changes.rows.length; k++) {
    const row = changes.rows[k]!;
    const value = changes.values[k] ?? null;
    if (value !== null && typeof value !== 'boolean') fault(row, wrongValue(definition, value));
    else values[row] = value === true ? 1 : 0;
  }
  return { kind: 'boolean', nulls: patchNulls(patch), values };
}
