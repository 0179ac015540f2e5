/**
 * Columns of a table of SQLite. A declared type has two meanings there: its name, by which we know the column
 * again, and its affinity, which decides how values are kept. Numbers with all their digits, times and JSON
 * must stay texts, so their names end with `_TEXT`.
 */
import type { FeedValue } from '../../../event/feed.js';
import { MillraceError } from '../../../util/errors.js';
import { storable, storableJson } from '../../storable.js';
import type { TablePlan, TableRow } from '../../table-plan.js';

/** What can be bound. Never a Buffer or a boolean: the driver ends the process on those. */
export type SqliteValue = string | number | bigint | null;

/** A column: how it is declared, what stands for its value in a statement, and a row's value. */
export interface SqliteColumn {
  readonly name: string;
  readonly type: string;
  readonly bound: string;
  readonly value: (row: TableRow) => SqliteValue;
}

type Convert = (cell: Exclude<FeedValue, null>) => SqliteValue;

const asText: Convert = (cell) =>
  typeof cell === 'object' ? storableJson(JSON.stringify(cell)) : storable(String(cell));

const TYPES: Readonly<Record<string, { readonly type: string; readonly bound?: string; readonly convert: Convert }>> = {
  text: { type: 'TEXT', convert: asText },
  bigint: { type: 'BIGINT', convert: (cell) => BigInt(cell as string | number) },
  // NaN would be kept as null; the text of it stays a text.
  'double precision': { type: 'DOUBLE', convert: (cell) => (cell === 'NaN' ? 'NaN' : Number(cell)) },
  numeric: { type: 'NUMERIC_TEXT', convert: asText },
  boolean: { type: 'BOOLEAN', convert: (cell) => (cell === true ? 1n : 0n) },
  timestamptz: { type: 'TIMESTAMPTZ_TEXT', convert: asText },
  timestamp: { type: 'TIMESTAMP_TEXT', convert: asText },
  date: { type: 'DATE_TEXT', convert: asText },
  uuid: { type: 'UUID_TEXT', convert: asText },
  json: { type: 'JSON_TEXT', convert: (cell) => storableJson(JSON.stringify(cell)) },
  bytea: { type: 'BLOB', bound: 'unhex(?)', convert: (cell) => Buffer.from(String(cell), 'base64').toString('hex') },
};

/** The columns of a table: the view's, then ours. Throws PULL_ANSWER_INVALID for a type that is newer than this program. */
export function sqliteColumns({ columns, tenant, view }: TablePlan): SqliteColumn[] {
  const own = columns.map(({ name, type }, index): SqliteColumn => {
    const known = TYPES[type];
    if (known === undefined)
      throw new MillraceError(
        'PULL_ANSWER_INVALID',
        `view ${tenant}/${view}: column '${name}' is ${type}, which this version does not know; take a newer one`,
      );
    const value = ({ cells }: TableRow): SqliteValue => {
      const cell = cells[index] ?? null;
      return cell === null ? null : known.convert(cell);
    };
    return { name, type: known.type, bound: known.bound ?? '?', value };
  });
  return [
    ...own,
    { name: '_key', type: 'BLOB', bound: 'unhex(?)', value: ({ key }) => key.toString('hex') },
    { name: '_rev', type: 'BIGINT', bound: '?', value: ({ rev }) => BigInt(rev) },
    { name: '_txn', type: 'BIGINT', bound: '?', value: ({ txn }) => BigInt(txn) },
    { name: '_state', type: 'TEXT', bound: '?', value: ({ state }) => state },
    { name: '_reason', type: 'TEXT', bound: '?', value: ({ reason }) => reason },
    { name: '_tenant', type: 'TEXT', bound: '?', value: () => tenant },
  ];
}
