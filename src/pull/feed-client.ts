/**
 * One view of one tenant over HTTP: each method is one request.
 *
 * Limits: an answer of at most `ANSWER_BYTES_MAX`, read within `TIMEOUT_MS` beyond the wait that was asked
 * for. Nothing is tried again here; `attempts.ts` and the worker decide about that.
 */
import type { ChangesPage, FeedDigest, FeedView, SnapshotPage } from '../event/feed.js';
import { MillraceError } from '../util/errors.js';
import { FeedError } from './feed-error.js';

/** Most bytes of an answer: 10,000 rows of 6 kB. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;
/** An answer takes no longer, beside the time that was asked to wait. */
const TIMEOUT_MS = 60_000;

/** The feed of a view. */
export interface FeedOptions {
  /** Address of the server, such as `https://millrace.example`. */
  readonly url: string;
  /** An API key that may read the tenant. */
  readonly key?: string | undefined;
  readonly tenant: string;
  readonly view: string;
  /** Default: the one of Node. */
  readonly fetch?: typeof fetch;
}

/** What a page is asked with. */
export interface PageRequest {
  readonly cursor?: string | null;
  /** Window starts from here on, ISO 8601 or ms; the same for all pages of a cursor. */
  readonly from?: string | number;
  /** 1 to 10,000; by default what the server takes for it, 1,000. */
  readonly limit?: number;
  readonly signal?: AbortSignal;
}

/** A range of window starts. */
export interface RangeRequest {
  readonly from?: string | number;
  readonly to?: string | number;
  readonly signal?: AbortSignal;
}

type Query = Readonly<Record<string, string | number | null | undefined>>;

/** A client of one view. */
export class FeedClient {
  readonly tenant: string;
  readonly view: string;
  readonly #base: string;
  readonly #address: string;
  readonly #key: string | undefined;
  readonly #fetch: typeof fetch;
  /** The last page without changes, and what names it: "nothing new" is answered with it. */
  #tag: { readonly url: string; readonly etag: string; readonly page: ChangesPage } | null = null;

  constructor({ url, key, tenant, view, fetch: given }: FeedOptions) {
    this.tenant = tenant;
    this.view = view;
    this.#base = url.replace(/\/+$/, '');
    this.#address = `${this.#base}/v1/tenants/${encodeURIComponent(tenant)}/views/${encodeURIComponent(view)}`;
    this.#key = key;
    this.#fetch = given ?? fetch;
  }

  /** The view: its columns and its epoch. */
  async describe(signal?: AbortSignal): Promise<FeedView> {
    const view = (await this.#get('', {}, signal).catch((error: unknown) => this.#unknown(error, signal))) as FeedView;
    return checked(view, Array.isArray(view.key) && Array.isArray(view.values) && typeof view.epoch === 'string');
  }

  /** What has changed since the cursor; with `waitSeconds` (0 to 30) the answer comes when there is something. */
  async changes(request: PageRequest & { readonly waitSeconds?: number } = {}): Promise<ChangesPage> {
    const { waitSeconds = 0, signal } = request;
    const url = this.#url('/changes', { ...pageQuery(request), wait: waitSeconds === 0 ? null : waitSeconds });
    const known = this.#tag?.url === url ? this.#tag : null;
    const headers: Record<string, string> = known === null ? {} : { 'if-none-match': known.etag };
    const answer = await this.#send(url, { headers }, signal, waitSeconds * 1000);
    if (answer.status === 304 && known !== null)
      return { ...known.page, complete_through: answer.completeThrough ?? known.page.complete_through };
    const page = answer.body as ChangesPage;
    checked(page, isPage(page) && Array.isArray(page.changes));
    this.#tag =
      answer.etag === null || page.changes.length > 0 || page.has_more ? null : { url, etag: answer.etag, page };
    return page;
  }

  /** All rows by key. */
  async snapshot(request: PageRequest = {}): Promise<SnapshotPage> {
    const page = (await this.#get('/snapshot', pageQuery(request), request.signal)) as SnapshotPage;
    return checked(page, isPage(page) && Array.isArray(page.rows));
  }

  /** What the rows of a range come to, a day at a time. */
  async digest({ from, to, signal }: RangeRequest = {}): Promise<FeedDigest> {
    const digest = (await this.#get('/digest', { from, to }, signal)) as FeedDigest;
    return checked(digest, Array.isArray(digest.days) && typeof digest.epoch === 'string');
  }

  /** The rows of a range again, by key. */
  async replay({ from, to, cursor, limit, signal }: PageRequest & RangeRequest): Promise<SnapshotPage> {
    const page = (await this.#post(
      '/replay',
      { from, to, cursor: cursor ?? undefined, limit },
      signal,
    )) as SnapshotPage;
    return checked(page, isPage(page) && Array.isArray(page.rows));
  }

  /** Tells how far you are; for the server's lag metric only. */
  async ack(cursor: string, signal?: AbortSignal): Promise<void> {
    await this.#post('/ack', { cursor }, signal);
  }

  /** Whose key it is; an operator's tenant is `*`. */
  async whoami(signal?: AbortSignal): Promise<{ readonly tenant: string; readonly role: string }> {
    const { body } = await this.#send(`${this.#base}/v1/whoami`, {}, signal);
    const who = body as { readonly tenant: string; readonly role: string };
    return checked(who, typeof who?.tenant === 'string');
  }

  /** Throws the error; where there is no such view with the names of those there are. */
  async #unknown(error: unknown, signal: AbortSignal | undefined): Promise<never> {
    if (!(error instanceof FeedError) || error.status !== 404) throw error;
    // The first error says what is wrong; this only adds to it.
    const list = await this.#send(`${this.#base}/v1/views`, {}, signal).catch(() => null);
    const { views } = (list?.body ?? {}) as { readonly views?: readonly { readonly name: string }[] };
    if (!Array.isArray(views)) throw error;
    const names = views.map(({ name }: { readonly name: string }) => `'${name}'`).join(', ');
    throw new FeedError(`${error.message}; this key may read ${names === '' ? 'none' : names}`, error);
  }

  async #get(path: string, query: Query, signal: AbortSignal | undefined): Promise<unknown> {
    return (await this.#send(this.#url(path, query), {}, signal)).body;
  }

  async #post(path: string, body: object, signal: AbortSignal | undefined): Promise<unknown> {
    const headers = { 'content-type': 'application/json' };
    const init = { method: 'POST', headers, body: JSON.stringify(body) };
    return (await this.#send(this.#address + path, init, signal)).body;
  }

  #url(path: string, query: Query): string {
    const parameters = new URLSearchParams();
    for (const [name, value] of Object.entries(query))
      if (value !== null && value !== undefined) parameters.set(name, String(value));
    return `${this.#address}${path}${parameters.size === 0 ? '' : `?${parameters}`}`;
  }

  async #send(
    url: string,
    init: { readonly method?: string; readonly headers?: Record<string, string>; readonly body?: string },
    signal: AbortSignal | undefined,
    waitMs = 0,
  ): Promise<Answer> {
    const headers = { accept: 'application/json', ...init.headers };
    if (this.#key !== undefined) Object.assign(headers, { authorization: `Bearer ${this.#key}` });
    const timeout = AbortSignal.timeout(TIMEOUT_MS + waitMs);
    const both = signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
    try {
      const response = await this.#fetch(url, { ...init, headers, signal: both, redirect: 'error' });
      const text = await readText(response, url);
      if (response.status !== 304 && !response.ok) throw refusal(response, text, url);
      return {
        status: response.status,
        etag: response.headers.get('etag'),
        completeThrough: response.headers.get('x-millrace-complete-through'),
        body: text === '' ? null : parsed(text, url),
      };
    } catch (cause) {
      if (signal?.aborted === true || cause instanceof FeedError || cause instanceof MillraceError) throw cause;
      const { cause: inner, message } = cause as { cause?: { code?: string; message?: string }; message: string };
      const why = inner?.code ?? inner?.message ?? message;
      throw new MillraceError('PULL_SERVER_UNREACHABLE', `no answer from ${this.#base}: ${why}`, { place: url, cause });
    }
  }
}

interface Answer {
  readonly status: number;
  readonly etag: string | null;
  /** Rises also while nothing changes, so it is in a header. */
  readonly completeThrough: string | null;
  readonly body: unknown;
}

function pageQuery({ cursor, from, limit }: PageRequest): Query {
  return { cursor, from, limit };
}

async function readText(response: Response, url: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX)
      throw new MillraceError(
        'PULL_ANSWER_INVALID',
        `${url} answers more than ${ANSWER_BYTES_MAX} bytes; ask with a lower limit`,
      );
  }
  return Buffer.concat(chunks).toString();
}

function parsed(text: string, url: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new MillraceError('PULL_ANSWER_INVALID', `${url} answers what is no JSON: ${text.slice(0, 200)}`, {
      place: url,
      cause,
    });
  }
}

function refusal(response: Response, text: string, url: string): FeedError {
  const { status } = response;
  const retryAfterMs = retryAfter(response.headers.get('retry-after'));
  const { code, message, reason } = errorIn(text);
  if (code === undefined) {
    // A proxy in between answers pages of its own.
    const said = `${url} answered ${status}: ${text.slice(0, 200)}`;
    return new FeedError(said, { code: status === 404 ? 'NOT_FOUND' : 'PULL_ANSWER_INVALID', status, retryAfterMs });
  }
  return new FeedError(message ?? code, { code, status, retryAfterMs, reason: reason ?? null });
}

function errorIn(text: string): { readonly code?: string; readonly message?: string; readonly reason?: string } {
  try {
    const { error } = JSON.parse(text) as { error?: { code?: string; message?: string; reason?: string } };
    return typeof error?.code === 'string' ? error : {};
  } catch {
    // Not JSON: not an answer of Millrace.
    return {};
  }
}

/** Seconds, or a date; ms. */
function retryAfter(text: string | null): number {
  if (text === null) return 0;
  const seconds = Number(text);
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(text) - Date.now();
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), 3_600_000) : 0;
}

function isPage(page: ChangesPage | SnapshotPage): boolean {
  const { epoch, next_cursor: cursor, has_more: more, stable_rev: rev } = page ?? {};
  return (
    typeof epoch === 'string' && typeof cursor === 'string' && typeof more === 'boolean' && Number.isSafeInteger(rev)
  );
}

function checked<T>(answer: T, isGood: boolean): T {
  if (isGood) return answer;
  const text = JSON.stringify(answer)?.slice(0, 200);
  throw new MillraceError('PULL_ANSWER_INVALID', `the server answers what is no answer of the feed: ${text}`);
}
