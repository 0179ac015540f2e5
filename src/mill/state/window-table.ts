/**
 * The groups of one view in one window: an open-addressing table over the key, one array a column.
 *
 * A key is `width` 32-bit words (ids of the view's pool, halves of integers, quarters of uuids).
 * Groups are dense, in order of arrival; `slots` maps a hash to group + 1, linear probing, at most
 * half full. Kernels probe and accumulate on the arrays directly; a miss calls `insert`, after which
 * every array may be another one, so kernels reload.
 *
 * A group is *dirty* from its first change after a publication until the next one; its shadow (what
 * was published) is kept meanwhile, so that a publication can be skipped when nothing differs.
 */
import type { Dictionary } from '../../event/dictionary.js';
import type { Accumulator } from './accumulators/accumulator.js';
import type { AccumulatorFactory } from './accumulators/create.js';
import type { ByteReader, ByteWriter } from '../../util/bytes.js';
import { Cells } from './cells.js';
import type { SavedState } from './snapshot.js';

/** What was last published of a group. */
export const NOT_PUBLISHED = 0;
export const OPEN = 1;
export const FINAL = 2;
export const CORRECTED = 3;
/** Flag beside these: a row beyond `end + lag` was applied. */
export const CORRECTION = 4;
/** Flag beside these: the group is clean, but differs from what was published. */
const DUE = 8;
const STATE_MASK = 3;

/** Hash of a key; kernels print the same steps, see `kernels/keys.ts`. */
export function hashKey(words: Int32Array, at: number, width: number): number {
  let h = 0x9e3779b1;
  for (let i = 0; i < width; i++) {
    h = Math.imul(h ^ words[at + i]!, 0x85ebca6b);
    h ^= h >>> 15;
  }
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** What all tables of a view have in common. */
export interface TableShape {
  /** Words a key. */
  readonly width: number;
  /** Cells a group. */
  readonly stride: number;
  readonly create: AccumulatorFactory;
}

/** One window's groups. */
export class WindowTable {
  readonly start: number;
  readonly end: number;
  readonly width: number;
  /** Whether a new group may have a stored partial: the window was closed before. */
  readonly reopened: boolean;
  readonly accumulators: readonly Accumulator[];
  readonly cells: Cells;
  groups = 0;
  /** Bytes that count against the view's budget. */
  bytes = 0;
  /** The state in which snapshots captured this table; null when it has changed since. */
  saved: SavedState | null = null;
  /** Bytes of each group beyond its fixed size, as last counted. */
  readonly extras: number[] = [];
  slots: Int32Array;
  words: Int32Array;
  /** Last published state and the correction flag, a group. */
  flags: Uint8Array;
  /** Position in `dirtyGroups` + 1; 0 for a clean group. */
  dirty: Int32Array;
  dirtyGroups = new Int32Array(64);
  dirtyCount = 0;
  /** The key that `insert` takes. */
  readonly key: Int32Array;
  #capacity: number;
  #byCode: Int32Array | null = null;
  #dictionary: Dictionary | null = null;

  constructor(start: number, end: number, capacity: number, reopened: boolean, shape: TableShape) {
    this.start = start;
    this.end = end;
    const { width } = shape;
    this.width = width;
    this.reopened = reopened;
    this.#capacity = capacity;
    this.cells = new Cells(shape.stride, capacity);
    this.accumulators = shape.create(this.cells, capacity);
    this.slots = new Int32Array(capacity * 2);
    this.words = new Int32Array(capacity * width);
    this.flags = new Uint8Array(capacity);
    this.dirty = new Int32Array(capacity);
    this.key = new Int32Array(width);
  }

  /** The group of `key`, or -1. */
  find(): number {
    const mask = this.slots.length - 1;
    for (let slot = hashKey(this.key, 0, this.width) & mask; ; slot = (slot + 1) & mask) {
      const group = this.slots[slot]! - 1;
      if (group < 0) return -1;
      if (this.#keyIs(group)) return group;
    }
  }

  #keyIs(group: number): boolean {
    const at = group * this.width;
    for (let i = 0; i < this.width; i++) if (this.words[at + i] !== this.key[i]) return false;
    return true;
  }

  /** Whether `groupsByCode` keeps anything. */
  get isCoded(): boolean {
    return this.#byCode !== null;
  }

  /** See `KernelHost`; kept for the dictionary that was asked for last, and filled by kernels. */
  groupsByCode(dictionary: Dictionary): Int32Array {
    const known = dictionary === this.#dictionary ? this.#byCode : null;
    const size = dictionary.size + 1;
    if (known !== null && known.length >= size) return known;
    const byCode = new Int32Array(known === null ? size : Math.max(size, known.length * 2));
    if (known !== null) byCode.set(known);
    this.#dictionary = dictionary;
    return (this.#byCode = byCode);
  }

  /** Drops what `groupsByCode` keeps. */
  forgetCodes(): void {
    this.#byCode = null;
    this.#dictionary = null;
  }

  /** Adds a group for `key`, which is not there yet. */
  insert(): number {
    if (this.groups === this.#capacity) this.#grow();
    const group = this.groups++;
    this.words.set(this.key, group * this.width);
    this.#place(group);
    return group;
  }

  #place(group: number): void {
    const mask = this.slots.length - 1;
    let slot = hashKey(this.words, group * this.width, this.width) & mask;
    while (this.slots[slot] !== 0) slot = (slot + 1) & mask;
    this.slots[slot] = group + 1;
  }

  #grow(): void {
    const capacity = this.#capacity * 2;
    this.#capacity = capacity;
    const words = new Int32Array(capacity * this.width);
    words.set(this.words);
    this.words = words;
    const flags = new Uint8Array(capacity);
    flags.set(this.flags);
    this.flags = flags;
    const dirty = new Int32Array(capacity);
    dirty.set(this.dirty);
    this.dirty = dirty;
    this.cells.grow(capacity);
    for (const accumulator of this.accumulators) accumulator.grow(capacity);
    this.#rehash();
  }

  #rehash(): void {
    this.slots = new Int32Array(this.#capacity * 2);
    for (let group = 0; group < this.groups; group++) this.#place(group);
  }

  /** Forgets all groups, of which none is dirty; what their cells have stays there. */
  clear(): void {
    this.groups = 0;
    this.slots.fill(0);
  }

  /** Marks a clean group dirty and remembers what was published. */
  touch(group: number): void {
    this.saved = null;
    const slot = this.dirtyCount++;
    if (slot === this.dirtyGroups.length) {
      const larger = new Int32Array(slot * 2);
      larger.set(this.dirtyGroups);
      this.dirtyGroups = larger;
    }
    this.dirtyGroups[slot] = group;
    this.dirty[group] = slot + 1;
    for (const accumulator of this.accumulators) accumulator.save(group, slot);
  }

  /** A dirty group was published by itself: remembers that, and leaves it dirty. */
  resave(group: number): void {
    const slot = this.dirty[group]! - 1;
    if (slot >= 0) for (const accumulator of this.accumulators) accumulator.save(group, slot);
  }

  /** Whether a dirty group's aggregates are what was published. */
  unchanged(group: number): boolean {
    const slot = this.dirty[group]! - 1;
    if (slot < 0) return true;
    for (const accumulator of this.accumulators) if (!accumulator.same(group, slot)) return false;
    return true;
  }

  /** Makes all groups clean. */
  clean(): void {
    for (let i = 0; i < this.dirtyCount; i++) this.dirty[this.dirtyGroups[i]!] = 0;
    this.dirtyCount = 0;
  }

  published(group: number): number {
    return this.flags[group]! & STATE_MASK;
  }

  setPublished(group: number, state: number): void {
    this.saved = null;
    this.flags[group] = (this.flags[group]! & ~(STATE_MASK | DUE)) | state;
  }

  /** Whether a clean group waits for its publication. */
  isDue(group: number): boolean {
    return (this.flags[group]! & DUE) !== 0;
  }

  /** Remembers of a dirty group that is cleaned unpublished whether it is to be published. */
  setDue(group: number): void {
    if (!this.unchanged(group)) this.flags[group]! |= DUE;
  }

  isCorrected(group: number): boolean {
    return (this.flags[group]! & CORRECTION) !== 0;
  }

  setCorrected(group: number): void {
    this.flags[group]! |= CORRECTION;
  }

  /** Copies group `from` of `other`, which has the same key, into the empty group `group`. */
  copyGroup(
    group: number,
    other: WindowTable,
    from: number,
    writer: ByteWriter,
    read: (bytes: Uint8Array) => ByteReader,
  ): void {
    this.flags[group] = other.flags[from]!;
    this.accumulators.forEach((accumulator, index) => {
      writer.length = 0;
      other.accumulators[index]!.writePartial(from, writer);
      accumulator.readPartial(group, read(writer.view()));
    });
  }

  /** Calls `visit` with the words at `positions` of every group. */
  eachWord(positions: readonly number[], visit: (word: number) => void): void {
    for (let group = 0; group < this.groups; group++)
      for (const position of positions) visit(this.words[group * this.width + position]!);
  }

  /** Gives the words at `positions`, which are pool ids, their new ids. */
  remap(positions: readonly number[], newIds: Int32Array): void {
    this.saved = null;
    for (let group = 0; group < this.groups; group++) {
      for (const position of positions) {
        const at = group * this.width + position;
        if (this.words[at]! >= 0) this.words[at] = newIds[this.words[at]!]!;
      }
    }
    this.#rehash();
  }

  /** Writes everything; no group may be dirty. */
  write(writer: ByteWriter): void {
    writer.double(this.start);
    writer.unsigned(this.groups);
    writer.array(this.words, this.groups * this.width);
    writer.array(this.flags, this.groups);
    writer.array(this.cells.data, this.groups * this.cells.stride);
    for (const accumulator of this.accumulators) accumulator.write(this.groups, writer);
  }

  /** Fills this empty table with what `write` wrote after the start; `groups` is read by the caller. */
  read(groups: number, reader: ByteReader): void {
    while (this.#capacity < groups) this.#grow();
    reader.array(this.words);
    reader.array(this.flags);
    reader.array(this.cells.data);
    this.groups = groups;
    for (const accumulator of this.accumulators) accumulator.read(groups, reader);
    this.#rehash();
  }
}
