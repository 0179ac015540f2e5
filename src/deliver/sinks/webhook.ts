/**
 * `webhook`: rows as plain HTTP requests, signed.
 *
 * Guarantee: at least once. A request whose answer is lost goes out again, after a crash too, with the
 * same `webhook-id` and the same body: a receiver that remembers ids takes every row once. The
 * timestamp and the signature are those of the attempt.
 *
 * Alerts carry `idempotency-key`, the same for a key and window however often they go out.
 *
 * Rows of a replay carry `millrace-replay: <id>`.
 *
 * Limits: `requestsMax` requests at once, each of `rowsMax` rows and `bodySizeMax` bytes; a row that is
 * larger goes alone. 64 KiB of an answer are read. What answers mean: `deliver/http.ts`.
 */
import type { SinkOptionsOf } from '../../config/sinks/index.js';
import type { HttpClient } from '../../io/http-client.js';
import { divide, encodedBytes, eachEncoded, jsonLines, type RowEncoder } from '../encoded.js';
import { httpClient, refuseAnswer, sendTo } from '../http.js';
import type { CutRows } from '../rows.js';
import type { Sink, SinkContext } from '../sink.js';
import { signatureHeaders } from '../webhook-signature.js';
import { compressorOf } from '../../format/compress.js';

const ANSWER_BYTES_MAX = 64 * 1024;
const COMMA = 0x2c;

/** Plain requests to one URL. */
export function createWebhookSink(options: SinkOptionsOf<'webhook'>, context: SinkContext): Sink {
  const { url, method, format, signingSecrets, rowsMax, bodySizeMax } = options;
  const { pathname, search, host } = new URL(url);
  const place = `${method} ${host}`;
  const compressor = compressorOf(options.compression);
  const headers = {
    ...options.headers,
    'content-type': format === 'ndjson' ? 'application/x-ndjson' : 'application/json',
    ...(compressor.contentEncoding === undefined ? {} : { 'content-encoding': compressor.contentEncoding }),
  };
  let client: HttpClient | null = null;
  return {
    requestsMax: context.requestsMax,
    async open() {
      await client?.close();
      client = httpClient(options, context, ANSWER_BYTES_MAX);
    },
    requests: (rows) =>
      divide(jsonLines(rows.schema), rows, { rowsMax: format === 'event' ? 1 : rowsMax, bytesMax: bodySizeMax }),
    async send({ id, rows, cut }, receipt, signal) {
      const content = BODIES[format](jsonLines(rows.schema), rows);
      const signed = signatureHeaders(signingSecrets, id, context.clock.now(), content);
      const key = context.idempotencyKey?.(rows);
      const named: Record<string, string> = key === undefined ? {} : { 'idempotency-key': key };
      const replay: Record<string, string> = cut.replay === null ? {} : { 'millrace-replay': cut.replay };
      const body = await compressor.compress(content);
      const request = {
        method,
        path: pathname + search,
        headers: { ...headers, ...signed, ...named, ...replay },
        body,
      };
      const answer = await sendTo(client!, place, request, signal);
      if (answer.status < 200 || answer.status > 299) refuseAnswer(answer, place, context.clock.now());
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

/** How rows become a body. */
const BODIES: Readonly<Record<SinkOptionsOf<'webhook'>['format'], (encoder: RowEncoder, rows: CutRows) => Uint8Array>> =
  {
    ndjson: encodedBytes,
    array: arrayBytes,
    event(encoder, rows) {
      const line = encodedBytes(encoder, rows);
      return line.subarray(0, line.length - 1);
    },
  };

/** `[row,row]`: each line break becomes the comma, or the bracket, behind its row. */
function arrayBytes(encoder: RowEncoder, rows: CutRows): Uint8Array {
  let bytes = 1;
  eachEncoded(encoder, rows, (_data, start, end) => (bytes += end - start));
  const body = Buffer.allocUnsafe(bytes);
  let at = body.write('[');
  eachEncoded(encoder, rows, (data, start, end) => {
    body.set(data.subarray(start, end), at);
    at += end - start;
    body[at - 1] = COMMA;
  });
  body.write(']', at - 1);
  return body;
}
