/**
 * Sessions of one database, each made ready once, each with a bound on its time.
 *
 * A session that fails, or does not answer in time, is closed: what it was doing ends with it, or, if it
 * was a COMMIT, may have happened. After an error that is harmless to the session its transaction is
 * rolled back, and the session goes on. Time-outs are the machine's own: they watch a real socket.
 */
import type { Pool, PoolClient } from 'pg';
import { pg } from '../../../io/pg.js';
import type { TlsTexts } from '../../../io/tls-files.js';

/** Connecting takes no longer. */
const CONNECT_MS = 10_000;
/** Saying goodbye takes no longer. */
const CLOSE_MS = 2_000;
/** A session without work is closed. */
const IDLE_MS = 60_000;

/** Which database, and how. */
export interface ConnectionsOptions {
  readonly url: string;
  /** Null: not encrypted. */
  readonly tls: TlsTexts | null;
  readonly sessionsMax: number;
  /** Work in a session takes no longer; with what makes it ready, and what ends a transaction that failed. */
  readonly timeoutMs: number;
  /** Statements that make a session ready. */
  readonly prepare: readonly string[];
  /** Whether a session is as good as before after an error of its work, once that is rolled back. */
  readonly isHarmless: (error: unknown) => boolean;
  /** Told to the server: who this is. */
  readonly name: string;
}

/** A bounded number of sessions. */
export class Connections {
  readonly #pool: Pool;
  readonly #options: ConnectionsOptions;
  readonly #ready = new WeakSet<PoolClient>();

  constructor(options: ConnectionsOptions) {
    const { url, tls, sessionsMax, timeoutMs, name } = options;
    const { hostname, port, username, password, pathname } = new URL(url);
    this.#options = options;
    this.#pool = new (pg().Pool)({
      host: hostname.replace(/^\[(.*)\]$/, '$1'),
      port: port === '' ? 5432 : Number(port),
      user: decodeURIComponent(username),
      password: decodeURIComponent(password),
      database: decodeURIComponent(pathname.slice(1)),
      ssl: tls === null ? false : { ...tls },
      max: sessionsMax,
      connectionTimeoutMillis: Math.min(CONNECT_MS, timeoutMs),
      idleTimeoutMillis: IDLE_MS,
      // The server ends what we no longer wait for.
      statement_timeout: timeoutMs,
      idle_in_transaction_session_timeout: timeoutMs,
      keepAlive: true,
      application_name: name,
      allowExitOnIdle: true,
    });
    // A session that breaks while it works fails its statement; that is where it is told.
    this.#pool.on('connect', (client) => client.on('error', () => undefined));
    // The pool has dropped the session by itself.
    this.#pool.on('error', () => undefined);
  }

  /** Has a session do `work`; closes the session when that fails with harm, is too slow, or `signal` aborts. */
  async run<T>(signal: AbortSignal, work: (client: PoolClient) => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    const { timeoutMs } = this.#options;
    const client = await this.#pool.connect();
    const { promise: cut, reject: cutOff } = withRejection();
    const abort = (): void => cutOff(signal.reason);
    signal.addEventListener('abort', abort);
    if (signal.aborted) abort();
    const timer = setTimeout(() => cutOff(new Error(`not done within ${timeoutMs} ms`)), timeoutMs);
    let done: Done<T>;
    try {
      done = await Promise.race([this.#do(client, work), cut]);
      client.release();
    } catch (error) {
      client.release(true);
      throw error;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    }
    if ('error' in done) throw done.error;
    return done.result;
  }

  /** Rejects when the session is of no more use. */
  async #do<T>(client: PoolClient, work: (client: PoolClient) => Promise<T>): Promise<Done<T>> {
    const { prepare, isHarmless } = this.#options;
    if (!this.#ready.has(client)) for (const statement of prepare) await client.query(statement);
    this.#ready.add(client);
    try {
      return { result: await work(client) };
    } catch (error) {
      if (!isHarmless(error)) throw error;
      await client.query('ROLLBACK');
      return { error };
    }
  }

  /** Closes all sessions; a server that does not answer is not waited for. */
  async close(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const waited = new Promise<void>((resolve) => (timer = setTimeout(resolve, CLOSE_MS)));
    await Promise.race([this.#pool.end(), waited]);
    clearTimeout(timer);
  }
}

type Done<T> = { readonly result: T } | { readonly error: unknown };

function withRejection(): { readonly promise: Promise<never>; readonly reject: (reason: unknown) => void } {
  let reject: (reason: unknown) => void = () => undefined;
  const promise = new Promise<never>((_resolve, refuse) => (reject = refuse));
  return { promise, reject };
}
