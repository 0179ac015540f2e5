/**
 * Groups of closed windows, on disk: what a correction continues from.
 *
 * Purpose. A closed window holds no live memory. Its groups' partial aggregates lie here until the
 * view's `allowed_lateness` is over; a late row reads back the one group that it changes.
 *
 * Layout. One lmdb environment a view. Key: window start plus 2^58 (8 bytes, big-endian, so that
 * order holds below 1970 too), then a 32-bit hash (big-endian). Value: a *block* of the groups whose key hash
 * is at or above it and below the next block's:
 *
 *     { hash u32 LE · key length, key · value length, value }*     sorted by hash; lengths LEB128
 *
 * The first block of a window has hash 0, so every group has a block below it. Groups of one hash
 * are never split. The key of a window alone (8 bytes) holds its `asOf`: the positions (as JSON) up
 * to which its groups hold every row. Key `01` holds the furthest of all, L.
 *
 * Invariants. Groups become visible with their `asOf`, which changes with L in one transaction, only after the log has committed
 * up to there, so L is never ahead of what is published. A snapshot is written only when the store
 * is on disk, so L is never behind a snapshot. A row below a window's `asOf` is in the store already:
 * whoever replays it skips it. Positions are the ends of whole batches, so a batch is on one side.
 *
 * Bounds. `evict` removes windows whose allowed lateness is over.
 */
import type { RootDatabase } from 'lmdb';
import { lmdb } from '../../io/lmdb.js';
import type { Position } from '../../log/log.js';
import { readRecords, writeRecords } from './sealed-groups.js';
import type { ClosedGroup, SealedGroups } from './sealed-groups.js';

/** Groups a block is cut to, and how many make it be cut. */
const BLOCK_GROUPS = 128;
const BLOCK_GROUPS_MAX = 256;
/** Blocks of a new window that one transaction writes. */
const BLOCKS_AT_ONCE = 32;
const POSITIONS_KEY = Buffer.from([1]);
const KEY_BYTES = 12;
const WINDOW_KEY_BYTES = 8;

/** Next offsets by `stream/partition`. */
export type Offsets = ReadonlyMap<string, number>;

/** The closed groups of one view. */
export class ClosedStore {
  readonly #database: RootDatabase<Buffer, Buffer>;
  #positions: Offsets | undefined;

  constructor(folder: string) {
    this.#database = lmdb().open({
      path: folder,
      encoding: 'binary',
      keyEncoding: 'binary',
      noSubdir: false,
      maxReaders: 16,
    });
    this.#positions = this.#readPositions(POSITIONS_KEY);
  }

  #readPositions(key: Buffer): Offsets | undefined {
    const bytes = this.#database.get(key);
    return bytes === undefined ? undefined : new Map(JSON.parse(bytes.toString()) as [string, number][]);
  }

  /** Up to where a window's groups hold every row; undefined for a window that is not stored. */
  asOf(start: number): Offsets | undefined {
    return this.#readPositions(windowKey(start));
  }

  /** The furthest that any window includes, L; undefined for an empty store. */
  get positions(): Offsets | undefined {
    return this.#positions;
  }

  /** The value of a group, or undefined. Bytes are valid until the next call. */
  find(start: number, hash: number, key: Uint8Array): Uint8Array | undefined {
    const block = this.#floor(start, hash);
    if (block === undefined) return undefined;
    for (const group of readRecords(block.value)) {
      if (group.hash === hash && sameBytes(group.key, key)) return group.value;
      if (group.hash > hash) return undefined;
    }
    return undefined;
  }

  #floor(start: number, hash: number): { key: Buffer; value: Buffer } | undefined {
    const from = blockKey(start, hash);
    for (const entry of this.#database.getRange({ start: from, end: windowKey(start), reverse: true, limit: 1 }))
      return entry;
    return undefined;
  }

  /**
   * Stores groups that hold every row below `positions`; resolves when a reader sees it. The blocks
   * of a new window go in several transactions, between which the thread is given back; its `asOf`
   * comes last, and a window without one is not looked at. A window that is stored already changes
   * in one transaction.
   */
  async write(windows: readonly SealedGroups[], positions: readonly Position[]): Promise<void> {
    const asOf = positions.map(({ stream, partition, offset }): [string, number] => [`${stream}/${partition}`, offset]);
    const furthest = new Map(asOf.map(([name, offset]) => [name, Math.max(offset, this.#positions?.get(name) ?? 0)]));
    for (const window of windows) {
      const isNew = this.#floor(window.start, 0) === undefined;
      if (isNew) await this.#writeNew(window);
      await this.#database.transaction(() => {
        if (!isNew) this.#merge(window.start, window.groups(0, window.count));
        this.#database.put(windowKey(window.start), Buffer.from(JSON.stringify(asOf)));
        this.#putPositions(furthest);
      });
    }
    if (windows.length === 0) await this.#database.transaction(() => this.#putPositions(furthest));
    this.#positions = furthest;
  }

  #putPositions(furthest: Offsets): void {
    this.#database.put(POSITIONS_KEY, Buffer.from(JSON.stringify([...furthest])));
  }

  async #writeNew(window: SealedGroups): Promise<void> {
    for (let from = 0; from < window.count;) from = await this.#database.transaction(() => this.#putNew(window, from));
  }

  /** Puts some blocks of a window that has none from `from` on; answers where to go on. */
  #putNew(window: SealedGroups, start: number): number {
    let from = start;
    for (let blocks = 0; blocks < BLOCKS_AT_ONCE && from < window.count; blocks++) {
      let to = Math.min(from + BLOCK_GROUPS, window.count);
      while (to < window.count && window.hashOf(to) === window.hashOf(to - 1)) to++;
      const key = blockKey(window.start, from === 0 ? 0 : window.hashOf(from));
      this.#database.put(key, Buffer.from(window.records(from, to)));
      from = to;
    }
    return from;
  }

  #merge(start: number, groups: readonly ClosedGroup[]): void {
    for (let from = 0; from < groups.length;) {
      const floor = this.#floor(start, groups[from]!.hash);
      const next = floor === undefined ? 2 ** 32 : this.#nextHash(start, floor.key);
      let to = from + 1;
      while (to < groups.length && groups[to]!.hash < next) to++;
      const merged =
        floor === undefined
          ? groups.slice(from, to)
          : mergeGroups([...readRecords(floor.value)], groups.slice(from, to));
      this.#putBlocks(start, floor === undefined ? 0 : floor.key.readUInt32BE(8), merged);
      from = to;
    }
  }

  #nextHash(start: number, key: Buffer): number {
    const after = Buffer.concat([key, Buffer.from([0])]);
    for (const next of this.#database.getKeys({ start: after, end: blockKey(start, 0xffffffff, true), limit: 1 }))
      return next.readUInt32BE(8);
    return 2 ** 32;
  }

  #putBlocks(start: number, firstHash: number, groups: readonly ClosedGroup[]): void {
    const size = groups.length > BLOCK_GROUPS_MAX ? BLOCK_GROUPS : BLOCK_GROUPS_MAX;
    for (let from = 0; from < groups.length;) {
      let to = Math.min(from + size, groups.length);
      while (to < groups.length && groups[to]!.hash === groups[to - 1]!.hash) to++;
      const hash = from === 0 ? firstHash : groups[from]!.hash;
      this.#database.put(blockKey(start, hash), Buffer.from(writeRecords(groups.slice(from, to))));
      from = to;
    }
  }

  /** Removes windows that start before `start`, at most `limit` blocks; answers how many blocks went. */
  async evict(start: number, limit: number): Promise<number> {
    const keys = [...this.#database.getKeys({ start: Buffer.from([2]), end: windowKey(start), limit })];
    if (keys.length === 0) return 0;
    await this.#database.transaction(() => {
      for (const key of keys) this.#database.remove(key);
    });
    return keys.length;
  }

  /** Resolves when everything written is on disk. */
  async flushed(): Promise<void> {
    await this.#database.flushed;
  }

  /** Forgets everything. */
  async clear(): Promise<void> {
    await this.#database.clearAsync();
    await this.#database.flushed;
    this.#positions = undefined;
  }

  /** Closes the environment. */
  async close(): Promise<void> {
    await this.#database.close();
  }
}

/** Byte 2 begins every block key, so that none is below the positions' key. */
function blockKey(start: number, hash: number, after = false): Buffer {
  const key = Buffer.alloc(KEY_BYTES + (after ? 1 : 0));
  key.writeBigInt64BE(BigInt(start) + 2n ** 58n);
  key.writeUInt32BE(hash >>> 0, 8);
  return key;
}

function windowKey(start: number): Buffer {
  return blockKey(start, 0).subarray(0, WINDOW_KEY_BYTES);
}

/** Both sorted by hash; a group of `newer` replaces the one with its key. */
function mergeGroups(older: readonly ClosedGroup[], newer: readonly ClosedGroup[]): ClosedGroup[] {
  const hashes = new Set(newer.map((group) => group.hash));
  const kept = older.filter(
    (group) =>
      !hashes.has(group.hash) || !newer.some((other) => other.hash === group.hash && sameBytes(other.key, group.key)),
  );
  return [...kept, ...newer].sort((a, b) => a.hash - b.hash);
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
