/**
 * Columns as kernels see them: a *shape* (which code reads it) and the arrays behind it.
 *
 * | shape | column | read by |
 * |---|---|---|
 * | `d8` `d16` | dictionary | `codes[i]` |
 * | `i0` `i1` `i2` `i4` | integer; base and value are safe integers | `base + deltas[i]` |
 * | `i8` | integer, any other | two words, base 0 |
 * | `f` `b` `u` `s` | double, boolean, uuid, bytes | |
 * | `l` | list, as values only | |
 *
 * With `n` behind it, the batch has a null bitmap.
 */
import { isNull } from '../../event/columns.js';
import type { Column, IntegerColumn } from '../../event/columns.js';
import { integerAt } from '../../event/integers.js';
import type { ColumnType } from '../../event/schema.js';
import { uuidText } from '../../event/uuid.js';
import { Decimal } from '../../sql/decimal.js';
import { intOf } from '../../sql/value.js';
import type { Value } from '../../sql/value.js';

const SUM_SAFE = 2 ** 51;
const decoder = new TextDecoder();

/** Which code reads a column. */
export function shapeOf(column: Column): string {
  return kindOf(column) + (column.nulls === null ? '' : 'n');
}

function kindOf(column: Column): string {
  switch (column.kind) {
    case 'dictionary':
      return column.codes.BYTES_PER_ELEMENT === 1 ? 'd8' : 'd16';
    case 'integer': {
      const base = Number(column.base);
      return column.width === 8 || Math.abs(base) > SUM_SAFE ? 'i8' : `i${column.width}`;
    }
    case 'double':
      return 'f';
    case 'boolean':
      return 'b';
    case 'uuid':
      return 'u';
    case 'bytes':
      return 's';
    default:
      return 'l';
  }
}

/** The words of an `i8` column with base 0. */
export function wideWords(column: IntegerColumn, rows: number): Uint32Array {
  if (column.width === 8 && column.base === 0n) return column.deltas as Uint32Array;
  const words = new Uint32Array(rows * 2);
  for (let row = 0; row < rows; row++) {
    const value = integerAt(column, row);
    words[row * 2] = Number(value & 0xffffffffn);
    words[row * 2 + 1] = Number((value >> 32n) & 0xffffffffn);
  }
  return words;
}

/** Reads a row of a column as a SQL value. */
export function valueAt(column: Column, type: ColumnType, row: number): Value {
  if (isNull(column.nulls, row)) return null;
  switch (column.kind) {
    case 'dictionary':
      return column.dictionary.stringOf(column.codes[row]!);
    case 'integer':
      return integerValue(integerAt(column, row), type);
    case 'double':
      return column.values[row]!;
    case 'boolean':
      return column.values[row] === 1;
    case 'uuid':
      return uuidText(column.data, row * 16);
    case 'bytes': {
      const bytes = column.data.subarray(column.offsets[row], column.offsets[row + 1]);
      return type === 'bytes' ? bytes.slice() : decoder.decode(bytes);
    }
    case 'list':
      return Array.from(column.codes.subarray(column.offsets[row], column.offsets[row + 1]), (code) =>
        column.dictionary.stringOf(code),
      );
    case 'bytesList': {
      const { items, offsets } = column;
      const texts: string[] = [];
      for (let i = offsets[row]!; i < offsets[row + 1]!; i++)
        texts.push(decoder.decode(items.data.subarray(items.offsets[i], items.offsets[i + 1])));
      return texts;
    }
  }
}

function integerValue(value: bigint, type: ColumnType): Value {
  if (type === 'decimal') return new Decimal(value, 6);
  return type === 'timestamp' ? Number(value) : intOf(value);
}
