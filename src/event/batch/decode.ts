/**
 * The bytes of a batch → columns. The twin of `encode.ts`; `event/FORMAT.md` draws the bytes.
 *
 * Columns are views of their pages, which are read, made and checked (crc) on the first touch, so a reader pays for
 * what it reads. Only lengths become offsets by copying. A damaged column throws LOG_PAGE_DAMAGED
 * naming it and its offsets; the other columns stay readable.
 *
 * A batch older than the schema has fewer columns: those it lacks are null. A column that was
 * widened since is converted.
 */
import { MillraceError } from '../../util/errors.js';
import type { Column, ColumnBatch } from '../columns.js';
import { Dictionary } from '../dictionary.js';
import { constantInteger } from '../integers.js';
import type { Schema } from '../schema.js';
import { pagesOf, type BatchPages } from './batch-pages.js';
import type { DictionaryChain, Hole } from './chain.js';
import { crc32c } from './crc.js';
import { damaged, ENCODING, readDescriptor, type BatchHeader, type ColumnDescriptor } from './layout.js';
import { narrowView, readDictionaryPage } from './pages.js';
import { paddedBits } from './slices.js';
import { allNull, widen } from './widen.js';

/** A batch over its bytes. */
export interface DecodedBatch extends ColumnBatch {
  readonly header: BatchHeader;
}

/**
 * The batch at `bytes[0]`; the buffer must not change while the batch is in use. `schema` is the
 * stream's newest. An attached batch needs the `chain` that it (and those before) was applied to.
 * Throws LOG_PAGE_DAMAGED when the header is damaged.
 */
export function decodeBatch(bytes: Uint8Array, schema: Schema, chain?: DictionaryChain): DecodedBatch {
  return decodePages(pagesOf(bytes), schema, chain);
}

/** As `decodeBatch`; pages are asked for once a column that they hold is touched. */
export function decodePages(pages: BatchPages, schema: Schema, chain?: DictionaryChain): DecodedBatch {
  const { attached } = pages.header;
  if (attached && chain === undefined)
    throw new MillraceError('BATCH_INVALID', 'an attached batch needs the dictionaries of its segment');
  return new BatchReader(pages, schema, attached ? chain! : undefined);
}

/** The offsets whose value in column `index` is lost with a damaged dictionary page; empty when it is readable. */
export function lostOffsets(batch: DecodedBatch, index: number): number[] {
  return batch instanceof BatchReader ? batch.lost(index).map((row) => batch.header.baseOffset + row) : [];
}

class BatchReader implements DecodedBatch {
  readonly schema: Schema;
  readonly rows: number;
  readonly header: BatchHeader;
  readonly #pages: BatchPages;
  readonly #chain: DictionaryChain | undefined;
  readonly #columns: (Column | undefined)[];
  #own: Map<number, Dictionary> | undefined;

  constructor(pages: BatchPages, schema: Schema, chain: DictionaryChain | undefined) {
    this.schema = schema;
    this.rows = pages.header.rows;
    this.header = pages.header;
    this.#pages = pages;
    this.#chain = chain;
    this.#columns = new Array<Column | undefined>(schema.columns.length);
  }

  column(index: number): Column {
    return (this.#columns[index] ??= this.#decode(index));
  }

  /** Rows of column `index` that use a lost dictionary entry. */
  lost(index: number): number[] {
    const holes = this.#chain?.holes(index) ?? [];
    if (holes.length === 0 || index >= this.header.columns) return [];
    const column = this.#read(index, readDescriptor(this.#pages.head, index));
    return rowsInHoles(column, this.rows, holes);
  }

  #decode(index: number): Column {
    const { type } = this.schema.columns[index]!;
    if (index >= this.header.columns) return allNull(type, this.rows);
    const descriptor = readDescriptor(this.#pages.head, index);
    const column = this.#read(index, descriptor);
    const holes = this.#chain?.holes(index) ?? [];
    if (holes.length > 0) this.#checkHoles(index, column, holes);
    return descriptor.type === type ? column : widen(column, descriptor.type, type, this.rows);
  }

  #checkHoles(index: number, column: Column, holes: readonly Hole[]): void {
    const lost = rowsInHoles(column, this.rows, holes);
    if (lost.length === 0) return;
    const offsets = ranges(lost.map((row) => row + this.header.baseOffset));
    throw damaged(
      `column '${this.#name(index)}': rows at offsets ${offsets} (${lost.length}) use dictionary entries whose page is damaged`,
      `offsets ${offsets}`,
    );
  }

  #read(index: number, descriptor: ColumnDescriptor): Column {
    const page = this.#pages.page(descriptor.at, descriptor.bytes);
    if (page.length < descriptor.bytes || crc32c(page, 0, page.length) !== descriptor.crc)
      throw this.#pageDamaged(index, 'fails its crc');
    if (!descriptor.nulls) return this.#values(index, descriptor, page, null, 0);
    return this.#values(index, descriptor, page, page.subarray(0, (this.rows + 7) >> 3), paddedBits(this.rows));
  }

  /** The values of a page from `position` on. */
  #values(
    index: number,
    descriptor: ColumnDescriptor,
    bytes: Uint8Array,
    nulls: Uint8Array | null,
    position: number,
  ): Column {
    const { rows } = this;
    const { width } = descriptor;
    switch (descriptor.encoding) {
      case ENCODING.stamp:
        return constantInteger(BigInt(Math.trunc(this.header.receivedAt)));
      case ENCODING.null:
        return allNull(descriptor.type, rows);
      case ENCODING.uuid:
        return { kind: 'uuid', nulls, data: bytes.subarray(position, position + rows * 16) };
      case ENCODING.integer:
        return {
          kind: 'integer',
          nulls,
          base: descriptor.base,
          width: width as 0,
          deltas: deltasOf(bytes, position, rows, width),
        };
      case ENCODING.double:
        return { kind: 'double', nulls, values: new Float64Array(bytes.buffer, bytes.byteOffset + position, rows) };
      case ENCODING.boolean:
        return { kind: 'boolean', nulls, values: bytes.subarray(position, position + rows) };
      case ENCODING.bytes:
        return { kind: 'bytes', nulls, ...lengthsAndBytes(bytes, position, rows, width) };
      case ENCODING.dictionary:
        return {
          kind: 'dictionary',
          nulls,
          codes: narrowView(bytes, position, rows, width) as Uint8Array,
          dictionary: this.#dictionary(index),
        };
      case ENCODING.list:
      case ENCODING.bytesList:
        return this.#list(index, descriptor, bytes, nulls, position);
      default:
        throw this.#pageDamaged(index, `has encoding ${descriptor.encoding}, which this release does not know`);
    }
  }

  #list(
    index: number,
    descriptor: ColumnDescriptor,
    bytes: Uint8Array,
    nulls: Uint8Array | null,
    position: number,
  ): Column {
    const { rows } = this;
    const { width, width2, items } = descriptor;
    const offsets = offsetsOf(narrowView(bytes, position, rows, width2), rows);
    const next = (position + rows * width2 + 7) & ~7;
    if (descriptor.encoding === ENCODING.bytesList)
      return {
        kind: 'bytesList',
        nulls,
        offsets,
        items: { kind: 'bytes', nulls: null, ...lengthsAndBytes(bytes, next, items, width) },
      };
    const codes = narrowView(bytes, next, items, width) as Uint8Array;
    return { kind: 'list', nulls, offsets, codes, dictionary: this.#dictionary(index) };
  }

  #dictionary(index: number): Dictionary {
    if (this.#chain !== undefined) return this.#chain.dictionary(index);
    if (this.#own === undefined) {
      this.#own = new Map();
      for (const block of readDictionaryPage(this.#pages)) {
        const dictionary = new Dictionary();
        dictionary.appendEntries(block.lengths, block.count, block.data, 0);
        this.#own.set(block.column, dictionary);
      }
    }
    return this.#own.get(index) ?? new Dictionary();
  }

  #name(index: number): string {
    return this.schema.columns[index]!.name;
  }

  #pageDamaged(index: number, what: string): MillraceError {
    const { baseOffset } = this.header;
    const offsets = ranges([baseOffset, baseOffset + this.rows - 1]).replace(', ', '-');
    return damaged(`the page of column '${this.#name(index)}' for offsets ${offsets} ${what}`, `offsets ${offsets}`);
  }
}

/** `count` lengths from `position` on, and what they are of: the rest of the page. */
function lengthsAndBytes(
  bytes: Uint8Array,
  position: number,
  count: number,
  width: number,
): { offsets: Uint32Array; data: Uint8Array } {
  const offsets = offsetsOf(narrowView(bytes, position, count, width), count);
  return { offsets, data: bytes.subarray((position + count * width + 7) & ~7) };
}

function deltasOf(bytes: Uint8Array, at: number, rows: number, width: number): Uint8Array | Uint16Array | Uint32Array {
  if (width === 0) return new Uint8Array(0);
  return width === 8 ? narrowView(bytes, at, rows * 2, 4) : narrowView(bytes, at, rows, width);
}

function offsetsOf(lengths: Uint8Array | Uint16Array | Uint32Array, count: number): Uint32Array {
  const offsets = new Uint32Array(count + 1);
  let end = 0;
  for (let i = 0; i < count; i++) offsets[i + 1] = end += lengths[i]!;
  return offsets;
}

function rowsInHoles(column: Column, rows: number, holes: readonly Hole[]): number[] {
  const inHole = (code: number) => holes.some((hole) => code >= hole.first && code < hole.end);
  const lost: number[] = [];
  if (column.kind !== 'dictionary' && column.kind !== 'list') return lost;
  for (let row = 0; row < rows; row++) {
    if (column.nulls !== null && ((column.nulls[row >> 3]! >> (row & 7)) & 1) === 1) continue;
    const used =
      column.kind === 'dictionary'
        ? column.codes.subarray(row, row + 1)
        : column.codes.subarray(column.offsets[row], column.offsets[row + 1]);
    if (used.some(inHole)) lost.push(row);
  }
  return lost;
}

/** "3, 7-9, 12" of rising numbers. */
function ranges(numbers: readonly number[]): string {
  const parts: string[] = [];
  for (let i = 0; i < numbers.length;) {
    let end = i;
    while (end + 1 < numbers.length && numbers[end + 1] === numbers[end]! + 1) end++;
    parts.push(end === i ? String(numbers[i]) : `${numbers[i]}-${numbers[end]}`);
    i = end + 1;
  }
  return parts.join(', ');
}
