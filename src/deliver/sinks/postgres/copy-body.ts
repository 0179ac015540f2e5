/** The rows of a request as one body of COPY. */
import type { Schema } from '../../../event/schema.js';
import { COPY_BEGIN, COPY_END, PgCopy } from '../../../format/pg-copy.js';
import { eachEncoded, encodedBytes, type RowEncoder } from '../../encoded.js';
import type { CutRows } from '../../rows.js';
import { PLACE_COLUMNS } from './table.js';

const encoders = new WeakMap<Schema, readonly [RowEncoder, RowEncoder]>();

/** The encoder for a schema: always the same object. `isPlaced`: fields of the place follow each row. */
export function pgCopy(schema: Schema, isPlaced: boolean): RowEncoder {
  let pair = encoders.get(schema);
  if (pair === undefined) encoders.set(schema, (pair = [new PgCopy(schema), new PgCopy(schema, PLACE_COLUMNS.length)]));
  return pair[isPlaced ? 1 : 0];
}

/** Bytes of the place of a row beside its stream's name: three lengths, partition, offset. */
export const PLACE_BYTES = 4 + 4 + 4 + 4 + 8;

/** The body. */
export function copyBody(encoder: RowEncoder, rows: CutRows, isPlaced: boolean): Uint8Array {
  return Buffer.concat([COPY_BEGIN, isPlaced ? placedRows(encoder, rows) : encodedBytes(encoder, rows), COPY_END]);
}

/** Each row, then its stream, partition and offset. */
function placedRows(encoder: RowEncoder, rows: CutRows): Uint8Array {
  const names = new Map(rows.slices.map(({ stream }) => [stream, Buffer.from(stream)]));
  let bytes = 0;
  eachEncoded(encoder, rows, (_data, start, end) => (bytes += end - start + PLACE_BYTES));
  rows.eachSlice(({ stream }, _first, count) => (bytes += names.get(stream)!.length * count));
  const body = Buffer.allocUnsafe(bytes);
  let at = 0;
  eachEncoded(encoder, rows, (data, start, end, number) => {
    const { slice, row } = rows.find(number);
    const name = names.get(slice.stream)!;
    body.set(data.subarray(start, end), at);
    at = body.writeInt32BE(name.length, at + end - start);
    body.set(name, at);
    at = body.writeInt32BE(4, at + name.length);
    at = body.writeInt32BE(slice.partition, at);
    at = body.writeInt32BE(8, at);
    at = body.writeBigInt64BE(BigInt(slice.baseOffset + row), at);
  });
  return body;
}
