/**
 * One batch of input on its way through a transform, and what became of each of its rows.
 *
 * A row of the input has one fate, however many rows come of it: it failed (then nothing of it is
 * written, and it is in the quarantine as it came), or something of it came out, or it was filtered.
 * So a redrive never doubles what came out before.
 */
import type { ColumnBatch } from '../event/columns.js';
import type { ErrorCode } from '../util/errors.js';

/** Why a row failed. */
export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  /** The column, or the place in the event. */
  readonly path: string | null;
  /** Default 1. */
  readonly attempts?: number;
  /** First and last attempt, ms; default: when the batch was read. */
  readonly firstMs?: number;
  readonly lastMs?: number;
}

/** Where a row that is redriven comes from. */
export interface Redriven {
  /** The stream in which the event itself was. */
  readonly stream: string;
  readonly place: { readonly partition: number; readonly offset: number } | null;
  readonly attempts: number;
  readonly firstMs: number | null;
  readonly original: Uint8Array;
  readonly eventId: string | null;
}

/** Where a batch of input comes from. */
export interface WorkSource {
  readonly stream: string;
  readonly partition: number;
  readonly baseOffset: number;
  /** The stamp of its rows, ms. */
  readonly receivedAt: number;
  /** By row, for rows of the redrive stream. */
  readonly redriven: readonly Redriven[] | null;
}

/** One batch of input under way. */
export class Work {
  readonly source: WorkSource;
  readonly input: ColumnBatch;
  readonly failures = new Map<number, Failure>();
  readonly reasons: string[] = [];
  /** By row of the input: 0, or one past the position of its reason. */
  readonly filtered: Uint8Array;

  constructor(source: WorkSource, input: ColumnBatch) {
    this.source = source;
    this.input = input;
    this.filtered = new Uint8Array(input.rows);
  }

  /** A row that was meant to end here. */
  filter(origin: number, reason: string): void {
    let index = this.reasons.indexOf(reason);
    if (index < 0) index = this.reasons.push(reason) - 1;
    this.filtered[origin] = Math.min(255, index + 1);
  }

  /** A row that can't be transformed; the first failure of a row counts. */
  fail(origin: number, failure: Failure): void {
    if (!this.failures.has(origin)) this.failures.set(origin, failure);
  }

  /** Whether a row has failed. */
  hasFailed(origin: number): boolean {
    return this.failures.size > 0 && this.failures.has(origin);
  }

  /** Where a row is in the log, or was before it was redriven. */
  offsetOf(origin: number): number {
    const { redriven, baseOffset } = this.source;
    return redriven === null ? baseOffset + origin : (redriven[origin]!.place?.offset ?? -1);
  }

  /** The stream of a row. */
  streamOf(origin: number): string {
    return this.source.redriven?.[origin]?.stream ?? this.source.stream;
  }
}
