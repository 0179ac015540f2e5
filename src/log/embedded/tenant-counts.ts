/** How many rows of each tenant a cursor has up to an offset. */
import type { BytesColumn, DictionaryColumn } from '../../event/columns.js';
import { MillraceError } from '../../util/errors.js';
import type { LogBatch, LogCursor } from '../log.js';

const decoder = new TextDecoder();

/** Counts by tenant, reading on to `to`. The tenant is null where a stream has none or it can't be read. */
export function countTenants(cursor: LogCursor, to: number): { tenant: string | null; count: number }[] {
  const counts = new Map<string | null, number>();
  while (cursor.position < to) {
    const batch = cursor.next();
    if (batch === null) break;
    const rows = Math.min(batch.rows, to - batch.baseOffset);
    for (let row = 0; row < rows; row++) {
      const tenant = tenantOf(batch, row);
      counts.set(tenant, (counts.get(tenant) ?? 0) + 1);
    }
  }
  return Array.from(counts, ([tenant, count]) => ({ tenant, count }));
}

function tenantOf({ batch }: LogBatch, row: number): string | null {
  const { tenant } = batch.schema.roles;
  if (tenant < 0) return null;
  try {
    const column = batch.column(tenant) as DictionaryColumn | BytesColumn;
    if (column.kind === 'dictionary') return column.dictionary.stringOf(column.codes[row]!);
    return decoder.decode(column.data.subarray(column.offsets[row], column.offsets[row + 1]));
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'LOG_PAGE_DAMAGED') return null;
    throw error;
  }
}
