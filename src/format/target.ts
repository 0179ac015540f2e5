import { MillraceError } from '../util/errors.js';

/** Where lines are written: a buffer that grows, given away when it is full of them. */
export class LineTarget {
  view!: DataView<ArrayBuffer>;
  #bytes!: Uint8Array<ArrayBuffer>;
  readonly #bytesMax: number;

  /** At most `bytesMax` bytes; what is beyond throws BATCH_TOO_LARGE. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Starts over in a new buffer of `capacity` bytes. */
  start(capacity: number): void {
    // Not zeroed: every byte that is given away has been written.
    const { buffer, byteOffset } = Buffer.allocUnsafeSlow(capacity);
    this.#bytes = new Uint8Array(buffer as ArrayBuffer, byteOffset, capacity);
    this.view = new DataView(buffer as ArrayBuffer, byteOffset, capacity);
  }

  /** As `grow`, where there is not room already. */
  reserve(used: number, bytes: number): void {
    if (used + bytes > this.view.byteLength) this.grow(used, bytes);
  }

  /** Room for `bytes` more behind the first `used`; `view` is another one afterwards. */
  grow(used: number, bytes: number): void {
    if (used > this.#bytesMax)
      throw new MillraceError('BATCH_TOO_LARGE', `the rows are more than ${this.#bytesMax} bytes; take fewer at once`);
    const before = this.#bytes;
    this.start(Math.max(used + bytes, before.length * 2));
    this.#bytes.set(before.subarray(0, used));
  }

  /** The first `length` bytes; they belong to the caller from now on. */
  take(length: number): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, length);
  }
}
