/**
 * Rows of one input of an operator over blocks, in numbered slots: `row-store.ts` without an object a row.
 *
 * Fields lie in columns (`packed-columns.ts`), beside them each row's stamp, the id of its key, and a number of the
 * operator's own. Whatever finds rows holds slots, and is built again from `restored`.
 *
 * Snapshots cost what changed: 256 slots are a page, a page is one entry, written as the store of rows writes it. Rows
 * that come together lie together: a page is filled from its first free slot to its last, then one that is less than
 * a quarter full, else a new one. So rows that also go together leave whole pages.
 *
 * Limits: bytes count against the view's budget as they are taken. At most four slots a row.
 * Invariant: `#live` of a page is the number of its slots in `isTaken`; a page that has changed since the last
 * freeze is marked; each page less than a quarter full, but the one that is being filled, waits in `#sparse`.
 */
import type { SqlType } from '../../../sql/plan.js';
import type { Field } from '../../../sql/relation/relation.js';
import { ByteReader, ByteWriter } from '../../../util/bytes.js';
import { blockOfRows, type Block, type Vector } from '../block.js';
import type { Deltas, Row, StateBudget } from '../operator.js';
import { packedColumn, ValueColumn, widened, type PackedColumn, type Placing } from '../packed-columns.js';
import { rowCodec } from '../rows.js';
import type { Key, SavedEntry, StateCodec, StateStore } from '../state-table.js';
import { larger } from '../../../util/typed-arrays.js';

const PAGE_BITS = 8;
const PAGE_SLOTS = 1 << PAGE_BITS;
/** A page with fewer rows is filled again. */
const SPARSE_ROWS = PAGE_SLOTS / 4;
/** Bytes of a slot beside its fields: what is here, and what finds it. */
const SLOT_BYTES = 104;
const FIELD_BYTES = 9;

/** What is known of a page: changed since the last freeze; waits to be encoded; a snapshot has it; waits in `#sparse`. */
const [CHANGED, FROZEN, SAVED, SPARSE] = [1, 2, 4, 8];

/** Rows of a block, with the ids of their keys, and the times, ms, that they can be dropped by. */
export interface PackedBlock {
  readonly block: Block;
  readonly stamps: Deltas['stamps'];
  readonly keys: Int32Array;
  readonly times: Float64Array;
}

interface LoadedSlot {
  readonly slot: number;
  readonly row: Row;
  readonly stamp: number;
  readonly count: number;
}

/** See the head of the file. */
export class PackedRows implements StateStore {
  readonly name: string;
  bytes = 0;
  /** Pages that have rows. */
  size = 0;
  /** By slot: 1 where there is a row. */
  isTaken = new Uint8Array(0);
  /** By slot: the stamp, ms; the key's id; how many rows it met, or another number. Changed through `setCount`. */
  stamps = new Float64Array(0);
  keys = new Int32Array(0);
  counts = new Int32Array(0);
  readonly #types: readonly SqlType[];
  readonly #codec: StateCodec<Row>;
  readonly #budget: StateBudget;
  #columns: (PackedColumn | null)[];
  /** Those that must know when a slot is freed. */
  #freed: ValueColumn[] = [];
  /** By page: what is known of it, its rows, and the latest of their times, ms. */
  #pages = new Uint8Array(0);
  #live = new Int32Array(0);
  #latest = new Float64Array(0);
  #pageCount = 0;
  #sparse: number[] = [];
  /** The page that is being filled, and its first slot that may be free; -1: none is. */
  #filling = -1;
  #next = 0;
  #rows = 0;
  #changed: number[] = [];
  #frozen: number[] = [];
  #saved: SavedEntry[] = [];
  readonly #writer = new ByteWriter(1024);
  readonly #loaded = new Map<number, readonly LoadedSlot[]>();

  constructor(name: string, fields: readonly Field[], budget: StateBudget) {
    this.name = name;
    this.#types = fields.map(({ type }) => type);
    this.#codec = rowCodec(fields);
    this.#budget = budget;
    this.#columns = fields.map(() => null);
  }

  /** Takes slots for some rows of a block; `slots` is where they are written. */
  add({ block, keys, stamps, times }: PackedBlock, placing: Placing): void {
    const { count, rows, slots } = placing;
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      const slot = this.#nextFree();
      slots[i] = slot;
      this.stamps[slot] = typeof stamps === 'number' ? stamps : stamps[row]!;
      this.counts[slot] = 0;
      this.setKey(slot, keys[row]!, times[row]!);
    }
    this.#rows += count;
    block.vectors.forEach((vector, field) => this.#column(field, vector).set(vector, placing));
    this.count();
  }

  /** Sets the id of a row's key, and the time, ms, that it can be dropped by. */
  setKey(slot: number, key: number, time: number): void {
    const page = slot >> PAGE_BITS;
    this.keys[slot] = key;
    if (!(time <= this.#latest[page]!)) this.#latest[page] = time;
  }

  #column(field: number, vector: Vector): PackedColumn {
    const type = this.#types[field]!;
    const column = this.#columns[field]!;
    if (column !== null && column.fits(vector)) return column;
    const made =
      column === null ? packedColumn(vector, type, this.isTaken.length) : widened(column, vector, type, this.isTaken);
    this.#columns[field] = made;
    this.#freed = this.#columns.filter((one) => one instanceof ValueColumn);
    return made;
  }

  /** The next free slot of the page that is being filled, or the first one of another; it is taken from now on. */
  #nextFree(): number {
    let slot = this.#next;
    const end = (this.#filling + 1) << PAGE_BITS;
    while (slot < end && this.isTaken[slot] === 1) slot++;
    if (this.#filling < 0 || slot === end) slot = this.#nextPage();
    this.#next = slot + 1;
    this.touch(this.#filling);
    if (this.#live[this.#filling]!++ === 0) this.size++;
    this.isTaken[slot] = 1;
    return slot;
  }

  /** Begins to fill another page; answers its first free slot. */
  #nextPage(): number {
    const full = this.#filling;
    if (full >= 0 && this.#live[full]! < SPARSE_ROWS) this.#setSparse(full);
    const page = this.#sparse.pop() ?? this.#newPage();
    this.#pages[page]! &= ~SPARSE;
    this.#filling = page;
    // A page less than a quarter full has a free slot.
    let slot = page << PAGE_BITS;
    while (this.isTaken[slot] === 1) slot++;
    return slot;
  }

  #newPage(): number {
    if (this.#pageCount === this.#pages.length) this.#grow(Math.max(16, 2 * this.#pageCount));
    return this.#pageCount++;
  }

  #grow(pages: number): void {
    const capacity = pages << PAGE_BITS;
    this.#pages = larger(this.#pages, new Uint8Array(pages));
    this.#live = larger(this.#live, new Int32Array(pages));
    this.#latest = larger(this.#latest, new Float64Array(pages).fill(Number.NEGATIVE_INFINITY));
    this.isTaken = larger(this.isTaken, new Uint8Array(capacity));
    this.stamps = larger(this.stamps, new Float64Array(capacity));
    this.keys = larger(this.keys, new Int32Array(capacity));
    this.counts = larger(this.counts, new Int32Array(capacity));
    for (const column of this.#columns) column?.reserve(capacity);
  }

  /**
   * Tells of the rows of each page that has only such of a time below `limit`. Those that come together are about as
   * old: a row stays as much longer as its page's last one is later.
   */
  eachBefore(limit: number, take: (slot: number) => void): void {
    for (let page = 0; page < this.#pageCount; page++) {
      if (this.#live[page] === 0 || !(this.#latest[page]! < limit)) continue;
      const end = (page + 1) << PAGE_BITS;
      for (let slot = page << PAGE_BITS; slot < end; slot++) if (this.isTaken[slot] === 1) take(slot);
    }
  }

  /** Frees a slot. */
  remove(slot: number): void {
    const page = slot >> PAGE_BITS;
    this.touch(page);
    this.isTaken[slot] = 0;
    for (const column of this.#freed) column.free(slot);
    this.#rows--;
    if (--this.#live[page]! === 0) {
      this.size--;
      this.#latest[page] = Number.NEGATIVE_INFINITY;
    }
    if (this.#live[page]! < SPARSE_ROWS && page !== this.#filling && (this.#pages[page]! & SPARSE) === 0)
      this.#setSparse(page);
  }

  #setSparse(page: number): void {
    this.#pages[page]! |= SPARSE;
    this.#sparse.push(page);
  }

  setCount(slot: number, count: number): void {
    this.touch(slot >> PAGE_BITS);
    this.counts[slot] = count;
  }

  /** A page is about to change. */
  touch(page: number): void {
    const state = this.#pages[page]!;
    if ((state & (CHANGED | FROZEN)) === CHANGED) return;
    if ((state & FROZEN) !== 0) this.#encode(page);
    if ((state & CHANGED) === 0) this.#changed.push(page);
    this.#pages[page]! |= CHANGED;
  }

  /** Ends a round of removals. `isWhole`: they were made for room, so nothing of what was removed may be left. */
  settle(isWhole = false): void {
    for (const column of this.#columns) column?.settle(this.isTaken, isWhole);
  }

  /** The rows in some slots, a vector a field. */
  gather(slots: Uint32Array, count: number): Vector[] {
    return this.#columns.map((column) => column!.gather(slots, count));
  }

  count(): void {
    let bytes = this.#rows * (SLOT_BYTES + FIELD_BYTES * this.#columns.length);
    for (const column of this.#columns) bytes += column?.bytes ?? 0;
    this.#budget.bytes += bytes - this.bytes;
    this.bytes = bytes;
  }

  /** Bytes of a row, on average. */
  get rowBytes(): number {
    return this.#rows === 0 ? 0 : this.bytes / this.#rows;
  }

  freeze(): void {
    this.#saved = [];
    this.#frozen = [];
    for (const page of this.#changed) {
      const state = this.#pages[page]! & ~CHANGED;
      if (this.#live[page]! > 0) {
        this.#frozen.push(page);
        this.#pages[page] = state | FROZEN | SAVED;
      } else {
        if ((state & SAVED) !== 0) this.#saved.push({ key: page, bytes: null });
        this.#pages[page] = state & ~SAVED;
      }
    }
    this.#changed = [];
  }

  encode(max: number): number {
    let count = 0;
    for (; count < max; count++) {
      const page = this.#frozen.pop();
      if (page === undefined) break;
      if ((this.#pages[page]! & FROZEN) !== 0) this.#encode(page);
    }
    return count;
  }

  /** Page number, rows; each: slot within the page, stamp, count, row. */
  #encode(page: number): void {
    this.#pages[page]! &= ~FROZEN;
    const writer = this.#writer;
    writer.length = 0;
    writer.unsigned(page);
    writer.unsigned(this.#live[page]!);
    const first = page << PAGE_BITS;
    for (let slot = first; slot < first + PAGE_SLOTS; slot++) {
      if (this.isTaken[slot] === 0) continue;
      writer.byte(slot - first);
      writer.double(this.stamps[slot]!);
      writer.unsigned(this.counts[slot]!);
      this.#codec.write(
        this.#columns.map((column) => column!.valueOf(slot)),
        writer,
      );
    }
    this.#saved.push({ key: page, bytes: writer.copy() });
  }

  take(): SavedEntry[] {
    const saved = this.#saved;
    this.#saved = [];
    return saved;
  }

  load(key: Key, bytes: Uint8Array | null): void {
    if (bytes === null) {
      this.#loaded.delete(key as number);
      return;
    }
    const reader = new ByteReader(bytes);
    const first = reader.unsigned() << PAGE_BITS;
    const slots = Array.from({ length: reader.unsigned() }, () => ({
      slot: first + reader.byte(),
      stamp: reader.double(),
      count: reader.unsigned(),
      row: this.#codec.read(reader),
    }));
    this.#loaded.set(key as number, slots);
  }

  /** Takes over what was loaded; answers the rows as a block, and their slots. Their keys are to be set. */
  restored(): { readonly block: Block; readonly slots: Int32Array } {
    const loaded = [...this.#loaded.values()].flat();
    this.#pageCount = [...this.#loaded.keys()].reduce<number>((most, page) => Math.max(most, page + 1), 0);
    this.#grow(Math.max(16, this.#pageCount));
    const slots = Int32Array.from(loaded, ({ slot }) => slot);
    for (const { count, slot, stamp } of loaded) {
      this.isTaken[slot] = 1;
      this.stamps[slot] = stamp;
      this.counts[slot] = count;
      this.#live[slot >> PAGE_BITS]!++;
    }
    for (const page of this.#loaded.keys()) this.#pages[page] = SAVED;
    for (let page = 0; page < this.#pageCount; page++) if (this.#live[page]! < SPARSE_ROWS) this.#setSparse(page);
    this.#rows = loaded.length;
    this.size = this.#loaded.size;
    this.#loaded.clear();
    const block = blockOfRows(
      loaded.map(({ row }) => row),
      this.#types,
    );
    const placing = { size: block.count, rows: Int32Array.from(slots.keys()), slots, count: block.count };
    if (block.count > 0) block.vectors.forEach((vector, field) => this.#column(field, vector).set(vector, placing));
    this.count();
    return { block, slots };
  }
}
