/**
 * The dictionaries of one (segment, stream, partition), as their one writer holds them.
 *
 * Every `dictionary` and `list` column has its own table, which lives as long as the segment is
 * open. Producers bring codes of *their* dictionaries: a lookup table by dictionary identity
 * translates them, grown as new codes turn up, so a string is hashed once a segment.
 *
 * Limits: a table past `ENTRIES_MAX` entries or `BYTES_MAX` bytes is full; from that batch on the
 * column is written as raw bytes until the segment ends. Lookup tables are 4 bytes a producer's
 * entry and die with the producer's dictionary.
 *
 * Invariants: entries below `written` are in dictionary pages already written. A page is whole at
 * least every `PAGES_PER_WHOLE` pages, so a reader needs at most that many to start anywhere.
 *
 * Recovery: none; after a failed write the segment is closed and its scopes are dropped with it.
 */
import { BYTES_MAX, Dictionary, ENTRIES_MAX } from '../dictionary.js';
import type { Schema } from '../schema.js';

/** Every this many dictionary pages one repeats all entries. */
export const PAGES_PER_WHOLE = 64;

const UNSEEN = -1;

/** One column's table and what is known about it. */
export interface ScopeColumn {
  /** Position in the schema. */
  readonly column: number;
  readonly dictionary: Dictionary;
  /** Entries that are in pages already. */
  written: number;
  /** No more codes in this segment: raw bytes. */
  full: boolean;
  readonly lookups: WeakMap<Dictionary, Int32Array>;
  /** The table is for one batch alone, so it may take a producer's as it is. */
  readonly single: boolean;
  /** The one dictionary of all rows of a `single` batch, while they are translated: see `withSole`. */
  sole: Dictionary | null;
}

/** The dictionaries of one (segment, stream, partition). */
export class DictionaryScope {
  readonly schema: Schema;
  /** One entry a `dictionary` or `list` column. */
  readonly columns: readonly ScopeColumn[];
  /** By position in the schema. */
  readonly byColumn: readonly (ScopeColumn | undefined)[];
  /** Position in the segment of the batch that holds the last dictionary page, or -1. */
  lastPage = -1;
  /** Pages since the last whole one. */
  pagesSinceWhole = 0;
  /** Columns written as raw bytes because their table was full, over all batches. */
  rawColumns = 0;

  /** `single`: for one batch that stands by itself. */
  constructor(schema: Schema, single = false) {
    this.schema = schema;
    this.byColumn = schema.columns.map((column, index) =>
      column.type === 'dictionary' || column.type === 'list'
        ? {
            column: index,
            dictionary: new Dictionary(),
            written: 0,
            full: false,
            lookups: new WeakMap(),
            single,
            sole: null,
          }
        : undefined,
    );
    this.columns = this.byColumn.filter((column) => column !== undefined);
  }

  /** Bytes and entries held, for metrics. */
  get bytes(): number {
    return this.columns.reduce((sum, column) => sum + column.dictionary.bytes + column.dictionary.size * 4, 0);
  }
}

/** Takes over all entries of `source`, which keep their codes; false when that is more than the rows need or may be. */
export function takeWhole(column: ScopeColumn, source: Dictionary, rows: number): boolean {
  const { size, offsets } = source;
  if (!column.single || size > rows || size > ENTRIES_MAX || source.bytes > BYTES_MAX) return false;
  const lengths = new Uint32Array(size);
  for (let code = 0; code < size; code++) lengths[code] = offsets[code + 1]! - offsets[code]!;
  column.dictionary.appendEntries(lengths, size, source.data, 0);
  return true;
}

/** The table of a sole dictionary, all unseen between two uses: one for all, since a batch is written column by column. */
let soleLookup = new Int32Array(256).fill(UNSEEN);
const soleCodes: number[] = [];

/**
 * Runs `translate` for rows that share the dictionary `source` (or not: null). Where their batch
 * stands by itself, entries are then added as they turn up, without looking for equals: the source has
 * none.
 */
export function withSole<T>(column: ScopeColumn, source: Dictionary | null, translate: () => T): T {
  if (!column.single || source === null) return translate();
  if (soleLookup.length < source.size) soleLookup = new Int32Array(source.size * 2).fill(UNSEEN);
  column.sole = source;
  try {
    return translate();
  } finally {
    column.sole = null;
    for (const code of soleCodes) soleLookup[code] = UNSEEN;
    soleCodes.length = 0;
  }
}

/** The lookup table from `source`'s codes to the scope's, long enough for all of them. */
export function lookupOf(column: ScopeColumn, source: Dictionary): Int32Array {
  if (column.sole === source) return soleLookup;
  const known = column.lookups.get(source);
  if (known !== undefined && known.length >= source.size) return known;
  const lookup = new Int32Array(Math.max(256, known === undefined ? source.size : source.size * 2)).fill(UNSEEN);
  if (known !== undefined) lookup.set(known);
  column.lookups.set(source, lookup);
  return lookup;
}

/** The scope's code of `source`'s entry `code`, adding it; -1 when the table is full. */
export function translateNew(column: ScopeColumn, lookup: Int32Array, source: Dictionary, code: number): number {
  const { dictionary } = column;
  const [from, to] = [source.offsets[code]!, source.offsets[code + 1]!];
  const isSole = column.sole === source;
  const translated = isSole ? dictionary.append(source.data, from, to) : dictionary.intern(source.data, from, to);
  if (translated < 0) return -1;
  lookup[code] = translated;
  if (isSole) soleCodes.push(code);
  return translated;
}
