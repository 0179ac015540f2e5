/**
 * Answers saved endpoints, from memory where nothing has changed.
 *
 * Purpose. A dashboard asks the same thing again and again; most times nothing that it may see is new. An answer is
 * kept under (endpoint, tenant, values of the parameters, format) with the revision that it was read at: of a view
 * the tenant's newest revision, of a stream the ends of its partitions. While that is what a query would be read at
 * now, the kept bytes are the answer, and DuckDB is not asked.
 *
 * Time. A statement that names the current time (`now()`, `CURRENT_DATE`) may have another answer though no row has
 * changed. It is not kept, unless the endpoint says `@cache`: then any answer of it may be as old as that says,
 * counted from when its query began. There are no random functions in the language.
 *
 * ETag. `"<revision>.<content>"`, hashes of what was read and of the body: a strong validator, since equal tags mean
 * equal bytes. A client whose tag has the present revision has a right answer, so it gets 304 without a query even
 * when the answer is no longer kept.
 *
 * Invariants. The statement is bound for the tenant before anything is looked up: who may not ask never learns what
 * is kept. The revision is taken in the same turn as the snapshot. Equal requests under way share one query.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '../../io/clock.js';
import type { Metrics } from '../../telemetry/metrics.js';
import { MillraceError } from '../../util/errors.js';
import type { BoundStatement } from '../query/binder.js';
import type { Catalog } from '../query/catalog.js';
import type { QueryEngine } from '../query/engine.js';
import { CONTENT_TYPES, type ResultFormat } from '../query/result-formats.js';
import type { SnapshotSource } from '../query/sources.js';
import { AnswerCache, type KeptAnswer } from './answer-cache.js';
import { bindEndpoint, type Endpoint } from './plan.js';
import { parameterValues, valueKey } from './values.js';

/** A request to an endpoint. */
export interface EndpointRequest {
  readonly name: string;
  /** Whose rows alone may be seen; null for an operator. */
  readonly tenant: string | null;
  readonly format: ResultFormat;
  /** Texts of the query string by parameter. */
  readonly parameters: Readonly<Record<string, readonly string[]>>;
  /** ETags that the client has. */
  readonly known: readonly string[];
}

/** What an endpoint answers. */
export interface EndpointAnswer {
  /** Null: the client has it already. */
  readonly body: Uint8Array<ArrayBuffer> | null;
  readonly contentType: string;
  readonly rows: number;
  readonly truncated: boolean;
  readonly etag: string;
  /** It came from memory. */
  readonly hit: boolean;
  /** Ms since its query began. */
  readonly ageMs: number;
}

/** What answers are made of. */
export interface EndpointAnswersInput {
  readonly endpoints: readonly Endpoint[];
  readonly engine: QueryEngine;
  readonly snapshots: SnapshotSource;
  readonly catalog: () => Catalog;
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Bytes of answers that are kept. */
  readonly cacheBytesMax: number;
}

/** Answers endpoints. The SQL parser must be loaded. */
export class EndpointAnswers {
  readonly #input: EndpointAnswersInput;
  readonly #endpoints: ReadonlyMap<string, Endpoint>;
  readonly #cache: AnswerCache;
  readonly #running = new Map<string, Promise<KeptAnswer>>();

  constructor(input: EndpointAnswersInput) {
    this.#input = input;
    this.#endpoints = new Map(input.endpoints.map((endpoint) => [endpoint.name, endpoint]));
    this.#cache = new AnswerCache(input.cacheBytesMax);
    input.metrics.onCollect(() => {
      input.metrics.gauge('millrace_endpoint_cache_bytes').set(this.#cache.size.bytes);
    });
  }

  /** Answers one request. Throws PARAMETER_INVALID, KEY_FORBIDDEN, and what a query throws. */
  async answer(request: EndpointRequest): Promise<EndpointAnswer> {
    const { clock, catalog, snapshots } = this.#input;
    const endpoint = this.#endpoints.get(request.name);
    if (endpoint === undefined)
      throw new MillraceError('NOT_FOUND', `there is no endpoint '${request.name}'`, { place: request.name });
    const values = parameterValues(endpoint.parameters, request.parameters);
    const bound = bindEndpoint(endpoint, values, catalog(), request.tenant, clock.now());
    const key = JSON.stringify([endpoint.name, request.tenant, request.format, values.map(valueKey)]);
    const relations = bound.bases.map(({ relation }) => relation);
    const revision = bound.readsClock ? null : snapshots.revision(relations, request.tenant);
    const kept = this.#usable(endpoint, key, revision);
    if (kept !== undefined) return this.#give(endpoint, kept, request.known, 'hit');
    if (revision !== null) {
      const has = request.known.find((etag) => etag.startsWith(`"${tagOf(endpoint, key, revision)}.`));
      if (has !== undefined) return this.#unchanged(endpoint, request, has);
    }
    const made = await this.#make(endpoint, bound, request, key, revision);
    return this.#give(endpoint, made, request.known, 'miss');
  }

  /** What is kept, when it is still right or as new as the endpoint asks for. */
  #usable({ cacheMs }: Endpoint, key: string, revision: string | null): KeptAnswer | undefined {
    const kept = this.#cache.get(key);
    if (kept === undefined || kept.revision === revision) return kept;
    return this.#input.clock.monotonic() - kept.madeAtMs < cacheMs ? kept : undefined;
  }

  #make(
    endpoint: Endpoint,
    bound: BoundStatement,
    request: EndpointRequest,
    key: string,
    revision: string | null,
  ): Promise<KeptAnswer> {
    // An answer that can't be kept can't be shared either: it may be older than the request.
    if (revision === null && endpoint.cacheMs === 0) return this.#run(endpoint, bound, request, key);
    const running = `${key} ${revision ?? ''}`;
    const shared = this.#running.get(running);
    if (shared !== undefined) return shared;
    const made = this.#run(endpoint, bound, request, key);
    this.#running.set(running, made);
    return made.finally(() => this.#running.delete(running));
  }

  async #run(
    endpoint: Endpoint,
    bound: BoundStatement,
    { tenant, format }: EndpointRequest,
    key: string,
  ): Promise<KeptAnswer> {
    const madeAtMs = this.#input.clock.monotonic();
    const { elapsedMs: _, ...answer } = await this.#input.engine.answer(bound, {
      tenant,
      format,
      plain: true,
      kind: 'interactive',
    });
    const etag = `"${tagOf(endpoint, key, bound.readsClock ? null : answer.revision)}.${hash(answer.body)}"`;
    const made = { ...answer, etag, madeAtMs };
    if (!bound.readsClock || endpoint.cacheMs > 0) {
      // What names the time is found again by its age only.
      this.#cache.put(key, bound.readsClock ? { ...made, revision: '' } : made);
    }
    return made;
  }

  #give(endpoint: Endpoint, kept: KeptAnswer, known: readonly string[], outcome: 'hit' | 'miss'): EndpointAnswer {
    this.#count(endpoint, outcome);
    const { body, contentType, rows, truncated, etag, madeAtMs } = kept;
    const ageMs = Math.max(0, this.#input.clock.monotonic() - madeAtMs);
    const has = known.includes(etag);
    return { body: has ? null : body, contentType, rows, truncated, etag, ageMs, hit: outcome === 'hit' };
  }

  #unchanged(endpoint: Endpoint, { format }: EndpointRequest, etag: string): EndpointAnswer {
    this.#count(endpoint, 'hit');
    return { body: null, contentType: CONTENT_TYPES[format], rows: 0, truncated: false, etag, ageMs: 0, hit: true };
  }

  #count({ name }: Endpoint, outcome: 'hit' | 'miss'): void {
    this.#input.metrics.counter('millrace_endpoint_answers_total', { endpoint: name, outcome }).add();
  }
}

/** Names a request to a definition at a revision; what names the time has none. */
function tagOf({ statement, parameters }: Endpoint, key: string, revision: string | null): string {
  return hash(JSON.stringify([statement, parameters.map(({ type, scale }) => [type, scale]), key, revision]));
}

function hash(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('base64url').slice(0, 22);
}
