/**
 * Lookup: a left row meets the table as it is when the row comes, and keeps what it met.
 *
 * Purpose: events joined with a dimension of which only the present matters; later changes of the table
 * change nothing that was given. So this join, alone of all, depends on when its rows came.
 *
 * Limits: the table's rows, which count against the budget. Where left rows can be taken back, what each
 * met is kept as well, for as long as the row is there; at the budget new rows go to the late stream.
 * Recovery: the table's rows and what was met, from their tables.
 */
import type { Field, Join } from '../../../sql/relation/relation.js';
import type { OperatorScope } from '../build.js';
import { compileCondition, failureReason } from '../expressions.js';
import { wholeRowKey } from '../keys.js';
import type { Deltas, Operator, Row, StateBudget } from '../operator.js';
import { isAppendOnly } from '../../../sql/relation/append-only.js';
import { rowCodec } from '../rows.js';
import { StateTable, type Key } from '../state-table.js';
import { RowOutput } from './row-output.js';
import { joinKeyFunction, JoinSide } from './join-side.js';
import { hashOf } from '../key-hash.js';
import { LeftOut } from './left-out.js';

/** What one copy of a left row gave. */
interface Met {
  readonly rows: readonly Row[];
  readonly stamps: readonly number[];
}

/** A lookup join; `type` is inner, left, semi or anti. */
export class LookupJoinOperator implements Operator {
  readonly name = 'join';
  readonly tables: readonly StateTable<unknown>[];
  readonly #join: Join;
  readonly #scope: OperatorScope;
  readonly #table: JoinSide;
  readonly #left: JoinSide['keyOf'];
  readonly #met: StateTable<Met[]> | null;
  readonly #rowKey: (row: Row) => Key;
  readonly #condition: ((row: Row) => boolean) | null;
  readonly #nulls: Row;
  readonly #output: RowOutput;
  readonly #leftOut: readonly [LeftOut, LeftOut];

  constructor(join: Join, scope: OperatorScope) {
    const { context, path, output } = scope;
    this.#join = join;
    this.#scope = scope;
    const keys = (side: 'left' | 'right') =>
      join.equal.map((pair) => ({ expression: pair[side], nullSafe: pair.nullSafe }));
    const common = { time: null, lifetimeMs: null, budget: context.budget };
    this.#table = new JoinSide({
      ...common,
      name: `${path}.right`,
      fields: join.right.fields,
      keys: keys('right'),
      isAppendOnly: isAppendOnly(join.right),
    });
    this.#left = joinKeyFunction(keys('left'));
    this.#met = isAppendOnly(join.left) ? null : metTable(`${path}.met`, join.fields, context.budget);
    const tables: unknown[] = this.#met === null ? [this.#table.store.table] : [this.#table.store.table, this.#met];
    this.tables = tables as StateTable<unknown>[];
    this.#rowKey = wholeRowKey(
      join.left.fields.map(({ type }) => type),
      { isExact: true },
    );
    this.#condition = join.condition === null ? null : compileCondition(join.condition);
    this.#nulls = join.right.fields.map(() => null);
    this.#output = new RowOutput(output);
    this.#leftOut = [
      new LeftOut(context, join.left, join.left.fields),
      new LeftOut(context, join.right, join.right.fields),
    ];
  }

  take(input: number, { rows, weights, stamps }: Deltas): void {
    for (let i = 0; i < rows.length; i++) {
      const stamp = typeof stamps === 'number' ? stamps : stamps[i]!;
      const weight = weights === null ? 1 : weights[i]!;
      try {
        if (input === 1) this.#change(rows[i]!, weight, stamp);
        else if (weight > 0) this.#look(rows[i]!, stamp);
        else this.#takeBack(rows[i]!);
      } catch (error) {
        const reason = failureReason(error);
        if (weight > 0) this.#leftOut[input]!.report(rows[i]!, reason);
      }
    }
    this.#output.send();
  }

  #change(row: Row, weight: number, stamp: number): void {
    const key = this.#table.keyOf(row);
    if (key === null) return;
    const hash = hashOf(key);
    if (weight > 0) {
      if (!this.#scope.context.budget.hasRoom()) return this.#leftOut[1].report(row, 'state_full');
      this.#table.add(key, hash, 0, row, stamp, 0);
      return;
    }
    const slot = this.#table.find(key, hash, 0, row, stamp);
    if (slot !== undefined) this.#table.remove(slot);
  }

  #look(row: Row, stamp: number): void {
    if (this.#met !== null && !this.#scope.context.budget.hasRoom()) return this.#leftOut[0].report(row, 'state_full');
    const met = this.#meet(row, stamp);
    for (let i = 0; i < met.rows.length; i++) this.#output.emit(met.rows[i]!, 1, met.stamps[i]!);
    if (this.#met === null) return;
    const key = this.#rowKey(row);
    const copies = this.#met.get(key);
    if (copies === undefined) this.#met.set(key, [met]);
    else {
      this.#met.touch(key);
      copies.push(met);
    }
  }

  /** The rows that a left row gives now. */
  #meet(row: Row, stamp: number): Met {
    const { type } = this.#join;
    const { store } = this.#table;
    const rows: Row[] = [];
    const stamps: number[] = [];
    for (const slot of this.#slots(row)) {
      const pair = row.concat(store.rows[slot]!);
      if (this.#condition !== null && !this.#condition(pair)) continue;
      rows.push(pair);
      stamps.push(Math.max(stamp, store.stamps[slot]!));
    }
    if (type === 'inner' || (type === 'left' && rows.length > 0)) return { rows, stamps };
    if (type === 'left') return { rows: [row.concat(this.#nulls)], stamps: [stamp] };
    return rows.length > 0 === (type === 'semi') ? { rows: [row], stamps: [stamp] } : { rows: [], stamps: [] };
  }

  #slots(row: Row): readonly number[] {
    const key = this.#left(row);
    const found = key === null ? undefined : this.#table.index.get(key, hashOf(key));
    if (found === undefined) return [];
    return typeof found === 'number' ? [found] : found.slots.slice(found.start);
  }

  #takeBack(row: Row): void {
    const key = this.#rowKey(row);
    const copies = this.#met?.get(key);
    this.#met?.touch(key);
    const met = copies?.pop();
    // It had no room: nobody can see it go.
    if (copies === undefined || met === undefined) return;
    for (let i = 0; i < met.rows.length; i++) this.#output.emit(met.rows[i]!, -1, met.stamps[i]!);
    if (copies.length === 0) this.#met!.delete(key);
  }

  flush(): void {
    this.#table.store.settle();
  }

  advance(): void {}

  restored(): void {
    this.#table.restored();
  }
}

/** A list of copies; each: how many rows it gave, their stamps and fields. */
function metTable(name: string, fields: readonly Field[], budget: StateBudget): StateTable<Met[]> {
  const row = rowCodec(fields);
  return new StateTable<Met[]>(
    name,
    {
      write: (copies, writer) => {
        writer.unsigned(copies.length);
        for (const { rows, stamps } of copies) {
          writer.unsigned(rows.length);
          for (let i = 0; i < rows.length; i++) {
            writer.double(stamps[i]!);
            row.write(rows[i]!, writer);
          }
        }
      },
      read: (reader) =>
        Array.from({ length: reader.unsigned() }, () => {
          const rows: Row[] = [];
          const stamps: number[] = [];
          for (let left = reader.unsigned(); left > 0; left--) {
            stamps.push(reader.double());
            rows.push(row.read(reader));
          }
          return { rows, stamps };
        }),
      bytes: (copies) => copies.reduce((sum, { rows }) => rows.reduce((bytes, one) => bytes + row.bytes(one), sum), 64),
    },
    budget,
  );
}
