/**
 * A circuit breaker: while the other end is down, one request at a time tries it.
 *
 * Closed at first. After `FAILURES_MAX` failures without a success in between it opens: whoever
 * enters waits, but for one, who tries when its pause is over. When that succeeds it closes.
 */

/** Failures in a row after which it opens. */
export const FAILURES_MAX = 5;

/** What it says about itself. */
export type BreakerState = 'closed' | 'open' | 'trying';

/** A breaker of one sink. */
export class Breaker {
  #failures = 0;
  #trying = false;
  #waiters: (() => void)[] = [];

  /** What it is now. */
  get state(): BreakerState {
    if (this.#failures < FAILURES_MAX) return 'closed';
    return this.#trying ? 'trying' : 'open';
  }

  /** Resolves when a request may go out; the caller must tell how that went, or leave. */
  async enter(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && this.#failures >= FAILURES_MAX) {
      if (!this.#trying) {
        this.#trying = true;
        return;
      }
      await new Promise<void>((resolve) => {
        const done = (): void => {
          signal.removeEventListener('abort', done);
          this.#waiters = this.#waiters.filter((waiter) => waiter !== done);
          resolve();
        };
        this.#waiters.push(done);
        signal.addEventListener('abort', done);
      });
    }
  }

  /** A request went well. */
  succeeded(): void {
    this.#failures = 0;
    this.#wake();
  }

  /** A request failed, for a reason that others will meet too. */
  failed(): void {
    this.#failures += 1;
    this.#wake();
  }

  /** The request ended without a word on the other end's health. */
  leave(): void {
    this.#wake();
  }

  #wake(): void {
    this.#trying = false;
    for (const waiter of [...this.#waiters]) waiter();
  }
}
