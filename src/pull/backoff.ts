/** How long to wait before another attempt: doubled each time, and by chance, so that many do not come at once. */
import type { Clock } from '../io/clock.js';
import type { Random } from '../io/random.js';
import { sleep } from '../io/sleep.js';
import { FeedError, isRetryable } from './feed-error.js';

const FIRST_MS = 500;
/** No wait is longer, unless a server asks for it. */
export const BACKOFF_MS_MAX = 60_000;

/** Milliseconds before attempt `attempt` (the first again is 1): between half and all of the doubled wait, and never less than `leastMs`. */
export function backoffMs(attempt: number, random: Random, leastMs = 0): number {
  const full = Math.min(BACKOFF_MS_MAX, FIRST_MS * 2 ** Math.min(attempt - 1, 20));
  const [share] = new Uint32Array(random.fill(new Uint8Array(4)).buffer) as unknown as [number];
  return Math.max(leastMs, Math.round(full * (0.5 + share / 2 ** 33)));
}

/** How work is tried again. */
export interface RetryOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
  /** Attempts in all; default without end. */
  readonly attemptsMax?: number;
  readonly onRetry?: (error: unknown, delayMs: number) => void;
}

/** Does `work` until it succeeds, fails with what does not pass, or failed `attemptsMax` times; throws the last error. */
export async function retried<T>(work: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { clock, random, signal, attemptsMax = Infinity, onRetry } = options;
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (signal.aborted || !isRetryable(error) || attempt >= attemptsMax) throw error;
      const delayMs = backoffMs(attempt, random, error instanceof FeedError ? error.retryAfterMs : 0);
      onRetry?.(error, delayMs);
      await sleep(clock, delayMs, signal);
    }
  }
}
