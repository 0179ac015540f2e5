/**
 * A view's rows as the API shows them: pages of changes, and rows for a chart.
 */
import { DELETED, reasonOf, stateOf } from '../summary/row-set.js';
import { revisionOf } from '../summary/row-id.js';
import { readersOf, type ColumnReader, type JsonValue } from '../summary/row-values.js';
import type { RowPlace, ViewStore } from '../summary/view-store.js';
import { WINDOWS_SHOWN, type ChangeRow, type ChangesPage, type RowRange, type ViewRows } from './store-protocol.js';

/** Reads one view. */
export class ViewReader {
  readonly #store: ViewStore;
  readonly #readers: readonly ColumnReader[];
  readonly #completeThrough: () => number | null;

  constructor(store: ViewStore, completeThrough: () => number | null) {
    this.#store = store;
    this.#readers = readersOf(store.layout);
    this.#completeThrough = completeThrough;
  }

  /** Windows that end at or before this are final unless corrected. */
  get completeThrough(): number | null {
    return this.#completeThrough();
  }

  /** A page of a tenant's changes after `revision`. */
  changes(tenant: string, revision: number, limit: number): ChangesPage {
    const { rows, nextRevision, hasMore } = this.#store.changesSince(tenant, revision, limit);
    const partition = this.#store.partitionOfTenant(tenant);
    return {
      changes: rows.map((place) => this.#change(place)),
      nextRevision,
      hasMore,
      stableRevision: partition < 0 ? 0 : this.#store.stableRevision(partition),
      completeThrough: this.#completeThrough(),
    };
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

  #change({ rows, row, id }: RowPlace): ChangeRow {
    const mark = rows.marks[row]!;
    const deleted = (mark & DELETED) !== 0;
    const pick = (key: boolean): Record<string, JsonValue> =>
      Object.fromEntries(
        this.#readers
          .filter((reader) => reader.key === key)
          .map((reader) => [reader.column.name, reader.read(rows, row)]),
      );
    return {
      revision: revisionOf(id, this.#store.partitions),
      operation: deleted ? 'delete' : 'upsert',
      state: stateOf(mark),
      reason: reasonOf(mark),
      key: pick(true),
      values: deleted ? {} : pick(false),
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
