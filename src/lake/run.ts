/**
 * Rows of one arrival hour, gathered until there are enough, then sorted and written as a run.
 *
 * Limits: the stage cuts by rows, bytes and age. Batches are kept as they came (views over the
 * log's buffers); small ones, whose objects would outweigh their rows, are copied together.
 * Sorting adds 28 bytes a row while it runs.
 */
import type { ColumnBatch } from '../event/columns.js';
import type { Schema } from '../event/schema.js';
import type { Disk } from '../io/disk.js';
import type { LogBatch } from '../log/log.js';
import { LakeFileWriter } from './file.js';
import { sortRows } from './order.js';
import { Picker } from './pick.js';
import { withPlace } from './schema.js';
import type { LakeFile, OffsetRange } from './snapshot.js';

/** Rows a group of a run: small, because a merge holds one group of every run in memory. */
export const RUN_GROUP_ROWS = 16_384;

/** Batches of fewer rows are copied together, this many at a time. */
const SMALL_ROWS = 256;
const SMALL_BATCHES = 128;
/** About what the objects of a small batch hold, a column. */
const COLUMN_OBJECT_BYTES = 250;

/** Rows of one partition, in the order of their offsets. */
interface Part {
  readonly from: number;
  to: number;
  batch: ColumnBatch;
}

/** Rows that will be one run. */
export class RunBuffer {
  readonly hour: number;
  rows = 0;
  /** About what the batches hold. */
  bytes = 0;
  readonly #schema: Schema;
  readonly #partitions = new Map<number, { parts: Part[]; small: number }>();
  readonly #picker: Picker;

  constructor(schema: Schema, hour: number) {
    this.#schema = schema;
    this.hour = hour;
    this.#picker = new Picker(schema, false);
  }

  /** Adds a batch; every column is decoded (and its crc checked) now, so that damage shows here. */
  add({ partition, baseOffset, batch }: LogBatch): void {
    const placed = withPlace(batch, this.#schema, partition, baseOffset);
    this.bytes += this.#bytesOf(placed);
    let held = this.#partitions.get(partition);
    if (held === undefined) this.#partitions.set(partition, (held = { parts: [], small: 0 }));
    held.parts.push({ from: baseOffset, to: baseOffset + batch.rows, batch: placed });
    this.rows += batch.rows;
    held.small = batch.rows < SMALL_ROWS ? held.small + 1 : 0;
    if (held.small === SMALL_BATCHES) this.#compact(held);
  }

  /** Copies the last small batches of a partition into one. */
  #compact(held: { parts: Part[]; small: number }): void {
    const parts = held.parts.splice(held.parts.length - held.small);
    const batches = parts.map((part) => part.batch);
    const count = batches.reduce((sum, batch) => sum + batch.rows, 0);
    const which = new Uint32Array(count);
    const rows = new Uint32Array(count);
    let at = 0;
    batches.forEach((batch, index) => {
      this.bytes -= this.#bytesOf(batch);
      for (let row = 0; row < batch.rows; row++, at++) {
        which[at] = index;
        rows[at] = row;
      }
    });
    const batch = this.#picker.pick({ batches, which, rows, start: 0, count });
    this.bytes += this.#bytesOf(batch);
    held.parts.push({ from: parts[0]!.from, to: parts.at(-1)!.to, batch });
    held.small = 0;
  }

  #bytesOf(batch: ColumnBatch): number {
    const columns = this.#schema.columns.length;
    let bytes = columns * COLUMN_OBJECT_BYTES;
    for (let index = 0; index < columns; index++) bytes += bytesOf(batch, index);
    return bytes;
  }

  /** Which rows of the log these are. */
  ranges(): OffsetRange[] {
    return this.#ordered().map(([partition, { parts }]) => ({ partition, from: parts[0]!.from, to: parts.at(-1)!.to }));
  }

  #ordered(): [number, { parts: Part[] }][] {
    return [...this.#partitions].sort(([left], [right]) => left - right);
  }

  /** Sorts and writes; `breathe` is awaited between row groups. */
  async write(disk: Disk, folder: string, level: number, breathe: () => Promise<void>): Promise<LakeFile> {
    const batches = this.#ordered().flatMap(([, { parts }]) => parts.map((part) => part.batch));
    const sorted = sortRows(this.#schema, batches);
    const picker = new Picker(this.#schema, true);
    const writer = new LakeFileWriter(disk, folder, this.#schema, {
      kind: 'run',
      hour: this.hour,
      ranges: this.ranges(),
      part: 0,
      level,
    });
    try {
      for (let start = 0; start < this.rows; start += RUN_GROUP_ROWS) {
        await writer.write(
          picker.pick({ batches, ...sorted, start, count: Math.min(RUN_GROUP_ROWS, this.rows - start) }),
        );
        await breathe();
      }
      return await writer.finish();
    } catch (error) {
      writer.abandon();
      throw error;
    }
  }
}

function bytesOf(batch: ColumnBatch, index: number): number {
  const column = batch.column(index);
  switch (column.kind) {
    case 'uuid':
      return column.data.length;
    case 'integer':
      return column.deltas.byteLength;
    case 'double':
    case 'boolean':
      return column.values.byteLength;
    case 'bytes':
      return column.data.length + column.offsets.byteLength;
    case 'dictionary':
      return column.codes.byteLength;
    case 'list':
      return column.codes.byteLength + column.offsets.byteLength;
    case 'bytesList':
      return column.items.data.length + column.items.offsets.byteLength + column.offsets.byteLength;
  }
}
