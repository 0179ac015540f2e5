/**
 * A connection of SQLite, and transactions in it, one after the other.
 *
 * What was learned about the driver (libsql 0.5.29, Node 20): binding a Buffer or a boolean ends the process,
 * and so does a single null that is not in an array; texts, numbers, bigints and nulls in an array are safe.
 * Statements that are prepared again and again are not given back, so each text is prepared once.
 *
 * Statements run on the thread that asks. Waiting for another process's transaction does not: it is asked for
 * again every `BUSY_MS`, up to `BUSY_MS_MAX`.
 */
import type Libsql from 'libsql';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ErrorCode } from '../../../util/errors.js';
import { MillraceError } from '../../../util/errors.js';
import type { TargetSeams } from '../../target.js';
import type { SqliteValue } from './columns.js';

const BUSY_MS = 20;
const BUSY_MS_MAX = 30_000;
/** Prepared statements that are kept. */
const STATEMENTS_MAX = 500;

/** What is used of a prepared statement. */
interface Prepared {
  run(values: readonly SqliteValue[]): { readonly changes: number };
  all(values: readonly SqliteValue[]): unknown[];
  iterate(values: readonly SqliteValue[]): IterableIterator<unknown>;
}

/** One connection. */
export class Connection {
  readonly #database: Libsql.Database;
  readonly #name: string;
  readonly #seams: TargetSeams;
  readonly #statements = new Map<string, Prepared>();
  #last: Promise<unknown> = Promise.resolve();

  private constructor(database: Libsql.Database, name: string, seams: TargetSeams) {
    this.#database = database;
    this.#name = name;
    this.#seams = seams;
  }

  /** Opens a file, or makes it. */
  static async open(path: string, name: string, seams: TargetSeams): Promise<Connection> {
    const { default: Database } = await import('libsql');
    try {
      const database = new Database(path);
      seams.opened?.(database);
      const connection = new Connection(database, name, seams);
      // Readers are not held up, and what is committed is on disk.
      for (const pragma of ['busy_timeout = 0', 'journal_mode = WAL', 'synchronous = FULL'])
        await connection.#patiently(() => database.exec(`PRAGMA ${pragma}`));
      return connection;
    } catch (error) {
      throw failureOf(error, name);
    }
  }

  /** One transaction that may write; `work` answers undefined to undo it. */
  transaction<T>(work: () => Promise<T | undefined>): Promise<T | undefined> {
    const next = this.#last.then(async () => {
      try {
        const begin = await this.#passed('BEGIN IMMEDIATE');
        await this.#patiently(() => this.#database.exec(begin));
        return await this.#ended(work);
      } catch (error) {
        throw failureOf(error, this.#name);
      }
    });
    // The one who asked sees the error.
    this.#last = next.catch(() => undefined);
    return next;
  }

  /** Rows that it gives. */
  async all<Row>(sql: string, values: readonly SqliteValue[] = []): Promise<Row[]> {
    return this.#prepare(await this.#passed(sql)).all(values) as Row[];
  }

  /** Rows that it gives, one by one. */
  async iterate<Row>(sql: string, values: readonly SqliteValue[]): Promise<IterableIterator<Row>> {
    return this.#prepare(await this.#passed(sql)).iterate(values) as IterableIterator<Row>;
  }

  /** Runs it for each list of parameters; answers the number of rows changed. */
  async run(sql: string, lists: Iterable<readonly SqliteValue[]>): Promise<number> {
    const statement = this.#prepare(await this.#passed(sql));
    let changes = 0;
    for (const values of lists) changes += statement.run(values).changes;
    return changes;
  }

  /** A statement that defines something. */
  async define(sql: string): Promise<void> {
    this.#database.exec(await this.#passed(sql));
    this.#statements.clear();
  }

  async close(): Promise<void> {
    await this.#last;
    this.#statements.clear();
    this.#database.close();
  }

  async #ended<T>(work: () => Promise<T | undefined>): Promise<T | undefined> {
    try {
      const result = await work();
      this.#database.exec(await this.#passed(result === undefined ? 'ROLLBACK' : 'COMMIT'));
      return result;
    } catch (error) {
      if (this.#database.inTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }

  async #patiently(work: () => void): Promise<void> {
    for (let waitedMs = 0; ; waitedMs += BUSY_MS) {
      try {
        return work();
      } catch (error) {
        if (!String((error as { code?: string }).code).startsWith('SQLITE_BUSY') || waitedMs >= BUSY_MS_MAX)
          throw error;
        await sleep(BUSY_MS);
      }
    }
  }

  #prepare(sql: string): Prepared {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      if (this.#statements.size >= STATEMENTS_MAX) this.#statements.clear();
      statement = this.#database.prepare(sql) as unknown as Prepared;
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  async #passed(sql: string): Promise<string> {
    return this.#seams.statement === undefined ? sql : this.#seams.statement(sql);
  }
}

/** By code of SQLite, what an error means; the first that it begins with. */
const MEANINGS: readonly (readonly [code: string, meaning: ErrorCode, advice: string])[] = [
  ['SQLITE_FULL', 'PULL_DATABASE_FULL', '; make room there, then it goes on by itself'],
  ['SQLITE_CONSTRAINT', 'PULL_ROWS_REFUSED', '; is there a constraint or trigger of your own on the table?'],
  ['SQLITE_ERROR', 'PULL_TABLE_CHANGED', ''],
  ['SQLITE_SCHEMA', 'PULL_TABLE_CHANGED', ''],
  ['SQLITE_READONLY', 'PULL_DATABASE_REFUSED', '; the file can not be written'],
  ['SQLITE_CANTOPEN', 'PULL_DATABASE_REFUSED', '; look at the path given by --into'],
  ['SQLITE_NOTADB', 'PULL_DATABASE_REFUSED', '; look at the path given by --into'],
  ['SQLITE_CORRUPT', 'PULL_DATABASE_REFUSED', ''],
  ['SQLITE_', 'PULL_DATABASE_UNAVAILABLE', ''],
];

/** An error of the driver as one that people read; others come back as they are. */
export function failureOf(error: unknown, name: string): unknown {
  if (error instanceof MillraceError || !(error instanceof Error)) return error;
  const opening = error.message.startsWith('ConnectionFailed') ? 'SQLITE_CANTOPEN' : '';
  const code = String((error as { code?: unknown }).code ?? '');
  const meaning = MEANINGS.find(([start]) => (code === '' ? opening : code).startsWith(start));
  if (meaning === undefined) return error;
  return new MillraceError(meaning[1], `${name}: ${error.message} (${code === '' ? opening : code})${meaning[2]}`, {
    place: name,
    cause: error,
  });
}
