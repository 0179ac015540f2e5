/** Turns groups into rows of a view's changes stream. */
import { batchOf } from '../../event/columns.js';
import type { ColumnBatch } from '../../event/columns.js';
import { DECIMAL_SCALE } from '../../event/schema.js';
import type { ColumnType } from '../../event/schema.js';
import { keyValue } from '../kernels/keys.js';
import type { KeyLayout } from '../kernels/keys.js';
import { storedValue } from '../../sql/changes-columns.js';
import { changesLayout } from '../../sql/describe.js';
import type { ChangesLayout } from '../../sql/describe.js';
import { compile } from '../../sql/evaluate.js';
import type { Compiled, RowAccess } from '../../sql/evaluate.js';
import type { Expression, ViewPlan } from '../../sql/plan.js';
import { sumScale } from '../../sql/scale.js';
import { isSketch } from '../../sql/sketch-output.js';
import type { Value } from '../../sql/value.js';
import type { Accumulator, UnitSource } from '../state/accumulators/accumulator.js';
import type { ApproximateAccumulator } from '../state/accumulators/approximate.js';
import type { BytePool } from '../state/byte-pool.js';
import { CORRECTED, FINAL } from '../state/window-table.js';
import type { WindowTable } from '../state/window-table.js';
import {
  bounds,
  constant,
  emptyTexts,
  operations,
  poolTexts,
  reasons,
  REMOVED,
  states,
  units,
  values,
} from './change-columns.js';
import type { ChangeColumn, Chosen, Run } from './change-columns.js';

/** Most rows of one batch of changes. */
const BATCH_ROWS = 16_384;

/** A group's result, as expressions read it. */
class GroupRow implements RowAccess {
  table!: WindowTable;
  group = 0;
  readonly #layout: KeyLayout;
  readonly #pool: () => BytePool;

  constructor(layout: KeyLayout, pool: () => BytePool) {
    this.#layout = layout;
    this.#pool = pool;
  }

  get windowStart(): number {
    return this.table.start;
  }

  get windowEnd(): number {
    return this.table.end;
  }

  column(): Value {
    throw new TypeError('a group has no source column');
  }

  key(index: number): Value {
    return keyValue(this.#layout.parts[index]!, this.table.words, this.group * this.table.width, this.#pool());
  }

  aggregate(index: number): Value {
    return this.table.accumulators[index]!.value(this.group);
  }
}

/** Collects changed groups of one view. */
export class Changes {
  readonly layout: ChangesLayout;
  /** Outputs that could not be computed or stored; they were published as NULL. */
  outputErrors = 0;
  /** Rows since the last `take`. */
  rows = 0;
  /** Rows in all. */
  total = 0;
  /** The moment that rows are published in; set before the first of them is added. */
  txn = 0;
  readonly #row: GroupRow;
  readonly #having: Compiled | null;
  readonly #columns: readonly ChangeColumn[];
  readonly #groups = new Int32Array(BATCH_ROWS);
  readonly #states = new Uint8Array(BATCH_ROWS);
  #runs: Run[] = [];
  #table: WindowTable | null = null;
  /** Where the run of `#table` begins, and the next row. */
  #from = 0;
  #next = 0;
  #batches: ColumnBatch[] = [];

  constructor(plan: ViewPlan, keys: KeyLayout, pool: () => BytePool) {
    this.layout = changesLayout(plan);
    this.#row = new GroupRow(keys, pool);
    this.#having = plan.having === null ? null : compile(plan.having);
    this.#columns = this.#columnsOf(plan, keys, pool);
  }

  #columnsOf(plan: ViewPlan, keys: KeyLayout, pool: () => BytePool): ChangeColumn[] {
    const { schema } = this.layout;
    const columns: ChangeColumn[] = [
      plan.tenantKey < 0 ? emptyTexts() : this.#key(plan, keys, plan.tenantKey, pool),
      bounds((table) => table.start),
      bounds((table) => table.end),
      operations(),
      states(),
      reasons(),
      constant(() => this.txn),
    ];
    this.layout.keys.forEach((column, index) => {
      if (index !== plan.tenantKey) columns[column] = this.#key(plan, keys, index, pool);
    });
    for (const output of this.layout.values) {
      const column = this.layout.outputs[output]!;
      columns[column] = this.#value(plan, plan.outputs[output]!.expression, schema.columns[column]!.type);
    }
    columns.push(constant(() => 0));
    return columns;
  }

  #key(plan: ViewPlan, keys: KeyLayout, index: number, pool: () => BytePool): ChangeColumn {
    const part = keys.parts[index]!;
    const isTenant = index === plan.tenantKey;
    if (part.kind === 'pool' && part.type === 'text') return poolTexts(part.at, pool, !isTenant);
    const { type } = this.layout.schema.columns[this.layout.keys[index]!]!;
    const read = this.#reader(plan.keys[index]!.expression, (row) => row.key(index));
    return values(type, isTenant ? (table, group) => read(table, group) ?? '' : read, true, () => this.outputErrors++);
  }

  #value(plan: ViewPlan, expression: Expression, type: ColumnType): ChangeColumn {
    const failed = (): void => {
      this.outputErrors++;
    };
    if (expression.kind !== 'aggregate')
      return values(type, this.#reader(expression, compile(expression)), false, failed);
    const { index } = expression;
    if (isSketch(expression, plan.aggregates))
      return values(
        type,
        (table, group) => (table.accumulators[index] as ApproximateAccumulator).sketch(group),
        false,
        failed,
      );
    if (inUnits(plan, index, type))
      return units((table) => table.accumulators[index] as Accumulator & UnitSource, failed);
    return values(
      type,
      this.#reader(expression, (row) => row.aggregate(index)),
      false,
      failed,
    );
  }

  /** Reads an expression of a group, in the form that is stored. */
  #reader(expression: Expression, read: (row: GroupRow) => Value): (table: WindowTable, group: number) => Value {
    const row = this.#row;
    const stored = storedValue(expression.type);
    return (table, group) => {
      row.table = table;
      row.group = group;
      return stored(read(row));
    };
  }

  /** Whether a group is to be seen: HAVING is true, or there is none. */
  satisfies(table: WindowTable, group: number): boolean {
    if (this.#having === null) return true;
    this.#row.table = table;
    this.#row.group = group;
    try {
      return this.#having(this.#row) === true;
    } catch {
      this.outputErrors++;
      return false;
    }
  }

  /**
   * Adds a group's present values (`upsert`), or that it is gone (`delete`). They are read at the
   * next `take` at the latest: until then the group must stay as it is.
   */
  add(table: WindowTable, group: number, state: number, remove: boolean): void {
    if (table !== this.#table) this.#beginRun(table);
    this.#groups[this.#next] = group;
    this.#states[this.#next] = remove ? state | REMOVED : state;
    this.rows++;
    this.total++;
    if (++this.#next === BATCH_ROWS) this.#cut();
  }

  #beginRun(table: WindowTable | null): void {
    if (this.#next > this.#from) this.#runs.push({ table: this.#table!, from: this.#from, to: this.#next });
    this.#table = table;
    this.#from = this.#next;
  }

  #cut(): void {
    this.#beginRun(null);
    const chosen: Chosen = { rows: this.#next, runs: this.#runs, groups: this.#groups, states: this.#states };
    const columns = this.#columns.map((column) => column(chosen));
    this.#batches.push(batchOf(this.layout.schema, chosen.rows, columns));
    this.#runs = [];
    this.#from = this.#next = 0;
  }

  /** The rows added since the last call, as batches. */
  take(): ColumnBatch[] {
    if (this.#next > 0) this.#cut();
    const batches = this.#batches;
    this.#batches = [];
    this.rows = 0;
    return batches;
  }
}

/** The state a group is published in. */
export function stateOf(closed: boolean, corrected: boolean, open: number): number {
  return corrected ? CORRECTED : closed ? FINAL : open;
}

/** Whether an aggregate is an integer of a column's units, as its accumulator gives them. */
function inUnits(plan: ViewPlan, index: number, type: ColumnType): boolean {
  const { name, arg } = plan.aggregates[index]!;
  if (type !== 'int64' && type !== 'decimal') return false;
  if (name === 'count' || name === 'approxCountDistinct' || name === 'countDistinct') return true;
  if (name === 'min' || name === 'max') return type === 'int64' || arg!.kind === 'column';
  return name === 'sum' && (type === 'int64' || sumScale(arg!) === DECIMAL_SCALE);
}
