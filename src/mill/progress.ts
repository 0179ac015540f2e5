/**
 * How far a view is complete, told from the mill's thread to the store's while nothing is committed:
 * without events there is nothing to commit, and time goes on all the same.
 *
 *   one i64: ms since 1970, or the smallest number while it is not known
 *
 * What is told holds for what is committed at that moment: whoever then sees the ends of the changes stream
 * and has taken in everything below them has the final rows of all windows that end by then.
 */

const UNKNOWN = -(2n ** 63n);

/** Memory for one view's progress. */
export function newProgress(): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(8);
  new BigInt64Array(buffer)[0] = UNKNOWN;
  return buffer;
}

/** Tells and reads it. */
export class Progress {
  readonly #cell: BigInt64Array;

  constructor(buffer: SharedArrayBuffer) {
    this.#cell = new BigInt64Array(buffer);
  }

  /** Windows that end at or before this are final unless corrected, ms; never goes back. */
  tell(ms: number): void {
    if (!Number.isFinite(ms)) return;
    const value = BigInt(Math.floor(ms));
    if (value > Atomics.load(this.#cell, 0)) Atomics.store(this.#cell, 0, value);
  }

  /** What was told last; null: nothing. */
  read(): number | null {
    const value = Atomics.load(this.#cell, 0);
    return value === UNKNOWN ? null : Number(value);
  }
}
