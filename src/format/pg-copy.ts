/**
 * Rows as PostgreSQL's COPY takes them in its binary format, straight from columns.
 *
 *   begin   "PGCOPY\n" ff "\r\n" 00, flags i32 0, extension i32 0
 *   row     fields i16; for each: length i32 (-1 for null), bytes
 *   end     -1 i16
 *
 * All numbers are big-endian. Binary, because text would have to be escaped here and parsed there.
 *
 * | column | type there | bytes |
 * |---|---|---|
 * | uuid | uuid | 16 |
 * | string, dictionary | text | as they are |
 * | list | text[] | one dimension of texts |
 * | bytes | bytea | as they are |
 * | int64 | bigint | 8 |
 * | double | double precision | 8 |
 * | decimal | numeric | six digits of base 10,000, and six behind the point shown |
 * | timestamp | timestamptz | 8, microseconds since 2000 |
 * | boolean | boolean | 1 |
 * | json | jsonb | version 1, text |
 *
 * What PostgreSQL can't hold (a zero byte in a text, a time beyond its range) is written nonetheless:
 * the server refuses it, and says which.
 *
 * Limit: `BYTES_MAX` bytes a call.
 */
import { sliceRows, type RowSlice } from '../event/batch.js';
import type { ColumnType, Schema } from '../event/schema.js';
import { MillraceError } from '../util/errors.js';
import type { EncodedRows } from './json-lines.js';
import type { FieldTarget } from './pg-copy/field-target.js';
import { addLengths, writeFields } from './pg-copy/fields.js';

const BYTES_MAX = 2 ** 30;

/** The type that a column has in PostgreSQL. `decimal` is a 64-bit integer of millionths: up to 19 digits. */
export const PG_TYPES: Readonly<Record<ColumnType, string>> = {
  uuid: 'uuid',
  string: 'text',
  dictionary: 'text',
  list: 'text[]',
  bytes: 'bytea',
  int64: 'bigint',
  double: 'double precision',
  decimal: 'numeric(19,6)',
  timestamp: 'timestamp with time zone',
  boolean: 'boolean',
  json: 'jsonb',
};

/** What stands before the first row. */
export const COPY_BEGIN: Uint8Array = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');

/** What stands behind the last row. */
export const COPY_END: Uint8Array = Uint8Array.of(0xff, 0xff);

/** Writes the rows of one schema. */
export class PgCopy {
  readonly #schema: Schema;
  readonly #fields: number;

  /** `fieldsBehind` fields follow those of the schema in each row; the caller writes them. */
  constructor(schema: Schema, fieldsBehind = 0) {
    this.#schema = schema;
    this.#fields = schema.columns.length + fieldsBehind;
  }

  /** The slice's rows, in its order, without begin and end. Throws BATCH_TOO_LARGE. */
  encode(slice: RowSlice): EncodedRows {
    const count = sliceRows(slice);
    const { batch, rows } = slice;
    const offsets = new Uint32Array(count + 1);
    const lengths = offsets.subarray(1);
    lengths.fill(2 + this.#schema.columns.length * 4);
    const columns = this.#schema.columns.map((_, index) => batch.column(index));
    columns.forEach((column, index) => addLengths(column, this.#schema.columns[index]!.type, rows, lengths));
    let bytes = 0;
    for (let i = 0; i < count; i++) {
      bytes += lengths[i]!;
      lengths[i] = bytes;
    }
    if (bytes > BYTES_MAX)
      throw new MillraceError('BATCH_TOO_LARGE', `the rows are more than ${BYTES_MAX} bytes; take fewer at once`);
    const data = new Uint8Array(bytes);
    const target: FieldTarget = { data, view: new DataView(data.buffer), ends: offsets.slice(0, count), rows };
    for (let i = 0; i < count; i++) {
      target.view.setInt16(offsets[i]!, this.#fields);
      target.ends[i]! += 2;
    }
    columns.forEach((column, index) => writeFields(column, this.#schema.columns[index]!.type, target));
    return { data, offsets };
  }
}
