/**
 * Runs queries: bind, take a snapshot, print, execute, within limits.
 *
 * Limits, all of them per engine: who runs and who waits is up to `QueryQueue` (beyond its bounds QUERY_BUSY);
 * `timeoutMs` each, waiting included (QUERY_TIMEOUT, the statement is interrupted), `rowsMax` rows (the
 * answer says `truncated`), `resultBytesMax` of answer and DuckDB's memory (QUERY_TOO_LARGE).
 */
import type { Clock } from '../../io/clock.js';
import { MillraceError } from '../../util/errors.js';
import { bindStatement, type BoundStatement } from './binder.js';
import type { Catalog } from './catalog.js';
import type { Duck } from './duck.js';
import { ENGINE_FAULT, engineError } from './engine-error.js';
import { printQuery, type BaseSource } from './print.js';
import { CONTENT_TYPES, type ResultFormat } from './result-formats.js';
import { openResult, type ResultSink } from './results.js';
import { QueryQueue, type QueryClass } from './query-queue.js';
import type { SnapshotSource } from './sources.js';
import type { BoundBase } from './tree.js';

/** Limits of the engine. */
export interface QueryLimits {
  /** Queries running at once, and of one tenant. */
  readonly concurrentMax: number;
  readonly tenantConcurrentMax: number;
  /** Of them, such as take long. */
  readonly heavyConcurrentMax: number;
  /** Queries waiting, and of one tenant. */
  readonly waitingMax: number;
  readonly tenantWaitingMax: number;
  readonly timeoutMs: number;
  readonly rowsMax: number;
  readonly resultBytesMax: number;
}

/** The defaults of `QueryLimits`. */
export const QUERY_LIMITS: QueryLimits = {
  concurrentMax: 4,
  tenantConcurrentMax: 2,
  heavyConcurrentMax: 1,
  waitingMax: 64,
  tenantWaitingMax: 16,
  timeoutMs: 30_000,
  rowsMax: 100_000,
  resultBytesMax: 64 * 1024 * 1024,
};

/** Who asks, and for what. */
export interface AnswerRequest {
  /** Whose rows alone may be seen; null for an operator. */
  readonly tenant: string | null;
  readonly format: ResultFormat;
  /** Lower limits than the engine's. */
  readonly rowsMax?: number;
  readonly timeoutMs?: number;
  /** Default: an operator's are `interactive`, a tenant's `adhoc`. */
  readonly kind?: QueryClass;
  /** The same rows give the same bytes: JSON says nothing of the time and the moment. */
  readonly plain?: boolean;
}

/** A query. */
export interface QueryRequest extends AnswerRequest {
  readonly sql: string;
}

/** What a query answers. */
export interface QueryAnswer {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly contentType: string;
  readonly rows: number;
  /** There were more rows than the limit. */
  readonly truncated: boolean;
  readonly elapsedMs: number;
  /** Names the moment that was read; see `Snapshot`. */
  readonly revision: string;
}

/** What the engine needs. */
export interface QueryEngineInput {
  readonly duck: Duck;
  readonly snapshots: SnapshotSource;
  readonly catalog: () => Catalog;
  readonly clock: Clock;
  readonly limits?: Partial<QueryLimits>;
  /** Told of errors that are not the statement's: the printed text is in `cause`. */
  readonly onError?: (error: unknown, printed: string) => void;
}

/** Runs queries. The SQL parser must be loaded. */
export class QueryEngine {
  readonly limits: QueryLimits;
  readonly #input: QueryEngineInput;
  readonly #queue: QueryQueue;

  constructor(input: QueryEngineInput) {
    this.#input = input;
    this.limits = { ...QUERY_LIMITS, ...input.limits };
    const { concurrentMax, tenantConcurrentMax, heavyConcurrentMax, waitingMax, tenantWaitingMax } = this.limits;
    this.#queue = new QueryQueue(
      {
        runningMax: concurrentMax,
        tenantRunningMax: tenantConcurrentMax,
        heavyMax: heavyConcurrentMax,
        waitingMax,
        tenantWaitingMax,
      },
      input.clock,
    );
  }

  /** Queries running and waiting now. */
  get load(): { readonly running: number; readonly heavy: number; readonly waiting: number } {
    return this.#queue.load;
  }

  /** Runs one query. */
  async run(request: QueryRequest): Promise<QueryAnswer> {
    const { clock, catalog } = this.#input;
    // A wrong statement is refused at once, without waiting for its turn.
    const bound = bindStatement({ text: request.sql }, catalog(), request.tenant, clock.now());
    return this.answer(bound, request);
  }

  /** Runs a statement that was bound for the tenant of the request. */
  async answer(bound: BoundStatement, request: AnswerRequest): Promise<QueryAnswer> {
    const { clock } = this.#input;
    const started = clock.monotonic();
    const timeoutMs = Math.min(this.limits.timeoutMs, request.timeoutMs ?? Infinity);
    const ending = new AbortController();
    const cancel = clock.after(timeoutMs, () => ending.abort(timedOut(timeoutMs)));
    const { tenant, kind = tenant === null ? 'interactive' : 'adhoc' } = request;
    let leave: (() => void) | null = null;
    try {
      leave = await this.#queue.enter(tenant, kind, ending.signal);
      return await this.#execute(request, bound, ending.signal, started);
    } finally {
      cancel();
      leave?.();
    }
  }

  async #execute(
    request: AnswerRequest,
    bound: BoundStatement,
    signal: AbortSignal,
    started: number,
  ): Promise<QueryAnswer> {
    const { duck, snapshots, clock, onError } = this.#input;
    const snapshot = await snapshots.take(bound.bases, request.tenant);
    let printed = '';
    try {
      const sources = new Map<BoundBase, BaseSource>();
      for (const base of bound.bases) sources.set(base, await snapshot.source(base));
      snapshot.ready();
      printed = printQuery(bound.query, { tenant: request.tenant, sourceOf: (base) => sources.get(base)! });
      const { writer, rows, truncated } = await duck.select(printed, signal, async (result) => {
        const rowsMax = Math.min(this.limits.rowsMax, request.rowsMax ?? Infinity);
        const writer = openResult(request.format, bound.query.outputs, this.limits.resultBytesMax);
        return this.#read(result, writer, rowsMax, signal);
      });
      const elapsedMs = Math.round((clock.monotonic() - started) * 1000) / 1000;
      const { asOf, revision } = snapshot;
      const body = writer.finish(
        request.plain === true
          ? { stats: { rows, truncated } }
          : { elapsedMs, stats: { rows, truncated, elapsedMs, asOf } },
      );
      return { body, contentType: CONTENT_TYPES[request.format], rows, truncated, elapsedMs, revision };
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      const known = engineError(error, request.tenant !== null);
      if (known.code === 'INTERNAL' || ENGINE_FAULT.test(String((error as Error).message))) onError?.(error, printed);
      throw known;
    } finally {
      snapshot.release();
    }
  }

  async #read(
    result: Parameters<Parameters<Duck['select']>[2]>[0],
    writer: ResultSink,
    rowsMax: number,
    signal: AbortSignal,
  ) {
    let rows = 0;
    for (
      let chunk = await result.fetchChunk();
      chunk !== null && chunk.rowCount > 0;
      chunk = await result.fetchChunk()
    ) {
      signal.throwIfAborted();
      const taken = Math.min(chunk.rowCount, rowsMax - rows);
      if (taken > 0) writer.add(chunk, taken);
      rows += taken;
      if (writer.length > this.limits.resultBytesMax)
        throw new MillraceError(
          'QUERY_TOO_LARGE',
          `the answer is larger than ${this.limits.resultBytesMax} bytes; select fewer columns or rows`,
        );
      if (taken < chunk.rowCount) return { writer, rows, truncated: true };
    }
    return { writer, rows, truncated: false };
  }
}

function timedOut(timeoutMs: number): MillraceError {
  return new MillraceError('QUERY_TIMEOUT', `the query took longer than ${timeoutMs} ms`);
}
