/**
 * Runs a function over the events of a batch, in the function's process: objects from columns, the
 * function, columns from objects. An event that fails harms no other.
 *
 * As long as the function answers at once, each result is taken before the next event is made. With
 * its first promise it goes on with up to `concurrency` events under way, and takes the results in
 * the order of the events. A promise that does not settle within the time limit fails its event.
 */
import { BatchTarget, encodeBatchTo } from '../../event/batch.js';
import type { ColumnBatch } from '../../event/columns.js';
import { eventReader, type EventObject } from '../../format/rows-reader.js';
import { eventWriter, type EventBatchWriter } from '../../format/rows-writer.js';
import { MillraceError } from '../../util/errors.js';
import { EventContext, type ContextBase } from './context.js';
import type { TransformFunction } from './define.js';
import { siblingOf } from './ids.js';
import type { Progress } from './progress.js';
import type { FunctionAnswer, FunctionData, FunctionRequest, RowFailure } from './protocol.js';

type AnyFunction = TransformFunction<EventObject, unknown>;
type Result = Awaited<ReturnType<AnyFunction>> | undefined;
type Settled = { readonly result: Result } | { readonly failure: RowFailure };

const EMPTY = new Uint32Array(0);
/** What the last answer is a view of. */
const target = new BatchTarget();

/** Runs one function over batches. */
export class EventRunner {
  readonly #fn: AnyFunction;
  readonly #data: FunctionData;
  readonly #progress: Progress;
  readonly #read: ReturnType<typeof eventReader>;
  readonly #writer: ReturnType<typeof eventWriter>;
  readonly #idName: string | null;

  constructor(fn: AnyFunction, data: FunctionData, progress: Progress) {
    this.#fn = fn;
    this.#data = data;
    this.#progress = progress;
    this.#read = eventReader(data.input);
    this.#writer = eventWriter(data.output);
    this.#idName = data.output.columns[data.output.roles.eventId]?.name ?? null;
  }

  /** Runs a batch. */
  async run(batch: ColumnBatch, request: FunctionRequest, base: ContextBase): Promise<FunctionAnswer> {
    const progress = this.#progress;
    const read = this.#read(batch);
    const taken = new Taken(this.#writer.begin(batch), this.#idName);
    const skip = new Set(request.skip);
    for (let row = 0; row < batch.rows; row++) {
      if (skip.size > 0 && skip.has(row)) continue;
      progress.at(row, row + 1);
      try {
        const result = this.#fn(read(row), new EventContext(base, request.offsets[row]!));
        if (isPromise(result)) {
          await this.#runPromises(read, request, base, { row, promise: result }, taken, skip, batch.rows);
          break;
        }
        taken.take(row, result);
      } catch (error) {
        taken.failures.push(failureOf(row, error));
      }
    }
    return taken.finish();
  }

  /** The rest of a batch, from the event whose function has answered with the first promise. */
  async #runPromises(
    read: (row: number) => EventObject,
    request: FunctionRequest,
    base: ContextBase,
    first: { readonly row: number; readonly promise: Promise<Result> },
    taken: Taken,
    skip: ReadonlySet<number>,
    rows: number,
  ): Promise<void> {
    const settled = new Map<number, Settled>([]);
    let next = first.row + 1;
    const one = async (row: number, promise: Promise<Result> | null): Promise<void> => {
      this.#progress.at(row, row + 1);
      try {
        const answer = promise ?? this.#fn(read(row), new EventContext(base, request.offsets[row]!));
        settled.set(row, { result: isPromise(answer) ? await this.#inTime(answer) : answer });
      } catch (error) {
        settled.set(row, { failure: failureOf(row, error) });
      }
    };
    const runner = async (promise: Promise<Result> | null): Promise<void> => {
      if (promise !== null) await one(first.row, promise);
      while (next < rows) {
        const row = next++;
        if (!skip.has(row)) await one(row, null);
      }
    };
    const others = request.careful ? 0 : this.#data.concurrency - 1;
    await Promise.all([runner(first.promise), ...Array.from({ length: others }, () => runner(null))]);
    for (let row = first.row; row < rows; row++) {
      const answer = settled.get(row);
      if (answer === undefined) continue;
      if ('failure' in answer) taken.failures.push(answer.failure);
      else taken.take(row, answer.result);
    }
  }

  async #inTime(promise: Promise<Result>): Promise<Result> {
    const { timeoutMs } = this.#data;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(lateError(timeoutMs)), timeoutMs);
    });
    try {
      return await Promise.race([promise, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

function lateError(timeoutMs: number): MillraceError {
  return new MillraceError('TRANSFORM_TIMEOUT', `the function's promise did not settle within ${timeoutMs} ms`);
}

/** What came out so far. */
class Taken {
  readonly failures: RowFailure[] = [];
  readonly #writer: EventBatchWriter;
  readonly #idName: string | null;
  /** Of each object, the row it came from. */
  readonly #rows: number[] = [];
  readonly #dropped: number[] = [];

  constructor(writer: EventBatchWriter, idName: string | null) {
    this.#writer = writer;
    this.#idName = idName;
  }

  take(row: number, result: Result): void {
    if (result === null || (Array.isArray(result) && result.length === 0)) this.#dropped.push(row);
    else if (result === undefined) this.failures.push(nothing(row));
    else if (Array.isArray(result))
      result.forEach((one, i) => this.#add(row, i === 0 ? one : siblingOf(result[0], one, i, this.#idName)));
    else this.#add(row, result);
  }

  #add(row: number, event: unknown): void {
    this.#writer.add(event, row);
    this.#rows.push(row);
  }

  finish(): FunctionAnswer {
    const { batch, faults } = this.#writer.finish();
    const bad = new Set<number>();
    for (const { row: position, error } of faults) {
      bad.add(position);
      const { code, message, place } = error;
      this.failures.push({ row: this.#rows[position]!, code, message, path: place ?? null });
    }
    const origins = bad.size === 0 ? this.#rows : this.#rows.filter((_, position) => !bad.has(position));
    return {
      bytes: batch.rows === 0 ? null : encodeBatchTo(target, batch),
      origins: batch.rows === 0 ? EMPTY : Uint32Array.from(origins),
      dropped: Uint32Array.from(this.#dropped),
      failures: this.failures,
    };
  }
}

function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}

function nothing(row: number): RowFailure {
  const message = 'the function returned nothing; return the event, several, or null to drop it';
  return { row, code: 'TRANSFORM_FAILED', message, path: null };
}

/** What a function threw. Its own errors count as failures of the function; ours keep their code. */
export function failureOf(row: number, error: unknown): RowFailure {
  if (error instanceof MillraceError)
    return { row, code: error.code, message: error.message, path: error.place ?? null };
  const message = error instanceof Error ? `${error.name}: ${error.message}` : `threw ${String(error)}`;
  return { row, code: 'TRANSFORM_FAILED', message: message.slice(0, 500), path: null };
}
