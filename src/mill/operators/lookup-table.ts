/**
 * One table that a kernel's rows are looked up in: by key, the texts of the columns that are wanted.
 *
 * Keys and texts are entries of dictionaries: a row is the code of its key, and for each column the code of its text.
 * Finding what a batch's dictionary has takes one look by bytes an entry; no text is made into a string.
 *
 * Bounded: rows of at most `bytesMax` in all, counted as if each held texts of its own. Entries that no row has any more
 * are dropped once they are the greater part.
 */
import { isNull } from '../../event/columns.js';
import type { Column, ColumnBatch, DictionaryColumn } from '../../event/columns.js';
import { Dictionary } from '../../event/dictionary.js';
import type { PlanLookup } from '../../sql/plan.js';
import { MappedColumn } from '../kernels/columns.js';
import { grown } from '../../util/typed-arrays.js';

/** What a row takes beside its texts, bytes. */
const ROW_BYTES = 160;
/** So many entries that nobody has are not worth making the dictionaries anew. */
const UNUSED_SPARED = 4_096;
/** Of a key that has no row, and of a text that is NULL. */
const NONE = -1;

/** A dictionary that leaves no process, and whose owner bounds it. */
const unbounded = (): Dictionary => new Dictionary(2 ** 31, 2 ** 31);

/** What the table has for the entries of one dictionary. */
interface Found {
  known: number;
  /** For each column, the code of the text + 1 by code of the dictionary; 0: no row, or NULL. */
  entries: Int32Array[];
}

/** See the head of the file. */
export class LookupTable {
  /** Of all rows. */
  bytes = 0;
  readonly lookup: PlanLookup;
  readonly #bytesMax: number;
  #live = 0;
  #keys = unbounded();
  /** By code of the key: whether it has a row. */
  #present: Uint8Array = new Uint8Array(64);
  #texts: Dictionary[];
  /** For each column, the code of the text by code of the key. */
  #codes: Int32Array[];
  #found = new WeakMap<Dictionary, Found>();
  #keyReader: TextReader | null = null;
  #readers: readonly TextReader[] = [];

  constructor(lookup: PlanLookup, bytesMax: number) {
    this.lookup = lookup;
    this.#bytesMax = bytesMax;
    this.#texts = lookup.columns.map(unbounded);
    this.#codes = lookup.columns.map(() => new Int32Array(64));
  }

  /** `set` and `delete` are of rows of this batch of the table's stream. */
  begin(batch: ColumnBatch): void {
    this.#keyReader = new TextReader(batch.column(this.lookup.key));
    this.#readers = this.lookup.columns.map((column) => new TextReader(batch.column(column)));
  }

  /** Takes a row in place of the one with its key, if it has one; false where there is no room for a new one. */
  set(row: number): boolean {
    const key = this.#keyReader!;
    if (!key.seek(row)) return true;
    let size = ROW_BYTES + key.length;
    for (const reader of this.#readers) if (reader.seek(row)) size += reader.length;
    const known = this.#keys.find(key.data, key.start, key.end);
    const isNew = known < 0 || this.#present[known] === 0;
    if (isNew && this.bytes + size > this.#bytesMax) return false;
    const code = known >= 0 ? known : this.#keys.intern(key.data, key.start, key.end);
    if (isNew) this.#add(code);
    else this.bytes -= this.#sizeOf(code);
    this.bytes += size;
    this.#readers.forEach((reader, column) => {
      const isText = reader.seek(row);
      const text = isText ? this.#texts[column]!.intern(reader.data, reader.start, reader.end) : NONE;
      this.#codes[column]![code] = text;
    });
    return true;
  }

  /** Takes away the row with this row's key. */
  delete(row: number): void {
    const key = this.#keyReader!;
    if (!key.seek(row)) return;
    const code = this.#keys.find(key.data, key.start, key.end);
    if (code < 0 || this.#present[code] === 0) return;
    this.bytes -= this.#sizeOf(code);
    this.#present[code] = 0;
    this.#live--;
  }

  /** All rows of the batch were given. */
  end(): void {
    this.#found = new WeakMap();
    this.#keyReader = null;
    this.#readers = [];
    const used = this.#live * 2 + UNUSED_SPARED;
    if (this.#keys.size > used || this.#texts.some(({ size }) => size > used)) this.#compact();
  }

  /** The table's columns for the rows of a batch. */
  columns(batch: ColumnBatch): DictionaryColumn[] {
    const source = coded(batch.column(this.lookup.on), batch.rows);
    const { entries } = this.#foundFor(source.dictionary);
    return entries.map((own, column) => new MappedColumn(source, own, this.#texts[column]!, batch.rows));
  }

  #add(code: number): void {
    if (code >= this.#present.length) {
      this.#present = grown(this.#present, this.#present.length * 2);
      this.#codes = this.#codes.map((codes) => grown(codes, codes.length * 2));
    }
    this.#present[code] = 1;
    this.#live++;
  }

  #sizeOf(code: number): number {
    let size = ROW_BYTES + lengthOf(this.#keys, code);
    this.#codes.forEach((codes, column) => {
      if (codes[code]! !== NONE) size += lengthOf(this.#texts[column]!, codes[code]!);
    });
    return size;
  }

  #foundFor(dictionary: Dictionary): Found {
    let found = this.#found.get(dictionary);
    if (found === undefined) {
      found = { known: 0, entries: this.#codes.map(() => new Int32Array(64)) };
      this.#found.set(dictionary, found);
    }
    if (found.known < dictionary.size) this.#find(dictionary, found);
    return found;
  }

  #find({ size, data, offsets }: Dictionary, found: Found): void {
    found.entries = found.entries.map((entries) => (entries.length < size ? grown(entries, size * 2) : entries));
    for (let entry = found.known; entry < size; entry++) {
      const code = this.#keys.find(data, offsets[entry]!, offsets[entry + 1]!);
      const isThere = code >= 0 && this.#present[code] === 1;
      for (let column = 0; column < found.entries.length; column++)
        found.entries[column]![entry] = isThere ? this.#codes[column]![code]! + 1 : 0;
    }
    found.known = size;
  }

  /** Dictionaries with what rows have, and nothing else. */
  #compact(): void {
    const keys = unbounded();
    const texts = this.#texts.map(unbounded);
    const codes = this.#codes.map((old) => new Int32Array(Math.max(64, Math.min(old.length, this.#live * 2))));
    for (let code = 0; code < this.#keys.size; code++) {
      if (this.#present[code] === 0) continue;
      const moved = copied(this.#keys, code, keys);
      this.#codes.forEach((old, column) => {
        const text = old[code]!;
        codes[column]![moved] = text === NONE ? NONE : copied(this.#texts[column]!, text, texts[column]!);
      });
    }
    this.#keys = keys;
    this.#texts = texts;
    this.#codes = codes;
    this.#present = new Uint8Array(codes[0]?.length ?? this.#present.length).fill(1, 0, this.#live);
  }
}

/** Where a row's text is. */
class TextReader {
  readonly data: Uint8Array;
  start = 0;
  end = 0;
  readonly #column: Column;

  constructor(column: Column) {
    if (column.kind !== 'dictionary' && column.kind !== 'bytes') throw new Error('only texts are looked up');
    this.#column = column;
    this.data = column.kind === 'bytes' ? column.data : column.dictionary.data;
  }

  get length(): number {
    return this.end - this.start;
  }

  /** Goes to a row; false: it is NULL. */
  seek(row: number): boolean {
    const column = this.#column as Extract<Column, { kind: 'bytes' | 'dictionary' }>;
    if (column.nulls !== null && isNull(column.nulls, row)) return false;
    const offsets = column.kind === 'bytes' ? column.offsets : column.dictionary.offsets;
    const at = column.kind === 'bytes' ? row : column.codes[row]!;
    this.start = offsets[at]!;
    this.end = offsets[at + 1]!;
    return true;
  }
}

function lengthOf({ offsets }: Dictionary, code: number): number {
  return offsets[code + 1]! - offsets[code]!;
}

/** An entry in another dictionary: its code there. */
function copied({ data, offsets }: Dictionary, code: number, into: Dictionary): number {
  return into.intern(data, offsets[code]!, offsets[code + 1]!);
}

/** A column by codes; one of bytes gets a dictionary of the batch's own. */
function coded(column: Column, rows: number): DictionaryColumn {
  if (column.kind === 'dictionary') return column;
  if (column.kind !== 'bytes') throw new Error('only texts are looked up');
  const { data, nulls, offsets } = column;
  const dictionary = unbounded();
  const codes = new Uint32Array(rows);
  for (let row = 0; row < rows; row++)
    if (nulls === null || !isNull(nulls, row)) codes[row] = dictionary.intern(data, offsets[row]!, offsets[row + 1]!);
  return { kind: 'dictionary', codes, dictionary, nulls };
}
