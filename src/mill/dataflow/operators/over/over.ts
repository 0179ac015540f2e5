/**
 * Window functions: adds to each row what its functions see of its partition.
 *
 * Purpose: rows of a partition are kept in order; at a flush each part of the OVER says which rows a change
 * can touch and computes those again, and rows whose values are others are passed on anew. A row at the end
 * of its partition moves what is there on by one.
 *
 * Limits: where the order begins with a time that rises, rows that no row in time can touch or see are
 * dropped as the clock goes on; what they add to numbers, open frames and ordered functions is folded into
 * the partition's base, which stays. Functions that need all rows (`ntile`, open ends, IGNORE NULLS of `lag`,
 * GROUPS with an offset) keep all. All counts against the budget; without room new rows go to the late stream.
 * Invariant: between rounds, each row that can still change stands as it was passed on.
 * Recovery: rows from their pages, bases from their table; values are computed again, and are the same, as
 * they follow from rows and base alone.
 */
import type { Expression } from '../../../../sql/plan.js';
import type { Over } from '../../../../sql/relation/relation.js';
import type { Value } from '../../../../sql/value.js';
import { canFail } from '../../../../sql/walk.js';
import type { OperatorScope } from '../../build.js';
import { compileRow, failureReason } from '../../expressions.js';
import { keyFunction } from '../../keys.js';
import type { Deltas, Operator, Row } from '../../operator.js';
import { compareExactly, rowComparator, type Compare } from '../../order.js';
import { StateTable, type Key, type StateCodec } from '../../state-table.js';
import { RowOutput } from '../row-output.js';
import { bucketWidthMs, Expiry } from '../expiry.js';
import { LeftOut } from '../left-out.js';
import { RowStore } from '../row-store.js';
import type { Part, PartScope, Range } from './part.js';
import { Partition, type Change, type PartitionOrder } from './partition.js';
import { partsOf } from './parts.js';
import { OverLifetime } from './lifetime.js';

/** Bases of a partition, one a part; undefined where a part has none. */
type Bases = unknown[];

/** The operator of an OVER. */
export class OverOperator implements Operator {
  readonly name = 'over';
  readonly tables: readonly StateTable<unknown>[];
  readonly #scope: OperatorScope;
  readonly #store: RowStore;
  readonly #bases: StateTable<Bases>;
  readonly #partitions = new Map<Key, Partition>();
  readonly #parts: readonly Part[];
  readonly #keyOf: (row: Row) => Key;
  readonly #same: readonly Compare<Value>[];
  /** Evaluates what may fail, before a row is kept. */
  readonly #try: ((row: Row) => Row) | null;
  readonly #width: number;
  readonly #output: RowOutput;
  readonly #leftOut: LeftOut;
  readonly #lifetime: OverLifetime | null;
  readonly #expiry: Expiry<Partition> | null;
  #horizonMs = Number.NEGATIVE_INFINITY;
  #touched: Partition[] = [];
  #isSilent = false;
  readonly #values: Value[][][];
  readonly #ranges: Range[];
  readonly #extra: Value[];
  readonly #order: PartitionOrder;
  readonly #gone = (row: Row, slot: number): void => {
    if (row.length > this.#width) this.#output.emit(row, -1, this.#store.stamps[slot]!);
    this.#store.remove(slot);
  };

  constructor(over: Over, scope: OperatorScope) {
    const { context, path, output } = scope;
    const { fields } = over.input;
    this.#scope = scope;
    this.#width = fields.length;
    this.#store = new RowStore(`${path}.rows`, fields, context.budget);
    this.#leftOut = new LeftOut(context, over.input, fields);
    this.#parts = partsOf(over, (row, error) => {
      const reason = failureReason(error);
      if (!this.#isSilent) this.#leftOut.report(row.slice(0, this.#width), reason);
    });
    this.#bases = new StateTable(`${path}.bases`, basesCodec(this.#parts), context.budget);
    this.tables = [this.#store.table, this.#bases] as unknown as StateTable<unknown>[];
    this.#keyOf = keyFunction(
      over.partition,
      over.partition.map(({ type }) => type),
    );
    this.#order = { compare: rowComparator(over.order, fields), store: this.#store };
    this.#same = over.functions.map(({ type }) => compareExactly(type));
    const risky = riskyExpressions(over);
    this.#try = risky.length === 0 ? null : compileRow(risky);
    this.#output = new RowOutput(output);
    this.#lifetime = OverLifetime.of(
      over,
      this.#parts.map(({ reach }) => reach),
      context,
    );
    this.#expiry = this.#lifetime === null ? null : new Expiry(bucketWidthMs(this.#lifetime.lengthMs));
    this.#values = this.#parts.map(({ outputs }) => outputs.map(() => []));
    this.#ranges = this.#parts.map(() => ({ low: 0, high: 0 }));
    this.#extra = over.functions.map(() => null);
  }

  take(_input: number, { rows, weights, stamps }: Deltas): void {
    for (let i = 0; i < rows.length; i++) {
      const weight = weights === null ? 1 : weights[i]!;
      try {
        this.#row(rows[i]!, weight, typeof stamps === 'number' ? stamps : stamps[i]!);
      } catch (error) {
        const reason = failureReason(error);
        if (weight > 0) this.#leftOut.report(rows[i]!, reason);
      }
    }
  }

  #row(row: Row, weight: number, stamp: number): void {
    const key = this.#keyOf(row);
    if (this.#try !== null) this.#try(row);
    const time = this.#lifetime?.timeOf(row) ?? null;
    if (time !== null && time < this.#horizonMs) {
      if (weight > 0) this.#leftOut.late(row, time, this.#horizonMs - time);
      return;
    }
    let partition = this.#partitions.get(key);
    if (weight > 0) {
      if (!this.#scope.context.budget.hasRoom()) return this.#leftOut.report(row, 'state_full');
      partition ??= this.#open(key);
      partition.add(row, this.#store.add(row, stamp, 0), this.#order, time);
      if (time !== null) this.#file(partition, time);
    } else if (partition === undefined) return;
    else partition.remove(row, stamp);
    if (partition.isTouched) return;
    partition.isTouched = true;
    this.#touched.push(partition);
  }

  #open(key: Key): Partition {
    const partition = new Partition(
      key,
      this.#parts.map((part) => part.createLive()),
    );
    this.#partitions.set(key, partition);
    return partition;
  }

  #file(partition: Partition, time: number): void {
    if (partition.isFiled || this.#expiry === null) return;
    partition.isFiled = true;
    this.#expiry.add(time + this.#lifetime!.reachMs, partition);
  }

  flush(): void {
    const touched = this.#touched;
    this.#touched = [];
    for (const partition of touched) {
      partition.isTouched = false;
      const change = partition.settle(this.#order, this.#gone);
      if (change !== null) this.#compute(partition, change);
      if (partition.rows.length === 0 && partition.base === null) this.#partitions.delete(partition.key);
    }
    this.#output.send();
    this.#store.settle();
  }

  #compute(partition: Partition, change: Change): void {
    let low = change.from;
    let high = change.to;
    for (let k = 0; k < this.#parts.length; k++) {
      const part = this.#parts[k]!;
      const range = this.#ranges[k]!;
      range.low = change.from;
      range.high = change.to;
      const scope = scopeOf(partition, k);
      part.touch(scope, change, range);
      part.compute(scope, change, range, this.#values[k]!);
      if (range.low < low) low = range.low;
      if (range.high > high) high = range.high;
    }
    for (let i = low; i < high; i++) this.#show(partition, i);
  }

  /** Passes on a row whose values are not what they were. */
  #show({ rows, slots }: Partition, i: number): void {
    const extra = this.#extra;
    const row = rows[i]!;
    const width = this.#width;
    const isShown = row.length > width;
    let isChanged = !isShown;
    for (let k = 0; k < this.#parts.length; k++) {
      const { outputs } = this.#parts[k]!;
      const { low, high } = this.#ranges[k]!;
      const isInRange = i >= low && i < high;
      for (let j = 0; j < outputs.length; j++) {
        const output = outputs[j]!;
        const old = isShown ? row[width + output]! : null;
        const value = isInRange ? this.#values[k]![j]![i - low]! : old;
        extra[output] = value;
        if (!isChanged && value !== old && this.#same[output]!(value, old) !== 0) isChanged = true;
      }
    }
    if (!isChanged) return;
    const slot = slots[i]!;
    const made = (isShown ? row.slice(0, width) : row).concat(extra);
    rows[i] = made;
    // The fields are the same; the row as it came need not be kept beside.
    this.#store.rows[slot] = made;
    if (this.#isSilent) return;
    const stamp = this.#store.stamps[slot]!;
    if (isShown) this.#output.emit(row, -1, stamp);
    this.#output.emit(made, 1, stamp);
  }

  advance(now: number): void {
    const lifetime = this.#lifetime;
    if (lifetime === null || this.#expiry === null) return;
    this.#horizonMs = Math.max(this.#horizonMs, lifetime.horizonMs(now));
    const horizon = this.#horizonMs;
    this.#expiry.due(horizon, (partition) => {
      partition.isFiled = false;
      // It may have become empty, and another have its key.
      if (this.#partitions.get(partition.key) !== partition) return;
      const count = lifetime.expired(partition.rows, horizon);
      if (count > 0) this.#drop(partition, count);
      if (partition.rows.length > 0) this.#file(partition, horizon);
      else if (partition.base === null) this.#partitions.delete(partition.key);
    });
    this.#store.settle();
  }

  /** Folds the first rows of a partition into its base. */
  #drop(partition: Partition, count: number): void {
    // A base grows in place.
    this.#bases.touch(partition.key);
    const bases = this.#parts.map((part, k) => part.fold(scopeOf(partition, k), count));
    for (let i = 0; i < count; i++) this.#store.remove(partition.slots[i]!);
    partition.drop(count);
    if (bases.every((base) => base === undefined)) return;
    partition.base = bases;
    this.#bases.set(partition.key, bases);
  }

  restored(): void {
    this.#partitions.clear();
    for (const [key, base] of this.#bases.entries()) this.#open(key).base = base;
    this.#fill(this.#store.restored());
  }

  /** Takes over rows that were passed on with their values, which are computed again. Only before the first row. */
  adopt(rows: readonly { readonly row: Row; readonly stamp: number }[]): void {
    this.#fill(rows.map(({ row, stamp }) => this.#store.add(row, stamp, 0)));
    this.#store.settle();
  }

  /** Puts rows that were passed on in their partitions. */
  #fill(slots: readonly number[]): void {
    for (const slot of slots) {
      const row = this.#store.rows[slot]!;
      const key = this.#keyOf(row);
      const partition = this.#partitions.get(key) ?? this.#open(key);
      partition.add(row, slot, this.#order, this.#lifetime?.timeOf(row) ?? null);
    }
    this.#isSilent = true;
    for (const partition of this.#partitions.values()) {
      const change = partition.settle(this.#order, this.#gone);
      if (change === null) continue;
      this.#compute(partition, change);
      const time = this.#lifetime?.timeOf(change.low) ?? null;
      if (time !== null) this.#file(partition, time);
    }
    this.#isSilent = false;
  }
}

function scopeOf({ rows, live, base }: Partition, k: number): PartScope<unknown, unknown> {
  return { rows, live: live[k], base: base === null ? undefined : base[k] };
}

/** What may fail for a row's data, beside the partition's key. */
function riskyExpressions({ order, functions }: Over): Expression[] {
  const all = [
    ...order.map(({ expression }) => expression),
    ...functions.flatMap(({ args, filter }) => (filter === null ? args : [...args, filter])),
  ];
  return all.filter(canFail);
}

/** For each part whether it has a base, and the base. */
function basesCodec(parts: readonly Part[]): StateCodec<Bases> {
  return {
    write: (bases, writer) =>
      parts.forEach(({ codec }, k) => {
        const base = bases[k];
        writer.byte(base === undefined ? 0 : 1);
        if (base !== undefined) codec!.write(base, writer);
      }),
    read: (reader) => parts.map(({ codec }) => (reader.byte() === 0 ? undefined : codec!.read(reader))),
    bytes: (bases) =>
      parts.reduce((sum, { codec }, k) => sum + (bases[k] === undefined ? 0 : codec!.bytes(bases[k])), 64),
  };
}
