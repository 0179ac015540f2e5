// Dictionaries: bytes to codes, and what happens when one is full.
import {
  ARENA, ARENA_BYTES, DICTIONARY_BYTES_MAX, DICTIONARY_ENTRIES_MAX, DICTIONARY_SLOTS_MAX, DICTIONARY_SLOTS_MIN,
  ENTRIES, OFFSETS, SLOTS, SLOT_MASK,
} from '../../src/collect/decode/memory-map';
import { copyOver, equal, hash } from './text';

// A slot is one word, so that the table of a dictionary stays in the processor's cache: 17 bits
// code + 1 (0 is free), above them the upper 15 bits of the hash. The table doubles when half full.
const CODE_BITS: u32 = 17;
const CODE_MASK: u32 = (1 << CODE_BITS) - 1;

/** References of a block: look-ups are done so many at a time. */
export const BLOCK: u32 = 64;
const HASHES: usize = memory.data(256, 16);
/** Keeps the loads of `hashBlock`. */
let warmed: u32 = 0;

/**
 * Hashes `count` references (pointer, length) at `refs` for `internHashed`, and loads what their
 * look-ups will need: all at once, so that no look-up waits for its own memory. Nulls hash as well.
 */
export function hashBlock(column: usize, refs: usize, count: u32): void {
  const slots: usize = load<u32>(column, SLOTS);
  const mask = load<u32>(column, SLOT_MASK);
  const arena: usize = load<u32>(column, ARENA);
  const offsets: usize = load<u32>(column, OFFSETS);
  for (let i: u32 = 0; i < count; i++) {
    const ref = refs + (<usize>i << 3);
    store<u32>(HASHES + (<usize>i << 2), hash(load<u32>(ref), load<u32>(ref, 4)));
  }
  let sum: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const slot = load<u32>(slots + (<usize>(load<u32>(HASHES + (<usize>i << 2)) & mask) << 2));
    if (slot != 0) sum ^= load<u8>(arena + load<u32>(offsets + (<usize>((slot & CODE_MASK) - 1) << 2)));
  }
  warmed = sum;
}

/** The code of reference `i` of the block hashed last; as `intern`. */
@inline export function internHashed(column: usize, ref: usize, i: u32): i32 {
  return lookUp(column, load<u32>(ref), load<u32>(ref, 4), load<u32>(HASHES + (<usize>i << 2)));
}

/** The code of `length` bytes at `at`, added when new; -1 when the dictionary is full. */
export function intern(column: usize, at: usize, length: u32): i32 {
  return lookUp(column, at, length, hash(at, length));
}

function lookUp(column: usize, at: usize, length: u32, h: u32): i32 {
  const slots: usize = load<u32>(column, SLOTS);
  const mask = load<u32>(column, SLOT_MASK);
  const arena: usize = load<u32>(column, ARENA);
  const offsets: usize = load<u32>(column, OFFSETS);
  const tag = h >> CODE_BITS;
  for (let k = h & mask; ; k = (k + 1) & mask) {
    const slot = load<u32>(slots + (<usize>k << 2));
    if (slot == 0) return add(column, at, length, slots + (<usize>k << 2), tag);
    if (slot >> CODE_BITS == tag) {
      const next = slot & CODE_MASK;
      const entry = offsets + (<usize>(next - 1) << 2);
      const from = load<u32>(entry);
      if (load<u32>(entry, 4) - from == length && equal(arena + from, at, length)) return <i32>(next - 1);
    }
  }
  return -1;
}

/** Adds an entry at the free `slot`. */
function add(column: usize, at: usize, length: u32, slot: usize, tag: u32): i32 {
  const code = load<u32>(column, ENTRIES);
  const from = load<u32>(column, ARENA_BYTES);
  if (code >= <u32>DICTIONARY_ENTRIES_MAX || from + length > <u32>DICTIONARY_BYTES_MAX) return -1;
  copyOver(<usize>load<u32>(column, ARENA) + from, at, length);
  store<u32>(<usize>load<u32>(column, OFFSETS) + (<usize>code << 2), from + length, 4);
  store<u32>(slot, (tag << CODE_BITS) | (code + 1));
  store<u32>(column, code + 1, ENTRIES);
  store<u32>(column, from + length, ARENA_BYTES);
  const mask = load<u32>(column, SLOT_MASK);
  if (code << 1 >= mask && mask + 1 < <u32>DICTIONARY_SLOTS_MAX) grow(column, mask * 2 + 1);
  return <i32>code;
}

/** Spreads the entries over twice the slots. */
function grow(column: usize, mask: u32): void {
  const slots: usize = load<u32>(column, SLOTS);
  const arena: usize = load<u32>(column, ARENA);
  const offsets: usize = load<u32>(column, OFFSETS);
  const entries = load<u32>(column, ENTRIES);
  memory.fill(slots, 0, <usize>(mask + 1) << 2);
  store<u32>(column, mask, SLOT_MASK);
  for (let code: u32 = 0; code < entries; code++) {
    const from = load<u32>(offsets + (<usize>code << 2));
    const h = hash(arena + from, load<u32>(offsets + (<usize>code << 2), 4) - from);
    let k = h & mask;
    while (load<u32>(slots + (<usize>k << 2)) != 0) k = (k + 1) & mask;
    store<u32>(slots + (<usize>k << 2), ((h >> CODE_BITS) << CODE_BITS) | (code + 1));
  }
}

/** Forgets every entry; the caller starts a new dictionary object. */
export function clearDictionary(column: usize): void {
  store<u32>(column, DICTIONARY_SLOTS_MIN - 1, SLOT_MASK);
  memory.fill(load<u32>(column, SLOTS), 0, <usize>DICTIONARY_SLOTS_MIN << 2);
  store<u32>(column, 0, ENTRIES);
  store<u32>(column, 0, ARENA_BYTES);
}
