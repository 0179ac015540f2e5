/**
 * Answers that may be given again.
 *
 * Limits: `bytesMax` of bodies and keys together; the least recently used goes first, and an answer larger than a
 * quarter of it is not kept at all, so that one can't drive out all others.
 */

/** An answer that is kept. */
export interface KeptAnswer {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly contentType: string;
  readonly rows: number;
  readonly truncated: boolean;
  /** What it was read at. */
  readonly revision: string;
  readonly etag: string;
  /** When the query began, ms on the monotonic clock. */
  readonly madeAtMs: number;
}

/** Bytes that an entry costs beside its body and its key. */
const ENTRY_BYTES = 512;

/** Answers by key. */
export class AnswerCache {
  readonly #bytesMax: number;
  /** In the order of their last use. */
  readonly #kept = new Map<string, KeptAnswer>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Answers held, and their bytes. */
  get size(): { readonly answers: number; readonly bytes: number } {
    return { answers: this.#kept.size, bytes: this.#bytes };
  }

  /** The answer of a key; it is the most recently used now. */
  get(key: string): KeptAnswer | undefined {
    const found = this.#kept.get(key);
    if (found === undefined) return undefined;
    this.#kept.delete(key);
    this.#kept.set(key, found);
    return found;
  }

  /** Keeps an answer in place of the key's old one. */
  put(key: string, answer: KeptAnswer): void {
    this.#remove(key);
    const bytes = bytesOf(key, answer);
    if (bytes * 4 > this.#bytesMax) return;
    this.#kept.set(key, answer);
    this.#bytes += bytes;
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes <= this.#bytesMax) return;
      this.#remove(oldest);
    }
  }

  #remove(key: string): void {
    const old = this.#kept.get(key);
    if (old === undefined) return;
    this.#kept.delete(key);
    this.#bytes -= bytesOf(key, old);
  }
}

function bytesOf(key: string, { body, revision }: KeptAnswer): number {
  return body.length + (key.length + revision.length) * 2 + ENTRY_BYTES;
}
