/**
 * The reading side of the lake, for any thread: which files a query must read.
 *
 * The snapshot file itself is the notification: its first line holds a version, so a look costs one
 * small read, and the rest is parsed only when the version moved.
 */
import { join } from 'node:path';
import type { Disk } from '../io/disk.js';
import { dataFolder, readSnapshot, snapshotVersion, type LakeFile, type LakeSnapshot } from './snapshot.js';

/** What the lake holds of a stream, for one query. */
export interface LakeTake {
  /** Absolute paths of the files of all rows below `offsets`, each row once. */
  readonly files: readonly string[];
  /** One past the last row in the files, by partition. */
  readonly offsets: readonly number[];
  /** The query is done. Nothing to do today: replaced files stay for `graceMs`, longer than any query. */
  release(): void;
}

/** Snapshots by stream, as new as the last call. */
export interface LakeCatalog {
  /** The files and offsets of the newest snapshot; null while the stream has none. */
  take(stream: string): LakeTake | null;
  /** The newest snapshot of a stream; undefined while it has none. */
  snapshot(stream: string): LakeSnapshot | undefined;
  /** The absolute path of a file of a snapshot. */
  pathOf(stream: string, file: LakeFile): string;
}

/** Opens the catalog of a lake folder. */
export function openCatalog(disk: Disk, lake: string): LakeCatalog {
  const known = new Map<string, LakeSnapshot>();
  const newest = (stream: string): LakeSnapshot | undefined => {
    const version = snapshotVersion(disk, lake, stream);
    if (version < 0) return undefined;
    const cached = known.get(stream);
    if (cached !== undefined && cached.version === version) return cached;
    const snapshot = readSnapshot(disk, lake, stream);
    if (snapshot !== undefined) known.set(stream, snapshot);
    return snapshot;
  };
  const pathOf = (stream: string, file: LakeFile): string => join(dataFolder(lake, stream), file.name);
  return {
    snapshot: newest,
    pathOf,
    take(stream) {
      const snapshot = newest(stream);
      if (snapshot === undefined) return null;
      return {
        files: snapshot.files.map((file) => pathOf(stream, file)),
        offsets: snapshot.committed,
        release: () => undefined,
      };
    },
  };
}
