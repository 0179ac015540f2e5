/**
 * The relation `late` of a session: rows that took no part in a view, and why.
 *
 * It can also be written `millrace.late`. Bound: `LATE_MAX` rows a view; beyond it the oldest go.
 */
import type { Field } from '../../sql/relation/relation.js';
import type { LateRow, Row } from '../dataflow/operator.js';
import { jsonOf } from './print.js';

/** The relation's name. */
export const LATE_NAME = 'late';

/** Most late rows that a view remembers. */
export const LATE_MAX = 100_000;

/** Columns of `late`. `window_start` and `late_by` are NULL where there is no window and lateness is not the reason. */
export const LATE_FIELDS: readonly Field[] = [
  { name: 'view', type: 'text', nullable: false },
  { name: 'source', type: 'text', nullable: false },
  { name: 'reason', type: 'text', nullable: false },
  { name: 'event_time', type: 'timestamptz', nullable: true },
  { name: 'window_start', type: 'timestamptz', nullable: true },
  { name: 'late_by', type: 'interval', nullable: true },
  { name: 'row', type: 'json', nullable: false },
];

/** A late row as one of `late`. */
export function lateRow(view: string, late: LateRow): Row {
  const { fields, row, source, reason, time, windowStart, lateByMs } = late;
  const values = Object.fromEntries(
    fields.flatMap(({ hidden, name, type }, i) => (hidden === true ? [] : [[name, jsonOf(type)(row[i]!)]])),
  );
  return [
    view,
    source,
    reason,
    finite(time),
    finite(windowStart),
    Number.isFinite(lateByMs) ? { months: 0, days: 0, ms: lateByMs } : null,
    JSON.stringify(values),
  ];
}

function finite(ms: number): number | null {
  return Number.isFinite(ms) ? ms : null;
}
