/**
 * Requests to one place over HTTP, each with a bound on everything: connections, time, bytes of the
 * answer. Redirects are answers like others.
 *
 * Time-outs are the machine's own, not an argument's: they watch a real socket.
 */
import type { Dispatcher, Pool } from 'undici';
import { guardedConnector, type ConnectorOptions } from './guarded-connector.js';
import { undici } from './undici.js';

/** How requests are made. */
export interface HttpClientOptions extends ConnectorOptions {
  /** Scheme, host and port, as `URL` has them. */
  readonly origin: string;
  readonly connectionsMax: number;
  /** A request and its answer take no longer. */
  readonly timeoutMs: number;
  /** Bytes of an answer that are read. */
  readonly answerBytesMax: number;
}

/** One request. */
export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH';
  /** Path and query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** The answer to a request. */
export interface HttpAnswer {
  readonly status: number;
  /** By name in lower case; of repeated ones, the first. */
  readonly header: (name: string) => string | undefined;
  /** The body's first `answerBytesMax` bytes. */
  readonly text: string;
  /** Whether the body was longer. */
  readonly isCut: boolean;
}

/** A pool of connections to one origin. */
export class HttpClient {
  readonly #pool: Pool;
  readonly #timeoutMs: number;
  readonly #answerBytesMax: number;

  constructor({ origin, connectionsMax, timeoutMs, answerBytesMax, ...connector }: HttpClientOptions) {
    this.#pool = new (undici().Pool)(origin, {
      connect: guardedConnector(connector),
      connections: connectionsMax,
      pipelining: 1,
      // The whole is bounded below.
      headersTimeout: 0,
      bodyTimeout: 0,
      maxHeaderSize: 16 * 1024,
    });
    this.#timeoutMs = timeoutMs;
    this.#answerBytesMax = answerBytesMax;
  }

  /** Sends; rejects when there was no answer in time, or `signal` aborts. */
  async send({ method, path, headers, body }: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    signal.throwIfAborted();
    const ending = new AbortController();
    const abort = (): void => ending.abort(signal.reason);
    signal.addEventListener('abort', abort);
    const timer = setTimeout(() => ending.abort(new Error(`no answer within ${this.#timeoutMs} ms`)), this.#timeoutMs);
    try {
      const answer = await this.#pool.request({ method, path, headers, body, signal: ending.signal });
      const { text, isCut } = await readText(answer.body, this.#answerBytesMax);
      const header = (name: string): string | undefined => {
        const value = answer.headers[name];
        return Array.isArray(value) ? value[0] : value;
      };
      return { status: answer.statusCode, header, text, isCut };
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    }
  }

  /** Ends all connections at once. */
  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}

/** Reads up to `bytesMax`; what is longer costs the connection, since the rest is not waited for. */
async function readText(
  body: Dispatcher.ResponseData['body'],
  bytesMax: number,
): Promise<{ readonly text: string; readonly isCut: boolean }> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > bytesMax) break;
  }
  return { text: Buffer.concat(chunks).subarray(0, bytesMax).toString(), isCut: bytes > bytesMax };
}
