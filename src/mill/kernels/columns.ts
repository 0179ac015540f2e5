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
import type { Column, IntegerColumn } from '../../event/columns.js';
import { integerAt } from '../../event/integers.js';

const SUM_SAFE = 2 ** 51;

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
