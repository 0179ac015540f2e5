/** The dictionary of one chunk: codes of the batches' dictionaries become codes of its own. */
import type { BatchTarget, RowSlice } from '../../event/batch.js';
import type { BytesColumn, DictionaryColumn, ListColumn } from '../../event/columns.js';
import { Dictionary, ENTRIES_MAX } from '../../event/dictionary.js';
import { TextBounds } from '../../event/text-bounds.js';
import { setBounds, writeOne } from './byte-array.js';
import type { Chunk } from './chunk-body.js';

/** The dictionary of one chunk: translates codes and writes the entries that are used. */
export interface CodeTable {
  readonly size: number;
  /** From a source's codes to the table's; -1 where not known. */
  lookup(source: Dictionary): Int32Array;
  /** The code of a source's entry, added; -1 when full. */
  add(source: Dictionary, code: number): number;
  addBytes(column: BytesColumn, row: number): number;
  /** Writes the entries, plain, and their bounds. */
  write(entries: BatchTarget, chunk: Chunk): void;
  /** Call when the chunk is written: the table is of no use afterwards. */
  release(): void;
}

/**
 * Look-ups that wait to be used again, all of them -1. A small file out of a large dictionary would
 * otherwise spend its time on making them.
 */
const idle: Int32Array[] = [];
const IDLE_MAX = 16;

function takeLookup(size: number): Int32Array {
  const index = idle.findIndex(({ length }) => length >= size);
  return index < 0 ? new Int32Array(Math.max(size, 256)).fill(-1) : idle.splice(index, 1)[0]!;
}

function giveLookup(lookup: Int32Array, touched: ArrayLike<number>, count: number): void {
  for (let i = 0; i < count; i++) lookup[touched[i]!] = -1;
  if (idle.length === IDLE_MAX) idle.shift();
  idle.push(lookup);
}

/** Codes that the one table under way uses. */
const used = new Uint32Array(ENTRIES_MAX);

/** The table of a column: simple where all codes come from one dictionary. */
export function tableOf(slices: readonly RowSlice[], index: number): CodeTable {
  const first = slices[0]?.batch.column(index) as DictionaryColumn | ListColumn | undefined;
  const same = slices.every(
    (slice) => (slice.batch.column(index) as DictionaryColumn).dictionary === first?.dictionary,
  );
  return same && first?.dictionary !== undefined ? new OneSource(first.dictionary) : new ManySources();
}

/** All codes come from one dictionary: entries differ by themselves. */
class OneSource implements CodeTable {
  size = 0;
  readonly #source: Dictionary;
  readonly #lookup: Int32Array;

  constructor(source: Dictionary) {
    this.#source = source;
    this.#lookup = takeLookup(source.size);
  }

  lookup(): Int32Array {
    return this.#lookup;
  }

  add(_source: Dictionary, code: number): number {
    if (this.size === ENTRIES_MAX) return -1;
    used[this.size] = code;
    return this.size++;
  }

  addBytes(): number {
    return -1;
  }

  write(entries: BatchTarget, chunk: Chunk): void {
    const { data, offsets } = this.#source;
    const bounds = new TextBounds();
    for (let i = 0; i < this.size; i++) {
      const from = offsets[used[i]!]!;
      const to = offsets[used[i]! + 1]!;
      writeOne(entries, data, from, to);
      bounds.take(data, from, to);
    }
    if (this.size > 0) setBounds(chunk, bounds);
  }

  release(): void {
    giveLookup(this.#lookup, used, this.size);
  }
}

/** Codes of several dictionaries: entries are compared by their bytes, once each. */
class ManySources implements CodeTable {
  readonly #entries = new Dictionary();
  readonly #lookups = new Map<Dictionary, { readonly lookup: Int32Array; readonly touched: number[] }>();

  get size(): number {
    return this.#entries.size;
  }

  lookup(source: Dictionary): Int32Array {
    let known = this.#lookups.get(source);
    if (known === undefined) this.#lookups.set(source, (known = { lookup: takeLookup(source.size), touched: [] }));
    return known.lookup;
  }

  add(source: Dictionary, code: number): number {
    this.#lookups.get(source)!.touched.push(code);
    return this.#entries.intern(source.data, source.offsets[code]!, source.offsets[code + 1]!);
  }

  addBytes(column: BytesColumn, row: number): number {
    return this.#entries.intern(column.data, column.offsets[row]!, column.offsets[row + 1]!);
  }

  write(entries: BatchTarget, chunk: Chunk): void {
    const { data, offsets, size } = this.#entries;
    const bounds = new TextBounds();
    for (let i = 0; i < size; i++) {
      writeOne(entries, data, offsets[i]!, offsets[i + 1]!);
      bounds.take(data, offsets[i]!, offsets[i + 1]!);
    }
    if (size > 0) setBounds(chunk, bounds);
  }

  release(): void {
    for (const { lookup, touched } of this.#lookups.values()) giveLookup(lookup, touched, touched.length);
  }
}
