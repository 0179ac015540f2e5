/**
 * Closed windows' rows, as `ViewStore` sees them. `block-store.ts` keeps them on disk.
 */
import type { Expiry } from './expiry.js';
import type { RowLayout } from './layout.js';
import type { RowPlace } from './view-store.js';

/** The rows of windows that left memory. */
export interface ClosedRows {
  readonly layout: RowLayout;
  /** Whether a change of this window up to this id is already in here: a replay skips it. */
  holds(windowStart: number, id: number): boolean;
  /** Whether rows of this window may have been closed before. */
  inFiles(windowStart: number): boolean;
  /** A tenant's rows with ids above `after`, rising, at most `limit`. */
  since(tenant: string, after: number, limit: number): RowPlace[];
  /** A tenant's rows, tombstones included, of windows that start in `from <= start < to`. */
  between(tenant: string, from: number, to: number): RowPlace[];
  /** Ranges of window starts in which a tenant may have rows, from `from` on, rising; `[start, end)`, ms. */
  ranges(tenant: string, from: number): Iterable<{ readonly start: number; readonly end: number }>;
  /** The newest id that a tenant ever had here, or 0. */
  newestId(tenant: string): number;
  /** The start of a tenant's newest window, or -Infinity. */
  newestWindow(tenant: string): number;
  /** What has left by age. */
  readonly expiry: Pick<Expiry, 'keptFrom' | 'mayRefuse' | 'refuses' | 'expiredId'>;
}
