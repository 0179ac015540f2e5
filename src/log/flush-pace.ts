/**
 * When a reader loop flushes.
 *
 * Every `flushEveryMs`, and before that once `flushRows` rows wait to be written. A stage that nets changes by key has
 * fewer rows to write than it was given (`Stage.waiting`): while it catches up it is given up to `READ_MAX` times as
 * many, so that a key that changes again meanwhile is written once. Where flushing is costly it is done less often, so
 * that it leaves time for reading. What has closed waits for no interval, but half of the time is left for reading.
 */
import type { Clock } from '../io/clock.js';
import type { ReaderLoopOptions, Stage } from './stage.js';

/** Most rows given between two flushes, in `flushRows`, where fewer wait: they bound what a restart reads again. */
const READ_MAX = 20;
/** From one flush to the next: so many times what the last one took, and at most so many intervals. */
const FLUSH_PAUSE = 3;
const FLUSH_SLOWDOWN_MAX = 4;

/** Says when one stage is flushed. */
export class FlushPace {
  readonly #stage: Stage;
  readonly #options: ReaderLoopOptions;
  readonly #clock: Clock;
  /** Rows given since the last flush. */
  #rows = 0;
  #beganAt = 0;
  #tookMs = 0;

  constructor(stage: Stage, options: ReaderLoopOptions, clock: Clock) {
    this.#stage = stage;
    this.#options = options;
    this.#clock = clock;
  }

  /** Nothing was given yet, and now is as if a flush had been. */
  restart(): void {
    this.#rows = 0;
    this.#beganAt = this.#clock.monotonic();
  }

  gave(rows: number): void {
    this.#rows += rows;
  }

  /** What was given needs no flush: it is published already. */
  forget(): void {
    this.#rows = 0;
  }

  /** Rows that may be given before it is asked again, at least 1. */
  get room(): number {
    return Math.max(1, this.#options.flushRows - this.#waiting);
  }

  get isDue(): boolean {
    if (this.#waiting >= this.#options.flushRows) return true;
    const { flushEveryMs } = this.#options;
    const pauseMs = Math.max(flushEveryMs, Math.min(this.#tookMs * FLUSH_PAUSE, flushEveryMs * FLUSH_SLOWDOWN_MAX));
    return this.#clock.monotonic() - this.#beganAt >= (this.#stage.isDue?.() === true ? 2 * this.#tookMs : pauseMs);
  }

  get #waiting(): number {
    return Math.max(this.#stage.waiting?.() ?? this.#rows, this.#rows / READ_MAX);
  }

  begin(): void {
    this.#beganAt = this.#clock.monotonic();
    this.#rows = 0;
  }

  /** A flush is over, well or badly; answers how long it took, ms. */
  end(): number {
    this.#tookMs = this.#clock.monotonic() - this.#beganAt;
    return this.#tookMs;
  }
}
