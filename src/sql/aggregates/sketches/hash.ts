/**
 * What a sketch keeps of a value: one word, `index << 6 | rank`, of two 32-bit hashes. The index is
 * the upper 25 bits of the first, the rank the second's leading zeros + 1 (1 to 33). Stable for
 * ever: sketches outlive the process.
 *
 * Bytes: two multiplying lanes over words of four bytes and what is left, then murmur3's final mix
 * with each lane stirred into the other. Integers: the same mix over their low and high word.
 */

function mix(hash: number): number {
  let h = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** The word of `source[start .. end]`. */
export function wordOfBytes(source: Uint8Array, start: number, end: number): number {
  let a = 0x811c9dc5;
  let b = 0x2f0b4c47;
  let i = start;
  for (; i + 4 <= end; i += 4) {
    const word = source[i]! | (source[i + 1]! << 8) | (source[i + 2]! << 16) | (source[i + 3]! << 24);
    a = Math.imul(a ^ word, 0x85ebca6b);
    a ^= a >>> 15;
    b = Math.imul(((b << 13) | (b >>> 19)) + word, 0x9e3779b1);
  }
  let rest = 0;
  for (; i < end; i++) rest = (rest << 8) | source[i]!;
  a = Math.imul(a ^ rest, 0xc2b2ae35);
  b = Math.imul(((b << 13) | (b >>> 19)) + rest, 0x27d4eb2f);
  return finish(a ^ (a >>> 15), b ^ (end - start));
}

/** The word of four words (zero those that a value does not have). */
export function wordOfWords(w0: number, w1: number, w2: number, w3: number): number {
  let a = Math.imul(w0 ^ 0x811c9dc5, 0x85ebca6b);
  a = Math.imul((a ^ (a >>> 15)) + w1, 0xc2b2ae35);
  a = Math.imul((a ^ (a >>> 14)) + w2, 0x9e3779b1);
  a = Math.imul((a ^ (a >>> 15)) + w3, 0x27d4eb2f);
  let b = Math.imul(w3 ^ 0x2f0b4c47, 0x165667b1);
  b = Math.imul((b ^ (b >>> 15)) + w2, 0x9e3779b1);
  b = Math.imul((b ^ (b >>> 14)) + w1, 0x85ebca6b);
  b = Math.imul((b ^ (b >>> 15)) + w0, 0xc2b2ae35);
  return finish(a, b);
}

function finish(a: number, b: number): number {
  const x = mix(a ^ Math.imul(b, 0x85ebca6b));
  const y = mix(b ^ Math.imul(x, 0x9e3779b1) ^ 0x5bd1e995);
  return ((x >>> 7) << 6) | (Math.clz32(y) + 1);
}
