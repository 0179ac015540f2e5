/** Reads key columns as texts that are the same in a view's changes and in events. */
import { isNull, type ColumnBatch } from '../../event/columns.js';
import { hashBytes } from '../../event/dictionary.js';
import { valueOf } from '../../event/rows.js';
import { keyText } from './guard.js';

/** Which columns make the key; `tenant` is -1 where keys are of all tenants. */
export interface KeyPlaces {
  readonly tenant: number;
  readonly columns: readonly number[];
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** The key of each row of a batch; null where a part of it is missing. */
export function keyReader(batch: ColumnBatch, { tenant, columns }: KeyPlaces): (row: number) => string | null {
  const tenantOf = tenant < 0 ? null : textReader(batch, tenant);
  const readers = columns.map((column) => textReader(batch, column));
  const parts: (string | null)[] = readers.map(() => null);
  return (row) => {
    for (let i = 0; i < readers.length; i++) if ((parts[i] = readers[i]!(row)) === null) return null;
    return keyText(tenantOf?.(row) ?? '', parts);
  };
}

/**
 * A hash of the text of each row of a column, the same for the same text in whatever column it is; -1 for NULL. Texts
 * are not made for it, those of a dictionary are hashed once a batch.
 */
export function hashReader(batch: ColumnBatch, index: number): (row: number) => number {
  const column = batch.column(index);
  if (column.kind === 'dictionary') {
    const { data, offsets } = column.dictionary;
    const hashes: (number | undefined)[] = [];
    return (row) => {
      if (isNull(column.nulls, row)) return -1;
      const code = column.codes[row]!;
      return (hashes[code] ??= hashBytes(data, offsets[code]!, offsets[code + 1]!));
    };
  }
  if (column.kind === 'bytes')
    return (row) =>
      isNull(column.nulls, row) ? -1 : hashBytes(column.data, column.offsets[row]!, column.offsets[row + 1]!);
  const textOf = textReader(batch, index);
  return (row) => {
    const text = textOf(row);
    if (text === null) return -1;
    const bytes = encoder.encode(text);
    return hashBytes(bytes, 0, bytes.length);
  };
}

/** The text of each row of a column; null for NULL. Texts of a dictionary are made once a batch. */
export function textReader(batch: ColumnBatch, index: number): (row: number) => string | null {
  const column = batch.column(index);
  const { type } = batch.schema.columns[index]!;
  if (column.kind === 'dictionary') {
    const texts: (string | undefined)[] = [];
    return (row) => {
      if (isNull(column.nulls, row)) return null;
      const code = column.codes[row]!;
      return (texts[code] ??= column.dictionary.stringOf(code));
    };
  }
  if (column.kind === 'bytes')
    return (row) =>
      isNull(column.nulls, row)
        ? null
        : decoder.decode(column.data.subarray(column.offsets[row], column.offsets[row + 1]));
  return (row) => {
    const value = valueOf(column, type, row);
    return value === null ? null : String(value);
  };
}
