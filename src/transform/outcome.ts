/**
 * What became of a batch of input: rows for the derived stream, rows that failed, and the counts.
 *
 * Each count is taken where it happens: `read` from the input, `ok` from the rows that came out,
 * `filtered` from what the steps said, `quarantined` from what the quarantine took.
 */
import { QUARANTINE_STREAM } from '../event/internal.js';
import { EdgeCounts } from '../event/edges.js';
import type { FailedEvent, Quarantine, QuarantineRows } from '../event/quarantine.js';
import { rowOf, valueOf } from '../event/rows.js';
import type { EncodedRows, StreamRows } from '../log/log.js';
import { encodeRows } from './encode.js';
import { countRows, eachRow, type Rows } from './rows.js';
import type { Failure, Work } from './work.js';

/** What a batch of input comes to. */
export interface Outcome {
  readonly encoded: readonly EncodedRows[];
  /** Adds what became of the rows. */
  readonly count: (counts: EdgeCounts) => void;
  readonly failed: readonly FailedEvent[];
  readonly receivedAt: number;
  readonly stream: string;
  /** Rows that steps keep for themselves. */
  readonly own: readonly StreamRows[];
  readonly rows: number;
}

/** Ends work: `rows` are those that came through all steps and have not failed. */
export function outcomeOf(
  work: Work,
  rows: Rows,
  input: { readonly reader: string; readonly partitions: number; readonly own: readonly StreamRows[] },
): Outcome {
  const { stream, receivedAt } = work.source;
  const came = new Uint8Array(work.input.rows);
  const written = rows.selected === null ? null : new Uint8Array(rows.batch.rows);
  eachRow(rows, (row, origin) => {
    came[origin] = 1;
    if (written !== null) written[row] = 1;
  });
  const count = (counts: EdgeCounts): void => {
    counts.addRows(stream, work.input, receivedAt, 'read');
    counts.addRows(stream, work.input, receivedAt, 'ok', (row) => came[row] === 1);
    work.reasons.forEach((reason, index) => {
      const isIt = (row: number): boolean =>
        work.filtered[row] === index + 1 && came[row] === 0 && !work.hasFailed(row);
      counts.addRows(stream, work.input, receivedAt, 'filtered', isIt, reason);
    });
    if (countRows(rows) > 0)
      counts.addRows(stream, rows.batch, receivedAt, 'written', written === null ? null : (row) => written[row] === 1);
  };
  return {
    encoded: encodeRows(rows, input.partitions),
    count,
    failed: [...work.failures].map(([origin, failure]) => failedEvent(work, origin, failure, input.reader)),
    receivedAt,
    stream,
    own: input.own,
    rows: work.input.rows,
  };
}

function failedEvent(work: Work, origin: number, failure: Failure, reader: string): FailedEvent {
  const { input, source } = work;
  const { tenant, eventId } = input.schema.roles;
  const redriven = source.redriven?.[origin];
  const firstMs = redriven?.firstMs ?? failure.firstMs ?? source.receivedAt;
  const place = redriven === undefined ? placeOf(work, origin) : redriven.place;
  return {
    tenant: tenant < 0 ? '*' : textAt(work, tenant, origin),
    stage: 'transform',
    reader,
    stream: work.streamOf(origin),
    ...(place === null ? {} : { place }),
    index: origin,
    code: failure.code,
    message: failure.message,
    path: failure.path,
    original: redriven?.original ?? Buffer.from(JSON.stringify(rowOf(input, origin))),
    eventId: redriven?.eventId ?? (eventId < 0 ? null : textAt(work, eventId, origin)),
    attempts: (redriven?.attempts ?? 0) + (failure.attempts ?? 1),
    times: { firstMs, lastMs: failure.lastMs ?? source.receivedAt },
  };
}

function placeOf({ source }: Work, origin: number): { partition: number; offset: number } {
  return { partition: source.partition, offset: source.baseOffset + origin };
}

function textAt({ input }: Work, column: number, row: number): string {
  return String(valueOf(input.column(column), input.schema.columns[column]!.type, row));
}

/** One commit of a transform. */
export interface Commit {
  readonly outputs: readonly StreamRows[];
  readonly counts: EdgeCounts;
  /** Gives the quota back: the commit was not made. */
  giveBack(): void;
}

/**
 * Makes one commit of outcomes. Rows that failed go to the quarantine as far as it has room; those
 * of a transform that reads the quarantine itself are only counted.
 */
export function commitOf(
  outcomes: readonly Outcome[],
  input: { readonly id: string; readonly to: string; readonly quarantine: Quarantine; readonly edges: string },
): Commit {
  const counts = new EdgeCounts();
  const outputs: StreamRows[] = [];
  const taken: QuarantineRows[] = [];
  for (const { encoded, count, failed, receivedAt, stream, own } of outcomes) {
    count(counts);
    for (const rows of encoded) outputs.push({ stream: input.to, rows });
    outputs.push(...own);
    if (failed.length === 0) continue;
    if (failed[0]!.stream === QUARANTINE_STREAM) {
      for (const { tenant, code } of failed) counts.add(stream, tenant, receivedAt, 'dropped', 1, code);
      continue;
    }
    const rows = input.quarantine.take(failed);
    taken.push(rows);
    if (rows.batch !== null) outputs.push({ stream: QUARANTINE_STREAM, rows: rows.batch });
    failed.forEach(({ tenant, code }, i) => {
      if (rows.kept[i]!) counts.add(stream, tenant, receivedAt, 'quarantined', 1, code);
      else counts.add(stream, tenant, receivedAt, 'dropped', 1, 'quarantine_full');
    });
  }
  for (const batch of counts.batches(input.id)) outputs.push({ stream: input.edges, rows: batch });
  return {
    outputs,
    counts,
    giveBack: () => {
      for (const rows of taken) rows.giveBack();
    },
  };
}
