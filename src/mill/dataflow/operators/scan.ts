/**
 * Rows of a source: picks the columns that are wanted and leaves out rows that are too late.
 *
 * A keyed table's row replaces the one that has its key: that one is taken back. A row of weight -1
 * deletes by its key. State: one row a key, for ever; the table's size bounds it, and a new key is
 * refused when the view's state is full.
 */
import type { Scan } from '../../../sql/relation/relation.js';
import { BlockDeltas, type Block, type Vector } from '../block.js';
import type { BuiltOperator, OperatorScope } from '../build.js';
import { keyFunction } from '../keys.js';
import type { DataflowContext, Deltas, Operator, Row } from '../operator.js';
import { identicalRows } from '../order.js';
import { rowCodec } from '../rows.js';
import { StateTable } from '../state-table.js';
import type { Key, StateStore } from '../state-table.js';
import { byBlock, Outgoing, passThrough, selectDeltas, selected } from './row-wise.js';

/** The operator of a scan; it takes rows with all columns of the source. */
export function scanOperator(relation: Scan, scope: OperatorScope): BuiltOperator {
  const pick = picker(relation.columns);
  const isLate = latenessOf(relation, scope.context);
  return {
    operator:
      relation.key === null ? streamScan(relation, scope, pick, isLate) : new TableScan(relation, scope, pick, isLate),
  };
}

/** The wanted columns of a row; the row itself where they are its first ones in order and no other is there. */
function picker(columns: readonly number[]): (row: Row) => Row {
  const inOrder = columns.every((column, i) => column === i);
  const pick = new Function('row', `return [${columns.map((column) => `row[${column}]`).join(', ')}];`) as (
    row: Row,
  ) => Row;
  return inOrder ? (row) => (row.length === columns.length ? row : pick(row)) : pick;
}

/** Whether a row takes no part; it is reported then, with all its columns. Null where no row is late. */
type Lateness = ((row: Row, whole: Row, stamp: number) => boolean) | null;

/** How much later than its time a row may come, ms. */
function graceOf({ allowedLatenessMs, isBatch, lagMs }: DataflowContext): number {
  return isBatch ? Number.POSITIVE_INFINITY : lagMs + allowedLatenessMs;
}

function latenessOf({ fields, late, source, time }: Scan, context: DataflowContext): Lateness {
  if (!late || time === null) return null;
  const graceMs = graceOf(context);
  const all = context.sourceFields.get(source);
  const report = { source, fields: all ?? fields, windowStart: Number.NaN };
  return (row, whole, stamp) => {
    const at = row[time] as number | null;
    if (at !== null && stamp <= at + graceMs) return false;
    const shown = all === undefined ? row : whole;
    if (at === null)
      context.late({ ...report, row: shown, reason: 'event_time_null', time: Number.NaN, lateByMs: Number.NaN });
    else context.late({ ...report, row: shown, reason: 'late', time: at, lateByMs: stamp - at - graceMs });
    return true;
  };
}

function streamScan(
  { columns, time }: Scan,
  { context, output }: OperatorScope,
  pick: (row: Row) => Row,
  isLate: Lateness,
): Operator {
  const out = new Outgoing();
  const take = ({ rows, stamps }: Deltas): void => {
    out.clear();
    for (let i = 0; i < rows.length; i++) {
      const row = pick(rows[i]!);
      if (isLate !== null && isLate(row, rows[i]!, typeof stamps === 'number' ? stamps : stamps[i]!)) continue;
      out.rows.push(row);
      if (typeof stamps !== 'number') out.stamps.push(stamps[i]!);
    }
    if (out.rows.length > 0) output(selected(out, null, stamps));
  };
  const graceMs = graceOf(context);
  const takeBlock = (block: Block, deltas: Deltas): void => {
    const picked = { ...block, vectors: columns.map((column) => block.vectors[column]!) };
    if (isLate === null) return output(new BlockDeltas(picked, deltas.stamps));
    const selection = rowsInTime(picked.vectors[time!]!, block.count, deltas.stamps, graceMs);
    if (selection === null) return take(deltas);
    if (selection.length === block.count) return output(new BlockDeltas(picked, deltas.stamps));
    const { rows, stamps } = deltas;
    for (let i = 0, next = 0; i < block.count; i++) {
      if (selection[next] === i) next++;
      else isLate(pick(rows[i]!), rows[i]!, typeof stamps === 'number' ? stamps : stamps[i]!);
    }
    if (selection.length > 0) output(selectDeltas(picked, stamps, selection, selection.length));
  };
  return passThrough('scan', byBlock(take, takeBlock));
}

/** The rows of a block that are not late; null where their times are not numbers. */
function rowsInTime(time: Vector, count: number, stamps: Deltas['stamps'], graceMs: number): Uint32Array | null {
  if (time.kind !== 'numbers') return null;
  const { nulls, values } = time;
  const selection = new Uint32Array(count);
  let kept = 0;
  for (let i = 0; i < count; i++) {
    const stamp = typeof stamps === 'number' ? stamps : stamps[i]!;
    if ((nulls === null || nulls[i] === 0) && stamp <= values[i]! + graceMs) selection[kept++] = i;
  }
  return kept === count ? selection : selection.slice(0, kept);
}

/** A keyed table. */
class TableScan implements Operator {
  readonly name = 'scan';
  readonly tables: readonly StateStore[];
  readonly #scope: OperatorScope;
  readonly #relation: Scan;
  readonly #pick: (row: Row) => Row;
  readonly #isLate: Lateness;
  readonly #rows: StateTable<Row>;
  readonly #keyOf: (row: Row) => Key;
  readonly #identical: (a: Row, b: Row) => boolean;
  readonly #out = new Outgoing();

  constructor(relation: Scan, scope: OperatorScope, pick: (row: Row) => Row, isLate: Lateness) {
    const { fields } = relation;
    const key = relation.key!;
    this.#relation = relation;
    this.#scope = scope;
    this.#pick = pick;
    this.#isLate = isLate;
    this.#rows = new StateTable(`${scope.path}.rows`, rowCodec(fields), scope.context.budget);
    this.tables = [this.#rows];
    this.#keyOf = keyFunction(
      key,
      key.map((field) => fields[field]!.type),
    );
    this.#identical = identicalRows(fields.map(({ type }) => type));
  }

  take(_input: number, { rows, stamps, weights }: Deltas): void {
    const out = this.#out;
    out.clear();
    for (let i = 0; i < rows.length; i++) {
      const row = this.#pick(rows[i]!);
      const stamp = typeof stamps === 'number' ? stamps : stamps[i]!;
      const isDelete = weights !== null && weights[i]! < 0;
      if (!isDelete && this.#isLate !== null && this.#isLate(row, rows[i]!, stamp)) continue;
      this.#replace(row, isDelete, stamp);
    }
    if (out.rows.length > 0) this.#scope.output(out);
  }

  #replace(row: Row, isDelete: boolean, stamp: number): void {
    const key = this.#keyOf(row);
    const old = this.#rows.get(key);
    if (old !== undefined) {
      if (!isDelete && this.#identical(old, row)) return;
      this.#add(old, -1, stamp);
    }
    if (isDelete) return this.#rows.delete(key);
    if (old === undefined && !this.#scope.context.budget.hasRoom()) return this.#refuse(row);
    this.#rows.set(key, row);
    this.#add(row, 1, stamp);
  }

  #add(row: Row, weight: number, stamp: number): void {
    this.#out.rows.push(row);
    this.#out.weights.push(weight);
    this.#out.stamps.push(stamp);
  }

  #refuse(row: Row): void {
    const { source, fields, time } = this.#relation;
    const at = time === null ? null : (row[time] as number | null);
    this.#scope.context.late({
      source,
      row,
      fields,
      reason: 'state_full',
      time: at ?? Number.NaN,
      windowStart: Number.NaN,
      lateByMs: Number.NaN,
    });
  }

  flush(): void {}

  advance(): void {}

  restored(): void {}
}
