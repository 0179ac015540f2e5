/**
 * The HTTP server: connections, time-outs and the end of them. What is asked is for the handlers.
 *
 * Limits: open connections, header size, time for headers and for a whole request. Beyond the
 * connections Node closes new ones at once; everything else is answered.
 *
 * Draining: the port is closed, what is under way is finished, and a request that still comes on an
 * open connection is answered 503 SHUTTING_DOWN with `Connection: close`.
 */
import http, { type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../io/clock.js';
import { MillraceError } from '../../util/errors.js';
import { answerError } from './answer.js';
import { targetOf } from './request.js';

/** Takes a request if it is its own; answers whether. */
export interface Handler {
  handle(request: IncomingMessage, response: ServerResponse): boolean;
}

/** What the server needs. */
export interface ServerOptions {
  /** Asked in this order. */
  readonly handlers: readonly Handler[];
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly connectionsMax: number;
  readonly requestTimeoutMs: number;
  readonly clock: Clock;
  /** Told of errors that are bugs. */
  readonly onError: (error: unknown) => void;
}

/** Time for the headers of a request. */
const HEADERS_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_MS = 65_000;
/** Click links carry consent strings and whole addresses in their query. */
const HEADER_BYTES_MAX = 32 * 1024;

/** A server that listens. */
export interface HttpServer {
  readonly port: number;
  readonly host: string;
  /** Requests under way. */
  readonly active: number;
  /** Open connections. */
  connections(): Promise<number>;
  /** Ends as said above; what is not done after `drainMs` is cut off. */
  drain(drainMs: number): Promise<void>;
}

/** Listens. Throws PORT_IN_USE. */
export async function listen(options: ServerOptions): Promise<HttpServer> {
  const state = { draining: false, active: 0, onIdle: () => undefined as void };
  const server = http.createServer({
    requestTimeout: options.requestTimeoutMs,
    headersTimeout: Math.min(HEADERS_TIMEOUT_MS, options.requestTimeoutMs),
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxHeaderSize: HEADER_BYTES_MAX,
    connectionsCheckingInterval: 1000,
    noDelay: true,
  });
  server.maxConnections = options.connectionsMax;
  server.on('request', (request, response) => {
    state.active += 1;
    response.once('close', () => {
      state.active -= 1;
      if (state.active === 0) state.onIdle();
    });
    if (state.draining) refuse(request, response);
    else dispatch(options, request, response);
  });
  server.on('clientError', onClientError);
  await bind(server, options);
  return {
    port: (server.address() as AddressInfo).port,
    host: options.host,
    get active() {
      return state.active;
    },
    connections: () => new Promise((resolve) => server.getConnections((_, count) => resolve(count ?? 0))),
    drain: (drainMs) => drain(server, state, options.clock, drainMs),
  };
}

function dispatch(options: ServerOptions, request: IncomingMessage, response: ServerResponse): void {
  try {
    for (const handler of options.handlers) if (handler.handle(request, response)) return;
    const { path } = targetOf(request);
    answerError(request, response, new MillraceError('NOT_FOUND', `there is nothing at '${path}'`, { place: path }));
  } catch (error) {
    options.onError(error);
    answerError(request, response, error);
  }
}

function refuse(request: IncomingMessage, response: ServerResponse): void {
  response.setHeader('connection', 'close');
  answerError(
    request,
    response,
    new MillraceError('SHUTTING_DOWN', 'this server is going down; send again to the next one'),
  );
}

/** Answers bytes that are not HTTP, or too many of them, the way everything else is answered. */
function onClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy();
  const [status, code, message] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? [
          '431 Request Header Fields Too Large',
          'BODY_TOO_LARGE',
          `the headers are larger than ${HEADER_BYTES_MAX} bytes`,
        ]
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? ['408 Request Timeout', 'BODY_MALFORMED', 'the request did not arrive in time']
        : ['400 Bad Request', 'BODY_MALFORMED', 'this is not HTTP'];
  const body = JSON.stringify({ error: { code, message, place: null } });
  socket.end(
    `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}

function bind(server: Server, { host, port }: ServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EADDRINUSE') return reject(error);
      reject(
        new MillraceError('PORT_IN_USE', `another program listens at ${host}:${port}; choose another with --port`, {
          place: `${host}:${port}`,
          cause: error,
        }),
      );
    });
    server.listen({ host, port, backlog: 1024 }, () => resolve());
  });
}

async function drain(
  server: Server,
  state: { draining: boolean; active: number; onIdle: () => void },
  clock: Clock,
  drainMs: number,
): Promise<void> {
  state.draining = true;
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const cancel = clock.after(drainMs, () => server.closeAllConnections());
  // Connections that a client keeps open are ended once nothing is under way on any of them.
  state.onIdle = () => server.closeIdleConnections();
  if (state.active === 0) server.closeIdleConnections();
  await closed;
  cancel();
}
