// The rows taken, packed into one output region: what a caller copies out at once.
import {
  COLUMNS, COLUMN_BYTES, COLUMN_COUNT, ENTRIES, MASKS, MASK_BIT, MASK_OFFSET, MASK_WORDS, NULLABLE, OUT_BASE,
  OUT_DATA, OUT_DATA_LENGTH, OUT_ITEMS, OUT_ITEM_OFFSETS, OUT_NULLS, OUT_OFFSETS, OUT_WIDTH, POOL_AT, RAW, ROW, TYPE,
  TYPE_BOOLEAN, TYPE_DECIMAL, TYPE_DICTIONARY, TYPE_DOUBLE, TYPE_IGNORED, TYPE_INT64, TYPE_LIST, TYPE_TIMESTAMP,
  TYPE_UUID, VALUES,
} from '../../src/collect/decode/memory-map';
import { BLOCK, hashBlock, intern, internHashed } from './intern';
import { S, copyOver } from './text';

@inline function aligned(at: usize): usize {
  return (at + 7) & ~7;
}

/** Packs every column behind `to`; answers the end. */
export function packColumns(to: usize): usize {
  const rows = load<u32>(S, ROW);
  const columns: usize = load<u32>(S, COLUMNS);
  const count = load<u32>(S, COLUMN_COUNT);
  for (let c: u32 = 0; c < count; c++) {
    const column = columns + <usize>c * COLUMN_BYTES;
    const type = load<u32>(column, TYPE);
    if (type == TYPE_IGNORED) continue;
    to = aligned(packNulls(column, rows, aligned(to)));
    switch (type) {
      case TYPE_UUID: to = packWide(column, rows, 16, to); break;
      case TYPE_DOUBLE: to = packWide(column, rows, 8, to); break;
      case TYPE_INT64: case TYPE_DECIMAL: case TYPE_TIMESTAMP: to = packIntegers(column, rows, to); break;
      case TYPE_BOOLEAN: to = packBooleans(column, rows, to); break;
      case TYPE_LIST: to = packList(column, rows, to); break;
      case TYPE_DICTIONARY: to = packEntries(column, rows, to); break;
      default: to = packBytes(column, rows, to);
    }
  }
  return aligned(to);
}

/** The bitmap of rows that lack the column; OUT_NULLS is 0 when none does. */
function packNulls(column: usize, rows: u32, to: usize): usize {
  store<u32>(column, 0, OUT_NULLS);
  if (load<u32>(column, NULLABLE) == 0) return to;
  const stride = <usize>load<u32>(S, MASK_WORDS) << 3;
  const bit = load<u64>(column, MASK_BIT);
  let mask = <usize>load<u32>(S, MASKS) + load<u32>(column, MASK_OFFSET);
  let any: u32 = 0;
  for (let r: u32 = 0; r < rows; r += 8) {
    let byte: u32 = 0;
    const few = min<u32>(8, rows - r);
    for (let i: u32 = 0; i < few; i++) {
      byte |= (<u32>((load<u64>(mask) & bit) == 0)) << i;
      mask += stride;
    }
    store<u8>(to + (r >> 3), <u8>byte);
    any |= byte;
  }
  if (any == 0) return to;
  store<u32>(column, <u32>to, OUT_NULLS);
  return to + ((rows + 7) >> 3);
}

@inline function isNull(nulls: usize, row: u32): bool {
  return nulls != 0 && ((<u32>load<u8>(nulls + (row >> 3)) >> (row & 7)) & 1) != 0;
}

function packWide(column: usize, rows: u32, width: u32, to: usize): usize {
  const nulls: usize = load<u32>(column, OUT_NULLS);
  memory.copy(to, load<u32>(column, VALUES), <usize>rows * width);
  if (nulls != 0)
    for (let r: u32 = 0; r < rows; r++) if (isNull(nulls, r)) memory.fill(to + <usize>r * width, 0, width);
  store<u32>(column, <u32>to, OUT_DATA);
  return to + <usize>rows * width;
}

function packIntegers(column: usize, rows: u32, to: usize): usize {
  const nulls: usize = load<u32>(column, OUT_NULLS);
  const values: usize = load<u32>(column, VALUES);
  let low = i64.MAX_VALUE, high = i64.MIN_VALUE;
  for (let r: u32 = 0; r < rows; r++) {
    if (isNull(nulls, r)) continue;
    const value = load<i64>(values + (<usize>r << 3));
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low > high) low = high = 0;
  const range = <u64>high - <u64>low;
  const width: u32 = range == 0 ? 0 : range < 256 ? 1 : range < 65536 ? 2 : range <= 0xffffffff ? 4 : 8;
  const base: i64 = width == 8 ? 0 : low;
  store<i64>(column, base, OUT_BASE);
  store<u32>(column, width, OUT_WIDTH);
  store<u32>(column, <u32>to, OUT_DATA);
  if (width == 0) return to;
  if (width == 8) return packWide(column, rows, 8, to);
  for (let r: u32 = 0; r < rows; r++) {
    const delta: i64 = isNull(nulls, r) ? 0 : load<i64>(values + (<usize>r << 3)) - base;
    if (width == 4) store<u32>(to + (<usize>r << 2), <u32>delta);
    else if (width == 2) store<u16>(to + (<usize>r << 1), <u16>delta);
    else store<u8>(to + r, <u8>delta);
  }
  return to + <usize>rows * width;
}

function packBooleans(column: usize, rows: u32, to: usize): usize {
  const nulls: usize = load<u32>(column, OUT_NULLS);
  const values: usize = load<u32>(column, VALUES);
  store<u32>(column, <u32>to, OUT_DATA);
  for (let r: u32 = 0; r < rows; r++) store<u8>(to + r, isNull(nulls, r) ? 0 : load<u8>(values + (<usize>r << 3)));
  return to + rows;
}

/** References (pointer, length) to offsets and bytes. */
function packBytes(column: usize, rows: u32, to: usize): usize {
  const nulls: usize = load<u32>(column, OUT_NULLS);
  const values: usize = load<u32>(column, VALUES);
  const data = aligned(to + (<usize>(rows + 1) << 2));
  store<u32>(column, 0, OUT_WIDTH);
  store<u32>(column, <u32>to, OUT_OFFSETS);
  store<u32>(column, <u32>data, OUT_DATA);
  let end: u32 = 0;
  for (let r: u32 = 0; r < rows; r++) {
    store<u32>(to + (<usize>r << 2), end);
    if (isNull(nulls, r)) continue;
    const slot = values + (<usize>r << 3);
    const length = load<u32>(slot, 4);
    copyOver(data + end, load<u32>(slot), length);
    end += length;
  }
  store<u32>(to + (<usize>rows << 2), end);
  store<u32>(column, end, OUT_DATA_LENGTH);
  return data + end;
}

/** References (pointer, length) to codes, or to offsets and bytes once the dictionary is full. */
function packEntries(column: usize, rows: u32, to: usize): usize {
  const nulls: usize = load<u32>(column, OUT_NULLS);
  const values: usize = load<u32>(column, VALUES);
  if (nulls != 0)
    for (let r: u32 = 0; r < rows; r++) if (isNull(nulls, r)) store<u64>(values + (<usize>r << 3), 0);
  for (let first: u32 = 0; first < rows; first += BLOCK) {
    const count = min(BLOCK, rows - first);
    hashBlock(column, values + (<usize>first << 3), count);
    for (let i: u32 = 0; i < count; i++) {
      const r = first + i;
      let code = 0;
      if (!isNull(nulls, r)) {
        code = internHashed(column, values + (<usize>r << 3), i);
        if (code < 0) {
          store<u32>(column, 1, RAW);
          return packBytes(column, rows, to);
        }
      }
      store<u16>(to + (<usize>r << 1), <u16>code);
    }
  }
  return narrow(column, rows, to);
}

/** Codes of 16 bits to one byte where that is enough. */
function narrow(column: usize, count: u32, to: usize): usize {
  const width: u32 = load<u32>(column, ENTRIES) <= 256 ? 1 : 2;
  store<u32>(column, width, OUT_WIDTH);
  store<u32>(column, <u32>to, OUT_DATA);
  if (width == 1) for (let i: u32 = 0; i < count; i++) store<u8>(to + i, <u8>load<u16>(to + (<usize>i << 1)));
  return to + <usize>count * width;
}

function packList(column: usize, rows: u32, to: usize): usize {
  const nulls: usize = load<u32>(column, OUT_NULLS);
  const values: usize = load<u32>(column, VALUES);
  store<u32>(column, <u32>to, OUT_OFFSETS);
  let items: u32 = 0;
  for (let r: u32 = 0; r < rows; r++) {
    store<u32>(to + (<usize>r << 2), items);
    if (!isNull(nulls, r)) items += load<u32>(values + (<usize>r << 3), 4);
  }
  store<u32>(to + (<usize>rows << 2), items);
  store<u32>(column, items, OUT_ITEMS);
  to = aligned(to + (<usize>(rows + 1) << 2));
  return packItems(column, rows, items, to);
}

function packItems(column: usize, rows: u32, items: u32, to: usize): usize {
  const nulls: usize = load<u32>(column, OUT_NULLS);
  const values: usize = load<u32>(column, VALUES);
  const pool: usize = load<u32>(S, POOL_AT);
  let at = to;
  for (let r: u32 = 0; r < rows; r++) {
    if (isNull(nulls, r)) continue;
    const slot = values + (<usize>r << 3);
    let item = pool + (<usize>load<u32>(slot) << 3);
    for (let left = load<u32>(slot, 4); left > 0; left--) {
      const code = intern(column, load<u32>(item), load<u32>(item, 4));
      if (code < 0) {
        store<u32>(column, 1, RAW);
        return packRawItems(column, rows, items, to);
      }
      store<u16>(at, <u16>code);
      at += 2;
      item += 8;
    }
  }
  return narrow(column, items, to);
}

function packRawItems(column: usize, rows: u32, items: u32, to: usize): usize {
  const nulls: usize = load<u32>(column, OUT_NULLS);
  const values: usize = load<u32>(column, VALUES);
  const pool: usize = load<u32>(S, POOL_AT);
  const data = aligned(to + (<usize>(items + 1) << 2));
  store<u32>(column, 0, OUT_WIDTH);
  store<u32>(column, <u32>to, OUT_ITEM_OFFSETS);
  store<u32>(column, <u32>data, OUT_DATA);
  let end: u32 = 0;
  let n: u32 = 0;
  for (let r: u32 = 0; r < rows; r++) {
    if (isNull(nulls, r)) continue;
    const slot = values + (<usize>r << 3);
    let item = pool + (<usize>load<u32>(slot) << 3);
    for (let left = load<u32>(slot, 4); left > 0; left--) {
      store<u32>(to + (<usize>n << 2), end);
      copyOver(data + end, load<u32>(item), load<u32>(item, 4));
      end += load<u32>(item, 4);
      item += 8;
      n++;
    }
  }
  store<u32>(to + (<usize>items << 2), end);
  store<u32>(column, end, OUT_DATA_LENGTH);
  return data + end;
}
