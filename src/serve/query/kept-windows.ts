/**
 * The condition that leaves out windows which a view's retention has ended. Their rows are still in files
 * until those are written anew.
 */
import { batchFromRows } from '../../event/rows.js';
import type { Schema } from '../../event/schema.js';
import { keptFrom, type Cut } from '../../summary/retention.js';
import { isoText } from '../../summary/row-values.js';
import { quoteText } from './literals.js';
import { parquetTable } from './sources.js';
import type { TempFile, TempFiles } from './temp-files.js';

/** So many tenants with a retention of their own are written into the statement; more go into a file. */
const INLINE_TENANTS_MAX = 100;

const SCHEMA: Schema = {
  columns: [
    { name: 'of_tenant', type: 'string', nullable: false },
    { name: 'kept_from', type: 'timestamp', nullable: false },
  ],
  roles: { tenant: -1, eventId: -1, eventTime: -1, receivedAt: -1 },
};

/** The condition for one tenant's rows; null when all are kept. */
export function keptOfTenant(cut: Cut, tenant: string): string | null {
  const from = keptFrom(cut, tenant);
  return from === -Infinity ? null : `"window_start" >= ${timeLiteral(from)}`;
}

/** The condition for all tenants' rows, null when all are kept; and the file it reads, to be released. */
export async function keptOfAll(
  cut: Cut,
  files: TempFiles,
): Promise<{ readonly condition: string | null; readonly file: TempFile | null }> {
  const tenants = Object.entries(cut.tenants);
  const all = cut.all === null ? null : timeLiteral(cut.all);
  if (tenants.length === 0) return { condition: all === null ? null : `"window_start" >= ${all}`, file: null };
  const others = all ?? "TIMESTAMPTZ '-infinity'";
  if (tenants.length <= INLINE_TENANTS_MAX) {
    const own = tenants.map(([tenant, from]) => `WHEN ${quoteText(tenant)} THEN ${timeLiteral(from)}`);
    return { condition: `"window_start" >= CASE "tenant" ${own.join(' ')} ELSE ${others} END`, file: null };
  }
  const batch = batchFromRows(
    SCHEMA,
    tenants.map(([of_tenant, kept_from]) => ({ of_tenant, kept_from })),
  );
  const file = await files.take(`kept\0${JSON.stringify(tenants)}`, SCHEMA, () => [[{ batch, rows: null }]]);
  const own = `(SELECT max("kept_from") FROM ${parquetTable([file.path!])} WHERE "of_tenant" = "tenant")`;
  return { condition: `"window_start" >= coalesce(${own}, ${others})`, file };
}

function timeLiteral(ms: number): string {
  return `TIMESTAMPTZ ${quoteText(isoText(ms))}`;
}
