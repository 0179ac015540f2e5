/**
 * Rows of a row set as people and programs see them: JSON values by the view's column names.
 *
 * | type | JSON |
 * |---|---|
 * | bigint | number when it is safe, else a decimal string |
 * | numeric | string, with all digits of its scale |
 * | timestamptz | ISO 8601 string in UTC |
 * | double precision | number; "NaN", "Infinity" and "-Infinity" as strings |
 * | text, uuid | string |
 * | json | the value itself |
 */
import { decimalText } from '../event/decimal.js';
import { uuidText } from '../event/uuid.js';
import type { ViewColumn } from '../event/view.js';
import { TENANT, WINDOW_START, type RowLayout } from './layout.js';
import { bigintAt, numberAt, type RowSet } from './row-set.js';
import { NULL_CODE } from './text-pool.js';

/** A JSON value. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue };

/** How to read one column of a view. */
export interface ColumnReader {
  readonly column: ViewColumn;
  /** Whether the column is part of the row's key. */
  readonly key: boolean;
  read(rows: RowSet, row: number): JsonValue;
}

/** Readers for all columns of a view, in the order of its SELECT list. */
export function readersOf(layout: RowLayout): ColumnReader[] {
  return layout.view.columns.map((column) => ({
    column,
    key: layout.view.keyColumns.includes(column.column),
    read: readerOf(layout, column),
  }));
}

function readerOf(layout: RowLayout, column: ViewColumn): ColumnReader['read'] {
  if (column.column === TENANT) return (rows, row) => rows.pool.stringOf(rows.tenants[row]!);
  if (column.column === WINDOW_START) return (rows, row) => isoText(rows.windows[row]!);
  const index = layout.columns.findIndex((stored) => stored.column === column.column);
  const { type } = layout.columns[index]!;
  return (rows, row) => {
    const store = rows.columns[index]!;
    if (store.kind === 'text') {
      const code = store.codes[row]!;
      if (code === NULL_CODE) return null;
      if (type === 'uuid') return uuidText(rows.pool.bytesOf(code), 0);
      if (type === 'bytes') return Buffer.from(rows.pool.bytesOf(code)).toString('base64');
      return type === 'json' ? (JSON.parse(rows.pool.stringOf(code)) as JsonValue) : rows.pool.stringOf(code);
    }
    if (store.nulls[row] === 1) return null;
    if (store.kind === 'double') return doubleValue(store.values[row]!);
    if (type === 'decimal') return decimalText(bigintAt(store, row));
    if (type === 'boolean') return store.words[row * 2] === 1;
    const number = numberAt(store, row);
    if (type === 'timestamp') return isoText(number);
    return Number.isSafeInteger(number) ? number : String(bigintAt(store, row));
  };
}

/** A time as ISO 8601 in UTC; what no date can hold, as ms. */
export function isoText(ms: number): string {
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : String(ms);
}

function doubleValue(value: number): JsonValue {
  return Number.isFinite(value) ? value : String(value);
}
