import type { Disk, DiskFile } from '../../src/io/disk.js';
import { realDisk } from '../../src/io/disk-real.js';

/** The machine's disk without its syncs: what a process that crashes needs, and much faster. */
export const noSyncDisk: Disk = {
  ...realDisk,
  open(path, mode) {
    const file = realDisk.open(path, mode);
    const quick: DiskFile = {
      readSync: (...args) => file.readSync(...args),
      write: (...args) => file.write(...args),
      writeSync: (...args) => file.writeSync(...args),
      sync: () => Promise.resolve(),
      syncSync: () => undefined,
      allocate: (size) => file.allocate(size),
      truncate: (size) => file.truncate(size),
      size: () => file.size(),
      close: () => file.close(),
    };
    return quick;
  },
  syncDirectory: () => undefined,
};
