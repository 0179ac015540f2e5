/**
 * JSON values that follow each other with blanks, commas, line breaks or nothing between them: NDJSON,
 * an array, or the objects that Firehose writes. Arrays are looked into.
 *
 * Only quotes and brackets are followed, across chunks; the server judges the rest. A value keeps
 * its bytes, but for line breaks between tokens, which become blanks so that it fits one line.
 */
import { checkLength } from './lines.js';

const QUOTE = 34;
const BACKSLASH = 92;

/** Yields one element a value. */
export async function* jsonValues(bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer[]> {
  const splitter = new ValueSplitter();
  for await (const chunk of bytes) {
    const values = splitter.push(chunk);
    if (values.length > 0) yield values;
  }
  const last = splitter.end();
  if (last.length > 0) yield last;
}

class ValueSplitter {
  /** Bytes of the value at hand from earlier chunks. */
  #parts: Buffer[] = [];
  #depth = 0;
  #inString = false;
  #escaped = false;
  /** Where the value at hand starts in this chunk; -1 outside of values. */
  #start = -1;

  push(chunk: Buffer): Buffer[] {
    const values: Buffer[] = [];
    if (this.#parts.length > 0) this.#start = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at]!;
      if (this.#isInBareWord() && endsBareWord(byte)) values.push(this.#take(chunk, at));
      if (this.#start < 0) {
        if (isBetween(byte)) continue;
        this.#start = at;
      }
      if (this.#endsWith(byte)) values.push(this.#take(chunk, at + 1));
    }
    if (this.#start >= 0) this.#parts.push(Buffer.from(chunk.subarray(this.#start)));
    this.#start = -1;
    checkLength(this.#parts.reduce((sum, part) => sum + part.length, 0));
    return values;
  }

  end(): Buffer[] {
    const rest = Buffer.concat(this.#parts);
    return rest.length === 0 ? [] : [flattened(rest)];
  }

  /** A number, a word or garbage outside of everything: only what follows it ends it. */
  #isInBareWord(): boolean {
    return this.#start >= 0 && this.#depth === 0 && !this.#inString;
  }

  /** Takes a byte of the value at hand; answers whether the value ends with it. */
  #endsWith(byte: number): boolean {
    if (this.#inString) {
      if (this.#escaped) this.#escaped = false;
      else if (byte === BACKSLASH) this.#escaped = true;
      else if (byte === QUOTE) this.#inString = false;
      return !this.#inString && this.#depth === 0;
    }
    if (byte === QUOTE) this.#inString = true;
    else if (byte === 123 || byte === 91) this.#depth++;
    else if (byte === 125 || byte === 93) return this.#depth === 0 || --this.#depth === 0;
    return false;
  }

  #take(chunk: Buffer, end: number): Buffer {
    const part = chunk.subarray(this.#start, end);
    const value = this.#parts.length === 0 ? part : Buffer.concat([...this.#parts, part]);
    this.#parts = [];
    this.#start = -1;
    return flattened(value);
  }
}

/** Blanks, commas and the brackets of outer arrays. */
function isBetween(byte: number): boolean {
  return byte <= 32 || byte === 44 || byte === 91 || byte === 93;
}

function endsBareWord(byte: number): boolean {
  return isBetween(byte) || byte === 123 || byte === QUOTE;
}

/** Line breaks can't lie inside valid strings, so each is between tokens. */
function flattened(value: Buffer): Buffer {
  if (!value.includes(10)) return value;
  return Buffer.from(value.map((byte) => (byte === 10 ? 32 : byte)));
}
