/**
 * New rows of a stream for a live tail: a bounded page from given offsets on.
 */
import { rowOf } from '../event/rows.js';
import { MillraceError } from '../util/errors.js';
import type { Log } from '../log/log.js';
import type { TailPage } from './store-protocol.js';

/** Most rows that one page looks at: what a slow follower missed is skipped, and said so. */
const LOOKED_AT_MAX = 20_000;

/** The rows after `offsets`; null starts at the end and gives none. A tenant sees its own only. */
export function tailPage(
  log: Log,
  stream: string,
  offsets: readonly number[] | null,
  tenant: string | null,
  limit: number,
): TailPage {
  const definition = log.stream(stream);
  if (definition === undefined)
    throw new MillraceError('STREAM_UNKNOWN', `there is no stream '${stream}'`, { place: stream });
  const { schema, partitions } = definition;
  const { tenant: tenantColumn } = schema.roles;
  if (tenant !== null && tenantColumn < 0)
    throw new MillraceError(
      'KEY_FORBIDDEN',
      `stream '${stream}' holds rows of all tenants; it takes an operator's key`,
      { place: stream },
    );
  const rows: Record<string, unknown>[] = [];
  const next: number[] = [];
  let skipped = 0;
  for (let partition = 0; partition < partitions; partition++) {
    const { start, end } = log.range(stream, partition);
    const wanted = offsets?.[partition] ?? end;
    const from = Math.max(wanted, start, end - LOOKED_AT_MAX);
    skipped += Math.max(0, from - wanted);
    const page = readPartition(log, stream, partition, from, end, tenant, limit - rows.length);
    rows.push(...page.rows);
    next.push(page.next);
  }
  return { rows, offsets: next, skipped };
}

function readPartition(
  log: Log,
  stream: string,
  partition: number,
  from: number,
  end: number,
  tenant: string | null,
  limit: number,
): { rows: Record<string, unknown>[]; next: number } {
  const rows: Record<string, unknown>[] = [];
  if (from >= end || limit <= 0) return { rows, next: from };
  const { schema } = log.stream(stream)!;
  const cursor = log.cursor(stream, partition, from);
  let next = from;
  try {
    for (let batch = cursor.next(); batch !== null && next < end && rows.length < limit; batch = cursor.next()) {
      for (let row = Math.max(0, next - batch.baseOffset); row < batch.rows && rows.length < limit; row++) {
        next = batch.baseOffset + row + 1;
        const values = rowOf(batch.batch, row);
        if (tenant === null || values[schema.columns[schema.roles.tenant]!.name] === tenant) rows.push(values);
      }
    }
  } finally {
    cursor.close();
  }
  return { rows, next };
}
