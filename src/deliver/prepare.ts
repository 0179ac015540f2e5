/**
 * What a batch of the log becomes on its way into a cut: rows counted by tenant and minute, the
 * filter applied, redriven events read from their original JSON.
 */
import type { ColumnBatch } from '../event/columns.js';
import type { EdgeCounts } from '../event/edges.js';
import { REDRIVE_STREAM } from '../event/internal.js';
import { batchFromRows, rowOf } from '../event/rows.js';
import { RECEIVED_AT, type Schema } from '../event/schema.js';
import type { LogBatch } from '../log/log.js';
import type { RowExpression } from '../sql/expression.js';
import { MillraceError } from '../util/errors.js';
import type { FirstOf } from './once.js';
import type { PreparedFailure, PreparedRows } from './cutter.js';
import { asReplayed, REPLAY_STREAMS } from './replay.js';
import type { PlacedSlice } from './rows.js';

/** Whose rows, and which of them. */
export interface PrepareInput {
  /** The delivery's name. */
  readonly name: string;
  /** Schema of the stream that it reads. */
  readonly schema: Schema;
  readonly filter: RowExpression | null;
  /** Of alerts: which rows are the first of their key; null: it does not matter. */
  readonly firstOf?: FirstOf | null;
  /** Of a replay: which rows of a batch; null, or answering null: all. */
  readonly only: ((batch: LogBatch) => ((row: number) => boolean) | null) | null;
}

/** Prepares batches of one delivery. */
export function preparer(
  input: PrepareInput,
): (batch: LogBatch, first: number, end: number, edges: EdgeCounts) => PreparedRows {
  return (batch, first, end, edges) => {
    if (batch.stream === REDRIVE_STREAM) return redriven(input, batch, first, end, edges);
    const isFed = batch.stream.startsWith(REPLAY_STREAMS);
    return streamed(input, isFed ? asReplayed(batch, input.schema) : batch, first, end, edges);
  };
}

function streamed(
  { filter, firstOf = null, only }: PrepareInput,
  log: LogBatch,
  first: number,
  end: number,
  edges: EdgeCounts,
): PreparedRows {
  const { stream, partition, baseOffset, receivedAt, batch } = log;
  // Damage shows when a column is read: here it stops this batch, later it would stop the sink.
  for (let index = 0; index < batch.schema.columns.length; index++) batch.column(index);
  const isWhole = first === 0 && end === batch.rows;
  const whole = { stream, partition, baseOffset, receivedAt, batch, attempts: null };
  const chosen = only?.(log) ?? null;
  if (isWhole && filter === null && firstOf === null && chosen === null) {
    edges.addRows(stream, batch, receivedAt, 'read');
    return { slices: [{ ...whole, rows: null }], failures: [] };
  }
  const inRange = (row: number): boolean => row >= first && row < end && (chosen === null || chosen(row));
  edges.addRows(stream, batch, receivedAt, 'read', inRange);
  const passes = filter?.over(batch) ?? null;
  const isFirst = firstOf?.(log) ?? null;
  const failures: PreparedFailure[] = [];
  const kept: number[] = [];
  const filtered = new Uint8Array(batch.rows);
  for (let row = first; row < end; row++) {
    if (!inRange(row)) continue;
    try {
      if ((passes === null || passes(row) === true) && isFirst?.(row) !== false) kept.push(row);
      else filtered[row] = 1;
    } catch (error) {
      failures.push({ slice: { ...whole, rows: null }, row, error: asError(error) });
    }
  }
  edges.addRows(stream, batch, receivedAt, 'filtered', (row) => filtered[row] === 1, 'filter');
  return { slices: kept.length === 0 ? [] : [{ ...whole, rows: Uint32Array.from(kept) }], failures };
}

/** Events of the redrive stream that this delivery failed on before: each as it was, with its own stamp. */
function redriven(
  { name, schema, filter }: PrepareInput,
  log: LogBatch,
  first: number,
  end: number,
  edges: EdgeCounts,
): PreparedRows {
  const slices: PlacedSlice[] = [];
  const failures: PreparedFailure[] = [];
  for (let row = first; row < end; row++) {
    const wanted = rowOf(log.batch, row) as unknown as RedriveRow;
    if (wanted.stage !== 'deliver' || wanted.reader !== name) continue;
    const tried = { attempts: wanted.attempts, firstMs: wanted.first_at };
    // A batch of one row each, at that row's place.
    const place = { stream: REDRIVE_STREAM, partition: log.partition, baseOffset: log.baseOffset + row };
    const original = Buffer.from(wanted.original, 'base64');
    let slice: PlacedSlice;
    try {
      slice = { ...place, ...eventOf(schema, original, log.receivedAt), rows: null, attempts: () => tried };
    } catch (error) {
      const { receivedAt, batch, baseOffset } = log;
      const unread = { tenant: wanted.tenant, eventId: wanted.event_id, original };
      const slice = { ...place, baseOffset, receivedAt, batch, rows: null, attempts: () => tried };
      edges.add(REDRIVE_STREAM, wanted.tenant, receivedAt, 'read', 1);
      failures.push({ slice, row, error: asError(error), unread });
      continue;
    }
    // In the minute of its own stamp, as whatever becomes of it.
    edges.add(REDRIVE_STREAM, wanted.tenant, slice.receivedAt, 'read', 1);
    try {
      if (filter === null || filter.over(slice.batch)(0) === true) slices.push(slice);
      else edges.add(REDRIVE_STREAM, wanted.tenant, slice.receivedAt, 'filtered', 1, 'filter');
    } catch (error) {
      failures.push({ slice, row: 0, error: asError(error) });
    }
  }
  return { slices, failures };
}

/** An event as it was, with its own stamp where it has one. */
function eventOf(
  schema: Schema,
  original: Uint8Array,
  now: number,
): { readonly batch: ColumnBatch; readonly receivedAt: number } {
  const event = JSON.parse(new TextDecoder().decode(original)) as Record<string, unknown>;
  const stamp = event[RECEIVED_AT];
  const receivedAt = typeof stamp === 'number' ? stamp : now;
  return { batch: batchFromRows(schema, [{ ...event, [RECEIVED_AT]: receivedAt }]), receivedAt };
}

interface RedriveRow {
  readonly tenant: string;
  readonly stage: string;
  readonly reader: string;
  readonly original: string;
  readonly event_id: string | null;
  readonly attempts: number;
  readonly first_at: number | null;
}

function asError(error: unknown): Error {
  if (error instanceof MillraceError) return error;
  return error instanceof Error ? error : new Error(String(error));
}
