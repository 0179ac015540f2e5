/**
 * Writes one Parquet file of the lake and describes it: rows in lake order.
 *
 * A file is named from its stream's rows (hour, kind, offset ranges), so work that a crash undid
 * writes the same name again. It is synced before `finish` resolves; it counts once a snapshot
 * names it.
 */
import { join } from 'node:path';
import { crc32c, sliceRows, type RowSlice } from '../event/batch.js';
import type { BytesColumn, DictionaryColumn, IntegerColumn } from '../event/columns.js';
import { numbersInto } from '../event/integers.js';
import type { Schema } from '../event/schema.js';
import { SCHEMA_KEY } from '../format/parquet/reader.js';
import { fileSink, ParquetWriter } from '../format/parquet/writer.js';
import type { Disk, DiskFile } from '../io/disk.js';
import { lakeFieldId } from './schema.js';
import type { LakeFile, OffsetRange } from './snapshot.js';

/** What is known of a file before it is written. */
export interface FilePlan {
  readonly kind: LakeFile['kind'];
  readonly hour: number;
  readonly ranges: readonly OffsetRange[];
  /** Of a merge: the names of what was merged, so that no two merges write the same file. */
  readonly inputs?: readonly string[];
  /** Of a merge that writes several files: 0, 1, 2, … */
  readonly part: number;
  /** Zstandard level. */
  readonly level: number;
}

/** One file being written. */
export class LakeFileWriter {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #name: string;
  readonly #plan: FilePlan;
  readonly #schema: Schema;
  readonly #file: DiskFile;
  readonly #writer: ParquetWriter;
  #eventTimeMin = Infinity;
  #eventTimeMax = -Infinity;
  #receivedAtMin = Infinity;
  #receivedAtMax = -Infinity;
  #tenantMin: string | null = null;
  #tenantMax: string | null = null;

  /** Starts a file in `folder`; `schema` is a lake schema. */
  constructor(disk: Disk, folder: string, schema: Schema, plan: FilePlan) {
    this.#disk = disk;
    this.#name = fileName(plan);
    this.#path = join(folder, this.#name);
    this.#plan = plan;
    this.#schema = schema;
    disk.remove(this.#path);
    this.#file = disk.open(this.#path, 'create');
    this.#writer = new ParquetWriter(schema, fileSink(this.#file), {
      level: plan.level,
      fieldId: lakeFieldId(schema),
      pairs: { [SCHEMA_KEY]: JSON.stringify(schema) },
    });
  }

  /** Bytes written so far. */
  get bytes(): number {
    return this.#writer.bytes;
  }

  /** Writes one row group; its rows come after those before it. */
  async write(slice: RowSlice): Promise<void> {
    this.#note(slice);
    await this.#writer.writeRowGroup([slice]);
  }

  /** Writes the footer and syncs. */
  async finish(): Promise<LakeFile> {
    const { rows, bytes } = await this.#writer.finish();
    await this.#file.sync();
    this.#file.close();
    const { kind, hour, ranges } = this.#plan;
    return {
      name: this.#name,
      kind,
      hour,
      rows,
      bytes,
      ranges,
      eventTimeMin: Number.isFinite(this.#eventTimeMin) ? this.#eventTimeMin : null,
      eventTimeMax: Number.isFinite(this.#eventTimeMax) ? this.#eventTimeMax : null,
      receivedAtMin: this.#receivedAtMin,
      receivedAtMax: this.#receivedAtMax,
      tenantMin: this.#tenantMin,
      tenantMax: this.#tenantMax,
    };
  }

  /** Gives up: the file goes away. */
  abandon(): void {
    this.#file.close();
    this.#disk.remove(this.#path);
  }

  #note(slice: RowSlice): void {
    const { batch, rows } = slice;
    const count = sliceRows(slice);
    const { eventTime, receivedAt, tenant } = this.#schema.roles;
    if (eventTime >= 0) {
      const [min, max] = rangeOf(batch.column(eventTime) as IntegerColumn, rows, count);
      this.#eventTimeMin = Math.min(this.#eventTimeMin, min);
      this.#eventTimeMax = Math.max(this.#eventTimeMax, max);
    }
    const [min, max] = rangeOf(batch.column(receivedAt) as IntegerColumn, rows, count);
    this.#receivedAtMin = Math.min(this.#receivedAtMin, min);
    this.#receivedAtMax = Math.max(this.#receivedAtMax, max);
    if (tenant < 0 || count === 0) return;
    const tenants = batch.column(tenant) as DictionaryColumn | BytesColumn;
    this.#tenantMin ??= textAt(tenants, rows === null ? 0 : rows[0]!);
    this.#tenantMax = textAt(tenants, rows === null ? count - 1 : rows[count - 1]!);
  }
}

let numbers = new Float64Array(0);

function rangeOf(column: IntegerColumn, rows: Uint32Array | null, count: number): [number, number] {
  if (numbers.length < count) numbers = new Float64Array(count);
  numbersInto(column, rows, count, numbers);
  let min = Infinity;
  let max = -Infinity;
  for (let i = 0; i < count; i++) {
    const value = numbers[i]!;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return [min, max];
}

function textAt(column: DictionaryColumn | BytesColumn, row: number): string {
  if (column.kind === 'dictionary') return column.dictionary.stringOf(column.codes[row]!);
  return Buffer.from(column.data.subarray(column.offsets[row], column.offsets[row + 1])).toString('utf8');
}

/** `2026-07-30T14-run-p0.100-200_p1.5-9.parquet`; a merge, or many partitions, add a hash. */
function fileName({ kind, hour, ranges, part, inputs }: FilePlan): string {
  const text = ranges.map(({ partition, from, to }) => `p${partition}.${from}-${to}`).join('_');
  const first = ranges[0]!;
  let place = text;
  if (inputs !== undefined || text.length > 80) {
    const bytes = new TextEncoder().encode([text, ...(inputs ?? [])].join(' '));
    place = `p${first.partition}.${first.from}-${first.to}_x${crc32c(bytes, 0, bytes.length).toString(16).padStart(8, '0')}`;
  }
  return `${new Date(hour).toISOString().slice(0, 13)}-${kind}-${place}${part === 0 ? '' : `-${part}`}.parquet`;
}
