/**
 * Two kernels for views that group the same rows by the same keys (`shared-views.ts`).
 *
 * The first reduces a batch to groups by key and slice, a slice being a part of every view's windows: each group has
 * its aggregates over the batch's rows, and a row that stands for all of them. The second adds these groups to one
 * view's windows, as if their rows had been added.
 *
 * The first knows no view's pool of texts: a text is its code in the batch's dictionary, so a key that is a text
 * must be a dictionary column in the batch.
 */
import type { ColumnBatch, DictionaryColumn } from '../../event/columns.js';
import type { Dictionary } from '../../event/dictionary.js';
import type { Expression, ViewPlan } from '../../sql/plan.js';
import type { Accumulator } from '../state/accumulators/accumulator.js';
import { cellLayout } from '../state/accumulators/create.js';
import { WindowTable } from '../state/window-table.js';
import type { TableShape } from '../state/window-table.js';
import { printAggregate } from './accumulate.js';
import { shapeOf } from './columns.js';
import { compiled, printCode, printGroup, printLoad, printWhere, printWindow, usedColumns } from './kernel.js';
import type { KernelHost } from './kernel.js';
import { keyLayout } from './keys.js';
import { printKey } from './operands.js';
import { printClasses, printSums } from './row-classes.js';
import type { RowClasses } from './row-classes.js';
import { KernelSource } from './source.js';
import type { KernelEnvironment } from './source.js';

/** A batch's groups. */
export interface Reduced {
  readonly groups: number;
  /** A row of each group, its first. */
  readonly rows: Int32Array;
  /** The bytes of their texts. */
  readonly textBytes: number;
  /** One accumulator an aggregate, and their cells. */
  readonly accumulators: readonly Accumulator[];
  readonly cells: Float64Array;
}

/** Groups are worth it while they are so many times fewer than rows. */
const ROWS_PER_GROUP = 2;
/** Slices that a batch may span. */
const SLICES_MAX = 2 ** 31;

/** Whether the keys of a batch can be grouped without a pool of texts. */
export function hasCodes(plan: ViewPlan, environment: KernelEnvironment, batch: ColumnBatch): boolean {
  return keyLayout(plan, environment.schema).parts.every(
    ({ kind }, index) => kind !== 'pool' || batch.column(keyColumn(plan, index)).kind === 'dictionary',
  );
}

function keyColumn({ keys }: ViewPlan, index: number): number {
  return (keys[index]!.expression as Extract<Expression, { kind: 'column' }>).index;
}

/** What the first kernel calls; of one batch after the other, so that its arrays are made once. */
class Representatives {
  rows = new Int32Array(0);
  textBytes = 0;
  /** Rows of each group by class. */
  counts = new Int32Array(0);
  readonly #classes: number;
  readonly #byCode: Int32Array[] = [];
  readonly #slices = new Set<number>();
  #texts: readonly DictionaryColumn[] = [];
  #max = 0;
  /** Of `counts`, by this batch. */
  #used = 0;

  /** `classes`: of a group. */
  constructor(classes: number) {
    this.#classes = classes;
  }

  /** Begins a batch, of which `max` groups are taken. */
  begin(max: number, texts: readonly DictionaryColumn[]): void {
    this.counts.fill(0, 0, this.#used);
    this.#used = 0;
    if (this.rows.length < max) this.rows = new Int32Array(max);
    this.#max = max;
    this.#texts = texts;
    this.textBytes = 0;
    this.#slices.clear();
  }

  insert(table: WindowTable, row: number): number {
    if (table.groups === this.#max) return -1;
    for (const { codes, dictionary } of this.#texts) {
      const code = codes[row]!;
      this.textBytes += dictionary.offsets[code + 1]! - dictionary.offsets[code]!;
    }
    this.rows[table.groups] = row;
    this.#used += this.#classes;
    if (this.#used > this.counts.length) {
      const counts = new Int32Array(Math.max(64 * this.#classes, this.counts.length * 2));
      counts.set(this.counts);
      this.counts = counts;
    }
    return table.insert();
  }

  /** The groups of a slice by a dictionary's codes, as `KernelHost.groupsByCode` has a table's. */
  groupsByCode(slice: number, dictionary: Dictionary): Int32Array {
    let byCode = this.#byCode[slice];
    if (byCode === undefined || byCode.length <= dictionary.size)
      this.#byCode[slice] = byCode = new Int32Array(2 * dictionary.size + 1);
    else if (!this.#slices.has(slice)) byCode.fill(0);
    this.#slices.add(slice);
    return byCode;
  }
}

type Reduce = (
  columns: Record<string, unknown>,
  host: Representatives,
  rows: number,
  table: WindowTable,
  origin: number,
) => boolean;

/** The first kernel of one shape of batch. `plan`: of all views, with the slice as its window. `coded`: batches have few slices. */
export class Reducer {
  readonly #source: KernelSource;
  readonly #reduce: Reduce;
  readonly #shape: TableShape;
  readonly #texts: readonly number[];
  readonly #host: Representatives;
  /** The table of the batch before, which is used again where all that groups have are cells; else null. */
  #table: WindowTable | null = null;
  readonly #isOnlyCells: boolean;
  #groupsHint = 64;

  constructor(
    plan: ViewPlan,
    environment: KernelEnvironment,
    create: TableShape['create'],
    batch: ColumnBatch,
    coded: boolean,
  ) {
    const layout = keyLayout(plan, environment.schema);
    this.#texts = layout.parts.flatMap(({ kind }, index) => (kind === 'pool' ? [keyColumn(plan, index)] : []));
    this.#source = sourceFor(environment, usedColumns(plan), batch);
    const { classes, text, width } = printReduction(plan, this.#source, coded);
    this.#isOnlyCells = classes.aggregates.size === plan.aggregates.length;
    this.#host = new Representatives(classes.stride);
    this.#reduce = compiled<Reduce>(['columns', 'host', 'rows', 'table', 'origin'], text);
    this.#shape = { width, stride: cellLayout(plan).stride, create };
  }

  /** The groups of a batch's rows, the first slice's start being `origin`; null where they are too many, or a row has no time. Throws what an expression throws. */
  run(batch: ColumnBatch, origin: number): Reduced | null {
    const table = this.#table ?? new WindowTable(0, 0, this.#groupsHint, false, this.#shape);
    const host = this.#host;
    const texts = this.#texts.map((column) => batch.column(column) as DictionaryColumn);
    host.begin(Math.ceil(batch.rows / ROWS_PER_GROUP), texts);
    table.clear();
    if (this.#isOnlyCells) this.#table = table;
    if (!this.#reduce(this.#source.bound(batch), host, batch.rows, table, origin)) return null;
    const { accumulators, groups } = table;
    this.#groupsHint = Math.max(64, 2 ** Math.ceil(Math.log2(groups)));
    const { data, stride } = table.cells;
    const cells = this.#isOnlyCells ? data.slice(0, groups * stride) : data;
    return { groups, rows: host.rows.slice(0, groups), textBytes: host.textBytes, accumulators, cells };
  }
}

function sourceFor(environment: KernelEnvironment, columns: readonly number[], batch: ColumnBatch): KernelSource {
  return new KernelSource(environment, new Map(columns.map((column) => [column, shapeOf(batch.column(column))])));
}

function printReduction(
  plan: ViewPlan,
  source: KernelSource,
  coded: boolean,
): { classes: RowClasses; text: string; width: number } {
  const where = plan.where === null ? [] : printWhere(source, plan.where);
  const nullTime = source.nullTest(plan.eventTime);
  const code = coded ? printCode(source, plan) : null;
  const window = printWindow(source, plan, [
    'slice = (start - origin) / sizeMs;',
    `if (slice < 0 || slice >= ${SLICES_MAX}) return false;`,
    ...(code === null ? [] : [`byCode = host.groupsByCode(slice, ${code.dictionary});`]),
  ]);
  const keys = keyLayout(plan, source.environment.schema).parts.map((part, index) => {
    if (part.kind !== 'pool') return printKey(source, plan.keys[index]!.expression, part);
    const entry = source.entry(keyColumn(plan, index));
    return { before: entry.before, words: [entry.code] };
  });
  const { offsets, stride } = cellLayout(plan);
  const classes = printClasses(source, plan.aggregates);
  const aggregates = plan.aggregates.flatMap((call, index) =>
    classes.aggregates.has(index) ? [] : [printAggregate(source, call, index, offsets[index]!)],
  );
  const load = [...printLoad(aggregates.flatMap(({ arrays }) => arrays)), '  counts = host.counts;'];
  const withSlice = [...keys, { before: [], words: ['slice'] }];
  const body = [
    ...where,
    ...(nullTime === undefined ? [] : [`if (${nullTime}) return false;`]),
    ...window,
    ...(code?.before ?? keys.flatMap((key) => key.before)),
    ...classes.before,
    ...aggregates.flatMap((aggregate) => aggregate.before),
    ...printGroup(withSlice, code, load, 'return false;'),
    ...classes.add,
    `const cell = group * ${stride};`,
    ...aggregates.flatMap((aggregate) => aggregate.add),
  ];
  const locals = aggregates.flatMap(({ arrays }) => arrays.map(([name]) => `, ${name}`)).join('');
  const text = [
    source.names(),
    'let start = Infinity, end = -Infinity, slice = 0;',
    `let slots, mask = 0, words, dirty, cells, byCode, counts${locals};`,
    ...load,
    'for (let i = 0; i < rows; i++) {',
    ...body.map((line) => `  ${line}`),
    '}',
    ...printSums(classes, { offsets, stride }),
    'return true; // a batch is reduced',
  ].join('\n');
  return { classes, text, width: withSlice.reduce((sum, { words }) => sum + words.length, 0) };
}

type Merge = (
  columns: Record<string, unknown>,
  host: KernelHost,
  groups: number,
  representatives: Int32Array,
  partials: Partials,
) => void;

/** What a batch's groups have for a view's aggregates, one after the other. */
export interface Partials {
  readonly accumulators: readonly Accumulator[];
  /** Cells of all groups, so many a group, and where each aggregate's begin. */
  readonly cells: Float64Array;
  readonly stride: number;
  readonly offsets: readonly number[];
  /** The cell that counts the view's rows; -1 where all of a group's rows are. */
  readonly rowsAt: number;
}

/** The second kernel, of one view. */
export class Mergers {
  readonly #plan: ViewPlan;
  readonly #environment: KernelEnvironment;
  readonly #columns: readonly number[];
  readonly #mergers = new Map<string, { readonly source: KernelSource; readonly merge: Merge }>();

  constructor(plan: ViewPlan, environment: KernelEnvironment) {
    this.#plan = plan;
    this.#environment = environment;
    this.#columns = usedColumns({ ...plan, where: null, aggregates: [] });
  }

  /** Adds a batch's groups. `coded`: they are of few windows. */
  run(host: KernelHost, batch: ColumnBatch, { groups, rows }: Reduced, partials: Partials, coded: boolean): void {
    let shape = coded ? 'coded' : 'early';
    for (const column of this.#columns) shape += ` ${shapeOf(batch.column(column))}`;
    let merger = this.#mergers.get(shape);
    if (merger === undefined) {
      const source = sourceFor(this.#environment, this.#columns, batch);
      const text = printMerge(this.#plan, source, coded);
      const merge = compiled<Merge>(['columns', 'host', 'groups', 'representatives', 'partials'], text);
      this.#mergers.set(shape, (merger = { source, merge }));
    }
    merger.merge(merger.source.bound(batch), host, groups, rows, partials);
  }
}

function printMerge(plan: ViewPlan, source: KernelSource, coded: boolean): string {
  const layout = keyLayout(plan, source.environment.schema);
  const window = printWindow(source, plan, ['table = null;']);
  const code = coded ? printCode(source, plan) : null;
  const keys = layout.parts.map((part, index) => printKey(source, plan.keys[index]!.expression, part));
  const arrays = plan.aggregates.map((_, index) => [`a${index}`, `[${index}]`] as const);
  const load = [...printLoad(arrays), ...(code?.load ?? [])];
  const { stride, offsets } = cellLayout(plan);
  const body = [
    'const from = r * partials.stride;',
    'if (rowsAt >= 0 && partial[from + rowsAt] === 0) continue;',
    'const i = representatives[r];',
    ...window,
    ...(code?.before ?? keys.flatMap((key) => key.before)),
    'if (table === null) {',
    '  table = host.table(start);',
    ...load,
    '}',
    ...printGroup(keys, code, load, "throw new Error('there was room for all groups');"),
    'if (dirty[group] === 0) table.touch(group);',
    `const cell = group * ${stride};`,
    ...plan.aggregates.map(({ name }, index) =>
      name === 'count'
        ? `cells[cell + ${offsets[index]!}] += partial[from + at${index}];`
        : `a${index}.merge(group, p${index}, r);`,
    ),
  ];
  return [
    source.names(),
    'const partial = partials.cells, rowsAt = partials.rowsAt;',
    ...arrays.map(
      (_, index) => `const p${index} = partials.accumulators[${index}], at${index} = partials.offsets[${index}];`,
    ),
    'let start = Infinity, end = -Infinity, table = null;',
    `let slots, mask = 0, words, dirty, cells, byCode${arrays.map(([name]) => `, ${name}`).join('')};`,
    'for (let r = 0; r < groups; r++) {',
    ...body.map((line) => `  ${line}`),
    '}',
    '// groups of a reduced batch',
  ].join('\n');
}
