/**
 * All that is kept of the sessions of a GROUP BY: their keys, partial aggregates and moments; how they are saved, and
 * what their rows are.
 *
 * Invariant: a slot is free once nobody can come upon it: it is in no chain, no list of what changed, and not among
 * those that will be due.
 */
import type { Value } from '../../../../sql/value.js';
import { blockOfRows, type Block, type Vector } from '../../block.js';
import { BlockKeys } from '../../block-keys.js';
import { keyFunction } from '../../keys.js';
import type { DataflowContext } from '../../operator.js';
import type { WindowAggregate } from '../aggregate-window.js';
import { accumulatorOf } from '../accumulators.js';
import { Session, SessionGroup, sessionCodec } from '../sessions.js';
import { DueSlots } from './due-slots.js';
import type { PackedAggregate } from './packed-aggregate.js';
import { DIRTY, GONE, NONE, PackedSessions, PASSED, SlotList } from './sessions.js';
import { PackedStore } from './store.js';

/** Buckets of time within which a session is dropped. */
const BUCKETS = 64;
/** Bytes of a key and of a session, beside its aggregates; of an aggregate. */
const KEY_BYTES = 120;
const SESSION_BYTES = 64;
const AGGREGATE_BYTES = 24;

/** What sessions are kept for. */
export interface SessionStateInput {
  readonly fused: WindowAggregate;
  readonly gapMs: number;
  readonly aggregates: readonly PackedAggregate[];
  readonly context: DataflowContext;
  /** Of the table of state. */
  readonly name: string;
}

/** See the head of the file. */
export class SessionState {
  readonly keys: BlockKeys;
  readonly sessions: PackedSessions;
  readonly store: PackedStore<SessionGroup>;
  /** Sessions by when they are to be dropped, and by when they close where that matters. */
  readonly dropping: DueSlots;
  readonly closing: DueSlots;
  /** Sessions that changed since their rows were passed on. */
  readonly dirty = new SlotList();
  readonly gapMs: number;
  readonly #input: SessionStateInput;
  readonly #hasStart: boolean;
  readonly #sessionBytes: number;

  constructor(input: SessionStateInput) {
    const { aggregates, context, fused, gapMs } = input;
    this.#input = input;
    this.gapMs = gapMs;
    this.#hasStart = fused.origins.includes('start');
    this.keys = new BlockKeys(
      fused.parts.map((_, i) => i),
      fused.parts.map(({ type }) => type),
    );
    const widthMs = Math.max(1, Math.ceil((gapMs + context.lagMs + context.allowedLatenessMs) / BUCKETS));
    this.dropping = new DueSlots(widthMs);
    this.closing = new DueSlots(widthMs);
    this.sessions = new PackedSessions(aggregates, (capacity) => {
      this.dropping.resize(capacity);
      this.closing.resize(capacity);
    });
    this.store = this.#newStore();
    this.#sessionBytes = SESSION_BYTES + AGGREGATE_BYTES * aggregates.length;
  }

  #newStore(): PackedStore<SessionGroup> {
    const { context, fused, name } = this.#input;
    const types = fused.parts.map(({ type }) => type);
    const accumulators = fused.aggregates.map((spec) => accumulatorOf(spec, { removes: false, merges: true }));
    const nameOf = keyFunction([...types.keys()], types);
    const keyRow = (id: number): Value[] => types.map((_, part) => this.keys.valueOf(part, id));
    const entries = {
      codec: sessionCodec(accumulators, fused.parts),
      nameOf: (id: number) => nameOf(keyRow(id)),
      entryOf: (id: number) => this.#groupOf(id, new SessionGroup(nameOf(keyRow(id)), keyRow(id))),
      load: (group: SessionGroup) => this.#load(group, blockOfRows([group.keys], types)),
      unload: (id: number) => this.#unload(id),
      assertSettled: () => {
        if (this.dirty.count > 0) throw new Error('sessions are captured once all changes are passed on');
      },
    };
    return new PackedStore(name, entries, context.budget);
  }

  #groupOf(id: number, group: SessionGroup): SessionGroup {
    const { earlier, heads, last, start } = this.sessions;
    for (let slot = heads[id]!; slot !== NONE; slot = earlier[slot]!) {
      const states = this.#input.aggregates.map((aggregate) => aggregate.stateOf(slot));
      const session = new Session(group, start[slot]!, states);
      session.last = last[slot]!;
      group.sessions.unshift(session);
    }
    return group;
  }

  #load({ sessions: loaded }: SessionGroup, key: Block): number {
    const ids = new Int32Array(1);
    this.keys.idsOf(key, ids);
    const id = ids[0]!;
    const { sessions } = this;
    sessions.resizeKeys(this.keys.size);
    for (const { last, start, states } of loaded) {
      const slot = this.#add(id, start);
      sessions.last[slot] = last;
      this.#input.aggregates.forEach((aggregate, i) => aggregate.load(slot, states[i]));
      sessions.insert(slot);
    }
    return id;
  }

  #add(id: number, start: number): number {
    if (this.sessions.heads[id] === NONE) {
      this.store.size++;
      this.store.charge(KEY_BYTES);
    }
    this.store.charge(this.#sessionBytes);
    return this.sessions.take(id, start);
  }

  #remove(slot: number): void {
    const { sessions } = this;
    const id = sessions.key[slot]!;
    sessions.remove(slot);
    this.store.charge(-this.#sessionBytes);
    this.free(slot);
    if (sessions.heads[id] !== NONE) return;
    this.store.size--;
    this.store.charge(-KEY_BYTES);
    this.keys.rest(id);
  }

  #unload(id: number): void {
    const { heads } = this.sessions;
    for (let slot = heads[id]!; slot !== NONE; slot = heads[id]!) this.#remove(slot);
  }

  /** A session that a row at `time` opens. */
  open(id: number, time: number): number {
    const slot = this.#add(id, time);
    this.mark(slot);
    this.sessions.insert(slot);
    if (!this.#input.context.isBatch) this.dropping.add(slot, this.dropsAt(slot));
    return slot;
  }

  /** Something of a session is about to change: its image is kept where its row was passed on. */
  mark(slot: number): void {
    const { sessions } = this;
    if ((sessions.flags[slot]! & DIRTY) !== 0) return;
    this.store.touch(sessions.key[slot]!);
    if ((sessions.flags[slot]! & PASSED) !== 0) sessions.keepImage(slot);
    sessions.flags[slot]! |= DIRTY;
    this.dirty.push(slot);
  }

  /** Makes a later session part of another. */
  merge(into: number, later: number): void {
    this.mark(into);
    this.mark(later);
    this.sessions.merge(into, later);
    this.store.charge(-this.#sessionBytes);
  }

  /** What changed is settled: takes a session's image, if it has one. */
  settle(slot: number): number {
    const { flags, image } = this.sessions;
    const was = image[slot]!;
    image[slot] = NONE;
    flags[slot]! &= ~DIRTY;
    return was;
  }

  /** Drops the sessions that no row can join at `now` or later. */
  drop(now: number): void {
    const { earlier, flags, heads, key } = this.sessions;
    for (const slot of this.dropping.due(now)) {
      const dropsAt = this.dropsAt(slot);
      const id = key[slot]!;
      if ((flags[slot]! & GONE) !== 0) this.free(slot);
      else if (dropsAt >= now) this.dropping.add(slot, dropsAt);
      else {
        if (heads[id] === slot && earlier[slot] === NONE) this.store.remove(id);
        else this.store.touch(id);
        this.#remove(slot);
      }
    }
    this.keys.settle();
  }

  /** Frees a slot, unless it is still to come up. */
  free(slot: number): void {
    if (!this.dropping.has(slot) && !this.closing.has(slot)) this.sessions.free(slot);
  }

  /** Frees images. */
  freeAll({ count, slots }: SlotList): void {
    for (let i = 0; i < count; i++) this.free(slots[i]!);
  }

  /** The moment after which a session's row is final, ms. */
  closesAt(slot: number): number {
    return this.sessions.last[slot]! + this.gapMs + this.#input.context.endLagMs;
  }

  /** The moment after which no row can join a session, ms. */
  dropsAt(slot: number): number {
    return this.closesAt(slot) + this.#input.context.allowedLatenessMs;
  }

  /** Whether the rows of two slots have one key. */
  hasSameKey(slot: number, image: number): boolean {
    const { last, start } = this.sessions;
    return last[slot] === last[image] && (!this.#hasStart || start[slot] === start[image]);
  }

  /** Whether the rows of two slots are the same. */
  isSame(slot: number, image: number): boolean {
    return this.hasSameKey(slot, image) && this.#input.aggregates.every((aggregate) => aggregate.isSame(slot, image));
  }

  /** The rows of sessions. */
  blockOf({ count, slots }: SlotList, distinct: readonly number[] | null): Block {
    const { key, last, start } = this.sessions;
    const ids = new Int32Array(count);
    for (let i = 0; i < count; i++) ids[i] = key[slots[i]!]!;
    const vectors = this.#input.fused.origins.map((origin): Vector => {
      if (typeof origin === 'number') return this.keys.vector(origin, ids, count);
      const values = new Float64Array(count);
      if (origin === 'start') for (let i = 0; i < count; i++) values[i] = start[slots[i]!]!;
      else for (let i = 0; i < count; i++) values[i] = last[slots[i]!]! + this.gapMs;
      return { kind: 'numbers', values, nulls: null };
    });
    for (const aggregate of this.#input.aggregates) vectors.push(aggregate.vector(slots, count));
    return { count, vectors, distinct };
  }

  /** Visits every session. */
  forEach(visit: (slot: number) => void): void {
    const { earlier, heads } = this.sessions;
    for (const head of heads) for (let slot = head; slot !== NONE; slot = earlier[slot]!) visit(slot);
  }
}
