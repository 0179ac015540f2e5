/**
 * `POST /v1/firehose?stream=<name>`: the endpoint of Firehose's HTTP destination, by which a stream in AWS
 * is drained into one here.
 *
 * Headers: `X-Amz-Firehose-Access-Key` is an ingest key; `X-Amz-Firehose-Request-Id` is the same when AWS sends a
 * request again, so records without an id get one from it and count once; with an operator's key the
 * attribute `tenant` of `X-Amz-Firehose-Common-Attributes` may say whose the records are.
 * Body: `{requestId, timestamp, records: [{data}]}`, gzip or plain. A record is an event as PutRecord
 * takes it. Other members and attributes are passed over: AWS may add some at any time.
 *
 * | status | when | what AWS does |
 * |---|---|---|
 * | 200 `{requestId, timestamp}` | every record is on disk: stored, stored before, or in the quarantine | goes on |
 * | 400, 401, 403, 404 | the request can't be taken, or a record is kept nowhere | tries again, then its backup bucket |
 * | 413 | the body is too large | its backup bucket |
 * | 429, 500, 503 | overload, or the log or quarantine can't take it | tries again |
 *
 * All but 200 have `errorMessage`.
 *
 * Limits. `BODY_BYTES_MAX` as it comes and unpacked, within `http.pendingSizeMax` of all requests; `RECORDS_MAX`
 * records. Records are taken in portions of `http.bodySizeMax` and `http.batchEventsMax`, a commit each; when a later one
 * fails the request is sent again, and the earlier ones are duplicates.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { EVERY_TENANT } from '../../../config/tenants.js';
import { MillraceError } from '../../../util/errors.js';
import type { Doors } from '../../doors.js';
import { answerJson, RETRY_AFTER_SECONDS } from '../../http/answer.js';
import { readBody, type Budget } from '../../http/body.js';
import { headerOf } from '../../http/request.js';
import type { Ingest } from '../../ingest.js';
import type { CollectServices } from '../../options.js';
import { RequestIds } from '../../request-ids.js';
import { blobLength } from './blobs.js';
import { isStructure, malformed, parseInput } from './input.js';
import { takeRecords } from './records.js';

/** Largest body that AWS sends. */
const BODY_BYTES_MAX = 64 * 1024 * 1024;
const RECORDS_MAX = 10_000;
/** Longest `errorMessage` that AWS reads. */
const MESSAGE_LENGTH_MAX = 8_192;

/** Answers one request; never throws. */
export async function takeEndpoint(
  services: CollectServices,
  doors: Doors,
  budget: Budget,
  request: IncomingMessage,
  response: ServerResponse,
  query: string,
): Promise<void> {
  const requestId = headerOf(request, 'x-amz-firehose-request-id', 256) ?? '';
  try {
    if (request.method !== 'POST')
      throw new MillraceError('METHOD_NOT_ALLOWED', `'${request.method}' is not possible here; expected POST`);
    checkVersion(request);
    const tenant = tenantOf(services, request);
    const ingest = ingestOf(services, doors, query);
    if (requestId === '')
      throw new MillraceError('BODY_MALFORMED', 'expected the header X-Amz-Firehose-Request-Id', {
        place: 'header X-Amz-Firehose-Request-Id',
      });
    const body = await readBody(request, BODY_BYTES_MAX, budget);
    try {
      await takeAll(services, budget, ingest, tenant, requestId, recordsIn(body.bytes, requestId));
    } finally {
      body.release();
    }
    answerJson(response, 200, { requestId, timestamp: Math.floor(services.clock.now()) });
  } catch (error) {
    if (!(error instanceof MillraceError)) services.onError(error);
    refuse(services, request, response, requestId, error);
  }
}

function checkVersion(request: IncomingMessage): void {
  const version = headerOf(request, 'x-amz-firehose-protocol-version') ?? '1.0';
  if (version !== '1.0')
    throw new MillraceError('BODY_MALFORMED', `expected protocol version 1.0, found '${version.slice(0, 16)}'`, {
      place: 'header X-Amz-Firehose-Protocol-Version',
    });
}

/** Whose the records are; `*`: as each says. */
function tenantOf(services: CollectServices, request: IncomingMessage): string {
  const place = 'header X-Amz-Firehose-Access-Key';
  let principal;
  try {
    const key = headerOf(request, 'x-amz-firehose-access-key', 4_096);
    if (key === undefined) throw new MillraceError('KEY_MISSING', `expected an ingest key in the ${place}`, { place });
    principal = services.tenants.authorize(key, ['ingest'], place);
  } catch (error) {
    services.unauthenticated(request);
    throw error;
  }
  const named = attributesOf(request)['tenant'];
  if (principal.tenant !== EVERY_TENANT || named === undefined) return principal.tenant;
  if (typeof named === 'string' && services.tenants.directory.tenant(named) !== undefined) return named;
  throw new MillraceError('TENANT_UNKNOWN', `there is no tenant '${String(named).slice(0, 64)}'`, {
    place: 'header X-Amz-Firehose-Common-Attributes',
  });
}

function attributesOf(request: IncomingMessage): Readonly<Record<string, unknown>> {
  const text = headerOf(request, 'x-amz-firehose-common-attributes', 65_536);
  if (text === undefined) return {};
  try {
    const { commonAttributes } = Object(JSON.parse(text)) as { readonly commonAttributes?: unknown };
    if (isStructure(commonAttributes)) return commonAttributes;
  } catch (cause) {
    throw new MillraceError('BODY_MALFORMED', `the common attributes are not JSON: ${(cause as Error).message}`, {
      place: 'header X-Amz-Firehose-Common-Attributes',
      cause,
    });
  }
  throw new MillraceError('BODY_MALFORMED', 'expected {"commonAttributes": {…}}', {
    place: 'header X-Amz-Firehose-Common-Attributes',
  });
}

function ingestOf({ limits }: CollectServices, doors: Doors, query: string): Ingest {
  const name = new URLSearchParams(query).get('stream') ?? limits.defaultStream;
  const ingest = doors.get(name);
  if (ingest !== undefined) return ingest;
  throw new MillraceError('STREAM_UNKNOWN', `there is no stream '${name.slice(0, 64)}' to send records to`, {
    place: 'query stream',
  });
}

/** The records of a body, in base64. */
function recordsIn(bytes: Uint8Array, requestId: string): string[] {
  const input = parseInput(bytes);
  if (input['requestId'] !== requestId)
    throw malformed("requestId: expected that of the header, as it is the request's");
  const records = input['records'];
  if (!Array.isArray(records) || records.length === 0 || records.length > RECORDS_MAX)
    throw malformed(`records: expected a list of 1 to ${RECORDS_MAX}`);
  return records.map((record: unknown, index) => {
    if (isStructure(record) && typeof record['data'] === 'string') return record['data'];
    throw malformed(`records[${index}]: expected {"data": "<base64>"}`);
  });
}

/** Takes all records, a portion after the other. Throws when one of them is the sender's still. */
async function takeAll(
  { limits }: CollectServices,
  budget: Budget,
  ingest: Ingest,
  tenant: string,
  requestId: string,
  texts: readonly string[],
): Promise<void> {
  const ids = RequestIds.of('firehose-endpoint', requestId);
  for (const [from, to] of portions(texts, limits.bodyBytesMax, limits.batchEventsMax)) {
    const { failed } = await takeRecords({
      ingest,
      tenant,
      texts: texts.slice(from, to),
      ids: ids.from(from),
      recordBytesMax: limits.bodyBytesMax,
      budget,
    });
    const lasting = failed.find(({ retryable }) => !retryable) ?? failed[0];
    if (lasting !== undefined)
      throw new MillraceError(
        lasting.retryable ? 'RATE_LIMITED' : 'BODY_MALFORMED',
        `records[${from + lasting.index}] is kept nowhere: ${lasting.message}`,
        { place: `records[${from + lasting.index}]` },
      );
  }
}

/** Bounds of portions of at most so many bytes, decoded, and records. A record that is larger alone is for the decoder to refuse. */
function portions(texts: readonly string[], bytesMax: number, recordsMax: number): [number, number][] {
  const found: [number, number][] = [];
  let from = 0;
  let bytes = 0;
  texts.forEach((text, index) => {
    // With what frames it, or stands in for it when it is blank.
    const more = blobLength(text) + FRAME_BYTES_MAX;
    if (index > from && (bytes + more > bytesMax || index - from >= recordsMax)) {
      found.push([from, index]);
      from = index;
      bytes = 0;
    }
    bytes += more;
  });
  found.push([from, texts.length]);
  return found;
}

const FRAME_BYTES_MAX = 5;

function refuse(
  services: CollectServices,
  request: IncomingMessage,
  response: ServerResponse,
  requestId: string,
  error: unknown,
): void {
  if (response.headersSent || response.destroyed) return void response.destroy();
  const known = error instanceof MillraceError ? error : new MillraceError('INTERNAL', 'this is a bug in Millrace');
  const errorMessage = `${known.code}: ${known.message}`.slice(0, MESSAGE_LENGTH_MAX);
  const headers: Record<string, string> = {};
  if (known.retryable) headers['retry-after'] = String(RETRY_AFTER_SECONDS);
  if (known.code === 'METHOD_NOT_ALLOWED') headers['allow'] = 'POST';
  if (!request.complete) headers['connection'] = 'close';
  const status = known.code === 'BODY_TOO_LARGE' ? 413 : known.status;
  answerJson(response, status, { requestId, timestamp: Math.floor(services.clock.now()), errorMessage }, headers);
}
