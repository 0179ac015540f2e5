/**
 * One request to S3: signed, sent, sent again while that may help, and its answer read.
 *
 * Limits. `connectionsMax` connections; `attemptsMax` attempts with full jitter from `firstPauseMs`
 * doubling to `PAUSE_MAX_MS`, or what `Retry-After` says; answers of at most `DOCUMENT_BYTES_MAX` where
 * they are documents; no time-out is longer than `timeoutMs` of silence. Redirects are not followed: a
 * bucket in another region is a mistake in the configuration, which the error names.
 *
 * Over https the body is not hashed for the signature: TLS guards it, and its CRC-32C, which is signed,
 * does so end to end. Over http it is.
 */
import { Readable } from 'node:stream';
import type { Agent, Dispatcher } from 'undici';
import type { Clock } from '../clock.js';
import { bodyBytes, piecesOf, type ObjectBody } from '../objects.js';
import { MillraceError } from '../../util/errors.js';
import { undici } from '../undici.js';
import type { Random } from '../random.js';
import { sleep } from '../sleep.js';
import { signRequest, type Credentials } from '../sigv4/sign.js';
import { SigningKeyCache } from '../sigv4/signing-key.js';
import type { TlsTexts } from '../tls-files.js';
import { addressOf, type BucketAddress, type BucketInput } from './address.js';
import { readError } from './documents.js';
import { S3Error, unavailable } from './errors.js';

/** What a client is made with. */
export interface S3ClientInput extends BucketInput {
  /** Asked before every attempt, so that temporary ones may change. */
  readonly credentials: () => Credentials | Promise<Credentials>;
  readonly clock: Clock;
  readonly random: Random;
  /** Default 16. */
  readonly connectionsMax?: number;
  /** Attempts of one request. Default 4. */
  readonly attemptsMax?: number;
  /** Default 100. */
  readonly firstPauseMs?: number;
  /** Silence of the other end after which an attempt is given up. Default 60 s. */
  readonly timeoutMs?: number;
  /** Authorities and a certificate of one's own, for an endpoint that wants them. */
  readonly tls?: TlsTexts;
}

/** A request. */
export interface S3Request {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  /** Left out: the bucket. */
  readonly key?: string;
  /** Percent-encoded, without the question mark. */
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: ObjectBody;
  readonly signal?: AbortSignal | undefined;
}

/** An answer of 2xx; whoever gets it reads the body or destroys it. */
export type S3Answer = Dispatcher.ResponseData;

const PAUSE_MAX_MS = 10_000;
/** The longest documents are lists: 1000 keys of 1 KiB, each character escaped. */
const DOCUMENT_BYTES_MAX = 8 * 1024 * 1024;

/** Sends requests to one bucket. */
export class S3Client {
  /** `s3://bucket` */
  readonly name: string;
  readonly #input: S3ClientInput;
  readonly #address: BucketAddress;
  readonly #agent: Agent;
  readonly #keys = new SigningKeyCache(16);
  /** How far the server's clock is ahead, once it has complained. */
  #skewMs = 0;
  #closed = false;

  /** Throws CONFIG_INVALID when bucket, region or endpoint can't be. */
  constructor(input: S3ClientInput) {
    const timeoutMs = input.timeoutMs ?? 60_000;
    this.name = `s3://${input.bucket}`;
    this.#input = input;
    this.#address = addressOf(input);
    this.#agent = new (undici().Agent)({
      connections: input.connectionsMax ?? 16,
      pipelining: 1,
      connect: { ...input.tls, timeout: Math.min(timeoutMs, 10_000) },
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
    });
  }

  /**
   * Sends until an answer of 2xx was read; `read` is told which attempt it is, from 1. Throws S3Error,
   * STORE_UNAVAILABLE, or the signal's reason.
   */
  async send<T>(request: S3Request, read: (answer: S3Answer, attempt: number) => Promise<T>): Promise<T> {
    const { attemptsMax = 4, clock } = this.#input;
    for (let attempt = 1; ; attempt++) {
      request.signal?.throwIfAborted();
      try {
        return await this.#attempt(request, (answer) => read(answer, attempt));
      } catch (cause) {
        request.signal?.throwIfAborted();
        const error = unavailable(cause, this.place(request));
        if (error instanceof S3Error) error.attempts = attempt;
        if (this.#closed || !(error instanceof MillraceError && error.retryable) || attempt >= attemptsMax) throw error;
        await sleep(clock, this.#pauseMs(attempt, error), request.signal);
      }
    }
  }

  /** For people: `PUT s3://bucket/key`. */
  place({ method, key }: Pick<S3Request, 'method' | 'key'>): string {
    return `${method} ${this.name}${key === undefined ? '' : `/${key.slice(0, 200)}`}`;
  }

  /** Ends all connections; requests under way fail. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#agent.destroy();
  }

  async #attempt<T>(request: S3Request, read: (answer: S3Answer) => Promise<T>): Promise<T> {
    const { origin } = this.#address;
    const path = this.#address.pathOf(request.key);
    const target = request.query === undefined ? path : `${path}?${request.query}`;
    const headers = await this.#sign(request, target);
    const answer = await this.#agent.request({
      origin,
      path: target,
      method: request.method,
      headers,
      body: toSend(request.body),
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    });
    if (answer.statusCode >= 200 && answer.statusCode < 300) return await read(answer);
    throw await this.#refusal(request, answer);
  }

  async #sign({ method, headers, body }: S3Request, target: string): Promise<Record<string, string>> {
    const { origin } = this.#address;
    const bytes = body === undefined ? 0 : bodyBytes(body);
    const sized = method === 'PUT' || method === 'POST' ? { 'content-length': String(bytes) } : {};
    return signRequest(
      {
        method,
        origin,
        target,
        headers: { ...headers, ...sized },
        body: bytes > 0 && origin.startsWith('https:') ? 'unsigned' : (body ?? []),
      },
      {
        credentials: await this.#input.credentials(),
        region: this.#input.region,
        service: 's3',
        pathEncoding: 'single',
        keys: this.#keys,
        nowMs: this.#input.clock.now() + this.#skewMs,
      },
    );
  }

  async #refusal(request: S3Request, answer: S3Answer): Promise<S3Error> {
    const document = readError(await documentText(answer));
    const region = text(answer.headers['x-amz-bucket-region']);
    const elsewhere = answer.statusCode >= 300 && answer.statusCode < 400 && region !== undefined;
    const error = new S3Error(
      answer.statusCode,
      elsewhere
        ? { code: document?.code ?? '', message: `the bucket is in the region ${region}` }
        : (document ?? { code: '', message: 'without an explanation' }),
      this.place(request),
    );
    error.retryAfter = text(answer.headers['retry-after']) ?? '';
    const serverMs = Date.parse(text(answer.headers['date']) ?? '');
    if (error.s3Code === 'RequestTimeTooSkewed' && !Number.isNaN(serverMs))
      this.#skewMs = serverMs - this.#input.clock.now();
    return error;
  }

  #pauseMs(attempt: number, error: Error): number {
    if (error instanceof S3Error && /^\d{1,6}$/.test(error.retryAfter))
      return Math.min(Number(error.retryAfter) * 1000, PAUSE_MAX_MS);
    const longest = Math.min(PAUSE_MAX_MS, (this.#input.firstPauseMs ?? 100) * 2 ** (attempt - 1));
    const [byte] = this.#input.random.fill(new Uint8Array(1));
    return (longest * (byte! + 1)) / 256;
  }
}

/** A document of bounded length. */
export async function documentText(answer: S3Answer): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of answer.body as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > DOCUMENT_BYTES_MAX) throw new Error(`a document of over ${DOCUMENT_BYTES_MAX} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}

/** A header that comes once. */
export function text(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}

function toSend(body: ObjectBody | undefined): Uint8Array | Readable | null {
  if (body === undefined) return null;
  const pieces = piecesOf(body);
  return pieces.length === 1 ? pieces[0]! : Readable.from(pieces);
}
