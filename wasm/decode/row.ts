// One event: keys as predicted while they come so, looked up when they don't.
import {
  INDEX, MASKS, MASK_BIT, MASK_OFFSET, MASK_WORDS, POOL, POOL_AT, PROPS, REQUIRED, ROW, SCRATCH,
  SHAPE, SHAPE_COUNT, SHAPE_ENTRIES, SHAPE_PLACES, SLOW, TEXT_AT, TEXT_LENGTH, TYPE, TYPE_BOOLEAN, TYPE_BYTES,
  TYPE_DECIMAL, TYPE_DICTIONARY, TYPE_DOUBLE, TYPE_IGNORED, TYPE_INT64, TYPE_JSON, TYPE_LIST, TYPE_STRING,
  TYPE_TIMESTAMP, TYPE_UUID, UNKNOWN_MAX, VALUES,
} from '../../src/collect/decode/memory-map';
import { putBase64 } from './base64';
import { blanks, readJson, skipJson } from './json';
import { putDecimal, putDouble, putInteger, scanNumber } from './number';
import { findName, keyMatches, noteOrder } from './shape';
import { S, copyOver, readText } from './text';
import { putTime } from './time';
import { putUuid } from './uuid';

/** Unknown fields of the row: key pointer, key length (quotes included), value pointer, value length. */
const UNKNOWN: usize = memory.data(1024, 16);
const ORDER: u64 = 0x9e3779b97f4a7c15;

/** Order hash of the row last read, for `noteRow`. */
let order: u64 = 0;

@inline function slotOf(column: usize, row: u32): usize {
  return <usize>load<u32>(column, VALUES) + (<usize>row << 3);
}

@inline function putText(column: usize, row: u32, at: usize, length: u32): void {
  const slot = slotOf(column, row);
  store<u32>(slot, <u32>at);
  store<u32>(slot, length, 4);
}

/** Puts the text of a string value into a column of any type that takes strings; false when it doesn't fit. */
export function putString(column: usize, row: u32, at: usize, length: u32): bool {
  switch (load<u32>(column, TYPE)) {
    case TYPE_DICTIONARY: case TYPE_STRING:
      putText(column, row, at, length);
      return true;
    case TYPE_UUID:
      return length == 36 && putUuid(<usize>load<u32>(column, VALUES) + (<usize>row << 4), at);
    case TYPE_TIMESTAMP:
      return putTime(slotOf(column, row), at, length);
    case TYPE_INT64:
      return scanNumber(at) == at + length && putInteger(slotOf(column, row), false);
    case TYPE_DECIMAL:
      return scanNumber(at) == at + length && putDecimal(slotOf(column, row));
    case TYPE_BYTES:
      return putBase64(slotOf(column, row), at, length);
  }
  return false;
}

/** Reads one value at `p`, not null, into its column; answers what follows, 0 when refused. */
@inline function readValue(column: usize, row: u32, p: usize): usize {
  const type = load<u32>(column, TYPE);
  if (type == TYPE_IGNORED) return skipJson(p);
  if (load<u8>(p) == 34) {
    if (type == TYPE_UUID && load<u8>(p, 37) == 34) {
      if (putUuid(<usize>load<u32>(column, VALUES) + (<usize>row << 4), p + 1)) return p + 38;
    }
    if (type == TYPE_JSON) return readJsonValue(column, row, p);
    const end = readText(p);
    if (end == 0) return 0;
    const at: usize = load<u32>(S, TEXT_AT);
    const length = load<u32>(S, TEXT_LENGTH);
    if (type == TYPE_DICTIONARY || type == TYPE_STRING) putText(column, row, at, length);
    else if (!putString(column, row, at, length)) return 0;
    return end;
  }
  switch (type) {
    case TYPE_TIMESTAMP: case TYPE_INT64: {
      const end = scanNumber(p);
      return end != 0 && putInteger(slotOf(column, row), type == TYPE_TIMESTAMP) ? end : 0;
    }
    case TYPE_DECIMAL: {
      const end = scanNumber(p);
      return end != 0 && putDecimal(slotOf(column, row)) ? end : 0;
    }
    case TYPE_DOUBLE: {
      const end = scanNumber(p);
      return end != 0 && putDouble(slotOf(column, row), p, end) ? end : 0;
    }
    case TYPE_BOOLEAN:
      return readBoolean(column, row, p);
    case TYPE_LIST:
      return readList(column, row, p);
    case TYPE_JSON:
      return readJsonValue(column, row, p);
  }
  return 0;
}

function readBoolean(column: usize, row: u32, p: usize): usize {
  const word = load<u32>(p);
  if (word == 0x65757274) {
    store<u8>(slotOf(column, row), 1);
    return p + 4;
  }
  if (word != 0x736c6166 || load<u8>(p, 4) != 101) return 0;
  store<u8>(slotOf(column, row), 0);
  return p + 5;
}

function readJsonValue(column: usize, row: u32, p: usize): usize {
  const end = readJson(p);
  if (end != 0) putText(column, row, load<u32>(S, TEXT_AT), load<u32>(S, TEXT_LENGTH));
  return end;
}

/** Puts an item of a list at place `item` of the pool. */
export function putItem(item: u32, at: usize, length: u32): void {
  const slot = <usize>load<u32>(S, POOL_AT) + (<usize>item << 3);
  store<u32>(slot, <u32>at);
  store<u32>(slot, length, 4);
}

function readList(column: usize, row: u32, p: usize): usize {
  if (load<u8>(p) != 91) return 0;
  const first = load<u32>(S, POOL);
  let count: u32 = 0;
  p = blanks(p + 1);
  if (load<u8>(p) == 93) {
    p++;
  } else {
    for (;;) {
      if (load<u8>(p) != 34) return 0;
      p = readText(p);
      if (p == 0) return 0;
      putItem(first + count, load<u32>(S, TEXT_AT), load<u32>(S, TEXT_LENGTH));
      count++;
      p = blanks(p);
      const c: u32 = load<u8>(p++);
      if (c == 93) break;
      if (c != 44) return 0;
      p = blanks(p);
    }
  }
  store<u32>(S, first + count, POOL);
  const slot = slotOf(column, row);
  store<u32>(slot, first);
  store<u32>(slot, count, 4);
  return p;
}

/** Of the key last read by `readKey`: its quote, what follows its closing quote, its column or 0. */
let keyAt: usize = 0;
let keyEnd: usize = 0;
let keyColumn: usize = 0;

/** Reads the key at `p` and its colon, looks up its column; answers where the value starts, 0 when malformed. */
function readKey(p: usize): usize {
  p = blanks(p);
  keyAt = p;
  if (load<u8>(p) != 34) return 0;
  const scratch = load<u32>(S, SCRATCH);
  p = readText(p);
  if (p == 0) return 0;
  store<u32>(S, scratch, SCRATCH);
  keyColumn = findName(load<u32>(S, TEXT_AT), load<u32>(S, TEXT_LENGTH));
  keyEnd = p;
  p = blanks(p);
  return load<u8>(p) == 58 ? blanks(p + 1) : 0;
}

/** Where the prediction goes on after `column`, or `entry` when the shape doesn't have it. */
@inline function entryAfter(shape: usize, column: usize, entry: usize): usize {
  if (shape == 0 || column == 0) return entry;
  const place = <u32>load<u16>(shape + SHAPE_PLACES + (<usize>load<u32>(column, INDEX) << 1));
  return place == 0 ? entry : shape + SHAPE_ENTRIES + (<usize>place << 4);
}

/** Keeps unknown field number `unknown`, whose value is at `p`; answers what follows, 0 when refused. */
function readUnknown(p: usize, unknown: u32): usize {
  if (load<u32>(S, PROPS) == 0 || unknown == UNKNOWN_MAX) return 0;
  p = readJson(p);
  const item = UNKNOWN + (<usize>unknown << 4);
  store<u32>(item, <u32>keyAt);
  store<u32>(item, <u32>(keyEnd - keyAt), 4);
  store<u32>(item, load<u32>(S, TEXT_AT), 8);
  store<u32>(item, load<u32>(S, TEXT_LENGTH), 12);
  return p;
}

/** Whether the row has every column that it must have. */
@inline function complete(mask: usize, words: u32): bool {
  const required: usize = load<u32>(S, REQUIRED);
  for (let w: usize = 0; w < <usize>words << 3; w += 8) {
    const need = load<u64>(required + w);
    if ((load<u64>(mask + w) & need) != need) return false;
  }
  return true;
}

/** Reads the object at `start`; answers what follows its brace, 0 when refused. The row is not yet taken. */
export function readRow(start: usize): usize {
  if (load<u8>(start) != 123) return 0;
  const row = load<u32>(S, ROW);
  const words = load<u32>(S, MASK_WORDS);
  const mask = <usize>load<u32>(S, MASKS) + (<usize>(row * words) << 3);
  for (let w: u32 = 1; w < words; w++) store<u64>(mask + (<usize>w << 3), 0);
  let seen: u64 = 0;
  let unknown: u32 = 0;
  let slow = false;
  let hashed: u64 = ORDER;
  const shape: usize = load<u32>(S, SHAPE);
  let entry = shape + SHAPE_ENTRIES;
  const last = shape == 0 ? entry : entry + (<usize>load<u32>(shape, SHAPE_COUNT) << 4);
  store<u32>(S, 0, SLOW);
  let p = start + 1;
  let c: u32 = 44;
  if (load<u8>(blanks(p)) == 125) {
    p = blanks(p) + 1;
    c = 125;
  }
  while (c == 44) {
    const from = p;
    let column: usize;
    if (entry < last && keyMatches(p, load<u32>(entry), load<u32>(entry, 4))) {
      column = load<u32>(entry, 8);
      if (column == 0) readKey(p);
      p += load<u32>(entry, 4);
      entry += 16;
      if (load<u8>(p) <= 32) p = blanks(p);
    } else {
      slow = true;
      p = readKey(p);
      if (p == 0) return 0;
      column = keyColumn;
      entry = entryAfter(shape, column, entry);
    }
    hashed = (hashed ^ ((<u64>column << 16) | <u64>(p - from))) * ORDER;
    hashed ^= hashed >> 29;
    if (column == 0) {
      p = readUnknown(p, unknown++);
    } else {
      const bit = load<u64>(column, MASK_BIT);
      const word = mask + load<u32>(column, MASK_OFFSET);
      if (load<u32>(p) == 0x6c6c756e) {
        slow = true;
        p += 4;
        if (word == mask) seen &= ~bit;
        else store<u64>(word, load<u64>(word) & ~bit);
      } else {
        p = readValue(column, row, p);
        if (word == mask) seen |= bit;
        else store<u64>(word, load<u64>(word) | bit);
      }
    }
    if (p == 0) return 0;
    c = load<u8>(p);
    if (c != 44 && c != 125) {
      slow = true;
      p = blanks(p);
      c = load<u8>(p);
    }
    p++;
  }
  if (c != 125) return 0;
  store<u64>(mask, seen);
  if (unknown != 0 && !mergeProps(mask, row, unknown)) return 0;
  if (!complete(mask, words)) return 0;
  order = hashed;
  if (slow) store<u32>(S, 1, SLOW);
  return p;
}

/** After the row was taken: learns its key order when it was off the predicted one. */
@inline export function noteRow(start: usize): void {
  noteOrder(order, start);
}

/** Appends the row's unknown fields to its `props`; false when that is no object or a key repeats. */
function mergeProps(mask: usize, row: u32, unknown: u32): bool {
  const props: usize = load<u32>(S, PROPS);
  const word = mask + load<u32>(props, MASK_OFFSET);
  const slot = slotOf(props, row);
  const from: usize = load<u32>(S, SCRATCH);
  let to = from;
  store<u8>(to++, 123);
  if (load<u64>(word) & load<u64>(props, MASK_BIT)) {
    const at: usize = load<u32>(slot);
    const length = load<u32>(slot, 4);
    if (load<u8>(at) != 123) return false;
    if (length > 2) {
      copyOver(to, at + 1, length - 2);
      to += length - 2;
      store<u8>(to++, 44);
    }
  }
  for (let i: u32 = 0; i < unknown; i++) {
    const item = UNKNOWN + (<usize>i << 4);
    const keyLength = load<u32>(item, 4), length = load<u32>(item, 12);
    copyOver(to, load<u32>(item), keyLength);
    to += keyLength;
    store<u8>(to++, 58);
    copyOver(to, load<u32>(item, 8), length);
    to += length;
    store<u8>(to++, 44);
  }
  store<u8>(to - 1, 125);
  store<u8>(to, 0);
  store<u32>(S, <u32>(to + 1), SCRATCH);
  if (skipJson(from) != to) return false;
  store<u32>(slot, <u32>from);
  store<u32>(slot, <u32>(to - from), 4);
  store<u64>(word, load<u64>(word) | load<u64>(props, MASK_BIT));
  return true;
}
