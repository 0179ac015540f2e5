/**
 * How long after their event time rows come, counted by powers of ten.
 *
 * Costs next to nothing: of a batch whose earliest and latest rows fall into one power all rows are counted at
 * once; of the others at most `SAMPLE` rows are looked at, and stand for the rest. Since the mill's start.
 */
import type { IntegerColumn } from '../event/columns.js';
import { isNull } from '../event/columns.js';
import { numberAt } from '../event/integers.js';
import type { LogBatch, StreamClock } from '../log/log.js';

/** Delays below this, ms, and not below the step before; null: all that are longer. The first: rows ahead of the clock. */
export const DELAY_STEPS_MS: readonly (number | null)[] = [0, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, null];

/** Rows by delay. */
export interface DelayCount {
  /** Of `DELAY_STEPS_MS`. */
  readonly belowMs: number | null;
  readonly rows: number;
}

/** Rows of a batch that are looked at. */
const SAMPLE = 64;

/** Rows of a batch by delay, behind a moment. */
interface Sample {
  readonly now: number;
  readonly counts: Float64Array;
}

/** The last sample of a batch's event times: views of one stream look at the same rows. */
const samples = new WeakMap<IntegerColumn, Sample>();

/** Counts the delays of one view's rows. */
export class Delays {
  readonly #counts = new Float64Array(DELAY_STEPS_MS.length);
  readonly #clock: StreamClock;
  /** The largest event time of each partition so far, for a stream whose clock that is; ms. */
  readonly #largest: number[] = [];

  /** `clock`: of the stream. On an event clock the delay is behind the largest event time of the partition. */
  constructor(clock: StreamClock) {
    this.#clock = clock;
  }

  /** Takes a batch. `column`: the event time's. */
  take(batch: LogBatch, column: number): void {
    if (batch.rows === 0 || column < 0) return;
    const now = this.#clock === 'arrival' ? batch.receivedAt : this.#nowOf(batch);
    const isOwn = batch.batch.schema.roles.eventTime === column;
    const step = isOwn ? stepOf(now - batch.eventTimeMax) : -1;
    if (step >= 0 && step === stepOf(now - batch.eventTimeMin)) this.#counts[step]! += batch.rows;
    else {
      const { counts } = sampleOf(batch.rows, batch.batch.column(column) as IntegerColumn, now);
      for (let at = 0; at < counts.length; at++) this.#counts[at]! += counts[at]!;
    }
  }

  #nowOf({ eventTimeMax, partition }: LogBatch): number {
    const largest = Math.max(this.#largest[partition] ?? -Infinity, eventTimeMax);
    return (this.#largest[partition] = largest);
  }

  /** Rows by delay, the shortest first; steps without rows are left out. */
  counts(): DelayCount[] {
    return DELAY_STEPS_MS.flatMap((belowMs, step) => {
      const rows = Math.round(this.#counts[step]!);
      return rows === 0 ? [] : [{ belowMs, rows }];
    });
  }
}

function sampleOf(rows: number, times: IntegerColumn, now: number): Sample {
  const known = samples.get(times);
  if (known?.now === now) return known;
  const counts = new Float64Array(DELAY_STEPS_MS.length);
  const stride = Math.max(1, rows / SAMPLE);
  for (let at = 0; at < rows; at += stride) {
    const row = Math.floor(at);
    if (!isNull(times.nulls, row)) counts[stepOf(now - numberAt(times, row))]! += stride;
  }
  const sample = { now, counts };
  samples.set(times, sample);
  return sample;
}

function stepOf(delayMs: number): number {
  return DELAY_STEPS_MS.findIndex((belowMs) => belowMs === null || delayMs < belowMs);
}
