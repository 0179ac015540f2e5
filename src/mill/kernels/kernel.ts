/**
 * One generated function a view and shape of batch: filter, window, lateness, key and aggregates in
 * one loop over the rows, on the columns' arrays.
 *
 * A row goes through two parts. The first only computes (WHERE, window, key, arguments) and may
 * fail: the row then goes to the late stream and nothing has changed. The second finds the group
 * and adds to it; an error there is a fault of ours or of the disk, and stops the batch.
 *
 * Two kinds: `early` batches, in which no row can be late (decided once a batch), and the others,
 * which compare each row's clock. Kernels are kept by shape, at most `KERNELS_MAX` a view.
 */
import type { ColumnBatch } from '../../event/columns.js';
import type { ViewPlan } from '../../sql/plan.js';
import { cellLayout } from '../state/accumulators/create.js';
import type { WindowTable } from '../state/window-table.js';
import { printAggregate } from './accumulate.js';
import type { PrintedAggregate } from './accumulate.js';
import { shapeOf } from './columns.js';
import { columnsOf, usesBounds } from './expressions.js';
import { keyLayout } from './keys.js';
import type { KeyLayout } from './keys.js';
import { printKey } from './operands.js';
import { KernelSource } from './source.js';
import type { KernelEnvironment } from './source.js';

/** Most kernels kept a view, and most compiled texts a thread; the oldest is dropped. */
const KERNELS_MAX = 128;

/** What a kernel calls while it runs. */
export interface KernelHost {
  /** The table of a window; null when the batch's rows are in the closed store already. */
  table(start: number): WindowTable | null;
  /** A group for `table.key`, or -1 when the view's state is full. */
  insert(table: WindowTable): number;
  /** So many rows were corrections. */
  corrected(rows: number): void;
  /** Row `row` belongs to no window any more; `time` and `start` are NaN where unknown. */
  late(row: number, reason: string, time: number, start: number): void;
  /** Row `row` can't be evaluated. */
  failed(row: number, error: unknown): void;
}

/** Runs over a batch. `clocks`: the clock before each row; null: `clock` for all. */
export type Kernel = (host: KernelHost, batch: ColumnBatch, clock: number, clocks: Float64Array | null) => void;

type Generated = (
  columns: Record<string, unknown>,
  host: KernelHost,
  rows: number,
  row: { windowStart: number; windowEnd: number },
  clock: number,
  clocks: Float64Array | null,
) => void;

/** The kernels of one view. */
export class Kernels {
  readonly #plan: ViewPlan;
  readonly #layout: KeyLayout;
  readonly #environment: KernelEnvironment;
  readonly #columns: readonly number[];
  readonly #kernels = new Map<string, Kernel>();
  /** The source generated last, for `explain` and tests. */
  source = '';

  constructor(plan: ViewPlan, environment: KernelEnvironment) {
    this.#plan = plan;
    this.#environment = environment;
    this.#layout = keyLayout(plan, environment.schema);
    this.#columns = usedColumns(plan);
  }

  /** The kernel for a batch's shape. `early`: no row can be late. */
  of(batch: ColumnBatch, early: boolean): Kernel {
    let shape = early ? 'early' : 'timed';
    for (const column of this.#columns) shape += ` ${shapeOf(batch.column(column))}`;
    let kernel = this.#kernels.get(shape);
    if (kernel === undefined) {
      if (this.#kernels.size === KERNELS_MAX) this.#kernels.delete(this.#kernels.keys().next().value!);
      kernel = this.#generate(batch, early);
      this.#kernels.set(shape, kernel);
    }
    return kernel;
  }

  #generate(batch: ColumnBatch, early: boolean): Kernel {
    const shapes = new Map(this.#columns.map((column) => [column, shapeOf(batch.column(column))]));
    const source = new KernelSource(this.#environment, shapes);
    const text = printKernel(this.#plan, this.#layout, source, early);
    this.source = text;
    const generated = compiled(text);
    const binders = [...source.binders];
    return (host, current, clock, clocks) => {
      const columns: Record<string, unknown> = {};
      for (const [name, binder] of binders) columns[name] = binder(current);
      generated(columns, host, current.rows, source.row, clock, clocks);
    };
  }
}

/** Compiled texts, the oldest first: a text that was hot before, in this view or another, starts hot. */
const functions = new Map<string, Generated>();

function compiled(text: string): Generated {
  let generated = functions.get(text);
  if (generated === undefined) {
    if (functions.size === KERNELS_MAX) functions.delete(functions.keys().next().value!);
    generated = new Function('columns', 'host', 'rows', 'row', 'clock', 'clocks', text) as Generated;
    functions.set(text, generated);
  }
  return generated;
}

/** The source columns that a plan reads. */
export function usedColumns(plan: ViewPlan): number[] {
  const used = new Set([plan.eventTime]);
  const expressions = [
    plan.where,
    ...plan.keys.map((key) => key.expression),
    ...plan.aggregates.flatMap((call) => [call.arg, call.filter]),
  ];
  for (const expression of expressions)
    if (expression !== null) for (const column of columnsOf(expression)) used.add(column);
  return [...used].sort((a, b) => a - b);
}

function printKernel(plan: ViewPlan, layout: KeyLayout, source: KernelSource, early: boolean): string {
  const { sizeMs, offsetMs } = plan.window;
  const nullTime = source.nullTest(plan.eventTime);
  const boundsInWhere = plan.where !== null && usesBounds(plan.where);
  const where = plan.where === null ? [] : printWhere(source, plan.where);
  const late =
    nullTime === undefined ? [] : [`if (${nullTime}) { host.late(i, 'event_time_null', NaN, NaN); continue; }`];
  const time = source.shape(plan.eventTime).startsWith('i8')
    ? `${source.wide(plan.eventTime).high} * 4294967296 + ${source.wide(plan.eventTime).low}`
    : source.narrow(plan.eventTime);
  const window = [
    `const time = ${time};`,
    'if (time < start || time >= end) {',
    `  start = Math.floor((time - ${offsetMs}) / ${sizeMs}) * ${sizeMs} + ${offsetMs};`,
    `  end = start + ${sizeMs};`,
    '  row.windowStart = start; row.windowEnd = end;',
    '  table = null;',
    '}',
  ];
  const keys = layout.parts.map((part, index) => printKey(source, plan.keys[index]!.expression, part));
  const { stride, offsets } = cellLayout(plan);
  const aggregates = plan.aggregates.map((call, index) => printAggregate(source, call, index, offsets[index]!));
  const arrays = aggregates.flatMap((aggregate) => aggregate.arrays);
  const load = printLoad(arrays);
  const body = [
    ...(boundsInWhere ? [...late, ...window, ...where] : [...where, ...late, ...window]),
    ...(early ? [] : printLateness(plan)),
    ...keys.flatMap((key) => key.before),
    ...aggregates.flatMap((aggregate) => aggregate.before),
    'computing = false;',
    ...printTableChoice(early, load),
    ...printProbe(
      layout,
      keys.flatMap((key) => key.words),
      load,
    ),
    ...(early ? [] : ['if (correction) { table.setCorrected(group); corrections++; }']),
    'if (dirty[group] === 0) table.touch(group);',
    `const cell = group * ${stride};`,
    ...aggregates.flatMap((aggregate) => aggregate.add),
  ];
  return printFrame(source, arrays, body, early);
}

function printWhere(source: KernelSource, where: NonNullable<ViewPlan['where']>): string[] {
  const printed = source.condition(where);
  return [...printed.before, `if (!${printed.code}) continue;`];
}

function printLateness(plan: ViewPlan): string[] {
  return [
    'const now = clocks === null ? clock : clocks[i];',
    `const correction = now > end + ${plan.lagMs};`,
    `if (now > end + ${plan.lagMs + plan.allowedLatenessMs}) { host.late(i, 'late', time, start); continue; }`,
  ];
}

function printTableChoice(early: boolean, load: readonly string[]): string[] {
  const skip = early ? [] : ['  if (table === null) continue;'];
  return ['if (table === null) {', '  table = host.table(start);', ...skip, ...load, '}'];
}

/**
 * Takes a table's arrays into locals. Printed wherever it is needed rather than called: a function
 * that closed over the locals would move them out of registers.
 */
function printLoad(arrays: PrintedAggregate['arrays']): string[] {
  return [
    '  slots = table.slots; mask = slots.length - 1; words = table.words; dirty = table.dirty; cells = table.cells.data;',
    ...arrays.map(([name, path]) => `  ${name} = table.accumulators${path};`),
  ];
}

/** Probing as `WindowTable.find` does, with the key in locals. */
function printProbe(layout: KeyLayout, words: readonly string[], load: readonly string[]): string[] {
  const { width } = layout;
  const same = words.map((word, index) => `words[at${index === 0 ? '' : ` + ${index}`}] === ${word}`).join(' && ');
  return [
    'let hash = 0x9e3779b1;',
    ...words.map((word) => `hash = Math.imul(hash ^ ${word}, 0x85ebca6b); hash ^= hash >>> 15;`),
    'hash = Math.imul(hash, 0xc2b2ae35); hash ^= hash >>> 16;',
    'let group = -1;',
    'for (let slot = hash & mask; ; slot = (slot + 1) & mask) {',
    '  group = slots[slot] - 1;',
    '  if (group < 0) break;',
    `  ${width === 0 ? 'break;' : `const at = group * ${width}; if (${same}) break;`}`,
    '}',
    'if (group < 0) {',
    ...words.map((word, index) => `  table.key[${index}] = ${word};`),
    '  group = host.insert(table);',
    "  if (group < 0) { host.late(i, 'state_full', time, start); continue; }",
    ...load,
    '}',
  ];
}

/** Names, the loop, and going on behind a row that fails. */
function printFrame(
  source: KernelSource,
  arrays: PrintedAggregate['arrays'],
  body: readonly string[],
  early: boolean,
): string {
  const names = [...source.binders.keys()];
  return [
    ...(names.length === 0 ? [] : [`const { ${names.join(', ')} } = columns;`]),
    'let start = Infinity, end = -Infinity, table = null, i = 0, corrections = 0, computing = true;',
    `let slots, mask = 0, words, dirty, cells${arrays.map(([name]) => `, ${name}`).join('')};`,
    'for (;;) {',
    '  try {',
    '    for (; i < rows; i++) {',
    '      computing = true;',
    ...body.map((line) => `      ${line}`),
    '    }',
    ...(early ? [] : ['    host.corrected(corrections);']),
    '    return;',
    '  } catch (error) {',
    '    if (!computing) throw error;',
    '    host.failed(i++, error);',
    '  }',
    '}',
    early ? '// every row is on time' : '// each row is compared with its clock',
  ].join('\n');
}
