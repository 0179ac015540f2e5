/**
 * Text into CSV fields, as bytes: four at a time while nothing could need quotes. A field is quoted
 * when it holds the delimiter, a quote or a line break, and when it is empty: an empty field
 * without quotes is a null. Bytes that are no UTF-8 become what `TextDecoder` makes of them.
 */
import { isUtf8 } from 'node:buffer';

const QUOTE = 0x22;
const HIGH_BITS = 0x80808080 | 0;
const ONES = 0x01010101;
const QUOTES = 0x22222222;
const SPACES = 0x20202020;

/** Bytes that one byte of text may become: U+FFFD, or two quotes. */
export const FIELD_BYTES_FACTOR = 3;

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** The field of `source[from .. to]` at `view[at]`; answers where it ends. Needs 3 times the text and 8 bytes of room. */
export function putField(
  view: DataView,
  at: number,
  source: DataView,
  from: number,
  to: number,
  delimiter: number,
): number {
  const last = to - 4;
  if (last < from) return putOddField(view, at, source, from, to, delimiter);
  const delimiters = Math.imul(delimiter, ONES);
  for (let i = from; ;) {
    const word = source.getInt32(i, true);
    const quotes = word ^ QUOTES;
    const ends = word ^ delimiters;
    const odd =
      word | (((word - SPACES) | 0) & ~word) | (((quotes - ONES) | 0) & ~quotes) | (((ends - ONES) | 0) & ~ends);
    if ((odd & HIGH_BITS) !== 0) return putOddField(view, at, source, from, to, delimiter);
    view.setInt32(at + (i - from), word, true);
    if (i === last) return at + (to - from);
    i = i + 4 < last ? i + 4 : last;
  }
}

function putOddField(
  view: DataView,
  at: number,
  source: DataView,
  from: number,
  to: number,
  delimiter: number,
): number {
  const bytes = cleaned(new Uint8Array(source.buffer, source.byteOffset + from, to - from));
  if (!needsQuotes(bytes, delimiter)) {
    for (let i = 0; i < bytes.length; i++) view.setUint8(at + i, bytes[i]!);
    return at + bytes.length;
  }
  view.setUint8(at++, QUOTE);
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    if (byte === QUOTE) view.setUint8(at++, QUOTE);
    view.setUint8(at++, byte);
  }
  view.setUint8(at, QUOTE);
  return at + 1;
}

function cleaned(bytes: Uint8Array): Uint8Array {
  const isMarked = bytes.length >= 3 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  return !isMarked && isUtf8(bytes) ? bytes : encoder.encode(decoder.decode(bytes));
}

function needsQuotes(bytes: Uint8Array, delimiter: number): boolean {
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    if (byte === QUOTE || byte === delimiter || byte === 0x0a || byte === 0x0d) return true;
  }
  return bytes.length === 0;
}
