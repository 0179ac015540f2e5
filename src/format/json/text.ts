/**
 * Text into JSON strings, as bytes: four at a time while nothing has to change, byte by byte from
 * the first word on that holds a quote, a backslash, a control character or a byte beyond ASCII.
 *
 * All functions write at `view[at]`, answer where they ended, and may write up to 8 bytes behind
 * that: the caller keeps 6 times the text and 8 bytes of room. U+2028 and U+2029 stay as they are.
 */

const decoder = new TextDecoder();
const encoder = new TextEncoder();

const HIGH_BITS = 0x80808080 | 0;
const ONES = 0x01010101;
const QUOTES = 0x22222222;
const BACKSLASHES = 0x5c5c5c5c;
const SPACES = 0x20202020;

/** Bytes that one byte of text may become: `\u0000`. */
export const ESCAPED_BYTES_MAX = 6;

/** The letter behind the backslash by byte; 0 where there is none of its own. */
const SHORT = new Uint8Array(128);
for (const [byte, letter] of [...'\b\t\n\f\r"\\'].map((char, i) => [char.charCodeAt(0), 'btnfr"\\'.charCodeAt(i)]))
  SHORT[byte!] = letter!;

const HEX = '0123456789abcdef';

/** Copies `source[from .. to]`. Both may be read and written up to 7 bytes behind the end. */
export function putBytes(view: DataView, at: number, source: DataView, from: number, to: number): number {
  let position = at;
  for (let i = from; i < to; i += 8, position += 8) {
    view.setInt32(position, source.getInt32(i, true), true);
    view.setInt32(position + 4, source.getInt32(i + 4, true), true);
  }
  return at + (to - from);
}

/** The inside of a JSON string for the UTF-8 text `source[from .. to]`; decodes what `TextDecoder` would. */
export function putText(view: DataView, at: number, source: DataView, from: number, to: number): number {
  const last = to - 4;
  if (last < from) return putEscaped(view, at, source, from, to, from, at);
  for (let i = from; ;) {
    const word = source.getInt32(i, true);
    const quotes = word ^ QUOTES;
    const backslashes = word ^ BACKSLASHES;
    const odd =
      word |
      (((word - SPACES) | 0) & ~word) |
      (((quotes - ONES) | 0) & ~quotes) |
      (((backslashes - ONES) | 0) & ~backslashes);
    if ((odd & HIGH_BITS) !== 0) return putEscaped(view, at + (i - from), source, i, to, from, at);
    view.setInt32(at + (i - from), word, true);
    if (i === last) return at + (to - from);
    // The last word overlaps the one before, so that there is no rest.
    i = i + 4 < last ? i + 4 : last;
  }
}

/** As `putText`, from `from` on; the whole text starts at `start` and was written from `startAt`. */
function putEscaped(
  view: DataView,
  at: number,
  source: DataView,
  from: number,
  to: number,
  start: number,
  startAt: number,
): number {
  for (let i = from; i < to;) {
    const byte = source.getUint8(i);
    if (byte >= 0x80) {
      const length = sequenceLength(source, i, to);
      if (length === 0 || (i === start && isMark(source, i, to)))
        return putString(view, startAt, JSON.stringify(decoded(source, start, to)).slice(1, -1));
      for (const end = i + length; i < end; i++) view.setUint8(at++, source.getUint8(i));
    } else {
      at = putAscii(view, at, byte);
      i++;
    }
  }
  return at;
}

function putAscii(view: DataView, at: number, byte: number): number {
  if (byte >= 0x20 && byte !== 0x22 && byte !== 0x5c) {
    view.setUint8(at, byte);
    return at + 1;
  }
  const letter = SHORT[byte]!;
  if (letter !== 0) {
    view.setUint16(at, 0x5c | (letter << 8), true);
    return at + 2;
  }
  view.setUint32(at, 0x3030755c, true);
  view.setUint8(at + 4, HEX.charCodeAt(byte >> 4));
  view.setUint8(at + 5, HEX.charCodeAt(byte & 15));
  return at + 6;
}

/**
 * The JSON text `source[from .. to]` as a value on one line: line breaks, which can only stand
 * between tokens, become spaces, and bytes that are no UTF-8 what `TextDecoder` makes of them.
 */
export function putJson(view: DataView, at: number, source: DataView, from: number, to: number): number {
  const last = to - 4;
  if (last < from) return putLine(view, at, source, from, to, from, at);
  for (let i = from; ;) {
    const word = source.getInt32(i, true);
    if (((word | (((word - SPACES) | 0) & ~word)) & HIGH_BITS) !== 0)
      return putLine(view, at + (i - from), source, i, to, from, at);
    view.setInt32(at + (i - from), word, true);
    if (i === last) return at + (to - from);
    i = i + 4 < last ? i + 4 : last;
  }
}

function putLine(
  view: DataView,
  at: number,
  source: DataView,
  from: number,
  to: number,
  start: number,
  startAt: number,
): number {
  for (let i = from; i < to;) {
    const byte = source.getUint8(i);
    if (byte >= 0x80) {
      const length = sequenceLength(source, i, to);
      if (length === 0 || (i === start && isMark(source, i, to)))
        return putString(view, startAt, decoded(source, start, to).replace(/[\n\r]/g, ' '));
      for (const end = i + length; i < end; i++) view.setUint8(at++, source.getUint8(i));
    } else {
      view.setUint8(at++, byte < 0x20 ? 0x20 : byte);
      i++;
    }
  }
  return at;
}

/** Bytes of the UTF-8 sequence at `i`, 2 to 4; 0 when it is none (the table of RFC 3629). */
function sequenceLength(source: DataView, i: number, to: number): number {
  const first = source.getUint8(i);
  const length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (first < 0xc2 || first > 0xf4 || i + length > to) return 0;
  const second = source.getUint8(i + 1);
  const least = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const most = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  if (second < least || second > most) return 0;
  for (let k = 2; k < length; k++) if ((source.getUint8(i + k) & 0xc0) !== 0x80) return 0;
  return length;
}

/** Whether a byte order mark is at `i`, which `TextDecoder` leaves out. */
function isMark(source: DataView, i: number, to: number): boolean {
  return (
    i + 3 <= to && source.getUint8(i) === 0xef && source.getUint8(i + 1) === 0xbb && source.getUint8(i + 2) === 0xbf
  );
}

function decoded(source: DataView, from: number, to: number): string {
  return decoder.decode(new Uint8Array(source.buffer, source.byteOffset + from, to - from));
}

/** A string as UTF-8. */
export function putString(view: DataView, at: number, text: string): number {
  const room = new Uint8Array(view.buffer, view.byteOffset + at, view.byteLength - at);
  return at + encoder.encodeInto(text, room).written;
}
