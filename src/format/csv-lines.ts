/**
 * Rows as lines of CSV (RFC 4180, lines end with LF): for people's tools, not for the fastest path.
 *
 * Values are those of `event/rows.ts`. A text is quoted where it has a comma, a quote or a line break; a
 * null is nothing at all and an empty text is `""`, so that they differ, as PostgreSQL and DuckDB read
 * them. Lists are JSON.
 */
import { sliceRows, type RowSlice } from '../event/batch.js';
import { isNull, type Column, type IntegerColumn } from '../event/columns.js';
import { decimalText } from '../event/decimal.js';
import type { Dictionary } from '../event/dictionary.js';
import { integerAt } from '../event/integers.js';
import { valueOf } from '../event/rows.js';
import type { ColumnType, Schema } from '../event/schema.js';
import type { EncodedRows } from './json-lines.js';

/** How lines look. */
export interface CsvLinesOptions {
  /** `ms` since 1970, or `iso` 8601 text with ms. Default `ms`. */
  readonly timestamps?: 'ms' | 'iso';
}

const decoder = new TextDecoder();

/** Writes the rows of one schema. */
export class CsvLines {
  readonly #types: readonly ColumnType[];
  readonly #isoTimes: boolean;
  /** Quoted texts by code; gone with their dictionary. */
  readonly #quoted = new WeakMap<Dictionary, string[]>();

  constructor(schema: Schema, options: CsvLinesOptions = {}) {
    this.#types = schema.columns.map(({ type }) => type);
    this.#isoTimes = options.timestamps === 'iso';
  }

  /** The slice's rows, in its order; its batch is of the schema. */
  encode(slice: RowSlice): EncodedRows {
    const { batch, rows } = slice;
    const count = sliceRows(slice);
    const cells = this.#types.map((type, index) => this.#cells(batch.column(index), type));
    const offsets = new Uint32Array(count + 1);
    const lines: string[] = [];
    for (let i = 0; i < count; i++) {
      const row = rows === null ? i : rows[i]!;
      let line = '';
      for (let index = 0; index < cells.length; index++) line += (index === 0 ? '' : ',') + cells[index]!(row);
      line += '\n';
      lines.push(line);
      offsets[i + 1] = offsets[i]! + Buffer.byteLength(line);
    }
    return { data: new Uint8Array(Buffer.from(lines.join(''))), offsets };
  }

  #cells(column: Column, type: ColumnType): (row: number) => string {
    const cell = this.#valueCells(column, type);
    const { nulls } = column;
    return nulls === null ? cell : (row) => (isNull(nulls, row) ? '' : cell(row));
  }

  #valueCells(column: Column, type: ColumnType): (row: number) => string {
    switch (column.kind) {
      case 'dictionary': {
        const { dictionary, codes } = column;
        let known = this.#quoted.get(dictionary);
        if (known === undefined) this.#quoted.set(dictionary, (known = []));
        const texts = known;
        return (row) => (texts[codes[row]!] ??= quoted(dictionary.stringOf(codes[row]!)));
      }
      case 'bytes':
        if (type === 'bytes') return (row) => quoted(String(valueOf(column, type, row)));
        return (row) => quoted(decoder.decode(column.data.subarray(column.offsets[row], column.offsets[row + 1])));
      case 'integer':
        return this.#integerCells(column, type);
      case 'list':
      case 'bytesList':
        return (row) => quoted(JSON.stringify(valueOf(column, type, row)));
      default:
        return (row) => String(valueOf(column, type, row));
    }
  }

  #integerCells(column: IntegerColumn, type: ColumnType): (row: number) => string {
    if (type === 'decimal') return (row) => decimalText(integerAt(column, row));
    if (type === 'timestamp' && this.#isoTimes) return (row) => new Date(Number(integerAt(column, row))).toISOString();
    return (row) => String(integerAt(column, row));
  }
}

/** The first line: the names of the columns. */
export function csvHeader(schema: Schema): string {
  return `${schema.columns.map(({ name }) => quoted(name)).join(',')}\n`;
}

function quoted(text: string): string {
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
