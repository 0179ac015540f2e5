/** Parquet's metadata: page headers and the footer. Field numbers are those of parquet.thrift. */
import { type CODEC, ENCODING, PAGE, REPETITION, type ParquetColumn } from './format.js';
import { ThriftWriter } from './thrift.js';

/** A column chunk, as the footer states it. */
export interface ChunkMetadata {
  readonly encoding: number;
  readonly codec: number;
  readonly entries: number;
  readonly nullCount: number;
  readonly bytesPlain: number;
  readonly bytesStored: number;
  /** Of the data page; absolute in the file. */
  readonly dataPageAt: number;
  /** Of the dictionary page, or -1. */
  readonly dictionaryPageAt: number;
  readonly min: Uint8Array | null;
  readonly max: Uint8Array | null;
}

/** A row group, as the footer states it. */
export interface RowGroupMetadata {
  readonly rows: number;
  readonly chunks: readonly ChunkMetadata[];
}

/** The header before a page. */
export function pageHeader(
  type: number,
  bytesPlain: number,
  bytesStored: number,
  entries: number,
  encoding: number,
): Uint8Array {
  const writer = new ThriftWriter().i32(1, type).i32(2, bytesPlain).i32(3, bytesStored);
  if (type === PAGE.dictionary) writer.struct(7, (page) => page.i32(1, entries).i32(2, ENCODING.plain));
  else writer.struct(5, (page) => page.i32(1, entries).i32(2, encoding).i32(3, ENCODING.rle).i32(4, ENCODING.rle));
  return writer.end();
}

/** The footer's struct. */
export function fileMetadata(
  columns: readonly ParquetColumn[],
  groups: readonly RowGroupMetadata[],
  createdBy: string,
  pairs: Readonly<Record<string, string>>,
): Uint8Array {
  const rows = groups.reduce((sum, group) => sum + group.rows, 0);
  return new ThriftWriter()
    .i32(1, 2)
    .structs(2, schemaElements(columns), (writer, element) => element(writer))
    .i64(3, rows)
    .structs(4, groups, (writer, group) => writeGroup(writer, group, columns))
    .structs(5, Object.entries(pairs), (writer, [key, value]) => writer.binary(1, key).binary(2, value))
    .binary(6, createdBy)
    .structs(7, columns, (writer) => writer.struct(1, () => undefined))
    .end();
}

type Element = (writer: ThriftWriter) => void;

function schemaElements(columns: readonly ParquetColumn[]): Element[] {
  const root: Element = (writer) => writer.binary(4, 'schema').i32(5, columns.length);
  return [root, ...columns.flatMap((column) => (column.type === 'list' ? listElements(column) : [leaf(column)]))];
}

function leaf(column: ParquetColumn): Element {
  const repetition = column.nullable ? REPETITION.optional : REPETITION.required;
  return (writer) => {
    writer.i32(1, column.physical);
    if (column.type === 'uuid') writer.i32(2, 16);
    writer.i32(3, repetition).binary(4, column.name);
    writeLogicalType(writer, column);
  };
}

function listElements(column: ParquetColumn): Element[] {
  const repetition = column.nullable ? REPETITION.optional : REPETITION.required;
  return [
    (writer) =>
      writer
        .i32(3, repetition)
        .binary(4, column.name)
        .i32(5, 1)
        .i32(6, 3)
        .i32(9, column.fieldId)
        .struct(10, (type) => type.struct(3, () => undefined)),
    (writer) => writer.i32(3, REPETITION.repeated).binary(4, 'list').i32(5, 1),
    (writer) =>
      writer
        .i32(1, column.physical)
        .i32(3, REPETITION.required)
        .binary(4, 'element')
        .i32(6, 0)
        .struct(10, (type) => type.struct(1, () => undefined)),
  ];
}

/** Converted type (6, with scale 7 and precision 8), field id (9), logical type (10). */
function writeLogicalType(writer: ThriftWriter, { type, fieldId }: ParquetColumn): void {
  const none = (): void => undefined;
  switch (type) {
    case 'string':
    case 'dictionary':
      writer
        .i32(6, 0)
        .i32(9, fieldId)
        .struct(10, (logical) => logical.struct(1, none));
      break;
    case 'json':
      writer
        .i32(6, 19)
        .i32(9, fieldId)
        .struct(10, (logical) => logical.struct(12, none));
      break;
    case 'uuid':
      writer.i32(9, fieldId).struct(10, (logical) => logical.struct(14, none));
      break;
    case 'timestamp':
      writer.i32(6, 9).i32(9, fieldId);
      writer.struct(10, (logical) =>
        logical.struct(8, (time) => time.bool(1, true).struct(2, (unit) => unit.struct(1, none))),
      );
      break;
    case 'decimal':
      writer.i32(6, 5).i32(7, 6).i32(8, 18).i32(9, fieldId);
      writer.struct(10, (logical) => logical.struct(5, (decimal) => decimal.i32(1, 6).i32(2, 18)));
      break;
    default:
      writer.i32(9, fieldId);
  }
}

function writeGroup(writer: ThriftWriter, group: RowGroupMetadata, columns: readonly ParquetColumn[]): void {
  const bytes = group.chunks.reduce((sum, chunk) => sum + chunk.bytesPlain, 0);
  writer
    .structs(1, group.chunks, (chunkWriter, chunk) => {
      const column = columns[group.chunks.indexOf(chunk)]!;
      chunkWriter.i64(2, firstByte(chunk)).struct(3, (data) => writeChunk(data, chunk, column));
    })
    .i64(2, bytes)
    .i64(3, group.rows)
    .i64(5, group.chunks[0] === undefined ? 0 : firstByte(group.chunks[0]))
    .i64(
      6,
      group.chunks.reduce((sum, chunk) => sum + chunk.bytesStored, 0),
    );
}

function firstByte(chunk: ChunkMetadata): number {
  return chunk.dictionaryPageAt < 0 ? chunk.dataPageAt : chunk.dictionaryPageAt;
}

function writeChunk(writer: ThriftWriter, chunk: ChunkMetadata, column: ParquetColumn): void {
  const encodings =
    chunk.dictionaryPageAt < 0
      ? [ENCODING.plain, ENCODING.rle]
      : [ENCODING.plain, ENCODING.rle, ENCODING.rleDictionary];
  writer
    .i32(1, column.physical)
    .i32s(2, encodings)
    .strings(3, column.path)
    .i32(4, chunk.codec)
    .i64(5, chunk.entries)
    .i64(6, chunk.bytesPlain)
    .i64(7, chunk.bytesStored)
    .i64(9, chunk.dataPageAt);
  if (chunk.dictionaryPageAt >= 0) writer.i64(11, chunk.dictionaryPageAt);
  writer.struct(12, (statistics) => {
    statistics.i64(3, chunk.nullCount);
    if (chunk.max !== null) statistics.binary(5, chunk.max);
    if (chunk.min !== null) statistics.binary(6, chunk.min);
  });
}

/** Names of the codecs a writer can use. */
export type Compression = keyof typeof CODEC;
