/**
 * The rows of a cut: slices of the log's batches, in order, without a copy.
 *
 * A row's number counts over all slices. Subsets share the batches, so what is encoded for one
 * request, one attempt or one delivery is there for the next (`encoded.ts`).
 */
import type { RowSlice } from '../event/batch.js';
import { isNull, type ColumnBatch } from '../event/columns.js';
import { gatherSlices } from '../event/gather.js';
import { valueOf } from '../event/rows.js';
import type { Schema } from '../event/schema.js';

/** Rows of one batch of the log. */
export interface PlacedSlice {
  readonly stream: string;
  readonly partition: number;
  /** Offset of the batch's row 0. */
  readonly baseOffset: number;
  /** The stamp of the rows, ms. */
  readonly receivedAt: number;
  readonly batch: ColumnBatch;
  /** Which rows of the batch, rising; null: all. */
  readonly rows: Uint32Array | null;
  /** How often each row was tried before it came here, by row of the batch; null: never. Set for redriven rows. */
  readonly attempts: ((row: number) => { readonly attempts: number; readonly firstMs: number | null }) | null;
}

/** One row, found by its number. */
export interface FoundRow {
  readonly slice: PlacedSlice;
  /** Its row in the slice's batch. */
  readonly row: number;
}

/** Rows in order. */
export class CutRows {
  readonly schema: Schema;
  readonly slices: readonly PlacedSlice[];
  /** How many rows there are. */
  readonly count: number;
  /** Number of the first row of each slice, and `count`. */
  readonly #starts: Uint32Array;

  constructor(schema: Schema, slices: readonly PlacedSlice[]) {
    this.schema = schema;
    this.slices = slices;
    this.#starts = new Uint32Array(slices.length + 1);
    slices.forEach((slice, index) => {
      this.#starts[index + 1] = this.#starts[index]! + sliceCount(slice);
    });
    this.count = this.#starts[slices.length]!;
  }

  /** Row `number`: its slice and its row there. */
  find(number: number): FoundRow {
    const index = this.#sliceOf(number);
    const slice = this.slices[index]!;
    const at = number - this.#starts[index]!;
    return { slice, row: slice.rows === null ? at : slice.rows[at]! };
  }

  #sliceOf(number: number): number {
    let low = 0;
    let high = this.slices.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#starts[middle]! <= number) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Calls `visit` for every slice with the number of its first row. */
  eachSlice(visit: (slice: PlacedSlice, first: number, count: number) => void): void {
    this.slices.forEach((slice, index) => visit(slice, this.#starts[index]!, sliceCount(slice)));
  }

  /** Rows `from` up to but not including `to`. */
  part(from: number, to: number): CutRows {
    if (from <= 0 && to >= this.count) return this;
    const slices: PlacedSlice[] = [];
    this.eachSlice((slice, first, count) => {
      const start = Math.max(0, from - first);
      const end = Math.min(count, to - first);
      if (start >= end) return;
      const rows =
        slice.rows === null
          ? start === 0 && end === count
            ? null
            : Uint32Array.from({ length: end - start }, (_, i) => start + i)
          : slice.rows.subarray(start, end);
      slices.push({ ...slice, rows });
    });
    return new CutRows(this.schema, slices);
  }

  /** The rows with these numbers, which rise. */
  pick(numbers: Uint32Array): CutRows {
    if (numbers.length === this.count) return this;
    const slices: PlacedSlice[] = [];
    for (let at = 0; at < numbers.length;) {
      // Few numbers of many slices: the next slice is looked for, not walked to.
      const index = this.#sliceOf(numbers[at]!);
      const slice = this.slices[index]!;
      const first = this.#starts[index]!;
      const end = this.#starts[index + 1]!;
      const start = at;
      while (at < numbers.length && numbers[at]! < end) at++;
      const rows = numbers.slice(start, at);
      for (let i = 0; i < rows.length; i++) {
        const row = rows[i]! - first;
        rows[i] = slice.rows === null ? row : slice.rows[row]!;
      }
      slices.push({ ...slice, rows });
    }
    return new CutRows(this.schema, slices);
  }

  /** The rows as slices for an encoder. */
  rowSlices(): RowSlice[] {
    return this.slices.map(({ batch, rows }) => ({ batch, rows }));
  }

  /** The rows as one batch, copied. */
  gather(): ColumnBatch {
    return gatherSlices(this.rowSlices());
  }

  /** One value, as `event/rows.ts` has them; for what is done once an object or a failed row. */
  value(number: number, column: number): unknown {
    const { slice, row } = this.find(number);
    return valueOf(slice.batch.column(column), this.schema.columns[column]!.type, row);
  }

  /** The id of a row's event, or null where the stream has none. */
  eventId(number: number): string | null {
    const { eventId } = this.schema.roles;
    return eventId < 0 ? null : String(this.value(number, eventId));
  }

  /** The tenant of a row, or `*` where the stream has none. */
  tenant(number: number): string {
    const { tenant } = this.schema.roles;
    if (tenant < 0) return '*';
    const { slice, row } = this.find(number);
    return isNull(slice.batch.column(tenant).nulls, row) ? '*' : String(this.value(number, tenant));
  }
}

/** How many rows a slice has. */
export function sliceCount({ batch, rows }: PlacedSlice): number {
  return rows === null ? batch.rows : rows.length;
}
