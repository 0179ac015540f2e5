/**
 * Reads back the Parquet files that `writer.ts` writes: for merging and reading lakes again, not for foreign files.
 *
 * A row group is read at once and becomes a batch; columns are decompressed and decoded on first
 * touch. Columns are matched by name: those that the file lacks are null, those widened since are
 * converted. The footer's `millrace.schema` says what types the columns had.
 */
import { Decoder } from '@toondepauw/node-zstd';
import { allNull, widen } from '../../event/batch/widen.js';
import type { Column, ColumnBatch } from '../../event/columns.js';
import { Dictionary } from '../../event/dictionary.js';
import type { ColumnType, Schema } from '../../event/schema.js';
import type { DiskFile } from '../../io/disk.js';
import { MillraceError } from '../../util/errors.js';
import { CODEC, ENCODING, parquetColumn, type ParquetColumn } from './format.js';
import { readHybrid } from './levels.js';
import { readThrift, type ThriftStruct } from './thrift.js';

/** The footer's key under which the schema is kept. */
export const SCHEMA_KEY = 'millrace.schema';

interface ChunkPlace {
  readonly codec: number;
  readonly entries: number;
  readonly dataPageAt: number;
  readonly dictionaryPageAt: number;
  readonly bytes: number;
}

interface GroupPlace {
  readonly rows: number;
  readonly chunks: readonly ChunkPlace[];
}

/** An open file of our own. */
export class ParquetReader {
  readonly rows: number;
  readonly #file: DiskFile;
  readonly #path: string;
  readonly #schema: Schema;
  readonly #stored: Schema;
  readonly #groups: readonly GroupPlace[];

  /** Reads the footer. `schema` is what batches shall have. Throws DATA_FOLDER_DAMAGED when it is not one of our files. */
  constructor(file: DiskFile, path: string, schema: Schema) {
    this.#file = file;
    this.#path = path;
    this.#schema = schema;
    const footer = this.#readFooter();
    this.rows = Number(footer.get(3));
    this.#groups = (footer.get(4) as ThriftStruct[]).map(groupPlace);
    const pair = (footer.get(5) as ThriftStruct[]).find((entry) => text(entry.get(1)) === SCHEMA_KEY);
    if (pair === undefined) throw this.#damaged(`has no ${SCHEMA_KEY}`);
    this.#stored = JSON.parse(text(pair.get(2))) as Schema;
  }

  /** How many row groups there are. */
  get groups(): number {
    return this.#groups.length;
  }

  /** A row group as a batch, its bytes in memory. */
  readGroup(index: number): ColumnBatch {
    const group = this.#groups[index]!;
    const first = group.chunks[0]!;
    const last = group.chunks.at(-1)!;
    const start = chunkStart(first);
    const bytes = this.#read(start, chunkStart(last) + last.bytes - start);
    const columns = new Array<Column | undefined>(this.#schema.columns.length);
    return {
      schema: this.#schema,
      rows: group.rows,
      column: (column) => (columns[column] ??= this.#column(column, group, bytes, start)),
    };
  }

  /** How many rows a row group has. */
  rowsOf(index: number): number {
    return this.#groups[index]!.rows;
  }

  /** One column of a row group; nothing else of it is read. */
  readColumn(index: number, column: number): Column {
    const group = this.#groups[index]!;
    const place = group.chunks[this.#positionOf(column)];
    if (place === undefined) return allNull(this.#schema.columns[column]!.type, group.rows);
    return this.#column(column, group, this.#read(chunkStart(place), place.bytes), chunkStart(place));
  }

  #read(start: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    if (this.#file.readSync(bytes, 0, length, start) !== length) throw this.#damaged('ends too early');
    return bytes;
  }

  /** Where the file has a column; -1: it has none of that name. */
  #positionOf(index: number): number {
    const { name } = this.#schema.columns[index]!;
    return this.#stored.columns.findIndex((column) => column.name === name);
  }

  #column(index: number, group: GroupPlace, bytes: Uint8Array, start: number): Column {
    const { type } = this.#schema.columns[index]!;
    const position = this.#positionOf(index);
    const stored = this.#stored.columns[position];
    if (stored === undefined) return allNull(type, group.rows);
    const place = group.chunks[position]!;
    const pages = readPages(place, bytes, start);
    const column = decode(parquetColumn(stored, 0), group.rows, place.entries, pages);
    return stored.type === type ? column : widen(column, stored.type, type, group.rows);
  }

  #readFooter(): ThriftStruct {
    const size = this.#file.size();
    const tail = new Uint8Array(8);
    if (size < 12 || this.#file.readSync(tail, 0, 8, size - 8) !== 8 || text(tail.subarray(4)) !== 'PAR1')
      throw this.#damaged('does not end with PAR1');
    const length = new DataView(tail.buffer).getUint32(0, true);
    if (length > size - 12) throw this.#damaged(`states a footer of ${length} bytes in a file of ${size}`);
    const footer = new Uint8Array(length);
    this.#file.readSync(footer, 0, length, size - 8 - length);
    try {
      return readThrift(footer).value;
    } catch (cause) {
      throw this.#damaged('has a footer that can not be read', cause);
    }
  }

  #damaged(what: string, cause?: unknown): MillraceError {
    return new MillraceError('DATA_FOLDER_DAMAGED', `lake file ${this.#path} ${what}`, { place: this.#path, cause });
  }
}

function groupPlace(group: ThriftStruct): GroupPlace {
  const chunks = (group.get(1) as ThriftStruct[]).map((chunk): ChunkPlace => {
    const data = chunk.get(3) as ThriftStruct;
    return {
      codec: data.get(4) as number,
      entries: Number(data.get(5)),
      bytes: Number(data.get(7)),
      dataPageAt: Number(data.get(9)),
      dictionaryPageAt: data.has(11) ? Number(data.get(11)) : -1,
    };
  });
  return { rows: Number(group.get(3)), chunks };
}

function chunkStart(chunk: ChunkPlace): number {
  return chunk.dictionaryPageAt < 0 ? chunk.dataPageAt : chunk.dictionaryPageAt;
}

function text(value: unknown): string {
  return Buffer.from(value as Uint8Array).toString('utf8');
}

interface Pages {
  readonly data: Uint8Array;
  readonly encoding: number;
  readonly entries: Uint8Array | null;
  readonly entryCount: number;
}

function readPages(place: ChunkPlace, bytes: Uint8Array, start: number): Pages {
  const data = readPage(bytes, place.dataPageAt - start, place.codec);
  const header = data.header.get(5) as ThriftStruct;
  const entries = place.dictionaryPageAt < 0 ? null : readPage(bytes, place.dictionaryPageAt - start, place.codec);
  return {
    data: data.body,
    encoding: header.get(2) as number,
    entries: entries?.body ?? null,
    entryCount: entries === null ? 0 : ((entries.header.get(7) as ThriftStruct).get(1) as number),
  };
}

const decoder = new Decoder();

function readPage(bytes: Uint8Array, at: number, codec: number): { header: ThriftStruct; body: Uint8Array } {
  const { value: header, end } = readThrift(bytes, at);
  const stored = bytes.subarray(end, end + (header.get(3) as number));
  // A Buffer's `slice` shares memory, a Uint8Array's copies: hand on only the latter.
  const body =
    codec === CODEC.zstd
      ? plainBytes(decoder.decodeSync(Buffer.from(stored.buffer, stored.byteOffset, stored.length)))
      : stored;
  return { header, body };
}

function plainBytes(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}

function decode(column: ParquetColumn, rows: number, entries: number, pages: Pages): Column {
  if (column.type === 'list') return decodeList(column, rows, entries, pages);
  const { nulls, count, at } = column.nullable ? readNulls(pages.data, rows) : { nulls: null, count: rows, at: 0 };
  return decodeValues(column.type, rows, nulls, count, at, pages);
}

/** Definition levels of width 1 → null bitmap. */
function readNulls(data: Uint8Array, rows: number): { nulls: Uint8Array | null; count: number; at: number } {
  const levels = new Uint8Array(rows);
  readHybrid(data, 4, 1, rows, levels);
  const nulls = new Uint8Array((rows + 7) >> 3);
  let count = 0;
  for (let row = 0; row < rows; row++) {
    count += levels[row]!;
    nulls[row >> 3]! |= (levels[row]! ^ 1) << (row & 7);
  }
  return { nulls: count === rows ? null : nulls, count, at: 4 + view(data).getUint32(0, true) };
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function isSet(nulls: Uint8Array | null, row: number): boolean {
  return nulls !== null && ((nulls[row >> 3]! >> (row & 7)) & 1) === 1;
}

function decodeValues(
  type: ColumnType,
  rows: number,
  nulls: Uint8Array | null,
  count: number,
  at: number,
  pages: Pages,
): Column {
  const { data } = pages;
  switch (type) {
    case 'uuid':
      return { kind: 'uuid', nulls, data: spread(data, at, 16, rows, nulls) };
    case 'int64':
    case 'decimal':
    case 'timestamp':
      return {
        kind: 'integer',
        nulls,
        base: 0n,
        width: 8,
        deltas: new Uint32Array(spread(data, at, 8, rows, nulls).buffer),
      };
    case 'double':
      return { kind: 'double', nulls, values: new Float64Array(spread(data, at, 8, rows, nulls).buffer) };
    case 'boolean': {
      const values = new Uint8Array(rows);
      for (let row = 0, bit = 0; row < rows; row++) {
        if (isSet(nulls, row)) continue;
        values[row] = (data[at + (bit >> 3)]! >> (bit & 7)) & 1;
        bit++;
      }
      return { kind: 'boolean', nulls, values };
    }
    default:
      if (pages.encoding !== ENCODING.rleDictionary)
        return { kind: 'bytes', nulls, ...readTexts(data, at, rows, nulls) };
      return {
        kind: 'dictionary',
        nulls,
        codes: readCodes(data, at, rows, nulls, count),
        dictionary: readEntries(pages),
      };
  }
}

/** Fixed-size values with gaps of zeros at nulls. */
function spread(
  data: Uint8Array,
  at: number,
  size: number,
  rows: number,
  nulls: Uint8Array | null,
): Uint8Array<ArrayBuffer> {
  const values = new Uint8Array(rows * size);
  if (nulls === null) {
    values.set(data.subarray(at, at + rows * size));
    return values;
  }
  let from = at;
  for (let row = 0; row < rows; row++) {
    if (isSet(nulls, row)) continue;
    for (let i = 0; i < size; i++) values[row * size + i] = data[from + i]!;
    from += size;
  }
  return values;
}

function readTexts(
  data: Uint8Array,
  start: number,
  rows: number,
  nulls: Uint8Array | null,
): { offsets: Uint32Array; data: Uint8Array } {
  const offsets = new Uint32Array(rows + 1);
  const bytes = new Uint8Array(data.length - start);
  let at = start;
  let end = 0;
  for (let row = 0; row < rows; row++) {
    if (!isSet(nulls, row)) {
      const length = data[at]! | (data[at + 1]! << 8) | (data[at + 2]! << 16) | (data[at + 3]! << 24);
      at += 4;
      if (length > 64) bytes.set(data.subarray(at, at + length), end);
      else for (let i = 0; i < length; i++) bytes[end + i] = data[at + i]!;
      at += length;
      end += length;
    }
    offsets[row + 1] = end;
  }
  return { offsets, data: bytes };
}

function readCodes(data: Uint8Array, at: number, rows: number, nulls: Uint8Array | null, count: number): Uint16Array {
  const codes = new Uint16Array(rows);
  readHybrid(data, at + 1, data[at]!, count, codes);
  if (nulls === null) return codes;
  for (let row = rows - 1, from = count - 1; row >= 0; row--) codes[row] = isSet(nulls, row) ? 0 : codes[from--]!;
  return codes;
}

function readEntries({ entries, entryCount }: Pages): Dictionary {
  const dictionary = new Dictionary();
  if (entries === null) return dictionary;
  const { offsets, data } = readTexts(entries, 0, entryCount, null);
  const lengths = new Uint32Array(entryCount);
  for (let i = 0; i < entryCount; i++) lengths[i] = offsets[i + 1]! - offsets[i]!;
  dictionary.appendEntries(lengths, entryCount, data, 0);
  return dictionary;
}

function decodeList(column: ParquetColumn, rows: number, entries: number, pages: Pages): Column {
  const { data } = pages;
  const present = column.maxDefinition;
  const repetitions = new Uint8Array(entries);
  const definitions = new Uint8Array(entries);
  readHybrid(data, 4, 1, entries, repetitions);
  const next = 4 + view(data).getUint32(0, true);
  readHybrid(data, next + 4, present === 1 ? 1 : 2, entries, definitions);
  const at = next + 4 + view(data).getUint32(next, true);
  const offsets = new Uint32Array(rows + 1);
  const nulls = new Uint8Array((rows + 7) >> 3);
  let row = -1;
  let items = 0;
  let anyNull = false;
  for (let i = 0; i < entries; i++) {
    if (repetitions[i] === 0) row++;
    if (definitions[i] === present) items++;
    else if (column.nullable && definitions[i] === 0) {
      nulls[row >> 3]! |= 1 << (row & 7);
      anyNull = true;
    }
    offsets[row + 1] = items;
  }
  const bitmap = anyNull ? nulls : null;
  if (pages.encoding !== ENCODING.rleDictionary)
    return {
      kind: 'bytesList',
      nulls: bitmap,
      offsets,
      items: { kind: 'bytes', nulls: null, ...readTexts(data, at, items, null) },
    };
  return {
    kind: 'list',
    nulls: bitmap,
    offsets,
    codes: readCodes(data, at, items, null, items),
    dictionary: readEntries(pages),
  };
}
