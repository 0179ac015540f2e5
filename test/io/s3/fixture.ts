/**
 * A raw HTTP server that answers as a script says, one answer a request: for what a real S3 server does
 * only on a bad day. Every request must be signed rightly.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Clock } from '../../../src/io/clock.js';
import type { ObjectStore } from '../../../src/io/objects.js';
import { systemRandom } from '../../../src/io/random.js';
import { openS3Store, type S3StoreInput } from '../../../src/io/s3/store.js';
import { SigningKeyCache } from '../../../src/io/sigv4/signing-key.js';
import { verifyRequest } from '../../../src/io/sigv4/verify.js';
import { makeCertificate } from './certificate.js';

/** A request as it came. */
export interface SeenRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

/** What to answer: status, headers and body, `drop` to cut the connection, `silence`, or a function that does it. */
export type Answer =
  | readonly [status: number, body?: string | Buffer, headers?: Record<string, string>]
  | 'drop'
  | 'silence'
  | ((request: SeenRequest, response: ServerResponse) => void);

/** Credentials of the fixture. */
export const CREDENTIALS = { accessKeyId: 'AKIDFIXTURE', secretAccessKey: 'secret+of/the=fixture' };

/** A clock whose pauses take no time; it remembers them. */
export class PatientClock implements Clock {
  readonly pauses: number[] = [];
  time = Date.now();
  now = (): number => this.time;
  monotonic = (): number => this.time;
  after = (delayMs: number, run: () => void): (() => void) => {
    this.pauses.push(delayMs);
    const timer = setImmediate(run);
    return () => clearImmediate(timer);
  };
}

/** The server, and a store that talks to it. */
export class Fixture {
  readonly clock = new PatientClock();
  readonly seen: SeenRequest[] = [];
  /** Requests whose signature was wrong. */
  readonly unsigned: string[] = [];
  readonly store: ObjectStore;
  #script: Answer[] = [];
  readonly #server: Server;

  private constructor(server: Server, protocol: string, input: Partial<S3StoreInput>) {
    this.#server = server;
    server.on('request', (request, response) => void this.#take(request, response));
    this.store = openS3Store({
      bucket: 'bucket',
      region: 'eu-west-1',
      endpoint: `${protocol}://127.0.0.1:${(server.address() as AddressInfo).port}`,
      credentials: () => CREDENTIALS,
      clock: this.clock,
      random: systemRandom,
      ...input,
    });
  }

  /** Starts one. */
  static async start(input: Partial<S3StoreInput> = {}): Promise<Fixture> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new Fixture(server, 'http', input);
  }

  /** The same behind TLS. Bodies are not signed there, so signatures are left to the test. */
  static async startSecure(input: Partial<S3StoreInput> = {}): Promise<Fixture> {
    const { key, cert } = makeCertificate();
    const server = createSecureServer({ key, cert });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new Fixture(server, 'https', { tls: { ca: cert }, ...input });
  }

  /** Answers the next requests so. */
  script(...answers: readonly Answer[]): void {
    this.#script = [...answers];
    this.seen.length = 0;
    this.clock.pauses.length = 0;
  }

  /** `PUT /bucket/key?query` of what came since `script`. */
  get lines(): string[] {
    return this.seen.map(({ method, target }) => `${method} ${target}`);
  }

  async end(): Promise<void> {
    await this.store.close();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = [];
    for await (const piece of request as AsyncIterable<Buffer>) pieces.push(piece);
    const { method = '', url = '', headers } = request;
    const seen = { method, target: url, headers, body: Buffer.concat(pieces) };
    this.seen.push(seen);
    const verified = verifyRequest(
      { method, target: url, headers: request.headersDistinct, body: seen.body },
      {
        secretOf: () => CREDENTIALS.secretAccessKey,
        service: 's3',
        region: 'eu-west-1',
        pathEncoding: 'single',
        keys: new SigningKeyCache(),
        nowMs: this.clock.time,
      },
    );
    if (!verified.ok) this.unsigned.push(`${method} ${url}: ${verified.message}`);
    const answer = this.#script.shift() ?? [500, 'the script is at its end'];
    if (typeof answer === 'function') answer(seen, response);
    else if (answer === 'drop') request.socket.destroy();
    else if (answer !== 'silence') response.writeHead(answer[0], answer[2]).end(answer[1]);
  }
}

/** An error as S3 answers it. */
export function s3Error(status: number, code: string, headers: Record<string, string> = {}): Answer {
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>said ${code}</Message></Error>`;
  return [status, body, { 'content-type': 'application/xml', ...headers }];
}
