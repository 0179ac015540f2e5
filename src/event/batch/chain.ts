/**
 * The dictionaries of one (segment, stream, partition), as a reader builds them from pages.
 *
 * Batches of a segment are applied in order. A reader that starts in the middle lets `open` walk
 * the links back to the last whole page: at most `PAGES_PER_WHOLE` batches in an undamaged segment.
 * Dictionary objects live as long as the chain, so tables that translate codes by dictionary
 * identity stay warm over a whole segment.
 *
 * Damage: a page whose crc fails, or a batch that is gone, leaves a *hole*: a range of codes whose
 * entries are unknown. Rows without such a code read on; a column that uses one throws, naming its
 * rows. A later whole page fills holes; the dictionary object is then a new one, because lookup
 * tables may remember the empty entries.
 */
import { MillraceError } from '../../util/errors.js';
import { Dictionary } from '../dictionary.js';
import { pagesOf, type BatchPages } from './batch-pages.js';
import { ENCODING, readDescriptor, type BatchHeader } from './layout.js';
import { readDictionaryPage, type EntryBlock } from './pages.js';

/** Codes `first .. end - 1` whose entries are lost. */
export interface Hole {
  readonly first: number;
  readonly end: number;
}

interface ChainColumn {
  dictionary: Dictionary;
  holes: Hole[];
}

/** A reader's dictionaries of one (segment, stream, partition). */
export class DictionaryChain {
  readonly #columns = new Map<number, ChainColumn>();
  /** Pages that failed their crc, by the base offset of their batch. */
  readonly damagedPages: number[] = [];

  /** The dictionary of a column; empty when no page named it yet. */
  dictionary(column: number): Dictionary {
    return this.#column(column).dictionary;
  }

  /** The codes of a column whose entries are lost. */
  holes(column: number): readonly Hole[] {
    return this.#columns.get(column)?.holes ?? [];
  }

  /** Takes the entries that a batch brings. Self-contained batches bring none to others. */
  apply(bytes: Uint8Array): void {
    this.applyPages(pagesOf(bytes));
  }

  /** As `apply`. */
  applyPages(pages: BatchPages): void {
    const { head, header } = pages;
    if (!header.attached) return;
    for (const block of this.#read(pages)) this.#take(block);
    if (header.kind !== 'rows') return;
    for (let index = 0; index < header.columns; index++) {
      const { encoding, entriesNeeded } = readDescriptor(head, index);
      if (encoding !== ENCODING.dictionary && encoding !== ENCODING.list) continue;
      const column = this.#column(index);
      if (entriesNeeded > column.dictionary.size) punch(column, entriesNeeded);
    }
  }

  /**
   * Makes ready to decode a batch when the batches before it were not applied: follows
   * the links back to a whole page that is intact and applies forward. `readBatch` gives the bytes
   * of the batch at a position in the segment, or null when they can't be read.
   */
  open(bytes: Uint8Array, readBatch: (position: number) => Uint8Array | null): void {
    this.openPages(pagesOf(bytes), readBatch);
  }

  /** As `open`. */
  openPages(batch: BatchPages, readBatch: (position: number) => Uint8Array | null): void {
    const batches: BatchPages[] = [];
    let current: BatchPages | null = batch;
    while (current !== null && current.header.attached) {
      const { dictionary, previousDictionary }: BatchHeader = current.header;
      if (dictionary !== null || batches.length === 0) batches.push(current);
      if (dictionary?.whole === true && pageIntact(current)) break;
      const before: Uint8Array | null = previousDictionary < 0 ? null : readBatch(previousDictionary);
      current = before === null ? null : pagesOrNull(before);
    }
    for (const pages of batches.reverse()) this.applyPages(pages);
  }

  #read(pages: BatchPages): EntryBlock[] {
    try {
      return readDictionaryPage(pages);
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      this.damagedPages.push(pages.header.baseOffset);
      return [];
    }
  }

  #take(block: EntryBlock): void {
    const column = this.#column(block.column);
    const end = block.first + block.count;
    if (column.holes.some((hole) => hole.first >= block.first && hole.first < end)) return heal(column, block);
    if (end <= column.dictionary.size) return;
    if (block.first > column.dictionary.size) punch(column, block.first);
    append(column.dictionary, block, column.dictionary.size - block.first);
  }

  #column(index: number): ChainColumn {
    let column = this.#columns.get(index);
    if (column === undefined) this.#columns.set(index, (column = { dictionary: new Dictionary(), holes: [] }));
    return column;
  }
}

/** Adds a block's entries from its entry `skip` on. */
function append(dictionary: Dictionary, block: EntryBlock, skip: number): void {
  let start = 0;
  for (let i = 0; i < skip; i++) start += block.lengths[i]!;
  dictionary.appendEntries(block.lengths.subarray(skip), block.count - skip, block.data, start);
}

/** Fills up to `end` with empty entries and remembers that they are none. */
function punch(column: ChainColumn, end: number): void {
  const first = column.dictionary.size;
  column.dictionary.appendEntries(new Uint8Array(end - first), end - first, new Uint8Array(0), 0);
  column.holes.push({ first, end });
}

/** A page repeats entries that were lost: builds the dictionary anew with them. */
function heal(column: ChainColumn, block: EntryBlock): void {
  const old = column.dictionary;
  const next = new Dictionary();
  copyEntries(old, next, 0, Math.min(block.first, old.size));
  append(next, block, 0);
  const end = next.size;
  copyEntries(old, next, end, old.size);
  column.dictionary = next;
  column.holes = column.holes.flatMap((hole) => without(hole, block.first, end));
}

function copyEntries(from: Dictionary, to: Dictionary, first: number, end: number): void {
  if (end <= first) return;
  const lengths = new Uint32Array(end - first);
  for (let code = first; code < end; code++) lengths[code - first] = from.offsets[code + 1]! - from.offsets[code]!;
  to.appendEntries(lengths, end - first, from.data, from.offsets[first]!);
}

function without(hole: Hole, first: number, end: number): Hole[] {
  const rest: Hole[] = [];
  if (hole.first < first) rest.push({ first: hole.first, end: Math.min(hole.end, first) });
  if (hole.end > end) rest.push({ first: Math.max(hole.first, end), end: hole.end });
  return rest;
}

function pagesOrNull(bytes: Uint8Array): BatchPages | null {
  try {
    return pagesOf(bytes);
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'LOG_PAGE_DAMAGED') return null;
    throw error;
  }
}

function pageIntact(pages: BatchPages): boolean {
  try {
    readDictionaryPage(pages);
    return true;
  } catch (error) {
    if (error instanceof MillraceError) return false;
    throw error;
  }
}
