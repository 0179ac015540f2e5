/**
 * Closed windows' rows on disk, by tenant: what the changes feed and the dashboards read.
 *
 * Layout: one lmdb environment a view.
 *
 *   blocks    tenant · 0 · id of the last row (f64 BE)                    → block (`block-codec.ts`)
 *   windows   tenant · 0 · bucket (f64 BE, order-preserving) · last id    → nothing
 *   dead      id (f64 BE) of a row that files hold and a newer row replaced → nothing
 *   stones    partition (u16 BE) · id (f64 BE) of a tombstone              → tenant
 *   gone      tenant                                                      → newest id that left it (f64 BE)
 *   meta      a name                                                      → JSON (`closed-store.ts`)
 *
 * A tenant's blocks do not overlap in ids, so the feed is a range of keys. `windows` has an entry for
 * each bucket of windows that a block has rows of, so a dashboard reads the blocks it needs and a
 * correction finds the row that it replaces.
 *
 * Invariants: a key of a view is in at most one row of all blocks; a block is never empty; every
 * block has exactly the `windows` entries of its rows; every tombstone is in `stones`, which may name
 * more.
 *
 * Writes are collected by lmdb and made durable by its own thread; `flushed` waits for it. Reads see
 * what is committed. A read never holds a transaction beyond one turn, so no page is pinned.
 */
import type { Database, RootDatabase } from 'lmdb';
import { lmdb } from '../io/lmdb.js';
import { BLOCK_ROWS, decodeBlock, encodeBlock, type RowRef } from './block-codec.js';
import type { RowLayout } from './layout.js';
import { partitionOf } from './row-id.js';
import { DELETED, type RowSet } from './row-set.js';

/** Windows of one bucket. */
const BUCKET_WINDOWS = 32;
const EMPTY = Buffer.alloc(0);

type Bytes = Buffer;

/** The blocks of one view. */
export class BlockStore {
  readonly layout: RowLayout;
  readonly #root: RootDatabase<Bytes, Bytes>;
  readonly #blocks: Database<Bytes, Bytes>;
  readonly #windows: Database<Bytes, Bytes>;
  readonly #dead: Database<Bytes, Bytes>;
  readonly #meta: Database<Bytes, Bytes>;
  readonly #stones: Database<Bytes, Bytes>;
  readonly #gone: Database<Bytes, Bytes>;
  readonly #partitions: number;
  readonly #bucketMs: number;

  /** `partitions`: of the changes stream. */
  constructor(layout: RowLayout, folder: string, partitions: number) {
    this.layout = layout;
    this.#partitions = partitions;
    this.#bucketMs = layout.view.windowMs * BUCKET_WINDOWS;
    this.#root = lmdb().open<Bytes, Bytes>({
      path: folder,
      encoding: 'binary',
      keyEncoding: 'binary',
      noSubdir: false,
      maxReaders: 16,
      maxDbs: 8,
    });
    const options = { encoding: 'binary', keyEncoding: 'binary' } as const;
    this.#blocks = this.#root.openDB<Bytes, Bytes>({ name: 'blocks', ...options });
    this.#windows = this.#root.openDB<Bytes, Bytes>({ name: 'windows', ...options });
    this.#dead = this.#root.openDB<Bytes, Bytes>({ name: 'dead', ...options });
    this.#meta = this.#root.openDB<Bytes, Bytes>({ name: 'meta', ...options });
    this.#stones = this.#root.openDB<Bytes, Bytes>({ name: 'stones', ...options });
    this.#gone = this.#root.openDB<Bytes, Bytes>({ name: 'gone', ...options });
  }

  /** A value of the meta table. */
  meta<T>(name: string): T | undefined {
    const bytes = this.#meta.get(Buffer.from(name));
    return bytes === undefined ? undefined : (JSON.parse(bytes.toString()) as T);
  }

  /** Names and values of the meta table that start so. */
  *metaRange<T>(prefix: string): Generator<{ name: string; value: T }> {
    const start = Buffer.from(prefix);
    for (const { key, value } of this.#meta.getRange({ start, end: Buffer.concat([start, Buffer.from([0xff])]) }))
      yield { name: key.toString(), value: JSON.parse(value.toString()) as T };
  }

  /** Sets or removes meta values, all in one transaction. */
  async putMeta(values: Readonly<Record<string, unknown>>): Promise<void> {
    const written = Object.entries(values).map(([name, value]) =>
      value === undefined
        ? this.#meta.remove(Buffer.from(name))
        : this.#meta.put(Buffer.from(name), Buffer.from(JSON.stringify(value))),
    );
    await Promise.all(written);
  }

  /** Ids of rows that files hold and that are no longer true. */
  *deadIds(): Generator<number> {
    for (const key of this.#dead.getKeys({})) yield key.readDoubleBE(0);
  }

  /** Notes that a row in a file is no longer true. Goes with the writes of the same turn. */
  putDead(id: number): void {
    void this.#dead.put(double(id), EMPTY);
  }

  /** Forgets ids whose rows are in no file any more. Goes with the writes of the same turn. */
  removeDead(ids: Iterable<number>): void {
    for (const id of ids) void this.#dead.remove(double(id));
  }

  /** The newest id that left a tenant's rows for ever, or 0. */
  gone(tenant: Uint8Array): number {
    return this.#gone.get(goneKey(tenant))?.readDoubleBE(0) ?? 0;
  }

  /** Notes that a row left. Goes with the writes of the same turn. */
  putGone(tenant: Uint8Array, id: number): void {
    if (id > this.gone(tenant)) void this.#gone.put(goneKey(tenant), double(id));
  }

  /** Tombstones of a partition with ids below `end`, the oldest first, at most `limit`. */
  tombstones(partition: number, end: number, limit: number): { readonly tenant: Uint8Array; readonly id: number }[] {
    const found: { tenant: Uint8Array; id: number }[] = [];
    const range = { start: stoneKey(partition, 0), end: stoneKey(partition, end), limit };
    for (const { key, value } of this.#stones.getRange(range))
      found.push({ tenant: value.subarray(1), id: key.readDoubleBE(2) });
    return found;
  }

  /** Forgets tombstones. Goes with the writes of the same turn. */
  removeTombstones(partition: number, ids: Iterable<{ readonly id: number }>): void {
    for (const { id } of ids) void this.#stones.remove(stoneKey(partition, id));
  }

  /** Resolves when reads see everything written. */
  async committed(): Promise<void> {
    await this.#root.committed;
  }

  /** Resolves when everything written is on disk. */
  async flushed(): Promise<void> {
    await this.#root.flushed;
  }

  /** A tenant's blocks that have rows above `after`, by their ids. */
  *after(tenant: Uint8Array, after: number): Generator<RowSet> {
    const { start, end } = rangeOf(tenant, after);
    for (const { value } of this.#blocks.getRange({ start, end })) yield decodeBlock(this.layout, tenant, value);
  }

  /** A tenant's blocks from the last one back. */
  *backwards(tenant: Uint8Array): Generator<RowSet> {
    const { start, end } = rangeOf(tenant, -1);
    for (const { value } of this.#blocks.getRange({ start: end, end: start, reverse: true }))
      yield decodeBlock(this.layout, tenant, value);
  }

  /** A tenant's blocks that have rows of windows in `from <= start <= to`. */
  *ofWindows(tenant: Uint8Array, from: number, to: number): Generator<RowSet> {
    for (const id of this.idsOfWindows(tenant, from, to)) {
      const block = this.block(tenant, id);
      if (block !== null) yield block;
    }
  }

  /** As `ofWindows`, the ids of the blocks' last rows, rising; blocks near the bounds may have no such row. */
  idsOfWindows(tenant: Uint8Array, from: number, to: number): number[] {
    const prefix = Buffer.concat([tenant, ZERO]);
    const start = Buffer.concat([prefix, orderedDouble(this.#bucket(from))]);
    const end = Buffer.concat([prefix, orderedDouble(this.#bucket(to)), Buffer.alloc(9, 0xff)]);
    const ids = new Set<number>();
    for (const key of this.#windows.getKeys({ start, end })) ids.add(key.readDoubleBE(key.length - 8));
    return [...ids].sort((a, b) => a - b);
  }

  /** The block whose last row has this id, or null. */
  block(tenant: Uint8Array, id: number): RowSet | null {
    const value = this.#blocks.get(blockKey(tenant, id));
    return value === undefined ? null : decodeBlock(this.layout, tenant, value);
  }

  /** The tenant after another in the order of their bytes, of those that have rows; null: there is none. */
  nextTenant(tenant: Uint8Array | null): Uint8Array | null {
    const range = tenant === null ? {} : { start: Buffer.concat([tenant, Buffer.from([1])]) };
    for (const key of this.#windows.getKeys({ ...range, limit: 1 })) return key.subarray(0, key.length - 17);
    return null;
  }

  /** Ranges of window starts in which a tenant has rows, from the one that `from` is in on, rising. */
  *ranges(tenant: Uint8Array, from: number): Generator<{ readonly start: number; readonly end: number }> {
    const prefix = Buffer.concat([tenant, ZERO]);
    const end = Buffer.concat([prefix, Buffer.alloc(17, 0xff)]);
    let next = from === -Infinity ? prefix : Buffer.concat([prefix, orderedDouble(this.#bucket(from))]);
    for (;;) {
      // One key a turn: who asks may take its time, and a read must not hold a transaction meanwhile.
      const [key] = this.#windows.getKeys({ start: next, end, limit: 1 });
      if (key === undefined) return;
      const bucket = orderedDoubleAt(key, key.length - 16);
      yield { start: bucket * this.#bucketMs, end: (bucket + 1) * this.#bucketMs };
      next = Buffer.concat([prefix, orderedDouble(bucket + 1)]);
    }
  }

  /** The id of a tenant's last row, or 0. */
  newestId(tenant: Uint8Array): number {
    const { start, end } = rangeOf(tenant, -1);
    for (const key of this.#blocks.getKeys({ start: end, end: start, reverse: true, limit: 1 }))
      return key.readDoubleBE(key.length - 8);
    return 0;
  }

  /** The start of a tenant's newest window, or -Infinity. */
  newestWindow(tenant: Uint8Array): number {
    const prefix = Buffer.concat([tenant, ZERO]);
    const end = Buffer.concat([prefix, Buffer.alloc(17, 0xff)]);
    let newest = -Infinity;
    for (const key of this.#windows.getKeys({ start: end, end: prefix, reverse: true, limit: 1 })) {
      const from = orderedDoubleAt(key, key.length - 16) * this.#bucketMs;
      for (const block of this.ofWindows(tenant, from, from))
        for (let row = 0; row < block.rows; row++) newest = Math.max(newest, block.windows[row]!);
    }
    return newest;
  }

  /** All blocks of all tenants, tenant by tenant. */
  *all(): Generator<RowSet> {
    for (const { key, value } of this.#blocks.getRange({}))
      yield decodeBlock(this.layout, key.subarray(0, key.length - 9), value);
  }

  /** Takes a block out. */
  remove(tenant: Uint8Array, block: RowSet): void {
    const id = block.ids[block.rows - 1]!;
    void this.#blocks.remove(blockKey(tenant, id));
    for (const bucket of this.#bucketsOf(block.windows.subarray(0, block.rows)))
      void this.#windows.remove(windowKey(tenant, bucket, id));
  }

  /** Puts rows in, in the order of their ids, cut into blocks. */
  put(tenant: Uint8Array, refs: readonly RowRef[]): void {
    for (let from = 0; from < refs.length; from += BLOCK_ROWS) {
      const rows = refs.slice(from, from + BLOCK_ROWS);
      const { id } = rows.at(-1)!;
      void this.#blocks.put(blockKey(tenant, id), Buffer.from(encodeBlock(this.layout, rows).buffer));
      for (const bucket of this.#bucketsOf(rows.map(({ rows: set, row }) => set.windows[row]!)))
        void this.#windows.put(windowKey(tenant, bucket, id), EMPTY);
      for (const { rows: set, row, id: own } of rows)
        if ((set.marks[row]! & DELETED) !== 0)
          void this.#stones.put(stoneKey(partitionOf(own, this.#partitions), own), goneKey(tenant));
    }
  }

  /** Ends it, after what is under way is on disk. */
  async close(): Promise<void> {
    await this.#root.flushed;
    await this.#root.close();
  }

  #bucket(windowStart: number): number {
    return Math.floor(windowStart / this.#bucketMs);
  }

  #bucketsOf(windows: ArrayLike<number>): Set<number> {
    const buckets = new Set<number>();
    for (let i = 0; i < windows.length; i++) buckets.add(this.#bucket(windows[i]!));
    return buckets;
  }
}

const ZERO = Buffer.from([0]);

function double(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return bytes;
}

/** A double whose bytes order as its value does, below zero too. */
function orderedDouble(value: number): Buffer {
  const bytes = double(value);
  if ((bytes[0]! & 0x80) !== 0) for (let i = 0; i < 8; i++) bytes[i] = ~bytes[i]! & 0xff;
  else bytes[0]! |= 0x80;
  return bytes;
}

function orderedDoubleAt(bytes: Buffer, at: number): number {
  const copy = Buffer.from(bytes.subarray(at, at + 8));
  if ((copy[0]! & 0x80) === 0) for (let i = 0; i < 8; i++) copy[i] = ~copy[i]! & 0xff;
  else copy[0]! &= 0x7f;
  return copy.readDoubleBE(0);
}

function blockKey(tenant: Uint8Array, id: number): Buffer {
  return Buffer.concat([tenant, ZERO, double(id)]);
}

function windowKey(tenant: Uint8Array, bucket: number, id: number): Buffer {
  return Buffer.concat([tenant, ZERO, orderedDouble(bucket), double(id)]);
}

/** A tenant by itself; the byte before it lets it be empty. */
function goneKey(tenant: Uint8Array): Buffer {
  return Buffer.concat([ZERO, tenant]);
}

function stoneKey(partition: number, id: number): Buffer {
  const bytes = Buffer.alloc(10);
  bytes.writeUInt16BE(partition);
  bytes.writeDoubleBE(id, 2);
  return bytes;
}

/** Keys of a tenant's blocks whose last id is above `after` (ids are positive, so their bytes order). */
function rangeOf(tenant: Uint8Array, after: number): { start: Buffer; end: Buffer } {
  const start = after < 0 ? Buffer.concat([tenant, ZERO]) : Buffer.concat([blockKey(tenant, after), ZERO]);
  return { start, end: Buffer.concat([tenant, ZERO, Buffer.alloc(9, 0xff)]) };
}
