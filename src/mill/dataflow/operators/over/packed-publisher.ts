/**
 * Publishes the rows of an OVER over blocks straight from where they lie, as an `Emitter` would publish what the
 * operator passes on: rows that have no peer leave as blocks.
 *
 * A row is named by itself and the number of its copy. Its partition and its time are among what is shown, so only
 * peers can be copies: they are counted group by group, as are rows whose values changed since they were published.
 * Recovery: what was published follows from the rows and the clock of the last publication, for captures are taken
 * behind one. Where the general operator takes over, so does an `Emitter`.
 */
import type { RelationView } from '../../../../sql/relation/relation.js';
import type { Block } from '../../block.js';
import { Emitter } from '../../emitter.js';
import { wholeRowKey } from '../../keys.js';
import type { Deltas, Row, StateBudget } from '../../operator.js';
import type { Publication, Published, PublishedBlock, Publisher } from '../../publication.js';
import type { Key, StateStore, StateTable } from '../../state-table.js';
import type { HeldBlock } from './held-block.js';
import { CLOSED, NONE, PASSED, WAITING, type PackedRows } from './packed-rows.js';
import type { PackedValues } from './packed-values.js';

/** What a publisher is told of its operator. */
export interface PackedSource {
  readonly rows: PackedRows;
  /** Rows as the view shows them. */
  readonly values: PackedValues;
  /** By slot of rows whose measures are others than were published: those that were. */
  readonly changed: Map<number, Float64Array>;
  readonly marks: StateTable<number>;
  /** Drops what no row in time can see, of rows that closed before `now`, ms. */
  readonly drop: (now: number) => void;
  readonly isGeneral: () => boolean;
}

/** The entry of the marks that has the clock of the last publication. */
const PUBLISHED = 2;

/** See the head of the file. */
export class PackedPublisher implements Publisher {
  readonly tables: readonly StateStore[];
  readonly #source: PackedSource;
  readonly #emitter: Emitter;
  readonly #keyOf: (row: Row) => Key;
  readonly #isFinalOnly: boolean;
  readonly #lagMs: number;
  /** Blocks with rows that wait, or that were published open. */
  #active: HeldBlock[] = [];
  #rows: Published[] = [];
  /** First rows of the groups of peers that were published in this round. */
  readonly #groups = new Set<number>();

  constructor(view: RelationView, source: PackedSource, budget: StateBudget) {
    this.#source = source;
    this.#emitter = new Emitter(view, budget);
    this.tables = this.#emitter.tables;
    const types = view.relation.fields.map(({ type }) => type);
    this.#keyOf = wholeRowKey(types, { isExact: true });
    this.#isFinalOnly = view.emit.kind === 'close';
    this.#lagMs = view.lagMs;
  }

  get #before(): number {
    return this.#source.marks.get(PUBLISHED) ?? Number.NEGATIVE_INFINITY;
  }

  get open(): number {
    return this.#active.reduce((sum, { open, waiting }) => sum + open + waiting, this.#emitter.open);
  }

  get closesNext(): number | undefined {
    if (this.#source.isGeneral()) return this.#emitter.closesNext;
    const from = this.#active.reduce((least, of) => Math.min(least, of.waitingFrom, of.openFrom), Infinity);
    return from < Infinity ? from + this.#lagMs : undefined;
  }

  /** A block with rows that wait. */
  add(held: HeldBlock): void {
    this.#active.push(held);
  }

  /** What the general operator passes on. */
  take(deltas: Deltas): void {
    this.#emitter.take(deltas);
  }

  publish(now: number): Publication {
    if (this.#source.isGeneral()) return this.#emitter.publish(now);
    const before = this.#before;
    const blocks: PublishedBlock[] = [];
    for (const slot of this.#source.changed.keys()) this.#publishGroup(slot, before, now);
    for (const of of this.#active) if (this.#isDue(of, now)) this.#publishBlock(of, before, now, blocks);
    this.#source.changed.clear();
    this.#groups.clear();
    this.#active = this.#active.filter(({ open, waiting }) => open + waiting > 0);
    if (now > before) this.#source.marks.set(PUBLISHED, now);
    this.#source.drop(now);
    const rows = this.#rows;
    this.#rows = [];
    return { rows, blocks };
  }

  #isDue({ open, openFrom, waiting, waitingFrom }: HeldBlock, now: number): boolean {
    if (waiting > 0 && (!this.#isFinalOnly || waitingFrom + this.#lagMs < now)) return true;
    return open > 0 && openFrom + this.#lagMs < now;
  }

  /** Publishes a block's rows that come out for the first time, or have closed. */
  #publishBlock(of: HeldBlock, before: number, now: number, blocks: PublishedBlock[]): void {
    const { rows } = this.#source;
    const { states, times } = rows;
    const lists = { open: new List(of.block.count), final: new List(of.block.count) };
    of.waitingFrom = of.openFrom = Number.POSITIVE_INFINITY;
    for (let at = 0; at < of.slots.length; at++) {
      const slot = of.slots[at]!;
      if (slot === NONE || states[slot] === CLOSED) continue;
      const closesAt = times[slot]! + this.#lagMs;
      const isWaiting = states[slot] === WAITING;
      if (!(closesAt < now) && (!isWaiting || this.#isFinalOnly)) noteFrom(of, isWaiting, times[slot]!);
      else if (closesAt < before || rows.peers[slot] === 1) this.#publishGroup(slot, before, now);
      else {
        lists[closesAt < now ? 'final' : 'open'].add(at);
        this.#mark(slot, closesAt < now);
      }
    }
    for (const state of ['open', 'final'] as const)
      if (lists[state].count > 0) blocks.push(this.#block(of, lists[state], state));
  }

  #block(of: HeldBlock, { at, count }: List, state: 'open' | 'final'): PublishedBlock {
    const block: Block = { count, vectors: this.#source.values.vectors(of, at, count), distinct: null };
    return { block, operation: 'upsert', state, firstCopy: 1, copyStep: 0 };
  }

  /** A row was published. */
  #mark(slot: number, isClosed: boolean): void {
    const { blocks, held, states, times } = this.#source.rows;
    const of = blocks[held[slot]!]!;
    if (states[slot] === WAITING) of.waiting--;
    else if (states[slot] === PASSED) of.open--;
    else return;
    states[slot] = isClosed ? CLOSED : PASSED;
    if (isClosed) return;
    of.open++;
    if (times[slot]! < of.openFrom) of.openFrom = times[slot]!;
  }

  /** Publishes a row and its peers, by how many copies there were of each and how many there are. */
  #publishGroup(slot: number, before: number, now: number): void {
    const { changed, rows, values } = this.#source;
    const { at, blocks, held, next, states, times } = rows;
    const time = times[slot]!;
    let first = slot;
    for (let peer = rows.before(slot); peer !== NONE && times[peer] === time; peer = rows.before(peer)) first = peer;
    if (this.#groups.has(first)) return;
    this.#groups.add(first);
    const closesAt = time + this.#lagMs;
    const state = closesAt < before ? 'corrected' : closesAt < now ? 'final' : 'open';
    if (state === 'open' && this.#isFinalOnly) return;
    const copies = new Map<Key, { readonly row: Row; had: number; has: number }>();
    const note = (row: Row, was: number, is: number): void => {
      const key = this.#keyOf(row);
      const known = copies.get(key);
      if (known === undefined) copies.set(key, { row, had: was, has: is });
      else {
        known.had += was;
        known.has += is;
      }
    };
    for (let peer = first; peer !== NONE && times[peer] === time; peer = next[peer]!) {
      const of = blocks[held[peer]!]!;
      const old = changed.get(peer);
      const wasShown = states[peer] !== WAITING;
      if (old !== undefined) note(values.row(of, at[peer]!, old), 1, 0);
      note(values.row(of, at[peer]!), wasShown && old === undefined ? 1 : 0, 1);
      this.#mark(peer, state !== 'open');
    }
    for (const { had, has, row } of copies.values()) this.#publishCopies(row, had, has, state);
  }

  /** As an emitter does: all copies come out once more when they close. */
  #publishCopies(row: Row, had: number, has: number, state: Published['state']): void {
    const shown = this.#isFinalOnly && state !== 'corrected' ? 0 : had;
    const from = state === 'final' ? 0 : Math.min(shown, has);
    for (let copy = from + 1; copy <= has; copy++) this.#rows.push({ row, copy, operation: 'upsert', state });
    for (let copy = has + 1; copy <= shown; copy++) this.#rows.push({ row, copy, operation: 'delete', state });
  }

  /** The emitter goes on from the rows that were published. */
  handOver(slots: readonly number[]): void {
    const { changed, rows, values } = this.#source;
    const { at, blocks, held } = rows;
    this.#active = [];
    const shown = slots.map((slot) => values.row(blocks[held[slot]!]!, at[slot]!, changed.get(slot)));
    changed.clear();
    this.#emitter.take({ rows: shown, weights: null, stamps: 0 });
    this.#emitter.publish(this.#before);
  }

  restored(): void {
    this.#emitter.restored();
    const { rows } = this.#source;
    const before = this.#before;
    for (const of of rows.blocks) if (of !== null) this.#restore(of, before);
  }

  /** What became of a block's rows until the last publication. */
  #restore(of: HeldBlock, before: number): void {
    const { states, times } = this.#source.rows;
    for (const slot of of.slots) {
      if (slot === NONE) continue;
      const isClosed = times[slot]! + this.#lagMs < before;
      if (isClosed || !this.#isFinalOnly) this.#mark(slot, isClosed);
      else noteFrom(of, states[slot] === WAITING, times[slot]!);
    }
    if (of.open + of.waiting > 0) this.#active.push(of);
  }
}

function noteFrom(of: HeldBlock, isWaiting: boolean, time: number): void {
  if (isWaiting) of.waitingFrom = Math.min(of.waitingFrom, time);
  else of.openFrom = Math.min(of.openFrom, time);
}

/** Rows of a block. */
class List {
  readonly at: Uint32Array;
  count = 0;

  constructor(rows: number) {
    this.at = new Uint32Array(rows);
  }

  add(at: number): void {
    this.at[this.count++] = at;
  }
}
