/**
 * Rows of one partition out of lake files, in the order of their offsets, as the log had them.
 *
 * Lake files lie in order of tenant and time, so a page looks through every row group of its files for the rows of a
 * range of offsets, by `_partition` and `_offset` alone, and puts them in order. Other columns are read when they are
 * touched, or ahead by `prepare`; files are open only while something is read from them.
 *
 * Limits: memory is the chosen rows of the columns in use, one row group, and the cache of columns. Files that a merge
 * has replaced stay for the lake's grace period: a page that is not read out within it fails, and its reader begins
 * again with newer files.
 */
import type { Column, ColumnBatch } from '../event/columns.js';
import { ENTRIES_MAX } from '../event/dictionary.js';
import { numbersInto } from '../event/integers.js';
import type { Schema } from '../event/schema.js';
import { takeRows } from '../event/take-rows.js';
import { ParquetReader } from '../format/parquet/reader.js';
import type { Disk } from '../io/disk.js';
import type { ColumnCache } from './column-cache.js';
import { growingColumn } from './run-columns.js';
import { RunDictionary } from './run-texts.js';
import { lakeSchema } from './schema.js';

/** Which rows: offsets `from .. to - 1` of a partition. */
export interface PageRange {
  readonly partition: number;
  readonly from: number;
  readonly to: number;
}

/** Smallest and largest offset of each partition, by path and row group: groups of other rows need no second look. */
export type GroupBounds = Map<string, ReadonlyMap<number, { readonly from: number; readonly to: number }>[]>;

/** What pages are read with. */
export interface PageInput {
  readonly disk: Disk;
  /** Paths of the files that may hold the rows. */
  readonly paths: readonly string[];
  /** The stream's. */
  readonly schema: Schema;
  readonly range: PageRange;
  readonly bounds: GroupBounds;
  readonly cache: ColumnCache;
  /** Awaited between row groups; throws when the reading shall end. */
  readonly breathe: () => Promise<void>;
}

/** Chosen rows of a row group. */
interface Part {
  readonly path: string;
  readonly group: number;
  readonly rows: Uint32Array;
}

/** See the head of the file. */
export class HistoryPage {
  /** The offset of each row. */
  readonly offsets: Float64Array;
  readonly #disk: Disk;
  readonly #cache: ColumnCache;
  readonly #schema: Schema;
  readonly #parts: readonly Part[];
  /** Where each row lies in the columns, which are in the order of the files. */
  readonly #places: Uint32Array;
  readonly #columns = new Map<number, Column>();

  private constructor({ cache, disk, schema }: PageInput, parts: readonly Part[], found: Found) {
    this.#disk = disk;
    this.#cache = cache;
    this.#schema = schema;
    this.#parts = parts;
    this.#places = found.places;
    this.offsets = found.offsets;
  }

  /** Finds the rows of a range. */
  static async find(input: PageInput): Promise<HistoryPage> {
    const { bounds, breathe, cache, disk, paths, range, schema } = input;
    const parts: Part[] = [];
    const order = new PageOrder(range);
    for (const path of paths)
      await withReader(disk, path, schema, async (reader) => {
        const known = bounds.get(path) ?? [];
        bounds.set(path, known);
        for (let group = 0; group < reader.groups; group++) {
          const own = known[group]?.get(range.partition);
          if (known[group] !== undefined && (own === undefined || own.to <= range.from || own.from >= range.to))
            continue;
          const places = placesOf(new CachedGroup(cache, reader, path, group, schema), reader.rowsOf(group), schema);
          known[group] ??= boundsOf(places);
          const rows = order.take(places);
          if (rows.length > 0) parts.push({ path, group, rows });
          await breathe();
        }
      });
    return new HistoryPage(input, parts, order.found());
  }

  /** Columns that were touched or prepared. */
  get touched(): readonly number[] {
    return [...this.#columns.keys()];
  }

  /** Reads columns ahead. */
  async prepare(columns: readonly number[], breathe: () => Promise<void>): Promise<void> {
    const steps = this.#gather(columns.filter((column) => !this.#columns.has(column)));
    while (steps.next().done !== true) await breathe();
  }

  /** Rows `start .. end - 1` as a batch. */
  batch(start: number, end: number): ColumnBatch {
    const rows = this.#places.subarray(start, end);
    const columns = new Array<Column | undefined>(this.#schema.columns.length);
    return {
      schema: this.#schema,
      rows: rows.length,
      column: (index) => (columns[index] ??= asLogHasIt(takeRows(this.#column(index), rows))),
    };
  }

  #column(index: number): Column {
    const known = this.#columns.get(index);
    if (known !== undefined) return known;
    const steps = this.#gather([index]);
    while (steps.next().done !== true);
    return this.#columns.get(index)!;
  }

  /** Reads columns, a row group a step. */
  *#gather(indices: readonly number[]): Generator<undefined, void> {
    const growing = indices.map((index) => growingColumn(this.#schema.columns[index]!.type, new RunDictionary()));
    let at = 0;
    for (let i = 0; i < this.#parts.length;) {
      const { path } = this.#parts[i]!;
      const file = this.#disk.open(path, 'read');
      try {
        const reader = new ParquetReader(file, path, lakeSchema(this.#schema));
        for (; this.#parts[i]?.path === path; i++) {
          const { group, rows } = this.#parts[i]!;
          const cached = new CachedGroup(this.#cache, reader, path, group, this.#schema);
          indices.forEach((index, which) =>
            growing[which]!.append(cached.chosen(index, rows), at, { count: rows.length, chosen: null }),
          );
          at += rows.length;
          yield;
        }
      } finally {
        file.close();
      }
    }
    indices.forEach((index, which) => this.#columns.set(index, growing[which]!.column(at)));
  }
}

/** A row group whose columns may have been decoded before. */
class CachedGroup {
  readonly #cache: ColumnCache;
  readonly #reader: ParquetReader;
  readonly #name: string;
  readonly #group: number;
  readonly #schema: Schema;

  constructor(cache: ColumnCache, reader: ParquetReader, path: string, group: number, schema: Schema) {
    this.#cache = cache;
    this.#reader = reader;
    this.#name = `${path} ${group}`;
    this.#group = group;
    this.#schema = schema;
  }

  column(index: number): Column {
    // A stream's columns are widened and become more: places of others behind them move.
    const name = `${this.#name} ${index} of ${this.#schema.columns.length} ${this.#schema.columns[index]?.type}`;
    return this.#cache.get(name, () => this.#reader.readColumn(this.#group, index));
  }

  /** The values of these rows. */
  chosen(index: number, rows: Uint32Array): Column {
    const column = this.column(index);
    return rows.length === this.#reader.rowsOf(this.#group) ? column : takeRows(column, rows);
  }
}

async function withReader(
  disk: Disk,
  path: string,
  schema: Schema,
  use: (reader: ParquetReader) => Promise<void>,
): Promise<void> {
  const file = disk.open(path, 'read');
  try {
    await use(new ParquetReader(file, path, lakeSchema(schema)));
  } finally {
    file.close();
  }
}

/** Partition and offset of each row of a row group; valid until the next call. */
interface Places {
  readonly rows: number;
  readonly partitions: Float64Array;
  readonly offsets: Float64Array;
}

let partitions = new Float64Array(0);
let offsets = new Float64Array(0);

function placesOf(group: CachedGroup, rows: number, schema: Schema): Places {
  if (partitions.length < rows) {
    partitions = new Float64Array(rows);
    offsets = new Float64Array(rows);
  }
  const own = schema.columns.length;
  for (const [column, into] of [
    [own, partitions],
    [own + 1, offsets],
  ] as const) {
    const read = group.column(column);
    if (read.kind === 'integer') numbersInto(read, null, rows, into);
  }
  return { rows, partitions, offsets };
}

function boundsOf({ offsets, partitions, rows }: Places): ReadonlyMap<number, { from: number; to: number }> {
  const found = new Map<number, { from: number; to: number }>();
  let own = { from: 0, to: 0 };
  for (let row = 0, last = NaN; row < rows; row++) {
    const offset = offsets[row]!;
    if (partitions[row] !== last) {
      last = partitions[row]!;
      own = found.get(last) ?? { from: offset, to: offset + 1 };
      found.set(last, own);
    }
    if (offset < own.from) own.from = offset;
    else if (offset >= own.to) own.to = offset + 1;
  }
  return found;
}

interface Found {
  readonly offsets: Float64Array;
  readonly places: Uint32Array;
}

/** Puts the rows of a range in order: offsets are dense, so each has a slot. */
class PageOrder {
  readonly #range: PageRange;
  /** One more than the place of the row in the files' order; 0: none. */
  readonly #slots: Uint32Array;
  #count = 0;

  constructor(range: PageRange) {
    this.#range = range;
    this.#slots = new Uint32Array(range.to - range.from);
  }

  /** The rows of a row group that are in the range. */
  take({ offsets, partitions, rows }: Places): Uint32Array {
    const { from, partition, to } = this.#range;
    const chosen = new Uint32Array(rows);
    const slots = this.#slots;
    const before = this.#count;
    let count = 0;
    for (let row = 0; row < rows; row++) {
      const offset = offsets[row]!;
      if (partitions[row] !== partition || offset < from || offset >= to) continue;
      chosen[count++] = row;
      slots[offset - from] = before + count;
    }
    this.#count += count;
    return chosen.slice(0, count);
  }

  found(): Found {
    const offsets = new Float64Array(this.#count);
    const places = new Uint32Array(this.#count);
    let count = 0;
    for (let slot = 0; slot < this.#slots.length; slot++) {
      if (this.#slots[slot] === 0) continue;
      places[count] = this.#slots[slot]! - 1;
      offsets[count++] = this.#range.from + slot;
    }
    return { offsets: offsets.subarray(0, count), places: places.subarray(0, count) };
  }
}

/** A dictionary that the log could not have comes as plain texts, as it does there. */
function asLogHasIt(column: Column): Column {
  if (column.kind !== 'dictionary' || column.dictionary.size <= ENTRIES_MAX) return column;
  const { codes, dictionary, nulls } = column;
  const ends = new Uint32Array(codes.length + 1);
  const isNull = (row: number): boolean => nulls !== null && ((nulls[row >> 3]! >> (row & 7)) & 1) === 1;
  for (let row = 0; row < codes.length; row++)
    ends[row + 1] =
      ends[row]! + (isNull(row) ? 0 : dictionary.offsets[codes[row]! + 1]! - dictionary.offsets[codes[row]!]!);
  const data = new Uint8Array(ends[codes.length]!);
  for (let row = 0; row < codes.length; row++) if (!isNull(row)) data.set(dictionary.bytesOf(codes[row]!), ends[row]);
  return { kind: 'bytes', nulls, offsets: ends, data };
}
