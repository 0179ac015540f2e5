/**
 * What a snapshot and the budget see of packed sessions: an entry a key, as `../sessions.ts` writes it.
 *
 * As in `../../state-table.ts`, `touch` comes before the first change of a round: what is frozen and not encoded yet is
 * encoded then.
 */
import { ByteReader, ByteWriter } from '../../../../util/bytes.js';
import type { StateBudget } from '../../operator.js';
import type { Key, SavedEntry, StateCodec, StateStore } from '../../state-table.js';
import { larger } from '../../../../util/typed-arrays.js';

/** Bits of what is known of a key's entry. */
const CHANGED = 1;
const FROZEN = 2;
/** A snapshot has it. */
const SAVED = 4;

const CAPACITY_MIN = 1_024;

/** How the store gets at the sessions of a key. */
export interface KeyedEntries<Entry> {
  readonly codec: StateCodec<Entry>;
  /** The name of a key's entry. */
  nameOf(id: number): Key;
  entryOf(id: number): Entry;
  /** Takes an entry of a snapshot in the place of what there is. */
  load(entry: Entry): number;
  /** Throws where changes wait that would be lost. */
  assertSettled(): void;
  /** Takes out all of a key. */
  unload(id: number): void;
}

/** See the head of the file. */
export class PackedStore<Entry> implements StateStore {
  readonly name: string;
  bytes = 0;
  /** Keys that have sessions. */
  size = 0;
  readonly #entries: KeyedEntries<Entry>;
  readonly #budget: StateBudget;
  #flags = new Uint8Array(CAPACITY_MIN);
  #changed: number[] = [];
  #frozen: number[] = [];
  readonly #gone = new Set<Key>();
  #saved: SavedEntry[] = [];
  readonly #writer = new ByteWriter(256);
  /** Ids of what was loaded, until all is. */
  readonly #loaded = new Map<Key, number>();

  constructor(name: string, entries: KeyedEntries<Entry>, budget: StateBudget) {
    this.name = name;
    this.#entries = entries;
    this.#budget = budget;
  }

  /** Counts bytes that came, or went. */
  charge(bytes: number): void {
    this.bytes += bytes;
    this.#budget.bytes += bytes;
  }

  /** Something of a key is about to change. */
  touch(id: number): void {
    if (id >= this.#flags.length) this.#flags = larger(this.#flags, new Uint8Array(2 * id));
    const flags = this.#flags[id]!;
    if ((flags & FROZEN) !== 0) this.#encode(id);
    if ((flags & CHANGED) !== 0) return;
    this.#flags[id]! |= CHANGED;
    this.#changed.push(id);
  }

  /** A key is about to lose all it has. */
  remove(id: number): void {
    const flags = this.#flags[id]!;
    if ((flags & FROZEN) !== 0) this.#encode(id);
    if ((flags & SAVED) !== 0) this.#gone.add(this.#entries.nameOf(id));
    this.#flags[id] = 0;
    // Without snapshots nothing else lets go of those that came and went.
    if (this.#changed.length > 2 * this.size + CAPACITY_MIN) this.#changed = this.#stillChanged();
  }

  /** Ids that changed, each once: a key may have come and gone, and its id be another's. */
  #stillChanged(): number[] {
    const ids = new Set(this.#changed);
    return [...ids].filter((id) => (this.#flags[id]! & CHANGED) !== 0);
  }

  count(): void {
    this.#loaded.clear();
  }

  freeze(): void {
    this.#entries.assertSettled();
    this.#frozen = this.#stillChanged();
    this.#changed = [];
    for (const id of this.#frozen) {
      if ((this.#flags[id]! & SAVED) === 0 && this.#gone.size > 0) this.#gone.delete(this.#entries.nameOf(id));
      this.#flags[id] = FROZEN | SAVED;
    }
    this.#saved = Array.from(this.#gone, (key) => ({ key, bytes: null }));
    this.#gone.clear();
  }

  encode(max: number): number {
    let count = 0;
    for (; count < max; count++) {
      const id = this.#frozen.pop();
      if (id === undefined) break;
      if ((this.#flags[id]! & FROZEN) !== 0) this.#encode(id);
    }
    return count;
  }

  #encode(id: number): void {
    this.#flags[id]! &= ~FROZEN;
    const writer = this.#writer;
    writer.length = 0;
    this.#entries.codec.write(this.#entries.entryOf(id), writer);
    this.#saved.push({ key: this.#entries.nameOf(id), bytes: writer.copy() });
  }

  take(): SavedEntry[] {
    const saved = this.#saved;
    this.#saved = [];
    return saved;
  }

  load(key: Key, bytes: Uint8Array | null): void {
    const known = this.#loaded.get(key);
    if (known !== undefined) this.#entries.unload(known);
    this.#loaded.delete(key);
    if (bytes === null) return;
    const id = this.#entries.load(this.#entries.codec.read(new ByteReader(bytes)));
    this.#loaded.set(key, id);
    if (id >= this.#flags.length) this.#flags = larger(this.#flags, new Uint8Array(2 * id));
    this.#flags[id] = SAVED;
  }
}
