/**
 * Rows on their way through the steps of a transform: columns, which of them still pass, and from
 * which row of the input each came.
 *
 * A step that only drops rows selects; nothing is copied until the log's bytes are written. A step
 * that makes several rows of one makes a new batch, whose `origins` lead back to the input.
 */
import { allNull } from '../event/batch/widen.js';
import { batchOf, type Column, type ColumnBatch } from '../event/columns.js';
import type { ColumnDefinition, Schema } from '../event/schema.js';

/** Rows between two steps. */
export interface Rows {
  readonly batch: ColumnBatch;
  /** Rows of `batch` that pass, rising; null: all. */
  readonly selected: Uint32Array | null;
  /** By row of `batch`, the row of the input it came from; null: the same. */
  readonly origins: Uint32Array | null;
  /** The bytes of `batch` as a batch that stands for itself, where there are such. */
  readonly encoded?: Uint8Array<ArrayBuffer>;
}

/** All rows of an input. */
export function allRows(batch: ColumnBatch): Rows {
  return { batch, selected: null, origins: null };
}

/** No rows of a schema. */
export function noRows(schema: Schema): Rows {
  const columns = schema.columns.map(({ type }) => allNull(type, 0));
  return { batch: batchOf(schema, 0, columns), selected: null, origins: null };
}

/** How many rows pass. */
export function countRows({ batch, selected }: Rows): number {
  return selected?.length ?? batch.rows;
}

/** Calls `visit` with each row that passes and where it came from. */
export function eachRow({ batch, selected, origins }: Rows, visit: (row: number, origin: number) => void): void {
  const count = selected?.length ?? batch.rows;
  for (let i = 0; i < count; i++) {
    const row = selected === null ? i : selected[i]!;
    visit(row, origins === null ? row : origins[row]!);
  }
}

/** The rows for which `passes` is true. */
export function selectRows(rows: Rows, passes: (row: number, origin: number) => boolean): Rows {
  const chosen = new Uint32Array(countRows(rows));
  let count = 0;
  eachRow(rows, (row, origin) => {
    if (passes(row, origin)) chosen[count++] = row;
  });
  return count === chosen.length ? rows : { ...rows, selected: chosen.subarray(0, count) };
}

/** A column that a step makes; by position where the rows before have it. */
export type ColumnSource = number | ((rows: Rows) => Column);

/** The same rows with other columns: taken over by position, or made on the first touch. */
export function withColumns(rows: Rows, schema: Schema, sources: readonly ColumnSource[]): Rows {
  const made: (Column | undefined)[] = [];
  const batch: ColumnBatch = {
    schema,
    rows: rows.batch.rows,
    column(index) {
      const source = sources[index]!;
      if (typeof source === 'number') return rows.batch.column(source);
      return (made[index] ??= source(rows));
    },
  };
  return { batch, selected: rows.selected, origins: rows.origins };
}

/**
 * A schema of `columns`, which end with `received_at`; the columns that play a role keep it, under
 * the name that `nameOf` gives them.
 */
export function schemaOf(
  before: Schema,
  columns: readonly ColumnDefinition[],
  nameOf: (name: string) => string = (name) => name,
): Schema {
  const { roles } = before;
  const at = (role: number): number => {
    const name = before.columns[role]?.name;
    return name === undefined ? -1 : columns.findIndex((column) => column.name === nameOf(name));
  };
  return {
    columns,
    roles: {
      tenant: at(roles.tenant),
      eventId: at(roles.eventId),
      eventTime: at(roles.eventTime),
      receivedAt: at(roles.receivedAt),
    },
  };
}
