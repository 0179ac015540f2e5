/** DuckDB, as the other engine. */
import { DuckDBInstance } from '@duckdb/node-api';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { ResultColumn } from '../../src/mill/session/result.js';
import type { Case } from './ast.js';
import { rowsInTime } from './feed.js';
import type { Facts } from './feed.js';
import { duckTable, finalRows, insert } from './schema.js';
import { duckValue } from './values.js';
import type { Plain } from './values.js';

/** A database in memory. */
export class Duck {
  readonly #instance: DuckDBInstance;
  readonly #connection: DuckDBConnection;

  private constructor(instance: DuckDBInstance, connection: DuckDBConnection) {
    this.#instance = instance;
    this.#connection = connection;
  }

  /** Opens it. */
  static async open(): Promise<Duck> {
    const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
    const connection = await instance.connect();
    await connection.run("SET TimeZone = 'UTC'");
    return new Duck(instance, connection);
  }

  /** The rows of a query over the rows of a case that take part. */
  async run(
    of: Case,
    facts: Facts,
    views: readonly string[],
    query: string,
    columns: readonly ResultColumn[],
  ): Promise<Plain[][]> {
    const name = `case_${of.seed}`;
    await this.#connection.run(`CREATE SCHEMA ${name}`);
    await this.#connection.run(`USE ${name}`);
    try {
      for (const table of of.tables) {
        if (!facts.reads.has(table.name) && of.views.length === 0) continue;
        await this.#connection.run(duckTable(table));
        const rows = table.kind === 'stream' ? rowsInTime(of, facts, table) : finalRows(table, of.changes[table.name]!);
        if (rows.length > 0) await this.#connection.run(insert(table.name, rows, 'duck'));
      }
      for (const view of views) await this.#connection.run(view);
      const shown = columns.map(({ type }, i) => (type === 'bytea' ? `hex(out.c${i})` : `out.c${i}`));
      const reader = await this.#connection.runAndReadAll(
        `SELECT ${shown.join(', ')} FROM (${query}) AS out(${columns.map((_, i) => `c${i}`).join(', ')})`,
      );
      return reader.getRowsJson().map((row) => row.map((value, i) => duckValue(value, columns[i]!.type)));
    } finally {
      await this.#connection.run('USE main');
      await this.#connection.run(`DROP SCHEMA ${name} CASCADE`);
    }
  }

  /** Closes it. */
  close(): void {
    this.#connection.closeSync();
    this.#instance.closeSync();
  }
}
