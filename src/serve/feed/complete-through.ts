/**
 * How far a tenant's windows are final, where each tenant has a clock of its own (`clock: 'event'`).
 *
 * The mill closes a tenant's windows in the order of their ends. So what ends no later than its newest
 * closed row is closed too, whether it has rows or not.
 */
import { STATE_BITS, STATES } from '../../summary/row-set.js';
import type { ViewStore } from '../../summary/view-store.js';

/** Windows looked at, from the newest back: those that a clock leaves open are few. */
const WINDOWS_MAX = 64;

/** The end of a tenant's newest closed window, ms; null when none of its newest windows is closed. */
export function closedThrough(store: ViewStore, tenant: string): number | null {
  const newest = store.newestWindow(tenant);
  if (newest === null) return null;
  const { windowMs } = store.view;
  const rows = store.tenantRows(tenant, newest - (WINDOWS_MAX - 1) * windowMs, Infinity);
  for (const { rows: set, row } of rows.reverse())
    if (STATES[set.marks[row]! & STATE_BITS] !== 'open') return set.windows[row]! + windowMs;
  return null;
}
