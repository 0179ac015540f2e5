/**
 * Window functions over blocks of rows that are only added, in the order of their stream's time (`packed-plan.ts`).
 *
 * Purpose: `over.ts` for what is asked for most, without an object a row. A row behind the last of its partition is
 * measured when it comes; one that comes before others waits for the flush, which puts it in its place and measures
 * anew from there on. Rows are passed on at a flush: those that are final by then in blocks, for good.
 *
 * Limits: rows are kept as long as a row in time can see them, or be one of their peers; all count against the
 * budget, and without room new ones go to the late stream. Values that do not fit in doubles (a sum beyond 2^52,
 * decimals of several scales) are the general operator's: it takes over all rows then, for good.
 * Invariant: between rounds each row that is marked as passed stands as it was passed on.
 * Recovery: whole rows from their pages, and the clock, which says which of them were passed on; measured anew.
 */
import type { SqlType } from '../../../../sql/plan.js';
import type { Over, RelationView } from '../../../../sql/relation/relation.js';
import type { Value } from '../../../../sql/value.js';
import { BlockKeys } from '../../block-keys.js';
import { blockOfRows, rowAt, valueOf, type Block } from '../../block.js';
import type { OperatorScope } from '../../build.js';
import type { Deltas, Operator } from '../../operator.js';
import { rowComparator } from '../../order.js';
import type { Publisher } from '../../publication.js';
import { StateTable, type StateStore } from '../../state-table.js';
import { clockCodec } from '../clock.js';
import { LeftOut } from '../left-out.js';
import type { HeldBlock } from './held-block.js';
import { OverOperator } from './over.js';
import { blockValues, PackedArguments, type BlockValues } from './packed-arguments.js';
import { PackedExpiry } from './packed-expiry.js';
import { PackedFrames } from './packed-frames.js';
import { PackedOrder } from './packed-order.js';
import { PackedOutput } from './packed-output.js';
import type { PackedPlan } from './packed-plan.js';
import { PackedPublisher, type PackedSource } from './packed-publisher.js';
import { NONE, PackedRows, WAITING, type LoadedRow } from './packed-rows.js';
import { PackedValues } from './packed-values.js';

/** Entries of the table beside the rows: the clock, and whether the general operator has them. */
const [CLOCK, IS_GENERAL] = [0, 1];

/** See the head of the file. */
export class PackedOver implements Operator {
  readonly name = 'over';
  readonly tables: readonly StateStore[];
  readonly #plan: PackedPlan;
  readonly #scope: OperatorScope;
  readonly #types: readonly SqlType[];
  readonly #rows: PackedRows;
  readonly #marks: StateTable<number>;
  readonly #keys: BlockKeys;
  readonly #keyFields: readonly BlockValues[];
  readonly #arguments: PackedArguments;
  readonly #frames: PackedFrames;
  readonly #order: PackedOrder;
  readonly #expiry: PackedExpiry;
  readonly #output: PackedOutput;
  /** Publishes the rows in place of the output, where the view allows it. */
  #publisher: PackedPublisher | null = null;
  /** The fields of partition and time; null: not all are fields. */
  readonly #distinct: readonly number[] | null;
  readonly #leftOut: LeftOut;
  readonly #general: OverOperator;
  readonly #graceMs: number;
  #isGeneral = false;
  #now = Number.NEGATIVE_INFINITY;
  #horizonMs = Number.NEGATIVE_INFINITY;
  #isDirty = false;
  /** By slot of rows that were passed on otherwise: what was measured of them then. */
  readonly #changed = new Map<number, Float64Array>();
  #ids = new Int32Array(0);
  /** Slots of a block's rows that were put in their place at once. */
  #linked = new Int32Array(0);
  /** Partitions of rows that were left out. */
  readonly #refused: number[] = [];

  constructor(over: Over, plan: PackedPlan, scope: OperatorScope) {
    const { context, output, path } = scope;
    const { fields } = over.input;
    this.#plan = plan;
    this.#scope = scope;
    this.#types = fields.map(({ type }) => type);
    this.#graceMs = context.lagMs + context.allowedLatenessMs;
    this.#rows = new PackedRows(`${path}.packed`, fields, plan.arguments.length, context.budget);
    this.#marks = new StateTable<number>(`${path}.marks`, clockCodec, context.budget);
    this.#general = new OverOperator(over, scope);
    this.tables = [this.#rows.table, this.#marks, ...this.#general.tables];
    this.#keyFields = plan.partition.map(blockValues);
    this.#keys = new BlockKeys(
      plan.partition.map((_, i) => i),
      plan.partition.map(({ type }) => type),
    );
    this.#arguments = new PackedArguments(plan.arguments);
    this.#frames = new PackedFrames(plan, this.#rows);
    this.#order = new PackedOrder(this.#rows, plan.mode === 'rows' ? rowComparator(over.order, fields) : null);
    this.#expiry = new PackedExpiry(plan, this.#rows, this.#frames, this.#graceMs);
    this.#leftOut = new LeftOut(context, over.input, fields);
    const columns = plan.partition.map((part) => (part.kind === 'column' ? part.index : NONE));
    this.#distinct = columns.includes(NONE) ? null : [...columns, plan.time];
    const values = new PackedValues(plan.functions, this.#arguments.scales, fields.length);
    this.#output = new PackedOutput(output, this.#rows, values, context, this.#distinct);
  }

  take(input: number, deltas: Deltas): void {
    if (this.#isGeneral) return this.#general.take(input, deltas);
    const block = deltas.block ?? blockOfRows(deltas.rows, this.#types);
    const { stamps } = deltas;
    const values = this.#arguments.of(block);
    if (values === null) {
      this.#handOver();
      return this.#general.take(input, deltas);
    }
    // The sender uses its stamps again.
    const held = this.#rows.hold(
      block,
      typeof stamps === 'number' ? stamps : stamps.slice(),
      this.#plan.measures.length,
    );
    this.#takeBlock(held, values);
    this.#isDirty = true;
    if (held.live === 0) this.#rows.release(held);
    else {
      this.#expiry.file(held);
      (this.#publisher ?? this.#output).add(held);
    }
  }

  #takeBlock(held: HeldBlock, values: readonly Float64Array[]): void {
    const { block } = held;
    const ids = this.#idsOf(block);
    const times = timesOf(block, this.#plan.time);
    const { budget } = this.#scope.context;
    const rows = this.#rows;
    rows.reserve(block.count);
    this.#openTo();
    const horizon = this.#horizonMs;
    for (let at = 0; at < block.count; at++) {
      const time = times[at]!;
      if (time < horizon) this.#leaveOut(held, at, ids[at]!, time);
      else if (!budget.hasRoom()) this.#leaveOut(held, at, ids[at]!, Number.NaN);
      else {
        rows.add(held, at, ids[at]!, time);
        if (time < held.waitingFrom) held.waitingFrom = time;
      }
    }
    held.waiting = held.live;
    for (let i = 0; i < values.length; i++) setAll(rows.values[i]!, held.slots, values[i]!);
    this.#link(held);
    for (const key of this.#refused) if (rows.last[key] === NONE) this.#keys.rest(key);
    this.#refused.length = 0;
  }

  /** Puts rows behind the last of their partition, or among those that wait for their place. One step at a time: memory is read ahead then. */
  #link({ slots }: HeldBlock): void {
    const rows = this.#rows;
    const { keys, last, lastTimes, times } = rows;
    if (this.#linked.length < slots.length) this.#linked = new Int32Array(slots.length);
    const linked = this.#linked;
    let count = 0;
    for (let at = 0; at < slots.length; at++) {
      const slot = slots[at]!;
      if (slot === NONE) continue;
      const key = keys[slot]!;
      const time = times[slot]!;
      if (last[key] === NONE || time > lastTimes[key]!) {
        rows.append(slot, key, time);
        linked[count++] = slot;
      } else {
        rows.loose[slot] = 1;
        this.#order.add(slot);
      }
    }
    this.#frames.append(linked, count);
  }

  #openTo(): void {
    this.#rows.openTo(this.#keys.size);
    this.#frames.openTo(this.#keys.size);
    this.#order.openTo(this.#keys.size);
    this.#expiry.openTo(this.#keys.size);
  }

  #idsOf(block: Block): Int32Array {
    if (this.#ids.length < block.count) this.#ids = new Int32Array(block.count);
    const vectors = this.#keyFields.map((values) => values(block));
    this.#keys.idsOf({ count: block.count, vectors, distinct: null }, this.#ids);
    return this.#ids;
  }

  /** A row that is late, or, with no time, one that there is no room for. */
  #leaveOut({ block }: HeldBlock, at: number, key: number, time: number): void {
    const row = rowAt(block, at);
    if (time !== time) this.#leftOut.report(row, 'state_full');
    else this.#leftOut.late(row, time, this.#horizonMs - time);
    this.#refused.push(key);
  }

  flush(isBeforeAdvance = false): void {
    if (this.#isGeneral) return this.#general.flush();
    // What is final by then is passed on as that.
    if (isBeforeAdvance || !this.#isDirty) return;
    this.#isDirty = false;
    this.#order.settle((key, from) => this.#frames.settle(key, from, (slot) => this.#changing(slot)));
    this.#rows.settle();
    if (!this.#frames.isExact) {
      this.#handOver();
      return this.#general.flush();
    }
    if (this.#publisher !== null) return;
    this.#output.pass(this.#changed, this.#now, this.#horizonMs);
    this.#drop(this.#horizonMs);
  }

  #changing(slot: number): void {
    if (this.#changed.has(slot)) return;
    const { at, blocks, held } = this.#rows;
    const { measures } = blocks[held[slot]!]!;
    this.#changed.set(
      slot,
      Float64Array.from(measures, (values) => values[at[slot]!]!),
    );
  }

  #drop(horizonMs: number): void {
    this.#expiry.drop(horizonMs, (key) => this.#keys.rest(key));
    this.#keys.settle();
    this.#rows.repack(this.#plan.measures.length, (held) => this.#expiry.file(held));
    this.#rows.settle();
  }

  publisher(view: RelationView, fields: readonly number[]): Publisher | null {
    const { closes, key } = view;
    if (key !== null || closes === null || fields[closes] !== this.#plan.time) return null;
    if (this.#distinct === null || !this.#distinct.every((field) => fields.includes(field))) return null;
    const source: PackedSource = {
      rows: this.#rows,
      values: new PackedValues(this.#plan.functions, this.#arguments.scales, this.#types.length, fields),
      changed: this.#changed,
      marks: this.#marks,
      drop: (now) => this.#drop(Math.min(this.#horizonMs, now - this.#graceMs)),
      isGeneral: () => this.#isGeneral,
    };
    this.#publisher = new PackedPublisher(view, source, this.#scope.context.budget);
    return this.#publisher;
  }

  advance(now: number): void {
    if (this.#isGeneral) return this.#general.advance(now);
    if (now <= this.#now) return;
    this.#now = now;
    this.#horizonMs = now - this.#graceMs;
    this.#marks.set(CLOCK, now);
    this.#isDirty = true;
  }

  /** Gives all rows to the general operator: those that were passed on as such, the others as new ones. */
  #handOver(): void {
    const { states } = this.#rows;
    this.#isGeneral = true;
    this.#marks.set(IS_GENERAL, 1);
    this.#output.clear();
    const all = this.#rows.all();
    const passed = all.filter(({ slot }) => states[slot] !== WAITING);
    const others = all.filter(({ slot }) => states[slot] === WAITING);
    this.#publisher?.handOver(passed.map(({ slot }) => slot));
    this.#changed.clear();
    this.#rows.clear();
    this.#general.adopt(passed);
    const stamps = others.map(({ stamp }) => stamp);
    this.#general.take(0, { rows: others.map(({ row }) => row), weights: null, stamps });
    // Those came in time by the clock as it was.
    this.#general.flush();
    if (this.#now > Number.NEGATIVE_INFINITY) this.#general.advance(this.#now);
  }

  restored(): void {
    this.#now = this.#marks.get(CLOCK) ?? Number.NEGATIVE_INFINITY;
    this.#horizonMs = this.#now - this.#graceMs;
    this.#isGeneral = this.#marks.get(IS_GENERAL) === 1;
    if (this.#isGeneral) {
      this.#general.restored();
      return this.#general.advance(this.#now);
    }
    this.#rows.restored((loaded) => this.#place(loaded));
    this.#order.settle((key, from) => this.#frames.settle(key, from, () => {}));
    this.#rows.settle();
    if (this.#publisher !== null) return;
    for (const held of this.#rows.blocks) if (held !== null) this.#output.restore(held, this.#now);
  }

  /** The rows of a page: all wait for their place. */
  #place(loaded: readonly LoadedRow[]): void {
    const rows = this.#rows;
    const block = blockOfRows(
      loaded.map(({ row }) => row),
      this.#types,
    );
    const values = this.#arguments.of(block);
    if (values === null) throw new Error('what was packed can be packed again');
    const stamps = loaded.map(({ stamp }) => stamp);
    const held = rows.hold(block, stamps, this.#plan.measures.length);
    const ids = this.#idsOf(block);
    const times = timesOf(block, this.#plan.time);
    this.#openTo();
    loaded.forEach(({ slot }, at) => {
      rows.put(slot, held, at, ids[at]!, times[at]!);
      held.waiting++;
      for (let i = 0; i < values.length; i++) rows.values[i]![slot] = values[i]![at]!;
      rows.loose[slot] = 1;
      this.#order.add(slot);
    });
    this.#expiry.file(held);
  }
}

/** Sets the values of slots, -1 being none. */
function setAll(into: Float64Array, slots: Int32Array, values: Float64Array): void {
  for (let at = 0; at < slots.length; at++) if (slots[at] !== NONE) into[slots[at]!] = values[at]!;
}

/** The times of a block's rows, ms; NULL stands behind all. */
function timesOf(block: Block, field: number): Float64Array {
  const vector = block.vectors[field]!;
  if (vector.kind === 'numbers' && vector.nulls === null) return vector.values;
  return Float64Array.from({ length: block.count }, (_, i) => timeOf(valueOf(vector, i)));
}

function timeOf(value: Value): number {
  return value === null ? Number.POSITIVE_INFINITY : (value as number);
}
