/**
 * PostgreSQL as the sqllogictest runner sees it. A materialized view is a plain view there, so that it always shows what
 * its query gives now: what a standing query must show.
 */
import type { Client } from 'pg';
import type { SltExecutor } from '../../../scripts/slt/run.js';
import { splitStatements } from '../../../src/sql/statements/statement-text.js';
import { loadParser } from '../../../src/util/sql-text.js';

const TYPES: ReadonlyMap<number, string> = new Map([
  [701, 'double precision'],
  [700, 'double precision'],
]);

/** Texts as the server sends them. */
const RAW = { getTypeParser: () => (text: string) => text };

/** Runs a file's statements in a schema of its own. */
export async function postgresExecutor(client: Client, schema: string): Promise<SltExecutor> {
  await loadParser();
  await client.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE; CREATE SCHEMA ${schema}; SET search_path = ${schema}`);
  return {
    async run(sql) {
      const text = translated(sql);
      if (text === '') return { columns: [], rows: [] };
      const answer = await client.query({ text, rowMode: 'array', types: RAW as never });
      return {
        columns: answer.fields.map(({ name, dataTypeID }) => ({ name, type: TYPES.get(dataTypeID) ?? 'other' })),
        rows: answer.rows as (string | null)[][],
        ...(answer.rowCount === null ? {} : { count: answer.rowCount }),
      };
    },
    advance: () => Promise.resolve(),
  };
}

function translated(sql: string): string {
  const [part] = splitStatements(sql);
  if (part === undefined || part.word(0) === 'flush') return '';
  const at = part.tokens.findIndex((_, i) => part.word(i) === 'materialized');
  if (at !== 1) return sql;
  const { start, end } = part.tokens[at]!;
  return sql.slice(0, start) + sql.slice(end);
}
