/** A flow as a snapshot, and back. */
import type { Position } from '../../log/log.js';
import { BytePool } from '../state/byte-pool.js';
import { ByteReader, ByteWriter } from '../../util/bytes.js';
import type { LoadedSnapshot, SavedState, SnapshotContent } from '../state/snapshot.js';
import type { WindowTable } from '../state/window-table.js';
import type { Flow } from './flow.js';

/** Copies a flow right after a flush at `positions`. `has`: whether a table's file still stands. */
export function captureFlow(
  flow: Flow,
  positions: readonly Position[],
  has: (file: string | null) => boolean,
): SnapshotContent {
  const pool = new ByteWriter(1 << 16);
  flow.state.pool.write(pool);
  const clocks = new ByteWriter(1 << 10);
  clocks.double(flow.closeClock);
  flow.event?.write(clocks);
  const tables = [...flow.state.tables.values()].map((table) => {
    const state = stateOf(table);
    const bytes = has(state.file) ? null : captureTable(table);
    return { start: table.start, reopened: table.reopened, bytes, state };
  });
  return { positions, pool: pool.copy(), clocks: clocks.copy(), tables };
}

/** The state that a table is in. A dirty group changes again without a word, so a table with such has none to share. */
function stateOf(table: WindowTable): SavedState {
  if (table.dirtyCount > 0) return { file: null };
  return (table.saved ??= { file: null });
}

function captureTable(table: WindowTable): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter(1 << 16);
  table.write(writer);
  return writer.copy();
}

/**
 * Brings an empty flow to a snapshot's state. `isStored`: whether a window was closed and stored
 * after the snapshot; the store has all of it then.
 */
export function restoreFlow(flow: Flow, snapshot: LoadedSnapshot, isStored: (start: number) => boolean): void {
  flow.state.pool = BytePool.read(new ByteReader(snapshot.pool));
  const clocks = new ByteReader(snapshot.clocks);
  flow.closeClock = clocks.double();
  flow.event?.read(clocks);
  for (const { start, reopened, file, bytes } of snapshot.tables) {
    if (isStored(start)) continue;
    const reader = new ByteReader(bytes);
    reader.double();
    const groups = reader.unsigned();
    const table = flow.state.newTable(start, Math.max(64, 2 ** Math.ceil(Math.log2(groups + 1))), reopened);
    table.read(groups, reader);
    table.saved = { file };
    flow.state.adopt(table);
  }
}
