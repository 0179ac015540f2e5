/**
 * Rows of an OVER over blocks: by slot, in chains.
 *
 * Purpose: a row lies in a slot; its values stay in the block that it came in, which is *held* as long as one of its
 * rows is needed. A partition's rows are a chain of slots in order. What a snapshot writes again is pages of 256
 * slots, a page being an entry of the state table. Most of the cost is memory that is touched, so a row that goes
 * leaves its neighbours as they are: a link backward counts only while there is the same one forward.
 *
 * Limits: rows count against the view's budget through their pages. A held block most of whose rows are gone is
 * made anew of the others (`repack`), so that held rows are at most four times those that are needed, and some.
 * Invariant: a slot is taken exactly when `held[slot]` is not -1; a page without rows has no entry;
 * `next` of a slot that is free is -1.
 * Recovery: pages have whole rows; everything else follows from them.
 */
import type { Field } from '../../../../sql/relation/relation.js';
import { blockOfRows, rowAt, type Block } from '../../block.js';
import type { Row, StateBudget } from '../../operator.js';
import { rowCodec, valueCodec } from '../../rows.js';
import { StateTable } from '../../state-table.js';
import { HeldBlock } from './held-block.js';
import { larger } from '../../../../util/typed-arrays.js';

const PAGE_BITS = 8;
const PAGE_SLOTS = 1 << PAGE_BITS;
/** A page with fewer rows is filled again. */
const PAGE_SPARSE = PAGE_SLOTS / 4;
const CAPACITY_MIN = 1_024;
/** No slot, no block. */
export const NONE = -1;
/** Bytes of a slot beside its row. */
const SLOT_BYTES = 160;
/** Rows of one block that is made of others' rest. */
const REPACKED_ROWS = 4_096;

/** What became of a row: it waits, or was passed on (published open), or was published as closed. */
export const [WAITING, PASSED, CLOSED] = [0, 1, 2];

/** A page's entry: what it holds lies in the arrays, but for one that was just read. */
interface Page {
  readonly number: number;
  live: number;
  bytes: number;
  /** The round in which it changed last. */
  round: number;
  isSparse: boolean;
  loaded: readonly LoadedRow[];
}

/** A row of a snapshot. */
export interface LoadedRow {
  readonly slot: number;
  readonly stamp: number;
  readonly row: Row;
}

/** See the head of the file. */
export class PackedRows {
  readonly table: StateTable<Page>;
  /** By slot: time in ms (Infinity: NULL), partition, neighbours in the chain, block and place in it. */
  times = new Float64Array(0);
  keys = new Int32Array(0);
  next = new Int32Array(0);
  previous = new Int32Array(0);
  held = new Int32Array(0);
  at = new Int32Array(0);
  states = new Uint8Array(0);
  /** By slot: 1 while the row has not been put in its place. */
  loose = new Uint8Array(0);
  /** By slot: 1 where another row of the partition had its time when it was put in its place, or after. */
  peers = new Uint8Array(0);
  /** By argument, by slot: its value, NaN where it does not count. */
  readonly values: Float64Array[];
  /** By partition: its last row, -1 where it has none, and that one's time. */
  last = new Int32Array(0);
  lastTimes = new Float64Array(0);
  /** Held blocks by number. */
  readonly blocks: (HeldBlock | null)[] = [];
  readonly #freeBlocks: number[] = [];
  #sparseRows = 0;
  #live = 0;
  readonly #pages: Page[] = [];
  /** Numbers of pages that are worth filling again. */
  #sparsePages: number[] = [];
  /** The page that is being filled, and its first slot that may be free; -1: none is. */
  #filling = NONE;
  #nextSlot = 0;
  #round = 1;
  readonly #fields: readonly Field[];
  readonly #bytesOf: (block: Block) => number;

  constructor(name: string, fields: readonly Field[], argumentCount: number, budget: StateBudget) {
    this.#fields = fields;
    this.#bytesOf = rowBytes(fields, argumentCount);
    this.values = Array.from({ length: argumentCount }, () => new Float64Array(0));
    const codec = rowCodec(fields);
    this.table = new StateTable<Page>(
      name,
      {
        write: (page, writer) => {
          writer.unsigned(page.number);
          writer.unsigned(page.live);
          this.#each(page.number, (slot) => {
            writer.byte(slot & (PAGE_SLOTS - 1));
            writer.double(this.stampOf(slot));
            codec.write(this.rowOf(slot), writer);
          });
        },
        read: (reader) => {
          const number = reader.unsigned();
          const loaded: LoadedRow[] = [];
          for (let left = reader.unsigned(); left > 0; left--) {
            const slot = (number << PAGE_BITS) + reader.byte();
            loaded.push({ slot, stamp: reader.double(), row: codec.read(reader) });
          }
          return { number, live: 0, bytes: 0, round: 0, isSparse: false, loaded };
        },
        bytes: (page) => page.bytes,
      },
      budget,
    );
  }

  #each(page: number, look: (slot: number) => void): void {
    const from = page << PAGE_BITS;
    for (let slot = from; slot < from + PAGE_SLOTS; slot++) if (this.held[slot] !== NONE) look(slot);
  }

  rowOf(slot: number): Row {
    return rowAt(this.blocks[this.held[slot]!]!.block, this.at[slot]!);
  }

  stampOf(slot: number): number {
    return this.blocks[this.held[slot]!]!.stampOf(this.at[slot]!);
  }

  /** Keeps a block whose rows are about to be added. */
  hold(block: Block, stamps: readonly number[] | number, measures: number): HeldBlock {
    const number = this.#freeBlocks.pop() ?? this.blocks.length;
    const held = new HeldBlock(number, block, stamps, measures, this.#bytesOf(block));
    this.blocks[number] = held;
    return held;
  }

  /** Makes room for partitions below a number. */
  openTo(keys: number): void {
    if (keys <= this.last.length) return;
    const capacity = Math.max(CAPACITY_MIN, keys, 2 * this.last.length);
    this.last = larger(this.last, new Int32Array(capacity).fill(NONE));
    this.lastTimes = larger(this.lastTimes, new Float64Array(capacity));
  }

  /** Makes room for so many rows more. */
  reserve(rows: number): void {
    const needed = (this.#pages.length + 1) * PAGE_SLOTS + rows;
    if (needed <= this.times.length) return;
    const capacity = Math.max(CAPACITY_MIN, needed, 2 * this.times.length);
    this.times = larger(this.times, new Float64Array(capacity));
    this.keys = larger(this.keys, new Int32Array(capacity));
    this.next = larger(this.next, new Int32Array(capacity));
    this.previous = larger(this.previous, new Int32Array(capacity));
    this.held = larger(this.held, new Int32Array(capacity).fill(NONE));
    this.at = larger(this.at, new Int32Array(capacity));
    this.states = larger(this.states, new Uint8Array(capacity));
    this.loose = larger(this.loose, new Uint8Array(capacity));
    this.peers = larger(this.peers, new Uint8Array(capacity));
    this.values.forEach((values, i) => (this.values[i] = larger(values, new Float64Array(capacity))));
  }

  /** A slot for a row of a held block, in no chain yet. `reserve` was called. */
  add(held: HeldBlock, at: number, key: number, time: number): number {
    const slot = this.#nextFree();
    this.#touch(this.#pages[slot >> PAGE_BITS]!);
    this.put(slot, held, at, key, time);
    return slot;
  }

  /** The next free slot of the page that is being filled, or the first one of another. */
  #nextFree(): number {
    if (this.#filling !== NONE) {
      const end = (this.#filling + 1) << PAGE_BITS;
      for (; this.#nextSlot < end; this.#nextSlot++) if (this.held[this.#nextSlot] === NONE) return this.#nextSlot++;
      const page = this.#pages[this.#filling]!;
      this.#filling = NONE;
      if (page.live < PAGE_SPARSE) this.#setSparse(page);
    }
    const number = this.#sparsePages.pop() ?? this.#newPage();
    this.#pages[number]!.isSparse = false;
    let slot = number << PAGE_BITS;
    while (this.held[slot] !== NONE) slot++;
    this.#filling = number;
    this.#nextSlot = slot + 1;
    return slot;
  }

  #newPage(): number {
    const number = this.#pages.length;
    this.#pages.push({ number, live: 0, bytes: 0, round: 0, isSparse: false, loaded: [] });
    return number;
  }

  #setSparse(page: Page): void {
    page.isSparse = true;
    this.#sparsePages.push(page.number);
  }

  /** A page is about to change. */
  #touch(page: Page): void {
    if (page.round === this.#round) return;
    page.round = this.#round;
    if (page.live === 0) this.table.set(page.number, page);
    else this.table.touch(page.number);
  }

  /** Puts a row of a held block in a slot. */
  put(slot: number, held: HeldBlock, at: number, key: number, time: number): void {
    const page = this.#pages[slot >> PAGE_BITS]!;
    page.live++;
    page.bytes += held.rowBytes;
    held.slots[at] = slot;
    held.live++;
    this.#live++;
    this.times[slot] = time;
    this.keys[slot] = key;
    this.held[slot] = held.number;
    this.at[slot] = at;
    this.states[slot] = WAITING;
    this.peers[slot] = 0;
  }

  /** The row before a row in its partition; -1: there is none any more. */
  before(slot: number): number {
    const previous = this.previous[slot]!;
    return previous !== NONE && this.next[previous] === slot ? previous : NONE;
  }

  /** Puts a row behind the last of its partition. */
  append(slot: number, key: number, time: number): void {
    const last = this.last[key]!;
    this.previous[slot] = last;
    this.next[slot] = NONE;
    if (last !== NONE) this.next[last] = slot;
    this.last[key] = slot;
    this.lastTimes[key] = time;
  }

  /** Puts a row between two; -1: there is none on that side. */
  insert(slot: number, key: number, before: number, behind: number): void {
    this.previous[slot] = before;
    this.next[slot] = behind;
    if (before !== NONE) this.next[before] = slot;
    if (behind !== NONE) this.previous[behind] = slot;
    else {
      this.last[key] = slot;
      this.lastTimes[key] = this.times[slot]!;
    }
  }

  /** Drops a row before which none of its partition is needed. */
  drop(slot: number): void {
    const key = this.keys[slot]!;
    if (this.last[key] === slot) this.last[key] = NONE;
    this.next[slot] = NONE;
    this.#remove(slot);
  }

  #remove(slot: number): void {
    const page = this.#pages[slot >> PAGE_BITS]!;
    const held = this.blocks[this.held[slot]!]!;
    this.#touch(page);
    page.live--;
    page.bytes -= held.rowBytes;
    this.#live--;
    this.#leave(held, slot);
    this.held[slot] = NONE;
    if (page.live < PAGE_SPARSE && !page.isSparse && page.number !== this.#filling) this.#setSparse(page);
    if (page.live > 0) return;
    this.table.delete(page.number);
    page.round = 0;
  }

  /** A row is no longer one of a held block's. */
  #leave(held: HeldBlock, slot: number): void {
    held.slots[this.at[slot]!] = NONE;
    held.live--;
    if (held.live === 0) this.release(held);
    else if (held.live * 4 < held.block.count) this.#noteSparse(held);
  }

  #noteSparse(held: HeldBlock): void {
    if (held.isSparse) return;
    held.isSparse = true;
    this.#sparseRows += held.block.count;
  }

  /** Lets a block go that has no rows. */
  release(held: HeldBlock): void {
    if (held.isSparse) this.#sparseRows -= held.block.count;
    this.blocks[held.number] = null;
    this.#freeBlocks.push(held.number);
  }

  /** Makes new blocks of what is left of sparse ones, once that is worth it; `made` is told of each. */
  repack(measures: number, made: (held: HeldBlock) => void): void {
    if (this.#sparseRows < REPACKED_ROWS || this.#sparseRows < this.#live) return;
    const slots: number[] = [];
    for (const held of this.blocks)
      if (held !== null && held.isSparse && held.waiting + held.open === 0)
        for (const slot of held.slots) if (slot !== NONE) slots.push(slot);
    for (let from = 0; from < slots.length; from += REPACKED_ROWS)
      made(this.#repack(slots.slice(from, from + REPACKED_ROWS), measures));
  }

  #repack(slots: readonly number[], measures: number): HeldBlock {
    const types = this.#fields.map(({ type }) => type);
    const block = blockOfRows(
      slots.map((slot) => this.rowOf(slot)),
      types,
    );
    const made = this.hold(
      block,
      slots.map((slot) => this.stampOf(slot)),
      measures,
    );
    slots.forEach((slot, at) => {
      const page = this.#pages[slot >> PAGE_BITS]!;
      const old = this.blocks[this.held[slot]!]!;
      this.#touch(page);
      for (let m = 0; m < measures; m++) made.measures[m]![at] = old.measures[m]![this.at[slot]!]!;
      page.bytes += made.rowBytes - old.rowBytes;
      this.#leave(old, slot);
      made.slots[at] = slot;
      made.live++;
      this.held[slot] = made.number;
      this.at[slot] = at;
    });
    return made;
  }

  /** Ends a round: what changes from now on is noted anew. */
  settle(): void {
    this.#round++;
  }

  /** All rows, in no particular order. */
  all(): LoadedRow[] {
    const rows: LoadedRow[] = [];
    for (const { number } of this.#pages)
      this.#each(number, (slot) => rows.push({ slot, stamp: this.stampOf(slot), row: this.rowOf(slot) }));
    return rows;
  }

  /** Forgets all rows; none is taken afterwards. */
  clear(): void {
    for (const { live, number } of this.#pages) if (live > 0) this.table.delete(number);
    this.#pages.length = 0;
    this.blocks.length = 0;
  }

  /** Takes over what the table was loaded with: for each page a block, and the slots of its rows, which `place` fills. */
  restored(place: (rows: readonly LoadedRow[]) => void): void {
    const pages = [...this.table.entries()].map(([, page]) => page);
    const count = pages.reduce((most, { number }) => Math.max(most, number + 1), 0);
    while (this.#pages.length < count) this.#newPage();
    this.reserve(0);
    for (const page of pages) {
      this.#pages[page.number] = page;
      const { loaded } = page;
      page.loaded = [];
      place(loaded);
    }
    for (const page of this.#pages) if (page.live < PAGE_SPARSE) this.#setSparse(page);
  }
}

function rowBytes(fields: readonly Field[], argumentCount: number): (block: Block) => number {
  const codecs = fields.map(({ type }) => valueCodec(type));
  const fixed = SLOT_BYTES + 8 * (fields.length + argumentCount);
  return ({ count, vectors }) => {
    let bytes = 0;
    vectors.slice(0, fields.length).forEach((vector, field) => {
      if (vector.kind !== 'values') return;
      for (let i = 0; i < count; i++) bytes += codecs[field]!.bytes(vector.values[i]!);
    });
    return fixed + Math.ceil(bytes / Math.max(1, count));
  };
}
