/** Prints how a kernel adds a row to each aggregate. */
import { hashPair, hashWords, second } from '../state/hash.js';
import { spill } from '../state/exact-sum.js';
import type { AggregateCall, Expression } from '../sql/plan.js';
import { wordKind } from './keys.js';
import { sumScale } from '../sql/scale.js';
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

/** Prints aggregate `index` of a plan. */
export function printAggregate(source: KernelSource, call: AggregateCall, index: number): PrintedAggregate {
  const filter = call.filter === null ? undefined : source.condition(call.filter);
  const flag = `counts${index}`;
  const printed = printUnfiltered(source, call, index);
  if (filter === undefined) return printed;
  return {
    before: [...filter.before, `const ${flag}On = ${filter.code};`, ...guarded(printed.before, `${flag}On`)],
    add: [`if (${flag}On) {`, ...printed.add, '}'],
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

function printUnfiltered(source: KernelSource, call: AggregateCall, index: number): PrintedAggregate {
  const { arg } = call;
  if (arg === null) return printCount(index, undefined, []);
  switch (call.name) {
    case 'count':
      return printCountOf(source, arg, index);
    case 'sum':
    case 'avg':
      return printSum(source, arg, index);
    case 'min':
    case 'max':
      return printExtreme(source, arg, index, call.name);
    case 'countDistinct':
      return printDistinct(source, arg, index);
    case 'approxCountDistinct':
      return printApproximate(source, arg, index);
  }
}

function printCount(index: number, test: string | undefined, before: readonly string[]): PrintedAggregate {
  const add = `a${index}counts[group]++;`;
  return {
    before,
    add: [test === undefined ? add : `if (${test}) ${add}`],
    arrays: [[`a${index}counts`, `[${index}].counts`]],
  };
}

function printCountOf(source: KernelSource, arg: Expression, index: number): PrintedAggregate {
  if (arg.kind === 'literal') return printCount(index, arg.value === null ? 'false' : undefined, []);
  if (arg.kind === 'column') {
    const test = source.nullTest(arg.index);
    return printCount(index, test === undefined ? undefined : `!(${test})`, []);
  }
  const value = printValue(source, arg, `v${index}`);
  return printCount(index, `${value.code} !== null`, value.before);
}

function direct(source: KernelSource, arg: Expression): string {
  return arg.kind === 'column' ? source.shape(arg.index) : '';
}

function unlessNull(test: string | undefined, lines: readonly string[]): string[] {
  return test === undefined ? [...lines] : [`if (!(${test})) {`, ...lines, '}'];
}

function printSum(source: KernelSource, arg: Expression, index: number): PrintedAggregate {
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
    return printNarrowSum(
      source,
      index,
      unlessNull.bind(undefined, source.nullTest(arg.index)),
      source.narrow(arg.index),
    );
  }
  if (arg.kind === 'column' && shape.startsWith('f')) {
    const values = source.bind(
      `doubles${arg.index}`,
      (batch) => (batch.column(arg.index) as { values: Float64Array }).values,
    );
    const lines = [`${a}sums[group] += ${values}[i]; ${a}counts[group]++;`];
    return {
      before: [],
      add: unlessNull(source.nullTest(arg.index), lines),
      arrays: [
        [`${a}sums`, `[${index}].sums`],
        [`${a}counts`, `[${index}].counts`],
      ],
    };
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

function printNarrowSum(
  source: KernelSource,
  index: number,
  guard: (lines: string[]) => string[],
  value: string,
): PrintedAggregate {
  const a = `a${index}`;
  source.bind('spill', () => spill);
  const lines = [
    `const total = ${a}low[group] + (${value});`,
    `${a}low[group] = total < 4503599627370496 && total > -4503599627370496 ? total : spill(${a}high, group, total);`,
    `${a}counts[group]++;`,
  ];
  return {
    before: [],
    add: ['{', ...guard(lines), '}'],
    arrays: [
      [`${a}high`, `[${index}].high`],
      [`${a}low`, `[${index}].low`],
      [`${a}counts`, `[${index}].counts`],
    ],
  };
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

function printExtreme(source: KernelSource, arg: Expression, index: number, end: 'min' | 'max'): PrintedAggregate {
  const shape = direct(source, arg);
  const a = `a${index}`;
  if (arg.kind !== 'column' || !/^[if]/.test(shape)) return printByValue(source, arg, index);
  const test = source.nullTest(arg.index);
  if (shape.startsWith('i8')) {
    const { high, low } = source.wide(arg.index);
    return {
      before: [],
      add: unlessNull(test, [`${a}.addWords(group, ${high}, ${low});`]),
      arrays: [[a, `[${index}]`]],
    };
  }
  const value = shape.startsWith('f')
    ? `${source.bind(`doubles${arg.index}`, (batch) => (batch.column(arg.index) as { values: Float64Array }).values)}[i]`
    : source.narrow(arg.index);
  // A NaN is the largest: `!(v >= held)` lets the method decide.
  const beyond = end === 'min' ? `!(v >= ${a}values[group])` : `!(v <= ${a}values[group])`;
  const lines = [`const v = ${value};`, `if (${a}seen[group] === 0 || ${beyond}) ${a}.addValue(group, v);`];
  return {
    before: [],
    add: ['{', ...unlessNull(test, lines), '}'],
    arrays: [
      [a, `[${index}]`],
      [`${a}values`, `[${index}].values`],
      [`${a}seen`, `[${index}].seen`],
    ],
  };
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
  source.bind('second', () => second);
  if (arg.kind !== 'column') return printCanonicalHash(source, arg, index);
  const shape = source.shape(arg.index);
  const test = source.nullTest(arg.index);
  if (shape.startsWith('d')) {
    const entry = source.entry(arg.index);
    const hashes = source.table('hashes', arg, arg.index, source.environment.hashes(arg));
    const lines = [`${a}.addHashes(group, ${hashes}[2 * ${entry.code}], ${hashes}[2 * ${entry.code} + 1]);`];
    return {
      before: entry.before,
      add: test === undefined ? lines : [`if (${entry.code} !== 0) {`, ...lines, '}'],
      arrays,
    };
  }
  if (shape.startsWith('s')) {
    const { data, offsets } = bindBytes(source, arg.index);
    source.bind('hashPair', () => hashPair);
    const lines = [
      `const h = hashPair(${data}, ${offsets}[i], ${offsets}[i + 1]);`,
      `${a}.addHashes(group, h, second.value);`,
    ];
    return { before: [], add: ['{', ...unlessNull(test, lines), '}'], arrays };
  }
  if (wordKind(arg, source.environment.schema) === 'pool') return printCanonicalHash(source, arg, index);
  const printed = printWords(source, arg, `h${index}`);
  source.bind('hashWords', () => hashWords);
  const words = [0, 1, 2, 3].map((word) => printed.words[word] ?? '0').join(', ');
  const lines = [`const h = hashWords(${words});`, `${a}.addHashes(group, h, second.value);`];
  return { before: printed.before, add: ['{', ...unlessNull(test, lines), '}'], arrays };
}

/** Equal values have one canonical text, whatever their scale. */
function printCanonicalHash(source: KernelSource, arg: Expression, index: number): PrintedAggregate {
  return printByValue(source, arg, index);
}
