/**
 * A second opinion: JSON text → plain rows by `JSON.parse` alone, sharing no code with the decoder.
 * Exact numbers that a double loses are given beside, by the generator that wrote them.
 */
import type { ColumnDefinition, Schema } from '../../src/event/schema.js';

/** What `rowOf` answers for a row, from its parsed JSON; undefined where the decoder must reject it. */
export function referenceRow(schema: Schema, object: Record<string, unknown>): Record<string, unknown> {
  const row: Record<string, unknown> = {};
  const extra: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(object)) {
    const column = schema.columns.find((candidate) => candidate.name === name);
    if (column === undefined) extra[name] = value;
    else row[name] = value === null ? null : referenceValue(column, value);
  }
  if (Object.keys(extra).length > 0) row['props'] = { ...(row['props'] as object | undefined), ...extra };
  for (const column of schema.columns) row[column.name] ??= null;
  row['received_at'] = 0;
  return row;
}

function referenceValue(column: ColumnDefinition, value: unknown): unknown {
  switch (column.type) {
    case 'uuid':
      return String(value).toLowerCase();
    case 'decimal':
      return Number(value).toFixed(6);
    case 'int64':
      return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
    case 'timestamp':
      return typeof value === 'string' ? Date.parse(value) : value;
    case 'string':
    case 'dictionary':
      return wellFormed(String(value));
    case 'list':
      return (value as string[]).map((item) => wellFormed(item));
    default:
      return value;
  }
}

/** As UTF-8 keeps it: a surrogate without its other half is U+FFFD. */
function wellFormed(text: string): string {
  return text.replaceAll(/\p{Surrogate}/gu, '\ufffd');
}
