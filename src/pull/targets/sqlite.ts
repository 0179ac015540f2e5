/**
 * `sqlite:path`: rows in tables of a file of SQLite, by libsql.
 *
 * Guarantee: as of `postgres`. A transaction begins as a writer, so one worker follows the other. Numerics,
 * times and JSON are texts with all their digits.
 *
 * Limits: one page in memory; statements hold up the thread while they run.
 */
import { MillraceError } from '../../util/errors.js';
import { DaySum } from '../day-sum.js';
import type { Move, Place, Stage } from '../place.js';
import { STATE_TABLE, type TablePlan, type TableRow } from '../table-plan.js';
import {
  TOMBSTONE_MS,
  type OwnDigest,
  type PullTable,
  type PullTarget,
  type Taken,
  type TargetSeams,
} from '../target.js';
import { Connection } from './sqlite/connection.js';
import { setUp } from './sqlite/set-up.js';
import { makeState, placeOf, readState, saveMove, saveStage, type StateRow } from './sqlite/state.js';
import * as say from './sqlite/statements.js';

const HAS_DEFINITION = "SELECT 1 FROM pragma_table_info(?1) WHERE name = 'definition'";
const READ_DEFINITION = `SELECT definition FROM ${STATE_TABLE} WHERE tenant = ?1 AND view = ?2`;

/** A file of SQLite. */
export function createSqliteTarget(path: string, seams: TargetSeams = {}): PullTarget {
  const name = `SQLite ${path}`;
  let opening: Promise<Connection> | null = null;
  const connected = (): Promise<Connection> => {
    opening ??= Connection.open(path, name, seams);
    return opening.catch((error: unknown) => {
      opening = null;
      throw error;
    });
  };
  return {
    name,
    async definition(tenant, view) {
      const connection = await connected();
      const rows = await connection.transaction(async () => {
        const columns = await connection.all(HAS_DEFINITION, [STATE_TABLE]);
        // Before the first start there is no such table.
        if (columns.length === 0) return [];
        return connection.all<{ definition: string | null }>(READ_DEFINITION, [tenant, view]);
      });
      return rows?.[0]?.definition ?? null;
    },
    async table(plan) {
      const table = new SqliteTable(await connected(), say.sqliteTables(plan));
      await table.open();
      return table;
    },
    async close() {
      await (await opening)?.close();
      opening = null;
    },
  };
}

class SqliteTable implements PullTable {
  readonly #connection: Connection;
  readonly #tables: say.SqliteTables;
  readonly #plan: TablePlan;

  constructor(connection: Connection, tables: say.SqliteTables) {
    this.#connection = connection;
    this.#tables = tables;
    this.#plan = tables.plan;
  }

  async open(): Promise<void> {
    const { tenant, view, table } = this.#plan;
    await this.#connection.transaction(async () => {
      await setUp(this.#connection, this.#tables);
      await this.#connection.run(makeState(this.#tables), [[tenant, view, table]]);
      const row = await this.#state();
      if (row.table_name === table) return true;
      throw new MillraceError(
        'PULL_TABLE_CHANGED',
        `view ${tenant}/${view} goes into table "${row.table_name}" already, not into "${table}"; ` +
          `to move it, delete its row from ${STATE_TABLE}`,
      );
    });
  }

  async place(): Promise<Place> {
    return (await this.#connection.transaction(async () => placeOf(await this.#state())))!;
  }

  async take(asked: Place, move: Move, rows: readonly TableRow[]): Promise<Taken | null> {
    const taken = await this.#connection.transaction(async () => {
      const save = saveMove(this.#tables, asked, move);
      const [row] = await this.#connection.all<StateRow>(save.sql, save.values);
      if (row === undefined) return undefined;
      const written = move.kind === 'apply' ? await this.#apply(rows) : await this.#stage(move, rows);
      return { place: placeOf(row), rows: written };
    });
    return taken ?? null;
  }

  async restage(asked: Place, stage: Stage | null): Promise<Place | null> {
    const place = await this.#connection.transaction(async () => {
      const save = saveStage(this.#tables, asked, stage);
      const [row] = await this.#connection.all<StateRow>(save.sql, save.values);
      if (row === undefined) return undefined;
      await this.#run(say.clear(this.#tables.staged));
      return placeOf(row);
    });
    return place ?? null;
  }

  async digest(from: string | null, to: string | null): Promise<OwnDigest> {
    const { sql, values } = say.digestRows(this.#tables, from, to);
    const digest = await this.#connection.transaction(async () => {
      const place = placeOf(await this.#state());
      const days = new Map<string, DaySum>();
      for (const row of await this.#connection.iterate<DigestRow>(sql, values)) {
        let day = days.get(row.day);
        if (day === undefined) days.set(row.day, (day = new DaySum(this.#plan)));
        day.add(Buffer.from(row.key, 'hex'), row.rev, (index) => row[`sum${index}`] ?? null);
      }
      return { place, days: new Map([...days].map(([name, day]) => [name, day.total()])) };
    });
    return digest!;
  }

  async sweep(): Promise<number> {
    const values = [this.#plan.tenant, `-${TOMBSTONE_MS / 86_400_000} days`];
    return (await this.#connection.transaction(() => this.#connection.run(say.sweep(this.#tables), [values])))!;
  }

  async #apply(rows: readonly TableRow[]): Promise<number> {
    if (rows.length === 0) return 0;
    await this.#insert(this.#tables.page, rows);
    return this.#moveOn(this.#tables.page);
  }

  /** Rows to the stage; when it finishes, all of it to the table. */
  async #stage({ kind, isFirst, replaces }: Move, rows: readonly TableRow[]): Promise<number> {
    const { staged } = this.#tables;
    if (isFirst) await this.#run(say.clear(staged));
    await this.#insert(staged, rows);
    if (kind === 'stage') return 0;
    await this.#run(say.thin(this.#tables));
    if (replaces !== null) {
      const { sql, values } = say.removeReplaced(this.#tables, replaces);
      await this.#connection.run(sql, [values]);
      await this.#run(say.removeTombstones(this.#tables, replaces));
    }
    return this.#moveOn(staged);
  }

  async #insert(into: string, rows: readonly TableRow[]): Promise<void> {
    if (rows.length === 0) return;
    const { columns } = this.#tables;
    const lists = rows.map((row) => [...columns.map(({ value }) => value(row)), row.isDelete ? 1n : 0n]);
    await this.#connection.run(say.insertRow(this.#tables, into), lists);
  }

  async #moveOn(source: string): Promise<number> {
    const written = await this.#run(say.upsert(this.#tables, source));
    await this.#run(say.lift(this.#tables, source));
    await this.#run(say.bury(this.#tables, source));
    const removed = await this.#run(say.remove(this.#tables, source));
    await this.#run(say.clear(source));
    return written + removed;
  }

  #run(sql: string): Promise<number> {
    return this.#connection.run(sql, [[this.#plan.tenant]]);
  }

  async #state(): Promise<StateRow> {
    const { tenant, view } = this.#plan;
    const [row] = await this.#connection.all<StateRow>(readState(this.#tables), [tenant, view]);
    if (row === undefined)
      throw new MillraceError('PULL_TABLE_CHANGED', `the row of ${tenant}/${view} in ${STATE_TABLE} is gone`);
    return row;
  }
}

interface DigestRow {
  readonly day: string;
  readonly key: string;
  readonly rev: number;
  readonly [sum: `sum${number}`]: string | number | null;
}
