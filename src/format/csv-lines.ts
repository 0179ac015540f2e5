/**
 * Rows as lines of CSV (RFC 4180), straight from columns to bytes.
 *
 * Fields have the values of `event/rows.ts` as text: numbers and decimals as digits, bytes as
 * base64, JSON as its text, lists as JSON text. A null is nothing at all and an empty text is `""`:
 * readers that tell the two apart (PostgreSQL, DuckDB) get back what was there. A field is quoted
 * only where it must be. Lines end with LF unless CRLF is asked for.
 */
import { sliceRows, type RowSlice } from '../event/batch.js';
import type { Schema } from '../event/schema.js';
import { MillraceError } from '../util/errors.js';
import { fieldWriter, fixedBytes, type FieldContext } from './csv/fields.js';
import { putField } from './csv/text.js';
import { EntryCache } from './entries.js';
import type { EncodedRows } from './json-lines.js';
import { LineTarget } from './target.js';

/** How lines look. */
export interface CsvLinesOptions {
  /** Between fields, one ASCII character. Default `,`. */
  readonly delimiter?: string;
  /** Behind every row. Default `\n`. */
  readonly lineEnd?: '\r\n' | '\n';
  /** `ms` since 1970 as a number, or `iso` 8601 text with ms. Default `ms`. */
  readonly timestamps?: 'ms' | 'iso';
  /** Most bytes of one call. Default 1 GiB. */
  readonly bytesMax?: number;
}

/** Writes the rows of one schema. */
export class CsvLines {
  readonly #schema: Schema;
  readonly #context: FieldContext;
  readonly #lineEnd: '\r\n' | '\n';

  /** Throws CONFIG_INVALID when the delimiter can't be one. */
  constructor(schema: Schema, options: CsvLinesOptions = {}) {
    const delimiter = delimiterOf(options.delimiter ?? ',');
    this.#schema = schema;
    this.#lineEnd = options.lineEnd ?? '\n';
    this.#context = {
      target: new LineTarget(options.bytesMax ?? 2 ** 30),
      delimiter,
      isoTimes: options.timestamps === 'iso',
      rest: fixedBytes(schema.columns.length),
      entries: new EntryCache((view, at, source, from, to) => putField(view, at, source, from, to, delimiter)),
    };
  }

  /** The slice's rows, in its order; its batch is of the schema. Throws BATCH_TOO_LARGE beyond `bytesMax`. */
  encode(slice: RowSlice): EncodedRows {
    const { batch, rows } = slice;
    const { target, delimiter, rest } = this.#context;
    const count = sliceRows(slice);
    const offsets = new Uint32Array(count + 1);
    const fields = this.#schema.columns.map((column, index) => fieldWriter(batch.column(index), column, this.#context));
    target.start(Math.min(count * 256, 2 ** 25) + 4096);
    let at = 0;
    for (let i = 0; i < count; i++) {
      const row = rows === null ? i : rows[i]!;
      target.reserve(at, rest);
      for (let field = 0; field < fields.length; field++) {
        if (field > 0) target.view.setUint8(at++, delimiter);
        at = fields[field]!(at, row);
      }
      for (let k = 0; k < this.#lineEnd.length; k++) target.view.setUint8(at++, this.#lineEnd.charCodeAt(k));
      offsets[i + 1] = at;
    }
    return { data: target.take(at), offsets };
  }
}

/** The first line: the names of the columns. */
export function csvHeader(schema: Schema, { delimiter = ',', lineEnd = '\n' }: CsvLinesOptions = {}): string {
  return schema.columns.map(({ name }) => name).join(delimiter) + lineEnd;
}

/** The delimiter's byte. */
function delimiterOf(delimiter: string): number {
  const byte = delimiter.charCodeAt(0);
  if (delimiter.length !== 1 || byte >= 128 || '"\r\n\0'.includes(delimiter) || /[A-Za-z0-9_.+:/=-]/.test(delimiter))
    throw new MillraceError(
      'CONFIG_INVALID',
      `${JSON.stringify(delimiter)} is no delimiter; expected one ASCII character that stands in no number or name`,
      { place: 'delimiter' },
    );
  return byte;
}
