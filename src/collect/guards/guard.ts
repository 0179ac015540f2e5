/** A guard as the front door runs it: which changes it follows, and what it does to events. */
import type { Schema } from '../../event/schema.js';
import type { ViewGuard } from '../../sql/view-actions.js';

/** One guard. Positions count in the schema of the changes stream. */
export interface GuardDefinition extends ViewGuard {
  readonly view: string;
  /** Names the view's definition among all that ever were: keys of another are worth nothing. */
  readonly epoch: string;
  /** The view's changes stream. */
  readonly stream: string;
  readonly changes: Schema;
  /** Of each key column. */
  readonly keyAt: readonly number[];
  /** What tells a row from all others. */
  readonly rowAt: readonly number[];
  /** Whether a row of a tenant guards that tenant's events alone. */
  readonly tenantScoped: boolean;
  /** Rows are final so long after their window's end, ms; null: its rows have no windows. */
  readonly closesAfterMs: number | null;
  /** Streams whose events are guarded. */
  readonly guarded: readonly string[];
  /** Whether it acts: its definition is the one that answers to the view's name. Default always. */
  readonly isActing?: () => boolean;
  /** By how much the view's rows are behind, ms; Infinity: not known yet. */
  readonly behindMs: () => number;
}

/** The label of events that came while a guard could not tell. */
export const LABEL_GUARD_UNAVAILABLE = 'guard_unavailable';

/** One text of the parts of a key; a part's length tells it from the next. Null where a part is missing. */
export function keyText(tenant: string, parts: readonly (string | null)[]): string | null {
  let key = tenant;
  for (const part of parts) {
    if (part === null) return null;
    key += `\n${part.length}:${part}`;
  }
  return key;
}
