/**
 * Publishes sessions straight from where they lie, as an `Emitter` would publish what the operator passes on: nothing
 * is remembered of a row but its slot, and what is published leaves as blocks.
 *
 * A session's image is what was published of it. A session that was published open is published once more when it
 * closes; a change after that is a correction. A session is dropped after the publication in which it may be.
 * Recovery: what was published follows from the sessions and the clock of the last publication, for captures are
 * taken behind one.
 */
import type { StateBudget } from '../../operator.js';
import type { Publication, Published, PublishedBlock, Publisher } from '../../publication.js';
import { StateTable, type StateStore } from '../../state-table.js';
import { clockCodec } from '../clock.js';
import { GONE, NONE, OPEN, PASSED, SlotList } from './sessions.js';
import type { SessionState } from './state.js';

/** Rows by what they are published as. */
type Lists = Readonly<Record<Published['state'], SlotList>>;

/** See the head of the file. */
export class SessionPublisher implements Publisher {
  readonly tables: readonly StateStore[];
  readonly #state: SessionState;
  readonly #fields: readonly number[];
  readonly #operatorNow: () => number;
  /** The clock at the last publication, as the one entry 0. */
  readonly #clock: StateTable<number>;
  /** Sessions that were published open. */
  #open = 0;

  /** `fields`: of the sessions' rows those that are shown, in order; `operatorNow`: the clock by which they are dropped. */
  constructor(state: SessionState, fields: readonly number[], operatorNow: () => number, budget: StateBudget) {
    this.#state = state;
    this.#fields = fields;
    this.#operatorNow = operatorNow;
    this.#clock = new StateTable('publishedAt', clockCodec, budget);
    this.tables = [this.#clock];
  }

  get open(): number {
    return this.#open + this.#state.dirty.count;
  }

  get closesNext(): number | undefined {
    return this.#state.closing.next((slot) => this.#state.closesAt(slot));
  }

  take(): void {
    throw new Error('these rows are published where they lie');
  }

  publish(now: number): Publication {
    const before = this.#clock.get(0) ?? Number.NEGATIVE_INFINITY;
    const upserts = newLists();
    const deletes = newLists();
    const unused = new SlotList();
    this.#settle(before, now, { upserts, deletes, unused });
    this.#close(now, upserts.final);
    if (now > before) this.#clock.set(0, now);
    const blocks = [...this.#blocks(deletes, 'delete'), ...this.#blocks(upserts, 'upsert')];
    for (const list of [...Object.values(deletes), unused]) this.#state.freeAll(list);
    this.#state.drop(Math.min(now, this.#operatorNow()));
    return { rows: [], blocks };
  }

  /** Sorts what changed since the last publication. */
  #settle(
    before: number,
    now: number,
    { deletes, unused, upserts }: { readonly upserts: Lists; readonly deletes: Lists; readonly unused: SlotList },
  ): void {
    const state = this.#state;
    const { flags } = state.sessions;
    const { count, slots } = state.dirty;
    state.dirty.count = 0;
    for (let i = 0; i < count; i++) {
      const slot = slots[i]!;
      const image = state.settle(slot);
      const isGone = (flags[slot]! & GONE) !== 0;
      if (image !== NONE) {
        const isTakenBack = isGone || !state.hasSameKey(slot, image);
        (isTakenBack ? deletes[stateOf(state.closesAt(image), before, now)] : unused).push(image);
      }
      if (isGone) {
        this.#setOpen(slot, false);
        state.free(slot);
      } else if (image === NONE || !state.isSame(slot, image)) {
        const as = stateOf(state.closesAt(slot), before, now);
        upserts[as].push(slot);
        flags[slot]! |= PASSED;
        this.#setOpen(slot, as === 'open');
      }
    }
  }

  #setOpen(slot: number, isOpen: boolean): void {
    const { flags } = this.#state.sessions;
    const wasOpen = (flags[slot]! & OPEN) !== 0;
    if (isOpen && !this.#state.closing.has(slot)) this.#state.closing.add(slot, this.#state.closesAt(slot));
    if (isOpen === wasOpen) return;
    flags[slot]! ^= OPEN;
    this.#open += isOpen ? 1 : -1;
  }

  /** Finds sessions that were published open and have closed. */
  #close(now: number, closed: SlotList): void {
    const { closing, sessions } = this.#state;
    for (const slot of closing.due(now)) {
      if ((sessions.flags[slot]! & GONE) !== 0) this.#state.free(slot);
      else if ((sessions.flags[slot]! & OPEN) !== 0) {
        const closesAt = this.#state.closesAt(slot);
        if (closesAt >= now) closing.add(slot, closesAt);
        else {
          this.#setOpen(slot, false);
          closed.push(slot);
        }
      }
    }
  }

  *#blocks(lists: Lists, operation: Published['operation']): IterableIterator<PublishedBlock> {
    for (const state of ['corrected', 'final', 'open'] as const) {
      if (lists[state].count === 0) continue;
      const { count, vectors } = this.#state.blockOf(lists[state], null);
      const block = { count, vectors: this.#fields.map((field) => vectors[field]!), distinct: null };
      yield { block, firstCopy: 1, copyStep: 0, operation, state };
    }
  }

  restored(): void {
    const before = this.#clock.get(0) ?? Number.NEGATIVE_INFINITY;
    this.#open = 0;
    this.#state.forEach((slot) => this.#setOpen(slot, this.#state.closesAt(slot) >= before));
  }
}

function newLists(): Lists {
  return { open: new SlotList(), final: new SlotList(), corrected: new SlotList() };
}

function stateOf(closesAt: number, before: number, now: number): Published['state'] {
  if (closesAt < before) return 'corrected';
  return closesAt < now ? 'final' : 'open';
}
