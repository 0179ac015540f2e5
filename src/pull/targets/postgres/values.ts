/** Values of a feed as PostgreSQL reads them: as text, in an array or in a line of COPY. */
import type { FeedColumn, FeedValue } from '../../../event/feed.js';
import { MillraceError } from '../../../util/errors.js';
import { storable, storableJson } from '../../storable.js';
import type { TablePlan, TableRow } from '../../table-plan.js';

/** A column of the table: its name, its type as `format_type` prints it, and a row's value as text. */
export interface PgColumn {
  readonly name: string;
  readonly type: string;
  readonly text: (row: TableRow) => string | null;
}

/** Our own columns, after those of the view. */
export const OWN_COLUMNS = (tenant: string): readonly PgColumn[] => [
  { name: '_key', type: 'bytea', text: ({ key }) => `\\x${key.toString('hex')}` },
  { name: '_rev', type: 'bigint', text: ({ rev }) => String(rev) },
  { name: '_txn', type: 'bigint', text: ({ txn }) => String(txn) },
  { name: '_state', type: 'text', text: ({ state }) => state },
  { name: '_reason', type: 'text', text: ({ reason }) => reason },
  { name: '_tenant', type: 'text', text: () => tenant },
];

/** Every type of a view; `numeric` with a scale is `numeric(38,scale)`. */
const TYPES: Readonly<Record<string, string>> = {
  text: 'text',
  bigint: 'bigint',
  'double precision': 'double precision',
  numeric: 'numeric',
  boolean: 'boolean',
  timestamptz: 'timestamp with time zone',
  timestamp: 'timestamp without time zone',
  date: 'date',
  uuid: 'uuid',
  json: 'jsonb',
  bytea: 'bytea',
};

/** The columns of a table: the view's, then ours. Throws PULL_ANSWER_INVALID for a type that is newer than this program. */
export function pgColumns({ columns, tenant, view }: TablePlan): PgColumn[] {
  const own = columns.map((column, index): PgColumn => {
    const type = TYPES[column.type];
    if (type === undefined)
      throw new MillraceError(
        'PULL_ANSWER_INVALID',
        `view ${tenant}/${view}: column '${column.name}' is ${column.type}, which this version does not know; take a newer one`,
      );
    return {
      name: column.name,
      type: withScale(type, column),
      text: ({ cells }) => cellText(type, cells[index] ?? null),
    };
  });
  return [...own, ...OWN_COLUMNS(tenant)];
}

function withScale(type: string, { scale }: FeedColumn): string {
  return type === 'numeric' && scale !== undefined ? `numeric(38,${scale})` : type;
}

function cellText(type: string, cell: FeedValue): string | null {
  if (cell === null) return null;
  if (type === 'jsonb') return storableJson(JSON.stringify(cell));
  if (type === 'bytea') return `\\x${Buffer.from(String(cell), 'base64').toString('hex')}`;
  return typeof cell === 'object' ? storableJson(JSON.stringify(cell)) : storable(String(cell));
}

/** A column of several rows as an array of PostgreSQL. */
export function arrayText(rows: readonly TableRow[], { text }: PgColumn): string {
  const items = rows.map((row) => {
    const value = text(row);
    return value === null ? 'NULL' : `"${value.replaceAll(/["\\]/g, '\\$&')}"`;
  });
  return `{${items.join(',')}}`;
}

/** A row as a line of COPY in its text format. */
export function copyLine(row: TableRow, columns: readonly PgColumn[], isDelete: string): string {
  const fields = columns.map(({ text }) => {
    const value = text(row);
    return value === null ? '\\N' : value.replaceAll(/[\\\n\r\t]/g, escape);
  });
  return `${fields.join('\t')}\t${isDelete}\n`;
}

function escape(character: string): string {
  return character === '\\' ? '\\\\' : character === '\n' ? '\\n' : character === '\r' ? '\\r' : '\\t';
}
