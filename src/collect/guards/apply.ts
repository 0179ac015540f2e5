/** Screened rows after the guards of their stream, labelled. */
import { EVERY_TENANT } from '../../config/tenants.js';
import type { ColumnBatch } from '../../event/columns.js';
import { gather } from '../../event/gather.js';
import type { Labeller } from '../labels.js';
import type { RowError, Screened } from '../screen.js';
import { textReader } from './key-reader.js';
import type { StreamGuards } from './stream-guards.js';

/** What is left of a request's rows. */
export interface GuardedBatch {
  readonly batch: ColumnBatch;
  /** Rows that are refused, by the screen and by guards, in the decoder's count. */
  readonly errors: readonly RowError[];
  /** Where the visitor goes instead; null: where the event leads. */
  readonly elsewhere: string | null;
}

/** Asks the guards, and labels what is left. `tenant` is the key's, or `*`. */
export function applyGuards(
  screened: Screened,
  guards: StreamGuards | null,
  labeller: Labeller,
  tenant: string,
): GuardedBatch {
  const met = guards?.judge(screened.batch) ?? null;
  const batch = labeller.label(screened.batch, met?.labels);
  if (met === null || met.blocked.size === 0)
    return { batch, errors: screened.errors, elsewhere: met?.elsewhere ?? null };
  const kept: number[] = [];
  for (let row = 0; row < batch.rows; row++) if (!met.blocked.has(row)) kept.push(row);
  return {
    batch: gather(batch, Uint32Array.from(kept)),
    errors: [...screened.errors, ...blockedRows(screened, met.blocked, tenant)],
    elsewhere: met.elsewhere,
  };
}

function blockedRows({ batch, rows }: Screened, blocked: ReadonlyMap<number, string>, tenant: string): RowError[] {
  const { roles } = batch.schema;
  const tenantOf = roles.tenant < 0 ? () => (tenant === EVERY_TENANT ? null : tenant) : textReader(batch, roles.tenant);
  return Array.from(blocked, ([row, view]) => ({
    row: rows?.[row] ?? row,
    code: 'EVENT_GUARDED' as const,
    message: `guarded:${view}`,
    path: null,
    tenant: tenantOf(row) ?? undefined,
  }));
}
