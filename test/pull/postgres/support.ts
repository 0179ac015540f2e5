/** A PostgreSQL under test, and rows as they are in it. */
import pg from 'pg';
import type { TargetSeams } from '../../../src/pull/target.js';
import { createPostgresTarget } from '../../../src/pull/targets/postgres.js';
import { cellText, type TargetUnderTest } from '../../conformance/pull-targets.js';
import type { Postgres } from '../../engines/postgres.js';
import type { FeedColumn } from '../../../src/event/feed.js';

/** A name in quotes. */
export const quoted = (name: string): string => pg.escapeIdentifier(name);

/** Asks the server in a session of its own. */
export async function ask<Row extends pg.QueryResultRow>(
  url: string,
  sql: string,
  values: unknown[] = [],
): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  // The query itself rejects when the server goes.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Row>(sql, values)).rows;
  } finally {
    await client.end();
  }
}

const FEED_TYPES: Readonly<Record<string, FeedColumn['type']>> = {
  int8: 'bigint',
  numeric: 'numeric',
  float8: 'double precision',
  bool: 'boolean',
  uuid: 'uuid',
  jsonb: 'json',
  timestamptz: 'timestamptz',
  timestamp: 'timestamp',
  date: 'date',
};

/** A table's rows as the conformance suite compares them. */
export async function tableRows(pool: pg.Pool, table: string): Promise<Record<string, string | null>[]> {
  const there = await pool.query(`SELECT to_regclass($1) AS name`, [quoted(table)]);
  if (there.rows[0].name === null) return [];
  const { rows: columns } = await pool.query<{ name: string; type: string }>(
    `SELECT a.attname AS name, t.typname AS type FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
      WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> '_key'`,
    [quoted(table)],
  );
  const list = columns.map(({ name, type }) => {
    if (type === 'timestamptz')
      return `to_char(${quoted(name)} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS ${quoted(name)}`;
    if (type === 'timestamp') return `to_char(${quoted(name)}, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS ${quoted(name)}`;
    if (type === 'bytea') return `encode(${quoted(name)}, 'hex') AS ${quoted(name)}`;
    return `${quoted(name)}::text AS ${quoted(name)}`;
  });
  const { rows } = await pool.query<Record<string, string | null>>(`SELECT ${list.join(', ')} FROM ${quoted(table)}`);
  return rows.map((row) =>
    Object.fromEntries(columns.map(({ name, type }) => [name, cellText(FEED_TYPES[type] ?? 'text', row[name])])),
  );
}

/** The database as the suite takes it. */
export function underTest(engine: Postgres): TargetUnderTest {
  const pool = new pg.Pool({ connectionString: engine.url, max: 2 });
  // The query itself rejects when the server goes.
  pool.on('error', () => undefined);
  const without = (guard: RegExp): TargetSeams => ({ statement: (sql) => sql.replace(guard, '') });
  return {
    open: (seams) => createPostgresTarget({ url: engine.url }, seams),
    rows: (table) => tableRows(pool, table),
    async tamper(table, campaign, clicks) {
      if (clicks === null) await pool.query(`DELETE FROM ${quoted(table)} WHERE campaign = $1`, [campaign]);
      else await pool.query(`UPDATE ${quoted(table)} SET clicks = $2 WHERE campaign = $1`, [campaign, clicks]);
    },
    without: {
      transaction: { statement: (sql) => (/^(BEGIN|COMMIT)$/.test(sql) ? 'SELECT 1' : sql) },
      revision: without(/ WHERE t\._rev < EXCLUDED\._rev/),
      tombstones: without(
        /WHERE NOT EXISTS \(SELECT FROM [^)]* AS d WHERE d\._key = p\._key AND d\._rev >= p\._rev\) /,
      ),
    },
    async close() {
      await pool.end();
      await engine.stop();
    },
  };
}
