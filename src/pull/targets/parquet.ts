/**
 * `parquet:folder`: rows in Parquet files, `<folder>/<table>/<tenant>/<day>.<number>.parquet`.
 *
 * A file never changes. A move writes new files of the days that it touches, and then replaces the manifest,
 * which names those in force and says how far they are. So a move is whole or was not.
 *
 * Invariants: each key is in one row of the files that the manifest names; files are on disk before the
 * manifest that names them; what no manifest names is of no account, and swept when the table is opened.
 * Recovery is reading the manifest: nothing is kept in memory between two moves.
 *
 * Limits: one process a folder. In memory are a page and, of one day at a time, what came (`days.ts`).
 */
import { join } from 'node:path';
import type { Column } from '../../event/columns.js';
import { valueOf } from '../../event/rows.js';
import { columnIndex } from '../../event/schema-define.js';
import { MillraceError } from '../../util/errors.js';
import { DaySum } from '../day-sum.js';
import type { Move, Place, Stage } from '../place.js';
import { definitionText, type TablePlan, type TableRow } from '../table-plan.js';
import {
  TOMBSTONE_MS,
  type OwnDigest,
  type PullTable,
  type PullTarget,
  type Taken,
  type TargetSeams,
} from '../target.js';
import { ownColumns, pageBatch, rowSchema, type OwnColumn } from './parquet/columns.js';
import { mergeDays, PART_ROWS } from './parquet/days.js';
import { failureOf } from './parquet/failure.js';
import { dayOf, keyColumns, readGroups } from './parquet/files.js';
import { shareFolder, type FolderInput, type PullFolder } from './parquet/folder.js';
import * as manifests from './parquet/manifest.js';
import type { DayFile, Manifest } from './parquet/manifest.js';
import { tombstonesIn, writeTombstones, type Guards } from './parquet/merge.js';
import { stagePage } from './parquet/stage.js';

/** How it is opened. */
export interface ParquetTargetInput extends FolderInput {
  /** Rows of a file; a day with more is split. Default `PART_ROWS`. */
  readonly partRows?: number;
}

const BY_REVISION = 'AND newer(_rev)';
const BY_TOMBSTONE = 'AND NOT buried(_key)';

/** A folder of Parquet files. */
export function createParquetTarget(input: ParquetTargetInput, seams: TargetSeams = {}): PullTarget {
  const name = `folder ${input.path}`;
  let folder: PullFolder | null = null;
  const owned = async <T>(work: (folder: PullFolder) => Promise<T>): Promise<T> => {
    folder ??= shareFolder(input);
    try {
      await folder.own();
      return await work(folder);
    } catch (error) {
      throw failureOf(error, name);
    }
  };
  return {
    name,
    definition: (tenant, view) =>
      owned(async (there) => {
        const found = there.parts(tenant).map((part) => manifests.readManifest(there.disk, part));
        return found.find((manifest) => manifest?.tenant === tenant && manifest.view === view)?.definition ?? null;
      }),
    table: (plan) =>
      owned(async (there) => {
        const table = new ParquetTable(there, name, plan, seams, input.partRows ?? PART_ROWS);
        await table.open();
        return table;
      }),
    async close() {
      const leaving = folder;
      folder = null;
      await leaving?.leave();
    },
  };
}

class ParquetTable implements PullTable {
  readonly #folder: PullFolder;
  readonly #name: string;
  readonly #plan: TablePlan;
  readonly #part: string;
  readonly #seams: TargetSeams;
  readonly #partRows: number;

  constructor(folder: PullFolder, name: string, plan: TablePlan, seams: TargetSeams, partRows: number) {
    this.#folder = folder;
    this.#name = name;
    this.#plan = plan;
    this.#part = folder.part(plan.table, plan.tenant);
    this.#seams = seams;
    this.#partRows = partRows;
  }

  /** Makes, checks and migrates it, and sweeps what a crash left. */
  open(): Promise<void> {
    return this.#alone(async () => {
      const { tenant, view, table } = this.#plan;
      const { disk } = this.#folder;
      this.#checkElsewhere();
      const there = manifests.readManifest(disk, this.#part);
      const manifest = there ?? manifests.emptyManifest(this.#plan);
      if (manifest.tenant !== tenant || manifest.view !== view || manifest.table !== table)
        throw changed(
          `${this.#part} has view ${manifest.tenant}/${manifest.view} as table "${manifest.table}" already`,
        );
      const columns = migrated(manifest, ownColumns(this.#plan));
      if (there === undefined) this.#folder.make(this.#part);
      if (there === undefined || columns.length > there.columns.length)
        await this.#commit(manifest, { ...manifest, columns });
      await this.#clean(manifest);
    });
  }

  place(): Promise<Place> {
    return this.#alone(async () => {
      await this.#step('SELECT place');
      return this.#read().place;
    });
  }

  take(asked: Place, move: Move, rows: readonly TableRow[]): Promise<Taken | null> {
    return this.#alone(async () => {
      await this.#step('BEGIN');
      const before = this.#read();
      if (!manifests.isFitting(before.place, asked, move.kind)) return null;
      const place = manifests.placeAfter(before.place, move);
      const isNewer = move.kind !== 'stage' && manifests.isFurther(before.place, move.replaces, move.to);
      const definition = isNewer ? definitionText(this.#plan) : before.definition;
      await this.#step(`UPDATE manifest.millrace_pull SET ${JSON.stringify(place)}`);
      const isEmptied = move.kind !== 'apply' && move.isFirst;
      const draft = { ...before, place, definition, staged: isEmptied ? [] : before.staged };
      const { manifest, written } = await this.#moved(draft, move, rows);
      await this.#commit(before, manifest);
      return { place, rows: written };
    });
  }

  restage(asked: Place, stage: Stage | null): Promise<Place | null> {
    return this.#alone(async () => {
      await this.#step('BEGIN');
      const before = this.#read();
      if (!manifests.isFitting(before.place, asked, 'restage')) return null;
      const place = { ...before.place, stage };
      await this.#step(`UPDATE manifest.millrace_pull SET ${JSON.stringify(place)}`);
      await this.#commit(before, { ...before, place, staged: [] });
      return place;
    });
  }

  digest(from: string | null, to: string | null): Promise<OwnDigest> {
    return this.#alone(async () => {
      await this.#step('SELECT digest');
      const { place, files, columns } = this.#read();
      const [start, end] = [from === null ? -Infinity : Date.parse(from), to === null ? Infinity : Date.parse(to)];
      const days = new Map<string, DaySum>();
      for (const { path, day } of files) {
        if (Date.parse(day) >= end || Date.parse(day) + 86_400_000 <= start) continue;
        await this.#sum(path, columns, days, (ms) => ms >= start && ms < end);
      }
      return { place, days: new Map([...days].map(([day, sum]) => [day, sum.total()])) };
    });
  }

  sweep(): Promise<number> {
    return this.#alone(async () => {
      const { disk, clock } = this.#folder;
      const before = this.#read();
      const since = clock.now() - TOMBSTONE_MS;
      let manifest = before;
      let swept = 0;
      for (const file of before.deleted) {
        const all = [...tombstonesIn(disk, join(this.#part, file.path))];
        const kept = new Map(all.flatMap(([key, , stone]) => (stone.at < since ? [] : [[key, stone] as const])));
        if (kept.size === all.length) continue;
        swept += all.length - kept.size;
        const path = `${file.day}.${String(manifest.next).padStart(10, '0')}.deleted`;
        const rows = await writeTombstones(disk, join(this.#part, path), kept);
        const replaced: DayFile[] = rows === 0 ? [] : [{ ...file, path, rows }];
        const deleted = manifest.deleted.flatMap((one) => (one === file ? replaced : [one]));
        manifest = { ...manifest, next: manifest.next + 1, deleted };
      }
      if (swept > 0) await this.#commit(before, manifest);
      return swept;
    });
  }

  async #moved(draft: Manifest, { kind, replaces }: Move, rows: readonly TableRow[]) {
    const { disk, clock } = this.#folder;
    const page = pageBatch(draft.columns, this.#plan, rows);
    if (kind === 'stage') {
      await this.#step('INSERT INTO staged');
      return { manifest: await stagePage(disk, this.#part, draft, page), written: 0 };
    }
    const isRound = kind === 'finish';
    const { manifest, written } = await mergeDays({
      disk,
      folder: this.#part,
      manifest: draft,
      staged: isRound ? draft.staged : [],
      page,
      replaces,
      guards: (day) => this.#guards(day),
      now: clock.now(),
      partRows: this.#partRows,
    });
    return { manifest: isRound ? { ...manifest, staged: [] } : manifest, written };
  }

  async #guards(day: string): Promise<Guards> {
    const said = await this.#step(`MERGE INTO ${day} ${BY_REVISION} ${BY_TOMBSTONE}`);
    return { byRevision: said.includes(BY_REVISION), byTombstone: said.includes(BY_TOMBSTONE) };
  }

  async #sum(path: string, columns: readonly OwnColumn[], days: Map<string, DaySum>, isIn: (ms: number) => boolean) {
    const schema = rowSchema(columns);
    const additive = this.#plan.columns
      .filter((column) => column.additive === true)
      .map(({ name }) => columnIndex(schema, name));
    for (const batch of readGroups(this.#folder.disk, join(this.#part, path), schema)) {
      const keys = keyColumns(batch);
      const sums = additive.map((index): readonly [Column, number] => [batch.column(index), index]);
      for (let row = 0; row < batch.rows; row++) {
        const time = keys.time(row);
        if (!isIn(time)) continue;
        const day = dayOf(time);
        let sum = days.get(day);
        if (sum === undefined) days.set(day, (sum = new DaySum(this.#plan)));
        sum.add(keys.keyBytes(row), keys.rev(row), (n) => {
          const [column, index] = sums[n]!;
          return valueOf(column, schema.columns[index]!.type, row) as string | number | null;
        });
      }
      await new Promise<void>((done) => setImmediate(done));
    }
  }

  #read(): Manifest {
    const manifest = manifests.readManifest(this.#folder.disk, this.#part);
    if (manifest !== undefined) return manifest;
    throw new MillraceError('PULL_TABLE_CHANGED', `${join(this.#part, manifests.MANIFEST)} is gone`);
  }

  /** Names before the manifest that has them; then what it has no more goes. */
  async #commit(before: Manifest, after: Manifest): Promise<void> {
    const { disk } = this.#folder;
    await this.#step('SYNC');
    await disk.syncDirectoryLater(this.#part);
    await this.#step('COMMIT');
    await manifests.writeManifest(disk, this.#part, after);
    const named = manifests.namedFiles(after);
    const gone = [...manifests.namedFiles(before)].filter((path) => !named.has(path));
    this.#folder.replace(gone.map((path) => join(this.#part, path)));
  }

  /** Removes what no manifest names. */
  async #clean(manifest: Manifest): Promise<void> {
    const { disk } = this.#folder;
    const named = manifests.namedFiles(manifest);
    const left = disk
      .list(this.#part)
      .filter((file) => isOurs(file) && !named.has(file))
      .map((file) => join(this.#part, file))
      .filter((path) => !this.#folder.isReplaced(path));
    if (left.length === 0) return;
    await this.#step('SWEEP');
    // The manifest that we see may not be on disk yet, and what it replaced would be gone.
    await disk.syncDirectoryLater(this.#part);
    for (const path of left) disk.remove(path);
  }

  #checkElsewhere(): void {
    const { tenant, view, table } = this.#plan;
    for (const part of this.#folder.parts(tenant)) {
      const found = part === this.#part ? undefined : manifests.readManifest(this.#folder.disk, part);
      if (found?.tenant === tenant && found.view === view)
        throw changed(`view ${tenant}/${view} goes into table "${found.table}" already, not into "${table}"`);
    }
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    return this.#folder.alone(this.#part, async () => {
      try {
        return await work();
      } catch (error) {
        throw failureOf(error, this.#name);
      }
    });
  }

  async #step(text: string): Promise<string> {
    return this.#seams.statement === undefined ? text : this.#seams.statement(text);
  }
}

/** The table's columns and those of the plan that it lacks. */
function migrated({ columns, table }: Manifest, wanted: readonly OwnColumn[]): readonly OwnColumn[] {
  const there = new Map(columns.map((column) => [column.name.toLowerCase(), column]));
  for (const { name, type } of wanted) {
    const own = there.get(name.toLowerCase());
    if (own !== undefined && own.name !== name)
      throw changed(`column "${own.name}" of table "${table}" and the view's "${name}" are one name to many programs`);
    if (own !== undefined && own.type !== type)
      throw changed(`column "${own.name}" of table "${table}" is ${own.type}, and the view's is ${type}`);
  }
  return [...columns, ...wanted.filter(({ name }) => !there.has(name.toLowerCase()))];
}

/** Whether a file is one that a move makes. */
function isOurs(name: string): boolean {
  return /^(round|\d{4}-\d\d-\d\d)\.\d{10}\.(parquet|deleted|staged)$/.test(name);
}

function changed(what: string): MillraceError {
  return new MillraceError('PULL_TABLE_CHANGED', `${what}; name another table with --table`);
}
