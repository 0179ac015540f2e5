/**
 * One generated function a view and shape of batch: filter, window, lateness, key and aggregates in
 * one loop over the rows, on the columns' arrays.
 *
 * A row goes through two parts. The first only computes (WHERE, window, key, arguments) and may
 * fail: the row then goes to the late stream and nothing has changed. The second finds the group
 * and adds to it; an error there is a fault of ours or of the disk, and stops the batch.
 *
 * Two kinds: `early` batches, in which no row can be late (decided once a batch), and the others,
 * which compare each row's clock. Where the only key is a dictionary column, and an early batch has rows of few windows,
 * a group is looked up by its code, which saves hashing. Kernels are kept by shape, at most `KERNELS_MAX` a view.
 */
import type { ColumnBatch, DictionaryColumn } from '../../event/columns.js';
import type { Dictionary } from '../../event/dictionary.js';
import type { ViewPlan } from '../../sql/plan.js';
import { EDGE_MS } from '../operators/clocks.js';
import { cellLayout } from '../state/accumulators/create.js';
import type { WindowTable } from '../state/window-table.js';
import { printAggregate } from './accumulate.js';
import type { PrintedAggregate } from './accumulate.js';
import { shapeOf } from './columns.js';
import { columnsOf, usesBounds } from './expressions.js';
import { keyLayout } from './keys.js';
import type { KeyLayout } from './keys.js';
import { printKey } from './operands.js';
import type { PrintedWords } from './operands.js';
import { KernelSource } from './source.js';
import type { KernelEnvironment } from './source.js';

/** Most kernels kept a view, and most compiled texts a thread; the oldest is dropped. */
const KERNELS_MAX = 128;

/** What a kernel calls while it runs. */
export interface KernelHost {
  /** The table of a window; null when the batch's rows are in the closed store already. */
  table(start: number): WindowTable | null;
  /** A group for `table.key`, which row `row` has; -1 when there is no room. */
  insert(table: WindowTable, row: number): number;
  /** The groups of a table by a dictionary's codes: entry c + 1 is group + 1 of code c, 0 where that is not known; the first is of NULL. */
  groupsByCode(table: WindowTable, dictionary: Dictionary): Int32Array;
  /** So many rows were corrections. */
  corrected(rows: number): void;
  /** Row `row` belongs to no window any more; `time` and `start` are NaN where unknown. */
  late(row: number, reason: string, time: number, start: number, lateByMs: number): void;
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

const PARAMETERS = ['columns', 'host', 'rows', 'row', 'clock', 'clocks'];

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

  /** The kernel for a batch's shape. `early`: no row can be late, `coded`: and they are of few windows. */
  of(batch: ColumnBatch, early: boolean, coded: boolean): Kernel {
    let shape = early ? (coded ? 'coded' : 'early') : 'timed';
    for (const column of this.#columns) shape += ` ${shapeOf(batch.column(column))}`;
    let kernel = this.#kernels.get(shape);
    if (kernel === undefined) {
      if (this.#kernels.size === KERNELS_MAX) this.#kernels.delete(this.#kernels.keys().next().value!);
      kernel = this.#generate(batch, early, coded);
      this.#kernels.set(shape, kernel);
    }
    return kernel;
  }

  #generate(batch: ColumnBatch, early: boolean, coded: boolean): Kernel {
    const shapes = new Map(this.#columns.map((column) => [column, shapeOf(batch.column(column))]));
    const source = new KernelSource(this.#environment, shapes);
    const text = printKernel(this.#plan, this.#layout, source, early, coded);
    this.source = text;
    const generated = compiled<Generated>(PARAMETERS, text);
    return (host, current, clock, clocks) => {
      generated(source.bound(current), host, current.rows, source.row, clock, clocks);
    };
  }
}

/** Compiled texts, the oldest first: a text that was hot before, in this view or another, starts hot. */
const functions = new Map<string, unknown>();

/** The function of a body, compiled once; bodies with other parameters are other bodies. */
export function compiled<T>(parameters: readonly string[], body: string): T {
  let generated = functions.get(body) as T | undefined;
  if (generated === undefined) {
    if (functions.size === KERNELS_MAX) functions.delete(functions.keys().next().value!);
    generated = new Function(...parameters, body) as T;
    functions.set(body, generated);
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

function printKernel(plan: ViewPlan, layout: KeyLayout, source: KernelSource, early: boolean, coded: boolean): string {
  const nullTime = source.nullTest(plan.eventTime);
  const boundsInWhere = plan.where !== null && usesBounds(plan.where);
  const where = plan.where === null ? [] : printWhere(source, plan.where);
  const late =
    nullTime === undefined ? [] : [`if (${nullTime}) { host.late(i, 'event_time_null', NaN, NaN, NaN); continue; }`];
  const window = printWindow(source, plan, ['row.windowStart = start; row.windowEnd = end;', 'table = null;']);
  const code = coded ? printCode(source, plan) : null;
  const keys = layout.parts.map((part, index) => printKey(source, plan.keys[index]!.expression, part));
  const { stride, offsets } = cellLayout(plan);
  const aggregates = plan.aggregates.map((call, index) => printAggregate(source, call, index, offsets[index]!));
  const arrays = aggregates.flatMap((aggregate) => aggregate.arrays);
  const load = [...printLoad(arrays), ...(code?.load ?? [])];
  const body = [
    ...(boundsInWhere ? [...late, ...window, ...where] : [...where, ...late, ...window]),
    ...(early ? [] : printLateness(source, plan)),
    ...(code?.before ?? keys.flatMap((key) => key.before)),
    ...aggregates.flatMap((aggregate) => aggregate.before),
    'computing = false;',
    ...printTableChoice(early, load),
    ...printGroup(keys, code, load, "{ host.late(i, 'state_full', time, start, NaN); continue; }"),
    ...(early ? [] : ['if (correction) { table.setCorrected(group); corrections++; }']),
    'if (dirty[group] === 0) table.touch(group);',
    `const cell = group * ${stride};`,
    ...aggregates.flatMap((aggregate) => aggregate.add),
  ];
  return printFrame(source, arrays, body, early);
}

/**
 * The row's window as `start` and `end`; `changed`: lines where it is another than the row's before. Sizes are bound, not printed:
 * views that differ in nothing else share compiled code.
 */
export function printWindow(source: KernelSource, plan: ViewPlan, changed: readonly string[]): string[] {
  const { sizeMs, offsetMs } = plan.window;
  const size = source.bind('sizeMs', () => sizeMs);
  const offset = source.bind('offsetMs', () => offsetMs);
  const time = source.shape(plan.eventTime).startsWith('i8')
    ? `${source.wide(plan.eventTime).high} * 4294967296 + ${source.wide(plan.eventTime).low}`
    : source.narrow(plan.eventTime);
  return [
    `const time = ${time};`,
    'if (time < start || time >= end) {',
    `  start = Math.floor((time - ${offset}) / ${size}) * ${size} + ${offset};`,
    `  end = start + ${size};`,
    ...changed.map((line) => `  ${line}`),
    '}',
  ];
}

/** Goes on with the next row where WHERE does not hold. */
export function printWhere(source: KernelSource, where: NonNullable<ViewPlan['where']>): string[] {
  const printed = source.condition(where);
  return [...printed.before, `if (!${printed.code}) continue;`];
}

function printLateness(source: KernelSource, plan: ViewPlan): string[] {
  const lag = source.bind('lagMs', () => plan.lagMs);
  const grace = source.bind('graceMs', () => plan.lagMs + plan.allowedLatenessMs);
  return [
    'const now = clocks === null ? clock : clocks[i];',
    `const moment = clocks === null ? now : now + ${EDGE_MS};`,
    `const correction = moment > end + ${lag};`,
    `if (moment > end + ${grace}) { host.late(i, 'late', time, start, now - end - ${grace}); continue; }`,
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
export function printLoad(arrays: PrintedAggregate['arrays']): string[] {
  return [
    '  slots = table.slots; mask = slots.length - 1; words = table.words; dirty = table.dirty; cells = table.cells.data;',
    ...arrays.map(([name, path]) => `  ${name} = table.accumulators${path};`),
  ];
}

/** How a group is looked up by the code of its only key. */
export interface PrintedCode {
  readonly before: readonly string[];
  /** Where the table is another: takes `byCode`. */
  readonly load: readonly string[];
  readonly code: string;
  /** The name of the dictionary. */
  readonly dictionary: string;
}

/** Null where the only key is no dictionary column. */
export function printCode(source: KernelSource, { keys }: ViewPlan): PrintedCode | null {
  const expression = keys[0]?.expression;
  if (keys.length !== 1 || expression?.kind !== 'column') return null;
  const { index } = expression;
  if (!source.shape(index).startsWith('d')) return null;
  const { before, code } = source.entry(index);
  const dictionary = source.bind(`dictionary${index}`, (batch) => (batch.column(index) as DictionaryColumn).dictionary);
  return { before, code, dictionary, load: [`  byCode = host.groupsByCode(table, ${dictionary});`] };
}

/** The row's group, by its code or by its key. */
export function printGroup(
  keys: readonly Pick<PrintedWords, 'before' | 'words'>[],
  code: PrintedCode | null,
  load: readonly string[],
  full: string,
): string[] {
  const words = keys.flatMap((key) => key.words);
  if (code === null) return ['let group = -1;', ...printProbe(words, load, full)];
  const probe = [...keys.flatMap((key) => key.before), ...printProbe(words, load, full)];
  return [
    `let group = byCode[${code.code}] - 1;`,
    'if (group < 0) {',
    ...probe.map((line) => `  ${line}`),
    `  byCode[${code.code}] = group + 1;`,
    '}',
  ];
}

/** Finds or makes the group of the key `words`. Probing as `WindowTable.find` does, with the key in locals; `full`: where there is no room. */
function printProbe(words: readonly string[], load: readonly string[], full: string): string[] {
  const width = words.length;
  const same = words.map((word, index) => `words[at${index === 0 ? '' : ` + ${index}`}] === ${word}`).join(' && ');
  return [
    'let hash = 0x9e3779b1;',
    ...words.map((word) => `hash = Math.imul(hash ^ ${word}, 0x85ebca6b); hash ^= hash >>> 15;`),
    'hash = Math.imul(hash, 0xc2b2ae35); hash ^= hash >>> 16;',
    'for (let slot = hash & mask; ; slot = (slot + 1) & mask) {',
    '  group = slots[slot] - 1;',
    '  if (group < 0) break;',
    `  ${width === 0 ? 'break;' : `const at = group * ${width}; if (${same}) break;`}`,
    '}',
    'if (group < 0) {',
    ...words.map((word, index) => `  table.key[${index}] = ${word};`),
    '  group = host.insert(table, i);',
    `  if (group < 0) ${full}`,
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
  return [
    source.names(),
    'let start = Infinity, end = -Infinity, table = null, i = 0, corrections = 0, computing = true;',
    `let slots, mask = 0, words, dirty, cells, byCode${arrays.map(([name]) => `, ${name}`).join('')};`,
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
