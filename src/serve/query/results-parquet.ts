/**
 * Results as a Parquet file, with columns as the engine gives them: one row group, in it a page for each chunk.
 *
 *   "PAR1"  column*: page*  footer (thrift)  u32 footer bytes  "PAR1"
 *   a page: header, [repetition levels] definition levels, plain values
 *
 * Types are those of Arrow's answer: DECIMAL(38, scale), TIMESTAMP in microseconds with and without UTC, DATE, TIME,
 * LIST, JSON and STRING; uuid and interval are strings. Every column may hold nulls.
 */
import type { DuckDBDataChunk } from '@duckdb/node-api';
import { Encoder } from '@toondepauw/node-zstd';
import { BatchTarget } from '../../event/batch.js';
import { pageHeader } from '../../format/parquet/footer.js';
import { CODEC, ENCODING, PAGE, PARQUET_MAGIC } from '../../format/parquet/format.js';
import { ThriftWriter } from '../../format/parquet/thrift.js';
import { elementsOf, physicalOf, uniqueNames } from './parquet-schema.js';
import { writePage } from './parquet-page.js';
import type { ResultSink } from './results.js';
import type { BoundOutput } from './tree.js';
import { bytesOf, itemType, vectorOf } from './vectors.js';

/** Columns of fewer bytes are stored as they are. */
const COMPRESS_FROM_BYTES = 1024;

interface Page {
  readonly body: Uint8Array;
  readonly entries: number;
}

/** A column chunk, as the footer states it. */
interface StoredColumn {
  readonly at: number;
  readonly codec: number;
  readonly entries: number;
  readonly bytesPlain: number;
  readonly bytesStored: number;
}

/** Writes one result. */
export class ParquetResult implements ResultSink {
  length = 0;
  readonly #outputs: readonly BoundOutput[];
  readonly #pages: Page[][];
  readonly #target = new BatchTarget();
  #rows = 0;

  constructor(outputs: readonly BoundOutput[]) {
    this.#outputs = outputs;
    this.#pages = outputs.map(() => []);
  }

  add(chunk: DuckDBDataChunk, rows: number): void {
    for (const [index, { type }] of this.#outputs.entries()) {
      const vector = vectorOf(chunk.getColumnValues(index).slice(0, rows), type);
      this.length += bytesOf(vector);
      this.#target.position = 0;
      const entries = writePage(this.#target, vector);
      this.#pages[index]!.push({ body: this.#target.bytes.slice(0, this.#target.position), entries });
    }
    this.#rows += rows;
  }

  finish(): Uint8Array<ArrayBuffer> {
    const file = new FileBytes();
    file.push(PARQUET_MAGIC);
    const encoder = new Encoder(1);
    const columns = this.#rows === 0 ? [] : this.#pages.map((pages) => storeColumn(file, pages, encoder));
    const footer = this.#footer(columns);
    file.push(footer);
    file.push(new Uint8Array(Uint32Array.of(footer.length).buffer));
    file.push(PARQUET_MAGIC);
    return file.whole();
  }

  #footer(columns: readonly StoredColumn[]): Uint8Array {
    const names = uniqueNames(this.#outputs.map(({ name }) => name));
    const elements = this.#outputs.flatMap(({ type }, index) => elementsOf(names[index]!, type));
    const sum = (of: (column: StoredColumn) => number) => columns.reduce((total, column) => total + of(column), 0);
    return new ThriftWriter()
      .i32(1, 2)
      .structs(2, [rootOf(names.length), ...elements], (writer, element) => element(writer))
      .i64(3, this.#rows)
      .structs(4, columns.length === 0 ? [] : [columns], (group) =>
        group
          .structs(1, columns, (writer, column) => {
            const index = columns.indexOf(column);
            writer.i64(2, column.at).struct(3, (data) => this.#column(data, column, names[index]!, index));
          })
          .i64(
            2,
            sum(({ bytesPlain }) => bytesPlain),
          )
          .i64(3, this.#rows),
      )
      .binary(6, 'millrace version 1')
      .end();
  }

  #column(writer: ThriftWriter, column: StoredColumn, name: string, index: number): void {
    const { type } = this.#outputs[index]!;
    writer
      .i32(1, physicalOf(itemType(type) ?? type))
      .i32s(2, [ENCODING.plain, ENCODING.rle])
      .strings(3, itemType(type) === null ? [name] : [name, 'list', 'element'])
      .i32(4, column.codec)
      .i64(5, column.entries)
      .i64(6, column.bytesPlain)
      .i64(7, column.bytesStored)
      .i64(9, column.at);
  }
}

function rootOf(columns: number): (writer: ThriftWriter) => void {
  return (writer) => writer.binary(4, 'schema').i32(5, columns);
}

function storeColumn(file: FileBytes, pages: readonly Page[], encoder: Encoder): StoredColumn {
  const bytes = pages.reduce((sum, { body }) => sum + body.length, 0);
  const codec = bytes < COMPRESS_FROM_BYTES ? CODEC.none : CODEC.zstd;
  const at = file.length;
  let bytesPlain = 0;
  let entries = 0;
  for (const page of pages) {
    const stored = codec === CODEC.none ? page.body : encoder.encodeSync(Buffer.from(page.body.buffer));
    const header = pageHeader(PAGE.data, page.body.length, stored.length, page.entries, ENCODING.plain);
    file.push(header);
    file.push(stored);
    bytesPlain += header.length + page.body.length;
    entries += page.entries;
  }
  return { at, codec, entries, bytesPlain, bytesStored: file.length - at };
}

/** A file in memory. */
class FileBytes {
  length = 0;
  readonly #parts: Uint8Array[] = [];

  push(bytes: Uint8Array): void {
    this.#parts.push(bytes);
    this.length += bytes.length;
  }

  whole(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(this.length);
    let at = 0;
    for (const part of this.#parts) {
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  }
}
