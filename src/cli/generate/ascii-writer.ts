/** Writes ASCII text into a buffer that grows; much faster than building strings. */
export class AsciiWriter {
  /** What was written is `buffer[0 .. length]`. */
  buffer: Buffer;
  length = 0;

  constructor(size: number) {
    this.buffer = Buffer.allocUnsafeSlow(size);
  }

  /** Makes room for `count` more bytes. */
  reserve(count: number): void {
    if (this.length + count <= this.buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.buffer.length * 2, this.length + count));
    this.buffer.copy(larger, 0, 0, this.length);
    this.buffer = larger;
  }

  /** Short text; room must be there. */
  text(text: string): void {
    const { buffer } = this;
    let at = this.length;
    for (let i = 0; i < text.length; i++) buffer[at++] = text.charCodeAt(i);
    this.length = at;
  }

  /** Bytes; room must be there. */
  bytes(bytes: Uint8Array): void {
    this.buffer.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** A whole number from 0 up; room must be there. */
  number(value: number): void {
    let power = 1;
    while (value / power >= 10) power *= 10;
    const { buffer } = this;
    let at = this.length;
    for (let rest = value; power >= 1; power /= 10) {
      const digit = Math.floor(rest / power);
      buffer[at++] = 48 + digit;
      rest -= digit * power;
    }
    this.length = at;
  }

  /** `value / 10^digits` with `digits` digits behind the point; room must be there. */
  fixed(value: number, digits: number): void {
    const scale = 10 ** digits;
    this.number(Math.floor(value / scale));
    this.buffer[this.length++] = 46;
    let rest = value % scale;
    for (let i = digits - 1; i >= 0; i--) {
      this.buffer[this.length + i] = 48 + (rest % 10);
      rest = Math.floor(rest / 10);
    }
    this.length += digits;
  }

  /** A version 4 uuid of four random words; room must be there. */
  uuid(a: number, b: number, c: number, d: number): void {
    const { buffer } = this;
    const at = this.length;
    hex(buffer, at, a >>> 16);
    hex(buffer, at + 4, a & 0xffff);
    buffer[at + 8] = 45;
    hex(buffer, at + 9, b >>> 16);
    buffer[at + 13] = 45;
    hex(buffer, at + 14, (b & 0x0fff) | 0x4000);
    buffer[at + 18] = 45;
    hex(buffer, at + 19, ((c >>> 16) & 0x3fff) | 0x8000);
    buffer[at + 23] = 45;
    hex(buffer, at + 24, c & 0xffff);
    hex(buffer, at + 28, d >>> 16);
    hex(buffer, at + 32, d & 0xffff);
    this.length = at + 36;
  }
}

const DIGITS = Buffer.from('0123456789abcdef');

/** Four hex digits. */
function hex(buffer: Buffer, at: number, value: number): void {
  buffer[at] = DIGITS[value >>> 12]!;
  buffer[at + 1] = DIGITS[(value >>> 8) & 15]!;
  buffer[at + 2] = DIGITS[(value >>> 4) & 15]!;
  buffer[at + 3] = DIGITS[value & 15]!;
}
