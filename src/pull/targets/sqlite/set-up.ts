/** Makes and migrates tables of SQLite, by the rules of those of PostgreSQL: columns are added, never changed. */
import { MillraceError } from '../../../util/errors.js';
import type { Connection } from './connection.js';
import { STATE_COLUMNS } from './state.js';
import { createPage, quoted, type SqliteTables } from './statements.js';

interface Wanted {
  readonly name: string;
  readonly columns: Readonly<Record<string, string>>;
  readonly key: string | null;
  readonly index: string | null;
}

/** Sets up, in a transaction of the caller's. Throws PULL_TABLE_CHANGED. */
export async function setUp(connection: Connection, tables: SqliteTables): Promise<void> {
  const { plan, columns } = tables;
  const types = Object.fromEntries(columns.map(({ name, type }) => [name, type]));
  const tombstones = { _key: 'BLOB', _rev: 'BIGINT', _tenant: 'TEXT', deleted_at: 'TEXT' };
  const wanted: Wanted[] = [
    { name: plan.table, columns: types, key: '_key', index: '_tenant, window_start' },
    { name: plan.deleted, columns: tombstones, key: '_key', index: '_tenant, deleted_at' },
    { name: plan.staged, columns: { ...types, _deleted: 'BOOLEAN' }, key: null, index: '_tenant, _key' },
    {
      name: 'millrace_pull',
      columns: { tenant: 'TEXT', view: 'TEXT', ...STATE_COLUMNS },
      key: 'tenant, view',
      index: null,
    },
  ];
  for (const table of wanted) await setUpTable(connection, table);
  // Another definition of the view may have other columns.
  await connection.define(`DROP TABLE IF EXISTS ${tables.page}`);
  await connection.define(createPage(tables));
}

async function setUpTable(connection: Connection, { name, columns, key, index }: Wanted): Promise<void> {
  const there = await connection.all<{ name: string; type: string; notnull: number; dflt_value: unknown }>(
    'SELECT name, type, "notnull", dflt_value FROM pragma_table_info(?)',
    [name],
  );
  if (there.length === 0) {
    const lines = Object.entries(columns).map(
      ([column, type]) => `${quoted(column)} ${type}${NEVER_NULL.has(column) ? ' NOT NULL' : ''}`,
    );
    if (key !== null) lines.push(`PRIMARY KEY (${key})`);
    await connection.define(`CREATE TABLE ${quoted(name)} (${lines.join(', ')})`);
    if (index !== null) await connection.define(`CREATE INDEX ${quoted(`${name}_by`)} ON ${quoted(name)} (${index})`);
    return;
  }
  for (const { name: column, type, notnull, dflt_value: fallback } of there) {
    const expected = columns[column];
    if (expected === undefined && notnull === 1 && fallback === null)
      throw changed(`table "${name}" has a column "${column}" of its own that must have a value`);
    if (expected !== undefined && expected !== type)
      throw changed(`column "${column}" of table "${name}" is ${type}, and the view's is ${viewType(expected)}`);
  }
  const known = new Set(there.map((row) => row.name));
  for (const [column, type] of Object.entries(columns)) {
    if (known.has(column)) continue;
    if (NEVER_NULL.has(column) || key?.split(', ').includes(column) === true)
      throw changed(`table "${name}" is there and has no column "${column}": it is not one that a pull made`);
    await connection.define(`ALTER TABLE ${quoted(name)} ADD COLUMN ${quoted(column)} ${type}`);
  }
}

const NEVER_NULL: ReadonlySet<string> = new Set(['_key', '_rev', '_tenant']);

/** How the view calls a declared type. */
function viewType(type: string): string {
  return type.replace(/(.)_TEXT$/, '$1').toLowerCase();
}

function changed(what: string): MillraceError {
  return new MillraceError('PULL_TABLE_CHANGED', `${what}; name another table with --table`);
}
