/**
 * Columns as kernels see them: a *shape* (which code reads it) and the arrays behind it.
 *
 * | shape | column | read by |
 * |---|---|---|
 * | `d8` `d16` | dictionary | `codes[i]` |
 * | `dm8` `dm16` | dictionary, by another column's codes | `entries[codes[i]]` |
 * | `i0` `i1` `i2` `i4` | integer; base and value are safe integers | `base + deltas[i]` |
 * | `i8` | integer, any other | two words, base 0 |
 * | `f` `b` `u` `s` | double, boolean, uuid, bytes | |
 * | `l` | list, as values only | |
 *
 * With `n` behind it, the batch has a null bitmap; of a `dm` the other column has.
 */
import { isNull } from '../../event/columns.js';
import type { Codes, Column, DictionaryColumn, IntegerColumn } from '../../event/columns.js';
import { ENTRIES_MAX, type Dictionary } from '../../event/dictionary.js';
import { integerAt } from '../../event/integers.js';

const SUM_SAFE = 2 ** 51;

/** Which code reads a column. */
export function shapeOf(column: Column): string {
  if (column instanceof MappedColumn) return `dm${shapeOf(column.source).slice(1)}`;
  return kindOf(column) + (column.nulls === null ? '' : 'n');
}

/**
 * A dictionary column by the codes of another one: what that column's text c stands for is entry `entries[c]` - 1 of
 * `dictionary`, NULL where that is 0. Codes of its own are made once somebody asks: kernels need them of few rows.
 */
export class MappedColumn implements DictionaryColumn {
  readonly kind = 'dictionary';
  readonly dictionary: Dictionary;
  readonly source: DictionaryColumn;
  readonly entries: Int32Array;
  readonly #rows: number;
  #own: { readonly codes: Codes; readonly nulls: Uint8Array | null } | null = null;

  constructor(source: DictionaryColumn, entries: Int32Array, dictionary: Dictionary, rows: number) {
    this.source = source;
    this.entries = entries;
    this.dictionary = dictionary;
    this.#rows = rows;
  }

  get codes(): Codes {
    return (this.#own ??= this.#translated()).codes;
  }

  get nulls(): Uint8Array | null {
    return (this.#own ??= this.#translated()).nulls;
  }

  #translated(): { codes: Codes; nulls: Uint8Array | null } {
    const { codes: from, nulls: absent } = this.source;
    const rows = this.#rows;
    const codes = this.dictionary.size > ENTRIES_MAX ? new Uint32Array(rows) : new Uint16Array(rows);
    let nulls: Uint8Array | null = null;
    for (let row = 0; row < rows; row++) {
      const entry = absent !== null && isNull(absent, row) ? 0 : this.entries[from[row]!]!;
      if (entry > 0) codes[row] = entry - 1;
      else (nulls ??= new Uint8Array((rows + 7) >> 3))[row >> 3]! |= 1 << (row & 7);
    }
    return { codes, nulls };
  }
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
