/**
 * Growing buffer and its reader, for partial aggregates and snapshots.
 *
 * Integers are LEB128: seven bits a byte, least first, high bit on all but the last. Signed ones
 * are zigzag. Everything else is little-endian.
 */

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const floats = new Float64Array(1);
const floatBytes = new Uint8Array(floats.buffer);

/** Appends values to a buffer that grows. */
export class ByteWriter {
  bytes: Uint8Array<ArrayBuffer>;
  length = 0;

  constructor(size = 256) {
    this.bytes = new Uint8Array(size);
  }

  /** Makes room for `size` more bytes. */
  reserve(size: number): void {
    const need = this.length + size;
    if (need <= this.bytes.length) return;
    const larger = new Uint8Array(Math.max(need, this.bytes.length * 2));
    larger.set(this.bytes.subarray(0, this.length));
    this.bytes = larger;
  }

  byte(value: number): void {
    this.reserve(1);
    this.bytes[this.length++] = value;
  }

  /** An integer of 0 to 2^53 - 1. */
  unsigned(value: number): void {
    this.reserve(8);
    let rest = value;
    while (rest >= 128) {
      this.bytes[this.length++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    this.bytes[this.length++] = rest;
  }

  /** An integer of any size and sign; as a number of up to 2^51. */
  integer(value: bigint | number): void {
    if (typeof value === 'number') return this.unsigned(value >= 0 ? value * 2 : -value * 2 - 1);
    let rest = value >= 0n ? value << 1n : (-value << 1n) - 1n;
    while (rest >= 128n) {
      this.byte(Number(rest & 127n) | 128);
      rest >>= 7n;
    }
    this.byte(Number(rest));
  }

  double(value: number): void {
    floats[0] = value;
    this.raw(floatBytes);
  }

  /** Bytes alone. */
  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** Length, then bytes. */
  block(bytes: Uint8Array): void {
    this.unsigned(bytes.length);
    this.raw(bytes);
  }

  text(value: string): void {
    this.block(encoder.encode(value));
  }

  /** The memory of a typed array's first `count` entries. */
  array(source: NumberArray, count: number): void {
    const width = source.BYTES_PER_ELEMENT;
    this.block(new Uint8Array(source.buffer, source.byteOffset, count * width));
  }

  /** What was written: a view, valid until the next write. */
  view(): Uint8Array<ArrayBuffer> {
    return this.bytes.subarray(0, this.length);
  }

  /** What was written, in a buffer of its own. */
  copy(): Uint8Array<ArrayBuffer> {
    return this.bytes.slice(0, this.length);
  }
}

/** The typed arrays that state is made of. */
export type NumberArray = Float64Array | Int32Array | Uint32Array | Uint8Array | Uint16Array;

/** Reads what a `ByteWriter` wrote; a read past the end throws a RangeError. */
export class ByteReader {
  readonly bytes: Uint8Array;
  position: number;
  readonly end: number;

  constructor(bytes: Uint8Array, position = 0, end = bytes.length) {
    // A Buffer's `slice` does not copy; a Uint8Array's does.
    this.bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
    this.position = position;
    this.end = end;
  }

  byte(): number {
    if (this.position >= this.end) throw new RangeError('the record ends too early');
    return this.bytes[this.position++]!;
  }

  unsigned(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.byte();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  }

  integer(): bigint {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) break;
    }
    return (value & 1n) === 0n ? value >> 1n : -((value + 1n) >> 1n);
  }

  double(): number {
    floatBytes.set(this.raw(8));
    return floats[0]!;
  }

  raw(length: number): Uint8Array {
    const from = this.position;
    if (from + length > this.end) throw new RangeError('the record ends too early');
    this.position = from + length;
    return this.bytes.subarray(from, from + length);
  }

  block(): Uint8Array {
    return this.raw(this.unsigned());
  }

  text(): string {
    return decoder.decode(this.block());
  }

  /** Fills `target` from its start with what `array` wrote; answers the entry count. */
  array(target: NumberArray): number {
    const source = this.block();
    new Uint8Array(target.buffer, target.byteOffset, target.byteLength).set(source);
    return source.length / target.BYTES_PER_ELEMENT;
  }

  /** Entries of the array that comes next, without moving. */
  arrayCount(width: number): number {
    const from = this.position;
    const count = this.unsigned() / width;
    this.position = from;
    return count;
  }
}
