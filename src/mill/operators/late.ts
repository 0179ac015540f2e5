/** Rows that a view could not take, on their way to the late stream. */
import type { ColumnBatch } from '../../event/columns.js';
import { LATE_SCHEMA } from '../../event/internal.js';
import { batchFromRows, rowOf } from '../../event/rows.js';
import { RECEIVED_AT } from '../../event/schema.js';
import type { LogBatch } from '../../log/log.js';

/** Most rows of one batch of the late stream. */
const BATCH_ROWS = 4_096;

/** One row that came too late, has no time, can't be evaluated, or finds the state full. */
export interface LateRow {
  readonly batch: LogBatch;
  readonly row: number;
  readonly reason: string;
  /** Event time and window start, ms; NaN where unknown. */
  readonly time: number;
  readonly start: number;
  /** How long after the last moment in time it came, ms; NaN where that is not the reason. */
  readonly lateByMs: number;
}

/** Collects late rows of one view between two commits. */
export class LateRows {
  readonly #view: string;
  #rows: Record<string, unknown>[] = [];

  constructor(view: string) {
    this.#view = view;
  }

  get size(): number {
    return this.#rows.length;
  }

  /** Takes a row; its event is copied, for the batch does not stay. */
  add({ batch, lateByMs, row, reason, time, start }: LateRow): void {
    const event = rowOf(batch.batch, row);
    const { tenant, eventTime } = batch.batch.schema.roles;
    event[RECEIVED_AT] = batch.receivedAt;
    this.#rows.push({
      tenant: tenant < 0 ? '' : event[batch.batch.schema.columns[tenant]!.name],
      view: this.#view,
      stream: batch.stream,
      partition: batch.partition,
      offset: batch.baseOffset + row,
      window_start: Number.isNaN(start) ? null : start,
      event_time: Number.isNaN(time)
        ? eventTime < 0
          ? null
          : event[batch.batch.schema.columns[eventTime]!.name]
        : time,
      reason,
      late_by_ms: Number.isNaN(lateByMs) ? null : lateByMs,
      event,
    });
  }

  /** The rows since the last call, as batches of the late stream. */
  take(): ColumnBatch[] {
    const batches: ColumnBatch[] = [];
    for (let from = 0; from < this.#rows.length; from += BATCH_ROWS)
      batches.push(batchFromRows(LATE_SCHEMA, this.#rows.slice(from, from + BATCH_ROWS)));
    this.#rows = [];
    return batches;
  }
}
