/**
 * Sends events to `POST /v1/events` until the server has all of them.
 *
 * Purpose: nothing that was read is dropped on the way. 429, 503 and a lost connection are tried
 * again, after `Retry-After` if the server gives one, else with back-off; since events carry ids, what
 * was taken already counts as a duplicate. Any other refusal ends the sending with the server's error.
 *
 * Limits: `concurrency` requests under way, each of at most `batchEvents` events and `batchBytes`
 * bytes; nothing is read ahead of a free place. Rejections kept: `REJECTIONS_KEPT`; all are counted.
 */
import { Pool } from 'undici';
import type { Clock } from '../../io/clock.js';
import { ERRORS, MillraceError, type ErrorCode } from '../../util/errors.js';
import type { EventSource } from '../inputs/input.js';
import { batchesOf, type Batch } from './batches.js';
import { RateLimit } from './rate-limit.js';
import { retryDelay } from './retry-delay.js';

const REJECTIONS_KEPT = 20;

/** How to send. */
export interface SenderOptions {
  /** Such as `http://127.0.0.1:7070`. */
  readonly url: string;
  /** The stream; default is the server's. */
  readonly stream?: string;
  /** The key for an event; with one key for all, give `() => key`. */
  readonly keyOf: (event: Uint8Array) => string;
  /** Most events a request. Default 500. */
  readonly batchEvents?: number;
  /** Most bytes a request. Default 4 MiB. */
  readonly batchBytes?: number;
  /** Requests under way at once. Default 4. */
  readonly concurrency?: number;
  /** Events a second; default as fast as the server takes them. */
  readonly rate?: number;
  /** How long one request is tried again before the sending fails. Default 10 minutes. */
  readonly patienceMs?: number;
  readonly clock: Clock;
  /** 0 <= x < 1, to spread retries. */
  readonly random: () => number;
  /** Ends the sending early, after what is under way. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (totals: SendTotals) => void;
}

/** An event that the server rejected. */
export interface Rejection {
  /** Which event of the source, from 0. */
  readonly number: number;
  readonly code: string;
  readonly message: string;
  readonly path: string;
}

/** What happened so far. */
export interface SendTotals {
  /** Events that were answered. */
  sent: number;
  accepted: number;
  duplicates: number;
  rejected: number;
  requests: number;
  /** Requests that had to be sent again. */
  retries: number;
  bytes: number;
  /** The first rejections. */
  readonly rejections: Rejection[];
  /** Rejected events by code. */
  readonly rejectedByCode: Record<string, number>;
}

interface Answer {
  readonly accepted: number;
  readonly duplicates: number;
  readonly rejected: readonly {
    readonly index: number;
    readonly code: string;
    readonly message: string;
    readonly path: string;
  }[];
}

/** Sends all events of a source; resolves when each was answered. Rejects with the server's error, or NOT_FOUND when none answers. */
export async function sendEvents(source: EventSource, options: SenderOptions): Promise<SendTotals> {
  const sender = new Sender(options);
  try {
    return await sender.run(source);
  } finally {
    await sender.close();
  }
}

class Sender {
  readonly #options: SenderOptions;
  readonly #pool: Pool;
  readonly #path: string;
  readonly #rate: RateLimit;
  readonly #totals: SendTotals = {
    sent: 0,
    accepted: 0,
    duplicates: 0,
    rejected: 0,
    requests: 0,
    retries: 0,
    bytes: 0,
    rejections: [],
    rejectedByCode: {},
  };
  #failure: unknown;

  constructor(options: SenderOptions) {
    const { origin, pathname } = new URL(options.url);
    this.#options = options;
    this.#pool = new Pool(origin, {
      connections: options.concurrency ?? 4,
      connect: { timeout: 5000 },
      bodyTimeout: 120_000,
      headersTimeout: 120_000,
    });
    const query = options.stream === undefined ? '' : `?stream=${encodeURIComponent(options.stream)}`;
    this.#path = `${pathname.replace(/\/+$/, '')}/v1/events${query}`;
    this.#rate = new RateLimit(options.rate, options.clock);
  }

  async run(source: EventSource): Promise<SendTotals> {
    const { batchEvents = 500, batchBytes = 4 * 1024 * 1024, concurrency = 4, signal, keyOf } = this.#options;
    const underWay = new Set<Promise<void>>();
    for await (const batch of batchesOf(source, {
      eventsMax: this.#rate.groupSize(batchEvents),
      bytesMax: batchBytes,
      keyOf,
    })) {
      await this.#rate.take(batch.numbers.length);
      while (underWay.size >= concurrency) await Promise.race(underWay);
      if (this.#failure !== undefined || signal?.aborted === true) break;
      const request: Promise<void> = this.#send(batch)
        .catch((error: unknown) => {
          this.#failure ??= error;
        })
        .finally(() => underWay.delete(request));
      underWay.add(request);
    }
    await Promise.all(underWay);
    if (this.#failure !== undefined) throw this.#failure;
    return this.#totals;
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  async #send(batch: Batch): Promise<void> {
    const { clock, random, patienceMs = 600_000 } = this.#options;
    const start = clock.monotonic();
    for (let attempt = 0; ; attempt++) {
      const outcome = await this.#attempt(batch);
      if ('answer' in outcome) return this.#count(batch, outcome.answer);
      const delayMs = retryDelay(outcome.retryAfter, attempt, clock.now(), random());
      const patient = clock.monotonic() - start + delayMs <= patienceMs;
      if (!outcome.error.retryable || !patient || this.#failure !== undefined || this.#options.signal?.aborted === true)
        throw outcome.error;
      this.#totals.retries++;
      await sleep(delayMs);
    }
  }

  async #attempt({
    body,
    key,
  }: Batch): Promise<{ answer: Answer } | { error: MillraceError; retryAfter: string | undefined }> {
    try {
      const response = await this.#pool.request({
        method: 'POST',
        path: this.#path,
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/x-ndjson' },
        body,
      });
      const text = await response.body.text();
      if (response.statusCode === 200) return { answer: JSON.parse(text) as Answer };
      const retryAfter = response.headers['retry-after'];
      return {
        error: serverError(response.statusCode, text, this.#options.url),
        retryAfter: Array.isArray(retryAfter) ? retryAfter[0] : retryAfter,
      };
    } catch (cause) {
      const why = (cause as { code?: string }).code ?? String(cause);
      const message = `no Millrace answers at ${this.#options.url} (${why}); start one with \`millrace start\`, or name it with --url`;
      return {
        error: new MillraceError('LOG_UNAVAILABLE', message, { place: this.#options.url, cause }),
        retryAfter: undefined,
      };
    }
  }

  #count({ body, numbers }: Batch, answer: Answer): void {
    const totals = this.#totals;
    totals.requests++;
    totals.sent += numbers.length;
    totals.bytes += body.length;
    totals.accepted += answer.accepted;
    totals.duplicates += answer.duplicates;
    totals.rejected += answer.rejected.length;
    for (const { index, code, message, path } of answer.rejected) {
      totals.rejectedByCode[code] = (totals.rejectedByCode[code] ?? 0) + 1;
      if (totals.rejections.length < REJECTIONS_KEPT)
        totals.rejections.push({ number: numbers[index]!, code, message, path });
    }
    this.#options.onProgress?.(totals);
  }
}

function serverError(status: number, text: string, place: string): MillraceError {
  let found: { code?: string; message?: string } = {};
  try {
    found = (JSON.parse(text) as { error?: object }).error ?? {};
  } catch {
    // Not ours: a proxy in between may answer in its own words.
    found = { message: `${place} answered ${status}: ${text.slice(0, 200)}` };
  }
  const code = found.code !== undefined && found.code in ERRORS ? (found.code as ErrorCode) : codeOf(status);
  return new MillraceError(code, found.message ?? `${place} answered ${status}`, { place });
}

function codeOf(status: number): ErrorCode {
  if (status === 429) return 'RATE_LIMITED';
  return status === 502 || status === 503 || status === 504 ? 'LOG_UNAVAILABLE' : 'INTERNAL';
}

/** Unlike the clock's timers, this one keeps the process alive. */
function sleep(delayMs: number): Promise<void> {
  return new Promise((wake) => setTimeout(wake, delayMs));
}
