/**
 * GROUP BY over TUMBLE, HOP or CUMULATE where a window's row is passed on once, when it closes: `SlicedAggregate` for
 * views that publish closed windows only and allow no lateness, over rows that are only added.
 *
 * Each row is added to a slot (`slots.ts`). A slot counts from the first window that it is for to the last one that
 * its pane is in. Windows close in their order: what begins to count is added to a running total a key, each key
 * that has one makes a row, and what has counted for the last time is taken away. So a row's cost does not depend on
 * how many windows it is in. An aggregate that can't be taken away is merged from the key's slots, for each row.
 *
 * Invariant: between flushes all slots count for a window that has not closed, and totals have all those that count
 * for the last one that has.
 * Recovery: totals follow from the slots and the clock.
 */
import type { Aggregate } from '../../../../sql/relation/relation.js';
import { BlockDeltas, rowAt, selectRows, valueOf, type Block, type Vector } from '../../block.js';
import { BlockKeys, canBeBlockKeys } from '../../block-keys.js';
import type { OperatorScope } from '../../build.js';
import type { DataflowContext, Deltas, Operator, Row } from '../../operator.js';
import { StateTable } from '../../state-table.js';
import type { StateStore } from '../../state-table.js';
import { windowGrid } from '../../windows.js';
import type { FixedWindow, WindowGrid } from '../../windows.js';
import { accumulatorOf } from '../accumulators.js';
import type { WindowAggregate } from '../aggregate-window.js';
import { clockCodec } from '../clock.js';
import { groupFailure } from '../group-failure.js';
import { groupKeys } from '../group-keys.js';
import { failureReport } from '../row-wise.js';
import { endGraceOf, graceOf, windowReport } from '../window.js';
import type { WindowReport } from '../window.js';
import { ColumnFamily } from './columns.js';
import { GroupedReader, type GroupedRows } from './grouped-rows.js';
import { ClosingTotals } from './closing-totals.js';
import { PackedSlots } from './slots.js';

const NONE = -1;
/** With more panes a window, merging a key's slots for each window costs more than objects do. */
const MERGED_PANES_MAX = 16;

/** The operator, where it can do what is asked; null where it can't. */
export function packedWindowAggregate(
  relation: Aggregate,
  fused: WindowAggregate,
  scope: OperatorScope,
): Operator | null {
  const { allowedLatenessMs, isFinalOnly } = scope.context;
  if (!isFinalOnly || allowedLatenessMs > 0) return null;
  if (!canBeBlockKeys(fused.parts.map(({ type }) => type)) || groupKeys(fused.parts).canChange) return null;
  const families = fused.aggregates.map(
    (spec) => new ColumnFamily(spec, accumulatorOf(spec, { removes: false, merges: true })),
  );
  // Rows whose argument is NULL are left out, and there is one argument.
  if (families.some(({ accumulator: { args, skipsNulls } }) => args.length > (skipsNulls ? 1 : 0))) return null;
  const grid = windowGrid(fused.window.window as FixedWindow);
  const isMerged = families.some((family) => family.isGeneral || !family.column().isInvertible);
  if (isMerged && grid.lastPane(0) - grid.firstPane(0) >= MERGED_PANES_MAX) return null;
  return new PackedWindowAggregate(relation, fused, scope, families);
}

class PackedWindowAggregate implements Operator {
  readonly name = 'aggregate';
  readonly tables: readonly StateStore[];
  readonly #fused: WindowAggregate;
  readonly #context: DataflowContext;
  readonly #output: OperatorScope['output'];
  readonly #grid: WindowGrid;
  /** How long behind its window's end a row is taken, and from when on that is told as late, ms. */
  readonly #graceMs: number;
  readonly #lateFromMs: number;
  readonly #reader: GroupedReader;
  readonly #keys: BlockKeys;
  readonly #slots: PackedSlots;
  readonly #totals: ClosingTotals;
  /** The clock, as the one entry 0. */
  readonly #clock: StateTable<number>;
  readonly #report: WindowReport;
  readonly #groupFailed: (keys: Row, error: unknown, windowStart: number) => void;
  /** Fields that tell rows apart. */
  readonly #distinct: readonly number[];
  readonly #families: readonly ColumnFamily[];
  #ids = new Int32Array(0);
  /** Slots of the rows of one block; below 0: it has none. */
  #cells = new Int32Array(0);
  /** Windows up to this one have closed. */
  #horizon = Number.NEGATIVE_INFINITY;

  constructor(
    relation: Aggregate,
    fused: WindowAggregate,
    { context, output, path }: OperatorScope,
    families: readonly ColumnFamily[],
  ) {
    const { conditions, origins, parts, window } = fused;
    const keyTypes = parts.map(({ type }) => type);
    this.#fused = fused;
    this.#context = context;
    this.#output = output;
    this.#families = families;
    this.#grid = windowGrid(window.window as FixedWindow);
    this.#graceMs = endGraceOf(window, context);
    this.#lateFromMs = graceOf(window, context);
    const accumulators = families.map(({ accumulator }) => accumulator);
    const shape = { input: window.input, time: window.time, conditions, keys: parts, accumulators };
    this.#reader = new GroupedReader(shape, failureReport(window.input, context));
    this.#keys = new BlockKeys([...parts.keys()], keyTypes);
    const { budget } = context;
    this.#slots = new PackedSlots({ name: `${path}.slices`, families, keys: this.#keys, keyTypes, budget });
    this.#totals = new ClosingTotals(this.#slots, families, this.#grid);
    this.#clock = new StateTable<number>(`${path}.clock`, clockCodec, budget);
    this.tables = [this.#slots, this.#clock];
    this.#report = windowReport(window.input, context);
    this.#groupFailed = groupFailure(relation.fields, origins, context);
    this.#distinct = [...origins.keys()];
  }

  take(_input: number, deltas: Deltas): void {
    const read = this.#reader.read(deltas);
    const { count } = read.block;
    if (this.#cells.length < count) {
      this.#cells = new Int32Array(count);
      this.#ids = new Int32Array(count);
    }
    this.#keys.idsOf(read.keys, this.#ids);
    this.#place(read);
    for (const [i, input] of read.inputs.entries()) {
      const added = this.#slots.columns[i]!.add(this.#cells, 0, count, input);
      if (added === count) continue;
      this.#totals.generalise(i);
      this.#slots.columns[i]!.add(this.#cells, added, count, input);
    }
  }

  /** Finds the slot of each row. */
  #place({ block, stamps }: GroupedRows): void {
    const { count } = block;
    const grid = this.#grid;
    const time = timesOf(block.vectors[this.#fused.window.time]!, count);
    let pane = Number.NaN;
    let first = 0;
    let last = 0;
    let endMs = 0;
    for (let i = 0; i < count; i++) {
      this.#cells[i] = NONE;
      if (Number.isNaN(time[i]!)) {
        this.#report.nullTime(rowAt(block, i));
        this.#leaveOut(i);
        continue;
      }
      const own = grid.paneOf(time[i]!);
      if (own !== pane) {
        pane = own;
        first = grid.firstWindow(pane);
        last = grid.lastWindow(pane);
        endMs = grid.end(first);
      }
      const stamp = typeof stamps === 'number' ? stamps : stamps[i]!;
      let from = first;
      if (first <= last && stamp > endMs + this.#graceMs) from = this.#lateFrom(block, i, time[i]!, pane, stamp);
      from = Math.max(from, this.#horizon + 1);
      if (from <= last) this.#placeRow(block, i, time[i]!, pane, from);
      if (this.#cells[i] === NONE) this.#leaveOut(i);
    }
  }

  /** The first window of the pane that the row is in time for. */
  #lateFrom(block: Block, i: number, time: number, pane: number, stamp: number): number {
    const grid = this.#grid;
    const first = grid.firstWindow(pane);
    const last = grid.lastWindow(pane);
    let from = first;
    while (from <= last && stamp > grid.end(from) + this.#graceMs) from++;
    this.#report.late(rowAt(block, i), time, grid.start(first), stamp - grid.end(first) - this.#lateFromMs);
    return from;
  }

  #placeRow(block: Block, i: number, time: number, pane: number, from: number): void {
    const slots = this.#slots;
    const { size } = slots;
    const slot = slots.touch(this.#ids[i]!, pane, from);
    this.#cells[i] = slot;
    if (slot === NONE) this.#refuse(rowAt(block, i), time, from);
    else if (slots.size !== size) this.#totals.await(slot);
  }

  /** A key that has no slots needs no id. */
  #leaveOut(i: number): void {
    if (this.#slots.newest(this.#ids[i]!) === NONE) this.#keys.rest(this.#ids[i]!);
  }

  #refuse(row: Row, time: number, window: number): void {
    const windowStart = this.#grid.start(window);
    const { source, fields } = this.#report;
    this.#context.late({ source, row, fields, reason: 'state_full', time, windowStart, lateByMs: Number.NaN });
  }

  flush(): void {
    const now = this.#clock.get(0) ?? Number.NEGATIVE_INFINITY;
    const before = this.#horizon;
    if (now > Number.NEGATIVE_INFINITY) this.#horizon = this.#grid.lastBefore(now - this.#context.endLagMs);
    if (this.#horizon > before) this.#totals.close(before + 1, this.#horizon);
    if (this.#totals.count > 0) this.#pass();
    this.#keys.settle();
  }

  #pass(): void {
    const { count, keys, windows } = this.#totals;
    const failed = new Set<number>();
    const vectors = this.#fused.origins.map((origin): Vector => {
      if (typeof origin === 'number') return this.#keys.vector(origin, keys, count);
      const bound = origin === 'start' ? this.#grid.start : this.#grid.end;
      return { kind: 'numbers', values: windows.slice(0, count).map((window) => bound(window)), nulls: null };
    });
    const bounds: Block = { count, vectors, distinct: null };
    const fail = (row: number, error: unknown): void => {
      if (!failed.has(row)) this.#groupFailed(rowAt(bounds, row), error, this.#grid.start(windows[row]!));
      failed.add(row);
    };
    const aggregates = this.#families.map((_, i) => this.#totals.vector(i, fail));
    const block = { count, vectors: [...vectors, ...aggregates], distinct: this.#distinct };
    this.#totals.clear();
    const shown = failed.size === 0 ? block : without(block, failed);
    if (shown.count > 0) this.#output(new BlockDeltas(shown, Number.NEGATIVE_INFINITY));
  }

  advance(now: number): void {
    this.#clock.set(0, now);
  }

  restored(): void {
    const slots = this.#slots;
    slots.settle();
    this.#totals.restored();
    const now = this.#clock.get(0) ?? Number.NEGATIVE_INFINITY;
    if (now > Number.NEGATIVE_INFINITY) this.#horizon = this.#grid.lastBefore(now - this.#context.endLagMs);
    for (let slot = 0; slot < slots.end; slot++)
      if (slots.from[slot]! <= this.#horizon) this.#totals.resume(slot);
      else this.#totals.await(slot);
  }
}

/** Times in ms; NaN where they are NULL. */
function timesOf(vector: Vector, count: number): Float64Array {
  if (vector.kind === 'numbers' && vector.nulls === null) return vector.values;
  return Float64Array.from({ length: count }, (_, i) => (valueOf(vector, i) as number | null) ?? Number.NaN);
}

function without(block: Block, failed: ReadonlySet<number>): Block {
  const kept = Uint32Array.from(Array.from({ length: block.count }, (_, i) => i).filter((row) => !failed.has(row)));
  return selectRows(block, kept, kept.length);
}
