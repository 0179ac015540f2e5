// Key orders: each producer writes its keys in one stable order, which predicts the next row.
import {
  CANDIDATE, FIRST_ROW, INDEX, NAMES, NAME_MASK, PREDICT, SHAPE, SHAPES, SHAPES_MAX, SHAPE_BYTES, SHAPE_COUNT,
  SHAPE_ENTRIES, SHAPE_ENTRIES_MAX, SHAPE_KEYS, SHAPE_KEYS_MAX, SHAPE_NEXT, SHAPE_ORDER, SHAPE_PLACES,
  SHAPE_COLUMNS_MAX, EVENT,
} from '../../src/collect/decode/memory-map';
import { blanks, skipJson } from './json';
import { S, copyOver, equal, hash, scanText } from './text';

const TAILS: usize = memory.data<u8>([
  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
], 16);

/** Whether the `length` bytes at `p` are the predicted key with its quotes, colon and blanks. */
@inline export function keyMatches(p: usize, key: usize, length: u32): bool {
  while (length > 16) {
    if (v128.any_true(v128.xor(v128.load(p), v128.load(key)))) return false;
    p += 16;
    key += 16;
    length -= 16;
  }
  return !v128.any_true(v128.and(v128.xor(v128.load(p), v128.load(key)), v128.load(TAILS + 16 - length)));
}

/** The descriptor of the column named by `length` bytes at `at`, or 0. */
export function findName(at: usize, length: u32): usize {
  const h = hash(at, length);
  const names: usize = load<u32>(S, NAMES);
  const mask = load<u32>(S, NAME_MASK);
  for (let k = h & mask; ; k = (k + 1) & mask) {
    const slot = names + (<usize>k << 4);
    const column: usize = load<u32>(slot, 4);
    if (column == 0) return 0;
    if (load<u32>(slot) == h && load<u32>(slot, 12) == length && equal(load<u32>(slot, 8), at, length)) return column;
  }
  return 0;
}

/** Enters a column name; done once a column, when the decoder is made. */
export function addName(column: usize, at: usize, length: u32): void {
  const h = hash(at, length);
  const mask = load<u32>(S, NAME_MASK);
  let k = h & mask;
  while (load<u32>(<usize>load<u32>(S, NAMES) + (<usize>k << 4), 4) != 0) k = (k + 1) & mask;
  const slot = <usize>load<u32>(S, NAMES) + (<usize>k << 4);
  store<u32>(slot, h);
  store<u32>(slot, <u32>column, 4);
  store<u32>(slot, <u32>at, 8);
  store<u32>(slot, length, 12);
}

/** A row that was off the predicted order went through; decides whether its order is the one to predict. */
export function noteOrder(order: u64, rowStart: usize): void {
  if (load<u32>(S, PREDICT) == 0) return;
  const active: usize = load<u32>(S, SHAPE);
  if (active != 0 && load<u64>(active, SHAPE_ORDER) == order) return;
  const repeated = load<u64>(S, CANDIDATE) == order;
  store<u64>(S, order, CANDIDATE);
  if (!repeated && active != 0 && load<u32>(S, EVENT) != load<u32>(S, FIRST_ROW)) return;
  const shapes: usize = load<u32>(S, SHAPES);
  for (let i = 0; i < SHAPES_MAX; i++) {
    const shape = shapes + <usize>i * SHAPE_BYTES;
    if (load<u32>(shape, SHAPE_COUNT) != 0 && load<u64>(shape, SHAPE_ORDER) == order) {
      store<u32>(S, <u32>shape, SHAPE);
      return;
    }
  }
  if (!repeated && active != 0) return;
  const next = load<u32>(S, SHAPE_NEXT);
  store<u32>(S, (next + 1) % SHAPES_MAX, SHAPE_NEXT);
  const shape = shapes + <usize>next * SHAPE_BYTES;
  learn(shape, rowStart, order);
  store<u32>(S, <u32>(load<u32>(shape, SHAPE_COUNT) != 0 ? shape : 0), SHAPE);
}

/** Walks a row that is known to be valid and keeps its keys. Leaves the shape empty when they don't fit. */
function learn(shape: usize, rowStart: usize, order: u64): void {
  memory.fill(shape + SHAPE_PLACES, 0, SHAPE_COLUMNS_MAX * 2);
  store<u32>(shape, 0, SHAPE_COUNT);
  let count: u32 = 0;
  let key = shape + SHAPE_KEYS;
  const keysEnd = key + SHAPE_KEYS_MAX - 16;
  let p = rowStart + 1;
  for (;;) {
    const from = p;
    p = blanks(p) + 1;
    const end = scanText(p);
    if (end == 0 || load<u8>(end) != 34) return;
    const column = findName(p, <u32>(end - p));
    p = blanks(blanks(end + 1) + 1);
    const length = <u32>(p - from);
    if (count == SHAPE_ENTRIES_MAX || key + length > keysEnd) return;
    copyOver(key, from, length);
    const entry = shape + SHAPE_ENTRIES + (<usize>count << 4);
    store<u32>(entry, <u32>key);
    store<u32>(entry, length, 4);
    store<u32>(entry, <u32>column, 8);
    count++;
    if (column != 0) store<u16>(shape + SHAPE_PLACES + (<usize>load<u32>(column, INDEX) << 1), <u16>count);
    key += (<usize>length + 15) & ~15;
    p = skipJson(p);
    if (p == 0) return;
    p = blanks(p);
    if (load<u8>(p) != 44) break;
    p++;
  }
  store<u32>(shape, count, SHAPE_COUNT);
  store<u64>(shape, order, SHAPE_ORDER);
}
