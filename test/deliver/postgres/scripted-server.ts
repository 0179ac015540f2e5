/** The other end of a session in PostgreSQL's protocol, as a test scripts it: for moments that a real server has by chance. */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';

/** What a client said: the message's letter, and its text where it is a statement. */
export interface Said {
  readonly letter: string;
  readonly text: string;
}

/** One session. */
export interface Session {
  readonly socket: Socket;
  /** Sends a message. */
  say(letter: string, ...fields: readonly (string | Uint8Array)[]): void;
  /** Ends a statement: what it did, and that the session is ready. */
  complete(tag: string): void;
  /** The server's error, as fields by letter. */
  fail(fields: Readonly<Record<string, string>>): void;
}

/** A server on this machine that lets everyone in and leaves the rest to `answer`. */
export interface ScriptedServer {
  readonly url: string;
  /** Sessions that came. */
  readonly sessions: readonly Session[];
  close(): Promise<void>;
}

/** Starts one. */
export async function startScripted(answer: (session: Session, said: Said) => void): Promise<ScriptedServer> {
  const sessions: Session[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    const session = sessionOn(socket);
    sessions.push(session);
    let held: Buffer = Buffer.alloc(0);
    let isIn = false;
    socket.on('data', (data) => {
      held = Buffer.concat([held, data]);
      // The first message has no letter.
      for (let head = isIn ? 1 : 0; held.length >= head + 4; head = 1) {
        const end = head + held.readUInt32BE(head);
        if (held.length < end) return;
        const said = { letter: String.fromCodePoint(held[0]!), text: held.toString('latin1', head + 4, end - 1) };
        held = held.subarray(end);
        if (isIn) answer(session, said);
        else session.say('R', int32(0));
        if (!isIn) session.say('Z', 'I');
        isIn = true;
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `postgres://me:secret@127.0.0.1:${(server.address() as AddressInfo).port}/db`,
    sessions,
    async close() {
      for (const { socket } of sessions) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function sessionOn(socket: Socket): Session {
  const session: Session = {
    socket,
    say(letter, ...fields) {
      const body = Buffer.concat(fields.map((field) => Buffer.from(field)));
      socket.write(Buffer.concat([Buffer.from(letter), int32(body.length + 4), body]));
    },
    complete(tag) {
      session.say('C', `${tag}\0`);
      session.say('Z', 'I');
    },
    fail(fields) {
      session.say('E', ...Object.entries(fields).map(([letter, text]) => `${letter}${text}\0`), '\0');
      session.say('Z', 'E');
    },
  };
  return session;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
