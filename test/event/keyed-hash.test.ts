import { describe, expect, test } from 'vitest';
import { BYTES_MAX, Dictionary, ENTRIES_MAX } from '../../src/event/dictionary.js';
import { drawHashKey, keyedHash, type HashKey } from '../../src/event/keyed-hash.js';
import { SeededRandom } from '../sim/random.js';

const encoder = new TextEncoder();
const bytesOf = (number: number): Uint8Array => encoder.encode(`campaign-${1_000_000 + number}`);
const hash = (key: HashKey, bytes: Uint8Array): number => keyedHash(key, bytes, 0, bytes.length);
const A = drawHashKey(new SeededRandom(1));
const B = drawHashKey(new SeededRandom(2));

/** Pairs of strings whose whole hash is the same under a key: what an attacker who knew it would look for. */
function collisionsOf(key: HashKey): [Uint8Array, Uint8Array][] {
  const seen = new Map<number, number>();
  const pairs: [Uint8Array, Uint8Array][] = [];
  for (let number = 0; number < 500_000; number++) {
    const value = hash(key, bytesOf(number));
    const other = seen.get(value);
    if (other === undefined) seen.set(value, number);
    else pairs.push([bytesOf(other), bytesOf(number)]);
  }
  return pairs;
}

/** How often a dictionary reads the bytes of `second`, when it holds `first`. */
function readsOf(key: HashKey, [first, second]: [Uint8Array, Uint8Array]): number {
  const dictionary = new Dictionary(ENTRIES_MAX, BYTES_MAX, key);
  dictionary.intern(first);
  let reads = 0;
  const counted = new Proxy(second, {
    get(target, name) {
      if (typeof name === 'string' && /^\d+$/.test(name)) reads += 1;
      return Reflect.get(target, name, target) as unknown;
    },
  });
  expect(dictionary.find(counted, 0, second.length)).toBe(-1);
  return reads;
}

describe('the keyed hash', () => {
  test('strings that collide under one key do not under another, in a dictionary either', () => {
    const pairs = collisionsOf(A);
    expect(pairs.length).toBeGreaterThan(5);
    for (const [first, second] of pairs) {
      expect(hash(A, first)).toBe(hash(A, second));
      expect(hash(B, first)).not.toBe(hash(B, second));
      // To hash it reads every byte once; a collision makes it compare as well.
      expect(readsOf(A, [first, second])).toBeGreaterThan(second.length);
      expect(readsOf(B, [first, second])).toBe(second.length);
    }
  });

  test('spreads strings that differ in one place like chance', () => {
    const slots = new Set<number>();
    for (let number = 0; number < 65_536; number++) slots.add(hash(A, bytesOf(number)) & 131_071);
    // 131,072 * (1 - exp(-1/2)), and six times its deviation.
    expect(Math.abs(slots.size - 51_573)).toBeLessThan(6 * 100);
  });

  test('depends on every byte, on the length, and on where the bytes are only by their values', () => {
    const text = encoder.encode('0123456789');
    const hashes = new Set<number>();
    for (let end = 0; end <= text.length; end++) hashes.add(keyedHash(A, text, 0, end));
    for (let at = 0; at < text.length; at++) hashes.add(hash(A, text.with(at, 120)));
    expect(hashes.size).toBe(text.length * 2 + 1);
    const moved = new Uint8Array(20);
    moved.set(text, 7);
    expect(keyedHash(A, moved, 7, 17)).toBe(hash(A, text));
  });
});
