/**
 * GROUP BY over SESSION as `../session-aggregate.ts` has it, for keys and aggregates that lie in arrays: no object a
 * row, a session or a key.
 *
 * Sessions whose rows are passed on for the first time leave as a block: no two have key, start and end in common,
 * for a session only grows, and no later one lies within it. (Without the start, a session that takes in another can
 * show the end that the other had.) A row that is passed on again comes as a row. Where the operator publishes its
 * rows itself (`publisher.ts`), none is passed on.
 * Recovery: as the general operator, from the same entries.
 */
import type { Aggregate, RelationView } from '../../../../sql/relation/relation.js';
import { BlockDeltas, rowsOfBlock } from '../../block.js';
import { canBeBlockKeys } from '../../block-keys.js';
import type { OperatorScope } from '../../build.js';
import type { Deltas, Operator } from '../../operator.js';
import type { Publisher } from '../../publication.js';
import { StateTable, type StateStore } from '../../state-table.js';
import type { WindowAggregate } from '../aggregate-window.js';
import { clockCodec } from '../clock.js';
import { packedAggregateOf } from './aggregates.js';
import { SessionIntake } from './intake.js';
import type { PackedAggregate } from './packed-aggregate.js';
import { SessionPublisher } from './publisher.js';
import { GONE, NONE, PASSED, SlotList } from './sessions.js';
import { SessionState } from './state.js';

/** The packed operator; null where keys or aggregates do not allow it. */
export function packedSessionAggregate(
  relation: Aggregate,
  fused: WindowAggregate,
  scope: OperatorScope,
): Operator | null {
  const types = fused.parts.map(({ type }) => type);
  // Keys that are equal and print otherwise are for the general operator.
  if (!canBeBlockKeys(types) || types.includes('real') || types.includes('double precision')) return null;
  const aggregates: PackedAggregate[] = [];
  for (const spec of fused.aggregates) {
    const aggregate = packedAggregateOf(spec);
    if (aggregate === null) return null;
    aggregates.push(aggregate);
  }
  return new PackedSessionAggregate(relation, fused, scope, aggregates);
}

/** See the head of the file. */
class PackedSessionAggregate implements Operator {
  readonly name = 'aggregate';
  readonly tables: readonly StateStore[];
  readonly #relation: Aggregate;
  readonly #scope: OperatorScope;
  readonly #state: SessionState;
  readonly #intake: SessionIntake;
  /** The clock, as the one entry 0. */
  readonly #clock: StateTable<number>;
  readonly #hasStart: boolean;
  readonly #distinct: readonly number[] | null;
  #publishes = false;

  constructor(
    relation: Aggregate,
    fused: WindowAggregate,
    scope: OperatorScope,
    aggregates: readonly PackedAggregate[],
  ) {
    const { context, path } = scope;
    const { window } = fused.window;
    if (window.kind !== 'session') throw new Error('not a session');
    this.#relation = relation;
    this.#scope = scope;
    this.#state = new SessionState({ fused, gapMs: window.gapMs, aggregates, context, name: `${path}.sessions` });
    this.#intake = new SessionIntake(fused, aggregates, this.#state, context);
    this.#clock = new StateTable(`${path}.clock`, clockCodec, context.budget);
    this.tables = [this.#state.store, this.#clock];
    this.#hasStart = fused.origins.includes('start');
    this.#distinct = this.#hasStart ? [...relation.keys.keys()] : null;
  }

  take(_input: number, deltas: Deltas): void {
    this.#intake.take(deltas);
  }

  publisher({ closes, emit, key }: RelationView, fields: readonly number[]): Publisher | null {
    const { keys, windowEnd } = this.#relation;
    if (emit.kind === 'close' || !this.#hasStart || closes === null || fields[closes] !== windowEnd) return null;
    const shown = new Set(key?.map((field) => fields[field]!));
    if (shown.size !== keys.length || keys.some((_, field) => !shown.has(field))) return null;
    this.#publishes = true;
    return new SessionPublisher(this.#state, fields, () => this.#now, this.#scope.context.budget);
  }

  get #now(): number {
    return this.#clock.get(0) ?? Number.NEGATIVE_INFINITY;
  }

  flush(): void {
    if (this.#publishes) return;
    const now = this.#now;
    const fresh = new SlotList();
    const taken = new SlotList();
    const again = new SlotList();
    this.#settle(now, { fresh, taken, again });
    this.#close(now, fresh);
    if (taken.count + again.count > 0) this.#passRows(taken, again);
    if (fresh.count > 0)
      this.#scope.output(new BlockDeltas(this.#state.blockOf(fresh, this.#distinct), Number.NEGATIVE_INFINITY));
    this.#state.freeAll(taken);
    this.#state.drop(now);
  }

  /** Sorts what changed: sessions passed on for the first time or once more, and images that are taken back. */
  #settle(now: number, { again, fresh, taken }: Readonly<Record<'fresh' | 'taken' | 'again', SlotList>>): void {
    const state = this.#state;
    const { flags } = state.sessions;
    const { count, slots } = state.dirty;
    state.dirty.count = 0;
    for (let i = 0; i < count; i++) {
      const slot = slots[i]!;
      const image = state.settle(slot);
      const isGone = (flags[slot]! & GONE) !== 0;
      if (isGone || this.#isHeld(slot, now)) {
        if (image !== NONE) taken.push(image);
        flags[slot]! &= ~PASSED;
        if (isGone) state.free(slot);
        // It is new, or a correction made a closed session longer: it is open again.
        else if (!state.closing.has(slot)) state.closing.add(slot, state.closesAt(slot));
      } else if (image === NONE) this.#passFirst(slot, fresh);
      else if (state.isSame(slot, image)) state.free(image);
      else {
        taken.push(image);
        again.push(slot);
      }
    }
  }

  #passFirst(slot: number, fresh: SlotList): void {
    this.#state.sessions.flags[slot]! |= PASSED;
    fresh.push(slot);
  }

  #isHeld(slot: number, now: number): boolean {
    return this.#scope.context.isFinalOnly && this.#state.closesAt(slot) >= now;
  }

  /** Finds sessions that have closed and were held back. */
  #close(now: number, fresh: SlotList): void {
    const { closing, sessions } = this.#state;
    for (const slot of closing.due(now)) {
      if ((sessions.flags[slot]! & GONE) !== 0) this.#state.free(slot);
      else if (this.#isHeld(slot, now)) closing.add(slot, this.#state.closesAt(slot));
      else if ((sessions.flags[slot]! & PASSED) === 0) this.#passFirst(slot, fresh);
    }
  }

  #passRows(taken: SlotList, again: SlotList): void {
    const rows = [taken, again].flatMap((list) => rowsOfBlock(this.#state.blockOf(list, null)));
    const weights = rows.map((_, i) => (i < taken.count ? -1 : 1));
    this.#scope.output({ rows, weights, stamps: Number.NEGATIVE_INFINITY });
  }

  advance(now: number): void {
    this.#clock.set(0, now);
  }

  restored(): void {
    const now = this.#now;
    const { closing, dropping, sessions } = this.#state;
    this.#state.forEach((slot) => {
      if (this.#isHeld(slot, now)) closing.add(slot, this.#state.closesAt(slot));
      else sessions.flags[slot]! |= PASSED;
      if (!this.#scope.context.isBatch) dropping.add(slot, this.#state.dropsAt(slot));
    });
  }
}
