/** A flow as a snapshot, and back. */
import type { Position } from '../../log/log.js';
import { BytePool } from '../state/byte-pool.js';
import { ByteReader, ByteWriter } from '../state/bytes.js';
import type { LoadedSnapshot, SnapshotContent } from '../state/snapshot.js';
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
    const kept = has(table.savedAs) && table.dirtyCount === 0;
    return {
      start: table.start,
      reopened: table.reopened,
      file: kept ? table.savedAs : null,
      bytes: kept ? null : captureTable(table),
      saved: markSaved(table),
    };
  });
  return { positions, pool: pool.copy(), clocks: clocks.copy(), tables };
}

/** The table may have changed while its file was written: then the file is of an older state. */
function markSaved(table: WindowTable): (file: string) => void {
  const token = 'saving';
  if (table.savedAs === null) table.savedAs = token;
  return (file) => {
    if (table.savedAs === token || table.savedAs === file) table.savedAs = file;
  };
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
    table.savedAs = file;
    flow.state.adopt(table);
  }
}
