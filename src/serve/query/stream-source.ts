/**
 * A stream's rows for a query: the lake's files below its committed offsets, and the log from there
 * to the end that was durable when the query began. A row is below one offset or at or above it, so
 * it is never in both and never in neither.
 */
import type { RowSlice } from '../../event/batch.js';
import { batchOf, type Column, type ColumnBatch } from '../../event/columns.js';
import { constantInteger, integersFrom } from '../../event/integers.js';
import type { Schema } from '../../event/schema.js';
import type { Log, LogBatch } from '../../log/log.js';
import { partitionOf } from '../../log/partition.js';
import type { BasePart, BaseSource } from './print.js';
import { parquetTable } from './sources.js';
import { rowGroups, type TempFile, type TempFiles } from './temp-files.js';

/** What the lake holds of a stream, at one moment. */
export interface LakeView {
  /** Files of all rows below `offsets`, each row once. */
  readonly files: readonly string[];
  /** One past the last row in the files, by partition. */
  readonly offsets: readonly number[];
  /** Lets the lake remove files that were replaced since. */
  release(): void;
}

/** The lake, as queries need it. */
export interface LakeReader {
  /** Null when the lake has nothing of the stream yet. Files without rows of `tenant` may be left out. */
  take(stream: string, tenant: string | null): LakeView | null;
}

/** Most rows of log that one query reads. */
export const TAIL_ROWS_MAX = 20_000_000;

const encoder = new TextEncoder();

/** One stream at one moment. */
export class StreamSnapshot {
  readonly #log: Log;
  readonly #stream: string;
  readonly #files: TempFiles;
  readonly #lake: LakeView | null;
  readonly #tenant: string | null;
  readonly #taken: TempFile[] = [];
  /** The tail by partition. */
  readonly starts: readonly number[];
  readonly ends: readonly number[];

  constructor(log: Log, lake: LakeReader, stream: string, files: TempFiles, tenant: string | null) {
    this.#log = log;
    this.#stream = stream;
    this.#files = files;
    // The lake first: what it commits from now on is still in the log.
    this.#lake = lake.take(stream, tenant);
    this.#tenant = tenant;
    const partitions = log.stream(stream)?.partitions ?? 0;
    const ranges = Array.from({ length: partitions }, (_, partition) => log.range(stream, partition));
    this.starts = ranges.map((range, partition) => Math.max(this.#lake?.offsets[partition] ?? 0, range.start));
    this.ends = ranges.map((range) => range.end);
  }

  /** The parts to be united. `columns` are the file columns in use, `_partition` and `_offset` among them. */
  async source(columns: readonly string[]): Promise<BaseSource> {
    const tenant = this.#tenant;
    const parts: BasePart[] = [];
    if (this.#lake !== null && this.#lake.files.length > 0)
      parts.push({ table: parquetTable(this.#lake.files), condition: null });
    const definition = this.#log.stream(this.#stream)!;
    const { schema } = definition;
    const only = tenant === null ? -1 : partitionOfTenant(tenant, definition.partitions);
    const paths: string[] = [];
    for (let partition = 0; partition < definition.partitions; partition++) {
      const [start, end] = [this.starts[partition]!, this.ends[partition]!];
      if (end <= start || (only >= 0 && partition !== only)) continue;
      const file = await this.#tail(schema, columns, tenant, partition, start, end);
      this.#taken.push(file);
      if (file.path !== null) paths.push(file.path);
    }
    if (paths.length > 0) parts.push({ table: parquetTable(paths), condition: null });
    return { parts };
  }

  release(): void {
    for (const file of this.#taken) file.release();
    this.#lake?.release();
  }

  #tail(
    schema: Schema,
    columns: readonly string[],
    tenant: string | null,
    partition: number,
    start: number,
    end: number,
  ): Promise<TempFile> {
    const key = `${this.#stream}\0${partition}\0${start}\0${end}\0${tenant ?? ''}\0${columns.join(',')}`;
    const kept = schema.columns.flatMap((column, index) =>
      columns.includes(column.name) || index === schema.roles.tenant ? [index] : [],
    );
    const fileSchema = tailSchema(schema, kept);
    return this.#files.take(key, fileSchema, () =>
      rowGroups(this.#slices(fileSchema, kept, tenant, partition, start, end)),
    );
  }

  *#slices(
    fileSchema: Schema,
    kept: readonly number[],
    tenant: string | null,
    partition: number,
    start: number,
    end: number,
  ): Generator<RowSlice> {
    const cursor = this.#log.cursor(this.#stream, partition, start);
    try {
      for (let next = cursor.next(); next !== null && next.baseOffset < end; next = cursor.next()) {
        if (next.rows === 0) continue;
        const rows = picks(next, start, end, tenant);
        if (rows !== null && rows.length === 0) continue;
        yield { batch: tailBatch(fileSchema, kept, next), rows };
      }
    } finally {
      cursor.close();
    }
  }
}

/** The partition that a tenant's rows are in. */
export function partitionOfTenant(tenant: string, partitions: number): number {
  const bytes = encoder.encode(tenant);
  return partitionOf(bytes, 0, bytes.length, partitions);
}

function tailSchema(schema: Schema, kept: readonly number[]): Schema {
  const place = (name: string) => ({ name, type: 'int64' as const, nullable: false });
  return {
    columns: [...kept.map((index) => schema.columns[index]!), place('_partition'), place('_offset')],
    roles: {
      tenant: kept.indexOf(schema.roles.tenant),
      eventId: -1,
      eventTime: -1,
      receivedAt: kept.indexOf(schema.roles.receivedAt),
    },
  };
}

function tailBatch(fileSchema: Schema, kept: readonly number[], from: LogBatch): ColumnBatch {
  const offsets = integersFrom(
    Array.from({ length: from.rows }, (_, row) => BigInt(from.baseOffset + row)),
    null,
  );
  const columns: Column[] = [
    ...kept.map((index) => from.batch.column(index)),
    constantInteger(BigInt(from.partition)),
    offsets,
  ];
  return batchOf(fileSchema, from.rows, columns);
}

/** Rows of a batch within the range and of the tenant; null: all of them. */
function picks(from: LogBatch, start: number, end: number, tenant: string | null): Uint32Array | null {
  const first = Math.max(0, start - from.baseOffset);
  const last = Math.min(from.rows, end - from.baseOffset);
  if (tenant === null)
    return first === 0 && last === from.rows
      ? null
      : Uint32Array.from({ length: last - first }, (_, index) => first + index);
  const isTenant = tenantTest(from.batch.column(from.batch.schema.roles.tenant), tenant);
  const rows: number[] = [];
  for (let row = first; row < last; row++) if (isTenant(row)) rows.push(row);
  return Uint32Array.from(rows);
}

function tenantTest(column: Column, tenant: string): (row: number) => boolean {
  const bytes = encoder.encode(tenant);
  if (column.kind === 'dictionary') {
    const code = column.dictionary.find(bytes);
    return (row) => column.codes[row] === code;
  }
  if (column.kind !== 'bytes') return () => false;
  return (row) => {
    const from = column.offsets[row]!;
    if (column.offsets[row + 1]! - from !== bytes.length) return false;
    for (let i = 0; i < bytes.length; i++) if (column.data[from + i] !== bytes[i]) return false;
    return true;
  };
}
