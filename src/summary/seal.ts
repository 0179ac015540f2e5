/**
 * Moves one table's rows into the blocks of its tenants, tenant by tenant.
 *
 * For a tenant: rows that are replaced leave their blocks; rows that lie between the new ones in the
 * order of ids, and small blocks at the end, are merged with the new rows; the result is cut into
 * blocks. Merging only blocks at most twice as large as what joins them keeps the number of times
 * that a row is written again logarithmic.
 *
 * Running it again after a crash gives the same blocks: a row with the id of a new one is a row
 * that was written before the crash.
 */
import { BLOCK_ROWS, type RowRef } from './block-codec.js';
import type { BlockStore } from './block-store.js';
import { DELETED, type RowSet } from './row-set.js';
import type { WindowTable } from './window-table.js';

/** Seals the rows of one tenant. `replaces`: the window may have rows in blocks already. Answers ids of live rows that were replaced. */
export function sealTenant(blocks: BlockStore, table: WindowTable, tenantCode: number, replaces: boolean): number[] {
  const tenant = table.pool.bytesOf(tenantCode).slice();
  const fresh = rowsOf(table, tenantCode);
  const replaced: number[] = [];
  const isStale = (block: RowSet, row: number): boolean => block.windows[row] === table.windowStart && table.slotOf(block, row) >= 0;
  const keep = (block: RowSet): RowRef[] => {
    const rows: RowRef[] = [];
    for (let row = 0; row < block.rows; row++) {
      if (!replaces || !isStale(block, row)) rows.push({ rows: block, row, id: block.ids[row]! });
      else if ((block.marks[row]! & DELETED) === 0 && !isFresh(table, block, row)) replaced.push(block.ids[row]!);
    }
    return rows;
  };
  const touched = new Set<number>();
  const tail: RowRef[] = [];
  for (const block of blocks.backwards(tenant)) {
    const lastId = block.ids[block.rows - 1]!;
    const overlaps = lastId >= fresh[0]!.id;
    const joined = fresh.length + tail.length;
    if (!overlaps && (block.rows + joined > BLOCK_ROWS || block.rows > 2 * joined)) break;
    touched.add(lastId);
    tail.push(...keep(block));
    blocks.remove(tenant, block);
  }
  if (replaces) for (const block of blocks.ofWindows(tenant, table.windowStart, table.windowStart)) if (!touched.has(block.ids[block.rows - 1]!)) rewrite(blocks, tenant, block, keep(block));
  blocks.put(tenant, [...tail, ...fresh].sort((a, b) => a.id - b.id));
  return replaced;
}

/** A tenant's rows in a table, in the order of their ids. */
function rowsOf(table: WindowTable, tenantCode: number): RowRef[] {
  const rows: RowRef[] = [];
  for (let slot = table.newestOfCode(tenantCode); slot >= 0; slot = table.older(slot)) rows.push({ rows: table, row: slot, id: table.ids[slot]! });
  return rows.reverse();
}

/** Whether a block's row is the very row that is being written. */
function isFresh(table: WindowTable, block: RowSet, row: number): boolean {
  return table.ids[table.slotOf(block, row)] === block.ids[row];
}

function rewrite(blocks: BlockStore, tenant: Uint8Array, block: RowSet, kept: readonly RowRef[]): void {
  if (kept.length === block.rows) return;
  blocks.remove(tenant, block);
  blocks.put(tenant, kept);
}
