/** Turns groups into rows of a view's changes stream. */
import { batchOf } from '../../event/columns.js';
import type { ColumnBatch } from '../../event/columns.js';
import type { RowState } from '../../event/view.js';
import { keyValue } from '../kernels/keys.js';
import type { KeyLayout, KeyPart } from '../kernels/keys.js';
import { changesLayout } from '../sql/describe.js';
import type { ChangesLayout } from '../sql/describe.js';
import { compile } from '../sql/evaluate.js';
import type { Compiled, RowAccess } from '../sql/evaluate.js';
import type { Expression, ViewPlan } from '../sql/plan.js';
import type { Value } from '../sql/value.js';
import type { BytePool } from '../state/byte-pool.js';
import { ByteWriter } from '../state/bytes.js';
import type { ColumnType } from '../../event/schema.js';
import { NumberExtremeAccumulator } from '../state/accumulators/extreme.js';
import { SumAccumulator } from '../state/accumulators/sum.js';
import { CountAccumulator } from '../state/accumulators/count.js';
import { CORRECTED, FINAL } from '../state/window-table.js';
import type { WindowTable } from '../state/window-table.js';
import { columnBuilder } from './column-builder.js';
import type { ColumnBuilder } from './column-builder.js';

/** Most rows of one batch of changes. */
const BATCH_ROWS = 16_384;
const DAY_MS = 86_400_000;

const STATES: readonly RowState[] = ['open', 'open', 'final', 'corrected'];

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

/** Where a column of the changes comes from. */
type Source = (row: GroupRow) => Value;

/** Collects changed groups of one view. */
export class Changes {
  readonly layout: ChangesLayout;
  /** Outputs that could not be computed or stored; they were published as NULL. */
  outputErrors = 0;
  /** Rows since the last `take`. */
  rows = 0;
  /** Rows in all. */
  total = 0;
  readonly #row: GroupRow;
  readonly #having: Compiled | null;
  readonly #tenantKey: number;
  /** Word of the tenant's key, or -1. */
  readonly #tenantEntry: number;
  readonly #pool: () => BytePool;
  readonly #keySources: readonly { readonly column: number; readonly entry: number; readonly read: Source }[];
  readonly #valueSources: readonly { readonly column: number; readonly read: Source }[];
  readonly #partials: readonly number[];
  #builders: ColumnBuilder[];
  #builderRows = 0;
  #batches: ColumnBatch[] = [];
  readonly #writer = new ByteWriter();

  constructor(plan: ViewPlan, keys: KeyLayout, pool: () => BytePool) {
    this.layout = changesLayout(plan);
    this.#row = new GroupRow(keys, pool);
    this.#having = plan.having === null ? null : compile(plan.having);
    this.#tenantKey = plan.tenantKey;
    this.#tenantEntry = plan.tenantKey < 0 ? -1 : entryWord(keys.parts[plan.tenantKey]!);
    this.#pool = pool;
    const positions = this.layout.keys.map((column, index) => ({ column, index }));
    this.#keySources = positions
      .filter(({ index }) => index !== plan.tenantKey)
      .map(({ column, index }) => ({
        column,
        entry: entryWord(keys.parts[index]!),
        read: stored(plan.keys[index]!.expression, (row) => row.key(index)),
      }));
    this.#valueSources = this.layout.values.map((output) => ({
      column: this.layout.outputs[output]!,
      read: stored(
        plan.outputs[output]!.expression,
        valueSource(plan.outputs[output]!.expression, this.layout.schema.columns[this.layout.outputs[output]!]!.type),
      ),
    }));
    this.#partials = this.layout.partials;
    this.#builders = this.#newBuilders();
  }

  #newBuilders(): ColumnBuilder[] {
    return this.layout.schema.columns.map((column) => columnBuilder(column.type));
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

  /** Adds a group's present values (`upsert`), or that it is gone (`delete`). */
  add(table: WindowTable, group: number, state: number, remove: boolean): void {
    const row = this.#row;
    row.table = table;
    row.group = group;
    const builders = this.#builders;
    const pool = this.#pool();
    const base = group * table.width;
    const tenant = this.#tenantEntry < 0 ? -1 : table.words[base + this.#tenantEntry]!;
    if (tenant >= 0) builders[0]!.addEntry(pool, tenant);
    else builders[0]!.add(this.#tenantKey < 0 ? '' : (row.key(this.#tenantKey) ?? ''));
    builders[1]!.add(table.start);
    builders[2]!.add(table.end);
    builders[3]!.add(remove ? 'delete' : 'upsert');
    builders[4]!.add(STATES[state]!);
    builders[5]!.add(state === CORRECTED ? 'late' : null);
    for (const { column, entry, read } of this.#keySources) {
      const id = entry < 0 ? -1 : table.words[base + entry]!;
      if (id >= 0) builders[column]!.addEntry(pool, id);
      else builders[column]!.add(read(row));
    }
    for (const { column, read } of this.#valueSources) this.#addValue(builders[column]!, read, remove);
    this.#partials.forEach((column, index) => builders[column]!.add(remove ? null : this.#partial(index)));
    builders[builders.length - 1]!.add(0);
    this.rows++;
    this.total++;
    if (++this.#builderRows === BATCH_ROWS) this.#cut();
  }

  #addValue(builder: ColumnBuilder, read: Source, remove: boolean): void {
    if (remove) return builder.add(null);
    try {
      builder.add(read(this.#row));
    } catch {
      this.outputErrors++;
      builder.add(null);
    }
  }

  #partial(index: number): Value {
    const accumulator = this.#row.table.accumulators[index]!;
    if (accumulator instanceof CountAccumulator) return accumulator.value(this.#row.group);
    this.#writer.length = 0;
    accumulator.writePartial(this.#row.group, this.#writer);
    return this.#writer.view();
  }

  #cut(): void {
    const columns = this.#builders.map((builder) => builder.build());
    this.#batches.push(batchOf(this.layout.schema, this.#builderRows, columns));
    this.#builderRows = 0;
  }

  /** The rows added since the last call, as batches. */
  take(): ColumnBatch[] {
    if (this.#builderRows > 0) this.#cut();
    const batches = this.#batches;
    this.#batches = [];
    this.rows = 0;
    return batches;
  }
}

/** The word that holds a text key's pool id; -1 for keys of other kinds. */
function entryWord(part: KeyPart): number {
  return part.kind === 'pool' && part.type === 'text' ? part.at : -1;
}

/** The state a group is published in. */
export function stateOf(closed: boolean, corrected: boolean, open: number): number {
  return corrected ? CORRECTED : closed ? FINAL : open;
}

/** Reads what is nothing but an aggregate without going through an expression. */
function valueSource(expression: Expression, stored: ColumnType): Source {
  if (expression.kind !== 'aggregate') return compile(expression);
  const { index } = expression;
  if (stored !== 'decimal') return (row) => row.aggregate(index);
  return (row) => {
    const accumulator = row.table.accumulators[index]!;
    const exact =
      accumulator instanceof SumAccumulator ? accumulator.isSum : accumulator instanceof NumberExtremeAccumulator;
    return exact ? (accumulator as SumAccumulator).units(row.group) : accumulator.value(row.group);
  };
}

/** Dates are kept as the time of their midnight. */
function stored(expression: Expression, read: Source): Source {
  if (expression.type !== 'date') return read;
  return (row) => {
    const value = read(row);
    return value === null ? null : (value as number) * DAY_MS;
  };
}
