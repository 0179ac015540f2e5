/**
 * Counts of a batch's groups, by one step a row and not one a count.
 *
 * A row's *class* has a bit for each test that counts ask of it: a filter that is true, an argument that is not NULL. A
 * kernel counts each group's rows by class; a count is then the sum over the classes that have its bits. Tests of one
 * dictionary column are one look into a table. Counts with more tests than a class has bits are several sets.
 */
import type { AggregateCall, Expression } from '../../sql/plan.js';
import { canFail } from '../../sql/walk.js';
import { FAILS_BIT } from './lookups.js';
import type { KernelSource } from './source.js';

/** Tests of a set: what is summed up a group doubles with each. */
const BITS_MAX = 5;

/** Counts that are counted together. */
interface CountSet {
  /** Where its classes begin among a group's. */
  readonly at: number;
  readonly size: number;
  /** Aggregates, and the bits that the rows have which each counts. */
  readonly counts: readonly (readonly [aggregate: number, bits: number])[];
}

/** What a kernel needs to count by class. */
export interface RowClasses {
  /** Aggregates that are counted so. */
  readonly aggregates: ReadonlySet<number>;
  /** Classes a group, those of all sets. */
  readonly stride: number;
  /** Before the group is found. */
  readonly before: readonly string[];
  /** After it is found, as `group`; the classes are `counts`. */
  readonly add: readonly string[];
  readonly sets: readonly CountSet[];
}

/** A filter, or the column whose value is not NULL. */
type Test = Expression | number;

/** Prints how a row is counted for those of the aggregates that are counts by tests. */
export function printClasses(source: KernelSource, aggregates: readonly AggregateCall[]): RowClasses {
  const parts: { tests: Test[]; counts: [number, number][] }[] = [];
  for (const [aggregate, call] of aggregates.entries()) {
    const tests = testsOf(source, call);
    if (tests === null) continue;
    let part = parts.find((other) => new Set([...other.tests, ...tests]).size <= BITS_MAX);
    if (part === undefined) parts.push((part = { tests: [], counts: [] }));
    for (const test of tests) if (!part.tests.includes(test)) part.tests.push(test);
    const places = part.tests;
    part.counts.push([aggregate, tests.reduce<number>((bits, test) => bits | (1 << places.indexOf(test)), 0)]);
  }
  const stride = parts.reduce((sum, { tests }) => sum + (1 << tests.length), 0);
  const before: string[] = [];
  const add: string[] = [];
  const sets: CountSet[] = [];
  let at = 0;
  for (const [number, { counts, tests }] of parts.entries()) {
    before.push(...printClass(source, tests, `class${number}`));
    add.push(`counts[group * ${stride} + ${at} + class${number}]++;`);
    sets.push({ at, size: 1 << tests.length, counts });
    at += 1 << tests.length;
  }
  return { aggregates: new Set(sets.flatMap(({ counts }) => counts.map(([one]) => one))), stride, before, add, sets };
}

/** What the rows pass that a count counts; null for what is no count by tests. */
function testsOf(source: KernelSource, { arg, filter, name }: AggregateCall): Test[] | null {
  const tests: Test[] = filter === null ? [] : [filter];
  if (arg === null) return tests;
  if (name !== 'count' || arg.kind !== 'column') return null;
  return source.nullTest(arg.index) === undefined ? tests : [...tests, arg.index];
}

/** The row's class as `name`. */
function printClass(source: KernelSource, tests: readonly Test[], name: string): string[] {
  const before: string[] = [];
  const terms: string[] = [];
  const tables = new Map<number, (Expression | undefined)[]>();
  let fails = false;
  tests.forEach((test, place) => {
    const column = columnOf(source, test);
    if (column >= 0) {
      const table = tables.get(column) ?? [];
      table[place] = typeof test === 'number' ? source.environment.notNull(test) : test;
      tables.set(column, table);
      fails ||= typeof test !== 'number' && canFail(test);
    } else if (typeof test === 'number') terms.push(`(${source.nullTest(test)} ? 0 : ${1 << place})`);
    else {
      const flag = source.flag(test);
      before.push(...flag.before);
      terms.push(`(${flag.code} ? ${1 << place} : 0)`);
    }
  });
  for (const [column, table] of tables) {
    const entry = source.entry(column);
    before.push(...entry.before);
    terms.push(`${source.bits(column, table)}[${entry.code}]`);
  }
  before.push(`const ${name} = ${terms.length === 0 ? '0' : terms.join(' | ')};`);
  if (fails) before.push(`if (${name} >= ${FAILS_BIT}) throw new Error('a filter fails');`);
  return before;
}

/** The one dictionary column that a test reads, or -1. */
function columnOf(source: KernelSource, test: Test): number {
  if (typeof test !== 'number') return source.dictionaryOf(test);
  return source.shape(test).startsWith('d') ? test : -1;
}

/** Gives the cells of all groups their counts. `cells`: of a group, and where each aggregate's begin. */
export function printSums(
  { sets, stride }: RowClasses,
  cells: { readonly stride: number; readonly offsets: readonly number[] },
): string[] {
  const lines: string[] = [];
  for (const { at, counts, size } of sets) {
    const names = Array.from({ length: size }, (_, k) => `c${at + k}`);
    lines.push(`let ${names.map((name, k) => `${name} = counts[from + ${at + k}]`).join(', ')};`);
    // To each class those are added that have its bits and others, a bit at a time.
    for (let bit = 1; bit < size; bit *= 2)
      for (let k = 0; k < size; k++) if ((k & bit) === 0) lines.push(`${names[k]} += ${names[k + bit]};`);
    for (const [aggregate, bits] of counts) lines.push(`cells[cell + ${cells.offsets[aggregate]}] = ${names[bits]};`);
  }
  if (lines.length === 0) return [];
  return [
    'for (let g = 0; g < table.groups; g++) {',
    `  const from = g * ${stride}, cell = g * ${cells.stride};`,
    ...lines.map((line) => `  ${line}`),
    '}',
  ];
}
