/**
 * The rows of a table or stream of a session, with their stamps: what a query reads, and what a view that comes later
 * is filled from.
 *
 * Bound: `rowsMax`; see `requireRoom`. Rows of a keyed table take the place of the one with
 * their key. They are kept in the order in which they came.
 */
import { MillraceError } from '../../util/errors.js';
import type { Row } from '../dataflow/operator.js';

/** A row and when it came. */
export interface StampedRow {
  readonly row: Row;
  readonly stamp: number;
}

/** Rows of one relation. */
export class StoredRows {
  readonly #keyOf: ((row: Row) => string | number) | null;
  readonly #rowsMax: number;
  readonly #rows = new Map<string | number, StampedRow>();
  #count = 0;
  #numbered = 0;

  /** `keyOf`: of a keyed table; null where rows are only added. */
  constructor(keyOf: ((row: Row) => string | number) | null, rowsMax: number) {
    this.#keyOf = keyOf;
    this.#rowsMax = rowsMax;
  }

  get size(): number {
    return this.#rows.size;
  }

  /** All rows, oldest first. */
  all(): IterableIterator<StampedRow> {
    return this.#rows.values();
  }

  /** Throws SQL_RUNTIME when so many rows more would be too many. */
  requireRoom(rows: number): void {
    if (this.#rows.size + rows > this.#rowsMax)
      throw new MillraceError(
        'SQL_RUNTIME',
        `a session holds at most ${this.#rowsMax} rows of a relation: run millrace start for more`,
      );
  }

  /** The number of the next row of a table without a key. */
  nextNumber(): number {
    return ++this.#numbered;
  }

  /** Adds a row, or puts it in place of the one with its key. */
  put(row: Row, stamp: number): void {
    const key = this.#keyOf === null ? this.#count++ : this.#keyOf(row);
    this.#rows.delete(key);
    this.#rows.set(key, { row, stamp });
  }

  /** Those of the rows whose key no row has, each key once. */
  withoutKnown(rows: readonly Row[]): Row[] {
    const keyOf = this.#keyOf;
    if (keyOf === null) return [...rows];
    const known = new Set<string | number>();
    return rows.filter((row) => {
      const key = keyOf(row);
      const isKnown = this.#rows.has(key) || known.has(key);
      known.add(key);
      return !isKnown;
    });
  }

  /** Takes the row of a keyed table out that has this row's key. */
  remove(row: Row): void {
    if (this.#keyOf !== null) this.#rows.delete(this.#keyOf(row));
  }
}
