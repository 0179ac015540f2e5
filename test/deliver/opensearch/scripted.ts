import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';

/** A request as it came. */
export interface Seen {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** Unpacked. */
  readonly text: string;
}

/** What is answered: an object as JSON; `cut` ends the connection, `hang` never answers. */
export type Scripted =
  | { readonly status: number; readonly body: object | string; readonly headers?: Record<string, string> }
  | 'cut'
  | 'hang';

/** A server that answers what the test says. */
export interface ScriptedServer {
  readonly url: string;
  readonly seen: Seen[];
  /** Who answers from now on. */
  answer: (request: Seen) => Scripted;
  close(): Promise<void>;
}

/** Starts a server that takes all documents. */
export async function startScripted(): Promise<ScriptedServer> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => void handle(request, response));
  const scripted: ScriptedServer = {
    url: '',
    seen,
    answer: (request) => ({ status: 200, body: taken(documentsOf(request).length) }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const raw = Buffer.concat(parts);
    const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw;
    const one = { method: request.method!, path: request.url!, headers: request.headers, text: body.toString() };
    seen.push(one);
    const answer = scripted.answer(one);
    if (answer === 'hang') return;
    if (answer === 'cut') return void request.socket.destroy();
    const text = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body);
    response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers }).end(text);
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(scripted, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}

/** The documents of a bulk request: index, id and body. */
export function documentsOf({
  text,
}: Seen): { readonly index: string; readonly id: string; readonly source: string }[] {
  const lines = text.split('\n').slice(0, -1);
  return Array.from({ length: lines.length / 2 }, (_, i) => {
    const { index } = JSON.parse(lines[i * 2]!) as { index: { _index: string; _id: string } };
    return { index: index._index, id: index._id, source: lines[i * 2 + 1]! };
  });
}

/** The answer that takes `count` documents. */
export function taken(count: number): object {
  return { errors: false, items: Array.from({ length: count }, () => ({ index: { status: 201 } })) };
}

/** An item that says why not. */
export function failed(status: number, type: string, reason = 'because'): object {
  return { index: { status, error: { type, reason } } };
}
