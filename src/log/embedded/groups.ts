/** What callers append → parts of a commit: streams looked up, rows split, schemas brought up to date, bytes estimated. */
import { sliceRows } from '../../event/batch.js';
import { allNull, widen } from '../../event/batch/widen.js';
import { batchOf, type Column, type ColumnBatch } from '../../event/columns.js';
import type { Schema } from '../../event/schema.js';
import { MillraceError } from '../../util/errors.js';
import type { AppendGroup, EncodedRows, ReaderState, StreamRows } from '../log.js';
import { splitByPartition } from '../partition.js';
import type { CommitGroup, CommitPart } from './commit.js';
import { readerRecord, type StreamRecord } from './state.js';

/** Most bytes of state a reader keeps in the log. */
export const READER_STATE_BYTES_MAX = 64 * 1024;

/** A group ready to be queued. */
export interface PreparedGroup {
  readonly group: CommitGroup;
  /** About how many bytes it will take on disk. */
  readonly bytes: number;
}

/** Prepares a group. Throws STREAM_UNKNOWN and BATCH_INVALID. */
export function prepareGroup(group: AppendGroup, streamOf: (name: string) => StreamRecord | undefined): PreparedGroup {
  const parts: CommitPart[] = [];
  let bytes = 512;
  for (const { stream: name, rows } of group.batches) {
    const stream = streamOf(name);
    if (stream === undefined) throw new MillraceError('STREAM_UNKNOWN', `there is no stream '${name}'`);
    bytes += isEncoded(rows) ? addEncoded(parts, stream, rows) : addColumns(parts, stream, rows);
  }
  if (group.reader === undefined) return { group: { parts, metadata: null }, bytes };
  checkReader(group.reader);
  return {
    group: { parts, metadata: { readers: [readerRecord(group.reader)] } },
    bytes: bytes + group.reader.state.length * 2 + 512,
  };
}

/** Whether rows came as the bytes of a batch. */
export function isEncoded(rows: StreamRows['rows']): rows is EncodedRows {
  return 'bytes' in rows;
}

function addEncoded(parts: CommitPart[], stream: StreamRecord, { partition, count, bytes }: EncodedRows): number {
  if (partition < 0 || partition >= stream.definition.partitions)
    throw new MillraceError(
      'BATCH_INVALID',
      `stream '${stream.definition.name}' has ${stream.definition.partitions} partitions, not one of number ${partition}`,
    );
  if (count > 0) parts.push({ stream, partition, content: bytes, rows: count });
  return bytes.length;
}

function addColumns(parts: CommitPart[], stream: StreamRecord, rows: ColumnBatch): number {
  if (rows.rows === 0) return 0;
  const batch = asSchema(rows, stream);
  for (const { partition, rows: chosen } of splitByPartition(batch, stream.definition.partitions)) {
    const slice = { batch, rows: chosen };
    parts.push({ stream, partition, content: slice, rows: sliceRows(slice) });
  }
  return estimateBytes(batch);
}

function checkReader(reader: ReaderState): void {
  if (reader.state.length > READER_STATE_BYTES_MAX)
    throw new MillraceError(
      'BATCH_INVALID',
      `reader ${reader.id} has ${reader.state.length} bytes of state; at most ${READER_STATE_BYTES_MAX} are kept`,
    );
}

const checked = new WeakMap<Schema, WeakMap<Schema, boolean>>();

/** `batch` in the stream's newest schema; a producer may not have heard of the last change yet. */
export function asSchema(batch: ColumnBatch, stream: StreamRecord): ColumnBatch {
  const newest = stream.definition.schema;
  if (batch.schema === newest || sameColumns(batch.schema, newest))
    return batch.schema === newest ? batch : withSchema(batch, newest);
  const known = stream.versions.some((version) => sameColumns(batch.schema, version));
  if (!known)
    throw new MillraceError(
      'BATCH_INVALID',
      `the rows for stream '${stream.definition.name}' have columns ${names(batch.schema)}; the stream has ${names(newest)}`,
    );
  const columns = newest.columns.map((column, i): Column => {
    const old = batch.schema.columns[i];
    if (old === undefined) return allNull(column.type, batch.rows);
    return old.type === column.type ? batch.column(i) : widen(batch.column(i), old.type, column.type, batch.rows);
  });
  return batchOf(newest, batch.rows, columns);
}

function withSchema(batch: ColumnBatch, schema: Schema): ColumnBatch {
  return { schema, rows: batch.rows, column: (index) => batch.column(index) };
}

/** Whether two schemas are equal, remembered for each pair. */
export function sameColumns(a: Schema, b: Schema): boolean {
  let known = checked.get(a);
  if (known === undefined) checked.set(a, (known = new WeakMap()));
  let same = known.get(b);
  if (same === undefined) {
    same = JSON.stringify([a.columns, a.roles]) === JSON.stringify([b.columns, b.roles]);
    known.set(b, same);
  }
  return same;
}

function names(schema: Schema): string {
  return schema.columns.map((column) => `${column.name} ${column.type}`).join(', ');
}

/** About how many bytes the rows take. */
function estimateBytes(batch: ColumnBatch): number {
  let bytes = 1024;
  for (let i = 0; i < batch.schema.columns.length; i++) bytes += 32 + columnBytes(batch.column(i), batch.rows);
  return bytes;
}

function columnBytes(column: Column, rows: number): number {
  switch (column.kind) {
    case 'uuid':
      return rows * 16;
    case 'integer':
      return rows * column.width;
    case 'double':
      return rows * 8;
    case 'boolean':
      return rows;
    case 'bytes':
      return rows * 2 + column.offsets[rows]! - column.offsets[0]!;
    case 'dictionary':
      return rows * 2;
    case 'list':
      return rows + 2 * (column.offsets[rows]! - column.offsets[0]!);
    case 'bytesList':
      return rows * 2 + column.items.data.length;
  }
}
