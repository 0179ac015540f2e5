/**
 * Many pulls in one process.
 *
 * At most `pullsMax` work at once. When that is enough for all, each waits at the server for what is new (a
 * long poll); otherwise they take turns and ask every `everyMs`, so that a thousand quiet ones need no
 * thousand connections.
 *
 * A pull that fails waits by itself, longer each time, and holds up no other; it forgets what it knew and
 * reads its place again. In `once` mode it gives up at an error that does not pass, or after `ATTEMPTS_MAX`
 * in a row; following, it never does, since keys and rights come back. Stopping is between transactions.
 */
import type { Clock } from '../io/clock.js';
import type { Random } from '../io/random.js';
import { pause } from '../io/pause.js';
import { backoffMs } from './backoff.js';
import type { FeedClient } from './feed-client.js';
import { FeedError, isRetryable } from './feed-error.js';
import type { Puller, Turn } from './puller.js';
import { Slots } from './slots.js';

/** Attempts in a row before a pull is given up in `once` mode. */
const ATTEMPTS_MAX = 8;
/** How long the server may wait for something new, seconds. */
const WAIT_SECONDS = 30;
/** Tombstones are swept no more often. */
const SWEEP_MS = 6 * 3_600_000;
/** The server is told how far we are no more often. */
const ACK_MS = 10_000;

/** One pull. */
export interface Pull {
  readonly tenant: string;
  readonly view: string;
  readonly client: FeedClient;
  readonly puller: Puller;
}

/** What is told about pulls, as it happens. */
export interface PullReporter {
  turn(pull: Pull, turn: Turn): void;
  /** `delayMs`: when it is tried again; null: given up. */
  failed(pull: Pull, error: unknown, delayMs: number | null): void;
}

/** How pulls run. */
export interface WorkerOptions {
  /** `once`: until nothing more is there; `follow`: until `signal`. */
  readonly mode: 'once' | 'follow';
  readonly pullsMax: number;
  /** Between two questions, when pulls take turns; ms. */
  readonly everyMs: number;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly random: Random;
  readonly reporter: PullReporter;
}

/** Runs them; resolves when all are done or have stopped. Answers the error of each pull that was given up. */
export async function runPulls(pulls: readonly Pull[], options: WorkerOptions): Promise<ReadonlyMap<Pull, unknown>> {
  const slots = new Slots(options.pullsMax);
  const waitSeconds = options.mode === 'follow' && pulls.length <= options.pullsMax ? WAIT_SECONDS : 0;
  const failed = new Map<Pull, unknown>();
  await Promise.all(
    pulls.map(async (pull) => {
      const error = await new PullLoop(pull, slots, waitSeconds, options).run();
      if (error !== undefined) failed.set(pull, error);
    }),
  );
  return failed;
}

class PullLoop {
  readonly #pull: Pull;
  readonly #slots: Slots;
  readonly #waitSeconds: number;
  readonly #options: WorkerOptions;
  #failures = 0;
  #sweptAt: number | null = null;
  #ackedAt = -Infinity;

  constructor(pull: Pull, slots: Slots, waitSeconds: number, options: WorkerOptions) {
    this.#pull = pull;
    this.#slots = slots;
    this.#waitSeconds = waitSeconds;
    this.#options = options;
  }

  /** Answers the error that it was given up for. */
  async run(): Promise<unknown> {
    const { signal, clock, random, mode, reporter, everyMs } = this.#options;
    while (!signal.aborted) {
      try {
        const turn = await this.#turn();
        if (turn === null) return undefined;
        this.#failures = 0;
        if (!turn.isCurrent) continue;
        if (mode === 'once') return undefined;
        if (this.#waitSeconds === 0) await pause(clock, everyMs, signal);
      } catch (error) {
        if (signal.aborted) return undefined;
        this.#failures++;
        const isLast = mode === 'once' && (!isRetryable(error) || this.#failures >= ATTEMPTS_MAX);
        const asked = error instanceof FeedError ? error.retryAfterMs : 0;
        const delayMs = isLast ? null : backoffMs(this.#failures, random, asked);
        reporter.failed(this.#pull, error, delayMs);
        if (delayMs === null) return error;
        await pause(clock, delayMs, signal);
      }
    }
    return undefined;
  }

  /** One turn in a slot; null when it is time to stop. */
  async #turn(): Promise<Turn | null> {
    const { signal, reporter } = this.#options;
    const { puller } = this.#pull;
    const release = await this.#slots.take(signal);
    try {
      if (signal.aborted) return null;
      const turn = await puller.turn(this.#waitSeconds, signal);
      reporter.turn(this.#pull, turn);
      if (turn.isCurrent) await this.#tidy(turn);
      return turn;
    } finally {
      release();
    }
  }

  async #tidy(turn: Turn): Promise<void> {
    const { clock, signal } = this.#options;
    const { puller } = this.#pull;
    const now = clock.monotonic();
    if (this.#sweptAt === null || now - this.#sweptAt >= SWEEP_MS) {
      this.#sweptAt = now;
      await puller.sweep();
    }
    if (turn.applied === 0 || now - this.#ackedAt < ACK_MS) return;
    this.#ackedAt = now;
    // Only the server's metric of our lag depends on it.
    await puller.acknowledge(signal).catch(() => undefined);
  }
}
