/**
 * The DuckDB instance that runs queries: in memory, so that no database file exists, and locked
 * down before the first statement.
 *
 * What keeps a query inside its bounds is the binder, not this; but should anything ever get past
 * it, this instance can't load an extension, can't reach the network, reads no file outside the
 * data folders, and runs nothing but a SELECT. One thread of the process may hold it.
 */
import type { DuckDBConnection, DuckDBInstance, DuckDBResult } from '@duckdb/node-api';
import { duckdb } from '../../io/duckdb.js';
import { MillraceError } from '../../util/errors.js';
import { quoteText } from './literals.js';
import { registerSketchFunctions } from './sketch-functions.js';

/** How much a query may use. */
export interface DuckOptions {
  /** Folders that files may be read from. */
  readonly folders: readonly string[];
  /** Where sorts and joins spill. */
  readonly spillFolder: string;
  readonly memoryBytesMax: number;
  readonly spillBytesMax: number;
  readonly threads: number;
}

/** How often a query that should end is told so until it does. */
const INTERRUPT_EVERY_MS = 50;

/** A locked instance. */
export class Duck {
  readonly #instance: DuckDBInstance;
  readonly #ending = new AbortController();
  readonly #running = new Set<Promise<unknown>>();

  private constructor(instance: DuckDBInstance) {
    this.#instance = instance;
  }

  /** Opens and locks an instance. */
  static async open(options: DuckOptions): Promise<Duck> {
    const instance = await duckdb().DuckDBInstance.create(':memory:', {
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
      allow_community_extensions: 'false',
      memory_limit: `${Math.floor(options.memoryBytesMax / 1024)}KiB`,
      max_temp_directory_size: `${Math.floor(options.spillBytesMax / 1024)}KiB`,
      temp_directory: options.spillFolder,
      threads: String(options.threads),
    });
    const connection = await instance.connect();
    registerSketchFunctions(connection);
    const folders = options.folders.map((folder) => quoteText(folder.endsWith('/') ? folder : `${folder}/`));
    for (const statement of [
      `SET allowed_directories = [${folders.join(', ')}]`,
      "SET GLOBAL TimeZone = 'UTC'",
      'SET enable_external_access = false',
      'SET lock_configuration = true',
    ])
      await connection.run(statement);
    connection.closeSync();
    return new Duck(instance);
  }

  /** Runs one SELECT; `use` gets the result while the connection lives. */
  async select<T>(sql: string, signal: AbortSignal, use: (result: DuckDBResult) => Promise<T>): Promise<T> {
    this.#ending.signal.throwIfAborted();
    const running = this.#select(sql, signal, use);
    this.#running.add(running);
    try {
      return await running;
    } catch (error) {
      this.#ending.signal.throwIfAborted();
      throw error;
    } finally {
      this.#running.delete(running);
    }
  }

  async #select<T>(sql: string, signal: AbortSignal, use: (result: DuckDBResult) => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    const connection = await this.#instance.connect();
    let again: NodeJS.Timeout | undefined;
    const interrupt = (): void => {
      connection.interrupt();
      // Between the steps of a query there is nothing to interrupt, and the next step knows nothing of it.
      again ??= setInterval(() => connection.interrupt(), INTERRUPT_EVERY_MS);
    };
    const ends = [signal, this.#ending.signal];
    try {
      // Checked again: an abort during connect() had nothing to interrupt yet.
      for (const end of ends) {
        end.throwIfAborted();
        end.addEventListener('abort', interrupt, { once: true });
      }
      return await use(await start(connection, sql));
    } finally {
      for (const end of ends) end.removeEventListener('abort', interrupt);
      clearInterval(again);
      connection.closeSync();
    }
  }

  /**
   * Ends it: what runs is interrupted and fails with SHUTTING_DOWN, and has ended once this resolves. A thread that
   * ends before takes the process with it, since DuckDB then answers to nobody.
   */
  async close(): Promise<void> {
    this.#ending.abort(new MillraceError('SHUTTING_DOWN', 'queries have stopped'));
    await Promise.allSettled(this.#running);
    this.#instance.closeSync();
  }
}

/** Always a fresh statement: a prepared one that outlives a change of its files gives wrong values, silently. */
async function start(connection: DuckDBConnection, sql: string): Promise<DuckDBResult> {
  const statements = await connection.extractStatements(sql);
  if (statements.count !== 1)
    throw new MillraceError('INTERNAL', `the printed query holds ${statements.count} statements`);
  const prepared = await statements.prepare(0);
  try {
    const { StatementType } = duckdb();
    if (prepared.statementType !== StatementType.SELECT)
      throw new MillraceError('INTERNAL', `the printed query is a ${StatementType[prepared.statementType]}`);
    return await prepared.stream();
  } finally {
    prepared.destroySync();
  }
}
