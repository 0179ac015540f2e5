/**
 * Writes Parquet files straight from batches.
 *
 *   "PAR1"  row group*  footer (thrift)  u32 footer bytes  "PAR1"
 *   a row group: a chunk a column: [dictionary page] data page
 *
 * A row group is encoded in memory and goes to the sink in one write, so memory is bounded by the
 * caller's row groups: about their plain size. Nothing is in place until `finish`.
 */
import { Encoder } from '@toondepauw/node-zstd';
import { BatchTarget, totalRows, type RowSlice } from '../../event/batch.js';
import type { ColumnBatch } from '../../event/columns.js';
import type { Schema } from '../../event/schema.js';
import type { DiskFile } from '../../io/disk.js';
import { encodeChunk } from './chunk.js';
import { fileMetadata, pageHeader, type ChunkMetadata, type Compression, type RowGroupMetadata } from './footer.js';
import { CODEC, PAGE, PARQUET_MAGIC, parquetColumn, type ParquetColumn } from './format.js';

/** Where the bytes of a file go, in order. */
export interface ParquetSink {
  /** Takes bytes, which the writer reuses after this resolves. */
  write(bytes: Uint8Array): Promise<void> | void;
}

/** How a file is written. */
export interface ParquetOptions {
  /** Default `zstd`. */
  readonly compression?: Compression;
  /** Zstandard level; default 1. */
  readonly level?: number;
  /** Parquet's field id of a column; default its position + 1. */
  readonly fieldId?: (index: number) => number;
  /** Key-value pairs for the footer. */
  readonly pairs?: Readonly<Record<string, string>>;
  /** Buffers of a file that is finished, to be used again: for many small files. */
  readonly scratch?: ParquetScratch;
}

/** What a writer works in; at most one writer at a time. */
export class ParquetScratch {
  readonly body = new BatchTarget(1 << 20);
  readonly entries = new BatchTarget(1 << 16);
  readonly out = new BatchTarget(1 << 20);
  readonly #encoders = new Map<number, Encoder>();

  /** The compressor of a level. */
  zstd(level: number): Encoder {
    let encoder = this.#encoders.get(level);
    if (encoder === undefined) this.#encoders.set(level, (encoder = new Encoder(level)));
    return encoder;
  }
}

/** Rows a group should have when nothing else decides: what DuckDB reads in parallel. */
export const ROW_GROUP_ROWS = 122_880;

/** Chunks below this size are stored as they are. */
const COMPRESS_FROM_BYTES = 1024;

/** A file, written from its start. */
export interface ParquetFile {
  readonly rows: number;
  readonly bytes: number;
}

/** Writes one Parquet file. */
export class ParquetWriter {
  readonly #sink: ParquetSink;
  readonly #columns: readonly ParquetColumn[];
  readonly #codec: number;
  readonly #zstd: Encoder | null;
  readonly #pairs: Readonly<Record<string, string>>;
  readonly #groups: RowGroupMetadata[] = [];
  readonly #body: BatchTarget;
  readonly #entries: BatchTarget;
  readonly #out: BatchTarget;
  #position = 0;
  #rows = 0;

  constructor(schema: Schema, sink: ParquetSink, options: ParquetOptions = {}) {
    const fieldId = options.fieldId ?? ((index: number) => index + 1);
    const scratch = options.scratch ?? new ParquetScratch();
    ({ body: this.#body, entries: this.#entries, out: this.#out } = scratch);
    this.#sink = sink;
    this.#columns = schema.columns.map((column, index) => parquetColumn(column, fieldId(index)));
    this.#codec = CODEC[options.compression ?? 'zstd'];
    this.#zstd = this.#codec === CODEC.zstd ? scratch.zstd(options.level ?? 1) : null;
    this.#pairs = options.pairs ?? {};
  }

  /** Bytes given to the sink so far. */
  get bytes(): number {
    return this.#position;
  }

  /** Rows written so far. */
  get rows(): number {
    return this.#rows;
  }

  /** Writes rows as one row group. No rows write nothing. */
  async writeRowGroup(slices: readonly RowSlice[]): Promise<void> {
    const rows = totalRows(slices);
    if (rows === 0) return;
    this.#out.position = 0;
    if (this.#position === 0) this.#append(PARQUET_MAGIC);
    const chunks = this.#columns.map((column, index) => this.#writeChunk(column, slices, index));
    await this.#flush();
    this.#groups.push({ rows, chunks });
    this.#rows += rows;
  }

  /** Writes the footer. The sink has the whole file when this resolves. */
  async finish(): Promise<ParquetFile> {
    this.#out.position = 0;
    if (this.#position === 0) this.#append(PARQUET_MAGIC);
    const footer = fileMetadata(this.#columns, this.#groups, 'millrace version 1', this.#pairs);
    this.#append(footer);
    this.#append(new Uint8Array(Uint32Array.of(footer.length).buffer));
    this.#append(PARQUET_MAGIC);
    await this.#flush();
    return { rows: this.#rows, bytes: this.#position };
  }

  #writeChunk(column: ParquetColumn, slices: readonly RowSlice[], index: number): ChunkMetadata {
    const chunk = encodeChunk(column, slices, index, this.#body, this.#entries);
    // Random bits don't get smaller, and a call to the compressor costs more than a few bytes do.
    const small = this.#body.position + this.#entries.position < COMPRESS_FROM_BYTES;
    const codec = small || column.type === 'uuid' ? CODEC.none : this.#codec;
    const start = this.#at();
    let bytesPlain = 0;
    if (chunk.dictionaryEntries > 0)
      bytesPlain += this.#writePage(PAGE.dictionary, this.#entries, chunk.dictionaryEntries, chunk.encoding, codec);
    const dataPageAt = this.#at();
    bytesPlain += this.#writePage(PAGE.data, this.#body, chunk.entries, chunk.encoding, codec);
    return {
      encoding: chunk.encoding,
      codec,
      entries: chunk.entries,
      nullCount: chunk.nullCount,
      bytesPlain,
      bytesStored: this.#at() - start,
      dataPageAt,
      dictionaryPageAt: dataPageAt === start ? -1 : start,
      min: chunk.min,
      max: chunk.max,
    };
  }

  /** Answers the bytes of header and body before compression. */
  #writePage(type: number, body: BatchTarget, entries: number, encoding: number, codec: number): number {
    const plain = Buffer.from(body.bytes.buffer, 0, body.position);
    const stored = this.#zstd === null || codec === CODEC.none ? plain : this.#zstd.encodeSync(plain);
    const header = pageHeader(type, plain.length, stored.length, entries, encoding);
    this.#append(header);
    this.#append(stored);
    return header.length + plain.length;
  }

  #at(): number {
    return this.#position + this.#out.position;
  }

  #append(bytes: Uint8Array): void {
    this.#out.reserve(bytes.length);
    this.#out.bytes.set(bytes, this.#out.position);
    this.#out.position += bytes.length;
  }

  async #flush(): Promise<void> {
    await this.#sink.write(this.#out.bytes.subarray(0, this.#out.position));
    this.#position += this.#out.position;
    this.#out.position = 0;
  }
}

/** A sink over a file, from byte 0 on. */
export function fileSink(file: DiskFile): ParquetSink {
  let position = 0;
  return {
    async write(bytes) {
      await file.write(bytes, position);
      position += bytes.length;
    },
  };
}

/** The whole file of some batches, in memory. */
export async function parquetBytes(
  schema: Schema,
  batches: readonly ColumnBatch[],
  options: ParquetOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  const writer = new ParquetWriter(schema, { write: (bytes) => void parts.push(bytes.slice()) }, options);
  let slices: RowSlice[] = [];
  for (const batch of batches) {
    slices.push({ batch, rows: null });
    if (totalRows(slices) < ROW_GROUP_ROWS) continue;
    await writer.writeRowGroup(slices);
    slices = [];
  }
  await writer.writeRowGroup(slices);
  await writer.finish();
  return new Uint8Array(Buffer.concat(parts));
}
