import type { Column, ColumnBatch, IntegerColumn } from '../event/columns.js';
import { constantInteger } from '../event/integers.js';
import type { Schema } from '../event/schema.js';

/** The column that says which partition of the log a row came from. */
export const PARTITION_COLUMN = '_partition';

/** The column that says at which offset: with the partition it identifies a row. */
export const OFFSET_COLUMN = '_offset';

/** Field ids of the two, far from any column's position. */
const PLACE_FIELD_ID = 1_000_000;

/** A stream's schema with `_partition` and `_offset` behind its own columns. */
export function lakeSchema(schema: Schema): Schema {
  const place = [PARTITION_COLUMN, OFFSET_COLUMN].map((name) => ({ name, type: 'int64' as const, nullable: false }));
  return { columns: [...schema.columns, ...place], roles: schema.roles };
}

/** Parquet field ids of a lake schema: a column's position + 1, which never changes. */
export function lakeFieldId(schema: Schema): (index: number) => number {
  const own = schema.columns.length - 2;
  return (index) => (index < own ? index + 1 : PLACE_FIELD_ID + index - own);
}

/** A batch of the log with where its rows are; `schema` is `lakeSchema` of the batch's. */
export function withPlace(batch: ColumnBatch, schema: Schema, partition: number, baseOffset: number): ColumnBatch {
  const own = schema.columns.length - 2;
  const place: Column[] = [constantInteger(BigInt(partition)), rising(baseOffset, batch.rows)];
  const columns = new Array<Column | undefined>(own);
  return {
    schema,
    rows: batch.rows,
    column: (index) => (index < own ? (columns[index] ??= batch.column(index)) : place[index - own]!),
  };
}

let numbers = new Uint32Array(0);

function rising(base: number, rows: number): IntegerColumn {
  if (numbers.length < rows) numbers = Uint32Array.from({ length: Math.max(65_536, rows) }, (_, i) => i);
  return { kind: 'integer', nulls: null, base: BigInt(base), width: 4, deltas: numbers.subarray(0, rows) };
}
