/**
 * Strings, dictionary codes and lists into column pages.
 *
 * Strings are lengths in the narrowest width that holds the longest, then the bytes. Codes are
 * translated into the scope's dictionary first; a dictionary that is full turns the column into
 * raw bytes.
 */
import type { BytesColumn, BytesListColumn, Column, DictionaryColumn, ListColumn } from '../columns.js';
import type { Dictionary } from '../dictionary.js';
import { ENCODING } from './layout.js';
import type { PageInfo } from './encode-numbers.js';
import { lookupOf, takeWhole, translateNew, withSole, type ScopeColumn } from './scope.js';
import { sliceRows, type RowSlice } from './slices.js';
import type { BatchTarget } from './target.js';

/** Lengths of rows or of items, and translated codes, kept between calls. */
let lengths = new Uint32Array(1024);
let codes = new Uint16Array(1024);
let itemCount = 0;

/** The narrowest of 1, 2 and 4 bytes that holds `largest`. */
export function widthOf(largest: number): 1 | 2 | 4 {
  return largest < 256 ? 1 : largest < 65_536 ? 2 : 4;
}

/** Writes `count` numbers of `source` with `width` bytes each, then pads to 8. */
export function writeNarrow(target: BatchTarget, source: ArrayLike<number>, count: number, width: number): void {
  target.reserve(count * width);
  const at = target.position;
  if (width === 1) for (let i = 0, to = target.bytes; i < count; i++) to[at + i] = source[i]!;
  else if (width === 2) for (let i = 0, to = target.u16, o = at >> 1; i < count; i++) to[o + i] = source[i]!;
  else for (let i = 0, to = target.u32, o = at >> 2; i < count; i++) to[o + i] = source[i]!;
  target.position = at + count * width;
  target.align();
}

/** `string`, `bytes`, `json`, or a `dictionary` that is written raw. */
export function writeBytes(
  target: BatchTarget,
  slices: readonly RowSlice[],
  index: number,
  rows: number,
  info: PageInfo,
): void {
  info.encoding = ENCODING.bytes;
  if (lengths.length < rows) lengths = new Uint32Array(rows * 2);
  let out = 0;
  let longest = 0;
  for (const slice of slices) {
    const column = slice.batch.column(index);
    const count = sliceRows(slice);
    const most =
      column.kind === 'dictionary'
        ? lengthsOfCodes(column, slice.rows, count, out)
        : lengthsOfTexts((column as BytesColumn).offsets, slice.rows, count, out);
    if (most > longest) longest = most;
    out += count;
  }
  let total = 0;
  for (let i = 0; i < rows; i++) total += lengths[i]!;
  info.width = widthOf(longest);
  writeNarrow(target, lengths, rows, info.width);
  target.reserve(total);
  for (const slice of slices) copyBytes(target, slice, slice.batch.column(index));
}

function lengthsOfTexts(offsets: Uint32Array, chosen: Uint32Array | null, count: number, out: number): number {
  const to = lengths;
  let longest = 0;
  if (chosen === null) {
    let from = offsets[0]!;
    for (let i = 0; i < count; i++) {
      const end = offsets[i + 1]!;
      const length = end - from;
      to[out + i] = length;
      if (length > longest) longest = length;
      from = end;
    }
    return longest;
  }
  for (let i = 0; i < count; i++) {
    const row = chosen[i]!;
    const length = offsets[row + 1]! - offsets[row]!;
    to[out + i] = length;
    if (length > longest) longest = length;
  }
  return longest;
}

function lengthsOfCodes(column: DictionaryColumn, chosen: Uint32Array | null, count: number, out: number): number {
  const { offsets } = column.dictionary;
  let longest = 0;
  for (let i = 0; i < count; i++) {
    const row = chosen === null ? i : chosen[i]!;
    const code = column.codes[row]!;
    const length = isNullRow(column, row) ? 0 : offsets[code + 1]! - offsets[code]!;
    lengths[out + i] = length;
    if (length > longest) longest = length;
  }
  return longest;
}

function copyBytes(target: BatchTarget, slice: RowSlice, column: Column): void {
  const count = sliceRows(slice);
  const chosen = slice.rows;
  if (column.kind === 'dictionary') {
    const { data, offsets } = column.dictionary;
    for (let i = 0; i < count; i++) {
      const row = chosen === null ? i : chosen[i]!;
      if (isNullRow(column, row)) continue;
      copyRange(target, data, offsets[column.codes[row]!]!, offsets[column.codes[row]! + 1]!);
    }
    return;
  }
  const { data, offsets } = column as BytesColumn;
  if (chosen === null) copyRange(target, data, offsets[0]!, offsets[count]!);
  else copyChosen(target, data, offsets, chosen);
}

/** Neighbouring rows are copied together. */
function copyChosen(target: BatchTarget, data: Uint8Array, offsets: Uint32Array, chosen: Uint32Array): void {
  for (let i = 0; i < chosen.length;) {
    const first = chosen[i++]!;
    let last = first;
    while (i < chosen.length && chosen[i] === last + 1) last = chosen[i++]!;
    copyRange(target, data, offsets[first]!, offsets[last + 1]!);
  }
}

function copyRange(target: BatchTarget, data: Uint8Array, from: number, to: number): void {
  const bytes = target.bytes;
  let o = target.position;
  if (to - from < 64) for (let i = from; i < to; i++) bytes[o++] = data[i]!;
  else bytes.set(data.subarray(from, to), o);
  target.position += to - from;
}

function isNullRow(column: Column, row: number): boolean {
  return column.nulls !== null && ((column.nulls[row >> 3]! >> (row & 7)) & 1) === 1;
}

/** The dictionary that all rows of a column share; null where they don't. */
function soleDictionary(slices: readonly RowSlice[], index: number): Dictionary | null {
  let sole: Dictionary | null = null;
  for (const { batch } of slices) {
    const column = batch.column(index);
    if (column.kind !== 'dictionary' && column.kind !== 'list') return null;
    if (sole !== null && sole !== column.dictionary) return null;
    sole = column.dictionary;
  }
  return sole;
}

/** Translates a `dictionary` column into the scope; false when its table is full. Fills `codes`. */
function translate(slices: readonly RowSlice[], index: number, rows: number, scope: ScopeColumn): number {
  if (codes.length < rows) codes = new Uint16Array(rows * 2);
  const first = slices[0]!.batch.column(index);
  if (slices.length === 1 && slices[0]!.rows === null && first.kind === 'dictionary') {
    if (takeWhole(scope, first.dictionary, rows)) return keepCodes(first, rows);
  }
  let out = 0;
  let largest = 0;
  for (const slice of slices) {
    const column = slice.batch.column(index);
    const count = sliceRows(slice);
    const most =
      column.kind === 'dictionary'
        ? translateCodes(column, slice.rows, count, out, scope)
        : internRows(column as BytesColumn, slice.rows, count, out, scope);
    if (most < 0) return -1;
    if (most > largest) largest = most;
    out += count;
  }
  return largest;
}

/** The column's own codes; a null row's is 0. Answers the largest. */
function keepCodes(column: DictionaryColumn, rows: number): number {
  const from = column.codes;
  const to = codes;
  let largest = 0;
  for (let row = 0; row < rows; row++) {
    const code = from[row]!;
    to[row] = code;
    if (code > largest) largest = code;
  }
  return largest;
}

function translateCodes(
  column: DictionaryColumn,
  chosen: Uint32Array | null,
  count: number,
  out: number,
  scope: ScopeColumn,
): number {
  const source = column.dictionary;
  const lookup = lookupOf(scope, source);
  const from = column.codes;
  const nulls = column.nulls;
  const to = codes;
  let largest = 0;
  for (let i = 0; i < count; i++) {
    const row = chosen === null ? i : chosen[i]!;
    if (nulls !== null && ((nulls[row >> 3]! >> (row & 7)) & 1) === 1) {
      to[out + i] = 0;
      continue;
    }
    let code = lookup[from[row]!]!;
    if (code < 0 && (code = translateNew(scope, lookup, source, from[row]!)) < 0) return -1;
    to[out + i] = code;
    if (code > largest) largest = code;
  }
  return largest;
}

function internRows(
  column: BytesColumn,
  chosen: Uint32Array | null,
  count: number,
  out: number,
  scope: ScopeColumn,
): number {
  let largest = 0;
  for (let i = 0; i < count; i++) {
    const row = chosen === null ? i : chosen[i]!;
    const code = isNullRow(column, row)
      ? 0
      : scope.dictionary.intern(column.data, column.offsets[row]!, column.offsets[row + 1]!);
    if (code < 0) return -1;
    codes[out + i] = code;
    if (code > largest) largest = code;
  }
  return largest;
}

/** `dictionary`: codes while the scope has room, then raw bytes. */
export function writeDictionary(
  target: BatchTarget,
  slices: readonly RowSlice[],
  index: number,
  rows: number,
  scope: ScopeColumn,
  info: PageInfo,
): void {
  const largest = scope.full
    ? -1
    : withSole(scope, soleDictionary(slices, index), () => translate(slices, index, rows, scope));
  if (largest < 0) {
    scope.full = true;
    return writeBytes(target, slices, index, rows, info);
  }
  info.encoding = ENCODING.dictionary;
  info.width = largest < 256 ? 1 : 2;
  info.entriesNeeded = scope.dictionary.size;
  writeNarrow(target, codes, rows, info.width);
}

/** `list`: items a row, then codes while the scope has room, then raw items. */
export function writeList(
  target: BatchTarget,
  slices: readonly RowSlice[],
  index: number,
  rows: number,
  scope: ScopeColumn,
  info: PageInfo,
): void {
  if (lengths.length < rows) lengths = new Uint32Array(rows * 2);
  let longest = 0;
  let out = 0;
  let total = 0;
  for (const slice of slices) {
    const { offsets } = slice.batch.column(index) as ListColumn | BytesListColumn;
    const count = sliceRows(slice);
    for (let i = 0; i < count; i++, out++) {
      const row = slice.rows === null ? i : slice.rows[i]!;
      const length = offsets[row + 1]! - offsets[row]!;
      lengths[out] = length;
      total += length;
      if (length > longest) longest = length;
    }
  }
  info.width2 = widthOf(longest);
  info.items = total;
  writeNarrow(target, lengths, rows, info.width2);
  const largest = scope.full
    ? -1
    : withSole(scope, soleDictionary(slices, index), () => translateItems(slices, index, total, scope));
  if (largest < 0) {
    scope.full = true;
    return writeRawItems(target, slices, index, total, info);
  }
  info.encoding = ENCODING.list;
  info.width = largest < 256 ? 1 : 2;
  info.entriesNeeded = scope.dictionary.size;
  writeNarrow(target, codes, total, info.width);
}

function translateItems(slices: readonly RowSlice[], index: number, total: number, scope: ScopeColumn): number {
  if (codes.length < total) codes = new Uint16Array(total * 2);
  itemCount = 0;
  let largest = 0;
  for (const slice of slices) {
    const column = slice.batch.column(index) as ListColumn | BytesListColumn;
    const lookup = column.kind === 'list' ? lookupOf(scope, column.dictionary) : null;
    const count = sliceRows(slice);
    for (let i = 0; i < count; i++) {
      const row = slice.rows === null ? i : slice.rows[i]!;
      for (let item = column.offsets[row]!, end = column.offsets[row + 1]!; item < end; item++) {
        const code = translateItem(column, item, lookup, scope);
        if (code < 0) return -1;
        codes[itemCount++] = code;
        if (code > largest) largest = code;
      }
    }
  }
  return largest;
}

function translateItem(
  column: ListColumn | BytesListColumn,
  item: number,
  lookup: Int32Array | null,
  scope: ScopeColumn,
): number {
  if (column.kind === 'bytesList')
    return scope.dictionary.intern(column.items.data, column.items.offsets[item]!, column.items.offsets[item + 1]!);
  const code = lookup![column.codes[item]!]!;
  return code >= 0 ? code : translateNew(scope, lookup!, column.dictionary, column.codes[item]!);
}

function writeRawItems(
  target: BatchTarget,
  slices: readonly RowSlice[],
  index: number,
  total: number,
  info: PageInfo,
): void {
  info.encoding = ENCODING.bytesList;
  const sizes = new Uint32Array(total);
  let longest = 0;
  let bytes = 0;
  eachItem(slices, index, (item, _data, from, to) => {
    sizes[item] = to - from;
    bytes += to - from;
    longest = Math.max(longest, to - from);
  });
  info.width = widthOf(longest);
  writeNarrow(target, sizes, total, info.width);
  target.reserve(bytes);
  eachItem(slices, index, (_item, data, from, to) => copyRange(target, data, from, to));
}

function eachItem(
  slices: readonly RowSlice[],
  index: number,
  visit: (item: number, data: Uint8Array, from: number, to: number) => void,
): void {
  let out = 0;
  for (const slice of slices) {
    const column = slice.batch.column(index) as ListColumn | BytesListColumn;
    const { data, offsets } = column.kind === 'list' ? column.dictionary : column.items;
    const count = sliceRows(slice);
    for (let i = 0; i < count; i++) {
      const row = slice.rows === null ? i : slice.rows[i]!;
      for (let item = column.offsets[row]!; item < column.offsets[row + 1]!; item++) {
        const entry = column.kind === 'list' ? column.codes[item]! : item;
        visit(out++, data, offsets[entry]!, offsets[entry + 1]!);
      }
    }
  }
}
