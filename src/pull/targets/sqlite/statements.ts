/**
 * What is said to SQLite. Names are quoted, and no value is ever part of a statement.
 *
 * Rows always go in by a table between: the stage, or for a round of one page a temporary one of the
 * connection. From there they go on all at once, by the same guards as in PostgreSQL.
 */
import type { Stage } from '../../place.js';
import { STATE_TABLE, type TablePlan } from '../../table-plan.js';
import { sqliteColumns, type SqliteColumn, type SqliteValue } from './columns.js';

/** The tables of a plan, quoted, and their columns. */
export interface SqliteTables {
  readonly plan: TablePlan;
  readonly table: string;
  readonly deleted: string;
  readonly staged: string;
  /** Like the stage, for one page; of the connection. */
  readonly page: string;
  readonly state: string;
  readonly columns: readonly SqliteColumn[];
}

/** A statement and its parameters. */
export interface Statement {
  readonly sql: string;
  readonly values: readonly SqliteValue[];
}

/** Names everything. */
export function sqliteTables(plan: TablePlan): SqliteTables {
  return {
    plan,
    table: quoted(plan.table),
    deleted: quoted(plan.deleted),
    staged: quoted(plan.staged),
    page: `temp.${quoted(`${plan.table}_page`)}`,
    state: quoted(STATE_TABLE),
    columns: sqliteColumns(plan),
  };
}

/** A name as an identifier. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function list(columns: readonly SqliteColumn[], of = ''): string {
  return columns.map(({ name }) => of + quoted(name)).join(', ');
}

/** One row into the stage or the page: a parameter a column, then whether it is a delete. */
export function insertRow({ columns }: SqliteTables, into: string): string {
  const values = columns.map(({ bound }) => bound).join(', ');
  return `INSERT INTO ${into} (${list(columns)}, _deleted) VALUES (${values}, ?)`;
}

/** Makes the table for one page. */
export function createPage({ page, columns }: SqliteTables): string {
  const types = columns.map(({ name, type }) => `${quoted(name)} ${type}`);
  return `CREATE TABLE IF NOT EXISTS ${page} (${types.join(', ')}, _deleted BOOLEAN)`;
}

/** Keeps only the newest row of each key in the stage of `?1`. */
export function thin({ staged }: SqliteTables): string {
  return (
    `DELETE FROM ${staged} AS a WHERE a._tenant = ?1 AND EXISTS (SELECT 1 FROM ${staged} AS b WHERE b._tenant = ?1 ` +
    'AND b._key = a._key AND (b._rev > a._rev OR (b._rev = a._rev AND b.rowid > a.rowid)))'
  );
}

/** Upserts from `source` of `?1`. */
export function upsert({ table, deleted, columns }: SqliteTables, source: string): string {
  const sets = columns
    .filter(({ name }) => name !== '_key')
    .map(({ name }) => `${quoted(name)} = excluded.${quoted(name)}`);
  return (
    `INSERT INTO ${table} AS t (${list(columns)}) SELECT ${list(columns, 'p.')} FROM ${source} AS p ` +
    'WHERE p._tenant = ?1 AND NOT p._deleted ' +
    `AND NOT EXISTS (SELECT 1 FROM ${deleted} AS d WHERE d._key = p._key AND d._rev >= p._rev) ` +
    `ON CONFLICT (_key) DO UPDATE SET ${sets.join(', ')} WHERE t._rev < excluded._rev`
  );
}

/** Takes away the tombstones that the upserts of `source` went over. */
export function lift({ table, deleted }: SqliteTables, source: string): string {
  return (
    `DELETE FROM ${deleted} AS d WHERE d._key IN (SELECT p._key FROM ${source} AS p WHERE p._tenant = ?1 AND NOT p._deleted) ` +
    `AND EXISTS (SELECT 1 FROM ${table} AS t WHERE t._key = d._key AND t._rev > d._rev)`
  );
}

/** Tombstones from `source` of `?1`; before the rows go, so that newer ones are seen. */
export function bury({ table, deleted }: SqliteTables, source: string): string {
  return (
    `INSERT INTO ${deleted} AS d (_key, _rev, _tenant, deleted_at) SELECT p._key, p._rev, ?1, ${NOW} FROM ${source} AS p ` +
    `WHERE p._tenant = ?1 AND p._deleted AND NOT EXISTS (SELECT 1 FROM ${table} AS t WHERE t._key = p._key AND t._rev >= p._rev) ` +
    'ON CONFLICT (_key) DO UPDATE SET _rev = excluded._rev, deleted_at = excluded.deleted_at WHERE d._rev < excluded._rev'
  );
}

/** Deletes from `source` of `?1`. */
export function remove({ table }: SqliteTables, source: string): string {
  return (
    `DELETE FROM ${table} AS t WHERE EXISTS (SELECT 1 FROM ${source} AS p WHERE p._tenant = ?1 AND p._deleted ` +
    `AND p._key = t._key AND t._rev < p._rev) AND t._key IN (SELECT g._key FROM ${source} AS g WHERE g._deleted)`
  );
}

/** Empties a table of `?1`. */
export function clear(from: string): string {
  return `DELETE FROM ${from} WHERE _tenant = ?1`;
}

/** Removes the rows that a listing replaces. */
export function removeReplaced({ table, plan }: SqliteTables, { from, to }: Stage): Statement {
  const { sql, values } = inRange(plan.tenant, from, to);
  return { sql: `DELETE FROM ${table} WHERE ${sql}`, values };
}

/** A listing is the truth: tombstones that would stand against it go. All of the tenant's, or those of what is staged. */
export function removeTombstones({ deleted, staged }: SqliteTables, { kind }: Stage): string {
  if (kind === 'snapshot') return clear(deleted);
  return `DELETE FROM ${deleted} WHERE _key IN (SELECT _key FROM ${staged} WHERE _tenant = ?1)`;
}

/** Drops tombstones of `?1` that are older than `?2`, such as `-35 days`. */
export function sweep({ deleted }: SqliteTables): string {
  return `DELETE FROM ${deleted} WHERE _tenant = ?1 AND deleted_at < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?2)`;
}

/** Own rows for a digest: day, key, revision, and the additive columns as `sum0`, `sum1`, … */
export function digestRows({ table, plan }: SqliteTables, from: string | null, to: string | null): Statement {
  const { sql, values } = inRange(plan.tenant, from, to);
  const sums = plan.columns
    .filter(({ additive }) => additive === true)
    .map(({ name, type }, index) => {
      const value = type === 'double precision' ? quoted(name) : `CAST(${quoted(name)} AS TEXT)`;
      return `, ${value} AS sum${index}`;
    });
  const columns = `substr(window_start, 1, 10) AS day, hex(_key) AS key, _rev AS rev${sums.join('')}`;
  return { sql: `SELECT ${columns} FROM ${table} WHERE ${sql}`, values };
}

const NOW = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')";

/** Times are texts of one form, in which order is that of time. */
function inRange(tenant: string, from: string | null, to: string | null): Statement {
  const values: SqliteValue[] = [tenant];
  const terms = ['_tenant = ?1'];
  if (from !== null) terms.push(`window_start >= ?${values.push(from)}`);
  if (to !== null) terms.push(`window_start < ?${values.push(to)}`);
  return { sql: terms.join(' AND '), values };
}
