/**
 * The rows of a run, one array a column, in no particular order.
 *
 * Rows come in batches of a few and leave sorted by tenant. Taken at random out of arrays of a
 * million, each value would be a miss of every cache. So rows are collected in blocks first, and a
 * full block is appended in order of its tenants: the sorted run then reads every block from its
 * start to its end.
 */
import { batchOf, type ColumnBatch } from '../event/columns.js';
import type { ColumnType, Schema } from '../event/schema.js';
import { TenantRanks } from './order.js';
import { BLOCK_ROWS, BooleanRows, DoubleRows, IntegerRows, UuidRows, type GrowingColumn } from './run-numbers.js';
import { CodeRows, ListRows, RunDictionary, TextRows } from './run-texts.js';

/** Rows of one lake schema. */
export class RunColumns {
  readonly #schema: Schema;
  readonly #texts: readonly RunDictionary[];
  readonly #columns: readonly GrowingColumn[];
  /** Of the tenants in the rows. */
  readonly ranks = new TenantRanks();
  #rows = 0;
  #block: readonly GrowingColumn[];
  #blockRows = 0;

  constructor(schema: Schema) {
    this.#schema = schema;
    this.#texts = schema.columns.map(() => new RunDictionary());
    this.#columns = this.#fresh();
    this.#block = this.#fresh();
  }

  /** Bytes of the rows. */
  get bytes(): number {
    let bytes = 0;
    for (let index = 0; index < this.#columns.length; index++)
      bytes += this.#columns[index]!.bytes + this.#block[index]!.bytes + this.#texts[index]!.bytes;
    return bytes;
  }

  /** Copies a batch's rows; all columns are decoded before, so that one with damage leaves nothing behind. */
  add(batch: ColumnBatch): void {
    const columns = this.#block.map((_, index) => batch.column(index));
    const rows = { count: batch.rows, chosen: null };
    for (let index = 0; index < columns.length; index++)
      this.#block[index]!.append(columns[index]!, this.#blockRows, rows);
    this.#blockRows += batch.rows;
    if (this.#blockRows >= BLOCK_ROWS) this.#takeBlock();
  }

  /** All rows; valid until the next `add`. */
  batch(): ColumnBatch {
    if (this.#blockRows > 0) this.#takeBlock();
    return asBatch(this.#schema, this.#columns, this.#rows);
  }

  #takeBlock(): void {
    const count = this.#blockRows;
    const batch = asBatch(this.#schema, this.#block, count);
    const rows = new Uint32Array(count);
    for (let row = 0; row < count; row++) rows[row] = row;
    const chosen = this.ranks.order(batch, rows).order;
    this.#columns.forEach((column, index) => column.append(batch.column(index), this.#rows, { count, chosen }));
    this.#rows += count;
    this.#block = this.#fresh();
    this.#blockRows = 0;
  }

  #fresh(): GrowingColumn[] {
    return this.#schema.columns.map(({ type }, index) => growingColumn(type, this.#texts[index]!));
  }
}

function asBatch(schema: Schema, columns: readonly GrowingColumn[], rows: number): ColumnBatch {
  return batchOf(
    schema,
    rows,
    columns.map((column) => column.column(rows)),
  );
}

/** A column of a type that grows; `texts`: where texts of low cardinality become codes. */
export function growingColumn(type: ColumnType, texts: RunDictionary): GrowingColumn {
  switch (type) {
    case 'uuid':
      return new UuidRows();
    case 'int64':
    case 'decimal':
    case 'timestamp':
      return new IntegerRows();
    case 'double':
      return new DoubleRows();
    case 'boolean':
      return new BooleanRows();
    case 'string':
    case 'bytes':
    case 'json':
      return new TextRows();
    case 'dictionary':
      return new CodeRows(texts);
    case 'list':
      return new ListRows(texts);
  }
}
