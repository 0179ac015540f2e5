import type { Clock } from './clock.js';

/** Resolves after `ms`, or when `signal` aborts. */
export function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(ms, done);
    signal.addEventListener('abort', done);
  });
}

/** Resolves when `signal` aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/**
 * Waits for the first of several things, at most `ms` and until `signal` aborts; the signal that they are given aborts
 * when nobody waits any more, and resolves them.
 */
export async function first(
  clock: Clock,
  ms: number,
  signal: AbortSignal,
  waits: (signal: AbortSignal) => readonly Promise<void>[],
): Promise<void> {
  const waiting = new AbortController();
  // With a reason: without, an error is made, which costs more than the rest.
  const end = (): void => waiting.abort(null);
  const cancel = clock.after(ms, end);
  signal.addEventListener('abort', end);
  try {
    await Promise.race(waits(waiting.signal));
  } finally {
    cancel();
    end();
    signal.removeEventListener('abort', end);
  }
}
