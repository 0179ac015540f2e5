/** An HTTP server whose answers a test scripts. */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';

/** A request as it came, its body decompressed. */
export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Answers one request. */
export type Script = (request: Received, response: ServerResponse, raw: IncomingMessage) => void;

/** A running server. */
export interface Receiver {
  readonly url: string;
  readonly seen: Received[];
  /** What it answers from now on; at first 204. */
  answer: Script;
  close(): Promise<void>;
}

/** Starts a server at a free port of this machine. */
export async function startReceiver(): Promise<Receiver> {
  const seen: Received[] = [];
  const server = createServer((raw, response) => {
    const chunks: Buffer[] = [];
    raw.on('data', (chunk: Buffer) => chunks.push(chunk));
    raw.on('end', () => {
      const bytes = Buffer.concat(chunks);
      const body = raw.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes;
      const request = { method: raw.method!, path: raw.url!, headers: raw.headers, body };
      seen.push(request);
      receiver.answer(request, response, raw);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const receiver: Receiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    answer: (_request, response) => void response.writeHead(204).end(),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return receiver;
}
