/** A batch's columns as kernels take them. */
import type { BytesColumn, Column, ColumnBatch, IntegerColumn } from '../../event/columns.js';
import type { ColumnDefinition } from '../../event/schema.js';
import { nullsOf } from '../shapes.js';
import { jsonEntries } from './entries.js';
import { integerForm, type BoundColumn, type LineOptions } from './kernel.js';
import { putWideDecimal, putWideInteger, putWideTime } from './numbers.js';

/** The arrays of every column. */
export function bindColumns(batch: ColumnBatch, options: LineOptions): BoundColumn[] {
  return batch.schema.columns.map((definition, index) => {
    const column = batch.column(index);
    return { nulls: nullsOf(column, batch.rows), ...bindColumn(column, definition, options) };
  });
}

function bindColumn(column: Column, definition: ColumnDefinition, options: LineOptions): BoundColumn {
  switch (column.kind) {
    case 'uuid':
      return { data: column.data };
    case 'integer':
      if (column.width === 0) return constantField(column, definition, options);
      return { column, base: Number(column.base), deltas: column.deltas };
    case 'double':
    case 'boolean':
      return { values: column.values };
    case 'bytes':
      return { offsets: column.offsets, data: column.data, source: viewOf(column) };
    case 'dictionary': {
      const { view, offsets } = jsonEntries.of(column.dictionary);
      return { codes: column.codes, source: view, ends: offsets };
    }
    case 'list': {
      const { view, offsets } = jsonEntries.of(column.dictionary);
      return { offsets: column.offsets, codes: column.codes, source: view, ends: offsets };
    }
    case 'bytesList':
      return { offsets: column.offsets, ends: column.items.offsets, source: viewOf(column.items) };
  }
}

const WIDE = { Integer: putWideInteger, Decimal: putWideDecimal, Time: putWideTime };

/** Key, value and comma of a column that has one value. */
function constantField(column: IntegerColumn, { name, type }: ColumnDefinition, options: LineOptions): BoundColumn {
  const { put, quote } = integerForm(type, options);
  const text = new DataView(new ArrayBuffer(64));
  const end = WIDE[put as keyof typeof WIDE](text, 0, column, 0);
  const value = Buffer.from(text.buffer, 0, end).toString('latin1');
  const field = Buffer.from(`${JSON.stringify(name)}:${quote}${value}${quote},`);
  const source = new Uint8Array(field.length + 8);
  source.set(field);
  return { source: new DataView(source.buffer), length: field.length };
}

function viewOf({ data }: BytesColumn): DataView {
  return new DataView(data.buffer, data.byteOffset, data.byteLength);
}
