/**
 * The rows of one window in memory: the newest of each key.
 *
 * Purpose: a changed row is a hash lookup and a few stores, no object is made. Keys are found by
 * open addressing over tenant and key columns; a tenant's rows hang on a list in the order of their
 * ids (see `row-id.ts`), so that "what is newer than this" costs as much as the answer.
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
import { RowKey } from './row-key.js';

const NONE = -1;
let tables = 0;

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

  readonly #key: RowKey;
  #slots = new Int32Array(128).fill(NONE);
  #hashes = new Int32Array(64);
  #older = new Int32Array(64);
  #newer = new Int32Array(64);
  /** Newest slot by tenant code. */
  readonly #newest = new Map<number, number>();

  constructor(layout: RowLayout, windowStart: number, partitions: number) {
    this.layout = layout;
    this.#key = new RowKey(layout);
    this.firstIds = new Float64Array(partitions).fill(Infinity);
    this.lastIds = new Float64Array(partitions).fill(-1);
    this.windowStart = windowStart;
    this.columns = layout.columns.map((column) => storeOf(column.kind, 64));
  }

  /** Bytes of memory, about. */
  get bytes(): number {
    let perRow = 4 + 8 + 8 + 1 + 4 + 4 + 4 + 8;
    for (const column of this.columns) perRow += column.kind === 'text' ? 4 : 9;
    return this.#hashes.length * perRow + this.pool.bytes + this.#newest.size * 40;
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
    return this.#newest.keys();
  }

  /** The newest slot of a tenant, or -1. */
  newestOf(tenant: string): number {
    const code = this.pool.findString(tenant);
    return code < 0 ? NONE : (this.#newest.get(code) ?? NONE);
  }

  /** As `newestOf`, by the tenant's code. */
  newestOfCode(code: number): number {
    return this.#newest.get(code) ?? NONE;
  }

  /** The slot of the same tenant with the next smaller id, or -1. */
  older(slot: number): number {
    return this.#older[slot]!;
  }

  /** Takes row `row` of a batch of changes; an id that is not newer changes nothing. */
  upsert(change: ChangeColumns, row: number, id: number): void {
    const tenant = change.tenantCode(this.pool, row);
    change.keyInto(this.#key, this.pool, row);
    const hash = this.#key.hash(tenant);
    const at = this.#probe(hash, tenant);
    let slot = this.#slots[at]!;
    if (slot === NONE) slot = this.#add(at, hash, tenant);
    else if (id <= this.ids[slot]!) return;
    else this.#unlink(slot, tenant);
    this.ids[slot] = id;
    this.marks[slot] = change.mark(row);
    change.valuesInto(this, row, slot);
    this.#link(slot, tenant);
    const partition = id % this.lastIds.length;
    if (id < this.firstIds[partition]!) this.firstIds[partition] = id;
    if (id > this.lastIds[partition]!) this.lastIds[partition] = id;
    this.changes += 1;
  }

  /** The slot of the key that row `row` of another row set of the same layout has, or -1. */
  slotOf(other: RowSet, row: number): number {
    const tenant = this.pool.find(other.pool.bytesOf(other.tenants[row]!));
    if (tenant < 0 || !this.#key.load(other, row, this.pool)) return NONE;
    return this.#slots[this.#probe(this.#key.hash(tenant), tenant)]!;
  }

  /** Where in the hash table the loaded key is, or belongs. */
  #probe(hash: number, tenant: number): number {
    const mask = this.#slots.length - 1;
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const slot = this.#slots[at]!;
      if (slot === NONE) return at;
      if (this.#hashes[slot] === hash && this.tenants[slot] === tenant && this.#key.equals(this, slot)) return at;
    }
  }

  #add(at: number, hash: number, tenant: number): number {
    if (this.rows === this.#hashes.length) this.#grow();
    const slot = this.rows++;
    this.#hashes[slot] = hash;
    this.tenants[slot] = tenant;
    this.windows[slot] = this.windowStart;
    this.#key.store(this, slot);
    this.#slots[at] = slot;
    if (this.rows * 2 > this.#slots.length) this.#rehash();
    return slot;
  }

  #link(slot: number, tenant: number): void {
    const newest = this.#newest.get(tenant) ?? NONE;
    this.#older[slot] = newest;
    this.#newer[slot] = NONE;
    if (newest !== NONE) this.#newer[newest] = slot;
    this.#newest.set(tenant, slot);
  }

  #unlink(slot: number, tenant: number): void {
    const older = this.#older[slot]!;
    const newer = this.#newer[slot]!;
    if (older !== NONE) this.#newer[older] = newer;
    if (newer !== NONE) this.#older[newer] = older;
    else this.#newest.set(tenant, older);
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
