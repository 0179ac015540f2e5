/**
 * A disk that only promises what a disk promises.
 *
 * What is written is seen by readers at once, but it is on the platter only after `sync`; a new
 * name only after `syncDirectory`. `crash` cuts the power: of everything not synced it keeps any
 * subset of sectors, in any order, some of them torn in the middle, and any subset of directory
 * changes. What is left is the next life's disk.
 *
 * After a *failed* sync the kernel's pages are clean: each sector is either on the platter or lost
 * for good, and no later sync brings it back.
 */
import { dirname } from 'node:path';
import type { Disk, DiskFile, FileStat } from '../../src/io/disk.js';
import type { SeededRandom } from './random.js';

const SECTOR = 512;

/** A broken promise, to show that the harness notices. */
export type DiskControl = 'no-data-sync' | 'sync-after-answer' | 'no-directory-sync';

/** An operation about to happen. */
export interface DiskOperation {
  readonly kind: 'open' | 'read' | 'write' | 'sync' | 'allocate' | 'truncate' | 'rename' | 'remove' | 'syncDirectory';
  readonly path: string;
  readonly bytes: number;
}

interface Inode {
  /** What readers see. */
  data: Uint8Array;
  size: number;
  /** What survives. */
  durable: Uint8Array;
  durableSize: number;
  pending: Change[];
}

type Change = { readonly position: number; readonly bytes: Uint8Array } | { readonly truncate: number };

type NameChange =
  | { readonly set: string; readonly inode: Inode }
  | { readonly unset: string }
  | { readonly from: string; readonly to: string; readonly inode: Inode };

/** The simulated disk of one machine. */
export class SimDisk implements Disk {
  /** Answers an error to be thrown instead of doing the operation. */
  fault: ((operation: DiskOperation) => Error | undefined) | undefined;
  /** Operations of one kind so far. */
  readonly counts: Record<string, number> = {};
  readonly #random: SeededRandom;
  readonly #control: DiskControl | undefined;
  #names = new Map<string, Inode>();
  #durableNames = new Map<string, Inode>();
  #nameChanges: NameChange[] = [];
  #dead = false;

  constructor(random: SeededRandom, control?: DiskControl) {
    this.#random = random;
    this.#control = control;
  }

  open(path: string, mode: 'read' | 'write' | 'create' | 'exclusive'): DiskFile {
    this.#check({ kind: 'open', path, bytes: 0 });
    let inode = this.#names.get(path);
    if (inode !== undefined && mode === 'exclusive') throw errno('EEXIST', `${path} exists`);
    if (inode === undefined) {
      if (mode === 'read' || mode === 'write') throw errno('ENOENT', `${path} is not there`);
      inode = { data: new Uint8Array(0), size: 0, durable: new Uint8Array(0), durableSize: 0, pending: [] };
      this.#names.set(path, inode);
      this.#nameChanges.push({ set: path, inode });
    }
    return this.#file(path, inode);
  }

  exists(path: string): boolean {
    return this.#names.has(path);
  }

  stat(path: string): FileStat | undefined {
    const inode = this.#names.get(path);
    if (inode !== undefined) return { bytes: inode.size, folder: false, modifiedMs: 0 };
    return this.list(path).length === 0 ? undefined : { bytes: 0, folder: true, modifiedMs: 0 };
  }

  list(folder: string): string[] {
    const below = [...this.#names.keys()].filter((path) => path.startsWith(`${folder}/`));
    return [...new Set(below.map((path) => path.slice(folder.length + 1).split('/')[0]!))];
  }

  makeFolder(): void {
    // Folders are only prefixes of names here.
  }

  rename(from: string, to: string): void {
    this.#check({ kind: 'rename', path: from, bytes: 0 });
    const inode = this.#names.get(from);
    if (inode === undefined) throw errno('ENOENT', `${from} is not there`);
    this.#names.delete(from);
    this.#names.set(to, inode);
    this.#nameChanges.push({ from, to, inode });
  }

  renameNew(from: string, to: string): boolean {
    if (this.#names.has(to)) return false;
    this.rename(from, to);
    return true;
  }

  remove(path: string): void {
    this.#check({ kind: 'remove', path, bytes: 0 });
    if (this.#names.delete(path)) this.#nameChanges.push({ unset: path });
  }

  async syncDirectoryLater(folder: string): Promise<void> {
    this.syncDirectory(folder);
  }

  syncDirectory(folder: string): void {
    this.#check({ kind: 'syncDirectory', path: folder, bytes: 0 });
    if (this.#control === 'no-directory-sync') return;
    for (const change of this.#nameChanges) if (isIn(folder, change)) applyName(this.#durableNames, change);
    this.#nameChanges = this.#nameChanges.filter((change) => !isIn(folder, change));
  }

  freeBytes(): number {
    return 1e12;
  }

  /** Cuts the power. Nothing of the old life works any more; the result is what the next one finds. */
  crash(): SimDisk {
    this.#dead = true;
    const next = new SimDisk(this.#random, this.#control);
    for (const change of this.#nameChanges) if (this.#random.chance(0.5)) applyName(this.#durableNames, change);
    const inodes = new Map<Inode, Inode>();
    for (const [path, inode] of this.#durableNames) {
      let left = inodes.get(inode);
      if (left === undefined) inodes.set(inode, (left = this.#survivor(inode)));
      next.#names.set(path, left);
      next.#durableNames.set(path, left);
    }
    return next;
  }

  /** Flips one bit of a file, on the platter and in memory. */
  flip(path: string, position: number, bit: number): void {
    const inode = this.#names.get(path)!;
    inode.data[position]! ^= 1 << bit;
    if (position < inode.durableSize) inode.durable[position]! ^= 1 << bit;
  }

  /** The bytes of a file as readers see them. */
  bytesOf(path: string): Uint8Array {
    const inode = this.#names.get(path)!;
    return inode.data.slice(0, inode.size);
  }

  /** An independent copy, everything on it synced. */
  copy(): SimDisk {
    const next = new SimDisk(this.#random, this.#control);
    for (const [path, { data, size }] of this.#names) {
      const inode: Inode = {
        data: data.slice(0, size),
        size,
        durable: data.slice(0, size),
        durableSize: size,
        pending: [],
      };
      next.#names.set(path, inode);
      next.#durableNames.set(path, inode);
    }
    return next;
  }

  #survivor(inode: Inode): Inode {
    for (const change of this.#shuffledSectors(inode.pending)) if (this.#random.chance(0.5)) this.#keep(inode, change);
    const data = inode.durable.slice(0, inode.durableSize);
    return { data, size: data.length, durable: data.slice(), durableSize: data.length, pending: [] };
  }

  #keep(inode: Inode, change: Change): void {
    if ('truncate' in change) {
      inode.durableSize = Math.min(inode.durableSize, change.truncate);
      return;
    }
    const torn = this.#random.chance(0.2);
    const bytes = torn ? change.bytes.subarray(0, this.#random.below(change.bytes.length + 1)) : change.bytes;
    writeDurable(inode, change.position, bytes);
  }

  /** Writes in pieces of a sector, in random order; a truncation keeps its place among them. */
  #shuffledSectors(pending: readonly Change[]): Change[] {
    const pieces = pending.flatMap((change): Change[] => ('truncate' in change ? [change] : sectorsOf(change)));
    for (let i = pieces.length - 1; i > 0; i--) {
      const j = this.#random.below(i + 1);
      [pieces[i], pieces[j]] = [pieces[j]!, pieces[i]!];
    }
    return pieces;
  }

  #file(path: string, inode: Inode): DiskFile {
    const disk = this;
    let closed = false;
    const check = (kind: DiskOperation['kind'], bytes = 0): void => {
      if (closed) throw errno('EBADF', `${path} is closed`);
      disk.#check({ kind, path, bytes });
    };
    const write = (source: Uint8Array, position: number): void => {
      const bytes = source.slice();
      inode.data = sized(inode.data, Math.max(inode.size, position + bytes.length));
      inode.data.set(bytes, position);
      inode.size = Math.max(inode.size, position + bytes.length);
      inode.pending.push({ position, bytes });
    };
    return {
      readSync(target, offset, length, position) {
        check('read', length);
        const bytes = inode.data.subarray(position, Math.min(inode.size, position + length));
        target.set(bytes, offset);
        return bytes.length;
      },
      async write(source, position) {
        check('write', source.length);
        write(source, position);
        await disk.#later();
      },
      writeSync(source, position) {
        check('write', source.length);
        write(source, position);
      },
      sync: () => disk.#sync(path, inode, check),
      syncSync() {
        check('sync');
        disk.#makeDurable(inode, inode.pending.length);
      },
      async allocate(size) {
        check('allocate', size);
        if (size > inode.size) write(new Uint8Array(size - inode.size), inode.size);
        await disk.#later();
      },
      async truncate(size) {
        check('truncate', size);
        inode.data = sized(inode.data.subarray(0, Math.min(size, inode.size)), size);
        inode.size = size;
        inode.pending.push({ truncate: size });
        await disk.#later();
      },
      size: () => inode.size,
      close() {
        closed = true;
      },
    };
  }

  async #sync(path: string, inode: Inode, check: (kind: DiskOperation['kind']) => void): Promise<void> {
    try {
      check('sync');
    } catch (error) {
      // The pages are clean now, wherever they went.
      for (const change of this.#shuffledSectors(inode.pending))
        if (this.#random.chance(0.5)) this.#keep(inode, change);
      inode.pending = [];
      throw error;
    }
    const count = inode.pending.length;
    if (this.#control === 'sync-after-answer') {
      void this.#later(8).then(() => this.#makeDurable(inode, count));
      return;
    }
    await this.#later();
    if (!path.includes('/data-sync-always/') && this.#control === 'no-data-sync') return;
    this.#makeDurable(inode, count);
  }

  #makeDurable(inode: Inode, count: number): void {
    if (this.#dead) return;
    for (const change of inode.pending.splice(0, count)) {
      if ('truncate' in change) {
        inode.durable = sized(inode.durable.subarray(0, Math.min(change.truncate, inode.durableSize)), change.truncate);
        inode.durableSize = change.truncate;
      } else writeDurable(inode, change.position, change.bytes);
    }
  }

  /** Some turns of the event loop later; never, when the power went off meanwhile. */
  async #later(most = 4): Promise<void> {
    for (let turns = this.#random.below(most) + 1; turns > 0; turns--)
      await new Promise((resolve) => setImmediate(resolve));
    if (this.#dead) await new Promise(() => undefined);
  }

  #check(operation: DiskOperation): void {
    if (this.#dead) throw new Error('the power is off');
    this.counts[operation.kind] = (this.counts[operation.kind] ?? 0) + 1;
    const error = this.fault?.(operation);
    if (error !== undefined) throw error;
  }
}

/** An error as Node's file system throws it. */
export function errno(code: string, message: string): Error {
  return Object.assign(new Error(`${code}: ${message}`), { code });
}

/** Whether a change of names is made durable by syncing `folder`; a rename by either of its ends. */
function isIn(folder: string, change: NameChange): boolean {
  const paths = 'set' in change ? [change.set] : 'unset' in change ? [change.unset] : [change.from, change.to];
  return paths.some((path) => dirname(path) === folder);
}

function applyName(names: Map<string, Inode>, change: NameChange): void {
  if ('set' in change) names.set(change.set, change.inode);
  else if ('unset' in change) names.delete(change.unset);
  else {
    // The new name leads to the file whether or not the old one was ever on the platter.
    names.delete(change.from);
    names.set(change.to, change.inode);
  }
}

function sectorsOf({ position, bytes }: { position: number; bytes: Uint8Array }): Change[] {
  const pieces: Change[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(bytes.length, at + SECTOR - ((position + at) % SECTOR));
    pieces.push({ position: position + at, bytes: bytes.subarray(at, end) });
    at = end;
  }
  return pieces;
}

function writeDurable(inode: Inode, position: number, bytes: Uint8Array): void {
  inode.durable = sized(inode.durable, Math.max(inode.durableSize, position + bytes.length));
  inode.durable.set(bytes, position);
  inode.durableSize = Math.max(inode.durableSize, position + bytes.length);
}

/** `data` with room for `size` bytes, zeros behind. */
function sized(data: Uint8Array, size: number): Uint8Array {
  if (data.length >= size) return data;
  const larger = new Uint8Array(Math.max(size, data.length * 2));
  larger.set(data);
  return larger;
}
