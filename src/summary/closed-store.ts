/**
 * The rows of windows that left memory: blocks for feed and dashboards (`block-store.ts`), files for
 * SQL (`runs.ts`), and how far into the changes stream they reach.
 *
 * Sealing tables, in order:
 *
 *   1  `sealing` names the windows: until 4, their rows may be in blocks without being counted as held
 *   2  the tenants' blocks, in slices of time; rows that are replaced are noted as dead with it
 *   3  a file of the tables' live rows, synced
 *   4  one transaction: the windows are held up to these ids, the file is in the list, `sealing` is gone
 *   5  when that is on disk: the tables leave memory, in the same turn as the file comes into force
 *
 * **The mark is window and id.** Windows are sealed in another order than their rows have in the
 * stream, so a replay skips a row when its window is held up to its id, and no other. A late row
 * has a larger id, so it is taken in, into a fresh table.
 *
 * Recovery: before 4 the rows are read again from the log and sealed again, which finds what was
 * written (`sealing` says where to look) and ends the same. A lost or damaged file makes all files
 * be written again from the blocks. A folder that can't be read at all is an error of the reader;
 * removing it rebuilds everything that the log still has.
 */
import { join } from 'node:path';
import type { Disk } from '../io/disk.js';
import { MillraceError } from '../util/errors.js';
import { BlockStore } from './block-store.js';
import type { ClosedRows } from './closed-rows.js';
import { Expiry } from './expiry.js';
import type { RowLayout } from './layout.js';
import { keptByAll } from './retention.js';
import { countLive, mergeFiles } from './run-merge.js';
import { DELETED, type RowSet } from './row-set.js';
import { Runs, type RowGroup, type RunFile, type WriteRun } from './runs.js';
import { sealTenant, tenantsOf } from './seal.js';
import type { RowPlace } from './view-store.js';
import type { WindowTable } from './window-table.js';

const FORMAT = 1;
/** Longest time that sealing keeps the thread. */
const SLICE_MS = 4;
/** Files made when they are rebuilt go straight to a high level. */
const REBUILT_LEVEL = 3;
/** A file is written anew when so much of it has left by age. */
const EXPIRED_SHARE = 1 / 4;
const REBUILT_GROUP_ROWS = 65_536;

const encoder = new TextEncoder();

/** What a closed store needs. */
export interface ClosedStoreInput {
  readonly layout: RowLayout;
  readonly partitions: number;
  readonly folder: string;
  readonly disk: Disk;
  readonly writeRun: WriteRun;
}

/** Closed windows on disk. */
export class ClosedStore implements ClosedRows {
  readonly layout: RowLayout;
  readonly runs: Runs;
  readonly expiry: Expiry;
  readonly #input: ClosedStoreInput;
  readonly #blocks: BlockStore;
  readonly #dead: Set<number>;
  /** Windows held up to which id, by partition; only those that a replay may meet. */
  readonly #held = new Map<number, readonly number[]>();
  /** Windows whose sealing was not finished. */
  readonly #sealing: Set<number>;
  #newestWindow: number;
  #offsets: readonly number[];
  /** Rises with whatever a query could see of this. */
  version = 0;

  private constructor(input: ClosedStoreInput, blocks: BlockStore) {
    this.#input = input;
    this.layout = input.layout;
    this.#blocks = blocks;
    this.runs = new Runs(
      input.layout,
      join(input.folder, 'runs'),
      input.disk,
      input.writeRun,
      blocks.meta<RunFile[]>('files') ?? [],
    );
    this.expiry = new Expiry(blocks, input.partitions);
    this.#dead = new Set(blocks.deadIds());
    this.#sealing = new Set(blocks.meta<number[]>('sealing') ?? []);
    this.#newestWindow = blocks.meta<number>('newestWindow') ?? -Infinity;
    this.#offsets = blocks.meta<number[]>('offsets') ?? new Array<number>(input.partitions).fill(0);
    for (const { name, value } of blocks.metaRange<number[]>('held:')) this.#held.set(Number(name.slice(5)), value);
  }

  /** Opens or makes the store. Throws DATA_FOLDER_NEWER. */
  static async open(input: ClosedStoreInput): Promise<ClosedStore> {
    input.disk.makeFolder(input.folder);
    const blocks = new BlockStore(input.layout, join(input.folder, 'blocks'), input.partitions);
    const format = blocks.meta<number>('format') ?? FORMAT;
    if (format > FORMAT)
      throw new MillraceError(
        'DATA_FOLDER_NEWER',
        `${input.folder} has format ${format}; this release reads ${FORMAT}`,
        { place: input.folder },
      );
    const store = new ClosedStore(input, blocks);
    await blocks.putMeta({ format: FORMAT });
    if (!store.runs.complete) await store.rebuildRuns();
    return store;
  }

  /** The next offset of each partition that is needed from the log. */
  get offsets(): readonly number[] {
    return this.#offsets;
  }

  /** Live rows in the files. */
  get rows(): number {
    return this.runs.files.reduce((sum, file) => sum + file.rows, 0) - this.#dead.size;
  }

  /** Ids of rows in the files that are no longer true. */
  get dead(): ReadonlySet<number> {
    return this.#dead;
  }

  holds(windowStart: number, id: number): boolean {
    const held = this.#held.get(windowStart);
    return held !== undefined && id <= held[id % this.#input.partitions]!;
  }

  /** Whether files may hold rows of a window. */
  inFiles(windowStart: number): boolean {
    return windowStart <= this.#newestWindow;
  }

  since(tenant: string, after: number, limit: number): RowPlace[] {
    const found: RowPlace[] = [];
    const from = this.expiry.keptFrom(tenant);
    for (const rows of this.#blocks.after(encoder.encode(tenant), after)) {
      for (let row = 0; row < rows.rows; row++)
        if (rows.ids[row]! > after && rows.windows[row]! >= from) found.push({ rows, row, id: rows.ids[row]! });
      if (found.length >= limit) break;
    }
    return found.slice(0, limit);
  }

  between(tenant: string, from: number, to: number): RowPlace[] {
    const found: RowPlace[] = [];
    const first = Math.max(from, this.expiry.keptFrom(tenant));
    for (const rows of this.#blocks.ofWindows(encoder.encode(tenant), first, to))
      for (let row = 0; row < rows.rows; row++)
        if (rows.windows[row]! >= first && rows.windows[row]! < to) found.push({ rows, row, id: rows.ids[row]! });
    return found;
  }

  ranges(tenant: string, from: number): Iterable<{ readonly start: number; readonly end: number }> {
    return this.#blocks.ranges(encoder.encode(tenant), from);
  }

  newestId(tenant: string): number {
    const bytes = encoder.encode(tenant);
    return Math.max(this.#blocks.newestId(bytes), this.#blocks.gone(bytes));
  }

  newestWindow(tenant: string): number {
    const newest = this.#blocks.newestWindow(encoder.encode(tenant));
    return newest < this.expiry.keptFrom(tenant) ? -Infinity : newest;
  }

  /** Ids of live rows in blocks whose keys a table has too: what its rows replace. */
  replacedBy(table: WindowTable, tenant: string | null): number[] {
    if (!this.inFiles(table.windowStart)) return [];
    const codes =
      tenant === null ? [...table.tenantCodes()] : [table.pool.findString(tenant)].filter((code) => code >= 0);
    const ids: number[] = [];
    for (const code of codes)
      for (const block of this.#blocks.ofWindows(
        table.pool.bytesOf(code).slice(),
        table.windowStart,
        table.windowStart,
      ))
        for (let row = 0; row < block.rows; row++)
          if (
            block.windows[row] === table.windowStart &&
            (block.marks[row]! & DELETED) === 0 &&
            table.slotOf(block, row) >= 0
          )
            ids.push(block.ids[row]!);
    return ids;
  }

  /** Seals tables. `done` is called in the turn in which their rows are here and in no turn before. */
  async seal(tables: readonly WindowTable[], done: () => void): Promise<void> {
    const starts = tables.map((table) => table.windowStart);
    const mayHave = new Set(starts.filter((start) => this.inFiles(start) || this.#sealing.has(start)));
    for (const start of starts) this.#sealing.add(start);
    this.expiry.sealing(starts);
    void this.#blocks.putMeta({ sealing: [...this.#sealing] });
    let sliceEnds = performance.now() + SLICE_MS;
    for (const tenant of tenantsOf(tables, (start) => mayHave.has(start))) {
      for (const id of sealTenant(this.#blocks, tenant)) this.#kill(id);
      if (performance.now() < sliceEnds) continue;
      // One tenant's reads must not see half of its own writes, so only between tenants.
      await new Promise<void>((resolve) => setImmediate(resolve));
      sliceEnds = performance.now() + SLICE_MS;
    }
    const file = await this.runs.writeTables(tables);
    await this.#commit(tables, file === null ? this.runs.files : this.runs.listWith([file]));
    done();
  }

  /** Puts sealed tables in force: on disk in one transaction, then here. */
  async #commit(tables: readonly WindowTable[], files: readonly RunFile[]): Promise<void> {
    const held = tables.map((table): [number, number[]] => {
      const before = this.#held.get(table.windowStart);
      return [table.windowStart, Array.from(table.lastIds, (id, partition) => Math.max(id, before?.[partition] ?? -1))];
    });
    for (const [start] of held) this.#sealing.delete(start);
    const newestWindow = held.reduce((newest, [start]) => Math.max(newest, start), this.#newestWindow);
    await this.#blocks.putMeta({
      ...Object.fromEntries(held.map(([start, ids]) => [`held:${start}`, ids])),
      newestWindow,
      files,
      sealing: [...this.#sealing],
    });
    await this.#blocks.flushed();
    for (const [start, ids] of held) this.#held.set(start, ids);
    this.#newestWindow = newestWindow;
    this.runs.replace(files);
    this.version += 1;
  }

  /** Notes how far the log is not needed any more, and forgets windows that no replay can meet. */
  async advance(offsets: readonly number[]): Promise<boolean> {
    if (offsets.every((offset, partition) => offset <= this.#offsets[partition]!)) return false;
    const { partitions } = this.#input;
    const gone = [...this.#held]
      .filter(([, ids]) => ids.every((id, partition) => id < (offsets[partition]! + 1) * partitions))
      .map(([window]) => window);
    await this.#blocks.putMeta({ offsets, ...Object.fromEntries(gone.map((window) => [`held:${window}`, undefined])) });
    await this.#blocks.flushed();
    this.#offsets = offsets;
    this.expiry.forget(offsets);
    for (const window of gone) this.#held.delete(window);
    return true;
  }

  /** Whether `merge` has something to do. */
  get mergeDue(): boolean {
    return this.runs.due(this.#dead.size) !== null;
  }

  /** Merges files if any are due; answers whether it did. */
  async merge(): Promise<boolean> {
    const sources = this.runs.due(this.#dead.size);
    if (sources === null) return false;
    await this.#merge(sources, Math.max(...sources.map((file) => file.level)) + 1);
    return true;
  }

  /**
   * Gives back the disk of windows that left by age: of files whose rows are all gone, and of those of
   * which a quarter is.
   */
  async expireFiles(): Promise<void> {
    const { cut } = this.expiry;
    const from = keptByAll(cut);
    for (const file of this.runs.files) {
      if ((file.oldest ?? -Infinity) >= from || !this.runs.files.includes(file)) continue;
      const dead = [...this.#dead];
      const live = await countLive({ paths: [this.runs.pathOf(file.name)], dead, cut, folder: this.runs.folder });
      if (live <= file.rows * (1 - EXPIRED_SHARE)) await this.#merge([file], file.level);
    }
  }

  async #merge(sources: readonly RunFile[], level: number): Promise<void> {
    const name = this.runs.newName();
    const target = this.runs.pathOf(name);
    const dead = [...this.#dead];
    const { rows, removed, oldest } = await mergeFiles({
      paths: sources.map((file) => this.runs.pathOf(file.name)),
      target,
      dead,
      cut: this.expiry.cut,
      folder: this.runs.folder,
    });
    // An id that no file holds can be left from a crash; a merge of all files sees the last of it.
    const gone = sources.length === this.runs.files.length ? dead : removed;
    const made = { name, rows, bytes: await this.#sync(target), level, oldest };
    const files = this.runs.listWith(rows === 0 ? [] : [made], sources);
    this.#blocks.removeDead(gone);
    await this.#blocks.putMeta({ files });
    await this.#blocks.flushed();
    this.runs.replace(files);
    if (rows === 0) this.#input.disk.remove(target);
    for (const id of gone) this.#dead.delete(id);
    this.version += 1;
  }

  /** Writes all files anew from the blocks. */
  async rebuildRuns(): Promise<void> {
    const file = await this.runs.writeRows(wholeGroups(this.#blocks.all()), REBUILT_LEVEL);
    const files = file === null ? [] : [file];
    this.#blocks.removeDead(this.#dead);
    await this.#blocks.putMeta({ files });
    await this.#blocks.flushed();
    this.runs.replace(files);
    this.#dead.clear();
    this.version += 1;
  }

  /** Ends it, after what is under way is on disk. */
  async close(): Promise<void> {
    await this.#blocks.close();
  }

  #kill(id: number): void {
    this.#blocks.putDead(id);
    this.#dead.add(id);
    this.version += 1;
  }

  async #sync(path: string): Promise<number> {
    const { disk } = this.#input;
    const file = disk.open(path, 'write');
    try {
      await file.sync();
      return file.size();
    } finally {
      file.close();
      disk.syncDirectory(this.runs.folder);
    }
  }
}

/** Blocks, tenant by tenant, in row groups of a size that is good to read. */
function* wholeGroups(blocks: Iterable<RowSet>): Generator<RowGroup> {
  let group: { rows: RowSet; picks: number[] }[] = [];
  let rows = 0;
  for (const block of blocks) {
    group.push({ rows: block, picks: Array.from({ length: block.rows }, (_, row) => row) });
    rows += block.rows;
    if (rows < REBUILT_GROUP_ROWS) continue;
    yield group;
    group = [];
    rows = 0;
  }
  if (rows > 0) yield group;
}
