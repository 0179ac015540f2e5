/**
 * Slices of windows in arrays: `slices.ts` without an object a slice.
 *
 * A slice is a *slot*: the partials of one key's rows in one pane, as cells of the aggregates' columns. A key's slots
 * are a chain from the newest pane to the oldest. A row that is late for its pane's first windows and in time for
 * others goes to a slot of its own, which says the first window that it counts for.
 *
 * Limits: each slot counts against the view's budget; a slot that is free is used again.
 * Invariant: a key's chain falls by (pane, from); no two slots have the same key, pane and `from`.
 * Recovery: an entry a slot, as in `slices.ts`; keys get new ids.
 */
import type { SqlType } from '../../../../sql/plan.js';
import { ByteReader, ByteWriter } from '../../../../util/bytes.js';
import { blockOfRows } from '../../block.js';
import type { BlockKeys } from '../../block-keys.js';
import { keyFunction } from '../../keys.js';
import type { Row, StateBudget } from '../../operator.js';
import { rowCodec } from '../../rows.js';
import type { Key, SavedEntry, StateCodec, StateStore } from '../../state-table.js';
import type { PackedColumn } from './column.js';
import type { ColumnFamily } from './columns.js';
import { grown } from '../../../../util/typed-arrays.js';

const NONE = -1;
const CAPACITY_MIN = 1_024;
/** Bytes of a slot beside its partials, and of a partial. */
const SLOT_BYTES = 80;
const PARTIAL_BYTES = 24;
/** What is known of a slot: it is in use, changed since the last freeze, waits to be encoded, is in a snapshot. */
const [USED, CHANGED, FROZEN, SAVED] = [1, 2, 4, 8];

/** What the store is made of. */
export interface SlotShape {
  readonly name: string;
  readonly families: readonly ColumnFamily[];
  readonly keys: BlockKeys;
  readonly keyTypes: readonly SqlType[];
  readonly budget: StateBudget;
}

/** See the head of the file. */
export class PackedSlots implements StateStore {
  readonly name: string;
  /** By aggregate, cells by slot. */
  readonly columns: PackedColumn[];
  /** Of each slot: key, pane, first window that it counts for; the chain of its key; a list that its owner has it in. */
  key = new Int32Array(0);
  pane = new Float64Array(0);
  from = new Float64Array(0);
  older = new Int32Array(0);
  newer = new Int32Array(0);
  next = new Int32Array(0);
  readonly #shape: SlotShape;
  readonly #slotBytes: number;
  /** By key: its newest slot. */
  #newest = new Int32Array(0);
  #flags = new Uint8Array(0);
  readonly #free: number[] = [];
  #end = 0;
  #size = 0;
  #changed: number[] = [];
  #gone: string[] = [];
  #frozen: number[] = [];
  #saved: SavedEntry[] = [];
  readonly #writer = new ByteWriter();
  readonly #rows: StateCodec<Row>;
  readonly #keyOf: (row: Row) => Key;
  readonly #loaded = new Map<string, Uint8Array>();

  constructor(shape: SlotShape) {
    const { families, keyTypes } = shape;
    this.name = shape.name;
    this.#shape = shape;
    this.columns = families.map((family) => family.column());
    this.#slotBytes = SLOT_BYTES + PARTIAL_BYTES * families.length;
    this.#rows = rowCodec(keyTypes.map((type) => ({ type })));
    this.#keyOf = keyFunction([...keyTypes.keys()], keyTypes);
  }

  get size(): number {
    return this.#size + this.#loaded.size;
  }

  get bytes(): number {
    return this.size * this.#slotBytes;
  }

  /** Slots are below this. */
  get end(): number {
    return this.#end;
  }

  /** Whether a slot is in use. */
  isUsed(slot: number): boolean {
    return (this.#flags[slot]! & USED) !== 0;
  }

  /** The newest slot of a key; below 0: it has none. */
  newest(key: number): number {
    return key < this.#newest.length ? this.#newest[key]! : NONE;
  }

  /** The slot of a key, pane and first window, which is about to be changed; below 0: it is new and there is no room. */
  touch(key: number, pane: number, from: number): number {
    let newer = NONE;
    let slot = this.newest(key);
    while (slot !== NONE && (this.pane[slot]! > pane || (this.pane[slot]! === pane && this.from[slot]! > from))) {
      newer = slot;
      slot = this.older[slot]!;
    }
    if (slot === NONE || this.pane[slot] !== pane || this.from[slot] !== from) {
      if (!this.#shape.budget.hasRoom()) return NONE;
      slot = this.#insert(key, pane, from, newer);
    }
    if ((this.#flags[slot]! & (CHANGED | FROZEN)) !== CHANGED) this.#note(slot);
    return slot;
  }

  #insert(key: number, pane: number, from: number, newer: number): number {
    const slot = this.#free.pop() ?? this.#end++;
    if (slot >= this.key.length) this.#grow();
    if (key >= this.#newest.length) {
      const old = this.#newest.length;
      this.#newest = grown(this.#newest, Math.max(CAPACITY_MIN, 2 * old, key + 1)).fill(NONE, old);
    }
    this.key[slot] = key;
    this.pane[slot] = pane;
    this.from[slot] = from;
    this.#link(slot, newer, newer === NONE ? this.#newest[key]! : this.older[newer]!);
    this.#flags[slot] = USED;
    for (const column of this.columns) column.reset(slot);
    this.#size++;
    this.#shape.budget.bytes += this.#slotBytes;
    return slot;
  }

  /** Puts a slot between two of its key's chain. */
  #link(slot: number, newer: number, older: number): void {
    this.newer[slot] = newer;
    this.older[slot] = older;
    if (older !== NONE) this.newer[older] = slot;
    if (newer !== NONE) this.older[newer] = slot;
    else this.#newest[this.key[slot]!] = slot;
  }

  #grow(): void {
    const capacity = Math.max(CAPACITY_MIN, 2 * this.key.length);
    this.key = grown(this.key, capacity);
    this.pane = grown(this.pane, capacity);
    this.from = grown(this.from, capacity);
    this.older = grown(this.older, capacity);
    this.newer = grown(this.newer, capacity);
    this.next = grown(this.next, capacity);
    this.#flags = grown(this.#flags, capacity);
    for (const column of this.columns) column.grow(capacity);
  }

  #note(slot: number): void {
    if ((this.#flags[slot]! & FROZEN) !== 0) this.#encode(slot);
    if ((this.#flags[slot]! & CHANGED) !== 0) return;
    this.#flags[slot]! |= CHANGED;
    this.#changed.push(slot);
  }

  /** Frees the slots of the list that begins with `head`. */
  free(head: number): void {
    for (let slot = head; slot !== NONE; slot = this.next[slot]!) this.#remove(slot);
    // Without snapshots nothing else lets go of them.
    if (this.#changed.length > 2 * this.#size + CAPACITY_MIN)
      this.#changed = this.#changed.filter((slot) => (this.#flags[slot]! & CHANGED) !== 0);
  }

  #remove(slot: number): void {
    const flags = this.#flags[slot]!;
    if ((flags & FROZEN) !== 0) this.#encode(slot);
    if ((flags & SAVED) !== 0) this.#gone.push(this.#entryKey(slot));
    const key = this.key[slot]!;
    const newer = this.newer[slot]!;
    const older = this.older[slot]!;
    if (newer === NONE) this.#newest[key] = older;
    else this.older[newer] = older;
    if (older !== NONE) this.newer[older] = newer;
    this.#flags[slot] = 0;
    this.#free.push(slot);
    this.#size--;
    this.#shape.budget.bytes -= this.#slotBytes;
    if (this.#newest[key] === NONE) this.#shape.keys.rest(key);
  }

  /** The values of a key. */
  keyRow(key: number): Row {
    return this.#shape.keyTypes.map((_, part) => this.#shape.keys.valueOf(part, key));
  }

  /** Puts a general column in the place of one that refused a value. */
  generalise(aggregate: number): void {
    const family = this.#shape.families[aggregate]!;
    this.columns[aggregate] = family.generalise(this.columns[aggregate]!, this.key.length, (slot) => this.isUsed(slot));
  }

  count(): void {}

  freeze(): void {
    this.#saved = this.#gone.map((key) => ({ key, bytes: null }));
    this.#gone = [];
    this.#frozen = this.#changed.filter((slot) => (this.#flags[slot]! & CHANGED) !== 0);
    this.#changed = [];
    for (const slot of this.#frozen) this.#flags[slot] = USED | FROZEN | SAVED;
  }

  encode(max: number): number {
    let count = 0;
    for (; count < max; count++) {
      const slot = this.#frozen.pop();
      if (slot === undefined) break;
      if ((this.#flags[slot]! & FROZEN) !== 0) this.#encode(slot);
    }
    return count;
  }

  #encode(slot: number): void {
    this.#flags[slot]! &= ~FROZEN;
    const writer = this.#writer;
    writer.length = 0;
    this.#rows.write(this.keyRow(this.key[slot]!), writer);
    for (const column of this.columns) column.write(slot, writer);
    this.#saved.push({ key: this.#entryKey(slot), bytes: writer.copy() });
  }

  #entryKey(slot: number): string {
    const key = this.#keyOf(this.keyRow(this.key[slot]!));
    return `${this.pane[slot]};${this.from[slot]};${typeof key === 'number' ? 'n' : 's'}${key}`;
  }

  take(): SavedEntry[] {
    const saved = this.#saved;
    this.#saved = [];
    return saved;
  }

  /** `settle` puts what was loaded in slots. */
  load(key: Key, bytes: Uint8Array | null): void {
    if (bytes === null) this.#loaded.delete(key as string);
    else this.#loaded.set(key as string, bytes);
  }

  /** After loading: puts all entries in slots. */
  settle(): void {
    const id = new Int32Array(1);
    for (const [entry, bytes] of this.#loaded) {
      const [pane, from] = entry.split(';', 2).map(Number) as [number, number];
      const reader = new ByteReader(bytes);
      this.#shape.keys.idsOf(blockOfRows([this.#rows.read(reader)], this.#shape.keyTypes), id);
      let newer = NONE;
      for (let slot = this.newest(id[0]!); slot !== NONE; slot = this.older[slot]!) {
        if (this.pane[slot]! < pane || (this.pane[slot]! === pane && this.from[slot]! < from)) break;
        newer = slot;
      }
      const slot = this.#insert(id[0]!, pane, from, newer);
      this.#flags[slot] = USED | SAVED;
      this.columns.forEach((_, aggregate) => this.#read(aggregate, slot, reader));
    }
    this.#loaded.clear();
  }

  #read(aggregate: number, slot: number, reader: ByteReader): void {
    const { position } = reader;
    if (this.columns[aggregate]!.read(slot, reader)) return;
    this.generalise(aggregate);
    reader.position = position;
    this.columns[aggregate]!.read(slot, reader);
  }
}
