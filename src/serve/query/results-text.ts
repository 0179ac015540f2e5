/**
 * Results as JSON, NDJSON and CSV.
 *
 * | type | value |
 * |---|---|
 * | integer, bigint | number when it is safe, else a decimal string |
 * | numeric | string with all its digits: "1.230000" |
 * | double precision | number; "NaN", "Infinity", "-Infinity" as strings |
 * | timestamptz | ISO 8601 in UTC, "2026-01-31T12:00:00.000Z"; microseconds only where there are any |
 * | timestamp | the same without Z; date "2026-01-31"; time and interval as texts |
 * | text, uuid | string; bytea base64; text[] an array |
 * | json | the value itself |
 */
import type { DuckDBDataChunk, DuckDBValue } from '@duckdb/node-api';
import { duckdb } from '../../io/duckdb.js';
import type { ResultSink } from './results.js';
import type { BoundOutput } from './tree.js';

const { DuckDBBlobValue, DuckDBDecimalValue, DuckDBListValue, DuckDBTimestampTZValue, DuckDBTimestampValue } = duckdb();

/** A value in a result. */
type ResultValue = null | boolean | number | string | readonly ResultValue[] | object;

function convert(value: DuckDBValue, type: string): ResultValue {
  if (value === null || value === undefined) return null;
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (typeof value === 'boolean') return value;
  if (typeof value === 'string') return type === 'json' ? (JSON.parse(value) as ResultValue) : value;
  if (value instanceof DuckDBDecimalValue) return value.toString();
  if (value instanceof DuckDBTimestampTZValue) return `${timeText(value.micros)}Z`;
  if (value instanceof DuckDBTimestampValue) return timeText(value.micros);
  if (value instanceof DuckDBBlobValue) return Buffer.from(value.bytes).toString('base64');
  if (value instanceof DuckDBListValue) return value.items.map((item) => convert(item, ''));
  return String(value);
}

/** Microseconds since 1970 as ISO 8601 without a zone. */
function timeText(micros: bigint): string {
  const ms = Number(micros / 1000n) - (micros % 1000n < 0n ? 1 : 0);
  if (Math.abs(ms) > 8.64e15) return micros > 0n ? 'infinity' : '-infinity';
  const rest = Number(((micros % 1000n) + 1000n) % 1000n);
  const iso = new Date(ms).toISOString().slice(0, -1);
  return rest === 0 ? iso : iso + String(rest).padStart(3, '0');
}

/** Writes one result. */
export class TextResult implements ResultSink {
  /** Bytes so far, about: UTF-16 units, which is never more than the bytes. */
  length = 0;
  readonly #format: 'json' | 'ndjson' | 'csv';
  readonly #outputs: readonly BoundOutput[];
  readonly #lengthMax: number;
  readonly #parts: string[] = [];
  #rows = 0;

  constructor(format: 'json' | 'ndjson' | 'csv', outputs: readonly BoundOutput[], lengthMax: number) {
    this.#format = format;
    this.#outputs = outputs;
    this.#lengthMax = lengthMax;
    if (format === 'csv') this.#push(`${outputs.map((output) => csvCell(output.name)).join(',')}\r\n`);
    if (format === 'json') {
      const columns = outputs.map(({ name, type }) => ({ name, type: type.name }));
      this.#push(`{"columns":${JSON.stringify(columns)},"rows":[`);
    }
  }

  add(chunk: DuckDBDataChunk, rows: number): void {
    const columns = this.#outputs.map((output, index) =>
      chunk.getColumnValues(index).map((value) => convert(value, output.type.name)),
    );
    // Texts of one chunk alone can be larger than an answer may be: whoever looks at the length must see it in time.
    for (let row = 0; row < rows && this.length <= this.#lengthMax; row++)
      this.#row(columns.map((column) => column[row]!));
  }

  /** `stats` goes into the JSON form. */
  finish(stats: object): Uint8Array<ArrayBuffer> {
    if (this.#format === 'json') this.#push(`],${JSON.stringify(stats).slice(1)}`);
    return new Uint8Array(new TextEncoder().encode(this.#parts.join('')));
  }

  #row(values: readonly ResultValue[]): void {
    if (this.#format === 'csv') this.#push(`${values.map(csvCell).join(',')}\r\n`);
    else if (this.#format === 'json') this.#push(`${this.#rows === 0 ? '' : ','}${JSON.stringify(values)}`);
    else
      this.#push(
        `${JSON.stringify(Object.fromEntries(this.#outputs.map((output, index) => [output.name, values[index]])))}\n`,
      );
    this.#rows += 1;
  }

  #push(text: string): void {
    this.#parts.push(text);
    this.length += text.length;
  }
}

/** A cell by RFC 4180. Null is an empty cell, an empty text is `""`. */
function csvCell(value: ResultValue | undefined): string {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
