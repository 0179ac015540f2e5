/**
 * The clock of one source: what stamps its rows.
 *
 * `arrival`: the session's clock, when a row comes. `event`: the largest event time so far less the delay of WATERMARK
 * FOR; it also goes on with the session's clock once it has begun, so that the last window comes out. It never goes back.
 */
export class SourceClock {
  readonly kind: 'arrival' | 'event';
  readonly #delayMs: number;
  #now: number;

  /** `startMs`: where an arrival clock stands. */
  constructor(kind: 'arrival' | 'event', delayMs: number, startMs: number) {
    this.kind = kind;
    this.#delayMs = delayMs;
    this.#now = kind === 'arrival' ? startMs : -Infinity;
  }

  /** No row still to come has a stamp below this, ms. */
  get now(): number {
    return this.#now;
  }

  /** The stamp of a row with this event time (null: none): the clock before it. */
  stamp(time: number | null): number {
    const before = this.#now;
    if (this.kind === 'event' && time !== null && time - this.#delayMs > before) this.#now = time - this.#delayMs;
    return before;
  }

  /** The stamp of rows that come at once, as those of an INSERT do: the clock before the first. */
  stampAll(times: readonly (number | null)[]): number[] {
    const before = this.#now;
    for (const time of times) this.stamp(time);
    return times.map(() => before);
  }

  /** The session's clock goes on. */
  advance(byMs: number): void {
    this.#now += byMs;
  }
}
