/** Time, given by argument so that tests can turn it. */
export interface Clock {
  /** Wall clock, ms since 1970. May step back. */
  now(): number;
  /** Monotonic, ms from an arbitrary start. */
  monotonic(): number;
  /** Calls `run` once after `delayMs`; answers a cancel. Does not keep the process alive. */
  after(delayMs: number, run: () => void): () => void;
}

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
