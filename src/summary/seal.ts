/**
 * Moves tables' rows into the blocks of their tenants, tenant by tenant.
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
import { TextPool } from './text-pool.js';
import type { WindowTable } from './window-table.js';

/** One tenant's rows on their way into its blocks. */
export interface TenantRows {
  readonly tenant: Uint8Array;
  /** Tables that have rows of it, with the tenant's code in each. */
  readonly tables: readonly { readonly table: WindowTable; readonly code: number; readonly replaces: boolean }[];
}

/** All tenants of some tables. `replaces` says whether a window may have rows in blocks already. */
export function* tenantsOf(
  tables: readonly WindowTable[],
  replaces: (windowStart: number) => boolean,
): Generator<TenantRows> {
  const done = new TextPool();
  const known = tables.map((table) => ({ table, replaces: replaces(table.windowStart) }));
  for (const { table } of known)
    for (const code of table.tenantCodes()) {
      const tenant = table.pool.bytesOf(code).slice();
      if (done.find(tenant) >= 0) continue;
      done.intern(tenant);
      const mine = known.map((one) => ({ ...one, code: one.table === table ? code : one.table.pool.find(tenant) }));
      yield { tenant, tables: mine.filter((one) => one.code >= 0 && one.table.newestOfCode(one.code) >= 0) };
    }
}

/** Seals the rows of one tenant. Answers ids of live rows that were replaced. */
export function sealTenant(blocks: BlockStore, { tenant, tables }: TenantRows): number[] {
  const fresh = tables.flatMap(({ table, code }) => rowsOf(table, code)).sort(byId);
  const replacing = tables.filter(({ replaces }) => replaces);
  const replaced: number[] = [];
  const keep = (block: RowSet): RowRef[] => {
    const rows: RowRef[] = [];
    for (let row = 0; row < block.rows; row++) {
      const by = replacing.find(({ table }) => table.windowStart === block.windows[row]);
      const slot = by === undefined ? -1 : by.table.slotOf(block, row);
      if (slot < 0) rows.push({ rows: block, row, id: block.ids[row]! });
      // A row with the very id that is being written was written before a crash.
      else if ((block.marks[row]! & DELETED) === 0 && by!.table.ids[slot] !== block.ids[row])
        replaced.push(block.ids[row]!);
    }
    return rows;
  };
  const touched = new Set<number>();
  const tail: RowRef[] = [];
  for (const block of blocks.backwards(tenant)) {
    const lastId = block.ids[block.rows - 1]!;
    const overlaps = lastId >= fresh[0]!.id;
    const joined = fresh.length + tail.length;
    if (!overlaps && (block.rows === BLOCK_ROWS || block.rows > 2 * joined)) break;
    touched.add(lastId);
    tail.push(...keep(block));
    blocks.remove(tenant, block);
  }
  for (const { table } of replacing)
    for (const block of blocks.ofWindows(tenant, table.windowStart, table.windowStart)) {
      const lastId = block.ids[block.rows - 1]!;
      if (touched.has(lastId)) continue;
      touched.add(lastId);
      rewrite(blocks, tenant, block, keep(block));
    }
  blocks.put(tenant, tail.length === 0 ? fresh : [...tail, ...fresh].sort(byId));
  return replaced;
}

function byId(a: RowRef, b: RowRef): number {
  return a.id - b.id;
}

/** A tenant's rows in a table. */
function rowsOf(table: WindowTable, tenantCode: number): RowRef[] {
  const rows: RowRef[] = [];
  for (let slot = table.newestOfCode(tenantCode); slot >= 0; slot = table.older(slot))
    rows.push({ rows: table, row: slot, id: table.ids[slot]! });
  return rows;
}

function rewrite(blocks: BlockStore, tenant: Uint8Array, block: RowSet, kept: readonly RowRef[]): void {
  if (kept.length === block.rows) return;
  blocks.remove(tenant, block);
  blocks.put(tenant, kept);
}
