/** Rows of a join that are let go of before their time (`state_policy = 'shed'`). */
import type { Field } from '../../../sql/relation/relation.js';
import type { Row } from '../operator.js';
import { rowComparator } from '../order.js';
import { bucketWidthMs } from './expiry.js';
import type { LeftOut } from './left-out.js';

/** A row that was let go of, and its time, ms. */
export interface ShedRow {
  readonly row: Row;
  readonly time: number;
}

/** Tells of rows that were let go of, the oldest first: in an order that is the same after a restart. */
export function tellShed(rows: readonly ShedRow[], fields: readonly Field[], leftOut: LeftOut): void {
  const compare = rowComparator([], fields);
  const inOrder = rows.toSorted((a, b) => a.time - b.time || compare(a.row, b.row));
  for (const { row, time } of inOrder) leftOut.shed(row, time);
}

/** Times of rows that live so long as few ages: each is told as the end of its bucket, ms. */
export function ageOf(lifetimeMs: number): (time: number) => number {
  const widthMs = bucketWidthMs(lifetimeMs);
  return (time) => (Math.floor(time / widthMs) + 1) * widthMs;
}
