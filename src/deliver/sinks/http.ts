/**
 * `http`: Firehose's protocol for HTTP endpoints, version 1.0, as a sender. Whatever takes deliveries
 * from a delivery stream takes these.
 *
 *   X-Amz-Firehose-Protocol-Version: 1.0      {"requestId":"…","timestamp":1700000000000,
 *   X-Amz-Firehose-Request-Id: <requestId>     "records":[{"data":"<base64 of one row's JSON>"},…]}
 *   X-Amz-Firehose-Source-Arn, -Access-Key, -Common-Attributes
 *
 * Guarantee: at least once. Only an answer of 200 whose JSON says the same `requestId` is success, so
 * that a proxy's own page is none. A request whose answer is lost goes out again, after a crash too,
 * with the same id, timestamp and body; a receiver that remembers ids takes every row once.
 *
 * 413 is the one answer that is final: halves, down to the row that is too large. All others are tried
 * again, as the protocol has it; `retry.deadline` ends that.
 *
 * Rows of a replay have the common attribute `millraceReplay`.
 *
 * Limits: `requestsMax` requests at once, each of `recordsMax` records and `bodySizeMax` bytes before
 * compression. 1 MiB of an answer is read, as much as the protocol allows.
 */
import type { SinkOptionsOf } from '../../config/sinks/index.js';
import { compressorOf } from '../../format/compress.js';
import type { HttpAnswer, HttpClient } from '../../io/http-client.js';
import { divide, encodedBytes } from '../encoded.js';
import { firehoseRecords } from '../firehose-records.js';
import { httpClient, quoteOf, retryAfterMs, sendTo } from '../http.js';
import { ComeAgain, Refused, type Sink, type SinkContext, type SinkRequest } from '../sink.js';

const ANSWER_BYTES_MAX = 1024 * 1024;
/** What a body has beside its records. */
const FRAME_BYTES = 128;

/** An endpoint of Firehose's protocol. */
export function createHttpSink(options: SinkOptionsOf<'http'>, context: SinkContext): Sink {
  const { url, recordsMax, bodySizeMax } = options;
  const { pathname, search, host } = new URL(url);
  const place = `POST ${host}`;
  const compressor = compressorOf(options.compression);
  const headersOf = headers(options, context, compressor.contentEncoding);
  let client: HttpClient | null = null;
  return {
    requestsMax: context.requestsMax,
    async open() {
      await client?.close();
      client = httpClient(options, context, ANSWER_BYTES_MAX);
    },
    requests: (rows) =>
      divide(firehoseRecords(rows.schema), rows, { rowsMax: recordsMax, bytesMax: bodySizeMax - FRAME_BYTES }),
    async send(request, receipt, signal) {
      const body = await compressor.compress(bodyOf(request));
      const sent = { method: 'POST' as const, path: pathname + search, headers: headersOf(request), body };
      const answer = await sendTo(client!, place, sent, signal);
      checkAnswer(answer, request.id, place, context.clock.now());
      receipt.bytes += body.length;
      receipt.objects += 1;
      receipt.takeAll();
    },
    async close() {
      await client?.close();
      client = null;
    },
  };
}

/** The headers of a request. */
function headers(
  { accessKey, sourceArn, attributes }: SinkOptionsOf<'http'>,
  { name }: SinkContext,
  contentEncoding: string | undefined,
): (request: SinkRequest) => Record<string, string> {
  const fixed = {
    'content-type': 'application/json',
    ...(contentEncoding === undefined ? {} : { 'content-encoding': contentEncoding }),
    'x-amz-firehose-protocol-version': '1.0',
    'x-amz-firehose-source-arn': sourceArn ?? `arn:aws:firehose:local:000000000000:deliverystream/${name}`,
    ...(accessKey === undefined ? {} : { 'x-amz-firehose-access-key': accessKey }),
  };
  return ({ id, cut }) => {
    const all = cut.replay === null ? attributes : { ...attributes, millraceReplay: cut.replay };
    const isAny = Object.keys(all).length > 0;
    const common = isAny ? { 'x-amz-firehose-common-attributes': asciiJson({ commonAttributes: all }) } : {};
    return { ...fixed, ...common, 'x-amz-firehose-request-id': id };
  };
}

function bodyOf({ id, rows, cut }: SinkRequest): Uint8Array {
  const records = encodedBytes(firehoseRecords(rows.schema), rows);
  return Buffer.concat([
    Buffer.from(`{"requestId":"${id}","timestamp":${cut.receivedAt},"records":[`),
    // Without the comma behind the last one.
    records.subarray(0, records.length - 1),
    Buffer.from(']}'),
  ]);
}

/** Throws where the answer is no success. */
function checkAnswer(answer: HttpAnswer, id: string, place: string, nowMs: number): void {
  const { status } = answer;
  const message = `${place} answered ${status}${quoteOf(answer)}`;
  if (status === 413) throw new Refused(message, { divisible: true });
  if (status !== 200) throw new ComeAgain(message, retryAfterMs(answer.header('retry-after'), nowMs));
  const said = requestIdOf(answer);
  if (said !== id)
    throw new ComeAgain(
      `${place} answered 200 without the request's id, expected "requestId":"${id}"${quoteOf(answer)}`,
      null,
    );
}

/** The id that an answer says, or null where it is not what the protocol asks for. */
function requestIdOf({ text, header }: HttpAnswer): string | null {
  if (!/^application\/json\b/i.test(header('content-type') ?? '')) return null;
  try {
    const { requestId } = Object(JSON.parse(text)) as { readonly requestId?: unknown };
    return typeof requestId === 'string' ? requestId : null;
  } catch {
    // Not JSON: the caller says what was answered instead.
    return null;
  }
}

/** JSON that may stand in a header. */
function asciiJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    /[^\x20-\x7e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
