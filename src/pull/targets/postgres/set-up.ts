/**
 * Makes and migrates what a plan needs, and says what stands against it.
 *
 * Columns are only ever added. One that the view no longer has stays, and is null in rows that come from
 * then on. A column with another type than the view's is never changed: whoever uses it must know.
 */
import { MillraceError } from '../../../util/errors.js';
import type { PgColumn } from './values.js';
import { quoted, type PgTables } from './statements.js';
import { STATE_COLUMNS } from './state.js';
import type { Session } from './sessions.js';

/** Two workers that set up do so one after the other. */
const SET_UP_LOCK = 0x70756c6c;

interface Wanted {
  /** Not quoted. */
  readonly name: string;
  readonly table: string;
  readonly columns: Readonly<Record<string, string>>;
  /** How the primary key is made; null: there is none. */
  readonly key: string | null;
  /** Indexes: what stands in parentheses. */
  readonly indexes: readonly string[];
}

/** Sets up. Throws PULL_TABLE_CHANGED. */
export async function setUp(session: Session, tables: PgTables): Promise<void> {
  const wanted = wantedTables(tables);
  if ((await missing(session, tables, wanted)).length === 0) return;
  await session.transaction(async () => {
    await session.query('SELECT pg_advisory_xact_lock($1)', [SET_UP_LOCK]);
    // Another one may have done it meanwhile.
    for (const statement of await missing(session, tables, wanted)) await session.query(statement);
    return true;
  });
}

function wantedTables({ plan, columns, table, deleted, staged, state }: PgTables): Wanted[] {
  const types = typesOf(columns);
  return [
    { name: plan.table, table, columns: types, key: '_key', indexes: ['_tenant, window_start'] },
    {
      name: plan.deleted,
      table: deleted,
      columns: { _key: 'bytea', _rev: 'bigint', _tenant: 'text', deleted_at: 'timestamp with time zone' },
      key: '_key',
      indexes: ['_tenant, deleted_at'],
    },
    { name: plan.staged, table: staged, columns: { ...types, _deleted: 'boolean' }, key: null, indexes: ['_tenant'] },
    {
      name: 'millrace_pull',
      table: state,
      columns: { tenant: 'text', view: 'text', ...STATE_COLUMNS },
      key: 'tenant, view',
      indexes: [],
    },
  ];
}

function typesOf(columns: readonly PgColumn[]): Record<string, string> {
  return Object.fromEntries(columns.map(({ name, type }) => [name, type]));
}

/** The statements that are lacking. */
async function missing(session: Session, tables: PgTables, wanted: readonly Wanted[]): Promise<string[]> {
  const rows = await session.query<{ table: string; name: string | null; type: string; required: boolean }>(
    `SELECT c.relname AS table, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
            a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AS required
       FROM pg_class c
       JOIN pg_namespace n ON n.oid = c.relnamespace
       LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      WHERE n.nspname = $1 AND c.relname = ANY ($2::text[])`,
    [tables.schema, wanted.map(({ name }) => name)],
  );
  return wanted.flatMap((table) => {
    const there = rows.filter((row) => row.table === table.name);
    if (there.length === 0) return created(table);
    const lacking = Object.entries(table.columns).filter(([name]) => !there.some((row) => row.name === name));
    checkColumns(
      table,
      there,
      lacking.map(([name]) => name),
    );
    if (lacking.length === 0) return [];
    const added = lacking.map(([name, type]) => `ADD COLUMN IF NOT EXISTS ${quoted(name)} ${type}`);
    return [`ALTER TABLE ${table.table} ${added.join(', ')}`];
  });
}

function created({ table, columns, key, indexes }: Wanted): string[] {
  const lines = Object.entries(columns).map(
    ([name, type]) => `${quoted(name)} ${type}${NEVER_NULL.has(name) ? ' NOT NULL' : ''}`,
  );
  if (key !== null) lines.push(`PRIMARY KEY (${key})`);
  return [`CREATE TABLE ${table} (${lines.join(', ')})`, ...indexes.map((on) => `CREATE INDEX ON ${table} (${on})`)];
}

const NEVER_NULL: ReadonlySet<string> = new Set(['_key', '_rev', '_tenant']);

interface ColumnThere {
  readonly name: string | null;
  readonly type: string;
  readonly required: boolean;
}

function checkColumns(
  { name: table, columns, key }: Wanted,
  there: readonly ColumnThere[],
  lacking: readonly string[],
): void {
  const own = lacking.find((name) => NEVER_NULL.has(name) || key?.split(', ').includes(name) === true);
  if (own !== undefined)
    throw changed(
      `table "${table}" is there and has no column "${own}": it is not one that a pull made`,
      ANOTHER_TABLE,
    );
  for (const { name, type, required } of there) {
    if (name === null) continue;
    const expected = columns[name];
    if (expected === undefined && required)
      throw changed(
        `table "${table}" has a column "${name}" of its own that must have a value`,
        `run: ALTER TABLE ${quoted(table)} ALTER COLUMN ${quoted(name)} DROP NOT NULL`,
      );
    if (expected !== undefined && expected !== type)
      throw changed(
        `column "${name}" of table "${table}" is ${type}, and the view's is ${expected}`,
        `run: ALTER TABLE ${quoted(table)} ALTER COLUMN ${quoted(name)} TYPE ${expected} USING ${quoted(name)}::${expected}, ` +
          `or ${ANOTHER_TABLE}`,
      );
  }
}

const ANOTHER_TABLE = 'name another table with --table';

function changed(what: string, advice: string): MillraceError {
  return new MillraceError('PULL_TABLE_CHANGED', `${what}; ${advice}`);
}
