/**
 * Columns of row groups that were decoded last: partitions of a stream, and views that begin together, look through
 * the same row groups at about the same time.
 *
 * Limits: `bytesMax` of columns; that which was asked for longest ago goes first.
 */
import type { Column } from '../event/columns.js';

const BYTES_MAX = 32 * 1024 * 1024;

/** See the head of the file. */
export class ColumnCache {
  readonly #bytesMax: number;
  readonly #columns = new Map<string, { readonly column: Column; readonly bytes: number }>();
  #bytes = 0;

  constructor(bytesMax = BYTES_MAX) {
    this.#bytesMax = bytesMax;
  }

  /** The column of this name, from `read` when it is not here. */
  get(name: string, read: () => Column): Column {
    const known = this.#columns.get(name);
    if (known !== undefined) {
      this.#columns.delete(name);
      this.#columns.set(name, known);
      return known.column;
    }
    const column = read();
    const bytes = bytesOf(column);
    this.#columns.set(name, { column, bytes });
    this.#bytes += bytes;
    for (const [oldest, { bytes: own }] of this.#columns) {
      if (this.#bytes <= this.#bytesMax) break;
      this.#columns.delete(oldest);
      this.#bytes -= own;
    }
    return column;
  }
}

function bytesOf(column: Column): number {
  let bytes = column.kind === 'bytesList' ? bytesOf(column.items) : 0;
  if ('dictionary' in column) bytes += column.dictionary.bytes;
  for (const part of Object.values(column)) if (ArrayBuffer.isView(part)) bytes += part.byteLength;
  return bytes;
}
