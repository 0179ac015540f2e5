/**
 * GROUP BY without a window over rows that are only added, as `../aggregate.ts` has it, for keys and aggregates that
 * lie in arrays: no object a row or a group.
 *
 * Groups whose rows are passed on for the first time leave as a block; a row that is passed on again comes as a row.
 * Where the operator publishes its rows itself, as an `Emitter` would, none is passed on: groups that changed leave as
 * blocks, and nothing is remembered of them but their slot.
 * Limits: one slot a group, for ever; a new group is refused when the view's state is full.
 * Recovery: as the general operator, from the same entries.
 */
import type { Aggregate, RelationView } from '../../../../sql/relation/relation.js';
import type { Value } from '../../../../sql/value.js';
import { BlockDeltas, blockOfRows, rowsOfBlock, type Block } from '../../block.js';
import { BlockKeys, canBeBlockKeys } from '../../block-keys.js';
import type { OperatorScope } from '../../build.js';
import { keyFunction } from '../../keys.js';
import type { DataflowContext, Deltas, Operator, Row } from '../../operator.js';
import type { Publication, Publisher } from '../../publication.js';
import { isAppendOnly } from '../../../../sql/relation/append-only.js';
import { originOf } from '../../relations.js';
import type { StateStore } from '../../state-table.js';
import { accumulatorOf } from '../accumulators.js';
import { Group, groupCodec } from '../group.js';
import { packedAggregateOf } from '../packed-sessions/aggregates.js';
import { packedInputs, type PackedInputs } from '../packed-sessions/inputs.js';
import type { PackedAggregate } from '../packed-sessions/packed-aggregate.js';
import { DIRTY, NONE, PASSED, type SlotList } from '../packed-sessions/sessions.js';
import { PackedStore } from '../packed-sessions/store.js';
import { failureReport } from '../row-wise.js';
import { PackedGroups } from './groups.js';

/** Bytes of a group beside its aggregates; of an aggregate. */
const GROUP_BYTES = 128;
const AGGREGATE_BYTES = 24;

/** The packed operator; null where keys, aggregates or what becomes of the rows do not allow it. */
export function packedGroupBy(relation: Aggregate, scope: OperatorScope): Operator | null {
  const { isBatch, statePolicy } = scope.context;
  const isPlain = relation.sets === null && relation.windowEnd === null && relation.keys.length > 0;
  if (!isPlain || isBatch || statePolicy === 'shed' || statePolicy === 'spill' || !isAppendOnly(relation.input))
    return null;
  const types = relation.keys.map(({ type }) => type);
  // Keys that are equal and print otherwise are for the general operator.
  if (!canBeBlockKeys(types) || types.includes('real') || types.includes('double precision')) return null;
  const aggregates: PackedAggregate[] = [];
  for (const spec of relation.aggregates) {
    const aggregate = packedAggregateOf(spec);
    if (aggregate === null) return null;
    aggregates.push(aggregate);
  }
  return new PackedGroupBy(relation, scope, aggregates);
}

class PackedGroupBy implements Operator {
  readonly name = 'aggregate';
  readonly tables: readonly StateStore[];
  readonly #relation: Aggregate;
  readonly #scope: OperatorScope;
  readonly #aggregates: readonly PackedAggregate[];
  readonly #inputs: PackedInputs;
  readonly #keys: BlockKeys;
  readonly #groups: PackedGroups;
  readonly #store: PackedStore<Group>;
  readonly #failed: (row: Row, error: unknown) => void;
  readonly #groupBytes: number;
  #ids = new Int32Array(0);
  #slots = new Int32Array(0);
  #publishes = false;

  constructor(relation: Aggregate, scope: OperatorScope, aggregates: readonly PackedAggregate[]) {
    this.#relation = relation;
    this.#scope = scope;
    this.#aggregates = aggregates;
    this.#inputs = packedInputs({ keys: relation.keys, time: null, aggregates: relation.aggregates });
    const types = relation.keys.map(({ type }) => type);
    this.#keys = new BlockKeys([...types.keys()], types);
    this.#groups = new PackedGroups(aggregates, () => this.#store);
    this.#store = this.#newStore(`${scope.path}.groups`, scope.context);
    this.tables = [this.#store];
    this.#failed = failureReport(relation.input, scope.context);
    this.#groupBytes = GROUP_BYTES + AGGREGATE_BYTES * aggregates.length;
  }

  #newStore(name: string, { budget }: DataflowContext): PackedStore<Group> {
    const { aggregates, keys } = this.#relation;
    const types = keys.map(({ type }) => type);
    const accumulators = aggregates.map((spec) => accumulatorOf(spec, { removes: false, merges: false }));
    const nameOf = keyFunction([...types.keys()], types);
    const keyRow = (id: number): Value[] => types.map((_, part) => this.#keys.valueOf(part, id));
    const entries = {
      codec: groupCodec(accumulators, keys, false),
      nameOf: (id: number) => nameOf(keyRow(id)),
      entryOf: (id: number) => this.#groupOf(id, keyRow(id)),
      load: (group: Group) => this.#load(group, blockOfRows([group.keys], types)),
      unload: (id: number) => this.#unload(id),
      assertSettled: () => {
        if (this.#groups.dirty.count > 0) throw new Error('groups are captured once all changes are passed on');
      },
    };
    return new PackedStore(name, entries, budget);
  }

  #groupOf(id: number, keys: Row): Group {
    const slot = this.#groups.slotOf[id]!;
    const group = new Group(
      keys,
      0,
      this.#aggregates.map((aggregate) => aggregate.stateOf(slot)),
    );
    // Rows are only added: that there are some is all that is asked of it.
    group.rows = 1;
    return group;
  }

  #load({ states }: Group, key: Block): number {
    const ids = new Int32Array(1);
    this.#keys.idsOf(key, ids);
    this.#groups.resizeKeys(this.#keys.size);
    const slot = this.#add(ids[0]!);
    this.#groups.flags[slot]! |= PASSED;
    this.#aggregates.forEach((aggregate, i) => aggregate.load(slot, states[i]));
    return ids[0]!;
  }

  #add(id: number): number {
    this.#store.size++;
    this.#store.charge(this.#groupBytes);
    return this.#groups.add(id);
  }

  #unload(id: number): void {
    this.#groups.remove(id);
    this.#keys.rest(id);
    this.#store.size--;
    this.#store.charge(-this.#groupBytes);
  }

  take(_input: number, deltas: Deltas): void {
    const { block } = deltas;
    const input =
      (block === undefined ? null : this.#inputs.ofBlock(block)) ?? this.#inputs.ofRows(deltas.rows, this.#failed);
    const { count } = input.keys;
    if (this.#ids.length < count) {
      this.#ids = new Int32Array(count);
      this.#slots = new Int32Array(count);
    }
    this.#keys.idsOf(input.keys, this.#ids);
    this.#groups.resizeKeys(this.#keys.size);
    this.#assign(count, (i) => deltas.rows[input.places === null ? i : input.places[i]!]!);
    input.inputs.forEach((each, i) => this.#aggregates[i]!.add(each, this.#slots, 0, count));
  }

  /** Gives each row its group. */
  #assign(count: number, rowAt: (i: number) => Row): void {
    const groups = this.#groups;
    const ids = this.#ids;
    let isWhole = true;
    for (let i = 0; i < count; i++) {
      const id = ids[i]!;
      let slot = groups.slotOf[id]!;
      if (slot === NONE) {
        if (this.#scope.context.budget.hasRoom()) slot = this.#add(id);
        else {
          this.#refuse(rowAt(i));
          isWhole = false;
        }
      }
      this.#slots[i] = slot;
      if (slot !== NONE && (groups.flags[slot]! & DIRTY) === 0) groups.mark(slot);
    }
    if (!isWhole) for (let i = 0; i < count; i++) if (groups.slotOf[ids[i]!] === NONE) this.#keys.rest(ids[i]!);
  }

  #refuse(row: Row): void {
    const { context } = this.#scope;
    const { input } = this.#relation;
    const none = Number.NaN;
    const at = { time: none, windowStart: none, lateByMs: none };
    context.late({ source: originOf(input, context.view), row, fields: input.fields, reason: 'state_full', ...at });
  }

  flush(): void {
    if (this.#publishes) return;
    const { again, fresh, images } = this.#groups.settle();
    const stamps = Number.NEGATIVE_INFINITY;
    if (again.count > 0) {
      const rows = [images, again].flatMap((list) => rowsOfBlock(this.#blockOf(list, null)));
      this.#scope.output({ rows, weights: rows.map((_, i) => (i < images.count ? -1 : 1)), stamps });
    }
    const distinct = [...this.#relation.keys.keys()];
    if (fresh.count > 0) this.#scope.output(new BlockDeltas(this.#blockOf(fresh, distinct), stamps));
    this.#free(images);
    this.#keys.settle();
  }

  #free({ count, slots }: SlotList): void {
    for (let i = 0; i < count; i++) this.#groups.free(slots[i]!);
  }

  /** The rows of groups. */
  #blockOf({ count, slots }: SlotList, distinct: readonly number[] | null): Block {
    const ids = new Int32Array(count);
    for (let i = 0; i < count; i++) ids[i] = this.#groups.key[slots[i]!]!;
    const keys = this.#relation.keys.map((_, part) => this.#keys.vector(part, ids, count));
    const values = this.#aggregates.map((aggregate) => aggregate.vector(slots, count));
    return { count, vectors: [...keys, ...values], distinct };
  }

  /** Rows that never close are published open, and once more with each change. */
  publisher({ closes, key }: RelationView, fields: readonly number[]): Publisher | null {
    const { keys } = this.#relation;
    const shown = new Set(key?.map((field) => fields[field]!));
    if (closes !== null || shown.size !== keys.length || keys.some((_, field) => !shown.has(field))) return null;
    this.#publishes = true;
    const { dirty } = this.#groups;
    return {
      tables: [],
      get open() {
        return dirty.count;
      },
      closesNext: undefined,
      take: () => {
        throw new Error('these rows are published where they lie');
      },
      publish: () => this.#publish(fields),
      restored: () => {},
    };
  }

  #publish(fields: readonly number[]): Publication {
    const { again, fresh, images } = this.#groups.settle();
    const blocks = [fresh, again].flatMap((list) => {
      if (list.count === 0) return [];
      const { count, vectors } = this.#blockOf(list, null);
      const block = { count, vectors: fields.map((field) => vectors[field]!), distinct: null };
      return [{ block, operation: 'upsert', state: 'open', firstCopy: 1, copyStep: 0 } as const];
    });
    this.#free(images);
    this.#keys.settle();
    return { rows: [], blocks };
  }

  advance(): void {}

  restored(): void {}
}
