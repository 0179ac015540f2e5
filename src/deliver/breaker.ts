/**
 * A circuit breaker: while the other end is down, one request at a time tries it.
 *
 * Closed at first. After `FAILURES_MAX` failures without a success in between it opens: whoever enters
 * waits until the last failure's pause is over, and then for its turn. When one succeeds it closes.
 *
 * Invariant: whoever got a pass gives it back, by `succeeded`, `failed` or `leave`, whatever happens;
 * a trial that is never given back would hold up everything for ever.
 */
import type { Clock } from '../io/clock.js';

/** Failures in a row after which it opens. */
export const FAILURES_MAX = 5;

/** What it says about itself. */
export type BreakerState = 'closed' | 'open' | 'trying';

/** Leave to send one request. */
export interface BreakerPass {
  /** When it was given, by number. */
  readonly number: number;
}

/** A breaker of one sink. */
export class Breaker {
  readonly #clock: Clock;
  #failures = 0;
  #trial: BreakerPass | null = null;
  /** Monotonic, ms: the next trial not before. */
  #notBefore = 0;
  #passes = 0;
  #waiters: (() => void)[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What it is now. */
  get state(): BreakerState {
    if (this.#failures < FAILURES_MAX) return 'closed';
    return this.#trial === null ? 'open' : 'trying';
  }

  /** Resolves when a request may go out, or when `signal` aborts. */
  async enter(signal: AbortSignal): Promise<BreakerPass> {
    const pass = { number: this.#passes++ };
    while (!signal.aborted && this.#failures >= FAILURES_MAX) {
      const waitMs = this.#trial === null ? this.#notBefore - this.#clock.monotonic() : Infinity;
      if (waitMs <= 0) {
        this.#trial = pass;
        break;
      }
      await this.#change(waitMs, signal);
    }
    return pass;
  }

  /** The request went well. */
  succeeded(pass: BreakerPass): void {
    this.#failures = 0;
    this.leave(pass);
    this.#wake();
  }

  /** The request failed, for a reason that others will meet too; whoever sent it tries again after `pauseMs`. */
  failed(pass: BreakerPass, pauseMs: number): void {
    this.#failures += 1;
    this.#notBefore = this.#clock.monotonic() + pauseMs;
    this.leave(pass);
  }

  /** The request ended without a word on the other end's health. What was given back before is left alone. */
  leave(pass: BreakerPass): void {
    if (this.#trial !== pass) return;
    this.#trial = null;
    this.#wake();
  }

  #wake(): void {
    for (const waiter of [...this.#waiters]) waiter();
  }

  /** Resolves when something has changed, or after `waitMs`, or when `signal` aborts. */
  #change(waitMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        cancel();
        signal.removeEventListener('abort', done);
        this.#waiters = this.#waiters.filter((waiter) => waiter !== done);
        resolve();
      };
      const cancel = Number.isFinite(waitMs) ? this.#clock.after(waitMs, done) : () => undefined;
      this.#waiters.push(done);
      signal.addEventListener('abort', done);
    });
  }
}
