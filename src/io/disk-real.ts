/**
 * The machine's disk.
 *
 * Writes, syncs and allocation go through Node's thread pool, so that no commit blocks the event
 * loop; reads are synchronous, because what the log reads is nearly always in the page cache and a
 * hop to the pool costs more than the read. Errors are Node's own (`error.code` is `ENOSPC`, …).
 */
import fs from 'node:fs';
import type { Disk, DiskFile } from './disk.js';

const FLAGS = { read: 'r', write: 'r+', create: fs.constants.O_RDWR | fs.constants.O_CREAT, exclusive: 'wx+' } as const;

/** Zeros are written in pieces, so that filling a segment never holds up a commit for long. */
const FILL_BYTES = 1024 * 1024;
let zeros: Uint8Array | undefined;

/** The file system of this machine. */
export const realDisk: Disk = {
  open: (path, mode, permissions) => new RealFile(fs.openSync(path, FLAGS[mode], permissions)),
  exists: (path) => fs.existsSync(path),
  stat(path) {
    try {
      const stat = fs.statSync(path);
      return { bytes: stat.size, folder: stat.isDirectory(), modifiedMs: stat.mtimeMs };
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
      throw error;
    }
  },
  list: (folder) => fs.readdirSync(folder),
  makeFolder: (path) => void fs.mkdirSync(path, { recursive: true }),
  rename: (from, to) => fs.renameSync(from, to),
  renameNew,
  remove: (path) => fs.rmSync(path, { force: true }),
  syncDirectory(folder) {
    const descriptor = fs.openSync(folder, 'r');
    try {
      fs.fsyncSync(descriptor);
    } finally {
      fs.closeSync(descriptor);
    }
  },
  async syncDirectoryLater(folder) {
    const handle = await fs.promises.open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
  freeBytes(path) {
    const { bavail, bsize } = fs.statfsSync(path);
    return bavail * bsize;
  },
};

/** A link fails when the name is taken; a rename would replace it. */
function renameNew(from: string, to: string): boolean {
  try {
    fs.linkSync(from, to);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (code === 'EEXIST') return false;
    if (!LINKLESS.has(code) || !fs.existsSync(from)) throw error;
    // A file system without links (FAT, some network shares): no more than a look before.
    if (fs.existsSync(to)) return false;
    fs.renameSync(from, to);
    return true;
  }
  fs.rmSync(from);
  return true;
}

const LINKLESS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

class RealFile implements DiskFile {
  readonly #descriptor: number;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  readSync(target: Uint8Array, offset: number, length: number, position: number): number {
    let done = 0;
    while (done < length) {
      const read = fs.readSync(this.#descriptor, target, offset + done, length - done, position + done);
      if (read === 0) break;
      done += read;
    }
    return done;
  }

  write(source: Uint8Array, position: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const step = (done: number): void => {
        fs.write(this.#descriptor, source, done, source.length - done, position + done, (error, written) => {
          if (error !== null) reject(error);
          else if (done + written === source.length) resolve();
          else if (written === 0) reject(new Error('the disk took no bytes'));
          else step(done + written);
        });
      };
      step(0);
    });
  }

  writeSync(source: Uint8Array, position: number): void {
    let done = 0;
    while (done < source.length) {
      const written = fs.writeSync(this.#descriptor, source, done, source.length - done, position + done);
      if (written === 0) throw new Error('the disk took no bytes');
      done += written;
    }
  }

  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.fdatasync(this.#descriptor, (error) => (error === null ? resolve() : reject(error)));
    });
  }

  syncSync(): void {
    fs.fdatasyncSync(this.#descriptor);
  }

  async allocate(size: number): Promise<void> {
    zeros ??= new Uint8Array(FILL_BYTES);
    for (let at = this.size(); at < size; at += FILL_BYTES)
      await this.write(size - at < FILL_BYTES ? zeros.subarray(0, size - at) : zeros, at);
  }

  truncate(size: number): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.ftruncate(this.#descriptor, size, (error) => (error === null ? resolve() : reject(error)));
    });
  }

  size(): number {
    return fs.fstatSync(this.#descriptor).size;
  }

  close(): void {
    fs.closeSync(this.#descriptor);
  }
}
