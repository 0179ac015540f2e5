/**
 * Work that runs beside the hot path, one round at a time.
 *
 * `wake` starts a round, or one more when a round is under way, so that no reason to work is ever
 * missed. A round that throws is reported and tried again after `retryMs`.
 */
import type { Clock } from '../../io/clock.js';

/** What a background worker needs. */
export interface BackgroundOptions {
  readonly clock: Clock;
  readonly retryMs: number;
  readonly work: () => Promise<void>;
  /** The error of a failed round, or null after a good one. */
  readonly onRound: (error: unknown) => void;
}

/** A worker beside the hot path. */
export class Background {
  readonly #options: BackgroundOptions;
  #running: Promise<void> | null = null;
  #again = false;
  #closed = false;

  constructor(options: BackgroundOptions) {
    this.#options = options;
  }

  /** There may be something to do. */
  wake(): void {
    if (this.#closed) return;
    if (this.#running !== null) this.#again = true;
    else this.#running = this.#rounds();
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }

  /** Finishes what is under way and starts nothing more. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.idle();
  }

  async #rounds(): Promise<void> {
    do {
      this.#again = false;
      try {
        await this.#options.work();
        this.#options.onRound(null);
      } catch (error) {
        this.#options.onRound(error);
        this.#options.clock.after(this.#options.retryMs, () => this.wake());
        break;
      }
    } while (this.#again && !this.#closed);
    this.#running = null;
  }
}
