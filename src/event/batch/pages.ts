/**
 * Dictionary pages: the entries that a batch brings.
 *
 *   u32 blocks, u32 0
 *   a block:  u16 column, u8 length width, u8 0, u32 first entry, u32 entries, u32 bytes of them
 *   then for each block its lengths, and its bytes; each starts at a multiple of 8
 */
import type { Dictionary } from '../dictionary.js';
import { crc32c } from './crc.js';
import { widthOf } from './encode-text.js';
import type { BatchPages } from './batch-pages.js';
import { damaged, FLAG } from './layout.js';
import { PAGES_PER_WHOLE, type DictionaryScope } from './scope.js';
import type { BatchTarget } from './target.js';

/** Whether the scope holds entries that no page has yet. */
export function hasNewEntries(scope: DictionaryScope): boolean {
  for (const column of scope.columns) if (column.dictionary.size > column.written) return true;
  return false;
}

/**
 * Writes the new entries, or all when it is time (or `whole`), at `target.position`, and where into
 * the header of the batch at `start`. Answers the header's flag.
 */
export function writeDictionaryPage(
  target: BatchTarget,
  start: number,
  scope: DictionaryScope,
  whole: boolean,
): number {
  const all = whole || scope.pagesSinceWhole === 0 || scope.pagesSinceWhole >= PAGES_PER_WHOLE;
  scope.pagesSinceWhole = all ? 1 : scope.pagesSinceWhole + 1;
  target.align();
  const at = target.position;
  const blocks = scope.columns.filter((column) => column.dictionary.size > (all ? 0 : column.written));
  target.reserve(8 + blocks.length * 16);
  target.u32[at >> 2] = blocks.length;
  target.u32[(at >> 2) + 1] = 0;
  target.position = at + 8 + blocks.length * 16;
  blocks.forEach((block, i) => {
    writeBlock(target, at + 8 + i * 16, block.column, block.dictionary, all ? 0 : block.written);
    block.written = block.dictionary.size;
  });
  target.u32[(start + 64) >> 2] = at - start;
  target.u32[(start + 68) >> 2] = target.position - at;
  target.u32[(start + 72) >> 2] = crc32c(target.bytes, at, target.position);
  return all ? FLAG.whole : 0;
}

function writeBlock(target: BatchTarget, at: number, column: number, dictionary: Dictionary, first: number): void {
  const { offsets, size } = dictionary;
  let longest = 0;
  for (let code = first; code < size; code++) longest = Math.max(longest, offsets[code + 1]! - offsets[code]!);
  const width = widthOf(longest);
  const from = offsets[first]!;
  const bytes = offsets[size]! - from;
  target.bytes[at + 2] = width;
  target.bytes[at + 3] = 0;
  target.u16[at >> 1] = column;
  target.u32[(at >> 2) + 1] = first;
  target.u32[(at >> 2) + 2] = size - first;
  target.u32[(at >> 2) + 3] = bytes;
  target.reserve((size - first) * width + bytes + 16);
  const to = width === 1 ? target.bytes : width === 2 ? target.u16 : target.u32;
  const o = target.position / width;
  for (let code = first; code < size; code++) to[o + code - first] = offsets[code + 1]! - offsets[code]!;
  target.position += (size - first) * width;
  target.align();
  target.bytes.set(dictionary.data.subarray(from, from + bytes), target.position);
  target.position += bytes;
  target.align();
}

/** One column's entries in a page. */
export interface EntryBlock {
  readonly column: number;
  readonly first: number;
  readonly count: number;
  readonly lengths: Uint8Array | Uint16Array | Uint32Array;
  readonly data: Uint8Array;
}

/** The blocks of a batch's dictionary page. Throws LOG_PAGE_DAMAGED when its crc fails. */
export function readDictionaryPage(pages: BatchPages): EntryBlock[] {
  const { header } = pages;
  const page = header.dictionary;
  if (page === null) return [];
  const bytes = pages.page(page.at, page.bytes);
  if (bytes.length < page.bytes || crc32c(bytes, 0, page.bytes) !== page.crc)
    throw damaged(
      `the dictionary page of the batch at offset ${header.baseOffset} fails its crc`,
      `offset ${header.baseOffset}`,
    );
  const view = new DataView(bytes.buffer, bytes.byteOffset, page.bytes);
  const count = view.getUint32(0, true);
  const blocks: EntryBlock[] = [];
  let position = 8 + count * 16;
  for (let i = 0; i < count; i++) {
    const at = 8 + i * 16;
    const width = view.getUint8(at + 2);
    const entries = view.getUint32(at + 8, true);
    const size = view.getUint32(at + 12, true);
    const lengths = narrowView(bytes, position, entries, width);
    position = (position + entries * width + 7) & ~7;
    blocks.push({
      column: view.getUint16(at, true),
      first: view.getUint32(at + 4, true),
      count: entries,
      lengths,
      data: bytes.subarray(position, position + size),
    });
    position = (position + size + 7) & ~7;
  }
  return blocks;
}

/** A view of `count` unsigned numbers of `width` bytes at `at`, which is a multiple of 8 in the buffer. */
export function narrowView(
  bytes: Uint8Array,
  at: number,
  count: number,
  width: number,
): Uint8Array | Uint16Array | Uint32Array {
  const from = bytes.byteOffset + at;
  if (width === 1) return bytes.subarray(at, at + count);
  return width === 2 ? new Uint16Array(bytes.buffer, from, count) : new Uint32Array(bytes.buffer, from, count);
}
