/**
 * Streams of raw records: bytes that mean nothing to Millrace, each with an id.
 *
 * A delivery stream of the Firehose API that names no schema is one: whatever its producers put is
 * stored and delivered as it is, and can't be wrong. `record_id` counts a resend once.
 */
import { batchOf, type ColumnBatch } from './columns.js';
import { Dictionary } from './dictionary.js';
import { constantInteger } from './integers.js';
import { defineSchema } from './schema-define.js';
import type { Schema } from './schema.js';

/** The column with the partition keys that a function made. */
export const PARTITION_KEYS = 'partition_keys';

/** `record_id`, `tenant`, `data`, and `received_at`. */
export const RECORDS_SCHEMA: Schema = defineSchema({
  columns: { record_id: 'string', tenant: 'dictionary', data: 'bytes' },
  tenant: 'tenant',
  eventId: 'record_id',
});

/** The position of `data`. */
export const RECORD_DATA = 2;

/** Whether a stream holds raw records. */
export function isRecordsSchema(schema: Schema): boolean {
  return (
    schema.columns.length === RECORDS_SCHEMA.columns.length &&
    RECORDS_SCHEMA.columns.every(({ name, type }, at) => {
      const column = schema.columns[at]!;
      return column.name === name && column.type === type && !column.nullable;
    }) &&
    schema.roles.eventId === RECORDS_SCHEMA.roles.eventId &&
    schema.roles.tenant === RECORDS_SCHEMA.roles.tenant
  );
}

/** As a function gives them back: with the partition keys that it made. */
export const PARTITIONED_RECORDS_SCHEMA: Schema = defineSchema({
  columns: { record_id: 'string', tenant: 'dictionary', data: 'bytes', [PARTITION_KEYS]: 'json?' },
  tenant: 'tenant',
  eventId: 'record_id',
});

/** Whether rows are raw records, with partition keys or without. */
export function holdsRecords(schema: Schema): boolean {
  if (isRecordsSchema(schema)) return true;
  const { columns, roles } = PARTITIONED_RECORDS_SCHEMA;
  return (
    schema.columns.length === columns.length &&
    columns.every(({ name, type }, at) => schema.columns[at]!.name === name && schema.columns[at]!.type === type) &&
    schema.roles.eventId === roles.eventId
  );
}

/** Bytes one after the other: record i is `bytes[offsets[i] .. offsets[i + 1]]`. */
export interface RecordBytes {
  readonly bytes: Uint8Array;
  readonly offsets: Uint32Array;
}

const NO_TENANT = new Dictionary();
const NO_TENANT_CODE = NO_TENANT.internString('');

/** Columns over `records`, without a copy; the tenant is still to be filled in. `ids` are ASCII. */
export function recordsBatch(records: RecordBytes, ids: readonly string[]): ColumnBatch {
  const rows = ids.length;
  const idOffsets = new Uint32Array(rows + 1);
  for (let row = 0; row < rows; row++) idOffsets[row + 1] = idOffsets[row]! + ids[row]!.length;
  return batchOf(RECORDS_SCHEMA, rows, [
    { kind: 'bytes', nulls: null, offsets: idOffsets, data: Buffer.from(ids.join(''), 'latin1') },
    { kind: 'dictionary', nulls: null, codes: new Uint8Array(rows).fill(NO_TENANT_CODE), dictionary: NO_TENANT },
    { kind: 'bytes', nulls: null, offsets: records.offsets, data: records.bytes },
    constantInteger(0n),
  ]);
}
