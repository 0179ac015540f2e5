/**
 * What one tenant may ask of the changes feed: a token bucket of requests, and requests under way at once.
 *
 * Limits: an entry a tenant that asked lately; those that are idle and full again are forgotten when
 * there are more than `ENTRIES_MAX`.
 */
import type { FeedOptions } from '../../config/options.js';
import type { Clock } from '../../io/clock.js';
import { MillraceError } from '../../util/errors.js';

const ENTRIES_MAX = 65_536;

interface Entry {
  tokens: number;
  atMs: number;
  underWay: number;
}

/** Counts requests by tenant. */
export class FeedLimits {
  readonly #options: FeedOptions;
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();

  constructor(options: FeedOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  /** Begins a request; what is answered ends it. Throws RATE_LIMITED. */
  begin(tenant: string): () => void {
    const { requestsPerSecond, requestsBurst, concurrentMax } = this.#options;
    const now = this.#clock.monotonic();
    let entry = this.#entries.get(tenant);
    if (entry === undefined) {
      if (this.#entries.size >= ENTRIES_MAX) this.#forget(now);
      this.#entries.set(tenant, (entry = { tokens: requestsBurst, atMs: now, underWay: 0 }));
    }
    entry.tokens = Math.min(requestsBurst, entry.tokens + ((now - entry.atMs) * requestsPerSecond) / 1_000);
    entry.atMs = now;
    if (entry.tokens < 1)
      throw new MillraceError(
        'RATE_LIMITED',
        `tenant '${tenant}' asks the changes feed more than ${requestsPerSecond} times a second`,
        { place: 'feed.requestsPerSecond' },
      );
    if (entry.underWay >= concurrentMax)
      throw new MillraceError(
        'RATE_LIMITED',
        `tenant '${tenant}' has ${concurrentMax} requests to the changes feed under way; wait for one`,
        { place: 'feed.concurrentMax' },
      );
    entry.tokens -= 1;
    entry.underWay += 1;
    return () => (entry.underWay -= 1);
  }

  #forget(now: number): void {
    const { requestsPerSecond, requestsBurst } = this.#options;
    for (const [tenant, { tokens, atMs, underWay }] of this.#entries)
      if (underWay === 0 && tokens + ((now - atMs) * requestsPerSecond) / 1_000 >= requestsBurst)
        this.#entries.delete(tenant);
  }
}
