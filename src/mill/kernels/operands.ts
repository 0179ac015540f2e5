/** Prints how kernels turn an expression into key words, and into what an aggregate takes. */
import type { BytesColumn, UuidColumn } from '../../event/columns.js';
import type { Expression } from '../../sql/plan.js';
import { canonicalOf } from '../../sql/canonical.js';
import { WORDS, wordKind } from './keys.js';
import type { KeyPart } from './keys.js';
import { FAILS_ID } from './lookups.js';
import { printExpression } from './print.js';
import type { KernelSource, Printed } from './source.js';

/** Words of an expression, as source. */
export interface PrintedWords {
  readonly before: readonly string[];
  readonly words: readonly string[];
  /** True when the value is NULL; undefined when it never is. */
  readonly isNull: string | undefined;
}

/** The words of an expression under names that start with `name`. */
export function printWords(source: KernelSource, expression: Expression, name: string): PrintedWords {
  const kind = wordKind(expression, source.environment.schema);
  if (kind === 'pool') return printPoolId(source, expression, name);
  const column = (expression as Extract<Expression, { kind: 'column' }>).index;
  const isNull = source.nullTest(column);
  if (kind === 'uuid') {
    const words = source.bind(`uuids${column}`, (batch) => uuidWordsOf(batch.column(column) as UuidColumn));
    return { before: [], words: [0, 1, 2, 3].map((word) => `${words}[4 * i + ${word}]`), isNull };
  }
  if (kind === 'double') {
    const bits = source.bind(`bits${column}`, (batch) =>
      doubleBits((batch.column(column) as { values: Float64Array }).values),
    );
    return { before: [], words: [`${bits}[2 * i]`, `${bits}[2 * i + 1]`], isNull };
  }
  if (source.shape(column).startsWith('i8')) {
    const { high, low } = source.wide(column);
    return { before: [], words: [`(${low} | 0)`, high], isNull };
  }
  const before = [`const ${name}value = ${source.narrow(column)};`];
  return { before, words: [`(${name}value | 0)`, `(Math.floor(${name}value / 4294967296) | 0)`], isNull };
}

function printPoolId(source: KernelSource, expression: Expression, name: string): PrintedWords {
  const id = `${name}id`;
  const { environment } = source;
  const column = source.dictionaryOf(expression);
  const isNull = `${id} === -1`;
  if (column >= 0) {
    const entry = source.entry(column);
    const ids = source.table('ids', expression, column, environment.ids(expression));
    const lines = [...entry.before, `let ${id} = ${ids}[${entry.code}];`];
    if (expression.kind !== 'column') lines.push(`if (${id} === ${FAILS_ID}) ${source.call(expression)};`);
    return { before: lines, words: [id], isNull };
  }
  if (expression.kind === 'column' && source.shape(expression.index).startsWith('s')) {
    const { data, offsets } = bindBytes(source, expression.index);
    const intern = source.bind(
      'intern',
      () => (bytes: Uint8Array, from: number, to: number) => environment.pool().intern(bytes, from, to),
    );
    const test = source.nullTest(expression.index);
    return {
      before: [
        `const ${id} = ${test === undefined ? '' : `${test} ? -1 : `}${intern}(${data}, ${offsets}[i], ${offsets}[i + 1]);`,
      ],
      words: [id],
      isNull,
    };
  }
  const canonical = source.bind(`canonical${environment.numberOf(expression)}`, () => {
    const textOf = canonicalOf(expression);
    return (value: never) => (value === null ? -1 : environment.pool().internString(textOf(value)));
  });
  const value = printComputed(source, expression, `${name}value`, true);
  return { before: [...value.before, `const ${id} = ${canonical}(${value.code});`], words: [id], isNull };
}

/** Names of a bytes column's arrays. */
export function bindBytes(source: KernelSource, column: number): { data: string; offsets: string } {
  return {
    data: source.bind(`data${column}`, (batch) => (batch.column(column) as BytesColumn).data),
    offsets: source.bind(`offsets${column}`, (batch) => (batch.column(column) as BytesColumn).offsets),
  };
}

function uuidWordsOf(column: UuidColumn): Int32Array {
  const { data } = column;
  const aligned = data.byteOffset % 4 === 0 ? data : data.slice();
  return new Int32Array(aligned.buffer, aligned.byteOffset, aligned.length >> 2);
}

function doubleBits(values: Float64Array): Int32Array {
  // Adding 0 turns -0 into 0, which equals it.
  const copy = Float64Array.from(values, (value) => (value === 0 ? 0 : value));
  return new Int32Array(copy.buffer);
}

/** The words of one key, its NULL included. */
export function printKey(source: KernelSource, expression: Expression, part: KeyPart): PrintedWords {
  const printed = printWords(source, expression, `key${part.at}`);
  if (part.kind === 'pool') return printed;
  const count = WORDS[part.kind];
  const names = Array.from({ length: count }, (_, word) => `key${part.at}w${word}`);
  if (printed.isNull === undefined) {
    const lines = names.map((name, word) => `const ${name} = ${printed.words[word]};`);
    return { before: [...printed.before, ...lines], words: part.nullWord ? [...names, '0'] : names, isNull: undefined };
  }
  const none = `key${part.at}null`;
  const lines = names.map((name, word) => `const ${name} = ${none} === 1 ? 0 : ${printed.words[word]};`);
  return {
    before: [...printed.before, `const ${none} = ${printed.isNull} ? 1 : 0;`, ...lines],
    words: [...names, none],
    isNull: undefined,
  };
}

/**
 * An expression's value under `name`, printed over columns: `null` for NULL. `decimals`: numerics as
 * `Decimal`, else as units at their static scale.
 */
export function printComputed(source: KernelSource, expression: Expression, name: string, decimals: boolean): Printed {
  const { shared, prelude, value, isNull } = printExpression(source, expression, decimals);
  const result = isNull === 'false' ? value : `${isNull} ? null : ${value}`;
  return { before: [...shared, `let ${name} = null;`, `if (true) {\n${prelude}${name} = ${result};\n}`], code: name };
}

/** An expression's SQL value under `name`: `null` for NULL. */
export function printValue(source: KernelSource, expression: Expression, name: string): Printed {
  const column = source.dictionaryOf(expression);
  if (column < 0) return printComputed(source, expression, name, true);
  const entry = source.entry(column);
  const values = source.table('values', expression, column, source.environment.values(expression));
  return {
    before: [
      ...entry.before,
      `let ${name} = ${values}[${entry.code}];`,
      `if (${name} === undefined) ${name} = ${source.call(expression)};`,
    ],
    code: name,
  };
}
