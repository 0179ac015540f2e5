/**
 * Rows of the quarantine as Firehose's lines of failed records:
 *
 *   {"attemptsMade":4,"arrivalTimestamp":…,"errorCode":…,"errorMessage":…,"attemptEndingTimestamp":…,"rawData":…}
 *
 * `rawData` is base64, or null where the original was too long to be kept.
 */
import { sliceRows, type RowSlice } from '../../event/batch.js';
import { rowOf } from '../../event/rows.js';
import { RECEIVED_AT } from '../../event/schema.js';
import type { EncodedRows } from '../../format/json-lines.js';
import type { RowEncoder } from '../encoded.js';

/** Writes them. */
export const errorLines: RowEncoder = {
  encode(slice: RowSlice): EncodedRows {
    const count = sliceRows(slice);
    const offsets = new Uint32Array(count + 1);
    const lines: string[] = [];
    for (let i = 0; i < count; i++) {
      const row = rowOf(slice.batch, slice.rows === null ? i : slice.rows[i]!);
      const line = `${JSON.stringify({
        attemptsMade: row['attempts'],
        arrivalTimestamp: row['first_at'] ?? row[RECEIVED_AT],
        errorCode: row['code'],
        errorMessage: row['message'],
        attemptEndingTimestamp: row['last_at'] ?? row[RECEIVED_AT],
        rawData: row['original'],
      })}\n`;
      lines.push(line);
      offsets[i + 1] = offsets[i]! + Buffer.byteLength(line);
    }
    return { data: new Uint8Array(Buffer.from(lines.join(''))), offsets };
  },
};
