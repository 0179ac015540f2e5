/**
 * Raw records as sinks send them: their own bytes, which is what was put.
 *
 * | encoder | a record |
 * |---|---|
 * | `rawRecords` | as it is, one after the other, as Firehose writes objects |
 * | `rawLines` | with a line feed behind it |
 * | `rawDocuments` | one line: a line feed inside is white space of JSON, and becomes a space |
 */
import type { RowSlice } from '../event/batch.js';
import type { BytesColumn, ColumnBatch } from '../event/columns.js';
import { holdsRecords, RECORD_DATA } from '../event/records.js';
import type { Schema } from '../event/schema.js';
import type { EncodedRows } from '../format/json-lines.js';
import { MillraceError } from '../util/errors.js';
import type { RowEncoder } from './encoded.js';

const LINE_FEED = 10;
const SPACE = 32;

/** As they are. */
export const rawRecords: RowEncoder = {
  encode({ batch }) {
    const { data, offsets } = recordData(batch);
    return { data: data as EncodedRows['data'], offsets };
  },
};

/** A line feed behind each. */
export const rawLines: RowEncoder = { encode: (slice) => lines(slice, (_target, _start, end) => end) };

/** One line each; a blank one is `null`, which is no document and is refused as one. */
export const rawDocuments: RowEncoder = { encode: (slice) => lines(slice, mendDocument) };

/** The column of the records' bytes. */
export function recordData(batch: ColumnBatch): BytesColumn {
  return batch.column(RECORD_DATA) as BytesColumn;
}

/** Throws CONFIG_INVALID unless a stream holds raw records. */
export function checkRecords(schema: Schema, place: string): void {
  if (!holdsRecords(schema))
    throw new MillraceError('CONFIG_INVALID', `${place}: expected a stream of raw records (schema: 'records')`, {
      place,
    });
}

const BLANK = Buffer.from('null');

/** Makes the record in `target[start .. end]` one line; answers its end. */
type Mend = (target: Uint8Array, start: number, end: number) => number;

function lines({ batch }: RowSlice, mend: Mend): EncodedRows {
  const source = recordData(batch);
  const target = new Uint8Array(source.data.length + batch.rows * (BLANK.length + 1));
  const offsets = new Uint32Array(batch.rows + 1);
  let at = 0;
  for (let row = 0; row < batch.rows; row++) {
    const record = source.data.subarray(source.offsets[row], source.offsets[row + 1]);
    target.set(record, at);
    at = mend(target, at, at + record.length);
    target[at++] = LINE_FEED;
    offsets[row + 1] = at;
  }
  return { data: target.subarray(0, at), offsets };
}

function mendDocument(target: Uint8Array, start: number, end: number): number {
  let isBlank = true;
  for (let at = start; at < end; at++) {
    const byte = target[at]!;
    if (byte === LINE_FEED) target[at] = SPACE;
    else if (byte !== SPACE && byte !== 9 && byte !== 13) isBlank = false;
  }
  if (!isBlank) return end;
  target.set(BLANK, start);
  return start + BLANK.length;
}
