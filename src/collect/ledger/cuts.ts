/**
 * Brings the rows that the log cuts at its disk bound to the ledger, and counts them for metrics.
 *
 * The log may begin to cut before the ledger is open, and the ledger needs the log: until then a
 * cut waits. If the start fails, nothing is cut.
 */
import type { CutRows } from '../../log/embedded/types.js';
import type { Metrics } from '../../telemetry/metrics.js';
import { MillraceError } from '../../util/errors.js';
import { LEDGER_READER, type Ledger } from './ledger.js';

/** The way of a cut. */
export class Cuts {
  readonly #metrics: Metrics;
  readonly #ledger: Promise<Ledger>;
  #resolve!: (ledger: Ledger) => void;
  #reject!: (error: Error) => void;

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
    this.#ledger = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Whoever waits gets the rejection; mostly nobody does.
    this.#ledger.catch(() => undefined);
  }

  /** The ledger is open. */
  open(ledger: Ledger): void {
    this.#resolve(ledger);
  }

  /** It will not open any more, if it is not. */
  close(): void {
    this.#reject(new MillraceError('SHUTTING_DOWN', 'the accounts did not open'));
  }

  /** Resolves when the rows may be deleted: they are in the ledger. */
  async take(rows: readonly CutRows[]): Promise<void> {
    await (await this.#ledger).cut(rows);
    for (const { reader, stream, rows: events } of rows)
      if (reader !== LEDGER_READER)
        this.#metrics.counter('millrace_log_cut_rows_total', { reader, stream }).add(events);
  }
}
