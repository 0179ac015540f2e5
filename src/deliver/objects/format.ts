/**
 * Rows as the bytes of one object.
 *
 * Invariant: the same rows in the same order give the same bytes, so that a retry changes nothing.
 * Limits: an object is made whole in memory; it is a part of a cut, whose size is bounded.
 */
import type { ObjectSinkOptions } from '../../config/sinks/objects.js';
import { gatherSlices } from '../../event/gather.js';
import type { RowSlice } from '../../event/batch.js';
import type { Schema } from '../../event/schema.js';
import { compressorOf, type Compressor } from '../../format/compress.js';
import { csvHeader, CsvLines } from '../../format/csv-lines.js';
import { ParquetScratch, ParquetWriter } from '../../format/parquet/writer.js';
import type { ObjectBody, ObjectHeaders } from '../../io/objects.js';
import { encodedBatch, encodedBytes, encodedPieces, jsonLines, sharedEncoder, type RowEncoder } from '../encoded.js';
import { rawLines, rawRecords } from '../raw-records.js';
import type { CutRows } from '../rows.js';
import { errorLines } from './error-lines.js';

/** Makes the bytes of objects. */
export interface ObjectFormat {
  /** What keys end with, unless the settings say. */
  readonly extension: string;
  readonly headers: ObjectHeaders;
  /** The rows with these numbers, in this order; null: all, as they are. */
  encode(rows: CutRows, numbers: Uint32Array | null): Promise<ObjectBody>;
}

/** The format of a sink's settings. `isSorted`: numbers may fall. */
export function objectFormat(options: ObjectSinkOptions, isSorted: boolean): ObjectFormat {
  return options.format === 'parquet' ? parquetFormat(options, isSorted) : textFormat(options, isSorted);
}

/** What keys end with. */
export function extensionOf({ extension, format, compression = 'none' }: ObjectSinkOptions): string {
  if (extension !== undefined) return extension;
  if (format === 'parquet') return '.parquet';
  return `${format === 'csv' ? '.csv' : ''}${compressorOf(compression).extension}`;
}

const PLAIN_TYPES = {
  csv: 'text/csv; charset=utf-8',
  ndjson: 'application/x-ndjson',
  errors: 'application/x-ndjson',
  records: 'application/octet-stream',
  parquet: 'application/vnd.apache.parquet',
} as const;
const TYPES = { none: undefined, gzip: 'application/gzip', zstd: 'application/zstd' } as const;

function textFormat(options: ObjectSinkOptions, isSorted: boolean): ObjectFormat {
  const { format, compression = 'none', header } = options;
  const compressor: Compressor = compressorOf(compression);
  return {
    extension: extensionOf(options),
    headers: { contentType: TYPES[compression] ?? PLAIN_TYPES[format] },
    async encode(rows, numbers) {
      const encoder = encoderOf(options, rows.schema);
      const first = format === 'csv' && header ? [Buffer.from(csvHeader(rows.schema))] : [];
      const pieces =
        numbers === null
          ? [...first, ...encodedPieces(encoder, rows)]
          : [...first, isSorted ? inOrder(encoder, rows, numbers) : encodedBytes(encoder, rows.pick(numbers))];
      if (compression === 'none') return pieces;
      return compressor.compress(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces));
    },
  };
}

function encoderOf({ format, timestamps, delimiter }: ObjectSinkOptions, schema: Schema): RowEncoder {
  if (format === 'errors') return errorLines;
  if (format === 'records') return delimiter === 'newline' ? rawLines : rawRecords;
  if (format === 'ndjson') return jsonLines(schema, { timestamps });
  return sharedEncoder(schema, `csv ${timestamps}`, () => new CsvLines(schema, { timestamps }));
}

/** Lines in any order. */
function inOrder(encoder: RowEncoder, rows: CutRows, numbers: Uint32Array): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const number of numbers) {
    const { slice, row } = rows.find(number);
    const { data, offsets } = encodedBatch(encoder, slice.batch);
    parts.push(data.subarray(offsets[row], offsets[row + 1]));
  }
  return Buffer.concat(parts);
}

function parquetFormat(options: ObjectSinkOptions, isSorted: boolean): ObjectFormat {
  const { rowGroupRows, compression = 'zstd' } = options;
  const idle: ParquetScratch[] = [];
  return {
    extension: extensionOf(options),
    headers: { contentType: PLAIN_TYPES.parquet },
    async encode(rows, numbers) {
      const pieces: Uint8Array[] = [];
      // As many as objects are made at once.
      const scratch = idle.pop() ?? new ParquetScratch();
      const writer = new ParquetWriter(
        rows.schema,
        { write: (bytes) => void pieces.push(bytes.slice()) },
        { compression: compression === 'none' ? 'none' : 'zstd', scratch },
      );
      const groups =
        isSorted && numbers !== null
          ? sortedGroups(rows, numbers, rowGroupRows)
          : risingGroups(numbers === null ? rows : rows.pick(numbers), rowGroupRows);
      for (const slices of groups) await writer.writeRowGroup(slices);
      await writer.finish();
      idle.push(scratch);
      return pieces;
    },
  };
}

/** Row groups of rows as they are. */
function* risingGroups(rows: CutRows, rowsMax: number): Generator<RowSlice[]> {
  for (let from = 0; from < rows.count; from += rowsMax)
    yield rows.part(from, Math.min(from + rowsMax, rows.count)).rowSlices();
}

/**
 * Row groups of rows in another order. Those of one group are copied together first: one by one from all
 * over the cut, each would be a slice of its own.
 */
function* sortedGroups(rows: CutRows, numbers: Uint32Array, rowsMax: number): Generator<RowSlice[]> {
  const places = new Uint32Array(rows.count);
  for (let from = 0; from < numbers.length; from += rowsMax) {
    const wanted = numbers.subarray(from, from + rowsMax);
    const rising = wanted.toSorted();
    rising.forEach((number, place) => (places[number] = place));
    const batch = gatherSlices(rows.pick(rising).rowSlices());
    yield [{ batch, rows: wanted.map((number) => places[number]!) }];
  }
}
