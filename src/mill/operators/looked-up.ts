/**
 * Tables that a kernel's rows are looked up in: their columns stand behind the stream's in every batch.
 *
 * Purpose: a join of a stream with a dimension, at the speed of a kernel without one. A looked-up column is a
 * dictionary column whose dictionary is the table's own: what the table has for a text is found once an entry of the
 * batch's dictionary, and a row costs one step from code to code. So a thousand ads of a hundred campaigns are
 * a hundred texts to all that comes behind. A row that is not found has NULL in all of them, so an inner join is
 * a condition that the table's key is not NULL.
 *
 * Limits: the rows of the tables, at most `bytesMax` a table; beyond it a new key is refused and told of. Keys and
 * texts that no row has any more are dropped once they are the greater part.
 * Invariant: what is found belongs to a table's rows as they are: when those change, all of it is forgotten. The
 * table's dictionaries only grow, or are replaced (`kernels/lookups.ts` keeps what it knows by dictionary object).
 * Recovery: a table's stream is read again from its oldest row.
 */
import type { BooleanColumn, Column, ColumnBatch } from '../../event/columns.js';
import type { ColumnDefinition, Schema } from '../../event/schema.js';
import { columnIndex } from '../../event/schema-define.js';
import { DELETED } from '../../sql/declared.js';
import type { PlanLookup } from '../../sql/plan.js';
import { LookupTable } from './lookup-table.js';

/** The tables of one view. */
export class LookedUp {
  /** The stream's columns, then those of each table. */
  readonly schema: Schema;
  readonly #width: number;
  readonly #tables: readonly LookupTable[];

  constructor(schema: Schema, lookups: readonly PlanLookup[], schemaOf: (source: string) => Schema, bytesMax: number) {
    this.#width = schema.columns.length;
    this.#tables = lookups.map((lookup) => new LookupTable(lookup, bytesMax));
    const added = lookups.flatMap(({ columns, source }, table): ColumnDefinition[] => {
      const all = schemaOf(source).columns;
      return columns.map((column) => ({ name: `${all[column]!.name}_${table}`, type: 'dictionary', nullable: true }));
    });
    this.schema = { ...schema, columns: [...schema.columns, ...added] };
  }

  get bytes(): number {
    return this.#tables.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Takes rows of a table's stream; `refused` is told of each that there is no room for. */
  take(stream: string, batch: ColumnBatch, refused: (row: number) => void): void {
    for (const table of this.#tables) if (table.lookup.source === stream) take(table, batch, refused);
  }

  /** A batch of the stream with the tables' columns. */
  widen(batch: ColumnBatch): ColumnBatch {
    const width = this.#width;
    const columns: Column[] = [];
    for (const table of this.#tables) columns.push(...table.columns(batch));
    return {
      schema: this.schema,
      rows: batch.rows,
      column: (index) => (index < width ? batch.column(index) : columns[index - width]!),
    };
  }
}

/** Takes rows of a table's stream: the last of a key is the one that counts. */
function take(table: LookupTable, batch: ColumnBatch, refused: (row: number) => void): void {
  const deleted = columnIndex(batch.schema, DELETED);
  const flags = deleted < 0 ? null : (batch.column(deleted) as BooleanColumn).values;
  table.begin(batch);
  for (let row = 0; row < batch.rows; row++)
    if (flags !== null && flags[row] === 1) table.delete(row);
    else if (!table.set(row)) refused(row);
  table.end();
}
