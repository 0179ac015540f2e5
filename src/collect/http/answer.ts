/**
 * Answers. Errors look the same everywhere: `{"error": {"code", "message", "place"}}`, and whatever may
 * succeed later says when, by `Retry-After`.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { MillraceError } from '../../util/errors.js';

/** Seconds after which a refused client may come again. */
export const RETRY_AFTER_SECONDS = 1;

/** Answers JSON. */
export function answerJson(
  response: ServerResponse,
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  const body = Buffer.from(JSON.stringify(value));
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length, ...headers });
  response.end(body);
}

/** Answers an error. What is not a `MillraceError` is a bug and answers INTERNAL, without its text. */
export function answerError(request: IncomingMessage, response: ServerResponse, error: unknown): void {
  if (response.headersSent || response.destroyed) return void response.destroy();
  const known =
    error instanceof MillraceError
      ? error
      : new MillraceError('INTERNAL', 'this is a bug in Millrace; its log says more');
  const headers: Record<string, string> = {};
  if (known.retryable) headers['retry-after'] = String(RETRY_AFTER_SECONDS);
  if (known.status === 401) headers['www-authenticate'] = 'Bearer';
  // The rest of a body that nobody reads must not be taken for the next request.
  if (!request.complete) headers['connection'] = 'close';
  answerJson(
    response,
    known.status,
    { error: { code: known.code, message: known.message, place: known.place ?? null, ...known.details } },
    headers,
  );
}

/** Answers 405 and says which methods there are. */
export function answerMethod(request: IncomingMessage, response: ServerResponse, allowed: string): void {
  response.setHeader('allow', allowed);
  answerError(
    request,
    response,
    new MillraceError('METHOD_NOT_ALLOWED', `'${request.method}' is not possible here; expected ${allowed}`, {
      place: request.url?.split('?')[0] ?? '/',
    }),
  );
}
