/** How columns come, as far as generated code differs: part of what a kernel is kept by. */
import type { Column, ColumnBatch } from '../event/columns.js';

/**
 * `u` uuid, `i` integers of base and delta that doubles hold exactly, `w` other integers, `k` one
 * integer for all rows, `f` double, `o` boolean, `b` bytes, `d` dictionary, `l` list, `L` list
 * whose dictionary was full.
 */
export type ColumnShape = 'u' | 'i' | 'w' | 'k' | 'f' | 'o' | 'b' | 'd' | 'l' | 'L';

/** The shape of a column. */
export function shapeOf(column: Column): ColumnShape {
  switch (column.kind) {
    case 'uuid':
      return 'u';
    case 'integer':
      if (column.width === 0) return 'k';
      return column.width !== 8 && isNarrow(column.base) ? 'i' : 'w';
    case 'double':
      return 'f';
    case 'boolean':
      return 'o';
    case 'bytes':
      return 'b';
    case 'dictionary':
      return 'd';
    case 'list':
      return 'l';
    case 'bytesList':
      return 'L';
  }
}

/** The shapes of a batch's columns. */
export function shapesOf(batch: ColumnBatch): ColumnShape[] {
  return batch.schema.columns.map((_, index) => shapeOf(batch.column(index)));
}

/** Whether base + delta is exact in doubles for every delta of up to 32 bits. */
function isNarrow(base: bigint): boolean {
  return base >= BigInt(Number.MIN_SAFE_INTEGER) && base <= BigInt(Number.MAX_SAFE_INTEGER) - 0xffff_ffffn;
}

/**
 * No row is null: for columns that could have nulls and do not. As long as the longest batch so far,
 * because reading behind the end of an array is slow.
 */
let noNulls = new Uint8Array(1024);

/** The null bitmap of a column of `rows` rows, zeros where it has none; only to be read. */
export function nullsOf(column: Column, rows: number): Uint8Array {
  const bytes = (rows + 7) >> 3;
  if (noNulls.length < bytes) noNulls = new Uint8Array(bytes);
  return column.nulls ?? noNulls;
}

/** Generated functions by what they are for: at most `KERNELS_MAX`, the oldest goes. */
export class KernelCache<T> {
  readonly #kernels = new Map<string, T>();

  /** The kernel of `key`, made if there is none. */
  get(key: string, make: () => T): T {
    let kernel = this.#kernels.get(key);
    if (kernel === undefined) {
      if (this.#kernels.size >= KERNELS_MAX) this.#kernels.delete(this.#kernels.keys().next().value!);
      this.#kernels.set(key, (kernel = make()));
    }
    return kernel;
  }
}

/** Most kernels kept by each owner; a stream has few shapes. */
const KERNELS_MAX = 32;
