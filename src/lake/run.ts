/**
 * Rows of one arrival hour, gathered until there are enough, then sorted and written as a run.
 *
 * Rows are copied out of the log's batches as they come, into one array a column: commits under
 * load make batches of a few rows, and what is done once a batch must not outweigh the rows. Texts
 * become codes of one dictionary for the run. Writing sorts row numbers and encodes each row group
 * straight from the columns in that order.
 *
 * Limits: the stage cuts by rows, bytes and age. Arrays double, so up to half of what they reserve
 * is not in use (and, being untouched, not resident); while one grows it is there twice.
 * Sorting adds 24 bytes a row while it runs.
 */
import type { Schema } from '../event/schema.js';
import type { Disk } from '../io/disk.js';
import type { LogBatch } from '../log/log.js';
import { LakeFileWriter } from './file.js';
import { lakeOrder } from './order.js';
import { RunColumns } from './run-columns.js';
import { withPlace } from './schema.js';
import type { LakeFile, OffsetRange } from './snapshot.js';

/** Rows a group of a run: small, because a merge holds one group of every run in memory. */
export const RUN_GROUP_ROWS = 16_384;

/** Rows that will be one run. */
export class RunBuffer {
  readonly hour: number;
  rows = 0;
  readonly #schema: Schema;
  readonly #columns: RunColumns;
  readonly #ranges = new Map<number, { readonly partition: number; readonly from: number; to: number }>();

  /** `schema` is a lake schema; all rows must be of the stream's schema it was made from. */
  constructor(schema: Schema, hour: number) {
    this.#schema = schema;
    this.#columns = new RunColumns(schema);
    this.hour = hour;
  }

  /** Bytes of the rows. */
  get bytes(): number {
    return this.#columns.bytes;
  }

  /** Takes a batch, or throws LOG_PAGE_DAMAGED and takes nothing of it. Batches of a partition come in order. */
  add({ partition, baseOffset, batch }: LogBatch): void {
    this.#columns.add(withPlace(batch, this.#schema, partition, baseOffset));
    this.rows += batch.rows;
    const to = baseOffset + batch.rows;
    const range = this.#ranges.get(partition);
    if (range === undefined) this.#ranges.set(partition, { partition, from: baseOffset, to });
    else range.to = to;
  }

  /** Which rows of the log these are. */
  ranges(): OffsetRange[] {
    return [...this.#ranges.values()].sort((left, right) => left.partition - right.partition);
  }

  /** Sorts and writes; `breathe` is awaited between row groups, and while sorting. */
  async write(disk: Disk, folder: string, level: number, breathe: () => Promise<void>): Promise<LakeFile> {
    const batch = this.#columns.batch();
    const order = await lakeOrder(batch, this.#columns.ranks, breathe);
    const writer = new LakeFileWriter(disk, folder, this.#schema, {
      kind: 'run',
      hour: this.hour,
      ranges: this.ranges(),
      part: 0,
      level,
    });
    try {
      for (let start = 0; start < this.rows; start += RUN_GROUP_ROWS) {
        await writer.write({ batch, rows: order.subarray(start, start + RUN_GROUP_ROWS) });
        await breathe();
      }
      return await writer.finish();
    } catch (error) {
      writer.abandon();
      throw error;
    }
  }
}
