import type { SendTotals } from './sender.js';

const WIDTH = 24;
const EVERY_MS = 100;

/** Where a progress bar is drawn. */
export interface Terminal {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** A line that is drawn over again: bar, events, rate and the time left. Silent where it isn't a terminal. */
export class ProgressBar {
  readonly #terminal: Terminal;
  readonly #now: () => number;
  readonly #start: number;
  #drawn = -Infinity;

  /** `now`: monotonic, ms. */
  constructor(terminal: Terminal, now: () => number) {
    this.#terminal = terminal;
    this.#now = now;
    this.#start = now();
  }

  /** Shows the state; at most ten times a second. */
  show(totals: SendTotals, fraction: number): void {
    const now = this.#now();
    if (this.#terminal.isTTY !== true || now - this.#drawn < EVERY_MS) return;
    this.#drawn = now;
    this.#terminal.write(`\r\u001b[K${progressLine(totals, fraction, now - this.#start)}`);
  }

  /** Takes the line away. */
  clear(): void {
    if (this.#drawn > -Infinity) this.#terminal.write('\r\u001b[K');
  }
}

/** The line: `[█████     ]  41 %  120,000 events  80,000/s  2 s left  3 rejected`. */
export function progressLine(totals: SendTotals, fraction: number, elapsedMs: number): string {
  const rate = elapsedMs > 0 ? totals.sent / (elapsedMs / 1000) : 0;
  const parts = [`${totals.sent.toLocaleString('en-US')} events`, `${Math.round(rate).toLocaleString('en-US')}/s`];
  if (!Number.isNaN(fraction)) {
    const done = Math.min(1, fraction);
    const filled = Math.round(done * WIDTH);
    parts.unshift(
      `[${'█'.repeat(filled)}${' '.repeat(WIDTH - filled)}] ${String(Math.floor(done * 100)).padStart(3)} %`,
    );
    if (done > 0) parts.push(`${durationText((elapsedMs / done) * (1 - done))} left`);
  }
  if (totals.retries > 0) parts.push(`${totals.retries.toLocaleString('en-US')} retries`);
  if (totals.rejected > 0) parts.push(`${totals.rejected.toLocaleString('en-US')} rejected`);
  return parts.join('  ');
}

/** `0.8 s`, `41 s`, `3 min 20 s`, `2 h 5 min`. */
export function durationText(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
