/** Columns as functions that write one row's field. */
import { isNull, type BytesListColumn, type Column, type ListColumn, type BytesColumn } from '../../event/columns.js';
import type { ColumnDefinition } from '../../event/schema.js';
import { integerAt } from '../../event/integers.js';
import type { EntryCache } from '../entries.js';
import * as numbers from '../json/numbers.js';
import { putBytes } from '../json/text.js';
import { textAt } from '../rows/texts.js';
import type { LineTarget } from '../target.js';
import { FIELD_BYTES_FACTOR, putField } from './text.js';

/** What fields need beside the column. */
export interface FieldContext {
  readonly target: LineTarget;
  /** The delimiter's byte. */
  readonly delimiter: number;
  readonly isoTimes: boolean;
  /** Bytes to be free behind each field: `fixedBytes` of a row. */
  readonly rest: number;
  readonly entries: EntryCache;
}

/**
 * Writes the field of row `row` at `at` of the target; answers where it ends. `context.rest`
 * bytes are free before and after it: fields of variable length make their own room.
 */
export type FieldWriter = (at: number, row: number) => number;

/** Most bytes of a field of fixed length, and of what stands around it. */
const FIXED_BYTES = 64;

/** Bytes that a row of so many fields needs for all that has a fixed length. */
export function fixedBytes(fields: number): number {
  return fields * FIXED_BYTES;
}

const encoder = new TextEncoder();

/** The writer of a column's fields; a null is an empty field. */
export function fieldWriter(column: Column, { type }: ColumnDefinition, context: FieldContext): FieldWriter {
  const put = valueWriter(column, type, context);
  const { nulls } = column;
  return nulls === null ? put : (at, row) => (isNull(nulls, row) ? at : put(at, row));
}

function valueWriter(column: Column, type: ColumnDefinition['type'], context: FieldContext): FieldWriter {
  const { target, rest } = context;
  switch (column.kind) {
    case 'uuid':
      return (at, row) => numbers.putUuid(target.view, at, column.data, row * 16);
    case 'integer': {
      if (type === 'decimal') return (at, row) => numbers.putWideDecimal(target.view, at, column, row);
      const put = type === 'timestamp' && context.isoTimes ? putTime : numbers.putInteger;
      return (at, row) => {
        const value = numbers.safeNumberAt(column, row);
        return Number.isNaN(value)
          ? putAscii(target.view, at, String(integerAt(column, row)))
          : put(target.view, at, value);
      };
    }
    case 'double':
      return (at, row) => putDouble(target.view, at, column.values[row]!);
    case 'boolean':
      return (at, row) => putAscii(target.view, at, column.values[row] === 1 ? 'true' : 'false');
    case 'bytes':
      return type === 'bytes' ? base64Writer(column, context) : textWriter(column, context);
    case 'dictionary': {
      const { view, offsets } = context.entries.of(column.dictionary);
      return (at, row) => {
        const code = column.codes[row]!;
        target.reserve(at, offsets[code + 1]! - offsets[code]! + rest);
        return putBytes(target.view, at, view, offsets[code]!, offsets[code + 1]!);
      };
    }
    case 'list':
    case 'bytesList':
      return listWriter(column, context);
  }
}

function textWriter({ data, offsets }: BytesColumn, { target, delimiter, rest }: FieldContext): FieldWriter {
  const source = new DataView(data.buffer, data.byteOffset, data.byteLength);
  return (at, row) => {
    const from = offsets[row]!;
    const to = offsets[row + 1]!;
    target.reserve(at, (to - from) * FIELD_BYTES_FACTOR + rest);
    return putField(target.view, at, source, from, to, delimiter);
  };
}

function base64Writer({ data, offsets }: BytesColumn, { target, rest }: FieldContext): FieldWriter {
  return (at, row) => {
    const from = offsets[row]!;
    const to = offsets[row + 1]!;
    // Empty bytes are no null.
    if (from === to) return putAscii(target.view, at, '""');
    target.reserve(at, (to - from) * 2 + rest);
    return numbers.putBase64(target.view, at, data, from, to);
  };
}

/** A list as JSON text. */
function listWriter(column: ListColumn | BytesListColumn, { target, delimiter, rest }: FieldContext): FieldWriter {
  return (at, row) => {
    const items: string[] = [];
    for (let item = column.offsets[row]!; item < column.offsets[row + 1]!; item++)
      items.push(column.kind === 'list' ? column.dictionary.stringOf(column.codes[item]!) : textAt(column.items, item));
    const text = encoder.encode(JSON.stringify(items));
    target.reserve(at, text.length * FIELD_BYTES_FACTOR + rest);
    return putField(
      target.view,
      at,
      new DataView(text.buffer, text.byteOffset, text.length),
      0,
      text.length,
      delimiter,
    );
  };
}

function putTime(view: DataView, at: number, ms: number): number {
  if (Math.abs(ms) > 8.64e15) return numbers.putInteger(view, at, ms);
  return putAscii(view, at, new Date(ms).toISOString());
}

function putDouble(view: DataView, at: number, value: number): number {
  return Number.isFinite(value) ? numbers.putDouble(view, at, value) : putAscii(view, at, String(value));
}

function putAscii(view: DataView, at: number, text: string): number {
  for (let i = 0; i < text.length; i++) view.setUint8(at + i, text.charCodeAt(i));
  return at + text.length;
}
