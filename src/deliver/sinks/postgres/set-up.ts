/**
 * Makes the table fit before rows come, or says why it doesn't.
 *
 * What the table lacks is added where `setUp` says so. A column that is there must hold every value of
 * the stream's unchanged: PostgreSQL itself would round a numeric into an integer, or cut a time to its
 * day, without a word. Whatever else could fail for every row (the key has no index, a column wants a
 * value that never comes, a right is missing) is asked for here, by the INSERT's own plan, and never
 * becomes a quarantine full of rows.
 */
import type { ClientBase } from 'pg';
import {
  addColumns,
  createKeyIndex,
  createTable,
  insertRows,
  tableName,
  type TableColumn,
  type TablePlan,
} from './table.js';

/** Two sessions that set up do so one after the other. */
const SET_UP_LOCK = 0x6d696c6c;

interface ColumnThere {
  readonly name: string;
  readonly type: string;
  readonly isRequired: boolean;
}

/** Sets up and checks. Throws an error that says what to do. */
export async function setUpTable(client: ClientBase, plan: TablePlan, makes: boolean): Promise<void> {
  if (makes && lacking(plan, await columnsThere(client, plan)) !== null) {
    await client.query('BEGIN');
    await client.query('SELECT pg_advisory_xact_lock($1)', [SET_UP_LOCK]);
    // Another one may have done it meanwhile.
    const statement = lacking(plan, await columnsThere(client, plan));
    if (statement !== null) await client.query(statement);
    await client.query('COMMIT');
  }
  const there = await columnsThere(client, plan);
  const statement = lacking(plan, there);
  if (statement !== null) throw new Error(`${tableName(plan)} is not there, or lacks columns; run: ${statement}`);
  checkColumns(plan, there!);
  await checkInsert(client, plan);
}

/** The statement that makes what the table lacks; null: it has everything. */
function lacking(plan: TablePlan, there: readonly ColumnThere[] | null): string | null {
  if (there === null) return createTable(plan);
  const known = new Set(there.map(({ name }) => name));
  const missing = plan.columns.filter(({ name }) => !known.has(name));
  return missing.length === 0 ? null : addColumns(plan, missing);
}

async function columnsThere(client: ClientBase, { schema, table }: TablePlan): Promise<ColumnThere[] | null> {
  const { rows } = await client.query<{ name: string | null; type: string; required: boolean }>(
    `SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
            a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AS required
       FROM pg_class c
       JOIN pg_namespace n ON n.oid = c.relnamespace
       LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      WHERE n.nspname = $1 AND c.relname = $2
      ORDER BY a.attnum`,
    [schema, table],
  );
  if (rows.length === 0) return null;
  return rows.flatMap(({ name, type, required }) => (name === null ? [] : [{ name, type, isRequired: required }]));
}

function checkColumns(plan: TablePlan, there: readonly ColumnThere[]): void {
  const own = new Map(plan.columns.map((column) => [column.name, column]));
  for (const { name, type, isRequired } of there) {
    const column = own.get(name);
    if (column === undefined && isRequired)
      throw new Error(`${tableName(plan)}: column "${name}" must have a value, and the stream has no such column`);
    if (column !== undefined && !holds(column, type))
      throw new Error(`${tableName(plan)}: column "${name}" is ${type}, expected ${column.type}`);
  }
}

const TEXT = /^(text|character varying(\(\d+\))?|character\(\d+\)|citext)$/;

/** Which types hold every value of a type of ours unchanged, or refuse it. */
const HOLDS: Readonly<Record<string, readonly RegExp[]>> = {
  uuid: [/^uuid$/, TEXT],
  text: [TEXT],
  'text[]': [/^(text|character varying)(\(\d+\))?\[\]$/],
  bytea: [/^bytea$/],
  integer: [/^(integer|bigint)$/, /^numeric(\(\d+,0\))?$/],
  bigint: [/^(bigint|integer|smallint)$/, /^numeric(\(\d+,\d+\))?$/],
  'double precision': [/^double precision$/],
  'timestamp with time zone': [/^timestamp(\([3-6]\))? with(out)? time zone$/],
  boolean: [/^boolean$/],
  jsonb: [/^jsonb?$/, /^text$/],
};

function holds({ type }: TableColumn, there: string): boolean {
  if (!type.startsWith('numeric')) return HOLDS[type]!.some((pattern) => pattern.test(there));
  const scale = /^numeric(?:\(\d+,(\d+)\))?$/.exec(there);
  return scale !== null && (scale[1] === undefined || Number(scale[1]) >= 6);
}

/** Has PostgreSQL plan the INSERT, and says what it says. */
async function checkInsert(client: ClientBase, plan: TablePlan): Promise<void> {
  try {
    await client.query(`EXPLAIN ${insertRows(plan)}`);
  } catch (error) {
    const { code, message } = error as { readonly code?: string; readonly message: string };
    if (code === NO_KEY)
      throw new Error(`${tableName(plan)} has no unique index of its key; run: ${createKeyIndex(plan)}`, {
        cause: error,
      });
    throw new Error(`${tableName(plan)}: ${message}`, { cause: error });
  }
}

/** invalid_column_reference: ON CONFLICT finds no index. */
const NO_KEY = '42P10';
