/**
 * What sinks over HTTP share: the client, and what an answer means.
 *
 * | answer | means |
 * |---|---|
 * | 408, 425, 429, 5xx | come again, when `Retry-After` says or after the back-off |
 * | 3xx | come again: redirects are not followed, the URL is wrong |
 * | 400, 409, 413, 422 | the rows are at fault: halves, down to the one |
 * | any other 4xx | come again: key, address or method are wrong, and every row would meet the same |
 *
 * So a mistake of the operator's fills no quarantine: the log keeps the rows until it is mended.
 */
import type { TlsOptions } from '../config/sinks/tls.js';
import { addressGuard, type AllowedAddresses } from '../io/address-guard.js';
import { HttpClient, type HttpAnswer, type HttpRequest } from '../io/http-client.js';
import { readTlsFiles } from '../io/tls-files.js';
import { ComeAgain, Refused, type SinkContext } from './sink.js';

/** Connecting takes no longer. */
const CONNECT_MS = 10_000;
/** Longest pause that another end may ask for. */
const RETRY_AFTER_MAX_MS = 3_600_000;
/** Characters of an answer that an error quotes. */
const QUOTE_MAX = 200;

/** Settings that sinks over HTTP share. */
export interface HttpPlace {
  readonly url: string;
  readonly timeout: number;
  readonly allowPrivate: AllowedAddresses;
  readonly tls?: TlsOptions | undefined;
}

/** A client of the place; answers are read up to `answerBytesMax`. */
export function httpClient(
  { url, timeout, allowPrivate, tls }: HttpPlace,
  { disk, network, requestsMax }: SinkContext,
  answerBytesMax: number,
): HttpClient {
  return new HttpClient({
    origin: new URL(url).origin,
    connectionsMax: requestsMax,
    connectTimeoutMs: Math.min(CONNECT_MS, timeout),
    timeoutMs: timeout,
    answerBytesMax,
    network,
    guard: addressGuard(allowPrivate),
    tls: readTlsFiles(tls ?? {}, disk),
  });
}

/** Sends; a request without an answer is one to send again. `place` is how errors call the other end. */
export async function sendTo(
  client: HttpClient,
  place: string,
  request: HttpRequest,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  try {
    return await client.send(request, signal);
  } catch (error) {
    if (signal.aborted) throw error;
    throw new ComeAgain(`${place}: ${reasonOf(error)}`, null, error);
  }
}

/** Throws what an answer that is no success means. */
export function refuseAnswer(answer: HttpAnswer, place: string, nowMs: number): never {
  const { status } = answer;
  const message = `${place} answered ${status}${quoteOf(answer)}`;
  if (status === 400 || status === 409 || status === 413 || status === 422)
    throw new Refused(message, { divisible: true });
  if (status >= 300 && status < 400)
    throw new ComeAgain(`${message}; redirects are not followed, the URL must be the last one`, null);
  throw new ComeAgain(message, retryAfterMs(answer.header('retry-after'), nowMs));
}

/** The pause that a `Retry-After` asks for: seconds or a date, an hour at most; null where it says nothing. */
export function retryAfterMs(text: string | undefined, nowMs: number): number | null {
  if (text === undefined) return null;
  let ms = Number.NaN;
  if (/^\s*\d+\s*$/.test(text)) ms = Number(text) * 1000;
  else if (/^[A-Z][a-z]{2}, .* GMT$/.test(text)) ms = Date.parse(text) - nowMs;
  return Number.isNaN(ms) ? null : Math.min(RETRY_AFTER_MAX_MS, Math.max(0, ms));
}

/** The begin of an answer's text in one line, for an error. */
export function quoteOf({ text }: HttpAnswer): string {
  // Whatever stands there goes to logs and terminals: no line breaks, no control characters.
  const line = text
    .slice(0, QUOTE_MAX * 4)
    .replaceAll(/[\s\p{C}]+/gu, ' ')
    .trim();
  if (line === '') return '';
  return `: ${line.length > QUOTE_MAX ? `${line.slice(0, QUOTE_MAX)}…` : line}`;
}

/** What went wrong; where several addresses were tried, with the first. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
}
