/** Hashes of keys and rows, for tables of our own: a `Map` of a million texts costs three times as much as an array of them. */
import { randomInt } from 'node:crypto';
import type { Key } from './state-table.js';

/**
 * Nobody outside can know it, so nobody can send texts that all collide. Hashes are never kept nor seen:
 * results do not depend on it.
 */
export const HASH_SEED = randomInt(2 ** 31);
const MULTIPLIER = Math.imul(HASH_SEED, 0x9e3779b1) | 1;

const words = new Float64Array(1);
const halves = new Int32Array(words.buffer);

/** Takes a number into a hash; 0 and -0 alike, and all NaN. */
export function hashNumber(hash: number, value: number): number {
  if ((value | 0) === value) return Math.imul(hash ^ (hash >>> 15) ^ value, MULTIPLIER);
  words[0] = value === value ? value : 0.25;
  const low = Math.imul(hash ^ halves[0]!, MULTIPLIER);
  return Math.imul(low ^ (low >>> 15) ^ halves[1]!, MULTIPLIER);
}

/** Takes a text into a hash. */
export function hashText(seed: number, text: string): number {
  let hash = seed;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ (hash >>> 15) ^ text.charCodeAt(i), MULTIPLIER);
  return hash;
}

/** 31 bits of a hash that everything was taken into. */
export function finishHash(hash: number): number {
  const mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (mixed ^ (mixed >>> 13)) & 0x7fffffff;
}

/** A key's hash: 31 bits, different in every process. */
export function hashOf(key: Key): number {
  return finishHash(typeof key === 'number' ? hashNumber(HASH_SEED, key) : hashText(HASH_SEED, key));
}
