/**
 * GROUP BY: a state a group, and the difference to what was passed on before at each flush.
 *
 * A group whose rows were all taken back is dropped; one of a closed window (`windowEnd`) is dropped once
 * no row in time can reach it, its row stays. A new group is refused when the view's state is full: the row
 * goes to the late stream. A group whose value is an error (a sum out of range) has no row until it is none.
 *
 * Limits: one entry a group and grouping set. Recovery: what a group passed on last follows from its state,
 * for snapshots are taken between flushes.
 */
import type { Aggregate } from '../../../sql/relation/relation.js';
import type { Value } from '../../../sql/value.js';
import type { BuiltOperator, OperatorScope } from '../build.js';
import { failureReason } from '../expressions.js';
import { ExpiryQueue } from '../expiry-queue.js';
import type { Age, Deltas, Operator, Row, ShedCut } from '../operator.js';
import { identicalRows } from '../order.js';
import { isAppendOnly } from '../../../sql/relation/append-only.js';
import { originOf } from '../relations.js';
import { StateTable } from '../state-table.js';
import type { Key, StateStore } from '../state-table.js';
import { clockCodec } from './clock.js';
import type { Shelf } from '../shelf.js';
import { accumulatorModule, accumulatorOf, createStates } from './accumulators.js';
import type { Accumulator, AccumulatorModule } from './accumulators.js';
import { aggregateOverWindow, sameExpressions } from './aggregate-window.js';
import { Group, groupCodec } from './group.js';
import { groupKeys } from './group-keys.js';
import type { GroupKeys } from './group-keys.js';
import { packedGroupBy } from './packed-groups/aggregate.js';
import { packedSessionAggregate } from './packed-sessions/aggregate.js';
import { packedWindowAggregate } from './packed/window-aggregate.js';
import { failureReport, Outgoing } from './row-wise.js';
import { SessionAggregate } from './session-aggregate.js';
import { SlicedAggregate } from './sliced-aggregate.js';

/** A grouping set: which keys it has, its value of `grouping`. */
interface GroupingSet {
  readonly positions: readonly number[];
  readonly bits: number;
  readonly groupKeys: GroupKeys;
}

/** The operator of a GROUP BY. */
export function aggregateOperator(relation: Aggregate, scope: OperatorScope): BuiltOperator {
  // What can be shed and spilled are groups: windows are among the keys.
  if (scope.context.statePolicy !== undefined) return { operator: new GroupBy(relation, scope) };
  const fused = aggregateOverWindow(relation);
  if (fused !== null && isAppendOnly(fused.window.input)) {
    const { window } = fused.window;
    const inputs = [fused.window.input];
    if (window.kind !== 'session' && window.kind !== 'stagger') {
      const packed = packedWindowAggregate(relation, fused, scope);
      return { operator: packed ?? new SlicedAggregate(relation, fused, scope), inputs };
    }
    const isWhole = fused.conditions.length === 0 && sameExpressions(window.keys, fused.parts);
    if (window.kind === 'session' && isWhole) {
      const packed = packedSessionAggregate(relation, fused, scope);
      return { operator: packed ?? new SessionAggregate(relation, fused, scope), inputs };
    }
  }
  return { operator: packedGroupBy(relation, scope) ?? new GroupBy(relation, scope) };
}

/** GROUP BY by objects: of any keys and aggregates. */
export class GroupBy implements Operator {
  readonly name = 'aggregate';
  readonly tables: readonly StateStore[];
  readonly #relation: Aggregate;
  readonly #scope: OperatorScope;
  readonly #accumulators: readonly Accumulator[];
  readonly #module: AccumulatorModule;
  readonly #sets: readonly GroupingSet[];
  readonly #groups: StateTable<Group>;
  readonly #expiry = new ExpiryQueue();
  readonly #identical: (a: Row, b: Row) => boolean;
  readonly #failed: (row: Row, error: unknown) => void;
  readonly #out = new Outgoing();
  /** Where the policy is `shed`: windows up to the entry 0 were closed early. */
  readonly #shed: StateTable<number> | null;
  /** Whether each row is asked for its window's end. */
  readonly #looksAtEnds: boolean;
  #dirty: Group[] = [];
  /** Of the row that is taken, ms. */
  #stamp = Number.NEGATIVE_INFINITY;

  constructor(relation: Aggregate, scope: OperatorScope) {
    this.#relation = relation;
    this.#scope = scope;
    const needs = { removes: !isAppendOnly(relation.input), merges: false };
    this.#accumulators = relation.aggregates.map((spec) => accumulatorOf(spec, needs));
    this.#sets = groupingSets(relation);
    const { shelf, statePolicy, budget } = scope.context;
    const { windowEnd } = relation;
    this.#looksAtEnds = statePolicy === 'shed' && windowEnd !== null;
    this.#module = accumulatorModule({
      accumulators: this.#accumulators,
      keys: this.#sets.map(({ positions }) => ({
        parts: positions.map((position) => relation.keys[position]!),
        types: positions.map((position) => relation.keys[position]!.type),
      })),
      conditions: [],
      extras: this.#looksAtEnds ? [relation.keys[windowEnd!]!] : [],
    });
    const codec = groupCodec(this.#accumulators, relation.keys, statePolicy === 'shed');
    this.#groups = new StateTable(`${scope.path}.groups`, codec, budget);
    this.#shed = statePolicy === 'shed' ? new StateTable(`${scope.path}.shed`, clockCodec, budget) : null;
    this.tables = this.#shed === null ? [this.#groups] : [this.#groups, this.#shed];
    if (shelf !== undefined) this.#spillTo(shelf(this.#groups.name));
    this.#identical = identicalRows(relation.fields.map(({ type }) => type));
    this.#failed = failureReport(relation.input, scope.context);
    for (const set of this.#constantSets()) this.#create(this.#keyOf(set, 0), set, []);
  }

  /** Sets without keys, whose row is there over no rows too. */
  #constantSets(): number[] {
    if (this.#relation.sets === null && !this.#relation.always) return [];
    return this.#sets.flatMap(({ positions }, set) => (positions.length === 0 ? [set] : []));
  }

  #spillTo(shelf: Shelf): void {
    this.#groups.spillTo(shelf, {
      due: (group) => this.#goesAt(group),
      revived: (key, group) => this.#revive(key, group),
      evicted: () => this.#scheduleAll(),
    });
  }

  /** Keys of several sets are kept apart by their position; a number (NULL's is one) is not its text. */
  #keyOf(set: number, key: Key): Key {
    return this.#sets.length === 1 ? key : `${set}${typeof key === 'string' ? '|' : ':'}${key}`;
  }

  take(_input: number, { rows, weights, stamps }: Deltas): void {
    const module = this.#module;
    const closedEarly = this.#looksAtEnds ? this.#shed!.get(0) : undefined;
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!;
      const isAdded = weights === null || weights[i]! > 0;
      try {
        module.evaluate(row);
      } catch (error) {
        if (isAdded) this.#failed(row, error);
        continue;
      }
      if (closedEarly !== undefined && !((module.extras[0] as number) > closedEarly)) {
        if (isAdded) this.#refuse(row, 'state_shed');
        continue;
      }
      this.#stamp = typeof stamps === 'number' ? stamps : stamps[i]!;
      if (this.#sets.length === 1) this.#update(row, 0, module.keys[0]!, isAdded);
      else this.#updateSets(row, isAdded);
    }
  }

  #updateSets(row: Row, isAdded: boolean): void {
    const keys = this.#module.keys;
    if (isAdded && !this.#scope.context.budget.hasRoom())
      for (let set = 0; set < keys.length; set++)
        if (!this.#groups.has(this.#keyOf(set, keys[set]!))) return this.#refuse(row, 'state_full');
    for (let set = 0; set < keys.length; set++) this.#update(row, set, this.#keyOf(set, keys[set]!), isAdded);
  }

  #update(row: Row, set: number, key: Key, isAdded: boolean): void {
    let group = this.#groups.get(key);
    if (group === undefined) {
      if (isAdded && !this.#scope.context.budget.hasRoom()) return this.#refuse(row, 'state_full');
      group = this.#create(key, set, row);
    } else {
      if (!group.isDirty) this.#mark(group);
      if (isAdded && this.#sets[set]!.groupKeys.canChange) this.#showKeys(group, row);
    }
    if (isAdded) {
      group.rows++;
      if (this.#stamp > group.stamp) group.stamp = this.#stamp;
      this.#module.add(group.states);
    } else {
      group.rows--;
      this.#module.remove(group.states);
    }
  }

  #create(key: Key, set: number, row: Row): Group {
    const { positions, groupKeys: shown } = this.#sets[set]!;
    const values = positions.length === 0 ? [] : shown.of(row);
    const keys: Value[] = new Array<Value>(this.#relation.keys.length).fill(null);
    for (const [i, position] of positions.entries()) keys[position] = values[i]!;
    const group = new Group(keys, set, createStates(this.#accumulators));
    group.key = key;
    this.#groups.set(key, group);
    this.#schedule(group);
    this.#mark(group);
    return group;
  }

  #showKeys(group: Group, row: Row): void {
    const { positions, groupKeys: shown } = this.#sets[group.set]!;
    const before = positions.map((position) => group.keys[position]!);
    const after = shown.join(before, row);
    if (after === before) return;
    const keys = [...group.keys];
    for (const [i, position] of positions.entries()) keys[position] = after[i]!;
    group.keys = keys;
  }

  /** The end of a group's window, ms; null where it has none. */
  #endOf(group: Group): number | null {
    const { windowEnd } = this.#relation;
    const end = windowEnd === null ? null : group.keys[windowEnd];
    return typeof end === 'number' ? end : null;
  }

  /** The moment after which no row in time can reach a group, ms; null: one always can. */
  #goesAt(group: Group): number | null {
    const { allowedLatenessMs, isBatch, lagMs } = this.#scope.context;
    const end = isBatch ? null : this.#endOf(group);
    return end === null ? null : end + lagMs + allowedLatenessMs;
  }

  #schedule(group: Group): void {
    const at = this.#goesAt(group);
    if (at !== null) this.#expiry.add(at, group.key);
  }

  #scheduleAll(): void {
    this.#expiry.clear();
    for (const group of this.#groups.values()) this.#schedule(group);
  }

  #mark(group: Group): void {
    this.#groups.touch(group.key);
    group.isDirty = true;
    this.#dirty.push(group);
  }

  #refuse(row: Row, reason: 'state_full' | 'state_shed'): void {
    const { context } = this.#scope;
    const { fields } = this.#relation.input;
    const source = originOf(this.#relation.input, context.view);
    const none = Number.NaN;
    context.late({ source, row, fields, reason, time: none, windowStart: none, lateByMs: none });
  }

  flush(): void {
    const out = this.#out;
    out.clear();
    const dirty = this.#dirty;
    this.#dirty = [];
    for (const group of dirty) this.#pass(group);
    if (out.rows.length > 0)
      this.#scope.output({ rows: out.rows, weights: out.weights, stamps: Number.NEGATIVE_INFINITY });
  }

  #pass(group: Group): void {
    group.isDirty = false;
    // Below zero: a row that was refused is taken back.
    const isGone = group.rows <= 0 && !this.#isConstant(group);
    const row = isGone ? null : this.#rowOf(group, true);
    const { passed } = group;
    if (isGone) this.#groups.delete(group.key);
    if (passed !== null && row !== null && this.#identical(passed, row)) return;
    group.passed = row;
    if (passed !== null) this.#push(passed, -1);
    if (row !== null) this.#push(row, 1);
  }

  #push(row: Row, weight: number): void {
    this.#out.rows.push(row);
    this.#out.weights.push(weight);
  }

  #isConstant(group: Group): boolean {
    if (this.#sets[group.set]!.positions.length > 0) return false;
    return this.#relation.sets !== null || this.#relation.always;
  }

  /** The row of a group; null where a value is an error, which is reported once while it lasts. */
  #rowOf(group: Group, reports: boolean): Row | null {
    const { keys, states } = group;
    // Not longer than it must be: a row that grows is given room to grow on.
    const row = new Array<Value>(this.#relation.fields.length);
    let at = 0;
    for (; at < keys.length; at++) row[at] = keys[at]!;
    try {
      for (let i = 0; i < this.#accumulators.length; i++)
        row[at++] = this.#accumulators[i]!.aggregator.value(states[i]);
    } catch (error) {
      if (reports && !group.isBroken) this.#report(group, error);
      group.isBroken = true;
      return null;
    }
    group.isBroken = false;
    if (this.#relation.sets !== null) row[at] = this.#sets[group.set]!.bits;
    return row;
  }

  #report(group: Group, error: unknown): void {
    const { context } = this.#scope;
    const fields = this.#relation.fields.slice(0, this.#relation.keys.length);
    const reason = failureReason(error);
    const none = Number.NaN;
    const at = { time: none, windowStart: none, lateByMs: none };
    context.late({ source: context.view, row: group.keys, fields, reason, ...at });
  }

  ages(visit: (age: Age, at: number, bytes: number) => void): void {
    const isWindowed = this.#relation.windowEnd !== null;
    this.#groups.eachSize((group, bytes) => {
      const end = this.#endOf(group);
      if (end !== null) visit('time', end, bytes);
      else if (!isWindowed && !this.#isConstant(group)) visit('stamp', group.stamp, bytes);
    });
  }

  shed(cut: ShedCut): void {
    const out = this.#out;
    out.clear();
    const isWindowed = this.#relation.windowEnd !== null;
    if (isWindowed && cut.time > (this.#shed!.get(0) ?? Number.NEGATIVE_INFINITY)) this.#shed!.set(0, cut.time);
    for (const { end, group } of this.#oldest(cut, isWindowed)) {
      this.#groups.delete(group.key);
      this.#reportShed(group, end);
      // A window's row stays as it was last; a group without a window begins anew.
      if (!isWindowed && group.passed !== null) this.#push(group.passed, -1);
    }
    if (out.rows.length > 0)
      this.#scope.output({ rows: out.rows, weights: out.weights, stamps: Number.NEGATIVE_INFINITY });
  }

  /** The groups up to a cut, by age and key: in an order that is the same after a restart. */
  #oldest(cut: ShedCut, isWindowed: boolean): { group: Group; end: number | null }[] {
    const old: { group: Group; end: number | null; age: number }[] = [];
    for (const group of this.#groups.values()) {
      const end = this.#endOf(group);
      const isOld = isWindowed ? end !== null && end <= cut.time : group.stamp <= cut.stamp;
      if (isOld && !this.#isConstant(group)) old.push({ group, end, age: isWindowed ? end! : group.stamp });
    }
    return old.sort((a, b) => a.age - b.age || (a.group.key < b.group.key ? -1 : 1));
  }

  #reportShed(group: Group, end: number | null): void {
    const { context } = this.#scope;
    const fields = this.#relation.fields.slice(0, this.#relation.keys.length);
    const none = Number.NaN;
    const at = { time: end ?? none, windowStart: none, lateByMs: none };
    context.late({ source: context.view, row: group.keys, fields, reason: 'state_shed', ...at });
  }

  advance(now: number): void {
    for (let key = this.#expiry.due(now); key !== undefined; key = this.#expiry.due(now)) this.#groups.delete(key);
    for (const key of this.#groups.dueOnDisk(now)) this.#groups.delete(key);
  }

  restored(): void {
    this.#dirty = [];
    this.#expiry.clear();
    for (const [key, group] of this.#groups.entries()) this.#revive(key, group);
  }

  /** A group that was read: the rest of it follows. */
  #revive(key: Key, group: Group): void {
    group.key = key;
    group.isDirty = false;
    group.passed = this.#rowOf(group, false);
    this.#schedule(group);
  }
}

function groupingSets({ keys, sets }: Aggregate): GroupingSet[] {
  const all = sets ?? [[...keys.keys()]];
  return all.map((positions) => ({
    positions,
    bits: keys.reduce((bits, _, i) => bits * 2 + (positions.includes(i) ? 0 : 1), 0),
    groupKeys: groupKeys(positions.map((position) => keys[position]!)),
  }));
}
