/** Which rows of a batch of changes are taken in. */
import type { LogBatch } from '../log/log.js';
import type { ChangeColumns } from './change-columns.js';
import type { ClosedRows } from './closed-rows.js';

/** Rows on their way in. */
export class Arrivals {
  /** Rows that came after their window had left by age, since the start; nobody sees them. */
  refusedRows = 0;
  /** Those of the batch that is being taken in. */
  readonly refused = new Set<number>();
  readonly #closed: ClosedRows;
  readonly #partitions: number;

  constructor(closed: ClosedRows, partitions: number) {
    this.#closed = closed;
    this.#partitions = partitions;
  }

  /** A window's rows of a loaded batch without those that are refused, and those that the closed store holds. */
  admit(changes: ChangeColumns, start: number, rows: Uint32Array, batch: LogBatch, id0: number): Uint32Array {
    return this.#unheld(start, this.#unrefused(changes, start, rows, batch), id0);
  }

  #unrefused(changes: ChangeColumns, start: number, rows: Uint32Array, batch: LogBatch): Uint32Array {
    const { expiry } = this.#closed;
    if (!expiry.mayRefuse(start)) return rows;
    const tenants = changes.tenantsOf(rows);
    const { partition, baseOffset } = batch;
    const refused = rows.filter((row, index) => expiry.refuses(tenants[index]!, start, partition, baseOffset + row));
    for (const row of refused) this.refused.add(row);
    this.refusedRows += refused.length;
    return refused.length === 0 ? rows : rows.filter((row) => !this.refused.has(row));
  }

  /** The closed store holds all ids of a window up to one, so what it does not hold are the last ones. */
  #unheld(start: number, rows: Uint32Array, id0: number): Uint32Array {
    let low = 0;
    for (let high = rows.length; low < high;) {
      const middle = (low + high) >> 1;
      if (this.#closed.holds(start, id0 + rows[middle]! * this.#partitions)) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? rows : rows.subarray(low);
  }
}
