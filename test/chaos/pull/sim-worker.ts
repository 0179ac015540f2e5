/**
 * A pull worker under steps: the real `Puller`, the real statements and a real session, which stand still at
 * every gate until they are let on. A gate is before and after each request, before each statement, and
 * behind COMMIT, where the worker does not know yet.
 *
 * A worker that is killed never comes through its gate again, and its connection breaks, as with `kill -9`.
 */
import pg from 'pg';
import type { ClientBase } from 'pg';
import { FeedClient } from '../../../src/pull/feed-client.js';
import { Puller, type Turn } from '../../../src/pull/puller.js';
import type { FileHandle, PullTarget } from '../../../src/pull/target.js';
import { postgresTarget } from '../../../src/pull/targets/postgres.js';
import { createSqliteTarget } from '../../../src/pull/targets/sqlite.js';
import type { Sessions } from '../../../src/pull/targets/postgres/sessions.js';
import type { Databases } from './database.js';
import { TENANT, VIEW } from './events.js';

/** Where a worker stands. */
export interface Gate {
  /** `ask`, `answer`, `committed`, or the statement. */
  readonly name: string;
  /** Lets it on; with an error that happens there. */
  open(error?: Error): void;
}

/** Guards that a control takes away. */
export interface WorkerGuards {
  /** Changes statements. */
  readonly statement?: (sql: string) => string;
  /** Commits after the state, before the rows. */
  readonly cursorFirst?: boolean;
}

/** What a worker is made of. */
export interface SimWorkerInput {
  readonly databases: Databases;
  /** Name of the round's own. */
  readonly database: string;
  readonly limit: number;
  /** The feed. It is asked between two gates. */
  readonly answer: (url: string, init: RequestInit) => Promise<Response>;
  /** Whether an answer may need steps of the server before it comes. */
  readonly mayWait: () => boolean;
  /** After every COMMIT. */
  readonly onCommit: () => Promise<void>;
  readonly guards: WorkerGuards;
}

/** A worker that is moved by hand. */
export class SimWorker {
  readonly puller: Puller;
  readonly client: FeedClient;
  readonly #input: SimWorkerInput;
  #session: pg.Client | null = null;
  /** The file that it has open, where the database is one. */
  #file: FileHandle | null = null;
  /** Its session was ended, and it has not noticed yet. */
  #isEnded = false;
  #gate: Gate | null = null;
  #isRunning = false;
  #isDead = false;
  #isInTransaction = false;
  /** It waits for the server's answer, which needs steps of the server. */
  isWaiting = false;
  /** How the last turn ended. */
  result: Turn | Error | null = null;
  #arrived: (() => void) | null = null;

  constructor(input: SimWorkerInput) {
    this.#input = input;
    this.client = new FeedClient({
      url: 'http://sim',
      key: 'key',
      tenant: TENANT,
      view: VIEW,
      fetch: ((url: string, init: RequestInit) => this.#fetch(url, init)) as typeof fetch,
    });
    this.puller = new Puller({ client: this.client, target: this.#target(), limit: input.limit });
  }

  /** Where it stands; null between two turns, and while it waits for an answer. */
  get gate(): Gate | null {
    return this.#gate;
  }

  /** A transaction of it is open. */
  get isInTransaction(): boolean {
    return this.#file?.inTransaction ?? this.#isInTransaction;
  }

  get isIdle(): boolean {
    return !this.#isRunning;
  }

  /** Has its session at the database ended by `terminate`; says whether it had one. */
  async endSession(terminate: (pid: number) => Promise<void>): Promise<boolean> {
    const session = this.#session as (pg.Client & { readonly processID?: number }) | null;
    if (session?.processID === undefined || this.#isEnded) return false;
    this.#isEnded = true;
    const ended = new Promise<void>((resolve) => session.once('end', () => resolve()));
    await terminate(session.processID);
    await ended;
    return true;
  }

  /** Begins a turn, or goes on to the next gate, and stops there. */
  async step(error?: Error): Promise<void> {
    if (this.isWaiting) return;
    const arrival = new Promise<void>((resolve) => (this.#arrived = resolve));
    const passed = this.#gate?.name;
    if (!this.#isRunning) this.#begin();
    else {
      const gate = this.#gate!;
      this.#gate = null;
      this.isWaiting = gate.name === 'ask' && error === undefined && this.#input.mayWait();
      gate.open(error);
    }
    if (!this.isWaiting) await arrival;
    if (passed === 'COMMIT' && this.#file !== null) await this.#input.onCommit();
  }

  /** Steps until a gate of such a name; throws when the turn ends before. */
  async until(name: RegExp): Promise<void> {
    do await this.step();
    while (!this.isIdle && (this.#gate === null || !name.test(this.#gate.name)));
    if (this.isIdle) throw new Error(`the turn ended before ${name}: ${String(this.result)}`);
  }

  /** Runs to the end of the turn. */
  async turn(): Promise<Turn> {
    do await this.step();
    while (!this.isIdle);
    if (this.result instanceof Error) throw this.result;
    return this.result!;
  }

  /** Turns until nothing more is there. */
  async catchUp(): Promise<number> {
    let received = 0;
    for (;;) {
      const turn = await this.turn();
      received += turn.received;
      if (turn.isCurrent) return received;
    }
  }

  /** It is killed where it stands. */
  kill(): void {
    this.#isDead = true;
    this.#isInTransaction = false;
    this.#drop();
  }

  #begin(): void {
    this.#isRunning = true;
    this.result = null;
    const end = (result: Turn | Error): void => {
      if (this.#isDead) return;
      this.result = result;
      this.#isRunning = false;
      this.isWaiting = false;
      this.#arrive();
    };
    this.puller.turn(0).then(end, (error: unknown) => end(error as Error));
  }

  #arrive(): void {
    const arrived = this.#arrived;
    this.#arrived = null;
    arrived?.();
  }

  #stand(name: string): Promise<void> {
    // Where it is dead nothing goes on.
    if (this.#isDead) return new Promise(() => undefined);
    return new Promise((resolve, reject) => {
      this.#gate = { name, open: (error) => (error === undefined ? resolve() : reject(error)) };
      this.isWaiting = false;
      this.#arrive();
    });
  }

  async #fetch(url: string, init: RequestInit): Promise<Response> {
    await this.#stand('ask');
    const answer = await this.#input.answer(url, init);
    await this.#stand('answer');
    return answer;
  }

  #target(): PullTarget {
    const { databases, database, guards } = this.#input;
    if (databases.kind === 'SQLite') return this.#fileTarget();
    const statement = async (sql: string): Promise<string> => {
      await this.#stand(sql);
      return guards.statement?.(sql) ?? sql;
    };
    const schema = database;
    const sessions: Sessions = { run: (work) => this.#run(work) };
    const seams = { statement };
    return postgresTarget({ sessions, name: 'PostgreSQL', schema, user: null, seams, close: () => Promise.resolve() });
  }

  /** The same with a file: what is killed there is rolled back by whoever opens it next. */
  #fileTarget(): PullTarget {
    const { databases, database, guards } = this.#input;
    const path = databases.addressOf(database);
    let last = '';
    const statement = async (sql: string): Promise<string> => {
      if (guards.cursorFirst === true && last.startsWith('UPDATE "millrace_pull"')) {
        this.#file!.exec('COMMIT');
        this.#file!.exec('BEGIN IMMEDIATE');
      }
      await this.#stand(sql);
      last = sql;
      return guards.statement?.(sql) ?? sql;
    };
    return createSqliteTarget(path, { statement, opened: (handle) => (this.#file = handle) });
  }

  async #run<T>(work: (client: ClientBase) => Promise<T>): Promise<T> {
    try {
      if (this.#session === null) {
        const session = new pg.Client({ connectionString: this.#input.databases.addressOf(this.#input.database) });
        // A session that is ended fails its statement.
        session.on('error', () => undefined);
        await session.connect();
        this.#session = session;
        this.#isEnded = false;
      }
      return await work(this.#watched(this.#session));
    } catch (error) {
      this.#drop();
      this.#isInTransaction = false;
      throw error;
    }
  }

  /** The session, with a gate behind COMMIT. */
  #watched(session: pg.Client): ClientBase {
    const query = async (text: string, values?: unknown[]): Promise<unknown> => {
      const result = await session.query(text, values);
      if (text === 'BEGIN') this.#isInTransaction = true;
      if (text === 'ROLLBACK') this.#isInTransaction = false;
      if (this.#input.guards.cursorFirst === true && this.isInTransaction && /^UPDATE \S+"millrace_pull"/.test(text)) {
        await session.query('COMMIT');
        await this.#stand('cursor saved');
        await session.query('BEGIN');
      }
      if (text === 'COMMIT') {
        this.#isInTransaction = false;
        await this.#input.onCommit();
        await this.#stand('committed');
      }
      return result;
    };
    return {
      query: (text: unknown, values?: unknown[]) =>
        typeof text === 'string' ? query(text, values) : session.query(text as never),
    } as unknown as ClientBase;
  }

  #drop(): void {
    const session = this.#session as unknown as {
      readonly connection: { readonly stream: { destroy(): void } };
    } | null;
    this.#session = null;
    session?.connection.stream.destroy();
    const file = this.#file;
    this.#file = null;
    if (file?.inTransaction === true) file.exec('ROLLBACK');
    file?.close();
  }
}
