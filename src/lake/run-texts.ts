/**
 * Columns of a run that grow: texts, and codes of one dictionary for the whole run.
 *
 * A run's dictionary has no bound of its own, only the run's: codes are 16 bits while they suffice,
 * then 32. Codes of the log go through a table by dictionary identity, so a text is looked at once
 * a segment, not once a batch.
 */
import type { BytesColumn, BytesListColumn, Codes, Column, DictionaryColumn, ListColumn } from '../event/columns.js';
import { Dictionary } from '../event/dictionary.js';
import { NullRows, unexpected, withRoom, type GrowingColumn, type Rows } from './run-numbers.js';

/** Texts up to this long are copied byte by byte: a call costs more. */
const COPY_MAX = 64;

/** Texts, bytes and JSON. */
export class TextRows implements GrowingColumn {
  readonly #nulls = new NullRows();
  #offsets = new Uint32Array(1);
  #data = new Uint8Array(0);
  #rows = 0;

  get bytes(): number {
    return this.#offsets[this.#rows]! + this.#rows * 4 + this.#nulls.bytes;
  }

  append(column: Column, at: number, rows: Rows): void {
    if (column.kind !== 'bytes') throw unexpected(column, 'bytes');
    const { count, chosen } = rows;
    this.#nulls.append(column.nulls, at, rows);
    const offsets = (this.#offsets = withRoom(this.#offsets, at + count + 1));
    this.#rows = at + count;
    if (chosen !== null) return this.#appendChosen(column, at, chosen);
    const first = column.offsets[0]!;
    const end = column.offsets[count]!;
    const shift = offsets[at]! - first;
    this.#data = withRoom(this.#data, shift + end);
    this.#data.set(column.data.subarray(first, end), shift + first);
    for (let row = 1; row <= count; row++) offsets[at + row] = column.offsets[row]! + shift;
  }

  #appendChosen({ data: from, offsets: ends }: BytesColumn, at: number, chosen: Uint32Array): void {
    const offsets = this.#offsets;
    let end = offsets[at]!;
    for (let i = 0; i < chosen.length; i++) offsets[at + i + 1] = end += ends[chosen[i]! + 1]! - ends[chosen[i]!]!;
    const data = (this.#data = withRoom(this.#data, end));
    for (let i = 0; i < chosen.length; i++) {
      const start = ends[chosen[i]!]!;
      const stop = ends[chosen[i]! + 1]!;
      let to = offsets[at + i]!;
      if (stop - start > COPY_MAX) data.set(from.subarray(start, stop), to);
      else for (let byte = start; byte < stop; byte++) data[to++] = from[byte]!;
    }
  }

  column(rows: number): BytesColumn {
    const offsets = this.#offsets.subarray(0, rows + 1);
    return { kind: 'bytes', nulls: this.#nulls.column(rows), offsets, data: this.#data.subarray(0, offsets[rows]) };
  }
}

/** Texts of all dictionaries as codes of one: of one column of a run. */
export class RunDictionary {
  readonly dictionary = new Dictionary(2 ** 30, 2 ** 30);
  readonly #lookups = new WeakMap<Dictionary, Int32Array>();

  /** About what the entries take, with the tables to find them by. */
  get bytes(): number {
    return this.dictionary.bytes + this.dictionary.size * 24;
  }

  /** The table from a source's codes to this dictionary's; -1 where not known yet. */
  lookup(source: Dictionary): Int32Array {
    const known = this.#lookups.get(source);
    if (known !== undefined && known.length >= source.size) return known;
    const lookup = new Int32Array(Math.max(64, source.size * 2)).fill(-1);
    if (known !== undefined) lookup.set(known);
    this.#lookups.set(source, lookup);
    return lookup;
  }

  add(source: Dictionary, code: number): number {
    return this.dictionary.intern(source.data, source.offsets[code]!, source.offsets[code + 1]!);
  }

  addBytes({ data, offsets }: BytesColumn, row: number): number {
    return this.dictionary.intern(data, offsets[row]!, offsets[row + 1]!);
  }
}

const NARROW_MAX = 65_536;

/** Codes: 16 bits each, or 32 once the dictionary is larger. */
class CodeArray {
  values: Uint16Array | Uint32Array = new Uint16Array(0);

  bytes(count: number): number {
    return count * this.values.BYTES_PER_ELEMENT;
  }

  /** Room for `length` codes below `size`, of which `used` are in use. */
  reserve(length: number, used: number, size: number): Uint16Array | Uint32Array {
    if (size > NARROW_MAX && this.values.BYTES_PER_ELEMENT === 2) {
      const wider = new Uint32Array(Math.max(length, this.values.length));
      wider.set(this.values.subarray(0, used));
      this.values = wider;
    }
    return (this.values = withRoom(this.values, length));
  }
}

let scratch = new Uint32Array(0);

/** Texts of low cardinality. */
export class CodeRows implements GrowingColumn {
  readonly #nulls = new NullRows();
  readonly #texts: RunDictionary;
  readonly #codes = new CodeArray();
  #rows = 0;

  constructor(texts: RunDictionary) {
    this.#texts = texts;
  }

  get bytes(): number {
    return this.#codes.bytes(this.#rows) + this.#nulls.bytes;
  }

  append(column: Column, at: number, rows: Rows): void {
    if (column.kind !== 'dictionary' && column.kind !== 'bytes') throw unexpected(column, 'dictionary');
    const { count, chosen } = rows;
    const texts = this.#texts;
    this.#nulls.append(column.nulls, at, rows);
    this.#rows = at + count;
    if (chosen !== null && column.kind === 'dictionary' && column.dictionary === texts.dictionary) {
      const codes = this.#codes.reserve(at + count, at, texts.dictionary.size);
      copyCodes(column.codes, chosen, codes, at);
      return;
    }
    scratch = withRoom(scratch, count);
    if (column.kind === 'bytes') internRows(texts, column, count);
    else translateRows(texts, column, count);
    const codes = this.#codes.reserve(at + count, at, texts.dictionary.size);
    for (let row = 0; row < count; row++) codes[at + row] = scratch[row]!;
  }

  column(rows: number): DictionaryColumn {
    return {
      kind: 'dictionary',
      nulls: this.#nulls.column(rows),
      codes: this.#codes.values.subarray(0, rows),
      dictionary: this.#texts.dictionary,
    };
  }
}

function copyCodes(from: Codes, chosen: Uint32Array, to: Uint16Array | Uint32Array, at: number): void {
  for (let i = 0; i < chosen.length; i++) to[at + i] = from[chosen[i]!]!;
}

function internRows(texts: RunDictionary, column: BytesColumn, rows: number): void {
  const { nulls } = column;
  for (let row = 0; row < rows; row++)
    scratch[row] = nulls !== null && ((nulls[row >> 3]! >> (row & 7)) & 1) === 1 ? 0 : texts.addBytes(column, row);
}

function translateRows(texts: RunDictionary, { codes, nulls, dictionary }: DictionaryColumn, rows: number): void {
  const lookup = texts.lookup(dictionary);
  for (let row = 0; row < rows; row++) {
    const from = codes[row]!;
    const known = lookup[from]!;
    if (known >= 0) scratch[row] = known;
    // A null row's code is 0, which need not be an entry.
    else if (nulls !== null && ((nulls[row >> 3]! >> (row & 7)) & 1) === 1) scratch[row] = 0;
    else scratch[row] = lookup[from] = texts.add(dictionary, from);
  }
}

/** Lists of texts of low cardinality. */
export class ListRows implements GrowingColumn {
  readonly #nulls = new NullRows();
  readonly #texts: RunDictionary;
  readonly #codes = new CodeArray();
  #offsets = new Uint32Array(1);
  #rows = 0;

  constructor(texts: RunDictionary) {
    this.#texts = texts;
  }

  get bytes(): number {
    return this.#codes.bytes(this.#offsets[this.#rows]!) + this.#rows * 4 + this.#nulls.bytes;
  }

  append(column: Column, at: number, rows: Rows): void {
    if (column.kind !== 'list' && column.kind !== 'bytesList') throw unexpected(column, 'list');
    const { count, chosen } = rows;
    this.#nulls.append(column.nulls, at, rows);
    const offsets = (this.#offsets = withRoom(this.#offsets, at + count + 1));
    const start = offsets[at]!;
    let end = start;
    for (let i = 0; i < count; i++) {
      const row = chosen === null ? i : chosen[i]!;
      offsets[at + i + 1] = end += column.offsets[row + 1]! - column.offsets[row]!;
    }
    this.#rows = at + count;
    if (end === start) return;
    scratch = withRoom(scratch, end - start);
    this.#translate(column, rows);
    const codes = this.#codes.reserve(end, start, this.#texts.dictionary.size);
    for (let item = start; item < end; item++) codes[item] = scratch[item - start]!;
  }

  #translate(column: ListColumn | BytesListColumn, { count, chosen }: Rows): void {
    const texts = this.#texts;
    const own = column.kind === 'list' && column.dictionary === texts.dictionary;
    const lookup = column.kind === 'list' && !own ? texts.lookup(column.dictionary) : null;
    let out = 0;
    for (let i = 0; i < count; i++) {
      const row = chosen === null ? i : chosen[i]!;
      for (let item = column.offsets[row]!; item < column.offsets[row + 1]!; item++) {
        if (column.kind === 'bytesList') scratch[out++] = texts.addBytes(column.items, item);
        else if (lookup === null) scratch[out++] = column.codes[item]!;
        else {
          const from = column.codes[item]!;
          if (lookup[from]! < 0) lookup[from] = texts.add(column.dictionary, from);
          scratch[out++] = lookup[from]!;
        }
      }
    }
  }

  column(rows: number): ListColumn {
    const offsets = this.#offsets.subarray(0, rows + 1);
    return {
      kind: 'list',
      nulls: this.#nulls.column(rows),
      offsets,
      codes: this.#codes.values.subarray(0, offsets[rows]),
      dictionary: this.#texts.dictionary,
    };
  }
}
