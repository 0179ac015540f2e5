/** How fast a count rises, over the last ten seconds. */
import type { Clock } from '../io/clock.js';

const EVERY_MS = 1_000;
const KEPT = 11;

/** Follows a count. */
export class Rate {
  readonly #clock: Clock;
  readonly #count: () => number;
  readonly #samples: { readonly atMs: number; readonly count: number }[] = [];
  #cancel: () => void = () => undefined;

  constructor(clock: Clock, count: () => number) {
    this.#clock = clock;
    this.#count = count;
    this.#sample();
  }

  /** Rises a second; 0 before the first second has passed. */
  get perSecond(): number {
    const first = this.#samples[0]!;
    const last = this.#samples.at(-1)!;
    const ms = last.atMs - first.atMs;
    return ms <= 0 ? 0 : Math.round(((last.count - first.count) * 10_000) / ms) / 10;
  }

  /** Stops following. */
  close(): void {
    this.#cancel();
  }

  #sample(): void {
    this.#samples.push({ atMs: this.#clock.monotonic(), count: this.#count() });
    if (this.#samples.length > KEPT) this.#samples.shift();
    this.#cancel = this.#clock.after(EVERY_MS, () => this.#sample());
  }
}
