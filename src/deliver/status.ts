/** What a delivery says about itself, and the little that it remembers for that. */
import type { DeliveryOptions } from '../config/options.js';
import type { Clock } from '../io/clock.js';
import type { Log, Position } from '../log/log.js';
import { stampAt } from '../log/at-time.js';
import { MillraceError } from '../util/errors.js';
import type { BreakerState } from './breaker.js';
import type { FinishedCut } from './finished.js';
import type { DeliveryState, DeliveryTotals } from './state.js';

/** Failed attempts that are remembered. */
const ERRORS_MAX = 20;

/** One failed attempt. */
export interface DeliveryFailure {
  readonly atMs: number;
  readonly message: string;
  /** How many in a row said the same. */
  readonly times: number;
}

/** A delivery, as the API, the console and the metrics show it. */
export interface DeliveryStatus {
  readonly name: string;
  readonly from: string;
  /** The sink's type. */
  readonly sink: string;
  readonly paused: boolean;
  readonly breaker: BreakerState;
  /** Rows that are durable in the log and not delivered: from offsets. */
  readonly pendingRows: number;
  /** Age of the oldest row that is not delivered; 0 when all are; ms. */
  readonly oldestMs: number;
  readonly planned: number;
  readonly totals: DeliveryTotals;
  readonly retries: number;
  readonly failures: number;
  /** Rows delivered a second over the last minute. */
  readonly rowsPerSecond: number;
  /** When the last cut was delivered, ms since 1970; null before the first of this process. */
  readonly deliveredAtMs: number | null;
  /** The newest last. */
  readonly errors: readonly DeliveryFailure[];
}

/** What happened lately. */
export class Recent {
  readonly #clock: Clock;
  #errors: DeliveryFailure[] = [];
  #delivered: { readonly atMs: number; readonly rows: number }[] = [];
  readonly #stamps = new Map<number, { readonly offset: number; readonly stamp: number | null }>();
  deliveredAtMs: number | null = null;
  retries = 0;
  failures = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** An attempt failed. */
  failed(error: unknown): void {
    this.failures += 1;
    const message = textOf(error);
    const last = this.#errors.at(-1);
    const failure = { atMs: this.#clock.now(), message, times: 1 };
    if (last?.message === message) this.#errors[this.#errors.length - 1] = { ...failure, times: last.times + 1 };
    else this.#errors = [...this.#errors.slice(1 - ERRORS_MAX), failure];
  }

  /** Something goes out once more. */
  retried(): void {
    this.retries += 1;
  }

  /** A cut is delivered. */
  delivered({ rows }: FinishedCut): void {
    const atMs = this.#clock.now();
    this.deliveredAtMs = atMs;
    this.#delivered.push({ atMs, rows: rows.count });
    this.#forget(atMs);
  }

  /** Nothing waits. */
  caughtUp(): void {
    this.#forget(this.#clock.now());
  }

  /** Rows a second over the last minute. */
  rowsPerSecond(): number {
    this.#forget(this.#clock.now());
    return this.#delivered.reduce((sum, { rows }) => sum + rows, 0) / (MINUTE_MS / 1000);
  }

  /** The time now, ms since 1970. */
  get nowMs(): number {
    return this.#clock.now();
  }

  /** The stamp of the oldest row of `stream` that is not delivered, or null. Looked up when the place has moved. */
  oldestStamp(log: Log, stream: string, delivered: readonly Position[]): number | null {
    let oldest: number | null = null;
    for (const { stream: of, partition, offset } of delivered) {
      if (of !== stream) continue;
      const known = this.#stamps.get(partition);
      const stamp =
        known?.offset === offset && known.stamp !== null ? known.stamp : stampAt(log, of, partition, offset);
      this.#stamps.set(partition, { offset, stamp });
      if (stamp !== null && (oldest === null || stamp < oldest)) oldest = stamp;
    }
    return oldest;
  }

  /** The last failed attempts, the newest last. */
  errors(): readonly DeliveryFailure[] {
    return this.#errors;
  }

  #forget(nowMs: number): void {
    while (this.#delivered.length > 0 && this.#delivered[0]!.atMs < nowMs - MINUTE_MS) this.#delivered.shift();
  }
}

const MINUTE_MS = 60_000;

/** What a status is made from. */
export interface StatusInput {
  readonly options: DeliveryOptions;
  readonly inputs: readonly string[];
  readonly log: Log;
  readonly state: DeliveryState;
  readonly delivered: readonly Position[];
  readonly breaker: BreakerState;
  readonly recent: Recent;
}

/** Puts a status together. */
export function deliveryStatus(input: StatusInput): DeliveryStatus {
  const { options, log, state, delivered, recent } = input;
  const oldest = recent.oldestStamp(log, options.from, delivered);
  const pendingRows = delivered.reduce((sum, { stream, partition, offset }) => {
    // Rows of the redrive stream are other readers' too; what waits there is not known before it is read.
    if (stream !== options.from) return sum;
    const { start, end } = log.range(stream, partition);
    return sum + Math.max(0, end - Math.max(start, offset));
  }, 0);
  return {
    name: options.name,
    from: options.from,
    sink: options.sink.type,
    paused: state.paused,
    breaker: input.breaker,
    pendingRows,
    oldestMs: oldest === null ? 0 : Math.max(0, recent.nowMs - oldest),
    planned: state.planned.length,
    totals: state.totals,
    retries: recent.retries,
    failures: recent.failures,
    rowsPerSecond: recent.rowsPerSecond(),
    deliveredAtMs: recent.deliveredAtMs,
    errors: recent.errors(),
  };
}

function textOf(error: unknown): string {
  if (error instanceof MillraceError) return `${error.code}: ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}
