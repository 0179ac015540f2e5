/**
 * Rows as bytes, encoded once a batch and shared: by the attempts of a request, by the requests of
 * a cut, and by all deliveries of one thread that read the same stream in the same form.
 *
 * The bytes live as long as the batch does, and a batch lives while a cut holds it or the thread's
 * shared batches do; both are bounded.
 */
import type { RowSlice } from '../event/batch.js';
import type { ColumnBatch } from '../event/columns.js';
import { JsonLines, type EncodedRows, type JsonLinesOptions } from '../format/json-lines.js';
import type { Schema } from '../event/schema.js';
import type { CutRows, PlacedSlice } from './rows.js';

/** Turns rows into bytes; row i is `data[offsets[i] .. offsets[i + 1]]`. */
export interface RowEncoder {
  encode(slice: RowSlice): EncodedRows;
}

const encoders = new WeakMap<Schema, Map<string, RowEncoder>>();
const encoded = new WeakMap<ColumnBatch, Map<RowEncoder, EncodedRows>>();

/** The encoder of NDJSON for a schema: the same object for the same options, so that its work is shared. */
export function jsonLines(schema: Schema, options: JsonLinesOptions = {}): RowEncoder {
  return sharedEncoder(schema, JSON.stringify(options), () => new JsonLines(schema, options));
}

/** The one encoder of a schema with this name; made when there is none. */
export function sharedEncoder(schema: Schema, name: string, make: () => RowEncoder): RowEncoder {
  let bySchema = encoders.get(schema);
  if (bySchema === undefined) encoders.set(schema, (bySchema = new Map()));
  let encoder = bySchema.get(name);
  if (encoder === undefined) bySchema.set(name, (encoder = make()));
  return encoder;
}

/** The bytes of a whole batch. */
export function encodedBatch(encoder: RowEncoder, batch: ColumnBatch): EncodedRows {
  let byEncoder = encoded.get(batch);
  if (byEncoder === undefined) encoded.set(batch, (byEncoder = new Map()));
  let rows = byEncoder.get(encoder);
  if (rows === undefined) byEncoder.set(encoder, (rows = encoder.encode({ batch, rows: null })));
  return rows;
}

/** Calls `visit` with the bytes of each row, in order. */
export function eachEncoded(
  encoder: RowEncoder,
  rows: CutRows,
  visit: (data: Uint8Array, start: number, end: number, number: number) => void,
): void {
  rows.eachSlice((slice, first, count) => {
    const { data, offsets } = encodedBatch(encoder, slice.batch);
    for (let i = 0; i < count; i++) {
      const row = slice.rows === null ? i : slice.rows[i]!;
      visit(data, offsets[row]!, offsets[row + 1]!, first + i);
    }
  });
}

/** All rows as one text, copied. */
export function encodedBytes(encoder: RowEncoder, rows: CutRows): Uint8Array {
  const parts = encodedPieces(encoder, rows);
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}

/** All rows in pieces of the shared bytes: nothing is copied, and nobody may write to them. */
export function encodedPieces(encoder: RowEncoder, rows: CutRows): Uint8Array[] {
  const parts: Uint8Array[] = [];
  rows.eachSlice((slice, _first, count) => {
    for (const span of spans(encodedBatch(encoder, slice.batch), slice, count)) parts.push(span);
  });
  return parts;
}

/** The bytes of a slice: one span where it has all rows of its batch. */
function spans({ data, offsets }: EncodedRows, { rows }: PlacedSlice, count: number): Uint8Array[] {
  if (rows === null) return [data.subarray(offsets[0], offsets[count])];
  const parts: Uint8Array[] = [];
  for (let i = 0; i < count;) {
    let end = i + 1;
    while (end < count && rows[end] === rows[end - 1]! + 1) end++;
    parts.push(data.subarray(offsets[rows[i]!], offsets[rows[end - 1]! + 1]));
    i = end;
  }
  return parts;
}

/**
 * Divides rows into requests of at most `rowsMax` rows and `bytesMax` bytes, with `rowBytes` beside
 * each row's own. A row that is larger alone gets a request of its own.
 */
export function divide(
  encoder: RowEncoder,
  rows: CutRows,
  {
    rowsMax,
    bytesMax,
    rowBytes = 0,
  }: { readonly rowsMax: number; readonly bytesMax: number; readonly rowBytes?: number },
): CutRows[] {
  const parts: CutRows[] = [];
  let from = 0;
  let bytes = 0;
  eachEncoded(encoder, rows, (_data, start, end, number) => {
    const more = end - start + rowBytes;
    if (number > from && (number - from >= rowsMax || bytes + more > bytesMax)) {
      parts.push(rows.part(from, number));
      from = number;
      bytes = 0;
    }
    bytes += more;
  });
  if (rows.count > from) parts.push(rows.part(from, rows.count));
  return parts;
}
