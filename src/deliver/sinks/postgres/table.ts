/**
 * The table of a delivery as statements. Names are quoted, and no value is ever part of a statement.
 *
 * Rows come in two steps: COPY into a table of the session, whose columns have the stream's own types and
 * which counts rows as they come, and one INSERT from there, which orders them by key. So a row that is
 * there already is known by its key, of two rows with one key in a request the last (or first, by `ignore`)
 * counts, as it would in two requests, and transactions lock keys in one order, so that none waits for
 * another in a circle.
 */
import type { SinkOptionsOf } from '../../../config/sinks/index.js';
import type { Schema } from '../../../event/schema.js';
import { PG_TYPES } from '../../../format/pg-copy.js';
import { pg } from '../../../io/pg.js';
import { MillraceError } from '../../../util/errors.js';

/** One column of the table. */
export interface TableColumn {
  readonly name: string;
  /** As `format_type` prints it. */
  readonly type: string;
  readonly nullable: boolean;
}

/** The table that rows go to. */
export interface TablePlan {
  readonly schema: string;
  readonly table: string;
  /** The stream's columns, then, where rows are known by their place, those of the place. */
  readonly columns: readonly TableColumn[];
  readonly key: readonly string[];
  /** Whether rows are known by their place in the stream. */
  readonly isPlaced: boolean;
  readonly onConflict: 'update' | 'ignore';
}

/** Columns of the place of a row, where the stream has no event id. */
export const PLACE_COLUMNS: readonly TableColumn[] = [
  { name: 'millrace_stream', type: 'text', nullable: false },
  { name: 'millrace_partition', type: 'integer', nullable: false },
  { name: 'millrace_offset', type: 'bigint', nullable: false },
];

const STAGING = 'pg_temp.millrace_rows';

/**
 * Counts the rows of a session: their order in a request. Where they lie does not tell it, since a small row goes
 * to an earlier page that still has room. No column of a stream has such a name.
 */
const ORDER = '"millrace order"';

/** The table for a stream. Throws CONFIG_INVALID where `key` names what the stream has not. */
export function planTable(options: SinkOptionsOf<'postgres'>, schema: Schema, delivery: string): TablePlan {
  const { tenant, eventId } = schema.roles;
  const isPlaced = options.key === undefined && eventId < 0;
  const columns = schema.columns.map(({ name, type, nullable }) => ({ name, type: PG_TYPES[type], nullable }));
  const roles = [tenant, eventId].filter((column) => column >= 0);
  const key =
    options.key ?? (isPlaced ? PLACE_COLUMNS : roles.map((column) => columns[column]!)).map(({ name }) => name);
  for (const name of options.key ?? []) {
    const column = columns.find((one) => one.name === name);
    if (column === undefined || column.nullable)
      throw new MillraceError(
        'CONFIG_INVALID',
        `deliveries.${delivery}.to.key: expected columns that are never null, found '${name}'`,
        { place: `deliveries.${delivery}.to.key` },
      );
  }
  return {
    schema: options.schema,
    table: options.table,
    columns: isPlaced ? [...columns, ...PLACE_COLUMNS] : columns,
    key,
    isPlaced,
    onConflict: options.onConflict,
  };
}

/** The table's name. */
export function tableName({ schema, table }: Pick<TablePlan, 'schema' | 'table'>): string {
  return `${quoted(schema)}.${quoted(table)}`;
}

/** Makes the table, with its key. */
export function createTable(plan: TablePlan): string {
  const columns = plan.columns.map(
    ({ name, type, nullable }) => `${quoted(name)} ${type}${nullable ? '' : ' NOT NULL'}`,
  );
  return `CREATE TABLE ${tableName(plan)} (${columns.join(', ')}, PRIMARY KEY (${names(plan.key)}))`;
}

/** Adds columns; never NOT NULL, since rows that are there have no value. */
export function addColumns(plan: TablePlan, columns: readonly TableColumn[]): string {
  const added = columns.map(({ name, type }) => `ADD COLUMN IF NOT EXISTS ${quoted(name)} ${type}`);
  return `ALTER TABLE ${tableName(plan)} ${added.join(', ')}`;
}

/** The index by which a key is found. */
export function createKeyIndex(plan: TablePlan): string {
  return `CREATE UNIQUE INDEX ON ${tableName(plan)} (${names(plan.key)})`;
}

/** Makes the session's own table; it is empty again after each transaction. */
export function createStaging({ columns }: TablePlan): string {
  const types = columns.map(({ name, type }) => `${quoted(name)} ${type}`);
  const order = `${ORDER} bigint GENERATED ALWAYS AS IDENTITY`;
  return `CREATE TEMPORARY TABLE IF NOT EXISTS millrace_rows (${[...types, order].join(', ')}) ON COMMIT DELETE ROWS`;
}

/** Takes the rows of a request into the session's table. */
export function copyRows({ columns }: TablePlan): string {
  return `COPY ${STAGING} (${names(columns.map(({ name }) => name))}) FROM STDIN (FORMAT binary)`;
}

/** Brings them from there to the table. */
export function insertRows(plan: TablePlan): string {
  const { columns, key, onConflict } = plan;
  const all = columns.map(({ name }) => name);
  const rest = all.filter((name) => !key.includes(name));
  const isUpdate = onConflict === 'update' && rest.length > 0;
  const sets = rest.map((name) => `${quoted(name)} = EXCLUDED.${quoted(name)}`);
  return (
    `INSERT INTO ${tableName(plan)} (${names(all)}) ` +
    `SELECT DISTINCT ON (${names(key)}) ${names(all)} FROM ${STAGING} ` +
    `ORDER BY ${names(key)}, ${ORDER} ${isUpdate ? 'DESC' : 'ASC'} ` +
    `ON CONFLICT (${names(key)}) DO ${isUpdate ? `UPDATE SET ${sets.join(', ')}` : 'NOTHING'}`
  );
}

function names(columns: readonly string[]): string {
  return columns.map(quoted).join(', ');
}

function quoted(name: string): string {
  return pg().escapeIdentifier(name);
}
