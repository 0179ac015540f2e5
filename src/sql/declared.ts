/**
 * Streams and tables that SQL declares: `CREATE SOURCE` and `CREATE TABLE` in the files of views.
 *
 * A source is a stream of its own. A table is a stream as well, whose rows replace each other by PRIMARY KEY; it is
 * kept for ever, and has a column `_deleted` beside its own. `WITH (stream = 'x')` makes a table of a stream that
 * exists already; `WITH (file = 'x.csv')` fills it from a file.
 */
import { defineSchema } from '../event/schema-define.js';
import type { ColumnInput } from '../event/schema-define.js';
import type { ColumnType, Schema } from '../event/schema.js';
import { bindError } from './context.js';
import type { Catalog } from './context.js';
import type { SqlType } from './plan.js';
import type { CreateRelation } from './statements/statement.js';
import { COLUMN_TYPES } from './types.js';

/** The column by which a table's row is taken away. */
export const DELETED = '_deleted';

/** A stream that a statement declares. */
export interface DeclaredStream {
  readonly name: string;
  readonly schema: Schema;
  readonly clock: 'arrival' | 'event';
  /** Its rows are a table's: they are kept for ever, in one partition. */
  readonly isTable: boolean;
}

/** A table, and the stream that has its rows. */
export interface DeclaredTable {
  readonly name: string;
  readonly stream: string;
  /** Columns of the stream that are the table's, in its order. */
  readonly columns: readonly number[];
  /** Positions in `columns` of the PRIMARY KEY. */
  readonly key: readonly number[];
  /** Position in `columns` of the event time; null where there is none. */
  readonly time: number | null;
  /** The file that it is filled from: as it was written, and the SQL file it was written in; null where there is none. */
  readonly file: { readonly path: string; readonly from: string | undefined } | null;
}

/** What the statements of all files declare. */
export interface Declared {
  readonly streams: readonly DeclaredStream[];
  readonly tables: readonly DeclaredTable[];
  /** Delays of WATERMARK FOR by stream, ms: the lag of views that give none. */
  readonly lags: ReadonlyMap<string, number>;
}

/** Nothing. */
export const NOTHING_DECLARED: Declared = { streams: [], tables: [], lags: new Map() };

const TYPES: Partial<Record<SqlType, ColumnType>> = {
  boolean: 'boolean',
  smallint: 'int64',
  integer: 'int64',
  bigint: 'int64',
  real: 'double',
  'double precision': 'double',
  numeric: 'decimal',
  text: 'dictionary',
  timestamptz: 'timestamp',
  timestamp: 'timestamp',
  uuid: 'uuid',
  json: 'json',
  jsonb: 'json',
  bytea: 'bytes',
  'text[]': 'list',
};

/** The options of CREATE SOURCE and CREATE TABLE. */
export const DECLARED_OPTIONS = ['event_time', 'event_id', 'tenant', 'stream', 'file', 'clock'];

/**
 * Reads declarations. `streams`: those that exist.
 *
 * @throws SQL_* with file, line, column, a caret, and what to write instead.
 */
export function declare(relations: readonly CreateRelation[], streams: Catalog): Declared {
  const found = new Map<string, DeclaredStream>();
  const tables: DeclaredTable[] = [];
  const lags = new Map<string, number>();
  for (const relation of relations) {
    if (streams.has(relation.name) || found.has(relation.name) || tables.some(({ name }) => name === relation.name))
      throw bindError(
        relation,
        'SQL_UNSUPPORTED',
        `relation "${relation.name}" already exists`,
        relation.location,
        'Give one of them another name.',
      );
    checkOptions(relation);
    const of = relation.options.get('stream');
    if (of !== undefined) {
      tables.push(tableOver(relation, of.value, streams, of.location));
      continue;
    }
    const stream = streamOf(relation);
    found.set(stream.name, stream);
    if (relation.watermark !== null) lags.set(stream.name, relation.watermark.delayMs);
    if (stream.isTable) tables.push(tableOf(relation, stream));
  }
  return { streams: [...found.values()], tables, lags };
}

function checkOptions(relation: CreateRelation): void {
  for (const [name, { location }] of relation.options)
    if (!DECLARED_OPTIONS.includes(name))
      throw bindError(
        relation,
        'SQL_UNSUPPORTED',
        `there is no option ${name}`,
        location,
        `The options are: ${DECLARED_OPTIONS.join(', ')}.`,
      );
  if (relation.options.has('file') && relation.primaryKey === null)
    throw bindError(
      relation,
      'SQL_UNSUPPORTED',
      'a file fills a table, which needs a PRIMARY KEY',
      relation.options.get('file')!.location,
      'Write PRIMARY KEY behind a column; events of a file are sent with millrace send.',
    );
}

function streamOf(relation: CreateRelation): DeclaredStream {
  const { columns, name, options, primaryKey, watermark } = relation;
  const isTable = primaryKey !== null;
  const tenant = options.get('tenant')?.value;
  const eventId = options.get('event_id')?.value;
  const eventTime = options.get('event_time')?.value ?? watermark?.column;
  const inputs: Record<string, ColumnInput> = {};
  for (const column of columns) {
    const type = TYPES[column.type];
    if (type === undefined || column.generated !== null || column.default !== null)
      throw bindError(
        relation,
        'SQL_UNSUPPORTED',
        type === undefined
          ? `a stream has no column of type ${column.type}`
          : 'DEFAULT and generated columns of a stream: not supported',
        column.location,
        type === undefined ? 'Write text, or timestamptz for a date.' : 'Compute it in a view, or in a transform.',
      );
    const isRole = [tenant, eventId, isTable ? undefined : eventTime].includes(column.name);
    inputs[column.name] = { type, nullable: !isRole && !column.notNull };
  }
  if (isTable) inputs[DELETED] = { type: 'boolean', nullable: true };
  const schema = defineSchema({
    columns: inputs,
    ...(tenant === undefined ? {} : { tenant }),
    ...(eventId === undefined ? {} : { eventId }),
    ...(eventTime === undefined || isTable ? {} : { eventTime }),
  });
  return { name, schema, clock: clockOf(relation), isTable };
}

function clockOf(relation: CreateRelation): DeclaredStream['clock'] {
  const option = relation.options.get('clock');
  if (option === undefined) return relation.watermark === null ? 'arrival' : 'event';
  if (option.value === 'event' || option.value === 'arrival') return option.value;
  throw bindError(
    relation,
    'SQL_TYPE',
    `clock is 'arrival' or 'event', not '${option.value}'`,
    option.location,
    "Write clock = 'event' to go by the event times.",
  );
}

function tableOf(relation: CreateRelation, { name, schema }: DeclaredStream): DeclaredTable {
  const columns = relation.columns.map((_, i) => i);
  const file = relation.options.get('file');
  return {
    ...keyAndTime(relation, schema, columns),
    name,
    stream: name,
    columns,
    file: file === undefined ? null : { path: file.value, from: relation.file },
  };
}

/** A table over a stream that exists: its columns must be the stream's. */
function tableOver(relation: CreateRelation, stream: string, streams: Catalog, location: number): DeclaredTable {
  const schema = streams.get(stream)?.schema;
  if (schema === undefined)
    throw bindError(
      relation,
      'SQL_UNKNOWN_RELATION',
      `stream "${stream}" does not exist`,
      location,
      `There are: ${[...streams.keys()].join(', ') || 'none'}.`,
    );
  if (relation.primaryKey === null)
    throw bindError(relation, 'SQL_UNSUPPORTED', 'a table needs a PRIMARY KEY', relation.location);
  const columns = relation.columns.map((column) => {
    const at = schema.columns.findIndex((other) => other.name === column.name);
    if (at < 0 || !isStoredAs(column.type, schema.columns[at]!.type))
      throw bindError(
        relation,
        at < 0 ? 'SQL_UNKNOWN_COLUMN' : 'SQL_TYPE',
        at < 0
          ? `stream "${stream}" has no column "${column.name}"`
          : `column "${column.name}" of stream "${stream}" is of type ${COLUMN_TYPES[schema.columns[at]!.type]}, not ${column.type}`,
        column.location,
      );
    return at;
  });
  return { ...keyAndTime(relation, schema, columns), name: relation.name, stream, columns, file: null };
}

/** Whether a stream's column has values of a declared type: `string` and `dictionary` are both text. */
function isStoredAs(type: SqlType, stored: ColumnType): boolean {
  const own = TYPES[type];
  return own !== undefined && COLUMN_TYPES[own] === COLUMN_TYPES[stored];
}

function keyAndTime(
  relation: CreateRelation,
  schema: Schema,
  columns: readonly number[],
): Pick<DeclaredTable, 'key' | 'time'> {
  const named = (name: string): number => columns.findIndex((column) => schema.columns[column]!.name === name);
  const option = relation.options.get('event_time');
  const time = option === undefined ? -1 : named(option.value);
  if (option !== undefined && (time < 0 || schema.columns[columns[time]!]!.type !== 'timestamp'))
    throw bindError(relation, 'SQL_TYPE', `event_time "${option.value}" is no time of the table`, option.location);
  return { key: relation.primaryKey!.map(named), time: time < 0 ? null : time };
}
