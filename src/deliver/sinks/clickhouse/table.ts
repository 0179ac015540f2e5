/** The table of a delivery as statements. Names are quoted, and no value is ever part of a statement. */
import type { SinkOptionsOf } from '../../../config/sinks/index.js';
import { RECEIVED_AT, type ColumnDefinition, type ColumnType, type Schema } from '../../../event/schema.js';
import { MillraceError } from '../../../util/errors.js';

/** The table that rows go to. */
export interface TablePlan {
  readonly database: string;
  readonly table: string;
  readonly columns: readonly TableColumn[];
  readonly engine: SinkOptionsOf<'clickhouse'>['engine'];
  /** Columns by which a new table is ordered. */
  readonly order: readonly string[];
}

/** One column. */
export interface TableColumn {
  readonly name: string;
  /** The type of a new column. */
  readonly type: string;
  /** The type of the stream's. */
  readonly from: ColumnType;
}

/** Blocks of inserts that a table of no replicas remembers. */
export const WINDOW = 10_000;
/** The setting that has it. */
export const WINDOW_SETTING = 'non_replicated_deduplication_window';

const TYPES: Readonly<Record<ColumnType, string>> = {
  uuid: 'UUID',
  string: 'String',
  dictionary: 'LowCardinality(String)',
  list: 'Array(LowCardinality(String))',
  bytes: 'String',
  int64: 'Int64',
  double: 'Float64',
  // 64 bits of millionths have up to 19 digits; with 18 the greatest would be refused.
  decimal: 'Decimal(19, 6)',
  timestamp: "DateTime64(3, 'UTC')",
  boolean: 'Bool',
  json: 'String',
};

/** The table for a stream. Throws CONFIG_INVALID for a Replacing table of a stream without event ids. */
export function planTable(options: SinkOptionsOf<'clickhouse'>, schema: Schema, delivery: string): TablePlan {
  const { database, table, engine } = options;
  const { tenant, eventId } = schema.roles;
  const isReplacing = engine.includes('Replacing');
  if (isReplacing && eventId < 0)
    throw new MillraceError(
      'CONFIG_INVALID',
      `deliveries.${delivery}.to.engine: expected a stream with event ids, by which ${engine} knows rows again`,
      { place: `deliveries.${delivery}.to.engine` },
    );
  const columns = schema.columns.map((column) => ({ name: column.name, type: typeOf(column), from: column.type }));
  const first = tenant < 0 ? [] : [columns[tenant]!.name];
  const order = [...first, isReplacing ? columns[eventId]!.name : RECEIVED_AT];
  return { database, table, columns, engine, order };
}

function typeOf({ type, nullable }: ColumnDefinition): string {
  // An array is never null: a list that is not there is one of nothing.
  if (!nullable || type === 'list') return TYPES[type];
  return type === 'dictionary' ? 'LowCardinality(Nullable(String))' : `Nullable(${TYPES[type]})`;
}

/** The table's name. */
export function tableName({ database, table }: Pick<TablePlan, 'database' | 'table'>): string {
  return `${quoted(database)}.${quoted(table)}`;
}

/** Makes the table. Months are partitions: an insert of a live stream has one or two. */
export function createTable(plan: TablePlan): string {
  const columns = plan.columns.map(({ name, type }) => `${quoted(name)} ${type}`);
  const settings = plan.engine.startsWith('Replicated') ? '' : ` SETTINGS ${WINDOW_SETTING} = ${WINDOW}`;
  return (
    `CREATE TABLE IF NOT EXISTS ${tableName(plan)} (${columns.join(', ')}) ENGINE = ${plan.engine} ` +
    `PARTITION BY toYYYYMM(${quoted(RECEIVED_AT)}) ORDER BY (${plan.order.map(quoted).join(', ')})${settings}`
  );
}

/** Adds columns. */
export function addColumns(plan: TablePlan, columns: readonly TableColumn[]): string {
  const added = columns.map(({ name, type }) => `ADD COLUMN IF NOT EXISTS ${quoted(name)} ${type}`);
  return `ALTER TABLE ${tableName(plan)} ${added.join(', ')}`;
}

/** Has a table remember inserts. */
export function rememberInserts(plan: TablePlan): string {
  return `ALTER TABLE ${tableName(plan)} MODIFY SETTING ${WINDOW_SETTING} = ${WINDOW}`;
}

/** Inserts rows that follow. */
export function insertRows(plan: TablePlan): string {
  return `INSERT INTO ${tableName(plan)} (${plan.columns.map(({ name }) => quoted(name)).join(', ')}) FORMAT JSONEachRow`;
}

function quoted(name: string): string {
  return `\`${name.replaceAll(/[\\`]/g, String.raw`\$&`)}\``;
}
