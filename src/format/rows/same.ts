/** Whether an object's list or JSON value, which may have been changed in place, is still the source's. */
import { isNull, type BytesListColumn, type Column, type ListColumn } from '../../event/columns.js';
import type { SourceColumn } from './source.js';
import { textAt } from './texts.js';
import { jsonOf } from './values.js';

/** Whether `value` is the list in row `row` of `column`. */
export function sameList(value: unknown, column: Column, row: number): boolean {
  if (!Array.isArray(value) || isNull(column.nulls, row)) return false;
  const { offsets } = column as ListColumn | BytesListColumn;
  const from = offsets[row]!;
  if (value.length !== offsets[row + 1]! - from) return false;
  for (let i = 0; i < value.length; i++) if (value[i] !== itemAt(column, from + i)) return false;
  return true;
}

function itemAt(column: Column, item: number): string {
  if (column.kind === 'list') return column.dictionary.stringOf(column.codes[item]!);
  return textAt((column as BytesListColumn).items, item);
}

/**
 * Whether `value` is what the JSON text in row `row` of the source says. The text itself is kept
 * then: parsing it may have lost digits.
 */
export function sameJson(value: unknown, { column, text: textOf }: SourceColumn, row: number): boolean {
  if (isNull(column.nulls, row)) return false;
  const text = textOf!(row);
  const now = jsonOf(value ?? null);
  return now === text || (now !== undefined && now === JSON.stringify(JSON.parse(text)));
}
