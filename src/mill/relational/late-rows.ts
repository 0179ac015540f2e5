/**
 * Rows that took no part in a dataflow, on their way to the late stream.
 *
 * Operators know a row by the fields that they read. The event is found again among the rows of the batch
 * that was just taken: the next one that has these values and this stamp. Rows that are equal in both are late
 * together, so that which is told first makes no difference. A row that was made on the way, of several events
 * or in the midst of a flush, has no place in a stream; it is told as it is.
 */
import type { ColumnBatch } from '../../event/columns.js';
import { LATE_SCHEMA } from '../../event/internal.js';
import { batchFromRows, rowOf } from '../../event/rows.js';
import { RECEIVED_AT } from '../../event/schema.js';
import type { LogBatch } from '../../log/log.js';
import type { RelationView } from '../../sql/relation/relation.js';
import { Decimal } from '../../sql/decimal.js';
import { jsonValue } from '../../sql/text-value.js';
import type { Deltas, LateRow } from '../dataflow/operator.js';
import type { NarrowSource } from './source-rows.js';

/** Most rows of one batch of the late stream. */
const BATCH_ROWS = 4_096;

/** A batch that was just taken. */
export interface TakenBatch {
  readonly batch: LogBatch;
  readonly source: NarrowSource;
  readonly deltas: Deltas;
}

/** Collects late rows of one view between two commits. */
export class LateRows {
  readonly #view: RelationView;
  #rows: Record<string, unknown>[] = [];

  constructor(view: RelationView) {
    this.#view = view;
  }

  /** Takes rows that a batch led to, in its order. */
  add(late: readonly LateRow[], taken: TakenBatch | null): void {
    let next = 0;
    for (const row of late) {
      const at = taken === null || taken.batch.stream !== row.source ? -1 : placeOf(row, taken, next);
      if (at < 0) this.#rows.push(this.#madeRow(row));
      else {
        next = at + 1;
        this.#rows.push(this.#event(row, taken!.batch, at));
      }
    }
  }

  /** The rows since the last call, as batches of the late stream. */
  take(): ColumnBatch[] {
    const rows = this.#rows;
    this.#rows = [];
    const batches: ColumnBatch[] = [];
    for (let from = 0; from < rows.length; from += BATCH_ROWS)
      batches.push(batchFromRows(LATE_SCHEMA, rows.slice(from, from + BATCH_ROWS)));
    return batches;
  }

  #event(late: LateRow, batch: LogBatch, at: number): Record<string, unknown> {
    const event = rowOf(batch.batch, at);
    const { eventTime, tenant } = batch.batch.schema.roles;
    const nameOf = (column: number): string => batch.batch.schema.columns[column]!.name;
    event[RECEIVED_AT] = batch.receivedAt;
    return {
      ...this.#common(late),
      tenant: tenant < 0 ? '' : (event[nameOf(tenant)] ?? ''),
      stream: batch.stream,
      partition: batch.partition,
      offset: batch.baseOffset + at,
      event_time: Number.isNaN(late.time) ? (eventTime < 0 ? null : event[nameOf(eventTime)]) : late.time,
      event,
    };
  }

  #madeRow(late: LateRow): Record<string, unknown> {
    const event = Object.fromEntries(late.fields.map(({ name }, i) => [name, jsonValue(late.row[i] ?? null)]));
    return {
      ...this.#common(late),
      tenant: '',
      stream: late.source,
      partition: 0,
      offset: 0,
      event_time: Number.isNaN(late.time) ? null : late.time,
      event,
    };
  }

  #common({ lateByMs, reason, windowStart }: LateRow): Record<string, unknown> {
    return {
      view: this.#view.name,
      window_start: Number.isNaN(windowStart) ? null : windowStart,
      reason,
      late_by_ms: Number.isNaN(lateByMs) ? null : Math.ceil(lateByMs),
    };
  }
}

/** The place of a late row in its batch (its values are the very same: fields are carried), at or after `from`; -1 where it is not one of its rows. */
function placeOf(late: LateRow, { deltas, source }: TakenBatch, from: number): number {
  const { rows, stamps } = deltas;
  const columns = late.fields.map(({ name }) => source.fields.findIndex((field) => field.name === name));
  if (columns.includes(-1)) return -1;
  for (let at = from; at < rows.length; at++) {
    const stamp = typeof stamps === 'number' ? stamps : stamps[at];
    if (!(stamp! <= late.time) && columns.every((column, i) => isSame(rows[at]![column], late.row[i]))) return at;
  }
  return -1;
}

/** Whether two values are the very same, or decimals that were made of one. */
function isSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  return a instanceof Decimal && b instanceof Decimal && a.units === b.units && a.scale === b.scale;
}
