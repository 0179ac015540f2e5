/**
 * A sketch as a value, `bytea`: what `approx_count_distinct_sketch` gives, and what is merged later.
 *
 *   u8 version (1) · u8 form
 *     form 0: nothing else; no value was seen
 *     form 1: words, u32 LE, strictly rising: `index << 6 | rank` (`hash.ts`); at most 192 of them
 *     form 2: u8 least rank · 1,024 bytes, two registers each (the even one low): rank less the least, at most 15
 *             · for each register that has 15, rising: u8 rank
 *
 * The same state gives the same bytes, so equal sketches are equal values. About four bytes a value up to
 * 192 values, then about 1 KiB. A format once released is read for ever.
 */
import { MillraceError } from '../../../util/errors.js';
import { RANK_MAX, REGISTERS, SPARSE_WORDS_MAX, type SketchContents } from './hyperloglog.js';

const VERSION = 1;
const EMPTY = 0;
const SPARSE = 1;
const DENSE = 2;
const HEAD = 2;
const PACKED = REGISTERS / 2;
/** Stands for a rank that has its own byte behind. */
const ESCAPE = 15;

/** The bytes of a sketch. */
export function sketchBytes(contents: SketchContents): Uint8Array<ArrayBuffer> {
  if ('registers' in contents) return denseBytes(contents.registers);
  const { words } = contents;
  if (words.length === 0) return Uint8Array.of(VERSION, EMPTY);
  const bytes = new Uint8Array(HEAD + words.length * 4);
  bytes[0] = VERSION;
  bytes[1] = SPARSE;
  bytes.set(new Uint8Array(words.buffer, words.byteOffset, words.byteLength), HEAD);
  return bytes;
}

// Plain loops from here on: a flush may hold thousands of sketches, and a query merges as many.

function denseBytes(registers: Uint8Array): Uint8Array<ArrayBuffer> {
  let least = RANK_MAX;
  for (let register = 0; register < REGISTERS; register++) {
    const rank = registers[register]!;
    if (rank < least) least = rank;
  }
  let escapes = 0;
  for (let register = 0; register < REGISTERS; register++) if (registers[register]! - least >= ESCAPE) escapes++;
  const bytes = new Uint8Array(HEAD + 1 + PACKED + escapes);
  bytes[0] = VERSION;
  bytes[1] = DENSE;
  bytes[2] = least;
  let escaped = HEAD + 1 + PACKED;
  for (let at = 0; at < PACKED; at++) {
    let low = registers[at * 2]! - least;
    let high = registers[at * 2 + 1]! - least;
    if (low >= ESCAPE) {
      bytes[escaped++] = low + least;
      low = ESCAPE;
    }
    if (high >= ESCAPE) {
      bytes[escaped++] = high + least;
      high = ESCAPE;
    }
    bytes[HEAD + 1 + at] = low | (high << 4);
  }
  return bytes;
}

/** What the bytes of a sketch hold. Throws SQL_RUNTIME when they are none. */
export function sketchContents(bytes: Uint8Array): SketchContents {
  if (bytes[0] !== VERSION) throw notSketch();
  if (bytes[1] === EMPTY && bytes.length === HEAD) return { words: new Uint32Array(0) };
  if (bytes[1] === SPARSE) return { words: sparseWords(bytes) };
  if (bytes[1] === DENSE) return { registers: denseRegisters(bytes) };
  throw notSketch();
}

function sparseWords(bytes: Uint8Array): Uint32Array {
  const count = (bytes.length - HEAD) / 4;
  if (!Number.isInteger(count) || count < 1 || count > SPARSE_WORDS_MAX) throw notSketch();
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const words = new Uint32Array(count);
  let last = -1;
  for (let i = 0; i < count; i++) {
    const word = view.getUint32(HEAD + i * 4, true);
    const rank = word & 63;
    // One rank an index, as the set has it.
    if (rank < 1 || rank > RANK_MAX || word >>> 31 !== 0 || word >>> 6 <= last) throw notSketch();
    last = word >>> 6;
    words[i] = word;
  }
  return words;
}

function denseRegisters(bytes: Uint8Array): Uint8Array {
  if (bytes.length < HEAD + 1 + PACKED) throw notSketch();
  const least = bytes[HEAD]!;
  const registers = new Uint8Array(REGISTERS);
  let escaped = HEAD + 1 + PACKED;
  let hasLeast = false;
  for (let register = 0; register < REGISTERS; register++) {
    const packed = (bytes[HEAD + 1 + (register >> 1)]! >> ((register & 1) * 4)) & 15;
    let rank = least + packed;
    if (packed === ESCAPE) {
      const own = escaped < bytes.length ? bytes[escaped]! : 0;
      escaped++;
      if (own < rank) throw notSketch();
      rank = own;
    } else if (packed === 0) hasLeast = true;
    if (rank > RANK_MAX) throw notSketch();
    registers[register] = rank;
  }
  if (escaped !== bytes.length || !hasLeast) throw notSketch();
  return registers;
}

function notSketch(): MillraceError {
  return new MillraceError('SQL_RUNTIME', NOT_SKETCH);
}

/** What is said of bytes that are no sketch. */
export const NOT_SKETCH = 'these bytes are no sketch of approx_count_distinct_sketch';
