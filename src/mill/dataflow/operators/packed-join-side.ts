/**
 * One side of a join over columns: its rows, found by key and time, dropped when they can meet none any more.
 *
 * Limits: as `join-side.ts`. Invariant: each taken slot is in the run of its key, and filed once by its time if it ends.
 * Recovery: the rows are in the store's pages; keys, runs and timers are built again.
 */
import type { Expression } from '../../../sql/plan.js';
import type { Field, Relation } from '../../../sql/relation/relation.js';
import type { Value } from '../../../sql/value.js';
import { BlockDeltas, blockOfRows, rowsOfBlock, valueOf, type Block, type Vector } from '../block.js';
import { compileBlockExpression, type BlockExpression } from '../block-expressions.js';
import type { BlockKeys } from '../block-keys.js';
import { compileExpression } from '../expressions.js';
import type { Deltas, Row, StateBudget } from '../operator.js';
import type { Reach } from './join-reach.js';
import { PackedRows } from './packed-rows.js';
import { ageOf, type ShedRow } from './shed-rows.js';
import { SlotRuns } from './slot-runs.js';

const DAY_MS = 86_400_000;

/** What a side is made of. */
export interface PackedSideOptions {
  /** Name of its state table. */
  readonly name: string;
  readonly relation: Relation;
  readonly keys: readonly Expression[];
  /** By key: whether NULL equals NULL. */
  readonly nullSafe: readonly boolean[];
  readonly reach: Reach;
  readonly budget: StateBudget;
}

/** Rows of a block with their keys and times. */
export interface KeyedBlock {
  readonly block: Block;
  readonly stamps: Deltas['stamps'];
  readonly keys: readonly Vector[];
}

/** Rows of one side. */
export class PackedJoinSide {
  readonly reach: Reach;
  readonly fields: readonly Field[];
  readonly rows: PackedRows;
  readonly runs = new SlotRuns();
  readonly #relation: Relation;
  readonly #nullSafe: readonly boolean[];
  readonly #keys: readonly BlockExpression[];
  readonly #keyTypes: readonly Expression['type'][];
  readonly #keyValues: readonly ((row: Row) => Value)[];
  readonly #lifetimeMs: number;
  /** Rows of a time before this can meet none any more, and may be here still, ms. */
  #deadBefore = Number.NEGATIVE_INFINITY;

  constructor({ budget, keys, name, nullSafe, reach, relation }: PackedSideOptions) {
    this.reach = reach;
    this.fields = relation.fields;
    this.rows = new PackedRows(name, relation.fields, budget);
    this.#relation = relation;
    this.#nullSafe = nullSafe;
    this.#keys = keys.map(compileBlockExpression);
    this.#keyTypes = keys.map(({ type }) => type);
    this.#keyValues = keys.map(compileExpression);
    this.#lifetimeMs = reach.lifetimeMs ?? Number.POSITIVE_INFINITY;
  }

  /** Rows with their keys. One whose key can't be evaluated is told of, and left out. */
  keyed(deltas: Deltas, failed: (row: Row, error: unknown) => void): KeyedBlock {
    const { block, stamps } = deltas;
    if (block !== undefined) {
      const keys = this.#keysOf(block);
      if (keys !== null) return { block, stamps, keys };
    }
    const kept: Row[] = [];
    const keptStamps: number[] = [];
    const values: Row[] = [];
    deltas.rows.forEach((row, i) => {
      try {
        values.push(this.#keyOf(row));
      } catch (error) {
        return failed(row, error);
      }
      kept.push(row);
      keptStamps.push(typeof stamps === 'number' ? stamps : stamps[i]!);
    });
    return { block: this.#blockOf(kept), stamps: keptStamps, keys: blockOfRows(values, this.#keyTypes).vectors };
  }

  /** A row's key; behind a NULL that equals nothing, nothing is evaluated. */
  #keyOf(row: Row): Row {
    const key = new Array<Value>(this.#keyValues.length).fill(null);
    for (const [part, value] of this.#keyValues.entries()) {
      key[part] = value(row);
      if (key[part] === null && !this.#nullSafe[part]) break;
    }
    return key;
  }

  #keysOf(block: Block): Vector[] | null {
    const keys: Vector[] = [];
    for (const key of this.#keys) {
      const vector = key(block);
      if (vector === null) return null;
      keys.push(vector);
    }
    return keys;
  }

  #blockOf(rows: readonly Row[]): Block {
    return blockOfRows(
      rows,
      this.#relation.fields.map(({ type }) => type),
    );
  }

  /** Times of a block's rows, ms; NaN where a row can meet none: its time is NULL, or a key that equals nothing. */
  timesOf({ block, keys }: KeyedBlock): Float64Array {
    const times = this.#ownTimes(block);
    keys.forEach((key, part) => {
      if (!this.#nullSafe[part]) eachNull(key, block.count, (row) => (times[row] = Number.NaN));
    });
    return times;
  }

  /** Without a time all rows are at 0. */
  #ownTimes({ count, vectors }: Block): Float64Array {
    const { time } = this.reach;
    const times = new Float64Array(count);
    if (time === null) return times;
    const vector = vectors[time]!;
    const scale = this.#relation.fields[time]!.type === 'date' ? DAY_MS : 1;
    if (vector.kind === 'numbers') for (let i = 0; i < count; i++) times[i] = vector.values[i]! * scale;
    else for (let i = 0; i < count; i++) times[i] = Number(valueOf(vector, i)) * scale;
    eachNull(vector, count, (row) => (times[row] = Number.NaN));
    return times;
  }

  /** Drops the rows that can meet none, now that no row in time is older than `horizonMs`; tells when a key has none left. */
  expire(horizonMs: number, emptied: (key: number) => void): void {
    const limit = horizonMs - this.#lifetimeMs;
    this.#deadBefore = limit;
    if (limit === Number.NEGATIVE_INFINITY) return;
    const removed = (slot: number): void => this.rows.remove(slot);
    this.rows.eachBefore(limit, (slot) => {
      const key = this.rows.keys[slot]!;
      this.runs.removeBefore(key, limit, removed);
      if (this.runs.isEmpty(key)) emptied(key);
    });
    this.runs.settle();
    this.rows.settle();
  }

  /** Tells how old its rows are, ms, and how many bytes they take. */
  ages(visit: (at: number, bytes: number) => void): void {
    const age = ageOf(this.#lifetimeMs);
    const { rowBytes } = this.rows;
    this.runs.eachBefore(Number.POSITIVE_INFINITY, (_, time) => visit(age(time), rowBytes));
  }

  /** Drops the rows of a time before `limit`, ms, and answers those that could have met others; tells when a key has none left. */
  shed(limit: number, emptied: (key: number) => void): ShedRow[] {
    const slots: number[] = [];
    const times: number[] = [];
    const keys = new Set<number>();
    this.runs.eachBefore(limit, (slot, time, key) => {
      keys.add(key);
      if (time < this.#deadBefore) return;
      slots.push(slot);
      times.push(time);
    });
    if (keys.size === 0) return [];
    const vectors = this.rows.gather(Uint32Array.from(slots), slots.length);
    const rows = rowsOfBlock({ count: slots.length, vectors, distinct: null });
    for (const key of keys) {
      this.runs.removeBefore(key, limit, (slot) => this.rows.remove(slot));
      if (this.runs.isEmpty(key)) emptied(key);
    }
    this.runs.settle();
    this.rows.settle(true);
    return rows.map((row, i) => ({ row, time: times[i]! }));
  }

  restored(keys: BlockKeys): void {
    this.runs.clear();
    const { block, slots } = this.rows.restored();
    const keyed = this.keyed(new BlockDeltas(block, 0), (_, error) => {
      throw error;
    });
    const ids = new Int32Array(block.count);
    keys.idsOf({ count: block.count, vectors: keyed.keys, distinct: null }, ids);
    this.runs.reserve(keys.size);
    const times = this.timesOf(keyed);
    slots.forEach((slot, i) => {
      this.rows.setKey(slot, ids[i]!, times[i]!);
      this.runs.add(ids[i]!, times[i]!, slot);
    });
  }
}

function eachNull(vector: Vector, count: number, take: (row: number) => void): void {
  switch (vector.kind) {
    case 'numbers':
    case 'decimals':
      if (vector.nulls !== null) for (let i = 0; i < count; i++) if (vector.nulls[i] === 1) take(i);
      return;
    case 'texts':
      for (let i = 0; i < count; i++) if (vector.codes[i]! < 0) take(i);
      return;
    case 'values':
      for (let i = 0; i < count; i++) if (vector.values[i] === null) take(i);
  }
}
