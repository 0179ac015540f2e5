// Dictionaries: bytes to codes, and what happens when one is full.
import {
  ARENA, ARENA_BYTES, DICTIONARY_BYTES_MAX, DICTIONARY_ENTRIES_MAX, ENTRIES, MASKS, MASK_BIT,
  MASK_OFFSET, MASK_WORDS, OFFSETS, POOL_AT, RAW, SLOTS, SLOT_MASK, TYPE, TYPE_LIST, VALUES,
} from '../../src/collect/decode/memory-map';
import { S, copyOver, equal, hash } from './text';

/** The code of `length` bytes at `at`, added when new; -1 when the dictionary is full. */
export function intern(column: usize, at: usize, length: u32): i32 {
  const h = hash(at, length);
  const slots: usize = load<u32>(column, SLOTS);
  const mask = load<u32>(column, SLOT_MASK);
  const arena: usize = load<u32>(column, ARENA);
  const offsets: usize = load<u32>(column, OFFSETS);
  for (let k = h & mask; ; k = (k + 1) & mask) {
    const slot = slots + (<usize>k << 3);
    const next = load<u32>(slot, 4);
    if (next == 0) {
      const code = load<u32>(column, ENTRIES);
      const from = load<u32>(column, ARENA_BYTES);
      if (code >= <u32>DICTIONARY_ENTRIES_MAX || from + length > <u32>DICTIONARY_BYTES_MAX) return -1;
      copyOver(arena + from, at, length);
      store<u32>(offsets + (<usize>code << 2), from + length, 4);
      store<u32>(column, code + 1, ENTRIES);
      store<u32>(column, from + length, ARENA_BYTES);
      store<u32>(slot, h);
      store<u32>(slot, code + 1, 4);
      return <i32>code;
    }
    if (load<u32>(slot) == h) {
      const entry = offsets + (<usize>(next - 1) << 2);
      const from = load<u32>(entry);
      if (load<u32>(entry, 4) - from == length && equal(arena + from, at, length)) return <i32>(next - 1);
    }
  }
  return -1;
}

/** Forgets every entry; the caller starts a new dictionary object. */
export function clearDictionary(column: usize): void {
  memory.fill(load<u32>(column, SLOTS), 0, <usize>(load<u32>(column, SLOT_MASK) + 1) << 3);
  store<u32>(column, 0, ENTRIES);
  store<u32>(column, 0, ARENA_BYTES);
}

/** Whether a row has the column. */
@inline export function present(column: usize, row: u32): bool {
  const mask = <usize>load<u32>(S, MASKS) + (<usize>(row * load<u32>(S, MASK_WORDS)) << 3) + load<u32>(column, MASK_OFFSET);
  return (load<u64>(mask) & load<u64>(column, MASK_BIT)) != 0;
}

/** Code slots become references to bytes (pointer, length), for the rest of this batch. */
function makeRaw(column: usize, row: u32): void {
  const values: usize = load<u32>(column, VALUES);
  for (let r: u32 = 0; r < row; r++) {
    if (!present(column, r)) continue;
    const slot = values + (<usize>r << 3);
    if (load<u32>(column, TYPE) == TYPE_LIST) {
      const first = load<u32>(slot), count = load<u32>(slot, 4);
      makeItemsRaw(column, first, count);
    } else {
      makeSlotRaw(column, slot);
    }
  }
  store<u32>(column, 1, RAW);
}

function makeItemsRaw(column: usize, first: u32, count: u32): void {
  for (let i: u32 = 0; i < count; i++) makeSlotRaw(column, <usize>load<u32>(S, POOL_AT) + (<usize>(first + i) << 3));
}

function makeSlotRaw(column: usize, slot: usize): void {
  const entry = <usize>load<u32>(column, OFFSETS) + (<usize>load<u32>(slot) << 2);
  const from = load<u32>(entry);
  store<u32>(slot, load<u32>(entry, 4) - from, 4);
  store<u32>(slot, load<u32>(column, ARENA) + from);
}

/** Puts a string into a dictionary column. */
@inline export function putEntry(column: usize, row: u32, at: usize, length: u32): void {
  const slot = <usize>load<u32>(column, VALUES) + (<usize>row << 3);
  if (load<u32>(column, RAW) == 0) {
    const code = intern(column, at, length);
    if (code >= 0) {
      store<u32>(slot, <u32>code);
      return;
    }
    makeRaw(column, row);
  }
  store<u32>(slot, <u32>at);
  store<u32>(slot, length, 4);
}

/** Puts item `first + count` of a list of row `row`. */
export function putItem(column: usize, row: u32, first: u32, count: u32, at: usize, length: u32): void {
  const slot = <usize>load<u32>(S, POOL_AT) + (<usize>(first + count) << 3);
  if (load<u32>(column, RAW) == 0) {
    const code = intern(column, at, length);
    if (code >= 0) {
      store<u32>(slot, <u32>code);
      return;
    }
    makeRaw(column, row);
    makeItemsRaw(column, first, count);
  }
  store<u32>(slot, <u32>at);
  store<u32>(slot, length, 4);
}
