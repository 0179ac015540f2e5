/**
 * Columns of a view as columns of Parquet files, and rows as batches.
 *
 * A numeric of at most six digits behind the point is `decimal(18,6)`; others are texts with all their digits.
 * Dates are texts, times are UTC with milliseconds. The view's columns may all be null: a migration adds some
 * that older rows lack, and a tombstone has only its key.
 */
import { batchOf, type Column, type ColumnBatch } from '../../../event/columns.js';
import { columnFromValues } from '../../../event/rows.js';
import { DECIMAL_SCALE, type ColumnDefinition, type ColumnType, type Schema } from '../../../event/schema.js';
import type { FeedColumn, FeedValue } from '../../../event/feed.js';
import { MillraceError } from '../../../util/errors.js';
import { storable, storableJson } from '../../storable.js';
import type { TablePlan, TableRow } from '../../table-plan.js';

/** A column as the manifest names it. */
export interface OwnColumn {
  readonly name: string;
  /** Of the view: `bigint`, `numeric(18,6)`, `numeric`, … */
  readonly type: string;
}

type Convert = (cell: Exclude<FeedValue, null>) => unknown;

const asText: Convert = (cell) =>
  typeof cell === 'object' ? storableJson(JSON.stringify(cell)) : storable(String(cell));
const asIs: Convert = (cell) => cell;
const EXACT = `numeric(18,${DECIMAL_SCALE})`;
/** What it holds: twelve digits before the point. */
const FITS = /^-?0*\d{1,12}(\.|$)/;

const TYPES: Readonly<Record<string, { readonly type: ColumnType; readonly convert: Convert }>> = {
  text: { type: 'string', convert: asText },
  bigint: { type: 'int64', convert: asIs },
  'double precision': { type: 'double', convert: asIs },
  [EXACT]: { type: 'decimal', convert: String },
  numeric: { type: 'string', convert: asText },
  boolean: { type: 'boolean', convert: asIs },
  timestamptz: { type: 'timestamp', convert: asIs },
  timestamp: { type: 'timestamp', convert: asIs },
  date: { type: 'string', convert: asText },
  uuid: { type: 'uuid', convert: asIs },
  json: { type: 'json', convert: (cell) => storableJson(JSON.stringify(cell)) },
  bytea: { type: 'bytes', convert: asIs },
};

/** Ours, at the end of every file. */
const OWN: readonly ColumnDefinition[] = [
  { name: '_key', type: 'bytes', nullable: false },
  { name: '_rev', type: 'int64', nullable: false },
  { name: '_txn', type: 'int64', nullable: false },
  { name: '_state', type: 'dictionary', nullable: false },
  { name: '_reason', type: 'dictionary', nullable: true },
  { name: '_tenant', type: 'dictionary', nullable: false },
];
const NO_ROLES = { tenant: -1, eventId: -1, eventTime: -1, receivedAt: -1 };

/** The plan's columns as a manifest names them. Throws PULL_ANSWER_INVALID for a type that is newer than this program. */
export function ownColumns({ columns, tenant, view }: TablePlan): OwnColumn[] {
  return columns.map((column) => {
    const type = ownType(column);
    if (TYPES[type] !== undefined) return { name: column.name, type };
    throw new MillraceError(
      'PULL_ANSWER_INVALID',
      `view ${tenant}/${view}: column '${column.name}' is ${type}, which this version does not know; take a newer one`,
    );
  });
}

function ownType({ type, scale }: FeedColumn): string {
  return type === 'numeric' && scale !== undefined && scale <= DECIMAL_SCALE ? EXACT : type;
}

/** The schema of data files. */
export function rowSchema(columns: readonly OwnColumn[]): Schema {
  const own = columns.map(({ name, type }) => ({ name, type: TYPES[type]!.type, nullable: true }));
  return { columns: [...own, ...OWN], roles: NO_ROLES };
}

/** The schema of staged files and of pages: the same, and whether a row is a tombstone. */
export function pageSchema(columns: readonly OwnColumn[]): Schema {
  const { columns: all, roles } = rowSchema(columns);
  return { columns: [...all, { name: '_deleted', type: 'boolean', nullable: false }], roles };
}

/** The schema of files of tombstones. */
export const DELETED_SCHEMA: Schema = {
  columns: [
    { name: '_key', type: 'bytes', nullable: false },
    { name: '_rev', type: 'int64', nullable: false },
    { name: '_at', type: 'timestamp', nullable: false },
  ],
  roles: NO_ROLES,
};

/** Rows of a page as a batch of `pageSchema`. Throws PULL_ROWS_REFUSED for a value that the column can not hold. */
export function pageBatch(columns: readonly OwnColumn[], plan: TablePlan, rows: readonly TableRow[]): ColumnBatch {
  const schema = pageSchema(columns);
  const positions = new Map(plan.columns.map(({ name }, index) => [name, index]));
  const made = schema.columns.map((definition, index): Column => {
    const own = columns[index];
    if (own === undefined) return column(definition, ownValues(definition.name, plan.tenant, rows), plan);
    const position = positions.get(own.name);
    const { convert } = TYPES[own.type]!;
    const values = rows.map(({ cells }) => {
      const cell = position === undefined ? null : (cells[position] ?? null);
      if (cell === null) return null;
      if (own.type === EXACT && !FITS.test(String(cell)))
        throw refused(plan, `column '${own.name}': ${String(cell)} is too large for decimal(18,${DECIMAL_SCALE})`);
      return convert(cell);
    });
    // Of JSON we have the text already.
    return column(definition.type === 'json' ? { ...definition, type: 'string' } : definition, values, plan);
  });
  return batchOf(schema, rows.length, made);
}

function column(definition: ColumnDefinition, values: readonly unknown[], plan: TablePlan): Column {
  try {
    return columnFromValues(definition, values);
  } catch (error) {
    throw error instanceof MillraceError ? refused(plan, error.message, error) : error;
  }
}

function refused({ tenant, view }: TablePlan, what: string, cause?: unknown): MillraceError {
  return new MillraceError('PULL_ROWS_REFUSED', `view ${tenant}/${view}: a Parquet file can not hold it: ${what}`, {
    cause,
  });
}

function ownValues(name: string, tenant: string, rows: readonly TableRow[]): unknown[] {
  return rows.map((row) => {
    if (name === '_key') return row.key;
    if (name === '_rev') return row.rev;
    if (name === '_txn') return row.txn;
    if (name === '_state') return row.state;
    if (name === '_reason') return row.reason;
    return name === '_tenant' ? tenant : row.isDelete;
  });
}
