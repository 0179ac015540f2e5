/**
 * Rows as records of Firehose's protocol: `{"data":"<base64 of the row's JSON>"},`, encoded once a batch
 * like the lines that they are made of.
 */
import type { Schema } from '../event/schema.js';
import { encodedBatch, jsonLines, type RowEncoder } from './encoded.js';

const HEAD = '{"data":"';
const TAIL = '"},';

const encoders = new WeakMap<Schema, RowEncoder>();

/** The encoder of records for a schema: always the same object. */
export function firehoseRecords(schema: Schema): RowEncoder {
  let encoder = encoders.get(schema);
  if (encoder === undefined) encoders.set(schema, (encoder = { encode: ({ batch }) => records(schema, batch) }));
  return encoder;
}

function records(schema: Schema, batch: Parameters<typeof encodedBatch>[1]): ReturnType<typeof encodedBatch> {
  const lines = encodedBatch(jsonLines(schema), batch);
  const text = Buffer.from(lines.data.buffer, lines.data.byteOffset, lines.data.length);
  const offsets = new Uint32Array(batch.rows + 1);
  for (let row = 0; row < batch.rows; row++) {
    // Without the line break.
    const bytes = lines.offsets[row + 1]! - lines.offsets[row]! - 1;
    offsets[row + 1] = offsets[row]! + HEAD.length + Math.ceil(bytes / 3) * 4 + TAIL.length;
  }
  const data = Buffer.from(new ArrayBuffer(offsets[batch.rows]!));
  for (let row = 0; row < batch.rows; row++) {
    const base64 = text.toString('base64', lines.offsets[row], lines.offsets[row + 1]! - 1);
    data.write(`${HEAD}${base64}${TAIL}`, offsets[row]!, 'latin1');
  }
  return { data, offsets };
}
