/**
 * Closed windows' rows as sorted Parquet files: what SQL and scans read.
 *
 * Every sealed table becomes a file; when there are `FAN_OUT` files of a level they are merged into
 * one of the next, so that a view has few files and a row is rewritten a logarithmic number of times.
 * A row that a newer one replaced stays in its file until the next merge; its id is in `dead`, and
 * every reader leaves those out. Too many dead rows make their files be merged early.
 *
 * Invariants: a live row of the blocks is in exactly one file; a file never changes; the list of
 * files is in the block store's meta table and changes in the same transaction as what it belongs
 * to. Files that are not in the list are left from a crash and are removed at start.
 *
 * A file that a merge replaced is removed when no query reads it any more.
 */
import { join } from 'node:path';
import type { RowSlice } from '../event/batch.js';
import type { Schema } from '../event/schema.js';
import type { Disk } from '../io/disk.js';
import { exportRows, fileSchema } from './export.js';
import type { RowLayout } from './layout.js';
import type { RowSet } from './row-set.js';
import type { WindowTable } from './window-table.js';

/** Files of a level that become one of the next. */
const FAN_OUT = 8;
/** Dead rows that make their files be merged. */
const DEAD_MAX = 20_000;
const CHUNK_ROWS = 16_384;

/** A file of rows. */
export interface RunFile {
  readonly name: string;
  readonly rows: number;
  readonly bytes: number;
  readonly level: number;
}

/** Writes a Parquet file and syncs it; answers its size. */
export type WriteRun = (path: string, schema: Schema, groups: Iterable<readonly RowSlice[]>) => Promise<{ readonly rows: number; readonly bytes: number }>;

/** The files of one view. */
export class Runs {
  readonly schema: Schema;
  readonly folder: string;
  readonly #disk: Disk;
  readonly #write: WriteRun;
  #files: readonly RunFile[];
  readonly #pins = new Map<string, number>();
  /** Files that are in the list no more and wait for a query to end. */
  readonly #leaving = new Set<string>();
  #nextName: number;

  constructor(layout: RowLayout, folder: string, disk: Disk, write: WriteRun, files: readonly RunFile[]) {
    this.schema = fileSchema(layout);
    this.folder = folder;
    this.#disk = disk;
    this.#write = write;
    this.#files = files;
    disk.makeFolder(folder);
    const known = new Set(files.map(({ name }) => name));
    for (const name of disk.list(folder)) if (!known.has(name)) disk.remove(join(folder, name));
    this.#nextName = Math.max(0, ...files.map(({ name }) => Number.parseInt(name, 10))) + 1;
  }

  /** The files in force. */
  get files(): readonly RunFile[] {
    return this.#files;
  }

  /** Whether every file is there with its size. */
  get complete(): boolean {
    return this.#files.every(({ name, bytes }) => {
      const path = this.pathOf(name);
      if (!this.#disk.exists(path)) return false;
      const file = this.#disk.open(path, 'read');
      const size = file.size();
      file.close();
      return size === bytes;
    });
  }

  /** The path of a file. */
  pathOf(name: string): string {
    return join(this.folder, name);
  }

  /** A name for a new file. */
  newName(): string {
    return `${this.#nextName++}.parquet`;
  }

  /** Writes a table's live rows; null when it has none. Not in the list yet. */
  async writeTable(table: WindowTable): Promise<RunFile | null> {
    const order = Int32Array.from({ length: table.rows }, (_, slot) => slot);
    // Tenants by their bytes, as DuckDB orders texts.
    const ranks = new Map([...table.tenantCodes()].sort((a, b) => Buffer.compare(table.pool.bytesOf(a), table.pool.bytesOf(b))).map((code, rank) => [code, rank]));
    order.sort((a, b) => ranks.get(table.tenants[a]!)! - ranks.get(table.tenants[b]!)! || table.ids[a]! - table.ids[b]!);
    return this.writeRows((function* () { for (let from = 0; from < order.length; from += CHUNK_ROWS) yield { rows: table, picks: order.subarray(from, from + CHUNK_ROWS) }; })(), 0);
  }

  /** Writes rows in the given order; null when none of them lives. */
  async writeRows(parts: Iterable<{ readonly rows: RowSet; readonly picks: ArrayLike<number> }>, level: number): Promise<RunFile | null> {
    const name = this.newName();
    const { schema } = this;
    const { rows, bytes } = await this.#write(this.pathOf(name), schema, rowGroups(schema, parts));
    return rows === 0 ? null : { name, rows, bytes, level };
  }

  /** The list with a file more, or with some replaced by others. */
  listWith(added: readonly RunFile[], removed: readonly RunFile[] = []): readonly RunFile[] {
    return [...this.#files.filter((file) => !removed.includes(file)), ...added];
  }

  /** Puts a list in force that is on disk now. */
  replace(files: readonly RunFile[]): void {
    for (const file of this.#files) if (!files.includes(file)) this.#leaving.add(file.name);
    this.#files = files;
    this.#sweep();
  }

  /** Holds the files in force for a query; answers their paths and the release. */
  pin(): { readonly paths: readonly string[]; release(): void } {
    const names = this.#files.map(({ name }) => name);
    for (const name of names) this.#pins.set(name, (this.#pins.get(name) ?? 0) + 1);
    let released = false;
    const release = (): void => {
      if (released) return;
      released = true;
      for (const name of names) {
        const left = this.#pins.get(name)! - 1;
        if (left === 0) this.#pins.delete(name);
        else this.#pins.set(name, left);
      }
      this.#sweep();
    };
    return { paths: names.map((name) => this.pathOf(name)), release };
  }

  /** Files to be merged next, or null when there is nothing to do. */
  due(dead: number): readonly RunFile[] | null {
    for (let level = 0; ; level++) {
      const files = this.#files.filter((file) => file.level === level);
      if (files.length >= FAN_OUT) return files.slice(0, FAN_OUT);
      if (!this.#files.some((file) => file.level > level)) break;
    }
    return dead > DEAD_MAX && this.#files.length > 0 ? this.#files : null;
  }

  #sweep(): void {
    for (const name of this.#leaving) {
      if (this.#pins.has(name)) continue;
      this.#leaving.delete(name);
      this.#disk.remove(this.pathOf(name));
    }
  }
}

function* rowGroups(schema: Schema, parts: Iterable<{ readonly rows: RowSet; readonly picks: ArrayLike<number> }>): Generator<readonly RowSlice[]> {
  let group: RowSlice[] = [];
  let rows = 0;
  for (const part of parts) {
    const batch = exportRows(schema, part.rows, part.picks);
    if (batch.rows === 0) continue;
    group.push({ batch, rows: null });
    rows += batch.rows;
    if (rows < 122_880) continue;
    yield group;
    group = [];
    rows = 0;
  }
  if (rows > 0) yield group;
}
