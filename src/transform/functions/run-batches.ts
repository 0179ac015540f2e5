/**
 * Runs a batch function, in the function's process. When it throws, it is called with each half, down
 * to the events at fault: those fail, the others pass.
 */
import { encodeBatch } from '../../event/batch.js';
import type { ColumnBatch } from '../../event/columns.js';
import { concat, gather } from '../../event/gather.js';
import { MillraceError } from '../../util/errors.js';
import type { ContextBase } from './context.js';
import type { BatchContext, BatchFunction } from './define.js';
import { EventBatch } from './event-batch.js';
import type { Progress } from './progress.js';
import type { FunctionAnswer, FunctionData, FunctionRequest, RowFailure } from './protocol.js';
import { failureOf } from './run-events.js';

/** Runs one batch function over batches. */
export class BatchRunner {
  readonly #fn: BatchFunction<FunctionData['input']>;
  readonly #data: FunctionData;
  readonly #progress: Progress;

  constructor(fn: BatchFunction<FunctionData['input']>, data: FunctionData, progress: Progress) {
    this.#fn = fn;
    this.#data = data;
    this.#progress = progress;
  }

  /** Runs a batch, in the ranges of rows that the request says. */
  async run(batch: ColumnBatch, request: FunctionRequest, base: ContextBase): Promise<FunctionAnswer> {
    const skip = new Set(request.skip);
    const made: Made[] = [];
    const failures: RowFailure[] = [];
    const context: BatchContext = { ...base, now: () => Date.now() };
    const came = new Uint8Array(batch.rows);
    const call = async (from: number, to: number): Promise<void> => {
      const rows: number[] = [];
      for (let row = from; row < to; row++) if (!skip.has(row)) rows.push(row);
      if (rows.length === 0) return;
      this.#progress.at(from, to);
      try {
        const result = await this.#call(batch, rows, context);
        if (result === null) return;
        for (const row of result.origins) came[row] = 1;
        made.push(result);
      } catch (error) {
        if (to - from === 1) return void failures.push(failureOf(from, error));
        const middle = (from + to) >> 1;
        await call(from, middle);
        await call(middle, to);
      }
    };
    for (let i = 0; i < request.ranges.length; i += 2) await call(request.ranges[i]!, request.ranges[i + 1]!);
    const failed = new Set(failures.map(({ row }) => row));
    const dropped = Uint32Array.from({ length: batch.rows }, (_, row) => row).filter(
      (row) => came[row] === 0 && !failed.has(row) && !skip.has(row),
    );
    return { ...joined(made), dropped, failures };
  }

  async #call(batch: ColumnBatch, rows: readonly number[], context: BatchContext): Promise<Made | null> {
    const whole = rows.length === batch.rows;
    const given = new EventBatch(whole ? batch : gather(batch, rows));
    const result = await this.#fn(given, context);
    if (result === null) return null;
    if (!(result instanceof EventBatch))
      throw new MillraceError(
        'TRANSFORM_FAILED',
        'the function returned no batch; return the batch, or null to drop all of it',
      );
    if (result.rows === 0) return null;
    const { columns, origins } = result;
    if (columns.schema !== this.#data.input)
      throw new MillraceError('TRANSFORM_FAILED', 'the batch that was returned was not made of the one that was given');
    // Encoding reads every column: what does not fit shows here, where it can be blamed.
    const bytes = encodeBatch(columns);
    const from = origins ?? Uint32Array.from({ length: columns.rows }, (_, row) => row);
    return { batch: columns, bytes, origins: whole ? from : from.map((row) => rows[row]!) };
  }
}

/** What came of one call. */
interface Made {
  readonly batch: ColumnBatch;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly origins: Uint32Array;
}

function joined(made: readonly Made[]): Pick<FunctionAnswer, 'bytes' | 'origins'> {
  const [first] = made;
  if (first === undefined) return { bytes: null, origins: new Uint32Array(0) };
  if (made.length === 1) return { bytes: first.bytes, origins: first.origins };
  const batch = concat(made.map((one) => one.batch));
  const origins = new Uint32Array(batch.rows);
  let at = 0;
  for (const one of made) {
    origins.set(one.origins, at);
    at += one.origins.length;
  }
  return { bytes: encodeBatch(batch), origins };
}
