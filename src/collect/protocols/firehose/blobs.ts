/**
 * The `Data` of records: base64 in JSON → bytes in one buffer, each decoded straight to its place.
 *
 * ```
 * raw      record | record | record                 offsets
 * framed   record \n record \n record \n            one event a line, for the decoder
 * ```
 * In a framed buffer a line feed within a record becomes a carriage return, which is the same white
 * space to JSON and as wrong within a string; and a record that is blank becomes `null`, which is no
 * event either. So every record is one line, and what was put is what is judged.
 */
import { malformed } from './input.js';

/** Decoded records. `bytes` is valid until its buffer is given back. */
export interface Blobs {
  readonly bytes: Uint8Array;
  /** Record i ends before `offsets[i + 1]`; in a framed buffer the line feed belongs to it. */
  readonly offsets: Uint32Array;
}

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
const BLANK = Buffer.from('null');

/** Bytes that `decodeBlobs` needs at most. */
export function blobBytesMax(texts: readonly string[]): number {
  let length = 0;
  for (const text of texts) length += (text.length >> 2) * 3 + BLANK.length + 1;
  return length;
}

/** Decodes into `target`. Throws BODY_MALFORMED for a text that is not base64. */
export function decodeBlobs(texts: readonly string[], target: Uint8Array, framed: boolean): Blobs {
  const buffer = Buffer.from(target.buffer, target.byteOffset, target.length);
  const offsets = new Uint32Array(texts.length + 1);
  let end = 0;
  texts.forEach((text, index) => {
    const start = end;
    end += decodeOne(text, buffer, start, index);
    if (framed) end = frame(buffer, start, end);
    offsets[index + 1] = end;
  });
  return { bytes: target.subarray(0, end), offsets };
}

/** The decoded length of a base64 text. */
export function blobLength(text: string): number {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  return (text.length >> 2) * 3 - padding;
}

/** Node decodes leniently; what it skips or takes for another letter shows in the length or is looked for. */
function decodeOne(text: string, buffer: Buffer, at: number, index: number): number {
  const written = buffer.write(text, at, 'base64');
  if (text.length % 4 !== 0 || written !== blobLength(text) || text.includes('-') || text.includes('_'))
    throw malformed(`record ${index}: Data is not base64`);
  return written;
}

/** Makes a record one line; answers its end. */
function frame(buffer: Buffer, start: number, end: number): number {
  let to = end;
  if (isBlank(buffer, start, to)) to = start + BLANK.copy(buffer, start);
  if (buffer[to - 1] !== LINE_FEED) buffer[to++] = LINE_FEED;
  for (let at = buffer.indexOf(LINE_FEED, start); at < to - 1; at = buffer.indexOf(LINE_FEED, at + 1))
    buffer[at] = CARRIAGE_RETURN;
  return to;
}

function isBlank(buffer: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const byte = buffer[at]!;
    if (byte !== 32 && byte !== LINE_FEED && byte !== CARRIAGE_RETURN && byte !== 9) return false;
  }
  return true;
}
