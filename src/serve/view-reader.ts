/** A view's rows as a chart wants them. */
import { DELETED, stateOf } from '../summary/row-set.js';
import { readersOf, type ColumnReader, type JsonValue } from '../summary/row-values.js';
import type { RowPlace, ViewStore } from '../summary/view-store.js';
import { WINDOWS_SHOWN, type RowRange, type ViewRows } from './store-protocol.js';

/** Reads one view. */
export class ViewReader {
  readonly #store: ViewStore;
  readonly #readers: readonly ColumnReader[];

  constructor(store: ViewStore) {
    this.#store = store;
    this.#readers = readersOf(store.layout);
  }

  /** A tenant's rows of a range of windows, oldest first; the newest when there are too many. */
  rows(tenant: string, { from, to, limit }: RowRange): ViewRows {
    const newest = this.#store.newestWindow(tenant);
    const start = from ?? (newest === null ? 0 : newest - (WINDOWS_SHOWN - 1) * this.#store.view.windowMs);
    const places = this.#store
      .tenantRows(tenant, start, to ?? Infinity)
      .filter(({ rows, row }) => (rows.marks[row]! & DELETED) === 0);
    return {
      rows: places.slice(-limit).map((place) => this.#row(place)),
      truncated: places.length > limit,
      summed: false,
    };
  }

  #row({ rows, row }: RowPlace): Record<string, JsonValue> {
    const values: Record<string, JsonValue> = {};
    for (const { column, read } of this.#readers) values[column.name] = read(rows, row);
    values['window_start'] ??= new Date(rows.windows[row]!).toISOString();
    values['state'] ??= stateOf(rows.marks[row]!);
    return values;
  }
}
