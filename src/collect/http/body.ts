/**
 * Reads a request's body within bounds, unpacked.
 *
 * Limits: `bodyBytesMax` of what arrives and of what it unpacks to, so that a small gzip can't
 * become a large memory; `Budget` bounds all bodies being worked on together.
 */
import type { IncomingMessage } from 'node:http';
import { gunzip } from 'node:zlib';
import { BufferPool } from '../../util/buffer-pool.js';
import { MillraceError } from '../../util/errors.js';

const pool = new BufferPool();

/** Bytes that all requests under way may hold together. */
export class Budget {
  readonly #bytesMax: number;
  #used = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Bytes in use. */
  get used(): number {
    return this.#used;
  }

  /** Takes `bytes`; throws RATE_LIMITED when there are not so many. */
  take(bytes: number): void {
    if (this.#used + bytes > this.#bytesMax)
      throw new MillraceError(
        'RATE_LIMITED',
        `requests under way hold ${this.#used} of ${this.#bytesMax} bytes; send again later`,
      );
    this.#used += bytes;
  }

  /** Gives `bytes` back. */
  give(bytes: number): void {
    this.#used -= bytes;
  }
}

/** A body, and what gives its bytes back to the budget. */
export interface Body {
  readonly bytes: Uint8Array;
  /** Call once, when nobody reads `bytes` any more: they may be another request's the moment after. */
  release(): void;
}

/** Reads and unpacks. Throws BODY_TOO_LARGE, BODY_MALFORMED, ENCODING_UNSUPPORTED or RATE_LIMITED. */
export async function readBody(request: IncomingMessage, bodyBytesMax: number, budget: Budget): Promise<Body> {
  const encoding = request.headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  if (encoding !== 'identity' && encoding !== 'gzip' && encoding !== 'x-gzip')
    throw new MillraceError('ENCODING_UNSUPPORTED', `'${encoding}' is not understood; expected gzip or none`, {
      place: 'header Content-Encoding',
    });
  const declared = Number(request.headers['content-length'] ?? NaN);
  if (declared > bodyBytesMax) throw tooLarge(bodyBytesMax);
  let held = 0;
  const take = (bytes: number): void => {
    budget.take(bytes);
    held += bytes;
  };
  try {
    // What is declared is taken at once: no request is stopped half-way for want of memory.
    if (declared > 0) take(declared);
    const received =
      declared > 0 ? await receiveDeclared(request, declared) : await receive(request, bodyBytesMax, take);
    if (encoding === 'identity') {
      const total = held;
      return {
        bytes: received.bytes,
        release() {
          budget.give(total);
          received.release();
        },
      };
    }
    const bytes = await unpack(received.bytes, bodyBytesMax);
    // What came is needed no more, and with what it holds it might not fit.
    received.release();
    budget.give(held);
    held = 0;
    take(bytes.length);
    return { bytes, release: () => budget.give(bytes.length) };
  } catch (error) {
    budget.give(held);
    throw error;
  }
}

interface Received {
  readonly bytes: Uint8Array;
  release(): void;
}

/** A body whose length is known goes into a buffer of the pool, chunk by chunk. Node's parser keeps to the length. */
async function receiveDeclared(request: IncomingMessage, length: number): Promise<Received> {
  const buffer = pool.take(length);
  const bytes = new Uint8Array(buffer, 0, length);
  let end = 0;
  try {
    await eachChunk(request, (chunk) => {
      bytes.set(chunk, end);
      end += chunk.length;
    });
  } catch (error) {
    pool.give(buffer);
    throw error;
  }
  return { bytes, release: () => pool.give(buffer) };
}

async function receive(request: IncomingMessage, bytesMax: number, take: (bytes: number) => void): Promise<Received> {
  const chunks: Buffer[] = [];
  let length = 0;
  await eachChunk(request, (chunk) => {
    length += chunk.length;
    if (length > bytesMax) throw tooLarge(bytesMax);
    take(chunk.length);
    chunks.push(chunk);
  });
  return { bytes: chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, length), release: () => undefined };
}

/** Resolves at the body's end; rejects with what `take` throws, and takes no more then. */
function eachChunk(request: IncomingMessage, take: (chunk: Buffer) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => {
      request.off('data', onData);
      reject(error as Error);
    };
    const onData = (chunk: Buffer): void => {
      try {
        take(chunk);
      } catch (error) {
        fail(error);
      }
    };
    request.on('data', onData);
    request.on('end', () => resolve());
    const onCut = (): void => {
      if (!request.complete)
        fail(new MillraceError('BODY_MALFORMED', 'the connection ended before the body did', { place: 'body' }));
    };
    request.on('error', onCut);
    request.on('close', onCut);
  });
}

function unpack(raw: Uint8Array, bytesMax: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    gunzip(raw, { maxOutputLength: bytesMax }, (error, bytes) => {
      if (error === null) resolve(bytes);
      else if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') reject(tooLarge(bytesMax));
      else
        reject(
          new MillraceError('BODY_MALFORMED', `the body is not valid gzip: ${error.message}`, {
            place: 'body',
            cause: error,
          }),
        );
    });
  });
}

function tooLarge(bytesMax: number): MillraceError {
  return new MillraceError('BODY_TOO_LARGE', `the body is larger than ${bytesMax} bytes; send it in parts`, {
    place: 'body',
  });
}
