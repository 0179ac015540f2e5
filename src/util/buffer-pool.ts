/**
 * Large buffers that are used again instead of being left to the garbage collector.
 *
 * Purpose. Memory outside the heap counts as pressure on it: a server that allocates a buffer for
 * every body makes the collector mark the whole heap several times a second. What passes through
 * here is allocated once.
 *
 * Limits: buffers of 64 KiB to 4 MiB by powers of two, `BYTES_MAX` bytes kept. What is smaller,
 * larger or beyond that is allocated and collected as usual.
 *
 * Invariant: whoever gives a buffer back holds no view of it that will be read. One that is never
 * given back is collected; nothing is lost but the saving.
 */

const SMALLEST_BITS = 16;
const LARGEST_BITS = 22;
/** Most bytes kept for later. */
const BYTES_MAX = 32 * 1024 * 1024;

/** A pool for one thread. */
export class BufferPool {
  readonly #free: ArrayBuffer[][] = Array.from({ length: LARGEST_BITS + 1 }, () => []);
  #bytes = 0;

  /** Bytes kept for later. */
  get bytes(): number {
    return this.#bytes;
  }

  /** A buffer of at least `length` bytes; what is in it is of no meaning. */
  take(length: number): ArrayBuffer {
    const bits = bitsOf(length);
    if (bits < SMALLEST_BITS || bits > LARGEST_BITS) return new ArrayBuffer(length);
    const kept = this.#free[bits]!.pop();
    if (kept === undefined) return new ArrayBuffer(2 ** bits);
    this.#bytes -= kept.byteLength;
    return kept;
  }

  /** Gives a buffer from `take` back. */
  give(buffer: ArrayBuffer): void {
    const bits = bitsOf(buffer.byteLength);
    if (bits < SMALLEST_BITS || bits > LARGEST_BITS || 2 ** bits !== buffer.byteLength) return;
    if (this.#bytes + buffer.byteLength > BYTES_MAX) return;
    this.#bytes += buffer.byteLength;
    this.#free[bits]!.push(buffer);
  }
}

function bitsOf(length: number): number {
  return length <= 1 ? 0 : 32 - Math.clz32(length - 1);
}
