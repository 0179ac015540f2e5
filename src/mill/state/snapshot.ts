/**
 * Snapshots of a view's open windows, so that a start need not replay the whole stream.
 *
 * Purpose. The state at positions S: the pool, the clocks and every table in memory. A start loads
 * it and replays from S to what the log has committed (C).
 *
 * Layout. A folder with `manifest.json` (format, plan, positions, marks, and the name and crc32c of
 * every other file), one file for the pool, one for the clocks, one a table. A file is never
 * changed once written; a table that has not changed since the last snapshot keeps its file, so a
 * snapshot costs what changed. See `manifest-folder.ts`.
 *
 * Recovery. A manifest that does not parse, names another plan or format, or a file whose crc does
 * not fit: there is no snapshot, and the view replays from the stream's start.
 */
import type { Disk } from '../../io/disk.js';
import type { Position } from '../../log/log.js';
import { ManifestFolder } from './manifest-folder.js';
import type { FileEntry } from './manifest-folder.js';

const FORMAT = 1;

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

interface Content {
  readonly positions: readonly Position[];
  readonly pool: FileEntry;
  readonly clocks: FileEntry;
  readonly tables: readonly (FileEntry & { readonly start: number; readonly reopened: boolean })[];
}

/** The snapshots of one view. */
export class Snapshots {
  readonly #files: ManifestFolder<Content>;
  /** Crc of every file that the standing manifest names. */
  #crcs = new Map<string, number>();

  constructor(disk: Disk, folder: string, plan: string) {
    this.#files = new ManifestFolder(disk, folder, { format: FORMAT, plan });
  }

  /** The standing snapshot, or undefined. */
  read(): LoadedSnapshot | undefined {
    const manifest = this.#files.readManifest();
    if (manifest === undefined) return undefined;
    const pool = this.#files.readFile(manifest.pool);
    const clocks = this.#files.readFile(manifest.clocks);
    const tables = manifest.tables.map((table) => ({
      start: table.start,
      reopened: table.reopened,
      file: table.file,
      bytes: this.#files.readFile(table),
    }));
    if (pool === undefined || clocks === undefined) return undefined;
    const whole = tables.filter((table): table is typeof table & { bytes: Uint8Array } => table.bytes !== undefined);
    if (whole.length < tables.length) return undefined;
    for (const { file, crc } of manifest.tables) this.#crcs.set(file, crc);
    return { positions: manifest.positions, pool, clocks, tables: whole };
  }

  /** Replaces the standing snapshot; on disk when it resolves. */
  async write(content: SnapshotContent): Promise<void> {
    const crcs = new Map<string, number>();
    const put = async (kind: string, bytes: Uint8Array): Promise<FileEntry> => {
      const entry = await this.#files.put(kind, bytes);
      crcs.set(entry.file, entry.crc);
      return entry;
    };
    const pool = await put('pool', content.pool);
    const clocks = await put('clocks', content.clocks);
    const tables: Content['tables'][number][] = [];
    for (const table of content.tables) {
      const { file } = table.state;
      const kept = file === null ? undefined : this.#crcs.get(file);
      if (file !== null && kept !== undefined) crcs.set(file, kept);
      const entry = kept === undefined ? await put('table', table.bytes!) : { file: file!, crc: kept };
      tables.push({ ...entry, start: table.start, reopened: table.reopened });
    }
    await this.#files.replace({ positions: content.positions, pool, clocks, tables }, (file) => crcs.has(file));
    this.#crcs = crcs;
    content.tables.forEach(({ state }, index) => (state.file = tables[index]!.file));
  }

  /** Whether a file of the standing snapshot may be kept for the next. */
  has(file: string | null): boolean {
    return file !== null && this.#crcs.has(file);
  }
}
