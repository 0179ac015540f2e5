/** Files of rows, a row group at a time: memory is bounded by one, whatever the file has. */
import type { RowSlice } from '../../../event/batch.js';
import { totalRows } from '../../../event/batch.js';
import { isNull, type BytesColumn, type ColumnBatch, type IntegerColumn } from '../../../event/columns.js';
import { numberAt } from '../../../event/integers.js';
import { columnIndex } from '../../../event/schema-define.js';
import type { Schema } from '../../../event/schema.js';
import { ParquetReader, SCHEMA_KEY } from '../../../format/parquet/reader.js';
import { fileSink, ParquetWriter } from '../../../format/parquet/writer.js';
import type { Disk, DiskFile } from '../../../io/disk.js';

/** Rows that a row group has at least, but for the last. */
export const GROUP_ROWS = 16_384;

/** The row groups of a file. Throws DATA_FOLDER_DAMAGED. */
export function* readGroups(disk: Disk, path: string, schema: Schema): Generator<ColumnBatch> {
  const file = disk.open(path, 'read');
  try {
    const reader = new ParquetReader(file, path, schema);
    for (let group = 0; group < reader.groups; group++) yield reader.readGroup(group);
  } finally {
    file.close();
  }
}

/** Writes a file that no manifest names yet. Without rows there is none. */
export class RowsWriter {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #schema: Schema;
  #file: DiskFile | null = null;
  #writer: ParquetWriter | null = null;
  #slices: RowSlice[] = [];

  constructor(disk: Disk, path: string, schema: Schema) {
    this.#disk = disk;
    this.#path = path;
    this.#schema = schema;
  }

  /** Adds rows, whose first columns are the schema's. */
  async add(slice: RowSlice): Promise<void> {
    this.#slices.push(slice);
    if (totalRows(this.#slices) >= GROUP_ROWS) await this.#flush();
  }

  /** Ends it; answers how many rows it has. Its content is on disk then, its name not before the folder is synced. */
  async finish(): Promise<number> {
    await this.#flush();
    if (this.#writer === null) return 0;
    const { rows } = await this.#writer.finish();
    await this.#file!.sync();
    return rows;
  }

  /** To be called in any case. */
  close(): void {
    this.#file?.close();
  }

  async #flush(): Promise<void> {
    const slices = this.#slices;
    if (totalRows(slices) === 0) return;
    this.#slices = [];
    if (this.#writer === null) {
      // A move that failed may have left one of this name.
      this.#disk.remove(this.#path);
      this.#file = this.#disk.open(this.#path, 'exclusive');
      // The footer's schema is how a reader finds columns after a migration.
      this.#writer = new ParquetWriter(this.#schema, fileSink(this.#file), {
        pairs: { [SCHEMA_KEY]: JSON.stringify(this.#schema) },
      });
    }
    await this.#writer.writeRowGroup(slices);
    await new Promise<void>((done) => setImmediate(done));
  }
}

/** The columns by which rows are told apart. */
export interface KeyColumns {
  /** `_key` as text, a character a byte. */
  key(row: number): string;
  keyBytes(row: number): Uint8Array;
  rev(row: number): number;
  /** Of `window_start`, ms; the time of a tombstone. */
  time(row: number): number;
}

/** Reads them of a batch. */
export function keyColumns(batch: ColumnBatch, time = 'window_start'): KeyColumns {
  const column = (name: string) => batch.column(columnIndex(batch.schema, name));
  const { data, offsets } = column('_key') as BytesColumn;
  const revs = column('_rev') as IntegerColumn;
  const times = column(time) as IntegerColumn;
  const keyBytes = (row: number): Uint8Array => data.subarray(offsets[row], offsets[row + 1]);
  return {
    keyBytes,
    key(row) {
      const bytes = keyBytes(row);
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
    },
    rev: (row) => numberAt(revs, row),
    time: (row) => (isNull(times.nulls, row) ? 0 : numberAt(times, row)),
  };
}

/** The UTC day of a time, `2026-01-31`. */
export function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

/** Which of `parts` a key is in. Keys are hashes, so parts are of one size. */
export function partOf(key: Uint8Array, parts: number): number {
  return ((key[0]! << 8) | key[1]!) & (parts - 1);
}
