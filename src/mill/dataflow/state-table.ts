/**
 * Keyed state of one operator: a map that knows which entries changed since the last snapshot.
 *
 * A snapshot does not stop the view: `freeze` notes what is to be saved, and `encode` writes some of it at a
 * time while rows go on; an entry that is about to change before its turn is written first. So `touch` comes
 * *before* the first change of a round.
 *
 * A table that spills (`spillTo`) has a part of its entries on a shelf on disk. They come to memory when they are
 * asked for; between rounds `evict` puts those back that were not used lately. An operator holds no state of such
 * a table beyond a round. `entries` and `values` go over what is in memory.
 *
 * Limits: what it holds in memory counts against the view's budget; `codec.bytes` says how much an entry takes: about
 * what V8 does, all of it. An entry is counted when it is new, and again by a `count` after it was changed, as many each
 * round as were touched in it.
 * Invariant: between two freezes, `changed` has every entry that was set or touched and is there, and `gone`
 * every key that a snapshot has and that was deleted.
 * Recovery: `load` fills it with what captures wrote, in any order, newest last.
 */
import { ByteReader, ByteWriter } from '../../util/bytes.js';
import type { StateBudget } from './operator.js';
import { FRESH } from './state-entry.js';
import type { Entry } from './state-entry.js';
import { DUE_KEYS, ShelfBatch } from './shelf.js';
import type { Shelf, Spilled, SpillHooks } from './shelf.js';

/** A key: one text or number as it is, several fields as one text (`keys.ts`). */
export type Key = string | number;

/** How an entry is written, and what it costs. */
export interface StateCodec<State> {
  write(state: State, writer: ByteWriter): void;
  read(reader: ByteReader): State;
  bytes(state: State): number;
}

/** An entry as a snapshot has it; null bytes: it is gone. */
export interface SavedEntry {
  readonly key: Key;
  readonly bytes: Uint8Array<ArrayBuffer> | null;
}

/** What a snapshot and the budget see of a table. */
export interface StateStore {
  readonly name: string;
  /** Entries. */
  readonly size: number;
  readonly bytes: number;
  /** Counts what changed entries take now, some of them. Called once a round, after the flush. */
  count(): void;
  /** What changed since the last call is to be saved as it is now. What was frozen before must be encoded. */
  freeze(): void;
  /** Encodes up to `max` of the frozen entries; answers how many. At 0 `take` has them all. */
  encode(max: number): number;
  /** What was encoded since the freeze. */
  take(): SavedEntry[];
  /** Puts about so many bytes on disk, where the table spills. Only between rounds. */
  evict?(bytes: number): void;
  /** Takes over what the shelf has of the last snapshot; answers whether the table spills. */
  restoreSpilled?(): boolean;
  /** Entries that are on disk alone, and about how many changed since the last freeze. */
  readonly spilledSize?: number;
  readonly unsaved?: number;
  /** Sets an entry to what a capture wrote; null: it is gone. The next `count` counts all that were loaded. */
  load(key: Key, bytes: Uint8Array | null): void;
}

/** What changed since the last freeze, all at once. */
export function captureOf(store: StateStore): SavedEntry[] {
  store.freeze();
  while (store.encode(Number.POSITIVE_INFINITY) > 0);
  return store.take();
}

/** Bytes that an entry takes beside its state: itself, its place in the map and among the changed. */
const ENTRY_BYTES = 176;
/** Changed entries that one `count` looks at beside as many as the round touched: its cost is the round's own. */
const COUNTED_MIN = 512;

/** A map whose changes can be captured. */
export class StateTable<State> implements StateStore {
  readonly name: string;
  /** Bytes of all entries, about. */
  bytes = 0;
  readonly #codec: StateCodec<State>;
  readonly #budget: StateBudget;
  readonly #entries = new Map<Key, Entry<State>>();
  #changed: Entry<State>[] = [];
  readonly #gone = new Set<Key>();
  #frozen: Entry<State>[] = [];
  #saved: SavedEntry[] = [];
  readonly #writer = new ByteWriter(256);
  /** Entries that `load` set: their states are whole, and can be counted, once the operator has seen them. */
  #loaded: Entry<State>[] = [];
  /** How far `count` came among the changed entries, and how many were touched since. */
  #counted = 0;
  #touched = 0;
  #spilled: Spilled<State> | null = null;

  constructor(name: string, codec: StateCodec<State>, budget: StateBudget) {
    this.name = name;
    this.#codec = codec;
    this.#budget = budget;
  }

  /** From now on entries may leave memory. Before the first entry, or right behind. */
  spillTo(shelf: Shelf, hooks: SpillHooks<State>): void {
    this.#spilled = { shelf, hooks, count: 0, changed: new Set(), frozen: new Set(), missed: null };
  }

  get size(): number {
    return this.#entries.size + (this.#spilled?.count ?? 0);
  }

  get spilledSize(): number {
    return this.#spilled?.count ?? 0;
  }

  get unsaved(): number {
    return this.#changed.length + this.#gone.size;
  }

  get(key: Key): State | undefined {
    return this.#find(key)?.state;
  }

  has(key: Key): boolean {
    return this.#find(key) !== undefined;
  }

  #find(key: Key): Entry<State> | undefined {
    const entry = this.#entries.get(key);
    if (this.#spilled === null) return entry;
    if (entry === undefined) return this.#revive(key, this.#spilled);
    entry.isUsed = true;
    return entry;
  }

  #revive(key: Key, spilled: Spilled<State>): Entry<State> | undefined {
    if (spilled.count === 0 || key === spilled.missed) return undefined;
    const bytes = spilled.shelf.get(key);
    if (bytes === undefined) {
      spilled.missed = key;
      return undefined;
    }
    const state = this.#codec.read(new ByteReader(bytes));
    const isChanged = spilled.changed.delete(key);
    const entry: Entry<State> = { key, state, bytes: 0, ...FRESH, isChanged, isSaved: true, isShelved: true };
    // It is frozen as it lies there: what changes it from now on comes later.
    if (spilled.frozen.delete(key)) this.#saved.push({ key, bytes: new Uint8Array(bytes) });
    spilled.count--;
    this.#entries.set(key, entry);
    if (isChanged) this.#changed.push(entry);
    spilled.hooks.revived(key, state);
    this.#countEntry(entry);
    return entry;
  }

  set(key: Key, state: State): void {
    const entry = this.#find(key);
    if (entry === undefined) this.#add(key, state);
    else {
      this.#change(entry);
      entry.state = state;
    }
  }

  #add(key: Key, state: State): Entry<State> {
    const bytes = ENTRY_BYTES + this.#codec.bytes(state);
    const isSaved = this.#gone.size > 0 && this.#gone.delete(key);
    const entry = { key, state, bytes, ...FRESH, isChanged: true, isSaved };
    this.#entries.set(key, entry);
    this.#changed.push(entry);
    // It grows in its round: it is counted once more at its end.
    this.#touched++;
    this.bytes += bytes;
    this.#budget.bytes += bytes;
    return entry;
  }

  /** The state of a key is about to be changed in place. Once a round is enough. */
  touch(key: Key): void {
    const entry = this.#find(key);
    if (entry !== undefined) this.#change(entry);
  }

  #change(entry: Entry<State>): void {
    this.#touched++;
    if (entry.isFrozen) this.#encode(entry);
    entry.isShelved = false;
    if (entry.isChanged) return;
    entry.isChanged = true;
    this.#changed.push(entry);
  }

  delete(key: Key): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return this.#deleteSpilled(key);
    // What a snapshot has of it may come to the shelf yet.
    if (entry.isSaved) this.#spilled?.shelf.hide(key);
    if (entry.isFrozen) this.#encode(entry);
    this.#entries.delete(key);
    this.#resize(entry, 0);
    entry.isGone = true;
    if (entry.isSaved) this.#gone.add(key);
    // Without snapshots nothing else lets go of those that came and went.
    if (entry.isChanged && this.#changed.length > 2 * this.#entries.size + COUNTED_MIN) {
      this.#changed = this.#changed.filter(({ isGone }) => !isGone);
      this.#counted = 0;
    }
  }

  #deleteSpilled(key: Key): void {
    const spilled = this.#spilled;
    if (spilled === null || spilled.count === 0) return;
    const bytes = spilled.shelf.get(key);
    if (bytes === undefined) return;
    if (spilled.frozen.delete(key)) this.#saved.push({ key, bytes: new Uint8Array(bytes) });
    spilled.changed.delete(key);
    spilled.count--;
    spilled.shelf.hide(key);
    this.#gone.add(key);
  }

  *entries(): IterableIterator<[Key, State]> {
    for (const { key, state } of this.#entries.values()) yield [key, state];
  }

  /** Every entry's state, and the bytes that it was counted with. */
  eachSize(visit: (state: State, bytes: number) => void): void {
    for (const { bytes, state } of this.#entries.values()) visit(state, bytes);
  }

  *values(): IterableIterator<State> {
    for (const { state } of this.#entries.values()) yield state;
  }

  /** Keys on disk that are due before `now`, ms. Each may be in memory by now, gone, or due later. */
  *dueOnDisk(now: number): IterableIterator<Key> {
    if (this.#spilled === null) return;
    const { shelf } = this.#spilled;
    for (let keys = shelf.due(now, DUE_KEYS); keys.length > 0; keys = shelf.due(now, DUE_KEYS)) yield* keys;
  }

  /** The first moment at which something on disk may be due, ms. */
  get nextDueOnDisk(): number | undefined {
    return this.#spilled?.shelf.nextDue();
  }

  evict(bytes: number): void {
    if (this.#spilled === null) return;
    this.#spilled.missed = null;
    const target = this.bytes - bytes;
    const before = this.#entries.size;
    // Those that were used since the last time stay, as long as others do.
    for (const isSparing of [true, false]) {
      if (this.bytes <= target) break;
      this.#evictSome(this.#spilled, target, isSparing);
    }
    if (this.#entries.size < before) this.#spilled.hooks.evicted();
  }

  #evictSome(spilled: Spilled<State>, target: number, isSparing: boolean): void {
    const batch = new ShelfBatch(spilled.shelf);
    for (const entry of this.#entries.values()) {
      if (this.bytes <= target) break;
      const isSpared = isSparing && entry.isUsed;
      entry.isUsed = false;
      if (isSpared) continue;
      const { key, state } = entry;
      if (entry.isFrozen) this.#encode(entry);
      batch.add({ key, bytes: entry.isShelved ? null : this.#bytesOf(state), due: spilled.hooks.due(state) });
      if (entry.isChanged) spilled.changed.add(key);
      spilled.count++;
      this.#entries.delete(key);
      this.#resize(entry, 0);
      // The list of changed entries still has it.
      entry.isGone = true;
      entry.state = undefined as State;
    }
    batch.send();
  }

  #bytesOf(state: State): Uint8Array<ArrayBuffer> {
    const writer = this.#writer;
    writer.length = 0;
    this.#codec.write(state, writer);
    return writer.copy();
  }

  restoreSpilled(): boolean {
    if (this.#spilled === null) return false;
    const { hooks, shelf } = this.#spilled;
    const moments = new ShelfBatch(shelf);
    for (const { bytes, key } of shelf.saved()) {
      // One that the operator made at its start is in memory.
      if (this.#entries.has(key)) {
        this.load(key, bytes);
        continue;
      }
      this.#spilled.count++;
      const due = hooks.due(this.#codec.read(new ByteReader(bytes)));
      if (due !== null) moments.add({ key, bytes: null, due });
    }
    moments.send();
    return true;
  }

  count(): void {
    for (const entry of this.#loaded) this.#countEntry(entry);
    this.#loaded = [];
    const changed = this.#changed;
    const end = Math.min(changed.length, this.#counted + COUNTED_MIN + this.#touched);
    this.#touched = 0;
    for (let i = this.#counted; i < end; i++) this.#countEntry(changed[i]!);
    this.#counted = end === changed.length ? 0 : end;
  }

  #countEntry(entry: Entry<State>): void {
    if (!entry.isGone) this.#resize(entry, ENTRY_BYTES + this.#codec.bytes(entry.state));
  }

  #resize(entry: Entry<State>, bytes: number): void {
    const change = bytes - entry.bytes;
    entry.bytes = bytes;
    this.#budget.bytes += change;
    this.bytes += change;
  }

  freeze(): void {
    this.#saved = [];
    for (const key of this.#gone) this.#saved.push({ key, bytes: null });
    this.#gone.clear();
    this.#frozen = this.#changed;
    this.#changed = [];
    this.#counted = 0;
    for (const entry of this.#frozen) {
      entry.isChanged = false;
      entry.isFrozen = !entry.isGone;
      entry.isSaved = true;
    }
    if (this.#spilled === null) return;
    this.#spilled.frozen = this.#spilled.changed;
    this.#spilled.changed = new Set();
  }

  encode(max: number): number {
    let count = 0;
    for (; count < max; count++) {
      const entry = this.#frozen.pop();
      if (entry === undefined) break;
      if (entry.isFrozen) this.#encode(entry);
    }
    return this.#spilled === null ? count : count + this.#encodeSpilled(this.#spilled, max - count);
  }

  /** Of what was frozen on the shelf. */
  #encodeSpilled({ frozen, shelf }: Spilled<State>, max: number): number {
    let count = 0;
    for (const key of frozen) {
      if (count === max) break;
      frozen.delete(key);
      this.#saved.push({ key, bytes: new Uint8Array(shelf.get(key)!) });
      count++;
    }
    return count;
  }

  #encode(entry: Entry<State>): void {
    entry.isFrozen = false;
    this.#saved.push({ key: entry.key, bytes: this.#bytesOf(entry.state) });
  }

  take(): SavedEntry[] {
    const saved = this.#saved;
    this.#saved = [];
    return saved;
  }

  load(key: Key, bytes: Uint8Array | null): void {
    const old = this.#entries.get(key);
    if (bytes === null) {
      if (old === undefined) return;
      old.isGone = true;
      this.#entries.delete(key);
      this.#resize(old, 0);
      return;
    }
    const state = this.#codec.read(new ByteReader(bytes));
    if (old === undefined) {
      const entry = { key, state, bytes: 0, ...FRESH, isSaved: true };
      this.#entries.set(key, entry);
      this.#loaded.push(entry);
    } else old.state = state;
  }
}
