import type { Dataflow } from '../dataflow/dataflow.js';
import type { OldestOpen } from '../standing.js';

/** The row of a relational view that closes next, and how many wait with it; null where none will. */
export function oldestOpenOf({ changes }: Dataflow, lagMs: number): OldestOpen | null {
  const { closesNext, open } = changes;
  if (closesNext === undefined) return null;
  return { startMs: null, endMs: closesNext - lagMs, closesAfterMs: closesNext, groups: open };
}
