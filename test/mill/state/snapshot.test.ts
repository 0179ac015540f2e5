import { expect, it } from 'vitest';
import type { Disk } from '../../../src/io/disk.js';
import { Snapshots, type SavedState, type SnapshotContent } from '../../../src/mill/state/snapshot.js';
import { SimDisk } from '../../sim/disk.js';
import { SeededRandom } from '../../sim/random.js';

const FOLDER = '/mill/view/snapshot';

/** What `captureFlow` makes of one table that does not change, when this is captured. */
function captured(snapshots: Snapshots, state: SavedState, offset: number): SnapshotContent {
  const bytes = snapshots.has(state.file) ? null : Uint8Array.of(1, 2, 3);
  return {
    positions: [{ stream: 'events', partition: 0, offset }],
    pool: Uint8Array.of(offset),
    clocks: Uint8Array.of(offset),
    tables: [{ start: 60_000, reopened: false, bytes, state }],
  };
}

function readBack(disk: Disk): unknown {
  const loaded = new Snapshots(disk, FOLDER, 'plan').read();
  return { offset: loaded?.positions[0]?.offset, tables: loaded?.tables.map(({ bytes }) => [...bytes]) };
}

it('keeps a table whose file was replaced while its snapshot waited', async () => {
  const disk = new SimDisk(new SeededRandom(1));
  const snapshots = new Snapshots(disk, FOLDER, 'plan');
  const state: SavedState = { file: null };
  // Two are captured before the first is written, and a third while the second is.
  const first = captured(snapshots, state, 1);
  const second = captured(snapshots, state, 2);
  await snapshots.write(first);
  const third = captured(snapshots, state, 3);
  expect(third.tables[0]!.bytes).toBeNull();
  await snapshots.write(second);
  expect(readBack(disk)).toEqual({ offset: 2, tables: [[1, 2, 3]] });
  await snapshots.write(third);
  expect(readBack(disk)).toEqual({ offset: 3, tables: [[1, 2, 3]] });
});
