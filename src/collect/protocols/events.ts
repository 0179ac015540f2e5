/**
 * `POST /v1/events?stream=<name>`: events as NDJSON, a JSON array or one JSON object, gzip or plain.
 *
 * | status | when |
 * |---|---|
 * | 200 | every event is on disk, was there before, or is in `rejected`: `{accepted, duplicates, rejected: [{index, code, message, path}]}` |
 * | 400 | the body as a whole can't be read, or is too large; nothing was taken |
 * | 401, 403 | the key is missing, unknown, or not for sending |
 * | 404 | there is no such stream |
 * | 429, 503 | overload, or the log can't be written; nothing was taken, send all again after `Retry-After` |
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { readBody, type Budget } from '../http/body.js';
import { answerJson, answerMethod } from '../http/answer.js';
import type { Ingest } from '../ingest.js';
import type { CollectServices } from '../options.js';
import { MillraceError } from '../../util/errors.js';

/** A browser may send from any page: keys, not origins, say who may. */
const CORS: Readonly<Record<string, string>> = { 'access-control-allow-origin': '*' };
const PREFLIGHT: Readonly<Record<string, string>> = {
  ...CORS,
  'access-control-allow-methods': 'POST',
  'access-control-allow-headers': 'authorization, content-type, content-encoding',
  'access-control-max-age': '86400',
};

/** Answers one request. */
export async function takeEvents(
  services: CollectServices,
  ingestOf: (stream: string) => Ingest | undefined,
  budget: Budget,
  request: IncomingMessage,
  response: ServerResponse,
  query: string,
): Promise<void> {
  if (request.method === 'OPTIONS') {
    response.writeHead(204, PREFLIGHT);
    response.end();
    return;
  }
  response.setHeader('access-control-allow-origin', '*');
  if (request.method !== 'POST') return answerMethod(request, response, 'POST');
  const principal = authenticate(services, request);
  const name = (query === '' ? null : new URLSearchParams(query).get('stream')) ?? services.limits.defaultStream;
  const ingest = ingestOf(name);
  if (ingest === undefined)
    throw new MillraceError('STREAM_UNKNOWN', `there is no stream '${name.slice(0, 64)}' to send events to`, {
      place: 'query stream',
    });
  const body = await readBody(request, services.limits.bodyBytesMax, budget);
  try {
    if (body.bytes.length === 0)
      throw new MillraceError('BODY_MALFORMED', 'the body is empty; expected NDJSON, a JSON array or one JSON object', {
        place: 'body',
      });
    answerJson(response, 200, await ingest.take(body.bytes, principal.tenant));
  } finally {
    body.release();
  }
}

/** Who sends; bytes of those who may not are counted, never stored. */
function authenticate(services: CollectServices, request: IncomingMessage): { readonly tenant: string } {
  try {
    return services.tenants.authenticate(request.headers.authorization, ['ingest']);
  } catch (error) {
    services.unauthenticated(request);
    throw error;
  }
}
