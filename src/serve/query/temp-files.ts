/**
 * Parquet files that live as long as a query (or a few) needs them: what is only in memory, in the
 * form in which DuckDB reads.
 *
 * Limits: at most `filesMax` files and `bytesMax` bytes are kept for another query; the least
 * recently used goes first. A file that a query has pinned stays until it is released. The folder is emptied at start: nothing in
 * it is the truth.
 */
import { dirname, join } from 'node:path';
import { totalRows, type RowSlice } from '../../event/batch.js';
import type { Schema } from '../../event/schema.js';
import type { Disk, DiskFile } from '../../io/disk.js';
import { fileSink, ParquetWriter } from '../../format/parquet/writer.js';

/** A file in use. `path` is null when there were no rows. */
export interface TempFile {
  readonly path: string | null;
  release(): void;
}

interface Kept {
  readonly ready: Promise<string | null>;
  bytes: number;
  pins: number;
  usedAt: number;
}

const FILES_MAX = 256;
const BYTES_MAX = 256 * 1024 * 1024;

/** The temporary files of one engine. */
export class TempFiles {
  readonly #folder: string;
  readonly #disk: Disk;
  readonly #filesMax: number;
  readonly #bytesMax: number;
  readonly #kept = new Map<string, Kept>();
  #names = 0;
  #uses = 0;

  constructor(folder: string, disk: Disk, limits: { readonly filesMax?: number; readonly bytesMax?: number } = {}) {
    this.#folder = folder;
    this.#disk = disk;
    this.#filesMax = limits.filesMax ?? FILES_MAX;
    this.#bytesMax = limits.bytesMax ?? BYTES_MAX;
    disk.makeFolder(folder);
    for (const name of disk.list(folder)) if (name.endsWith('.parquet')) disk.remove(join(folder, name));
  }

  /** Files that exist now. */
  get size(): number {
    return this.#kept.size;
  }

  /** Whether the file of `key` is there or being written. */
  has(key: string): boolean {
    return this.#kept.has(key);
  }

  /** The file of `key`, written by `rows` when it is not there yet. A key means the same rows for ever. */
  async take(key: string, schema: Schema, rows: () => Iterable<readonly RowSlice[]>): Promise<TempFile> {
    let kept = this.#kept.get(key);
    if (kept === undefined) {
      kept = this.#write(schema, rows());
      this.#kept.set(key, kept);
    }
    const file = kept;
    file.pins += 1;
    file.usedAt = ++this.#uses;
    let released = false;
    const release = (): void => {
      if (released) return;
      released = true;
      file.pins -= 1;
      this.#evict();
    };
    try {
      return { path: await file.ready, release };
    } catch (error) {
      // The next query tries again instead of getting this failure.
      if (this.#kept.get(key) === file) this.#kept.delete(key);
      released = true;
      throw error;
    }
  }

  #write(schema: Schema, groups: Iterable<readonly RowSlice[]>): Kept {
    const path = join(this.#folder, `${++this.#names}.parquet`);
    const ready = writeParquet(this.#disk, path, schema, groups, { compression: 'none', sync: false }).then(
      ({ rows, bytes }) => {
        kept.bytes = bytes;
        return rows === 0 ? null : path;
      },
    );
    const kept: Kept = { ready, bytes: 0, pins: 0, usedAt: 0 };
    return kept;
  }

  #evict(): void {
    let bytes = 0;
    for (const kept of this.#kept.values()) bytes += kept.bytes;
    if (this.#kept.size <= this.#filesMax && bytes <= this.#bytesMax) return;
    const idle = [...this.#kept].filter(([, kept]) => kept.pins === 0).sort(([, a], [, b]) => a.usedAt - b.usedAt);
    for (const [key, kept] of idle) {
      if (this.#kept.size <= this.#filesMax && bytes <= this.#bytesMax) return;
      this.#kept.delete(key);
      bytes -= kept.bytes;
      void kept.ready.then((path) => path !== null && this.#disk.remove(path));
    }
  }

  /** Removes all files. */
  async close(): Promise<void> {
    for (const { ready } of this.#kept.values()) {
      // A file that could not be written is told to whoever asked for it.
      const path = await ready.catch(() => null);
      if (path !== null) this.#disk.remove(path);
    }
    this.#kept.clear();
  }
}

/** Writes a file of row groups; no rows make no file. With `sync`, file and folder are on disk when it resolves. */
export async function writeParquet(
  disk: Disk,
  path: string,
  schema: Schema,
  groups: Iterable<readonly RowSlice[]>,
  options: { readonly compression: 'none' | 'zstd'; readonly sync: boolean },
): Promise<{ rows: number; bytes: number }> {
  let writer: ParquetWriter | null = null;
  let file: DiskFile | null = null;
  try {
    for (const group of groups) {
      if (totalRows(group) === 0) continue;
      file ??= disk.open(path, 'exclusive');
      writer ??= new ParquetWriter(schema, fileSink(file), { compression: options.compression });
      await writer.writeRowGroup(group);
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    if (writer === null || file === null) return { rows: 0, bytes: 0 };
    const { rows, bytes } = await writer.finish();
    if (options.sync) await file.sync();
    return { rows, bytes };
  } finally {
    file?.close();
    if (options.sync) disk.syncDirectory(dirname(path));
  }
}

/** Rows of a row group: small, because encoding one keeps the thread from everything else. */
const GROUP_ROWS = 16_384;

/** Cuts slices into row groups. */
export function* rowGroups(slices: Iterable<RowSlice>): Generator<readonly RowSlice[]> {
  let group: RowSlice[] = [];
  for (const slice of slices) {
    group.push(slice);
    if (totalRows(group) < GROUP_ROWS) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}
