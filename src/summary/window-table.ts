/**
 * The rows of one window in memory: the newest of each key.
 *
 * Purpose: a changed row is a hash lookup and a few stores, no object is made. Keys are found by
 * open addressing over their words, which stand together; a tenant's rows hang on a list in the
 * order of their ids (see `row-id.ts`), so that "what is newer than this" costs as much as the
 * answer. Values are stored a column at a time once the slots are known.
 *
 * Limits: the owner watches `rows` and `bytes` and seals the table; a sealed table is dropped whole.
 *
 * Invariants
 * - One slot a key. `ids[slot]` only rises.
 * - A tenant's list runs from its newest slot back by `older`, strictly falling in id.
 */
import type { RowLayout } from './layout.js';
import { storeOf, type ColumnStore, type RowSet } from './row-set.js';
import { TextPool } from './text-pool.js';
import type { ChangeColumns } from './change-columns.js';
import { hashKey, keyWordsOf, loadKey } from './row-key.js';

const NONE = -1;
let tables = 0;
let slotsTaken = new Int32Array(0);

/** One window's rows. */
export class WindowTable implements RowSet {
  readonly layout: RowLayout;
  /** Start of the window, ms. */
  readonly windowStart: number;
  readonly pool = new TextPool();
  rows = 0;
  tenants = new Int32Array(64);
  windows = new Float64Array(64);
  ids = new Float64Array(64);
  marks = new Uint8Array(64);
  readonly columns: ColumnStore[];
  /** Smallest and largest id by partition that this table ever took: replay starts at or before the first. */
  readonly firstIds: Float64Array;
  readonly lastIds: Float64Array;
  /** Tells this table from all others of the process. */
  readonly serial = ++tables;
  /** Counts upserts; tells whether an export is still current. */
  changes = 0;

  readonly #keyWords: number;
  /** By slot: the words of its key. */
  #keys: Int32Array;
  readonly #wanted: Int32Array;
  #slots = new Int32Array(128).fill(NONE);
  #hashes = new Int32Array(64);
  #older = new Int32Array(64);
  #newer = new Int32Array(64);
  /** Newest slot by tenant code, plus one; 0 for texts that are no tenant. */
  #newest = new Int32Array(64);
  /** Tenants in the order in which they came. */
  readonly #tenantCodes: number[] = [];

  constructor(layout: RowLayout, windowStart: number, partitions: number) {
    this.layout = layout;
    this.#keyWords = keyWordsOf(layout);
    this.#keys = new Int32Array(64 * this.#keyWords);
    this.#wanted = new Int32Array(this.#keyWords);
    this.firstIds = new Float64Array(partitions).fill(Infinity);
    this.lastIds = new Float64Array(partitions).fill(-1);
    this.windowStart = windowStart;
    this.columns = layout.columns.map((column) => storeOf(column.kind, 64));
  }

  /** Bytes of memory, about. */
  get bytes(): number {
    let perRow = 4 + 8 + 8 + 1 + 4 + 4 + 4 + 8 + this.#keyWords * 4;
    for (const column of this.columns) perRow += column.kind === 'text' ? 4 : 9;
    return this.#hashes.length * perRow + this.pool.bytes + this.#newest.length * 4 + this.#tenantCodes.length * 8;
  }

  /** The rows as they are now, in arrays of their own; the texts are shared, because they only grow. */
  frozen(): RowSet {
    const { rows } = this;
    const columns = this.columns.map((column): ColumnStore => {
      if (column.kind === 'text') return { kind: 'text', codes: column.codes.slice(0, rows) };
      const nulls = column.nulls.slice(0, rows);
      return column.kind === 'double'
        ? { kind: 'double', values: column.values.slice(0, rows), nulls }
        : { kind: 'integer', words: column.words.slice(0, rows * 2), nulls };
    });
    const { layout, pool } = this;
    return {
      layout,
      rows,
      pool,
      columns,
      tenants: this.tenants.slice(0, rows),
      windows: this.windows.slice(0, rows),
      ids: this.ids.slice(0, rows),
      marks: this.marks.slice(0, rows),
    };
  }

  /** Codes of all tenants that have rows here. */
  tenantCodes(): IterableIterator<number> {
    return this.#tenantCodes.values();
  }

  /** The newest slot of a tenant, or -1. */
  newestOf(tenant: string): number {
    const code = this.pool.findString(tenant);
    return code < 0 ? NONE : this.newestOfCode(code);
  }

  /** As `newestOf`, by the tenant's code. */
  newestOfCode(code: number): number {
    return code < this.#newest.length ? this.#newest[code]! - 1 : NONE;
  }

  /** The slot of the same tenant with the next smaller id, or -1. */
  older(slot: number): number {
    return this.#older[slot]!;
  }

  /**
   * Takes these rows of a batch of changes, in their order; row r has the id `id0 + r * partitions`.
   * An id that is not newer changes nothing.
   */
  take(change: ChangeColumns, rows: Uint32Array, id0: number): void {
    const partitions = this.lastIds.length;
    const width = this.#keyWords;
    change.resolve(this.pool, rows);
    const { keys, marks } = change;
    if (slotsTaken.length < rows.length) slotsTaken = new Int32Array(rows.length * 2);
    if (this.#newest.length < this.pool.size) this.#newest = resized(this.#newest, new Int32Array(this.pool.size * 2));
    let first = Infinity;
    let last = -1;
    for (let i = 0, at = 0; i < rows.length; i++, at += width) {
      const id = id0 + rows[i]! * partitions;
      const hash = hashKey(keys, at, width);
      const place = this.#probe(hash, keys, at);
      const tenant = keys[at]!;
      let slot = this.#slots[place]!;
      slotsTaken[i] = NONE;
      if (slot === NONE) slot = this.#add(place, hash, keys, at);
      else if (id <= this.ids[slot]!) continue;
      else this.#unlink(slot, tenant);
      slotsTaken[i] = slot;
      this.ids[slot] = id;
      this.marks[slot] = marks[rows[i]!]!;
      this.#link(slot, tenant);
      first = Math.min(first, id);
      last = id;
      this.changes += 1;
    }
    change.valuesInto(this.columns, rows, slotsTaken);
    if (last < 0) return;
    const partition = id0 % partitions;
    this.firstIds[partition] = Math.min(first, this.firstIds[partition]!);
    this.lastIds[partition] = Math.max(last, this.lastIds[partition]!);
  }

  /** The slot of the key that row `row` of another row set of the same layout has, or -1. */
  slotOf(other: RowSet, row: number): number {
    const wanted = this.#wanted;
    if (!loadKey(this.layout, other, row, this.pool, wanted)) return NONE;
    return this.#slots[this.#probe(hashKey(wanted, 0, wanted.length), wanted, 0)]!;
  }

  /** Where in the hash table the key at `words[at ..]` is, or belongs. */
  #probe(hash: number, words: Int32Array, at: number): number {
    const mask = this.#slots.length - 1;
    const width = this.#keyWords;
    for (let place = hash & mask; ; place = (place + 1) & mask) {
      const slot = this.#slots[place]!;
      if (slot === NONE) return place;
      if (this.#hashes[slot] !== hash) continue;
      const own = slot * width;
      let i = 0;
      while (i < width && this.#keys[own + i] === words[at + i]) i++;
      if (i === width) return place;
    }
  }

  #add(place: number, hash: number, words: Int32Array, at: number): number {
    if (this.rows === this.#hashes.length) this.#grow();
    const slot = this.rows++;
    this.#hashes[slot] = hash;
    this.tenants[slot] = words[at]!;
    this.windows[slot] = this.windowStart;
    // A tenant whose only row is being changed is unlinked for that moment, but adds no row then.
    if (this.#newest[words[at]!] === 0) this.#tenantCodes.push(words[at]!);
    for (let i = 0; i < this.#keyWords; i++) this.#keys[slot * this.#keyWords + i] = words[at + i]!;
    this.#slots[place] = slot;
    if (this.rows * 2 > this.#slots.length) this.#rehash();
    return slot;
  }

  #link(slot: number, tenant: number): void {
    const newest = this.#newest[tenant]! - 1;
    this.#older[slot] = newest;
    this.#newer[slot] = NONE;
    if (newest !== NONE) this.#newer[newest] = slot;
    this.#newest[tenant] = slot + 1;
  }

  #unlink(slot: number, tenant: number): void {
    const older = this.#older[slot]!;
    const newer = this.#newer[slot]!;
    if (older !== NONE) this.#newer[older] = newer;
    if (newer !== NONE) this.#older[newer] = older;
    else this.#newest[tenant] = older + 1;
  }

  #rehash(): void {
    const slots = new Int32Array(this.#slots.length * 2).fill(NONE);
    const mask = slots.length - 1;
    for (let slot = 0; slot < this.rows; slot++) {
      let at = this.#hashes[slot]! & mask;
      while (slots[at] !== NONE) at = (at + 1) & mask;
      slots[at] = slot;
    }
    this.#slots = slots;
  }

  #grow(): void {
    const capacity = this.#hashes.length * 2;
    this.tenants = resized(this.tenants, new Int32Array(capacity));
    this.windows = resized(this.windows, new Float64Array(capacity));
    this.ids = resized(this.ids, new Float64Array(capacity));
    this.marks = resized(this.marks, new Uint8Array(capacity));
    this.#hashes = resized(this.#hashes, new Int32Array(capacity));
    this.#keys = resized(this.#keys, new Int32Array(capacity * this.#keyWords));
    this.#older = resized(this.#older, new Int32Array(capacity));
    this.#newer = resized(this.#newer, new Int32Array(capacity));
    for (const column of this.columns) growStore(column, capacity);
  }
}

/** Gives a column store room for `capacity` rows. */
export function growStore(column: ColumnStore, capacity: number): void {
  if (column.kind === 'text') {
    column.codes = resized(column.codes, new Int32Array(capacity));
    return;
  }
  column.nulls = resized(column.nulls, new Uint8Array(capacity));
  if (column.kind === 'double') column.values = resized(column.values, new Float64Array(capacity));
  else column.words = resized(column.words, new Int32Array(capacity * 2));
}

function resized<T extends Int32Array | Float64Array | Uint8Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
