/**
 * One COPY … FROM STDIN of a body that is there as a whole, as a query of the package `pg`.
 *
 * The body goes over in pieces, as fast as the socket takes them, and no further once the server has
 * said that it fails: whatever comes late (a socket that drains, an end) finds it ended and does nothing.
 * So the session is fit for its next statement, and what is left of a refused body is not sent.
 */
import type { Connection, Submittable } from 'pg';

/** Bytes of one message. */
const PIECE_BYTES = 256 * 1024;
const COPY_DATA = 0x64;
const COPY_DONE = Buffer.from([0x63, 0, 0, 0, 4]);

/** For `client.query`; which then calls the methods. */
export class CopyIn implements Submittable {
  /** Resolves, when the session is ready again, to how many rows the server took. Rejects as a statement does. */
  readonly done: Promise<number>;
  readonly #text: string;
  readonly #body: Uint8Array;
  #settle!: { readonly resolve: (rows: number) => void; readonly reject: (error: unknown) => void };
  #rows = 0;
  #isEnded = false;

  constructor(text: string, body: Uint8Array) {
    this.#text = text;
    this.#body = body;
    this.done = new Promise((resolve, reject) => (this.#settle = { resolve, reject }));
  }

  submit(connection: Connection): void {
    connection.query(this.#text);
  }

  handleCopyInResponse({ stream }: Connection): void {
    let at = 0;
    const send = (): void => {
      while (!this.#isEnded && at < this.#body.length) {
        const piece = this.#body.subarray(at, (at += PIECE_BYTES));
        const head = Buffer.of(COPY_DATA, 0, 0, 0, 0);
        head.writeUInt32BE(piece.length + 4, 1);
        stream.cork();
        stream.write(head);
        const hasRoom = stream.write(piece);
        stream.uncork();
        if (!hasRoom) return void stream.once('drain', send);
      }
      if (!this.#isEnded) stream.write(COPY_DONE);
    };
    send();
  }

  handleCommandComplete({ text }: { readonly text: string }): void {
    this.#rows = Number(text.replace('COPY ', ''));
  }

  handleReadyForQuery(): void {
    this.#isEnded = true;
    this.#settle.resolve(this.#rows);
  }

  handleError(error: unknown): void {
    this.#isEnded = true;
    this.#settle.reject(error);
  }
}
