/**
 * Groups in arrays, by slot: one a key, for ever. A slot is taken for a group, or for the *image* of one: what it was
 * when its row was passed on, kept from its first change until the next time.
 */
import type { StateStore } from '../../state-table.js';
import { larger } from '../../../../util/typed-arrays.js';
import type { PackedAggregate } from '../packed-sessions/packed-aggregate.js';
import { DIRTY, NONE, PASSED, SlotList } from '../packed-sessions/sessions.js';

const CAPACITY_MIN = 1_024;

/** See the head of the file. */
export class PackedGroups {
  /** By key: its group; -1: it has none. */
  slotOf = new Int32Array(0);
  /** By slot: the id of the key. */
  key = new Int32Array(0);
  flags = new Uint8Array(0);
  /** Groups that changed since their rows were passed on. */
  readonly dirty = new SlotList();
  readonly #aggregates: readonly PackedAggregate[];
  readonly #store: () => StateStore & { touch(id: number): void };
  #image = new Int32Array(0);
  #free: number[] = [];
  #used = 0;

  constructor(aggregates: readonly PackedAggregate[], store: () => StateStore & { touch(id: number): void }) {
    this.#aggregates = aggregates;
    this.#store = store;
  }

  /** Makes room for keys below `size`. */
  resizeKeys(size: number): void {
    const before = this.slotOf.length;
    if (size <= before) return;
    this.slotOf = larger(this.slotOf, new Int32Array(Math.max(CAPACITY_MIN, size, 2 * before)));
    this.slotOf.fill(NONE, before);
  }

  /** A group over no rows yet. */
  add(key: number): number {
    const slot = this.#take(key);
    this.slotOf[key] = slot;
    return slot;
  }

  #take(key: number): number {
    const slot = this.#free.pop() ?? this.#used++;
    if (slot >= this.key.length) this.#grow();
    this.key[slot] = key;
    this.flags[slot] = 0;
    this.#image[slot] = NONE;
    for (const aggregate of this.#aggregates) aggregate.clear(slot);
    return slot;
  }

  #grow(): void {
    const capacity = Math.max(CAPACITY_MIN, 2 * this.key.length);
    this.key = larger(this.key, new Int32Array(capacity));
    this.flags = larger(this.flags, new Uint8Array(capacity));
    this.#image = larger(this.#image, new Int32Array(capacity));
    for (const aggregate of this.#aggregates) aggregate.resize(capacity);
  }

  /** Takes a key's group out. */
  remove(key: number): void {
    this.free(this.slotOf[key]!);
    this.slotOf[key] = NONE;
  }

  /** Nobody needs a slot any more. */
  free(slot: number): void {
    this.#free.push(slot);
  }

  /** A group is about to change, for the first time since its row was passed on. */
  mark(slot: number): void {
    this.#store().touch(this.key[slot]!);
    if ((this.flags[slot]! & PASSED) !== 0) {
      const image = this.#take(this.key[slot]!);
      for (const aggregate of this.#aggregates) aggregate.copy(slot, image);
      this.#image[slot] = image;
    }
    this.flags[slot]! |= DIRTY;
    this.dirty.push(slot);
  }

  /**
   * Sorts what changed, whose rows count as passed on from now: `fresh` are for the first time; `again` otherwise,
   * and `images` what they were. Images are the caller's to free.
   */
  settle(): Readonly<Record<'fresh' | 'again' | 'images', SlotList>> {
    const lists = { fresh: new SlotList(), again: new SlotList(), images: new SlotList() };
    const { count, slots } = this.dirty;
    this.dirty.count = 0;
    for (let i = 0; i < count; i++) {
      const slot = slots[i]!;
      const image = this.#image[slot]!;
      this.#image[slot] = NONE;
      this.flags[slot] = PASSED;
      if (image === NONE) lists.fresh.push(slot);
      else if (this.#aggregates.every((aggregate) => aggregate.isSame(slot, image))) this.free(image);
      else {
        lists.again.push(slot);
        lists.images.push(image);
      }
    }
    return lists;
  }
}
