/** Rows that a dataflow publishes, as batches of the view's changes stream. */
import { batchOf } from '../../event/columns.js';
import type { Column, ColumnBatch } from '../../event/columns.js';
import { constantInteger } from '../../event/integers.js';
import { columnBuilder } from '../../sql/column-builder.js';
import { OPERATION, REASON, STATE, TENANT, TXN, WINDOW_END, WINDOW_START } from '../../sql/changes-columns.js';
import { relationLayout } from '../../sql/describe-relation.js';
import type { RelationLayout } from '../../sql/describe-relation.js';
import type { RelationView } from '../../sql/relation/relation.js';
import type { Value } from '../../sql/value.js';
import { MillraceError } from '../../util/errors.js';
import { sliceRows } from '../dataflow/block.js';
import { publishedRows, type Publication, type Published, type PublishedBlock } from '../dataflow/publication.js';
import { ChangeColumns, columnValue, windowEndOf } from './change-columns.js';

/** Most rows of one batch, and the rows that are worth one of their own. */
const BATCH_ROWS = 16_384;
const BLOCK_ROWS = 64;

/** Writes the changes of one view. */
export class ChangeRows {
  readonly layout: RelationLayout;
  readonly #view: RelationView;
  /** By column of the stream: the field that it shows, or -1. */
  readonly #fieldOf: readonly number[];
  readonly #columns: ChangeColumns;
  #errors = 0;

  constructor(view: RelationView) {
    this.#view = view;
    this.layout = relationLayout(view);
    const { columns, schema } = this.layout;
    this.#fieldOf = schema.columns.map((_, column) => columns.indexOf(column));
    this.#columns = new ChangeColumns(view, this.layout, this.#fieldOf);
  }

  /** Values that their column could not hold; they are published as NULL. */
  get errors(): number {
    return this.#errors + this.#columns.errors;
  }

  /** Batches of what is published in the moment `txn`. */
  batches({ blocks, rows }: Publication, txn: number): ColumnBatch[] {
    const batches: ColumnBatch[] = [];
    const few = blocks.filter(({ block }) => block.count < BLOCK_ROWS);
    const all = few.length === 0 ? rows : [...rows, ...publishedRows({ rows: [], blocks: few })];
    for (let from = 0; from < all.length; from += BATCH_ROWS)
      batches.push(this.#batch(all.slice(from, from + BATCH_ROWS), txn));
    for (const published of blocks) {
      if (published.block.count < BLOCK_ROWS) continue;
      for (const part of parts(published)) batches.push(this.#columns.batch(part, txn));
    }
    return batches;
  }

  #batch(rows: readonly Published[], txn: number): ColumnBatch {
    const { schema } = this.layout;
    const columns = schema.columns.map(({ type }, column): Column => {
      if (column === schema.roles.receivedAt) return constantInteger(0n);
      const read = this.#reader(column, txn);
      const builder = columnBuilder(type);
      for (const row of rows) {
        try {
          builder.add(read(row));
        } catch (error) {
          if (!(error instanceof MillraceError)) throw error;
          this.#errors++;
          builder.add(null);
        }
      }
      return builder.build();
    });
    return batchOf(schema, rows.length, columns);
  }

  #reader(column: number, txn: number): (published: Published) => Value {
    const { tenant } = this.#view;
    switch (column) {
      case TENANT:
        return ({ row }) => (tenant === null ? '' : (row[tenant] ?? ''));
      case WINDOW_START:
        return ({ row }) => this.#windowEnd(row) - this.layout.windowMs;
      case WINDOW_END:
        return ({ row }) => this.#windowEnd(row);
      case OPERATION:
        return ({ operation }) => operation;
      case STATE:
        return ({ state }) => state;
      case REASON:
        return ({ state }) => (state === 'corrected' ? 'late' : null);
      case TXN:
        return () => txn;
      case this.layout.copy:
        return ({ copy }) => copy;
      default: {
        const field = this.#fieldOf[column]!;
        const { type } = this.#view.relation.fields[field]!;
        const stored = columnValue(type, this.layout.schema.columns[column]!.type);
        return ({ row }) => stored(row[field]!);
      }
    }
  }

  /** The end of the window that a row is kept by. */
  #windowEnd(row: Published['row']): number {
    const { closes } = this.#view;
    return windowEndOf(closes === null ? 0 : row[closes], this.layout);
  }
}

/** A block in pieces that are not too large for a batch. */
function parts(published: PublishedBlock): PublishedBlock[] {
  const { block, copyStep, firstCopy } = published;
  if (block.count <= BATCH_ROWS) return [published];
  const pieces: PublishedBlock[] = [];
  for (let from = 0; from < block.count; from += BATCH_ROWS)
    pieces.push({
      ...published,
      block: sliceRows(block, from, Math.min(block.count, from + BATCH_ROWS)),
      firstCopy: firstCopy + from * copyStep,
    });
  return pieces;
}
