/** Rows of a case as a log takes them: their values are what a session makes of their SQL. */
import { Session } from '../../src/mill/session/session.js';
import { textOf } from '../../src/mill/session/print.js';
import type { ResultColumn } from '../../src/mill/session/result.js';
import { DELETED } from '../../src/sql/declared.js';
import type { Case, Change, Row, Table } from './ast.js';
import { changeStatement, createTable, insert } from './schema.js';

type LogRow = Readonly<Record<string, unknown>>;

/** See the head of the file. */
export class StoredRows {
  readonly #session = new Session();
  readonly #rows = new Map<Row, LogRow>();

  private constructor() {}

  /** Of a case. */
  static async of({ streams, tables }: Case): Promise<StoredRows> {
    const made = new StoredRows();
    for (const table of tables) {
      await made.#session.execute(createTable(table));
      const rows = [...new Set(streams[table.name] ?? [])];
      if (rows.length === 0) continue;
      await made.#session.execute(insert(table.name, rows, 'sql'));
      const values = await made.#select(`SELECT * FROM ${table.name} ORDER BY id`);
      for (const [i, row] of rows.toSorted((a, b) => idOf(a) - idOf(b)).entries()) made.#rows.set(row, values[i]!);
    }
    return made;
  }

  /** A stream's row. */
  rowOf(row: Row): LogRow {
    return this.#rows.get(row)!;
  }

  /** The row that a change of a keyed table comes to. Changes come in their order. */
  async changed(table: Table, change: Change): Promise<LogRow> {
    const id = change.kind === 'put' ? idOf(change.row) : change.id;
    await this.#session.execute(changeStatement(table, change));
    const since = table.columns.findIndex(({ name }) => name === 'since');
    const version = change.kind === 'put' && since >= 0 ? ` AND since = ${change.row.cells[since]!.sql}` : '';
    const [row] = await this.#select(`SELECT * FROM ${table.name} WHERE id = ${id}${version}`);
    return row ?? { id, [DELETED]: true };
  }

  async #select(sql: string): Promise<LogRow[]> {
    const [result] = await this.#session.execute(sql);
    const { columns, rows } = result!;
    return rows.map((row) => Object.fromEntries(columns.map((column, i) => [column.name, logValue(column, row[i])])));
  }
}

function idOf({ cells }: Row): number {
  return Number(cells[0]!.sql);
}

/** A value as `batchFromRows` takes it. */
function logValue({ type }: ResultColumn, value: unknown): unknown {
  if (value === null || value === undefined) return null;
  if (type === 'numeric') return textOf(type)(value as never);
  if (type === 'json') return JSON.parse(value as string);
  return value;
}
