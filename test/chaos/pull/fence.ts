/** A disk that can be taken from a process: from then on nothing that it does takes effect. */
import type { Disk, DiskFile } from '../../../src/io/disk.js';

/** The disk of one life of a process. */
export interface FencedDisk extends Disk {
  /** The process is killed. */
  cut(): void;
}

/** Puts the fence before a disk. */
export function fenced(disk: Disk): FencedDisk {
  let isCut = false;
  const check = (): void => {
    if (isCut) throw new Error('killed');
  };
  const file = (inner: DiskFile): DiskFile => ({
    readSync: (...args) => inner.readSync(...args),
    write: async (...args) => (check(), inner.write(...args)),
    writeSync: (...args) => (check(), inner.writeSync(...args)),
    sync: async () => (check(), inner.sync()),
    syncSync: () => (check(), inner.syncSync()),
    allocate: async (size) => (check(), inner.allocate(size)),
    truncate: async (size) => (check(), inner.truncate(size)),
    size: () => inner.size(),
    close: () => inner.close(),
  });
  return {
    cut: () => void (isCut = true),
    open: (path, mode, permissions) => {
      if (mode !== 'read') check();
      return file(inner(path, mode, permissions));
    },
    exists: (path) => disk.exists(path),
    stat: (path) => disk.stat(path),
    list: (folder) => disk.list(folder),
    makeFolder: (path) => (check(), disk.makeFolder(path)),
    rename: (from, to) => (check(), disk.rename(from, to)),
    renameNew: (from, to) => (check(), disk.renameNew(from, to)),
    remove: (path) => (check(), disk.remove(path)),
    syncDirectory: (folder) => (check(), disk.syncDirectory(folder)),
    syncDirectoryLater: async (folder) => (check(), disk.syncDirectoryLater(folder)),
    freeBytes: (path) => disk.freeBytes(path),
  };

  function inner(path: string, mode: Parameters<Disk['open']>[1], permissions: number | undefined): DiskFile {
    return permissions === undefined ? disk.open(path, mode) : disk.open(path, mode, permissions);
  }
}
