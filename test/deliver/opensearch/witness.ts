import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A way to a server that can keep an answer to itself. */
export interface Witness {
  readonly url: string;
  /** The next bulk answer does not come through: `before` runs when it is there, then the connection ends. */
  loseNext(before: () => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

/** Starts a way to `target`. */
export async function startWitness(target: string): Promise<Witness> {
  let losing: { readonly before: () => Promise<void>; readonly done: () => void } | null = null;
  const forward = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const { method, url, headers } = request;
    const body = parts.length === 0 ? {} : { body: Buffer.concat(parts) };
    const type = { 'content-type': headers['content-type'] ?? 'application/json' };
    const answer = await fetch(`${target}${url}`, { method: method!, headers: type, ...body });
    const text = await answer.text();
    if (losing !== null && url!.startsWith('/_bulk')) {
      const { before, done } = losing;
      losing = null;
      await before();
      request.socket.destroy();
      return done();
    }
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(text);
  };
  const server = createServer((request, response) => {
    // The server is away: so are we.
    forward(request, response).catch(() => request.socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    loseNext: (before) => new Promise((done) => (losing = { before, done })),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
