/** What the tests of operators share: fields, expressions, and a driver that feeds, cuts, captures and restores. */
import type { Expression, SqlType } from '../../../../src/sql/plan.js';
import type { Field, OrderItem, Relation } from '../../../../src/sql/relation/relation.js';
import type { Value } from '../../../../src/sql/value.js';
import { BlockDeltas } from '../../../../src/mill/dataflow/block.js';
import { textBlock } from '../blocks.js';
import { wholeRowKey } from '../../../../src/mill/dataflow/keys.js';
import type { OperatorScope } from '../../../../src/mill/dataflow/build.js';
import type { DataflowContext, LateRow, Operator, Row, StateBudget } from '../../../../src/mill/dataflow/operator.js';
import { PackedRows } from '../../../../src/mill/dataflow/operators/packed-rows.js';
import {
  captureOf,
  StateTable,
  type Key,
  type SavedEntry,
  type StateStore,
} from '../../../../src/mill/dataflow/state-table.js';
import { expect } from 'vitest';

export function field(name: string, type: SqlType): Field {
  return { name, type, nullable: true };
}

export function column(fields: readonly Field[], index: number): Expression {
  const { name, type, nullable } = fields[index]!;
  return { kind: 'column', index, name, type, nullable };
}

export function call(name: string, args: readonly Expression[], type: SqlType): Expression {
  return { kind: 'call', name, args, type };
}

export function literal(value: null | number | string | boolean, type: SqlType): Expression {
  return { kind: 'literal', value, type };
}

export function ordered(expression: Expression, descending = false, nullsFirst = descending): OrderItem {
  return { expression, descending, nullsFirst };
}

/** A source; as a table, whose key is all of its fields, its rows are taken back as well. */
export function scan(fields: readonly Field[], canRetract: boolean, key = [...fields.keys()]): Relation {
  return {
    kind: 'scan',
    fields,
    source: 's',
    columns: [...fields.keys()],
    key: canRetract ? key : null,
    time: null,
    late: true,
  };
}

/** Numbers from a seed (mulberry32). */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** 0 to `count` - 1. */
  below(count: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * count);
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }
}

/** One row on its way into an operator. */
export interface Change {
  readonly input: number;
  readonly row: Row;
  readonly weight: number;
  readonly stamp: number;
}

/** Makes a new row. */
export type MakeRow = (dice: Dice) => { readonly row: Row; readonly stamp: number };

/**
 * `count` changes to the inputs: mostly additions, often of a row that is there already, and, for
 * inputs in `retracts`, rows taken back that are there. `isFixed`: whether a row is too old to change.
 */
export function changesOf(
  dice: Dice,
  count: number,
  inputs: readonly MakeRow[],
  retracts: readonly boolean[],
  isFixed: (row: Row) => boolean = () => false,
): Change[] {
  const live: Change[][] = inputs.map(() => []);
  return Array.from({ length: count }, () => {
    const input = dice.below(inputs.length);
    const made = inputs[input]!(dice);
    const there = live[input]!;
    const old = there.length > 0 ? dice.pick(there) : undefined;
    const again = old !== undefined && !isFixed(old.row) ? old : undefined;
    if (retracts[input] === true && again !== undefined && dice.below(100) < 45) {
      there.splice(there.indexOf(again), 1);
      return { ...again, weight: -1 };
    }
    const row = again !== undefined && dice.below(4) === 0 ? again.row : made.row;
    const change = { input, row, stamp: made.stamp, weight: 1 };
    there.push(change);
    return change;
  });
}

/** Rows of an input that are there after the changes. */
export function liveRows(changes: readonly Change[], input: number, types: readonly SqlType[]): Change[] {
  const key = wholeRowKey(types, { isExact: true });
  const rows: Change[] = [];
  for (const change of changes) {
    if (change.input !== input) continue;
    if (change.weight > 0) rows.push(change);
    else
      rows.splice(
        rows.findIndex((other) => key(other.row) === key(change.row) && other.stamp === change.stamp),
        1,
      );
  }
  return rows;
}

/** A result as a sorted list of texts, one a row with its stamp. */
export function printed(rows: readonly { readonly row: Row; readonly stamp: number }[], types: readonly SqlType[]) {
  const key = wholeRowKey(types, { isExact: true });
  return rows.map(({ row, stamp }) => `${key(row)} @${stamp}`).toSorted();
}

function byKey(entries: readonly SavedEntry[]): readonly [Key, string][] {
  return entries
    .map(({ bytes, key }): [Key, string] => [key, Buffer.from(bytes!).toString('hex')])
    .toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1));
}

/** State whose entries are told of before they change. */
type Touched = StateStore & { touch(key: never): void };

/** How an operator is made. */
export type MakeOperator = (scope: OperatorScope) => Operator;

/** Drives one operator, and keeps what it gives. */
export class Driver {
  readonly late: LateRow[] = [];
  readonly budget: StateBudget;
  readonly #make: MakeOperator;
  readonly #types: readonly SqlType[];
  readonly #context: DataflowContext;
  readonly #saved = new Map<string, Map<Key, SavedEntry>>();
  /** What is frozen, and what must come of it however late it is encoded. */
  #frozen: { readonly table: Touched; readonly expected: readonly SavedEntry[] }[] = [];
  readonly #result = new Map<string, { row: Row; stamp: number; weight: number }>();
  /** How many rows were passed on. */
  emitted = 0;
  /** Types of the fields of each input: half of the batches that only add rows are blocks then. */
  blocks: readonly (readonly SqlType[])[] = [];
  operator: Operator;

  constructor(make: MakeOperator, types: readonly SqlType[], options: Partial<DataflowContext> = {}) {
    this.#make = make;
    this.#types = types;
    this.budget = { bytesMax: 1e9, bytes: 0, hasRoom: () => this.budget.bytes < this.budget.bytesMax };
    this.#context = {
      lagMs: 0,
      endLagMs: options.lagMs ?? 0,
      allowedLatenessMs: 0,
      isBatch: false,
      view: 'v',
      isFinalOnly: false,
      sourceFields: new Map(),
      late: (row) => void this.late.push(row),
      budget: this.budget,
      ...options,
    };
    this.operator = this.#create();
  }

  #create(): Operator {
    const key = wholeRowKey(this.#types, { isExact: true });
    const output: OperatorScope['output'] = ({ rows, weights, stamps }) => {
      this.emitted += rows.length;
      rows.forEach((row, i) => {
        if (row.length !== this.#types.length) throw new Error(`a row of ${row.length} fields`);
        const stamp = typeof stamps === 'number' ? stamps : stamps[i]!;
        const name = `${key(row)} @${stamp}`;
        const weight = weights?.[i] ?? 1;
        const known = this.#result.get(name);
        if (known === undefined) this.#result.set(name, { row, stamp, weight });
        else known.weight += weight;
      });
    };
    return this.#make({ context: this.#context, path: '0', output });
  }

  /** Feeds changes as batches of random sizes, each of one input, with a flush now and then. */
  feed(changes: readonly Change[], dice: Dice, between: () => void = () => {}): void {
    for (let from = 0; from < changes.length;) {
      const { input } = changes[from]!;
      let to = from + 1;
      while (to < changes.length && changes[to]!.input === input && dice.below(4) > 0) to++;
      const part = changes.slice(from, to);
      const types = this.blocks[input];
      const stamps = part.map(({ stamp }) => stamp);
      if (types !== undefined && part.every(({ weight }) => weight > 0) && dice.below(2) === 0) {
        const rows = part.map(({ row }) => row);
        this.operator.take(input, new BlockDeltas(textBlock(rows, types), stamps));
      } else
        this.operator.take(input, {
          rows: part.map(({ row }) => row),
          weights:
            part.every(({ weight }) => weight > 0) && dice.below(2) === 0 ? null : part.map(({ weight }) => weight),
          stamps,
        });
      from = to;
      if (dice.below(3) === 0) this.round(between);
      if (dice.below(10) === 0) this.capture();
      for (const { table } of this.#frozen) table.encode(dice.below(3));
      if (dice.below(20) === 0) this.restore();
    }
    this.round(between);
  }

  round(between: () => void = () => {}): void {
    this.operator.flush();
    for (const table of this.operator.tables) table.count();
    between();
  }

  /** Keeps what changed since the last time. */
  capture(): void {
    this.#thaw();
    this.round();
    for (const table of this.operator.tables) {
      const saved = this.#saved.get(table.name) ?? new Map<Key, SavedEntry>();
      this.#saved.set(table.name, saved);
      const captured = captureOf(table);
      for (const entry of captured) {
        if (entry.bytes === null) saved.delete(entry.key);
        else saved.set(entry.key, entry);
      }
      if (table instanceof StateTable || table instanceof PackedRows) this.#freeze(table, captured);
    }
  }

  /** Freezes once more what was captured: it must be encoded as it was, whatever changes meanwhile. */
  #freeze(table: Touched, captured: readonly SavedEntry[]): void {
    const expected = captured.filter(({ bytes }) => bytes !== null);
    for (const { key } of expected) table.touch(key as never);
    table.freeze();
    this.#frozen.push({ table, expected });
  }

  #thaw(): void {
    for (const { expected, table } of this.#frozen) {
      while (table.encode(1) > 0);
      expect(byKey(table.take()), table.name).toEqual(byKey(expected));
    }
    this.#frozen = [];
  }

  /** Captures, and goes on with a new operator that is loaded with all captures. */
  restore(): void {
    this.capture();
    this.#frozen = [];
    this.budget.bytes = 0;
    this.operator = this.#create();
    for (const table of this.operator.tables)
      for (const { key, bytes } of this.#saved.get(table.name)!.values()) table.load(key, bytes!);
    this.operator.restored();
  }

  /** What is there now: each row as often as it is. A negative weight is an error. */
  rows(): { readonly row: Row; readonly stamp: number }[] {
    return [...this.#result.values()].flatMap(({ row, stamp, weight }) => {
      if (weight < 0) throw new Error(`a row was taken back that was not there: ${String(row)} @${stamp}`);
      return Array.from({ length: weight }, () => ({ row, stamp }));
    });
  }

  printed(): string[] {
    return printed(this.rows(), this.#types);
  }

  /** Entries of state. */
  get size(): number {
    return this.operator.tables.reduce((sum, table) => sum + table.size, 0);
  }
}

/** A value or, now and then, NULL. */
export function maybe(dice: Dice, value: Value): Value {
  return dice.below(8) === 0 ? null : value;
}

/** Items by what they have in common, in the order of the first of each. */
export function grouped<T, K>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}
