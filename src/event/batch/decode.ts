/**
 * The bytes of a batch → columns. The twin of `encode.ts`; `event/FORMAT.md` draws the bytes.
 *
 * Columns are views of the buffer, made and checked (crc) on the first touch, so a reader pays for
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
import { alignedBytes, type DictionaryChain, type Hole } from './chain.js';
import { crc32c } from './crc.js';
import { damaged, ENCODING, readDescriptor, readHeader, type BatchHeader, type ColumnDescriptor } from './layout.js';
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
  const header = readHeader(bytes);
  if (header.attached && chain === undefined)
    throw new MillraceError('BATCH_INVALID', 'an attached batch needs the dictionaries of its segment');
  return new BatchReader(alignedBytes(bytes), header, schema, header.attached ? chain! : undefined);
}

/** The offsets whose value in column `index` is lost with a damaged dictionary page; empty when it is readable. */
export function lostOffsets(batch: DecodedBatch, index: number): number[] {
  return batch instanceof BatchReader ? batch.lost(index).map((row) => batch.header.baseOffset + row) : [];
}

class BatchReader implements DecodedBatch {
  readonly schema: Schema;
  readonly rows: number;
  readonly header: BatchHeader;
  readonly #bytes: Uint8Array;
  readonly #chain: DictionaryChain | undefined;
  readonly #columns: (Column | undefined)[];
  #own: Map<number, Dictionary> | undefined;

  constructor(bytes: Uint8Array, header: BatchHeader, schema: Schema, chain: DictionaryChain | undefined) {
    this.schema = schema;
    this.rows = header.rows;
    this.header = header;
    this.#bytes = bytes;
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
    const column = this.#read(index, readDescriptor(this.#bytes, index));
    return rowsInHoles(column, this.rows, holes);
  }

  #decode(index: number): Column {
    const { type } = this.schema.columns[index]!;
    if (index >= this.header.columns) return allNull(type, this.rows);
    const descriptor = readDescriptor(this.#bytes, index);
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
    const { at, bytes: size } = descriptor;
    const bytes = this.#bytes;
    if (at + size > bytes.length || crc32c(bytes, at, at + size) !== descriptor.crc)
      throw this.#pageDamaged(index, 'fails its crc');
    let position = at;
    let nulls: Uint8Array | null = null;
    if (descriptor.nulls) {
      nulls = bytes.subarray(at, at + ((this.rows + 7) >> 3));
      position += paddedBits(this.rows);
    }
    return this.#values(index, descriptor, nulls, position);
  }

  #values(index: number, descriptor: ColumnDescriptor, nulls: Uint8Array | null, position: number): Column {
    const { rows } = this;
    const bytes = this.#bytes;
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
        return { kind: 'bytes', nulls, ...this.#lengthsAndBytes(position, rows, width, descriptor) };
      case ENCODING.dictionary:
        return {
          kind: 'dictionary',
          nulls,
          codes: narrowView(bytes, position, rows, width) as Uint8Array,
          dictionary: this.#dictionary(index),
        };
      case ENCODING.list:
      case ENCODING.bytesList:
        return this.#list(index, descriptor, nulls, position);
      default:
        throw this.#pageDamaged(index, `has encoding ${descriptor.encoding}, which this release does not know`);
    }
  }

  #list(index: number, descriptor: ColumnDescriptor, nulls: Uint8Array | null, position: number): Column {
    const { rows } = this;
    const { width, width2, items } = descriptor;
    const offsets = offsetsOf(narrowView(this.#bytes, position, rows, width2), rows);
    const next = (position + rows * width2 + 7) & ~7;
    if (descriptor.encoding === ENCODING.bytesList)
      return {
        kind: 'bytesList',
        nulls,
        offsets,
        items: { kind: 'bytes', nulls: null, ...this.#lengthsAndBytes(next, items, width, descriptor) },
      };
    const codes = narrowView(this.#bytes, next, items, width) as Uint8Array;
    return { kind: 'list', nulls, offsets, codes, dictionary: this.#dictionary(index) };
  }

  #lengthsAndBytes(
    position: number,
    count: number,
    width: number,
    descriptor: ColumnDescriptor,
  ): { offsets: Uint32Array; data: Uint8Array } {
    const offsets = offsetsOf(narrowView(this.#bytes, position, count, width), count);
    const from = (position + count * width + 7) & ~7;
    return { offsets, data: this.#bytes.subarray(from, descriptor.at + descriptor.bytes) };
  }

  #dictionary(index: number): Dictionary {
    if (this.#chain !== undefined) return this.#chain.dictionary(index);
    if (this.#own === undefined) {
      this.#own = new Map();
      for (const block of readDictionaryPage(this.#bytes, this.header)) {
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
