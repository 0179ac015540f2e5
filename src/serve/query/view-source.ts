/**
 * A view's rows for a query: closed windows from their files, the rest from memory.
 */
import type { RowSlice } from '../../event/batch.js';
import type { Schema } from '../../event/schema.js';
import { exportRows, fileSchema } from '../../summary/export.js';
import type { ViewStore } from '../../summary/view-store.js';
import type { WindowTable } from '../../summary/window-table.js';
import type { BaseSource } from './print.js';
import { parquetTable } from './sources.js';
import { rowGroups, type TempFile, type TempFiles } from './temp-files.js';

const CHUNK_ROWS = 16_384;

/** One view at one moment. */
export class ViewSnapshot {
  readonly #store: ViewStore;
  readonly #files: TempFiles;
  readonly #schema: Schema;
  readonly #version: number;
  readonly #tenant: string | null;
  readonly #taken: TempFile[] = [];

  constructor(store: ViewStore, files: TempFiles, tenant: string | null) {
    this.#tenant = tenant;
    this.#store = store;
    this.#files = files;
    this.#schema = fileSchema(store.layout);
    this.#version = store.version;
  }

  /** Rows at this moment; the view must stand still until this resolves. */
  async source(): Promise<BaseSource> {
    const tenant = this.#tenant;
    const tables = this.#store.tables();
    const name = `${this.#store.view.name}\0${this.#version}\0${tenant ?? ''}`;
    const file = await this.#files.take(name, this.#schema, () => rowGroups([...slices(this.#schema, tables, tenant)]));
    this.#taken.push(file);
    return { parts: file.path === null ? [] : [{ table: parquetTable([file.path]), condition: null }] };
  }

  release(): void {
    for (const file of this.#taken) file.release();
  }
}

function* slices(schema: Schema, tables: readonly WindowTable[], tenant: string | null): Generator<RowSlice> {
  for (const table of tables) {
    const picks = tenant === null ? Int32Array.from({ length: table.rows }, (_, slot) => slot) : slotsOf(table, tenant);
    for (let from = 0; from < picks.length; from += CHUNK_ROWS) yield { batch: exportRows(schema, table, picks.subarray(from, from + CHUNK_ROWS)), rows: null };
  }
}

function slotsOf(table: WindowTable, tenant: string): Int32Array {
  const slots: number[] = [];
  for (let slot = table.newestOf(tenant); slot >= 0; slot = table.older(slot)) slots.push(slot);
  return Int32Array.from(slots);
}
