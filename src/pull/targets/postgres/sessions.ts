/**
 * Sessions of PostgreSQL, and statements in them.
 *
 * A transaction that fails is rolled back and its session closed: what became of a COMMIT whose answer was
 * lost is seen by whoever reads the place again.
 */
import type { ClientBase, Pool, QueryResultRow } from 'pg';
import { CopyIn } from '../../../io/copy-in.js';
import type { TargetSeams } from '../../target.js';

/** Who lends sessions: a pool, or a client that stays. */
export interface Sessions {
  run<T>(work: (client: ClientBase) => Promise<T>): Promise<T>;
}

/** The sessions of a pool. */
export function pooled(pool: Pool): Sessions {
  return {
    async run(work) {
      const client = await pool.connect();
      let isBroken = true;
      try {
        const result = await work(client);
        isBroken = false;
        return result;
      } finally {
        client.release(isBroken);
      }
    },
  };
}

/** A client that somebody else keeps; one transaction at a time, and none of their own open. */
export function single(client: ClientBase): Sessions {
  let last: Promise<unknown> = Promise.resolve();
  return {
    run(work) {
      const next = last.then(() => work(client));
      // The one who asked sees the error.
      last = next.catch(() => undefined);
      return next;
    },
  };
}

/** A session in use. */
export class Session {
  readonly #client: ClientBase;
  readonly #seams: TargetSeams;

  constructor(client: ClientBase, seams: TargetSeams) {
    this.#client = client;
    this.#seams = seams;
  }

  async query<Row extends QueryResultRow>(sql: string, values: readonly unknown[] = []): Promise<Row[]> {
    const text = await this.#passed(sql);
    const { rows, command } = await this.#client.query<Row>(text, [...values]);
    // A transaction that failed ends with a COMMIT that is none.
    if (text === 'COMMIT' && command !== 'COMMIT') throw new Error(`the transaction ended with ${command}`);
    return rows;
  }

  /** Sends the body of a COPY. */
  async copy(sql: string, pieces: Iterable<string>, count: number): Promise<void> {
    const copy = new CopyIn(await this.#passed(sql), Buffer.from([...pieces].join('')));
    this.#client.query(copy);
    const rows = await copy.done;
    if (rows !== count) throw new Error(`the server took ${rows} rows of ${count}`);
  }

  /** One transaction; `work` answers undefined to undo it. */
  async transaction<T>(work: () => Promise<T | undefined>): Promise<T | undefined> {
    await this.query('BEGIN');
    try {
      const result = await work();
      await this.query(result === undefined ? 'ROLLBACK' : 'COMMIT');
      return result;
    } catch (error) {
      // The session may be gone; then the server has rolled back by itself.
      await this.#client.query('ROLLBACK').catch(() => undefined);
      throw error;
    }
  }

  async #passed(sql: string): Promise<string> {
    return this.#seams.statement === undefined ? sql : this.#seams.statement(sql);
  }
}
