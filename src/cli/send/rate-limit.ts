import type { Clock } from '../../io/clock.js';

/** Longest that events wait for a batch to fill. */
const GROUP_MS = 250;

/**
 * Keeps events to so many a second, by schedule: after a pause it doesn't catch up by a burst of
 * more than a second's worth.
 */
export class RateLimit {
  readonly #rate: number;
  readonly #clock: Clock;
  /** When the next event is due, by the monotonic clock. */
  #due = -Infinity;

  /** `rate` undefined: no limit. */
  constructor(rate: number | undefined, clock: Clock) {
    this.#rate = rate ?? Infinity;
    this.#clock = clock;
  }

  /** The batch size that fits the rate: what comes in a quarter of a second, `most` at most. */
  groupSize(most: number): number {
    return Math.max(1, Math.min(most, Math.floor((this.#rate * GROUP_MS) / 1000)));
  }

  /** Resolves when `count` more events may go. */
  async take(count: number): Promise<void> {
    if (this.#rate === Infinity) return;
    const now = this.#clock.monotonic();
    this.#due = this.#due === -Infinity ? now : Math.max(this.#due, now - 1000);
    const waitMs = this.#due - now;
    this.#due += (count * 1000) / this.#rate;
    if (waitMs > 0) await new Promise((wake) => setTimeout(wake, waitMs));
  }
}
