/**
 * One column of one row group → the bodies of its pages.
 *
 * A data page's body: repetition levels (lists only), definition levels (nullable or lists only),
 * each as u32 length and hybrid runs; then the values that are there. Dictionary columns write
 * codes of a table made for this chunk: batches' codes are translated, strings are never touched
 * but once an entry. A table that would be too large makes the chunk plain.
 */
import { type BatchTarget, totalRows, type RowSlice } from '../../event/batch.js';
import { mayHaveNulls, paddedBits, writeNulls } from '../../event/batch/slices.js';
import { setLength, type Chunk } from './chunk-body.js';
import { ENCODING, type ParquetColumn } from './format.js';
import { writeInverted, writeRun } from './levels.js';
import { writeBooleanValues, writeDoubleValues, writeIntegerValues, writeUuidValues } from './values-numbers.js';
import { writeByteValues, writeCodeValues, writeListValues } from './values-text.js';

let bitmap = new Uint8Array(8192);

/** Fills `body` (data page) and `entries` (dictionary page) with column `index` of the slices. */
export function encodeChunk(
  column: ParquetColumn,
  slices: readonly RowSlice[],
  index: number,
  body: BatchTarget,
  entries: BatchTarget,
): Chunk {
  body.position = 0;
  entries.position = 0;
  const rows = totalRows(slices);
  const chunk: Chunk = {
    entries: rows,
    nullCount: 0,
    encoding: ENCODING.plain,
    dictionaryEntries: 0,
    min: null,
    max: null,
  };
  if (column.type === 'list') {
    writeListValues(column, slices, index, body, entries, chunk);
    return chunk;
  }
  if (column.nullable) chunk.nullCount = writeDefinitionLevels(slices, index, rows, body);
  writeValues(column, slices, index, rows - chunk.nullCount, body, entries, chunk);
  return chunk;
}

function writeValues(
  column: ParquetColumn,
  slices: readonly RowSlice[],
  index: number,
  count: number,
  body: BatchTarget,
  entries: BatchTarget,
  chunk: Chunk,
): void {
  switch (column.type) {
    case 'uuid':
      return writeUuidValues(slices, index, count, body, chunk);
    case 'int64':
    case 'decimal':
    case 'timestamp':
      return writeIntegerValues(slices, index, count, body, chunk);
    case 'double':
      return writeDoubleValues(slices, index, count, body, chunk);
    case 'boolean':
      return writeBooleanValues(slices, index, count, body, chunk);
    case 'dictionary':
      return writeCodeValues(slices, index, count, body, entries, chunk);
    default:
      return writeByteValues(slices, index, count, body, chunk);
  }
}

/** Width 1: the null bitmap, inverted. Answers how many rows are null. */
function writeDefinitionLevels(slices: readonly RowSlice[], index: number, rows: number, body: BatchTarget): number {
  const at = body.position;
  body.position += 4;
  let nullCount = 0;
  if (mayHaveNulls(slices, index)) {
    if (bitmap.length < paddedBits(rows)) bitmap = new Uint8Array(paddedBits(rows));
    if (writeNulls(bitmap, 0, slices, index, rows)) nullCount = countBits(bitmap, rows);
  }
  if (nullCount === 0 || nullCount === rows) writeRun(body, nullCount === 0 ? 1 : 0, rows);
  else writeInverted(body, bitmap, 0, rows);
  setLength(body, at);
  return nullCount;
}

function countBits(bits: Uint8Array, count: number): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += (bits[i >> 3]! >> (i & 7)) & 1;
  return sum;
}
