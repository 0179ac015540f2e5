/**
 * HalfSipHash-1-3 (Aumasson and Bernstein): a hash of bytes under a key.
 *
 * Whoever does not know the key can't find strings that collide, so input can't make a hash table
 * slow. (A secret start value for FNV would not do: whether two strings of one length collide depends
 * on its lowest 8 bits alone.)
 */
import { systemRandom, type Random } from '../io/random.js';

/** A key of 64 bits. */
export interface HashKey {
  readonly low: number;
  readonly high: number;
}

/** Draws a key. */
export function drawHashKey(random: Random): HashKey {
  const view = new DataView(random.fill(new Uint8Array(8)).buffer);
  return { low: view.getInt32(0), high: view.getInt32(4) };
}

/** This thread's key. No format holds a hash, so no other thread or process needs it. */
export const THREAD_HASH_KEY: HashKey = drawHashKey(systemRandom);

/** The hash of `source[start .. end]`, 32 bits, unsigned. */
export function keyedHash({ low, high }: HashKey, source: Uint8Array, start: number, end: number): number {
  let v0 = low;
  let v1 = high;
  let v2 = low ^ 0x6c796765;
  let v3 = high ^ 0x74656462;
  const length = end - start;
  const whole = start + (length & ~3);
  let at = start;
  for (; at < whole; at += 4) {
    const word = source[at]! | (source[at + 1]! << 8) | (source[at + 2]! << 16) | (source[at + 3]! << 24);
    v3 ^= word;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= word;
  }
  let word = length << 24;
  if (at < end) word |= source[at]!;
  if (at + 1 < end) word |= source[at + 1]! << 8;
  if (at + 2 < end) word |= source[at + 2]! << 16;
  v3 ^= word;
  for (let round = 0; round < 4; round++) {
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    if (round > 0) continue;
    v0 ^= word;
    v2 ^= 0xff;
  }
  return (v1 ^ v3) >>> 0;
}
