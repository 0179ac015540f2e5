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
/** Rows of a row group of a file that was not merged yet. */
const GROUP_ROWS = 32_768;

/** A file of rows. */
export interface RunFile {
  readonly name: string;
  readonly rows: number;
  readonly bytes: number;
  readonly level: number;
  /** Start of the earliest window that it may have rows of; not known of files of earlier releases. */
  readonly oldest?: number;
}

/** Writes a Parquet file and syncs it; answers its size. */
export type WriteRun = (
  path: string,
  schema: Schema,
  groups: Iterable<readonly RowSlice[]>,
) => Promise<{ readonly rows: number; readonly bytes: number }>;

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

  /** Writes the live rows of tables; null when there are none. Not in the list yet. */
  async writeTables(tables: readonly WindowTable[]): Promise<RunFile | null> {
    const oldest = tables.reduce((earliest, { windowStart }) => Math.min(earliest, windowStart), Infinity);
    const file = await this.writeRows(byTenant(tables), 0);
    return file === null ? null : { ...file, oldest };
  }

  /** Writes row groups; null when no row of them lives. */
  async writeRows(groups: Iterable<RowGroup>, level: number): Promise<RunFile | null> {
    const name = this.newName();
    const { rows, bytes } = await this.#write(this.pathOf(name), this.schema, slicesOf(this.schema, groups));
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

/** Rows of several row sets that become one row group of a file. */
export type RowGroup = readonly { readonly rows: RowSet; readonly picks: ArrayLike<number> }[];

/**
 * Rows of tables in groups of whole tenants, tenants in the order of their bytes: the smallest and
 * largest tenant of a group let a reader skip it.
 */
function* byTenant(tables: readonly WindowTable[]): Generator<RowGroup> {
  const tenants = new Map<string, Buffer>();
  for (const table of tables)
    for (const code of table.tenantCodes()) {
      const bytes = Buffer.from(table.pool.bytesOf(code));
      tenants.set(bytes.toString('latin1'), bytes);
    }
  let picks = tables.map((): number[] => []);
  let rows = 0;
  for (const bytes of [...tenants.values()].sort(Buffer.compare)) {
    tables.forEach((table, index) => {
      const code = table.pool.find(bytes);
      for (let slot = code < 0 ? -1 : table.newestOfCode(code); slot >= 0; slot = table.older(slot)) {
        picks[index]!.push(slot);
        rows += 1;
      }
    });
    if (rows < GROUP_ROWS) continue;
    yield tables.map((table, index) => ({ rows: table, picks: picks[index]! }));
    picks = tables.map(() => []);
    rows = 0;
  }
  if (rows > 0) yield tables.map((table, index) => ({ rows: table, picks: picks[index]! }));
}

function* slicesOf(schema: Schema, groups: Iterable<RowGroup>): Generator<readonly RowSlice[]> {
  for (const group of groups) {
    const slices: RowSlice[] = [];
    for (const { rows, picks } of group) {
      const batch = exportRows(schema, rows, picks);
      if (batch.rows > 0) slices.push({ batch, rows: null });
    }
    if (slices.length > 0) yield slices;
  }
}
