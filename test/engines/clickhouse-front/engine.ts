/**
 * The ClickHouse engine of this process, over one data folder. Requests run one after the other: settings, parameters
 * and the database are the session's, so each request sets its own before, and puts them back after.
 */
import { createRequire } from 'node:module';
import path from 'node:path';
import { Refusal, type Statement } from './statement.js';

/** What a request asks of the engine. */
export interface EngineRequest {
  readonly statement: Statement;
  readonly database: string;
  /** Of the result, when the statement names none. */
  readonly format: string;
  readonly settings: ReadonlyMap<string, string>;
  /** Values of `{name:Type}`. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** What the engine answers. */
export interface EngineAnswer {
  readonly bytes: Uint8Array;
  readonly rowsRead: number;
  readonly rowsWritten: number;
}

/** The part of the package's classes that is used here. */
interface Session {
  readonly connection: unknown;
  queryAsync(
    sql: string,
    options: { format: string },
  ): Promise<{ rowsRead: number; bytes(): Uint8Array; text(): string }>;
  close(): void;
}

/** Its native side: the only way to give rows as bytes, and to learn how many were written. */
interface Native {
  InsertRawAsyncConnection(
    connection: unknown,
    head: string,
    rows: Buffer,
    countLines: boolean,
  ): Promise<{ rowsWritten: number }>;
}

const WAITING_MAX = 100;

/** One engine on one folder. */
export class ChdbEngine {
  readonly #session: Session;
  readonly #native: Native;
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(packages: string, folder: string) {
    const require = createRequire(path.join(packages, 'package.json'));
    const chdb = require('chdb') as { Session: new (folder: string) => Session };
    const loader = require(path.join(packages, 'node_modules/chdb/dist/loader.js')) as { loadNative(): Native };
    this.#session = new chdb.Session(folder);
    this.#native = loader.loadNative();
  }

  /** The engine's version, such as `26.7.2.1`. */
  async version(): Promise<string> {
    return (await this.#session.queryAsync('select version()', { format: 'TSV' })).text().trim();
  }

  /** Runs a request after those before it. */
  async run(request: EngineRequest): Promise<EngineAnswer> {
    if (this.#waiting >= WAITING_MAX)
      throw new Refusal(202, 'TOO_MANY_SIMULTANEOUS_QUERIES', 'Too many simultaneous queries');
    this.#waiting += 1;
    const turn = this.#last.then(() => this.#runNow(request));
    // The next in line has its own errors.
    this.#last = turn.catch(() => undefined);
    try {
      return await turn;
    } finally {
      this.#waiting -= 1;
    }
  }

  /** Ends the engine after what runs. */
  async close(): Promise<void> {
    await this.#last;
    this.#session.close();
  }

  async #runNow({ statement, database, format, settings, parameters }: EngineRequest): Promise<EngineAnswer> {
    await this.#do(`use ${quoted(database, '`')}`);
    const set: string[] = [];
    try {
      for (const [name, value] of [...settings, ...parametersAsSettings(parameters)]) {
        if (!/^\w+$/.test(name)) throw new Refusal(36, 'BAD_ARGUMENTS', `'${name}' names no setting`);
        await this.#do(`set ${name} = ${quoted(value, "'")}`);
        set.push(name);
      }
      return await this.#execute(statement, format);
    } finally {
      for (const name of set) if (!name.startsWith('param_')) await this.#do(`set ${name} = default`);
    }
  }

  async #execute({ text, rows }: Statement, format: string): Promise<EngineAnswer> {
    if (rows === undefined) {
      const result = await this.#session.queryAsync(text, { format });
      return { bytes: result.bytes(), rowsRead: result.rowsRead, rowsWritten: 0 };
    }
    const bytes = new Uint8Array();
    // Over HTTP an insert of no rows is no error; the engine would say that there is no data.
    if (rows.length === 0) return { bytes, rowsRead: 0, rowsWritten: 0 };
    const { rowsWritten } = await this.#native.InsertRawAsyncConnection(this.#session.connection, text, rows, false);
    return { bytes, rowsRead: rowsWritten, rowsWritten };
  }

  async #do(sql: string): Promise<void> {
    await this.#session.queryAsync(sql, { format: 'TSV' });
  }
}

function parametersAsSettings(parameters: ReadonlyMap<string, string>): [string, string][] {
  return [...parameters].map(([name, value]) => [`param_${name}`, value]);
}

function quoted(text: string, quote: "'" | '`'): string {
  return quote + text.replaceAll('\\', '\\\\').replaceAll(quote, `\\${quote}`) + quote;
}
