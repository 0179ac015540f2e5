/**
 * A split-block Bloom filter: "may this hash be among them?" in one cache line.
 *
 * ```
 * block = 64 bytes = 16 words = 8 lanes of 64 bits; a key sets one bit in each lane
 *   block of a key  high * blocks >> 32       rises with `high`, so sorted keys fill it in order
 *   bit in lane i   (low * SALTS[i]) >>> 26
 * ```
 * After Putze, Sanders, Singler, "Cache-, Hash- and Space-Efficient Bloom Filters"; the salts are
 * Parquet's. At `BITS_PER_ID` = 15 about 0.12 % of unknown keys pass.
 */
import type { Keys } from './keys.js';

/** Bits a key. With the bucket starts of a run (at most 0.7 bits) this stays below 2 bytes. */
export const BITS_PER_ID = 15;

/** Words in one block. */
export const BLOCK_WORDS = 16;

const SALT_0 = 0x47b6137b;
const SALT_1 = 0x44974d91;
const SALT_2 = 0x8824ad5b;
const SALT_3 = 0xa2b7289d;
const SALT_4 = 0x705495c7;
const SALT_5 = 0x2df1424b;
const SALT_6 = 0x9efc4947;
const SALT_7 = 0x5c6bfb31;

/** How many blocks `ids` keys take. */
export function blocksFor(ids: number): number {
  return Math.max(1, Math.ceil((ids * BITS_PER_ID) / (BLOCK_WORDS * 32)));
}

/** Puts a key in. */
export function addToFilter(filter: Uint32Array, blocks: number, high: number, low: number): void {
  const base = Math.floor(high * (blocks / 0x1_0000_0000)) * BLOCK_WORDS;
  setBit(filter, base, Math.imul(low, SALT_0));
  setBit(filter, base + 2, Math.imul(low, SALT_1));
  setBit(filter, base + 4, Math.imul(low, SALT_2));
  setBit(filter, base + 6, Math.imul(low, SALT_3));
  setBit(filter, base + 8, Math.imul(low, SALT_4));
  setBit(filter, base + 10, Math.imul(low, SALT_5));
  setBit(filter, base + 12, Math.imul(low, SALT_6));
  setBit(filter, base + 14, Math.imul(low, SALT_7));
}

function setBit(filter: Uint32Array, lane: number, mixed: number): void {
  filter[lane + (mixed >>> 31)]! |= 1 << ((mixed >>> 26) & 31);
}

/**
 * Which of `candidates[0 .. count]` (rows of `keys`) may be in: writes them to `hits`, answers how many.
 * Three lanes are tested without a branch, so that the processor fetches the blocks of the next
 * keys while it waits for this one's.
 */
export function probeFilter(
  filter: Uint32Array,
  blocks: number,
  keys: Keys,
  candidates: Uint32Array,
  count: number,
  hits: Uint32Array,
): number {
  const { high, low } = keys;
  const scale = blocks / 0x1_0000_0000;
  let found = 0;
  for (let at = 0; at < count; at++) {
    const row = candidates[at]!;
    const base = (high[row]! * scale) << 4;
    const key = low[row]!;
    const a = Math.imul(key, SALT_0);
    const b = Math.imul(key, SALT_1);
    const c = Math.imul(key, SALT_2);
    const first =
      (filter[base + (a >>> 31)]! >>> ((a >>> 26) & 31)) &
      (filter[base + 2 + (b >>> 31)]! >>> ((b >>> 26) & 31)) &
      (filter[base + 4 + (c >>> 31)]! >>> ((c >>> 26) & 31));
    if ((first & 1) !== 0 && restOf(filter, base + 6, key)) hits[found++] = row;
  }
  return found;
}

function restOf(filter: Uint32Array, lane: number, key: number): boolean {
  const d = Math.imul(key, SALT_3);
  const e = Math.imul(key, SALT_4);
  const f = Math.imul(key, SALT_5);
  const g = Math.imul(key, SALT_6);
  const h = Math.imul(key, SALT_7);
  const all =
    (filter[lane + (d >>> 31)]! >>> ((d >>> 26) & 31)) &
    (filter[lane + 2 + (e >>> 31)]! >>> ((e >>> 26) & 31)) &
    (filter[lane + 4 + (f >>> 31)]! >>> ((f >>> 26) & 31)) &
    (filter[lane + 6 + (g >>> 31)]! >>> ((g >>> 26) & 31)) &
    (filter[lane + 8 + (h >>> 31)]! >>> ((h >>> 26) & 31));
  return (all & 1) !== 0;
}
