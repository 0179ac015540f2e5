/**
 * The disk, as the log and the lake use it; given by argument so that tests can put a simulated
 * one below them (power loss, torn and reordered writes, EIO, ENOSPC).
 *
 * All paths are absolute. A rename or a new file is durable only after `syncDirectory` of its folder.
 */

/** An open file. */
export interface DiskFile {
  /** Reads up to `length` bytes at `position` into `target` at `offset`; answers how many. */
  readSync(target: Uint8Array, offset: number, length: number, position: number): number;
  /** Writes all of `source` at `position`. */
  write(source: Uint8Array, position: number): Promise<void>;
  writeSync(source: Uint8Array, position: number): void;
  /** fdatasync: data and the size needed to read it are on disk when this resolves. */
  sync(): Promise<void>;
  syncSync(): void;
  /** Reserves and zero-fills so that later writes below `size` allocate nothing. */
  allocate(size: number): Promise<void>;
  truncate(size: number): Promise<void>;
  size(): number;
  close(): void;
}

/** What is at a path. */
export interface FileStat {
  readonly bytes: number;
  readonly folder: boolean;
  /** When the content last changed, ms since 1970 with a fraction. */
  readonly modifiedMs: number;
}

/** The disk. */
export interface Disk {
  /** Opens; `create` makes it when missing; `exclusive` fails if it is there. `permissions` of a new file; default by the process's umask. */
  open(path: string, mode: 'read' | 'write' | 'create' | 'exclusive', permissions?: number): DiskFile;
  exists(path: string): boolean;
  /** Undefined when nothing is there. */
  stat(path: string): FileStat | undefined;
  list(folder: string): string[];
  makeFolder(path: string): void;
  rename(from: string, to: string): void;
  /** Renames unless `to` is there; answers whether it did. No other process comes between, where files can be linked. */
  renameNew(from: string, to: string): boolean;
  remove(path: string): void;
  /** Makes creations, renames and removals in `folder` durable. */
  syncDirectory(folder: string): void;
  /** The same without holding up the thread: durable when it resolves. */
  syncDirectoryLater(folder: string): Promise<void>;
  /** Free bytes of the file system that holds `path`. */
  freeBytes(path: string): number;
}
