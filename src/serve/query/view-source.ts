/**
 * A view's rows for a query: closed windows from their files, the rest from memory.
 *
 * A row in memory replaces the row of its key in the files: the ids of such rows, and of those that
 * were replaced since their file was written, are left out of what is read.
 */
import type { RowSlice } from '../../event/batch.js';
import type { Schema } from '../../event/schema.js';
import { exportRows, fileSchema } from '../../summary/export.js';
import type { ViewSummary } from '../../summary/summary.js';
import type { LiveTable } from '../../summary/view-store.js';
import { batchOf } from '../../event/columns.js';
import { integersFrom } from '../../event/integers.js';
import type { BasePart, BaseSource } from './print.js';
import { parquetTable } from './sources.js';
import { rowGroups, type TempFile, type TempFiles } from './temp-files.js';

const CHUNK_ROWS = 16_384;
/** So many ids are written into the statement; more go into a file. */
const INLINE_IDS_MAX = 100;

const ID_SCHEMA: Schema = { columns: [{ name: 'id', type: 'int64', nullable: false }], roles: { tenant: -1, eventId: -1, eventTime: -1, receivedAt: -1 } };

/** One view at one moment. The view must stand still from the making of it until `source` resolves. */
export class ViewSnapshot {
  readonly #summary: ViewSummary;
  readonly #files: TempFiles;
  readonly #tenant: string | null;
  readonly #schema: Schema;
  readonly #live: readonly LiveTable[];
  readonly #pinned: { readonly paths: readonly string[]; release(): void };
  readonly #replaced: readonly number[];
  readonly #key: string;
  readonly #taken: TempFile[] = [];

  constructor(summary: ViewSummary, files: TempFiles, tenant: string | null) {
    const { store, closed } = summary;
    this.#summary = summary;
    this.#files = files;
    this.#tenant = tenant;
    this.#schema = fileSchema(store.layout);
    this.#live = store.liveTables();
    this.#pinned = closed.runs.pin();
    this.#replaced = [...new Set([...closed.dead, ...this.#live.flatMap(({ table }) => closed.replacedBy(table, tenant))])];
    this.#key = `${store.view.stream}\0${store.version}.${closed.version}\0${tenant ?? ''}`;
  }

  /** The parts to be united. */
  async source(): Promise<BaseSource> {
    const parts: BasePart[] = [];
    const { paths } = this.#pinned;
    if (paths.length > 0) parts.push({ table: parquetTable(paths), condition: await this.#condition() });
    const file = await this.#files.take(`rows\0${this.#key}`, this.#schema, () => rowGroups(slices(this.#schema, this.#live, this.#tenant)));
    this.#taken.push(file);
    if (file.path !== null) parts.push({ table: parquetTable([file.path]), condition: null });
    return { parts };
  }

  /** What the moment was: one past the last row taken in, by partition. */
  get positions(): readonly number[] {
    return [...this.#summary.store.positions];
  }

  release(): void {
    for (const file of this.#taken) file.release();
    this.#pinned.release();
  }

  async #condition(): Promise<string | null> {
    const ids = this.#replaced;
    if (ids.length === 0) return null;
    if (ids.length <= INLINE_IDS_MAX) return `"id" NOT IN (${ids.join(', ')})`;
    const file = await this.#files.take(`ids\0${this.#key}`, ID_SCHEMA, () => rowGroups([{ batch: batchOf(ID_SCHEMA, ids.length, [integersFrom(ids.map(BigInt), null)]), rows: null }]));
    this.#taken.push(file);
    return `"id" NOT IN (SELECT "id" FROM ${parquetTable([file.path!])})`;
  }
}

function* slices(schema: Schema, live: readonly LiveTable[], tenant: string | null): Generator<RowSlice> {
  for (const { table, newer } of live) {
    const all = tenant === null ? Int32Array.from({ length: table.rows }, (_, slot) => slot) : slotsOf(table, tenant);
    const picks = newer === null ? all : all.filter((slot) => newer.slotOf(table, slot) < 0);
    for (let from = 0; from < picks.length; from += CHUNK_ROWS) yield { batch: exportRows(schema, table, picks.subarray(from, from + CHUNK_ROWS)), rows: null };
  }
}

function slotsOf(table: LiveTable['table'], tenant: string): Int32Array {
  const slots: number[] = [];
  for (let slot = table.newestOf(tenant); slot >= 0; slot = table.older(slot)) slots.push(slot);
  return Int32Array.from(slots);
}
