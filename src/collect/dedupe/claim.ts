/**
 * One batch's place in the memory of ids, between its look-up and its commit.
 */
import type { AppendResult } from '../../log/log.js';

/** A commit that is under way: `done` resolves when its ids are durable and rejects when it failed. */
export interface Ticket {
  readonly done: Promise<void>;
  settle(result: AppendResult | null, error: unknown): void;
}

/** Which rows of a batch are new. Call `commit` or `abort` once, after the append. */
export class Claim {
  /** How many rows are new. */
  readonly fresh: number;
  /** How many came before. */
  readonly duplicates: number;
  /** The new rows, rising; null when all are. */
  readonly freshRows: Uint32Array | null;

  readonly #waits: ReadonlySet<Ticket>;
  readonly #ticket: Ticket | null;

  constructor(
    fresh: number,
    duplicates: number,
    freshRows: Uint32Array | null,
    waits: ReadonlySet<Ticket>,
    ticket: Ticket | null,
  ) {
    this.fresh = fresh;
    this.duplicates = duplicates;
    this.freshRows = freshRows;
    this.#waits = waits;
    this.#ticket = ticket;
  }

  /** A claim without ids: every row is new. */
  static ofAll(rows: number): Claim {
    return new Claim(rows, 0, null, new Set(), null);
  }

  /** Makes a ticket; `settled` runs once, before whoever waits for it. */
  static ticket(settled: (result: AppendResult | null) => void): Ticket {
    let resolve!: () => void;
    let reject!: (error: unknown) => void;
    const done = new Promise<void>((yes, no) => {
      resolve = yes;
      reject = no;
    });
    // Nobody may be waiting; those who do still get the rejection.
    done.catch(() => undefined);
    return {
      done,
      settle(result, error) {
        settled(result);
        if (result === null) reject(error);
        else resolve();
      },
    };
  }

  /** The new rows are on disk. */
  commit(result: AppendResult): void {
    this.#ticket?.settle(result, null);
  }

  /** The append failed: the new rows are forgotten, and those who wait for them fail with `error`. */
  abort(error: unknown): void {
    this.#ticket?.settle(null, error);
  }

  /** Resolves when every commit that this batch's duplicates rely on is on disk; rejects when one failed. */
  async waits(): Promise<void> {
    for (const ticket of this.#waits) await ticket.done;
  }
}
