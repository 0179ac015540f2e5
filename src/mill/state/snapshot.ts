/**
 * Snapshots of a view's open windows, so that a start need not replay the whole stream.
 *
 * Purpose. The state at positions S: the pool, the clocks and every table in memory. A start loads
 * it and replays from S to what the log has committed (C).
 *
 * Layout. A folder with `manifest.json` (format, plan, positions, marks, and the name and crc32c of
 * every other file), one file for the pool, one for the clocks, one a table. A file is never
 * changed once written; a table that has not changed since the last snapshot keeps its file, so a
 * snapshot costs what changed. The manifest is written beside, synced, renamed, and the folder
 * synced; only then are files that it does not name removed.
 *
 * Recovery. A manifest that does not parse, names another plan or format, or a file whose crc does
 * not fit: there is no snapshot, and the view replays from the stream's start.
 */
import { join } from 'node:path';
import { crc32c } from '../../event/batch.js';
import type { Disk } from '../../io/disk.js';
import type { Position } from '../../log/log.js';

const FORMAT = 1;
const MANIFEST = 'manifest.json';

/**
 * A table's state as it was captured, shared by all snapshots that captured it without a change between.
 * A snapshot may be captured while others are still being written, so which file holds the state is known
 * only when it is this one's turn.
 */
export interface SavedState {
  /** The file that holds it, of the standing snapshot; null before the first is written. */
  file: string | null;
}

/** A table in a snapshot. */
export interface SnapshotTable {
  readonly start: number;
  readonly reopened: boolean;
  /** Null when a file holds them already. */
  readonly bytes: Uint8Array<ArrayBuffer> | null;
  readonly state: SavedState;
}

/** Everything a snapshot holds. */
export interface SnapshotContent {
  readonly positions: readonly Position[];
  readonly pool: Uint8Array<ArrayBuffer>;
  readonly clocks: Uint8Array<ArrayBuffer>;
  readonly tables: readonly SnapshotTable[];
}

/** A snapshot as it was read. */
export interface LoadedSnapshot {
  readonly positions: readonly Position[];
  readonly pool: Uint8Array;
  readonly clocks: Uint8Array;
  readonly tables: readonly {
    readonly start: number;
    readonly reopened: boolean;
    readonly file: string;
    readonly bytes: Uint8Array;
  }[];
}

interface FileEntry {
  readonly file: string;
  readonly crc: number;
}

interface Manifest {
  readonly format: number;
  readonly plan: string;
  readonly next: number;
  readonly positions: readonly Position[];
  readonly pool: FileEntry;
  readonly clocks: FileEntry;
  readonly tables: readonly (FileEntry & { readonly start: number; readonly reopened: boolean })[];
}

/** The snapshots of one view. */
export class Snapshots {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #plan: string;
  #next = 1;
  /** Crc of every file that the standing manifest names. */
  #crcs = new Map<string, number>();

  constructor(disk: Disk, folder: string, plan: string) {
    this.#disk = disk;
    this.#folder = folder;
    this.#plan = plan;
    disk.makeFolder(folder);
  }

  /** The standing snapshot, or undefined. */
  read(): LoadedSnapshot | undefined {
    const manifest = this.#readManifest();
    if (manifest === undefined) return undefined;
    const pool = this.#readFile(manifest.pool);
    const clocks = this.#readFile(manifest.clocks);
    const tables = manifest.tables.map((table) => ({
      start: table.start,
      reopened: table.reopened,
      file: table.file,
      bytes: this.#readFile(table),
    }));
    if (pool === undefined || clocks === undefined) return undefined;
    const whole = tables.filter((table): table is typeof table & { bytes: Uint8Array } => table.bytes !== undefined);
    if (whole.length < tables.length) return undefined;
    for (const { file, crc } of manifest.tables) this.#crcs.set(file, crc);
    return { positions: manifest.positions, pool, clocks, tables: whole };
  }

  #readManifest(): Manifest | undefined {
    const path = join(this.#folder, MANIFEST);
    if (!this.#disk.exists(path)) return undefined;
    let manifest: Manifest;
    try {
      manifest = JSON.parse(Buffer.from(readWhole(this.#disk, path)).toString()) as Manifest;
    } catch {
      return undefined; // The view replays from the stream's start, as the prose above says.
    }
    // File names never come again, whatever the plan was.
    this.#next = Math.max(this.#next, manifest.next ?? 1);
    return manifest.format === FORMAT && manifest.plan === this.#plan ? manifest : undefined;
  }

  #readFile(entry: FileEntry): Uint8Array | undefined {
    const path = join(this.#folder, entry.file);
    if (!this.#disk.exists(path)) return undefined;
    const bytes = readWhole(this.#disk, path);
    return crc32c(bytes, 0, bytes.length) === entry.crc ? bytes : undefined;
  }

  /** Replaces the standing snapshot; on disk when it resolves. */
  async write(content: SnapshotContent): Promise<void> {
    const crcs = new Map<string, number>();
    const put = async (kind: string, bytes: Uint8Array): Promise<FileEntry> => {
      const file = `${kind}-${this.#next++}`;
      const crc = crc32c(bytes, 0, bytes.length);
      await this.#writeFile(join(this.#folder, file), bytes);
      crcs.set(file, crc);
      return { file, crc };
    };
    const pool = await put('pool', content.pool);
    const clocks = await put('clocks', content.clocks);
    const tables: Manifest['tables'][number][] = [];
    for (const table of content.tables) {
      const { file } = table.state;
      const kept = file === null ? undefined : this.#crcs.get(file);
      if (file !== null && kept !== undefined) crcs.set(file, kept);
      const entry = kept === undefined ? await put('table', table.bytes!) : { file: file!, crc: kept };
      tables.push({ ...entry, start: table.start, reopened: table.reopened });
    }
    const manifest: Manifest = {
      format: FORMAT,
      plan: this.#plan,
      next: this.#next,
      positions: content.positions,
      pool,
      clocks,
      tables,
    };
    await this.#replaceManifest(manifest);
    this.#crcs = crcs;
    content.tables.forEach(({ state }, index) => (state.file = tables[index]!.file));
    this.#removeOthers();
  }

  /** Whether a file of the standing snapshot may be kept for the next. */
  has(file: string | null): boolean {
    return file !== null && this.#crcs.has(file);
  }

  async #writeFile(path: string, bytes: Uint8Array): Promise<void> {
    const file = this.#disk.open(path, 'create');
    try {
      await file.write(bytes, 0);
      await file.sync();
    } finally {
      file.close();
    }
  }

  async #replaceManifest(manifest: Manifest): Promise<void> {
    const path = join(this.#folder, MANIFEST);
    const beside = `${path}.new`;
    if (this.#disk.exists(beside)) this.#disk.remove(beside);
    await this.#writeFile(beside, Buffer.from(JSON.stringify(manifest)));
    this.#disk.syncDirectory(this.#folder);
    this.#disk.rename(beside, path);
    this.#disk.syncDirectory(this.#folder);
  }

  #removeOthers(): void {
    for (const file of this.#disk.list(this.#folder)) {
      if (file !== MANIFEST && !this.#crcs.has(file)) this.#disk.remove(join(this.#folder, file));
    }
  }
}

function readWhole(disk: Disk, path: string): Uint8Array {
  const file = disk.open(path, 'read');
  try {
    const bytes = new Uint8Array(file.size());
    for (let at = 0; at < bytes.length;) {
      const read = file.readSync(bytes, at, bytes.length - at, at);
      if (read === 0) return bytes.subarray(0, at);
      at += read;
    }
    return bytes;
  } finally {
    file.close();
  }
}
