/** Rows of a batch as SQL values. */
import { isNull } from '../event/columns.js';
import type { Column } from '../event/columns.js';
import { integerAt } from '../event/integers.js';
import type { ColumnType } from '../event/schema.js';
import { uuidText } from '../event/uuid.js';
import { Decimal } from './decimal.js';
import { intOf } from './value.js';
import type { Value } from './value.js';

const decoder = new TextDecoder();

/** Reads a row of a column as a SQL value. */
export function valueAt(column: Column, type: ColumnType, row: number): Value {
  if (isNull(column.nulls, row)) return null;
  switch (column.kind) {
    case 'dictionary':
      return column.dictionary.stringOf(column.codes[row]!);
    case 'integer':
      return integerValue(integerAt(column, row), type);
    case 'double':
      return column.values[row]!;
    case 'boolean':
      return column.values[row] === 1;
    case 'uuid':
      return uuidText(column.data, row * 16);
    case 'bytes': {
      const bytes = column.data.subarray(column.offsets[row], column.offsets[row + 1]);
      return type === 'bytes' ? bytes.slice() : decoder.decode(bytes);
    }
    case 'list':
      return Array.from(column.codes.subarray(column.offsets[row], column.offsets[row + 1]), (code) =>
        column.dictionary.stringOf(code),
      );
    case 'bytesList': {
      const { items, offsets } = column;
      const texts: string[] = [];
      for (let i = offsets[row]!; i < offsets[row + 1]!; i++)
        texts.push(decoder.decode(items.data.subarray(items.offsets[i], items.offsets[i + 1])));
      return texts;
    }
  }
}

function integerValue(value: bigint, type: ColumnType): Value {
  if (type === 'decimal') return new Decimal(value, 6);
  return type === 'timestamp' ? Number(value) : intOf(value);
}
