/**
 * Rows as records of Firehose's protocol: `{"data":"<base64 of the row's JSON>"},`, encoded once a batch
 * like the lines that they are made of. Of a stream of raw records: base64 of the record's own bytes.
 */
import { holdsRecords } from '../event/records.js';
import type { Schema } from '../event/schema.js';
import { encodedBatch, jsonLines, type RowEncoder } from './encoded.js';
import { recordData } from './raw-records.js';

const HEAD = '{"data":"';
const TAIL = '"},';

const encoders = new WeakMap<Schema, RowEncoder>();

/** The encoder of records for a schema: always the same object. */
export function firehoseRecords(schema: Schema): RowEncoder {
  let encoder = encoders.get(schema);
  if (encoder === undefined) encoders.set(schema, (encoder = { encode: ({ batch }) => records(schema, batch) }));
  return encoder;
}

type Batch = Parameters<typeof encodedBatch>[1];

/** Bytes of rows: of row i from `offsets[i]`, up to `offsets[i + 1]` without the last `tail` bytes. */
interface Content {
  readonly data: Uint8Array;
  readonly offsets: Uint32Array;
  readonly tail: number;
}

function contentOf(schema: Schema, batch: Batch): Content {
  if (holdsRecords(schema)) return { ...recordData(batch), tail: 0 };
  // Without the line break.
  return { ...encodedBatch(jsonLines(schema), batch), tail: 1 };
}

function records(schema: Schema, batch: Batch): ReturnType<typeof encodedBatch> {
  const content = contentOf(schema, batch);
  const text = Buffer.from(content.data.buffer, content.data.byteOffset, content.data.length);
  const endOf = (row: number): number => content.offsets[row + 1]! - content.tail;
  const offsets = new Uint32Array(batch.rows + 1);
  for (let row = 0; row < batch.rows; row++) {
    const base64Length = Math.ceil((endOf(row) - content.offsets[row]!) / 3) * 4;
    offsets[row + 1] = offsets[row]! + HEAD.length + base64Length + TAIL.length;
  }
  const data = Buffer.from(new ArrayBuffer(offsets[batch.rows]!));
  for (let row = 0; row < batch.rows; row++) {
    const base64 = text.toString('base64', content.offsets[row], endOf(row));
    data.write(`${HEAD}${base64}${TAIL}`, offsets[row]!, 'latin1');
  }
  return { data, offsets };
}
