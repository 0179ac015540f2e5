/**
 * A tenant's rows by window, a few windows at a time: as many as make good use of a look, and not so
 * many that a large tenant holds up the thread.
 */
import type { RowPlace, ViewStore } from '../../summary/view-store.js';

/** Rows of a slice that make the next one wider, and narrower. */
const ROWS_FEW = 1_000;
const ROWS_MANY = 8_000;

/** Rows, tombstones among them, of windows that start in `from <= start < to`, by window start; never half a window. */
export function* tenantSlices(store: ViewStore, tenant: string, from: number, to: number): Generator<RowPlace[]> {
  const { windowMs } = store.view;
  let windows = 1;
  for (const range of store.ranges(tenant, from)) {
    if (range.start >= to) return;
    const end = Math.min(range.end, to);
    for (let start = Math.max(range.start, from); start < end;) {
      const next = Math.min(end, start + windows * windowMs);
      const rows = store.tenantRows(tenant, start, next);
      yield rows;
      start = next;
      if (rows.length < ROWS_FEW) windows *= 2;
      else if (rows.length > ROWS_MANY) windows = Math.max(1, windows >> 1);
    }
  }
}
