/** Rows of one key in the order of their times, with the bounds of the windows that they are in. */
import type { Field } from '../../../sql/relation/relation.js';
import type { Row } from '../operator.js';
import { rowCodec } from '../rows.js';
import type { Key, StateCodec } from '../state-table.js';

/** A row that is kept. */
export class TimedRow {
  readonly row: Row;
  /** Event time, and when it came, ms. */
  readonly time: number;
  readonly stamp: number;
  /** The window that it was passed on with; NaN before that. */
  start = Number.NaN;
  end = Number.NaN;

  constructor(row: Row, time: number, stamp: number) {
    this.row = row;
    this.time = time;
    this.stamp = stamp;
  }
}

/** The rows of a key. */
export interface TimedRows {
  readonly key: Key;
  readonly rows: TimedRow[];
  /** Rows with bounds that are gone, to be taken back. */
  readonly retracted: { readonly row: Row; readonly stamp: number }[];
  /** Times between which rows came or went; none where the first is beyond the last. */
  dirtyFrom: number;
  dirtyTo: number;
}

/** Bytes of a key's rows, and of each, beside the values. */
const GROUP_BYTES = 300;
const ROW_BYTES = 112;

/** Rows that are looked at to say how many bytes all of a key's take: it is asked each time one comes. */
const LOOKED_AT_MAX = 64;

/** Position of the first row at a time or behind it; the length where there is none. */
export function firstAtTime(rows: readonly TimedRow[], time: number): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle]!.time < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** How the rows of a key are written. */
export function timedRowsCodec(fields: readonly Field[]): StateCodec<TimedRows> {
  const codec = rowCodec(fields);
  return {
    write: ({ key, rows }, writer) => {
      writer.byte(typeof key === 'number' ? 1 : 0);
      if (typeof key === 'number') writer.double(key);
      else writer.text(key);
      writer.unsigned(rows.length);
      for (const { end, row, stamp, start, time } of rows) {
        codec.write(row, writer);
        for (const number of [time, stamp, start, end]) writer.double(number);
      }
    },
    read: (reader) => {
      const key = reader.byte() === 1 ? reader.double() : reader.text();
      const rows = Array.from({ length: reader.unsigned() }, () => {
        const row = codec.read(reader);
        const timed = new TimedRow(row, reader.double(), reader.double());
        timed.start = reader.double();
        timed.end = reader.double();
        return timed;
      });
      return { key, rows, retracted: [], dirtyFrom: Number.POSITIVE_INFINITY, dirtyTo: Number.NEGATIVE_INFINITY };
    },
    bytes: ({ rows }) => {
      const step = Math.ceil(rows.length / LOOKED_AT_MAX);
      let sum = 0;
      let count = 0;
      for (let at = 0; at < rows.length; at += step, count++) sum += ROW_BYTES + codec.bytes(rows[at]!.row);
      return GROUP_BYTES + (count === 0 ? 0 : (sum / count) * rows.length);
    },
  };
}
