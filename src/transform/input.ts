/** Batches of the log → work: rows of the source as they are, rows of the redrive stream from their JSON. */
import { isNull, type BytesColumn, type Column, type ColumnBatch } from '../event/columns.js';
import { REDRIVE_SCHEMA, REDRIVE_STREAM } from '../event/internal.js';
import { batchFromRows, valueOf } from '../event/rows.js';
import { columnIndex } from '../event/schema-define.js';
import type { Schema } from '../event/schema.js';
import type { LogBatch } from '../log/log.js';
import { MillraceError } from '../util/errors.js';
import { Work, type Failure, type Redriven } from './work.js';

/** The work of a batch; null when nothing of it is this transform's. Decodes every column, so that damage shows here. */
export function workOf(batch: LogBatch, name: string, schema: Schema): Work | null {
  if (batch.rows === 0) return null;
  if (batch.stream === REDRIVE_STREAM) return redrivenWork(batch, name, schema);
  for (let index = 0; index < batch.batch.schema.columns.length; index++) batch.batch.column(index);
  const { stream, partition, baseOffset, receivedAt } = batch;
  return new Work({ stream, partition, baseOffset, receivedAt, redriven: null }, inSchema(batch.batch, schema));
}

/** The columns that the steps were planned for; the stream may have got more since. */
function inSchema(batch: ColumnBatch, schema: Schema): ColumnBatch {
  if (batch.schema === schema) return batch;
  schema.columns.forEach(({ name, type }, index) => {
    const there = batch.schema.columns[index];
    if (there?.name !== name || there.type !== type)
      throw new MillraceError('SCHEMA_INCOMPATIBLE', `column '${name}' is not what it was when the transform started`);
  });
  return { schema, rows: batch.rows, column: (index) => batch.column(index) };
}

const COLUMN = Object.fromEntries(
  REDRIVE_SCHEMA.columns.map(({ name }) => [name, columnIndex(REDRIVE_SCHEMA, name)]),
) as Readonly<Record<string, number>>;

function redrivenWork({ batch, ...place }: LogBatch, name: string, schema: Schema): Work | null {
  const at = (column: string, row: number): unknown => {
    const index = COLUMN[column]!;
    return valueOf(batch.column(index), REDRIVE_SCHEMA.columns[index]!.type, row);
  };
  const redriven: Redriven[] = [];
  const events: Record<string, unknown>[] = [];
  const failures = new Map<number, Failure>();
  for (let row = 0; row < batch.rows; row++) {
    if (at('stage', row) !== 'transform' || at('reader', row) !== name) continue;
    const original = bytesAt(batch.column(COLUMN['original']!), row);
    const partition = at('partition', row) as number | null;
    const offset = at('offset', row) as number | null;
    const index = redriven.push({
      stream: at('stream', row) as string,
      place: partition === null || offset === null ? null : { partition, offset },
      attempts: at('attempts', row) as number,
      firstMs: at('first_at', row) as number | null,
      original,
      eventId: at('event_id', row) as string | null,
    });
    const event = eventOf(original, schema);
    if (event instanceof MillraceError)
      failures.set(index - 1, { code: event.code, message: event.message, path: event.place ?? null });
    events.push(event instanceof MillraceError ? placeholder(schema, at('tenant', row) as string) : event);
  }
  if (redriven.length === 0) return null;
  const { stream, partition, baseOffset, receivedAt } = place;
  const work = new Work({ stream, partition, baseOffset, receivedAt, redriven }, batchFromRows(schema, events));
  for (const [row, failure] of failures) work.fail(row, failure);
  return work;
}

function eventOf(original: Uint8Array, schema: Schema): Record<string, unknown> | MillraceError {
  try {
    const event = JSON.parse(new TextDecoder().decode(original)) as unknown;
    if (typeof event !== 'object' || event === null || Array.isArray(event))
      return new MillraceError('EVENT_MALFORMED', 'expected a JSON object');
    const values = { received_at: 0, ...event };
    batchFromRows(schema, [values]);
    return values;
  } catch (error) {
    if (error instanceof MillraceError) return error;
    return new MillraceError('EVENT_MALFORMED', (error as Error).message);
  }
}

/** Keeps the place of a row that can't be read: only its tenant is looked at. */
function placeholder(schema: Schema, tenant: string): Record<string, unknown> {
  return Object.fromEntries(
    schema.columns.map(({ name, type, nullable }, index) => [
      name,
      index === schema.roles.tenant ? tenant : nullable ? null : PLACEHOLDERS[type],
    ]),
  );
}

const PLACEHOLDERS: Readonly<Record<string, unknown>> = {
  uuid: '00000000-0000-0000-0000-000000000000',
  string: '',
  dictionary: '',
  list: [],
  bytes: '',
  int64: 0,
  double: 0,
  decimal: '0',
  timestamp: 0,
  boolean: false,
  json: {},
};

function bytesAt(column: Column, row: number): Uint8Array {
  if (isNull(column.nulls, row)) return new Uint8Array(0);
  const { data, offsets } = column as BytesColumn;
  return data.slice(offsets[row], offsets[row + 1]);
}
