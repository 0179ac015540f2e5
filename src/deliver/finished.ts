/** A delivered cut as what is committed with it: quarantine rows, counts, totals. */
import type { EdgeCounts } from '../event/edges.js';
import { EDGES_STREAM, QUARANTINE_STREAM, REDRIVE_STREAM } from '../event/internal.js';
import type { FailedEvent, Quarantine } from '../event/quarantine.js';
import { rowOf } from '../event/rows.js';
import type { StreamRows } from '../log/log.js';
import { MillraceError, type ErrorCode } from '../util/errors.js';
import type { CutOutcome } from './courier.js';
import type { FormingCut, PreparedFailure } from './cutter.js';
import { encodedBatch, jsonLines } from './encoded.js';
import { ROW } from './receipt.js';
import type { CutRows, PlacedSlice } from './rows.js';
import type { DeliveryTotals } from './state.js';

/** A cut that is done and not committed yet. */
export interface FinishedCut {
  readonly cut: FormingCut;
  readonly rows: CutRows;
  readonly outcome: CutOutcome;
}

/** What goes into the commit of a finished cut. */
export interface CutCommit {
  readonly outputs: readonly StreamRows[];
  readonly totals: DeliveryTotals;
  /** Call when the commit failed. */
  giveBack(): void;
}

/** Whose cuts these are. */
export interface FinishInput {
  readonly name: string;
  /** The reader's id. */
  readonly edge: string;
  readonly stream: string;
  readonly quarantine: Quarantine;
}

/** Rows and counts of a finished cut. */
export function commitOf(input: FinishInput, finished: FinishedCut, before: DeliveryTotals): CutCommit {
  const { cut, rows, outcome } = finished;
  const failed = [
    ...cut.failures.map((failure) => preparedFailure(input, failure, outcome)),
    ...refused(input, finished),
  ];
  // What reads the quarantine must not fill it: its failures are counted only.
  const isQuarantine = input.stream === QUARANTINE_STREAM;
  const taken = input.quarantine.take(isQuarantine ? [] : failed.map(({ event }) => event));
  const edges = cut.edges;
  failed.forEach(({ event, slice }, index) => {
    const stream = slice.stream === REDRIVE_STREAM ? REDRIVE_STREAM : input.stream;
    if (taken.kept[index] === true) edges.add(stream, event.tenant, slice.receivedAt, 'quarantined', 1, event.code);
    else edges.add(stream, event.tenant, slice.receivedAt, 'dropped', 1, isQuarantine ? event.code : 'quarantine_full');
  });
  countTaken(edges, rows, outcome);
  edges.add(input.stream, '*', rows.slices[0]?.receivedAt ?? outcome.startedMs, 'written', outcome.receipt.objects);
  const totals = totalsOf(before, edges, finished);
  const outputs: StreamRows[] = edges.batches(input.edge).map((batch) => ({ stream: EDGES_STREAM, rows: batch }));
  if (taken.batch !== null) outputs.push({ stream: QUARANTINE_STREAM, rows: taken.batch });
  return { outputs, totals, giveBack: () => taken.giveBack() };
}

interface FailedRow {
  readonly event: FailedEvent;
  readonly slice: PlacedSlice;
}

function preparedFailure(
  input: FinishInput,
  { slice, row, error, unread }: PreparedFailure,
  outcome: CutOutcome,
): FailedRow {
  const code: ErrorCode = error instanceof MillraceError ? error.code : 'DELIVERY_REFUSED';
  const event = failedEvent(input, slice, row, { code, message: error.message }, 1, outcome);
  return { slice, event: { ...event, ...unread } };
}

function* refused(input: FinishInput, { rows, outcome }: FinishedCut): IterableIterator<FailedRow> {
  for (const [number, refusal] of outcome.receipt.refusals) {
    const { slice, row } = rows.find(number);
    const event = failedEvent(input, slice, row, refusal, outcome.attempts.get(number) ?? 1, outcome);
    yield { slice, event };
  }
}

function failedEvent(
  { name, stream }: FinishInput,
  slice: PlacedSlice,
  row: number,
  { code, message }: { readonly code: ErrorCode; readonly message: string },
  attempts: number,
  outcome: CutOutcome,
): FailedEvent {
  const { batch, partition, baseOffset } = slice;
  const { roles, columns } = batch.schema;
  const before = slice.attempts?.(row) ?? { attempts: 0, firstMs: null };
  const values = rowOf(batch, row);
  const text = (column: number): string | null => (column < 0 ? null : String(values[columns[column]!.name]));
  const { data, offsets } = encodedBatch(jsonLines(batch.schema), batch);
  const isRedriven = slice.attempts !== null;
  return {
    tenant: text(roles.tenant) ?? '*',
    stage: 'deliver',
    reader: name,
    stream,
    ...(isRedriven ? {} : { place: { partition, offset: baseOffset + row } }),
    index: row,
    code,
    message,
    path: null,
    // Without the newline.
    original: data.slice(offsets[row], offsets[row + 1]! - 1),
    eventId: text(roles.eventId),
    attempts: before.attempts + attempts,
    times: { firstMs: before.firstMs ?? outcome.startedMs, lastMs: outcome.endedMs },
  };
}

/** Rows that the sink has, by tenant and minute, as the sink marked them. */
function countTaken(edges: EdgeCounts, rows: CutRows, { receipt }: CutOutcome): void {
  rows.eachSlice((slice, first, count) => {
    const takenRows = new Uint8Array(slice.batch.rows);
    for (let i = 0; i < count; i++)
      if (receipt.marks[first + i] === ROW.taken) takenRows[slice.rows === null ? i : slice.rows[i]!] = 1;
    edges.addRows(slice.stream, slice.batch, slice.receivedAt, 'ok', (row) => takenRows[row] === 1);
  });
}

function totalsOf(before: DeliveryTotals, edges: EdgeCounts, { outcome }: FinishedCut): DeliveryTotals {
  const { receipt } = outcome;
  return {
    read: before.read + edges.total('read'),
    ok: before.ok + edges.total('ok'),
    filtered: before.filtered + edges.total('filtered'),
    quarantined: before.quarantined + edges.total('quarantined'),
    dropped: before.dropped + edges.total('dropped'),
    missing: before.missing + receipt.count(ROW.unknown) + receipt.count(ROW.again),
    bytes: before.bytes + receipt.bytes,
    objects: before.objects + receipt.objects,
    cuts: before.cuts + 1,
  };
}
