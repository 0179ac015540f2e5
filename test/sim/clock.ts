import type { Clock } from '../../src/io/clock.js';

/** A clock that moves only when told to. */
export class SimClock implements Clock {
  #nowMs: number;
  #elapsedMs = 0;
  #timers: { at: number; run: () => void }[] = [];

  constructor(nowMs = 1_700_000_000_000) {
    this.#nowMs = nowMs;
  }

  now(): number {
    return this.#nowMs;
  }

  monotonic(): number {
    return this.#elapsedMs;
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = { at: this.#elapsedMs + delayMs, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Lets time pass and runs what is due, in order. */
  advance(ms: number): void {
    const end = this.#elapsedMs + ms;
    for (;;) {
      const due = this.#timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.#nowMs += Math.max(0, due.at - this.#elapsedMs);
      this.#elapsedMs = Math.max(this.#elapsedMs, due.at);
      due.run();
    }
    this.#nowMs += end - this.#elapsedMs;
    this.#elapsedMs = end;
  }

  /** Sets the wall clock, back too; timers don't notice. */
  setNow(nowMs: number): void {
    this.#nowMs = nowMs;
  }

  /** Forgets all timers: the process that set them is gone. */
  forgetTimers(): void {
    this.#timers = [];
  }
}
