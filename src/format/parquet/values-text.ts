/** Strings, dictionary codes and lists as Parquet values, nulls left out, with their bounds. */
import { sliceRows, totalRows, type BatchTarget, type RowSlice } from '../../event/batch.js';
import {
  isNull,
  type BytesColumn,
  type BytesListColumn,
  type Column,
  type DictionaryColumn,
  type ListColumn,
} from '../../event/columns.js';
import { TextBounds } from '../../event/text-bounds.js';
import { setBounds, writeOne } from './byte-array.js';
import { setLength, type Chunk } from './chunk-body.js';
import { tableOf, type CodeTable } from './code-table.js';
import { ENCODING, type ParquetColumn } from './format.js';
import { bitWidthOf, writePacked } from './levels.js';

let codes = new Uint16Array(65_536);
let definitions = new Uint8Array(1024);
let repetitions = new Uint8Array(1024);

/** BYTE_ARRAY, plain: u32 length and bytes each. */
export function writeByteValues(
  slices: readonly RowSlice[],
  index: number,
  count: number,
  body: BatchTarget,
  chunk: Chunk,
): void {
  const bounds = new TextBounds();
  for (const slice of slices) {
    const column = slice.batch.column(index);
    if (column.kind === 'bytes' && slice.rows === null && column.nulls === null)
      writeAll(body, column, slice.batch.rows, bounds);
    else writeChosen(body, column, slice, bounds);
  }
  if (count > 0) setBounds(chunk, bounds);
}

function writeAll(body: BatchTarget, { data, offsets }: BytesColumn, rows: number, bounds: TextBounds): void {
  let from = offsets[0]!;
  body.reserve(rows * 4 + offsets[rows]! - from);
  const bytes = body.bytes;
  let at = body.position;
  for (let row = 0; row < rows; row++) {
    const to = offsets[row + 1]!;
    const length = to - from;
    bytes[at] = length;
    bytes[at + 1] = length >>> 8;
    bytes[at + 2] = length >>> 16;
    bytes[at + 3] = length >>> 24;
    at += 4;
    bounds.take(data, from, to);
    if (length > 200) {
      bytes.set(data.subarray(from, to), at);
      at += length;
    } else for (let i = from; i < to; i++) bytes[at++] = data[i]!;
    from = to;
  }
  body.position = at;
}

function writeChosen(body: BatchTarget, column: Column, slice: RowSlice, bounds: TextBounds): void {
  const { data, offsets } = textOf(column);
  const codes = column.kind === 'dictionary' ? column.codes : null;
  const { nulls } = column;
  const { rows } = slice;
  const count = sliceRows(slice);
  // First how much it is: then there is room, and the bytes are one array all the time.
  let total = 0;
  for (let i = 0; i < count; i++) {
    const row = rows === null ? i : rows[i]!;
    const entry = codes === null ? row : codes[row]!;
    total += offsets[entry + 1]! - offsets[entry]! + 4;
  }
  body.reserve(total);
  const { bytes } = body;
  let at = body.position;
  for (let i = 0; i < count; i++) {
    const row = rows === null ? i : rows[i]!;
    if (nulls !== null && ((nulls[row >> 3]! >> (row & 7)) & 1) === 1) continue;
    const entry = codes === null ? row : codes[row]!;
    const from = offsets[entry]!;
    const to = offsets[entry + 1]!;
    const length = to - from;
    bytes[at] = length;
    bytes[at + 1] = length >>> 8;
    bytes[at + 2] = length >>> 16;
    bytes[at + 3] = length >>> 24;
    at += 4;
    bounds.take(data, from, to);
    if (length > 200) {
      bytes.set(data.subarray(from, to), at);
      at += length;
    } else for (let byte = from; byte < to; byte++) bytes[at++] = data[byte]!;
  }
  body.position = at;
}

function textOf(column: Column): { data: Uint8Array; offsets: Uint32Array } {
  return column.kind === 'dictionary' ? column.dictionary : (column as BytesColumn);
}

/** RLE_DICTIONARY: bit width, then packed codes; plain when the table gets too large. */
export function writeCodeValues(
  slices: readonly RowSlice[],
  index: number,
  count: number,
  body: BatchTarget,
  entries: BatchTarget,
  chunk: Chunk,
): void {
  const table = tableOf(slices, index);
  if (codes.length < count) codes = new Uint16Array(count * 2);
  let out = 0;
  for (const slice of slices) {
    out = translateCodes(slice, index, out, table);
    if (out < 0) break;
  }
  if (out >= 0) finishTable(table, out, body, entries, chunk);
  table.release();
  if (out < 0) writeByteValues(slices, index, count, body, chunk);
}

/** Fills `codes` from `out` on; answers where it ended, or -1 when the table is full. */
function translateCodes(slice: RowSlice, index: number, start: number, table: CodeTable): number {
  const column = slice.batch.column(index) as DictionaryColumn | BytesColumn;
  const rows = sliceRows(slice);
  const chosen = slice.rows;
  const { nulls } = column;
  const lookup = column.kind === 'dictionary' ? table.lookup(column.dictionary) : null;
  let out = start;
  for (let i = 0; i < rows; i++) {
    const row = chosen === null ? i : chosen[i]!;
    if (nulls !== null && ((nulls[row >> 3]! >> (row & 7)) & 1) === 1) continue;
    let code: number;
    if (lookup !== null) {
      const from = (column as DictionaryColumn).codes[row]!;
      code = lookup[from]!;
      if (code < 0) code = lookup[from] = table.add((column as DictionaryColumn).dictionary, from);
    } else code = table.addBytes(column as BytesColumn, row);
    if (code < 0) return -1;
    codes[out++] = code;
  }
  return out;
}

function finishTable(table: CodeTable, count: number, body: BatchTarget, entries: BatchTarget, chunk: Chunk): void {
  if (table.size === 0) return;
  chunk.encoding = ENCODING.rleDictionary;
  chunk.dictionaryEntries = table.size;
  table.write(entries, chunk);
  const bitWidth = bitWidthOf(Math.max(0, table.size - 1));
  body.reserve(1);
  body.bytes[body.position++] = bitWidth;
  writePacked(body, codes, count, bitWidth);
}

/** LIST: levels of every item, then the items. */
export function writeListValues(
  column: ParquetColumn,
  slices: readonly RowSlice[],
  index: number,
  body: BatchTarget,
  entries: BatchTarget,
  chunk: Chunk,
): void {
  const levels = fillLevels(column, slices, index);
  chunk.entries = levels;
  writeLevels(body, repetitions, levels, 1);
  writeLevels(body, definitions, levels, column.maxDefinition);
  let items = 0;
  for (let i = 0; i < levels; i++) if (definitions[i] === column.maxDefinition) items++;
  // Parquet counts every level without a value as null, empty lists too.
  chunk.nullCount = levels - items;
  if (codes.length < items) codes = new Uint16Array(items * 2);
  const table = tableOf(slices, index);
  let out = 0;
  for (const slice of slices) {
    out = translateItems(slice, index, out, table);
    if (out < 0) break;
  }
  if (out >= 0) finishTable(table, items, body, entries, chunk);
  table.release();
  if (out < 0) writePlainItems(slices, index, body, chunk);
}

function fillLevels(column: ParquetColumn, slices: readonly RowSlice[], index: number): number {
  const present = column.maxDefinition;
  let levels = 0;
  let most = totalRows(slices);
  for (const slice of slices) most += itemsOf(slice, index);
  if (definitions.length < most) {
    definitions = new Uint8Array(most * 2);
    repetitions = new Uint8Array(most * 2);
  }
  for (const slice of slices) {
    const list = slice.batch.column(index) as ListColumn | BytesListColumn;
    const rows = sliceRows(slice);
    for (let i = 0; i < rows; i++) {
      const row = slice.rows === null ? i : slice.rows[i]!;
      const missing = isNull(list.nulls, row);
      const items = missing ? 0 : list.offsets[row + 1]! - list.offsets[row]!;
      repetitions[levels] = 0;
      definitions[levels++] = items > 0 ? present : missing ? 0 : present - 1;
      for (let item = 1; item < items; item++) {
        repetitions[levels] = 1;
        definitions[levels++] = present;
      }
    }
  }
  return levels;
}

function itemsOf(slice: RowSlice, index: number): number {
  const { offsets } = slice.batch.column(index) as ListColumn | BytesListColumn;
  if (slice.rows === null) return offsets[slice.batch.rows]! - offsets[0]!;
  let items = 0;
  for (const row of slice.rows) items += offsets[row + 1]! - offsets[row]!;
  return items;
}

function writeLevels(body: BatchTarget, levels: Uint8Array, count: number, largest: number): void {
  body.reserve(4);
  const at = body.position;
  body.position += 4;
  writePacked(body, levels, count, bitWidthOf(largest));
  setLength(body, at);
}

function translateItems(slice: RowSlice, index: number, start: number, table: CodeTable): number {
  const list = slice.batch.column(index) as ListColumn | BytesListColumn;
  const lookup = list.kind === 'list' ? table.lookup(list.dictionary) : null;
  const rows = sliceRows(slice);
  let out = start;
  for (let i = 0; i < rows; i++) {
    const row = slice.rows === null ? i : slice.rows[i]!;
    if (isNull(list.nulls, row)) continue;
    for (let item = list.offsets[row]!; item < list.offsets[row + 1]!; item++) {
      let code: number;
      if (list.kind === 'list') {
        code = lookup![list.codes[item]!]!;
        if (code < 0) code = lookup![list.codes[item]!] = table.add(list.dictionary, list.codes[item]!);
      } else code = table.addBytes(list.items, item);
      if (code < 0) return -1;
      codes[out++] = code;
    }
  }
  return out;
}

function writePlainItems(slices: readonly RowSlice[], index: number, body: BatchTarget, chunk: Chunk): void {
  const bounds = new TextBounds();
  let any = false;
  for (const slice of slices) {
    const list = slice.batch.column(index) as ListColumn | BytesListColumn;
    const { data, offsets } = list.kind === 'list' ? list.dictionary : list.items;
    const rows = sliceRows(slice);
    for (let i = 0; i < rows; i++) {
      const row = slice.rows === null ? i : slice.rows[i]!;
      if (isNull(list.nulls, row)) continue;
      for (let item = list.offsets[row]!; item < list.offsets[row + 1]!; item++) {
        const at = list.kind === 'list' ? list.codes[item]! : item;
        writeOne(body, data, offsets[at]!, offsets[at + 1]!);
        bounds.take(data, offsets[at]!, offsets[at + 1]!);
        any = true;
      }
    }
  }
  if (any) setBounds(chunk, bounds);
}
