/**
 * What is said to PostgreSQL. Names are quoted, and no value is ever part of a statement.
 *
 * Rows go in by one of two ways, each the faster for what it does (measured): those of one page as arrays of
 * parameters, without a table between; those of several pages by COPY into the stage, and from there at once.
 *
 * The guards: `_rev <` lets only a newer row or tombstone replace one that is there; `fence` lets a move
 * happen only where it began.
 */
import pg from 'pg';
import type { Stage } from '../../place.js';
import { STATE_TABLE, type TablePlan } from '../../table-plan.js';
import { pgColumns, type PgColumn } from './values.js';

/** The tables of a plan, quoted, and their columns. */
export interface PgTables {
  readonly plan: TablePlan;
  readonly schema: string;
  readonly table: string;
  readonly deleted: string;
  readonly staged: string;
  readonly state: string;
  readonly columns: readonly PgColumn[];
}

/** Names everything. */
export function pgTables(plan: TablePlan, schema: string): PgTables {
  const named = (name: string): string => `${quoted(schema)}.${quoted(name)}`;
  return {
    plan,
    schema,
    table: named(plan.table),
    deleted: named(plan.deleted),
    staged: named(plan.staged),
    state: named(STATE_TABLE),
    columns: pgColumns(plan),
  };
}

/** A name as an identifier. */
export function quoted(name: string): string {
  return pg.escapeIdentifier(name);
}

function list(columns: readonly PgColumn[]): string {
  return columns.map(({ name }) => quoted(name)).join(', ');
}

/** Upserts and their tombstones from `source`, a relation with the table's columns; gives the number of rows written. */
function upsertFrom({ table, deleted, columns }: PgTables, source: string): string {
  const sets = columns
    .filter(({ name }) => name !== '_key')
    .map(({ name }) => `${quoted(name)} = EXCLUDED.${quoted(name)}`);
  return (
    `WITH written AS (INSERT INTO ${table} AS t (${list(columns)}) SELECT ${list(columns)} FROM ${source} AS p ` +
    `WHERE NOT EXISTS (SELECT FROM ${deleted} AS d WHERE d._key = p._key AND d._rev >= p._rev) ` +
    `ON CONFLICT (_key) DO UPDATE SET ${sets.join(', ')} WHERE t._rev < EXCLUDED._rev RETURNING t._key), ` +
    `lifted AS (DELETE FROM ${deleted} AS d USING written WHERE d._key = written._key) ` +
    'SELECT count(*)::int AS rows FROM written'
  );
}

/** Deletes from `source`, a relation with `_key` and `_rev`; `$1` is the tenant. Gives the number of rows removed. */
function deleteFrom({ table, deleted }: PgTables, source: string): string {
  return (
    `WITH gone AS MATERIALIZED (SELECT g._key, g._rev FROM ${source} AS g), ` +
    `removed AS (DELETE FROM ${table} AS t USING gone WHERE t._key = gone._key AND t._rev < gone._rev RETURNING 1), ` +
    `kept AS (INSERT INTO ${deleted} AS d (_key, _rev, _tenant, deleted_at) ` +
    `SELECT gone._key, gone._rev, $1, now() FROM gone ` +
    `WHERE NOT EXISTS (SELECT FROM ${table} AS t WHERE t._key = gone._key AND t._rev >= gone._rev) ` +
    `ON CONFLICT (_key) DO UPDATE SET _rev = EXCLUDED._rev, deleted_at = EXCLUDED.deleted_at WHERE d._rev < EXCLUDED._rev) ` +
    'SELECT count(*)::int AS rows FROM removed'
  );
}

/** Upserts of one page; a parameter a column, each an array. */
export function upsertPage(tables: PgTables): string {
  const arrays = tables.columns.map(({ type }, index) => `$${index + 1}::${type.replace(/\(.*\)/, '')}[]`);
  return upsertFrom(tables, `(SELECT * FROM unnest(${arrays.join(', ')}) AS u (${list(tables.columns)}))`);
}

/** Deletes of one page: `$1` the tenant, `$2` keys, `$3` revisions. */
export function deletePage(tables: PgTables): string {
  return deleteFrom(tables, '(SELECT * FROM unnest($2::bytea[], $3::bigint[]) AS u (_key, _rev))');
}

/** Takes rows into the stage. */
export function copyStaged({ staged, columns }: PgTables): string {
  return `COPY ${staged} (${list(columns)}, _deleted) FROM STDIN`;
}

/** Keeps only the newest row of each key in the stage of `$1`. */
export function thinStaged({ staged }: PgTables): string {
  return (
    `DELETE FROM ${staged} AS a USING ${staged} AS b WHERE a._tenant = $1 AND b._tenant = $1 AND a._key = b._key ` +
    'AND (a._rev, a.ctid) < (b._rev, b.ctid)'
  );
}

/** Upserts of the stage of `$1`. */
export function upsertStaged(tables: PgTables): string {
  return upsertFrom(tables, `(SELECT * FROM ${tables.staged} WHERE _tenant = $1 AND NOT _deleted)`);
}

/** Deletes of the stage of `$1`. */
export function deleteStaged(tables: PgTables): string {
  return deleteFrom(tables, `(SELECT * FROM ${tables.staged} WHERE _tenant = $1 AND _deleted)`);
}

/** Empties the stage of `$1`. */
export function clearStaged({ staged }: PgTables): string {
  return `DELETE FROM ${staged} WHERE _tenant = $1`;
}

/** Removes the rows that a listing replaces, and their parameters. */
export function removeReplaced({ table, plan }: PgTables, { from, to }: Stage): { sql: string; values: unknown[] } {
  const { sql, values } = inRange(plan.tenant, from, to);
  return { sql: `DELETE FROM ${table} WHERE ${sql}`, values };
}

/** Rows of a tenant in a range of window starts. */
export function inRange(tenant: string, from: string | null, to: string | null): { sql: string; values: unknown[] } {
  const values: unknown[] = [tenant];
  const terms = ['_tenant = $1'];
  if (from !== null) terms.push(`window_start >= $${values.push(from)}::timestamptz`);
  if (to !== null) terms.push(`window_start < $${values.push(to)}::timestamptz`);
  return { sql: terms.join(' AND '), values };
}

/** A listing is the truth: tombstones that would stand against it go. All of the tenant's, or those of what is staged. */
export function removeTombstones({ deleted, staged }: PgTables, { kind }: Stage): string {
  if (kind === 'snapshot') return `DELETE FROM ${deleted} WHERE _tenant = $1`;
  return `DELETE FROM ${deleted} AS d USING ${staged} AS s WHERE s._tenant = $1 AND s._key = d._key`;
}

/** Drops tombstones of `$1` that are older than `$2` days by the server's clock, which also wrote them; gives their number. */
export function sweepTombstones({ deleted }: PgTables): string {
  return (
    `WITH swept AS (DELETE FROM ${deleted} WHERE _tenant = $1 AND deleted_at < now() - make_interval(days => $2) RETURNING 1) ` +
    'SELECT count(*)::int AS rows FROM swept'
  );
}

/** Tells the planner how much was staged: nobody else has looked at these rows yet. */
export function analyzeStaged({ staged }: PgTables): string {
  return `ANALYZE ${staged}`;
}

/** Own rows by day, with the sums of the additive columns as `sum0`, `sum1`, … */
export function digestRows({ table, plan }: PgTables, from: string | null, to: string | null) {
  const { sql, values } = inRange(plan.tenant, from, to);
  const sums = plan.columns
    .filter(({ additive }) => additive === true)
    .map(({ name }, index) => `, sum(${quoted(name)})::text AS sum${index}`);
  return {
    sql:
      "SELECT to_char(window_start AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day, count(*)::float8 AS rows, " +
      "max(_rev)::float8 AS last_rev, sum(('x' || encode(substring(sha256(_key || int8send(_rev)) FROM 1 FOR 8), 'hex'))" +
      `::bit(64)::bigint)::text AS hash${sums.join('')} FROM ${table} WHERE ${sql} GROUP BY 1`,
    values,
  };
}
