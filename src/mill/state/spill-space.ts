/**
 * State of a view that lies on disk while nothing touches it.
 *
 * Purpose. A view with `state_policy = 'spill'` holds in memory what is touched, up to its budget; the rest lies
 * here, by table and key, and comes back when it is asked for.
 *
 * Layout. Two lmdb environments. `base` has every entry as the last snapshot has it, and outlives the process:
 * a start loads nothing. `overlay` has what left memory since then, hides what `base` has of the same key, and
 * is emptied at a start. Key: number of the table (2 bytes, big-endian), then the key as `stored-key.ts` has it;
 * one that is longer than lmdb takes is its SHA-256, and the value begins with the key. Value:
 *
 *     flag 1 (0; 1: the key follows, length and bytes) · bytes            empty, in `overlay`: the entry is gone
 *
 * `overlay` has a second database of moments: table (2) · time as a double that sorts (8) · a number (8); the
 * value is the key. So what is due is found without being in memory. A moment is never removed when its entry
 * comes back or goes: who asks what is due looks whether it is still there.
 *
 * Invariant: an entry is what memory has of it, else `overlay`, else `base`.
 * Limits: disk. Writes to `overlay` are not synced: nothing of it counts after a crash.
 * Recovery: `base` changes with snapshots only, see `spilled-files.ts`.
 */
import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Database, RootDatabase } from 'lmdb';
import { lmdb } from '../../io/lmdb.js';
import { ByteReader, ByteWriter } from '../../util/bytes.js';
import type { Shelf, Shelved } from '../dataflow/shelf.js';
import type { Key, SavedEntry } from '../dataflow/state-table.js';
import { readKey, writeKey } from './stored-key.js';

/** Longest key that is stored as it is, bytes; lmdb takes 1,978. */
const KEY_BYTES_MAX = 1_024;
/** Entries that are hidden in one write. */
const HIDDEN_MAX = 1_024;
const TABLE_BYTES = 2;
const MOMENT_BYTES = 18;
const BINARY = { encoding: 'binary', keyEncoding: 'binary' } as const;

type Store = Database<Buffer, Buffer>;

/** The entries of one view's tables that are not in memory. */
export class SpillSpace {
  readonly #folder: string;
  readonly #base: RootDatabase<Buffer, Buffer>;
  #root: RootDatabase<Buffer, Buffer>;
  #overlay: Store;
  #moments: Store;
  readonly #writer = new ByteWriter(256);
  #nextMoment = 0;
  /** Entries that are gone, on their way to `overlay`. */
  readonly #hidden = new Map<string, Buffer>();

  constructor(folder: string) {
    this.#folder = folder;
    this.#base = lmdb().open({ path: join(folder, 'base'), ...BINARY, noSubdir: false, maxReaders: 16 });
    [this.#root, this.#overlay, this.#moments] = this.#newOverlay();
  }

  #newOverlay(): [RootDatabase<Buffer, Buffer>, Store, Store] {
    const path = join(this.#folder, 'overlay');
    rmSync(path, { recursive: true, force: true });
    const root = lmdb().open<Buffer, Buffer>({
      path,
      ...BINARY,
      noSubdir: false,
      maxReaders: 16,
      maxDbs: 2,
      noSync: true,
    });
    return [root, root.openDB({ name: 'entries', ...BINARY }), root.openDB({ name: 'moments', ...BINARY })];
  }

  /** Forgets what left memory since the last snapshot. */
  async restart(): Promise<void> {
    this.#hidden.clear();
    await this.#root.close();
    [this.#root, this.#overlay, this.#moments] = this.#newOverlay();
  }

  /** Forgets everything. */
  async clear(): Promise<void> {
    await this.#base.clearAsync();
    await this.#base.flushed;
    await this.restart();
  }

  async close(): Promise<void> {
    await this.#base.close();
    await this.#root.close();
  }

  /** The shelf of the table with this number. */
  shelf(table: number): Shelf {
    return {
      get: (key) => this.#get(this.#keyOf(table, key)),
      put: (entries) => this.#put(table, entries),
      hide: (key) => this.#hide(this.#keyOf(table, key)),
      due: (now, max) => this.#due(table, now, max),
      nextDue: () => this.#nextDue(table),
      saved: () => this.saved(table),
    };
  }

  #keyOf(table: number, key: Key): Buffer {
    const writer = this.#writer;
    writer.length = 0;
    writer.byte(table >> 8);
    writer.byte(table & 255);
    writeKey(key, writer);
    if (writer.length <= KEY_BYTES_MAX) return Buffer.from(writer.view());
    const hash = createHash('sha256').update(writer.view().subarray(TABLE_BYTES)).digest();
    return Buffer.concat([writer.view().subarray(0, TABLE_BYTES), Buffer.from([255]), hash]);
  }

  #hide(at: Buffer): void {
    this.#hidden.set(at.toString('latin1'), at);
    if (this.#hidden.size >= HIDDEN_MAX) this.#write(() => {});
  }

  /** One write of `overlay`: a transaction costs as much as hundreds of entries. */
  #write(change: () => void): void {
    this.#root.transactionSync(() => {
      for (const at of this.#hidden.values()) this.#overlay.putSync(at, Buffer.alloc(0));
      change();
    });
    this.#hidden.clear();
  }

  #get(at: Buffer): Uint8Array | undefined {
    if (this.#hidden.size > 0 && this.#hidden.has(at.toString('latin1'))) return undefined;
    const value = this.#overlay.get(at) ?? this.#base.get(at);
    return value === undefined || value.length === 0 ? undefined : contentOf(value);
  }

  #put(table: number, entries: readonly Shelved[]): void {
    this.#write(() => {
      for (const { bytes, due, key } of entries) {
        if (bytes !== null) this.#overlay.putSync(this.#keyOf(table, key), this.#valueOf(key, bytes));
        if (due !== null) this.#moments.putSync(momentOf(table, due, this.#nextMoment++), this.#bytesOf(key));
      }
    });
  }

  #bytesOf(key: Key): Buffer {
    this.#writer.length = 0;
    writeKey(key, this.#writer);
    return Buffer.from(this.#writer.view());
  }

  #valueOf(key: Key, bytes: Uint8Array): Buffer {
    const stored = this.#bytesOf(key);
    if (stored.length + TABLE_BYTES <= KEY_BYTES_MAX) return Buffer.concat([Buffer.from([0]), bytes]);
    const writer = new ByteWriter(stored.length + bytes.length + 8);
    writer.byte(1);
    writer.block(stored);
    writer.raw(bytes);
    return Buffer.from(writer.view());
  }

  #due(table: number, now: number, max: number): Key[] {
    const start = momentOf(table, Number.NEGATIVE_INFINITY, 0);
    const end = momentOf(table, now, 0);
    const found = [...this.#moments.getRange({ start, end, limit: max })];
    if (found.length === 0) return [];
    this.#write(() => {
      for (const { key } of found) this.#moments.removeSync(key);
    });
    return found.map(({ value }) => readKey(new ByteReader(value)));
  }

  #nextDue(table: number): number | undefined {
    const start = momentOf(table, Number.NEGATIVE_INFINITY, 0);
    for (const key of this.#moments.getKeys({ start, end: tableEnd(table), limit: 1 }))
      return timeOf(key.readBigUInt64BE(TABLE_BYTES));
    return undefined;
  }

  /** What `base` has of a table. */
  *saved(table: number): IterableIterator<{ key: Key; bytes: Uint8Array }> {
    const start = Buffer.from([table >> 8, table & 255]);
    for (const { key, value } of this.#base.getRange({ start, end: tableEnd(table) }))
      yield { key: savedKey(key, value), bytes: contentOf(value) };
  }

  /** Changes `base` as a snapshot says. What `overlay` had of it goes, where it is no newer. */
  async apply(table: number, entries: readonly SavedEntry[]): Promise<void> {
    await this.#base.transaction(() => {
      for (const { bytes, key } of entries) {
        const at = this.#keyOf(table, key);
        if (bytes === null) this.#base.remove(at);
        else this.#base.put(at, this.#valueOf(key, bytes));
      }
    });
    this.#write(() => {
      for (const { bytes, key } of entries) {
        const at = this.#keyOf(table, key);
        const left = this.#overlay.get(at);
        if (left === undefined) continue;
        const isSame = bytes === null ? left.length === 0 : left.length > 0 && left.equals(this.#valueOf(key, bytes));
        if (isSame) this.#overlay.removeSync(at);
      }
    });
  }

  /** Resolves when `base` is on disk. */
  async flushed(): Promise<void> {
    await this.#base.flushed;
  }
}

function contentOf(value: Buffer): Uint8Array {
  if (value[0] === 0) return value.subarray(1);
  const reader = new ByteReader(value, 1);
  reader.block();
  return value.subarray(reader.position);
}

function savedKey(key: Buffer, value: Buffer): Key {
  const reader = value[0] === 0 ? new ByteReader(key, TABLE_BYTES) : new ByteReader(new ByteReader(value, 1).block());
  return readKey(reader);
}

function tableEnd(table: number): Buffer {
  return Buffer.from([(table + 1) >> 8, (table + 1) & 255]);
}

const SIGN = 1n << 63n;
const ALL = (1n << 64n) - 1n;
const double = new DataView(new ArrayBuffer(8));

/** Bits of a double that sort as it does. */
function sorted(time: number): bigint {
  double.setFloat64(0, time);
  const bits = double.getBigUint64(0);
  return (bits & SIGN) === 0n ? bits | SIGN : ~bits & ALL;
}

function timeOf(bits: bigint): number {
  double.setBigUint64(0, (bits & SIGN) === 0n ? ~bits & ALL : bits & ~SIGN);
  return double.getFloat64(0);
}

function momentOf(table: number, time: number, number: number): Buffer {
  const moment = Buffer.alloc(MOMENT_BYTES);
  moment.writeUInt16BE(table);
  moment.writeBigUInt64BE(sorted(time), TABLE_BYTES);
  moment.writeBigUInt64BE(BigInt(number), TABLE_BYTES + 8);
  return moment;
}
