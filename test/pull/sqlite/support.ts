/** A file of SQLite under test. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import type { FeedColumn } from '../../../src/event/feed.js';
import type { TargetSeams } from '../../../src/pull/target.js';
import { createSqliteTarget } from '../../../src/pull/targets/sqlite.js';
import { cellText, type TargetUnderTest } from '../../conformance/pull-targets.js';

const FEED_TYPES: Readonly<Record<string, FeedColumn['type']>> = {
  BIGINT: 'bigint',
  NUMERIC_TEXT: 'numeric',
  DOUBLE: 'double precision',
  BOOLEAN: 'boolean',
  TIMESTAMPTZ_TEXT: 'timestamptz',
  TIMESTAMP_TEXT: 'timestamp',
  DATE_TEXT: 'date',
  JSON_TEXT: 'json',
};

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** The file as the suite takes it, and its address. */
export function sqliteUnderTest(): TargetUnderTest & { readonly address: string } {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-sqlite-'));
  const path = join(folder, 'own.db');
  const database = new Database(path);
  database.exec('PRAGMA journal_mode = WAL');
  const without = (guard: RegExp): TargetSeams => ({ statement: (sql) => sql.replace(guard, '') });
  return {
    address: `sqlite:${path}`,
    open: (seams) => createSqliteTarget(path, seams),
    async rows(table) {
      const columns = (
        database.prepare('SELECT name, type FROM pragma_table_info(?)').all([table]) as { name: string; type: string }[]
      ).filter(({ name }) => name !== '_key');
      if (columns.length === 0) return [];
      // A double is read as one, all else as the text that it is.
      const list = columns.map(({ name, type }) =>
        type === 'DOUBLE'
          ? quoted(name)
          : type === 'BLOB'
            ? `iif(${quoted(name)} IS NULL, NULL, lower(hex(${quoted(name)}))) AS ${quoted(name)}`
            : `CAST(${quoted(name)} AS TEXT) AS ${quoted(name)}`,
      );
      const rows = database.prepare(`SELECT ${list.join(', ')} FROM ${quoted(table)}`).all([]) as Record<
        string,
        unknown
      >[];
      return rows.map((row) =>
        Object.fromEntries(
          columns.map(({ name, type }) => {
            const value = type === 'BOOLEAN' && row[name] !== null ? row[name] === '1' : row[name];
            return [name, cellText(FEED_TYPES[type] ?? 'text', value)];
          }),
        ),
      );
    },
    async tamper(table, campaign, clicks) {
      if (clicks === null) database.prepare(`DELETE FROM ${quoted(table)} WHERE campaign = ?`).run([campaign]);
      else database.prepare(`UPDATE ${quoted(table)} SET clicks = ? WHERE campaign = ?`).run([clicks, campaign]);
    },
    without: {
      transaction: { statement: (sql) => (/^(BEGIN IMMEDIATE|COMMIT)$/.test(sql) ? 'SELECT 1' : sql) },
      revision: without(/ WHERE t\._rev < excluded\._rev/),
      tombstones: without(
        /AND NOT EXISTS \(SELECT 1 FROM [^)]* AS d WHERE d\._key = p\._key AND d\._rev >= p\._rev\) /,
      ),
    },
    async close() {
      database.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
