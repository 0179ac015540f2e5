// JSON bytes to columns. `run` takes events until one is refused; what it refuses, the caller
// judges with JSON.parse and puts in by the `put` functions, then calls `run` again.
//
// Purpose: the hot path of the front door. Limits: regions are laid out by the caller
// (src/collect/decode/memory.ts) so that no write here needs a bound of its own: every region is
// as large as the input at hand can make it. The input ends in zero bytes, at which every scan
// stops. Invariant: a row is taken (ROW rises) only when all of it, and what follows it, is valid.
import {
  BROKEN, CANDIDATE, DONE, END, EVENT, EVENTS_MAX, EVENT_BYTES_MAX, FAST_ROWS, FULL, GENERAL_ROWS, MASKS, MASK_BIT,
  MASK_OFFSET, MASK_WORDS, MODE, MODE_ARRAY, MODE_LINES, POOL, POSITION, PREDICT, RANGES, REFUSED, ROW, SCRATCH, SLOW,
  VALUES,
} from '../src/collect/decode/memory-map';
import { packColumns } from './decode/finish';
import { clearDictionary, intern } from './decode/intern';
import { blanks } from './decode/json';
import { noteRow, putItem, putString, readRow } from './decode/row';
import { addName } from './decode/shape';
import { S } from './decode/text';

export { addName, clearDictionary, intern, putItem, putString };

/** Address of the state structure. */
export function state(): usize {
  return S;
}

/** The first address that is free for the caller's regions. */
export function heapBase(): usize {
  return __heap_base;
}

/** Takes the row that `readRow` read from [start, end). */
function take(start: usize, end: usize): void {
  const row = load<u32>(S, ROW);
  const range = <usize>load<u32>(S, RANGES) + <usize>row * 12;
  const event = load<u32>(S, EVENT);
  store<u32>(range, <u32>start);
  store<u32>(range, <u32>end, 4);
  store<u32>(range, event, 8);
  if (load<u32>(S, SLOW)) {
    store<u32>(S, load<u32>(S, GENERAL_ROWS) + 1, GENERAL_ROWS);
    noteRow(start);
  } else {
    store<u32>(S, load<u32>(S, FAST_ROWS) + 1, FAST_ROWS);
    store<u64>(S, 0, CANDIDATE);
  }
  store<u32>(S, row + 1, ROW);
  store<u32>(S, event + 1, EVENT);
}

/** Reads the row at `start`; 0 when refused, and then nothing of it is left. */
@inline function attempt(start: usize): usize {
  const scratch = load<u32>(S, SCRATCH);
  const pool = load<u32>(S, POOL);
  let end: usize = 0;
  if (load<u32>(S, PREDICT) != 2) end = readRow(start);
  if (end - start > <usize>load<u32>(S, EVENT_BYTES_MAX)) end = 0;
  if (end == 0) {
    store<u32>(S, scratch, SCRATCH);
    store<u32>(S, pool, POOL);
  }
  return end;
}

/** Takes events from POSITION on. `after`: POSITION is behind an element of an array. Answers DONE, REFUSED, BROKEN or FULL. */
export function run(after: bool): u32 {
  return load<u32>(S, MODE) == MODE_ARRAY ? runArray(after) : runLines();
}

function runLines(): u32 {
  const limit: usize = load<u32>(S, END);
  const lines = load<u32>(S, MODE) == MODE_LINES;
  let p: usize = load<u32>(S, POSITION);
  for (;;) {
    let c: u32 = load<u8>(p);
    while (c == 10 || c == 13 || c == 32 || c == 9) c = load<u8>(++p);
    store<u32>(S, <u32>p, POSITION);
    if (p >= limit) return DONE;
    if (load<u32>(S, EVENT) >= load<u32>(S, EVENTS_MAX)) return FULL;
    const end = attempt(p);
    if (end == 0) return REFUSED;
    let q = end;
    c = load<u8>(q);
    while (c == 13 || c == 32 || c == 9 || (c == 10 && !lines)) c = load<u8>(++q);
    if (q < limit && (c != 10 || !lines)) return REFUSED;
    take(p, end);
    p = q;
  }
  return DONE;
}

function runArray(after: bool): u32 {
  const limit: usize = load<u32>(S, END);
  let p = blanks(load<u32>(S, POSITION));
  // An array may be empty, but no comma may stand before its end.
  if (!after && load<u8>(p) == 93 && load<u32>(S, EVENT) == 0) {
    store<u32>(S, <u32>(p + 1), POSITION);
    return DONE;
  }
  for (;;) {
    if (!after) {
      p = blanks(p);
      store<u32>(S, <u32>p, POSITION);
      if (p >= limit) return BROKEN;
      if (load<u32>(S, EVENT) >= load<u32>(S, EVENTS_MAX)) return FULL;
      const end = attempt(p);
      if (end == 0) return REFUSED;
      take(p, end);
      p = end;
    }
    after = false;
    p = blanks(p);
    const c: u32 = load<u8>(p);
    store<u32>(S, <u32>(c == 93 ? p + 1 : p), POSITION);
    if (c == 93) return DONE;
    if (c != 44) return BROKEN;
    p++;
  }
  return DONE;
}

/** Packs the rows taken behind `to`; answers the end. */
export function finish(to: usize): usize {
  return packColumns(to);
}

/** Starts row ROW for the caller's `put`s: it has no column yet. */
export function beginRow(): void {
  const words = load<u32>(S, MASK_WORDS);
  const mask = <usize>load<u32>(S, MASKS) + (<usize>(load<u32>(S, ROW) * words) << 3);
  memory.fill(mask, 0, <usize>words << 3);
}

/** Row ROW has `column`. */
export function mark(column: usize): void {
  const words = load<u32>(S, MASK_WORDS);
  const mask = <usize>load<u32>(S, MASKS) + (<usize>(load<u32>(S, ROW) * words) << 3) + load<u32>(column, MASK_OFFSET);
  store<u64>(mask, load<u64>(mask) | load<u64>(column, MASK_BIT));
}

/** Puts eight raw bytes (an integer, a double, a boolean, a pair of words) into row ROW of `column`. */
export function putWord(column: usize, low: u32, high: u32): void {
  const slot = <usize>load<u32>(column, VALUES) + (<usize>load<u32>(S, ROW) << 3);
  store<u32>(slot, low);
  store<u32>(slot, high, 4);
}
