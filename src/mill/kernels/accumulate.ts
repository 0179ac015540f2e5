/** Prints how a kernel adds a row to each aggregate. */
import { wordOfBytes, wordOfWords } from '../../sql/aggregates/sketches/hash.js';
import { spill, SUM_UNIT } from '../state/exact-sum.js';
import type { AggregateCall, Expression } from '../../sql/plan.js';
import { wordKind } from './keys.js';
import { sumScale } from '../../sql/scale.js';
import { bindBytes, printComputed, printValue, printWords } from './operands.js';
import type { KernelSource } from './source.js';

/** One aggregate's part of a kernel. */
export interface PrintedAggregate {
  /** Before the group is found: may fail, so it changes nothing. */
  readonly before: readonly string[];
  /** After it is found, as `group`: never fails. */
  readonly add: readonly string[];
  /** Arrays to load from the table: name and path. */
  readonly arrays: readonly (readonly [string, string])[];
}

/** Prints aggregate `index` of a plan, whose cells begin `at` from the group's first. */
export function printAggregate(source: KernelSource, call: AggregateCall, index: number, at: number): PrintedAggregate {
  const filter = call.filter === null ? undefined : source.flag(call.filter);
  const printed = printUnfiltered(source, call, index, at);
  if (filter === undefined) return printed;
  return {
    before: [...filter.before, ...guarded(printed.before, filter.code)],
    add: [`if (${filter.code}) {`, ...printed.add, '}'],
    arrays: printed.arrays,
  };
}

/** Declarations stay visible; what may fail runs only for rows that pass the filter. */
function guarded(lines: readonly string[], flag: string): string[] {
  return lines.map((line) => {
    if (line.startsWith('if (')) return `if (${flag}) ${line}`;
    return line.replace(/^(const|let) (\w+) = (evaluate\d+\(i\)|canonical\d+\(.*\));$/, `$1 $2 = ${flag} ? $3 : null;`);
  });
}

function printUnfiltered(source: KernelSource, call: AggregateCall, index: number, at: number): PrintedAggregate {
  const { arg } = call;
  if (arg === null) return printCount(at, undefined, []);
  switch (call.name) {
    case 'count':
      return printCountOf(source, arg, index, at);
    case 'sum':
    case 'avg':
      return printSum(source, arg, index, at);
    case 'min':
    case 'max':
      return printExtreme(source, arg, index, at, call.name);
    case 'countDistinct':
      return printDistinct(source, arg, index);
    case 'approxCountDistinct':
      return printApproximate(source, arg, index);
  }
}

function printCount(at: number, test: string | undefined, before: readonly string[]): PrintedAggregate {
  const add = `cells[cell + ${at}]++;`;
  return { before, add: [test === undefined ? add : `if (${test}) ${add}`], arrays: [] };
}

function printCountOf(source: KernelSource, arg: Expression, index: number, at: number): PrintedAggregate {
  if (arg.kind === 'literal') return printCount(at, arg.value === null ? 'false' : undefined, []);
  if (arg.kind === 'column') {
    const test = source.nullTest(arg.index);
    return printCount(at, test === undefined ? undefined : `!(${test})`, []);
  }
  const value = printValue(source, arg, `v${index}`);
  return printCount(at, `${value.code} !== null`, value.before);
}

function direct(source: KernelSource, arg: Expression): string {
  return arg.kind === 'column' ? source.shape(arg.index) : '';
}

function unlessNull(test: string | undefined, lines: readonly string[]): string[] {
  return test === undefined ? [...lines] : [`if (!(${test})) {`, ...lines, '}'];
}

function printSum(source: KernelSource, arg: Expression, index: number, at: number): PrintedAggregate {
  const shape = direct(source, arg);
  const a = `a${index}`;
  if (arg.kind === 'column' && shape.startsWith('i8')) {
    const { high, low } = source.wide(arg.index);
    return {
      before: [],
      add: unlessNull(source.nullTest(arg.index), [`${a}.addWords(group, ${high}, ${low});`]),
      arrays: [[a, `[${index}]`]],
    };
  }
  if (arg.kind === 'column' && shape.startsWith('i')) {
    return printNarrowSum(source, at, source.nullTest(arg.index), source.narrow(arg.index));
  }
  if (arg.kind === 'column' && shape.startsWith('f')) {
    const values = source.bind(
      `doubles${arg.index}`,
      (batch) => (batch.column(arg.index) as { values: Float64Array }).values,
    );
    const lines = [`cells[cell + ${at}] += ${values}[i]; cells[cell + ${at + 1}]++;`];
    return { before: [], add: unlessNull(source.nullTest(arg.index), lines), arrays: [] };
  }
  if (arg.type === 'numeric' && sumScale(arg) !== undefined) {
    const value = printComputed(source, arg, `v${index}`, false);
    return {
      before: value.before,
      add: [`if (${value.code} !== null) a${index}.addValue(group, ${value.code});`],
      arrays: [[`a${index}`, `[${index}]`]],
    };
  }
  return printByValue(source, arg, index);
}

/** A sum's cells: high, low, count. See `state/exact-sum.ts`. */
function printNarrowSum(
  source: KernelSource,
  at: number,
  nullTest: string | undefined,
  value: string,
): PrintedAggregate {
  source.bind('spill', () => spill);
  const lines = [
    `const total = cells[cell + ${at + 1}] + (${value});`,
    `cells[cell + ${at + 1}] = total < ${SUM_UNIT} && total > ${-SUM_UNIT} ? total : spill(cells, cell + ${at}, total);`,
    `cells[cell + ${at + 2}]++;`,
  ];
  return { before: [], add: ['{', ...unlessNull(nullTest, lines), '}'], arrays: [] };
}

/** Hands the SQL value over: for everything that has no faster way. */
function printByValue(source: KernelSource, arg: Expression, index: number): PrintedAggregate {
  const value = printValue(source, arg, `v${index}`);
  return {
    before: value.before,
    add: [`if (${value.code} !== null) a${index}.addValue(group, ${value.code});`],
    arrays: [[`a${index}`, `[${index}]`]],
  };
}

function printExtreme(
  source: KernelSource,
  arg: Expression,
  index: number,
  at: number,
  end: 'min' | 'max',
): PrintedAggregate {
  const shape = direct(source, arg);
  const a = `a${index}`;
  if (arg.kind !== 'column' || !/^[if]/.test(shape)) return printByValue(source, arg, index);
  const arrays = [[a, `[${index}]`]] as const;
  const test = source.nullTest(arg.index);
  if (shape.startsWith('i8')) {
    const { high, low } = source.wide(arg.index);
    return { before: [], add: unlessNull(test, [`${a}.addWords(group, ${high}, ${low});`]), arrays };
  }
  const value = shape.startsWith('f')
    ? `${source.bind(`doubles${arg.index}`, (batch) => (batch.column(arg.index) as { values: Float64Array }).values)}[i]`
    : source.narrow(arg.index);
  // A NaN is the largest: a comparison that is not false lets the method decide.
  const beyond = `!(v ${end === 'min' ? '>=' : '<='} cells[cell + ${at + 1}])`;
  const lines = [`const v = ${value};`, `if (cells[cell + ${at}] === 0 || ${beyond}) ${a}.addValue(group, v);`];
  return { before: [], add: ['{', ...unlessNull(test, lines), '}'], arrays };
}

function printDistinct(source: KernelSource, arg: Expression, index: number): PrintedAggregate {
  const printed = printWords(source, arg, `d${index}`);
  const words = [0, 1, 2, 3].map((word) => printed.words[word] ?? '0').join(', ');
  return {
    before: printed.before,
    add: unlessNull(printed.isNull, [`a${index}.addWords(group, ${words});`]),
    arrays: [[`a${index}`, `[${index}]`]],
  };
}

function printApproximate(source: KernelSource, arg: Expression, index: number): PrintedAggregate {
  const a = `a${index}`;
  const arrays = [[a, `[${index}]`]] as const;
  if (arg.kind !== 'column') return printCanonicalHash(source, arg, index);
  const shape = source.shape(arg.index);
  const test = source.nullTest(arg.index);
  if (shape.startsWith('d')) {
    const entry = source.entry(arg.index);
    const hashes = source.table('hashes', arg, arg.index, source.environment.hashes(arg));
    const lines = [`${a}.sketches.add(group, ${hashes}[${entry.code}]);`];
    return {
      before: entry.before,
      add: test === undefined ? lines : [`if (${entry.code} !== 0) {`, ...lines, '}'],
      arrays,
    };
  }
  if (shape.startsWith('s')) {
    const { data, offsets } = bindBytes(source, arg.index);
    source.bind('wordOfBytes', () => wordOfBytes);
    const lines = [`${a}.sketches.add(group, wordOfBytes(${data}, ${offsets}[i], ${offsets}[i + 1]));`];
    return { before: [], add: unlessNull(test, lines), arrays };
  }
  if (wordKind(arg, source.environment.schema) === 'pool') return printCanonicalHash(source, arg, index);
  const printed = printWords(source, arg, `h${index}`);
  source.bind('wordOfWords', () => wordOfWords);
  const words = [0, 1, 2, 3].map((word) => printed.words[word] ?? '0').join(', ');
  const lines = [`${a}.sketches.add(group, wordOfWords(${words}));`];
  return { before: printed.before, add: unlessNull(test, lines), arrays };
}

/** Equal values have one canonical text, whatever their scale. */
function printCanonicalHash(source: KernelSource, arg: Expression, index: number): PrintedAggregate {
  return printByValue(source, arg, index);
}
