/**
 * The network between Millrace and a sink: a TCP proxy that can be cut, stalled, or made to answer
 * for an HTTP server that is too busy. Optionally it changes what goes through: how a control takes a
 * guard away that is in the bytes.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';

/** What the network does. */
export type ProxyMode =
  /** Bytes go through. */
  | 'open'
  /** Connections are reset, new ones too. */
  | 'cut'
  /** Connections stay, nothing goes through. */
  | 'stalled'
  /** An HTTP server that answers 429 or 503. */
  | 'busy'
  /** Requests arrive and their answers are lost: the connection is reset when the other end answers. */
  | 'deaf';

/** A proxy. */
export interface Proxy {
  readonly port: number;
  mode: ProxyMode;
  /** Connections that were reset, stalled or answered in its place. */
  readonly disturbed: number;
  close(): Promise<void>;
}

/** How to make one. */
export interface ProxyInput {
  /** Where it leads: a port of this machine. */
  readonly target: () => number;
  /** Changes what a client sends. */
  readonly change?: (bytes: Buffer) => Buffer;
}

const BUSY_BODY = '<Error><Code>SlowDown</Code></Error>';
const BUSY = Buffer.from(
  `HTTP/1.1 503 Slow Down\r\ncontent-type: application/xml\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: ${BUSY_BODY.length}\r\n\r\n${BUSY_BODY}`,
);

/** Starts a proxy on a free port of this machine. */
export async function startProxy({ target, change }: ProxyInput): Promise<Proxy> {
  let mode: ProxyMode = 'open';
  let disturbed = 0;
  const sockets = new Set<Socket>();
  const stalled = new Set<Socket>();
  const server: Server = createServer((client) => {
    sockets.add(client);
    client.on('close', () => sockets.delete(client));
    client.on('error', () => client.destroy());
    if (mode === 'cut') {
      disturbed += 1;
      client.resetAndDestroy();
    } else if (mode === 'busy') {
      disturbed += 1;
      answerBusy(client);
    } else join(client);
  });
  const join = (client: Socket): void => {
    const other = connect(target(), '127.0.0.1');
    sockets.add(other);
    other.on('close', () => {
      sockets.delete(other);
      client.destroy();
    });
    client.on('close', () => other.destroy());
    other.on('error', () => client.resetAndDestroy());
    client.on('data', (bytes: Buffer) => {
      if (!other.write(change === undefined ? bytes : change(bytes))) client.pause();
    });
    other.on('drain', () => client.resume());
    other.on('data', (bytes: Buffer) => {
      if (mode === 'deaf') {
        disturbed += 1;
        client.resetAndDestroy();
        other.destroy();
        return;
      }
      if (!client.write(bytes)) other.pause();
    });
    client.on('drain', () => other.resume());
    if (mode === 'stalled') stall(client, other);
  };
  const stall = (...ends: Socket[]): void => {
    disturbed += 1;
    for (const end of ends) {
      end.pause();
      stalled.add(end);
    }
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as { port: number }).port,
    get mode() {
      return mode;
    },
    set mode(next) {
      mode = next;
      if (next === 'cut' || next === 'busy') {
        disturbed += sockets.size;
        for (const socket of sockets) socket.resetAndDestroy();
      } else if (next === 'stalled') stall(...sockets);
      else for (const socket of stalled) socket.resume();
      if (next !== 'stalled') stalled.clear();
    },
    get disturbed() {
      return disturbed;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Answers once the head of a request is there, as a server in front of a busy one does. */
function answerBusy(client: Socket): void {
  client.once('data', () => {
    client.end(BUSY);
    client.resume();
  });
}
