/**
 * A view's rows for a query: closed windows from their files, the rest from memory.
 *
 * A row in memory replaces the row of its key in the files: the ids of such rows, and of those that
 * were replaced since their file was written, are left out of what is read.
 *
 * Everything that may change is copied in the constructor, in one turn; writing it to files takes
 * its time afterwards. A table that did not change since an earlier query has its file still.
 */
import type { RowSlice } from '../../event/batch.js';
import { batchOf } from '../../event/columns.js';
import { integersFrom } from '../../event/integers.js';
import type { Schema } from '../../event/schema.js';
import { exportRows, fileSchema } from '../../summary/export.js';
import type { Cut } from '../../summary/retention.js';
import type { RowSet } from '../../summary/row-set.js';
import type { ViewSummary } from '../../summary/summary.js';
import type { LiveTable } from '../../summary/view-store.js';
import type { WindowTable } from '../../summary/window-table.js';
import { keptOfAll, keptOfTenant } from './kept-windows.js';
import type { BasePart, BaseSource } from './print.js';
import { parquetTable } from './sources.js';
import { rowGroups, type TempFile, type TempFiles } from './temp-files.js';

const CHUNK_ROWS = 8_192;
/** So many ids are written into the statement; more go into a file. */
const INLINE_IDS_MAX = 100;

const ID_SCHEMA: Schema = {
  columns: [{ name: 'id', type: 'int64', nullable: false }],
  roles: { tenant: -1, eventId: -1, eventTime: -1, receivedAt: -1 },
};

/** One view at one moment. */
export class ViewSnapshot {
  /** What the moment was: one past the last row taken in, by partition. */
  readonly positions: readonly number[];
  readonly #files: TempFiles;
  readonly #schema: Schema;
  readonly #pinned: { readonly paths: readonly string[]; release(): void };
  readonly #replaced: readonly number[];
  readonly #replacedKey: string;
  /** Held from the start: a file that is there must not go before it is read. */
  readonly #taken: readonly Promise<TempFile>[];
  readonly #listed: Promise<TempFile>[] = [];
  readonly #cut: Cut;
  readonly #tenant: string | null;

  constructor({ store, closed }: ViewSummary, files: TempFiles, tenant: string | null) {
    this.positions = [...store.positions];
    this.#files = files;
    this.#schema = fileSchema(store.layout);
    this.#pinned = closed.runs.pin();
    this.#cut = closed.expiry.cut;
    this.#tenant = tenant;
    const live = store.liveTables();
    this.#replaced = [...new Set([...closed.dead, ...live.flatMap(({ table }) => closed.replacedBy(table, tenant))])];
    this.#replacedKey = `ids\0${store.view.stream}\0${store.version}.${closed.version}\0${tenant ?? ''}`;
    this.#taken =
      tenant === null
        ? live.map((one) => takeTable(this.#schema, one, files))
        : [takeTenant(this.#schema, live, tenant, `${store.view.stream}\0${store.version}`, files)];
    // Whoever asks for the source gets the error; who never asks must not leave it unhandled.
    for (const file of this.#taken) file.catch(() => undefined);
  }

  /** The parts to be united. */
  async source(): Promise<BaseSource> {
    const parts: BasePart[] = [];
    const kept = await this.#kept();
    if (this.#pinned.paths.length > 0)
      parts.push({ table: parquetTable(this.#pinned.paths), condition: both(await this.#condition(), kept) });
    const rows = await Promise.all(this.#taken);
    const paths = rows.flatMap(({ path }) => (path === null ? [] : [path]));
    if (paths.length > 0) parts.push({ table: parquetTable(paths), condition: kept });
    return { parts };
  }

  async #kept(): Promise<string | null> {
    if (this.#tenant !== null) return keptOfTenant(this.#cut, this.#tenant);
    const { condition, file } = await keptOfAll(this.#cut, this.#files);
    if (file !== null) this.#listed.push(Promise.resolve(file));
    return condition;
  }

  release(): void {
    for (const file of [...this.#taken, ...this.#listed])
      file.then(
        ({ release }) => release(),
        () => undefined,
      );
    this.#pinned.release();
  }

  async #condition(): Promise<string | null> {
    const ids = this.#replaced;
    if (ids.length === 0) return null;
    if (ids.length <= INLINE_IDS_MAX) return `"id" NOT IN (${ids.join(', ')})`;
    const slice = { batch: batchOf(ID_SCHEMA, ids.length, [integersFrom(ids.map(BigInt), null)]), rows: null };
    const file = this.#files.take(this.#replacedKey, ID_SCHEMA, () => [[slice]]);
    this.#listed.push(file);
    return `"id" NOT IN (SELECT "id" FROM ${parquetTable([(await file).path!])})`;
  }
}

function both(a: string | null, b: string | null): string | null {
  return a === null || b === null ? (a ?? b) : `${a} AND ${b}`;
}

/** The file of one table, for an operator's query. */
function takeTable(schema: Schema, { table, newer }: LiveTable, files: TempFiles): Promise<TempFile> {
  const key = `table\0${table.serial}\0${table.changes}\0${newer?.serial ?? 0}\0${newer?.changes ?? 0}`;
  if (files.has(key)) return files.take(key, schema, () => []);
  const rows = table.frozen();
  const all = Int32Array.from({ length: rows.rows }, (_, slot) => slot);
  const picks = newer === null ? all : all.filter((slot) => newer.slotOf(table, slot) < 0);
  return files.take(key, schema, () => rowGroups(chunks(schema, rows, picks)));
}

/** The file of a tenant's rows of all tables: few, so they are made into batches at once. */
function takeTenant(
  schema: Schema,
  live: readonly LiveTable[],
  tenant: string,
  version: string,
  files: TempFiles,
): Promise<TempFile> {
  const key = `tenant\0${version}\0${tenant}`;
  if (files.has(key)) return files.take(key, schema, () => []);
  const slices = live.flatMap(({ table, newer }) => [
    ...chunks(
      schema,
      table,
      slotsOf(table, tenant).filter((slot) => newer === null || newer.slotOf(table, slot) < 0),
    ),
  ]);
  return files.take(key, schema, () => rowGroups(slices));
}

function* chunks(schema: Schema, rows: RowSet, picks: Int32Array): Generator<RowSlice> {
  for (let from = 0; from < picks.length; from += CHUNK_ROWS)
    yield { batch: exportRows(schema, rows, picks.subarray(from, from + CHUNK_ROWS)), rows: null };
}

function slotsOf(table: WindowTable, tenant: string): Int32Array {
  const slots: number[] = [];
  for (let slot = table.newestOf(tenant); slot >= 0; slot = table.older(slot)) slots.push(slot);
  return Int32Array.from(slots);
}
