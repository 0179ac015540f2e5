/** Where the fields of a column go, row by row. */
import { isNull, type Column } from '../../event/columns.js';

/** Rows that are being written, column after column. */
export interface FieldTarget {
  readonly data: Uint8Array;
  readonly view: DataView;
  /** Where each row's next field goes. */
  readonly ends: Uint32Array;
  /** Which rows of the batch, rising; null: all. */
  readonly rows: Uint32Array | null;
}

/** Calls `write` for each row that is not null; it answers where the field ends. */
export function eachField(column: Column, target: FieldTarget, write: (row: number, at: number) => number): void {
  const { ends, rows, view } = target;
  const { nulls } = column;
  for (let i = 0; i < ends.length; i++) {
    const row = rows === null ? i : rows[i]!;
    if (nulls !== null && isNull(nulls, row)) {
      view.setInt32(ends[i]!, -1);
      ends[i]! += 4;
    } else ends[i] = write(row, ends[i]!);
  }
}
