/** Prints expressions over the columns of a batch: the scope that `sql/generate.ts` asks for. */
import type { BooleanColumn, BytesColumn, DoubleColumn, UuidColumn } from '../../event/columns.js';
import { uuidText } from '../../event/uuid.js';
import { generate, generateValue } from '../../sql/generate.js';
import type { Generated, KernelScope, Snippet } from '../../sql/generate.js';
import type { DictionaryFunction } from '../../sql/dictionary-function.js';
import type { Expression } from '../../sql/plan.js';
import { intOf } from '../../sql/value.js';
import type { Int } from '../../sql/value.js';
import type { KernelSource } from './source.js';

/** A printed expression, and lines that must stand before it at the loop body's level. */
export interface PrintedExpression extends Generated {
  /** Never fail; declare what several expressions share. */
  readonly shared: readonly string[];
}

const decoder = new TextDecoder();

/** Prints an expression; `decimals`: numerics as `Decimal`, not as units. */
export function printExpression(source: KernelSource, expression: Expression, decimals: boolean): PrintedExpression {
  const shared: string[] = [];
  const scope = scopeOf(source, shared);
  const generated = decimals ? generateValue(expression, scope) : generate(expression, scope);
  return { ...generated, shared };
}

function scopeOf(source: KernelSource, shared: string[]): KernelScope {
  return {
    schema: source.environment.schema,
    windowStart: 'start',
    windowEnd: 'end',
    fresh: (prefix) => source.fresh(prefix),
    bind: (value, hint) => source.constant(value, hint),
    column: (index) => printColumn(source, index, shared),
    lookup: (fn) => printLookup(source, fn, shared),
  };
}

/** Looks the value up by code, where the batch has codes. */
function printLookup(source: KernelSource, fn: DictionaryFunction, shared: string[]): Snippet | null {
  if (!source.shape(fn.column).startsWith('d')) return null;
  return printEntry(source, fn.expression, fn.column, shared);
}

function printEntry(source: KernelSource, expression: Expression, column: number, shared: string[]): Snippet {
  const entry = source.entry(column);
  shared.push(...entry.before);
  const value = `${source.table('values', expression, column, source.environment.values(expression))}[${entry.code}]`;
  return { value, isNull: `${value} === null` };
}

function printColumn(source: KernelSource, index: number, shared: string[]): Snippet {
  const shape = source.shape(index);
  const { name, type } = source.environment.schema.columns[index]!;
  const isNull = source.nullTest(index) ?? 'false';
  if (shape.startsWith('d')) return printEntry(source, source.environment.columnExpression(index), index, shared);
  switch (shape.replace('n', '')) {
    case 'i0':
    case 'i1':
    case 'i2':
    case 'i4':
      return { value: `(${source.narrow(index)})`, isNull };
    case 'i8': {
      const { high, low } = source.wide(index);
      const read =
        type === 'timestamp' ? source.constant(numberOfWords, 'numberOf') : source.constant(intOfWords, 'intOf');
      return { value: `${read}(${high}, ${low})`, isNull };
    }
    case 'f':
      return {
        value: `${source.bind(`doubles${index}`, (batch) => (batch.column(index) as DoubleColumn).values)}[i]`,
        isNull,
      };
    case 'b':
      return {
        value: `(${source.bind(`flags${index}`, (batch) => (batch.column(index) as BooleanColumn).values)}[i] === 1)`,
        isNull,
      };
    case 'u': {
      const data = source.bind(`uuidBytes${index}`, (batch) => (batch.column(index) as UuidColumn).data);
      return once(source, `${source.constant(uuidText, 'uuidText')}(${data}, i * 16)`, isNull, name);
    }
    case 's':
      if (type !== 'bytes') return once(source, printText(source, index), isNull, name);
  }
  return once(source, source.call(source.environment.columnExpression(index)), isNull, name);
}

/** Reads that cost are made once, and only for a row that is not null. */
function once(source: KernelSource, read: string, isNull: string, name: string): Snippet {
  const value = source.fresh(name);
  const guarded = isNull === 'false' ? read : `${isNull} ? null : ${read}`;
  return { prelude: `const ${value} = ${guarded};\n`, value, isNull };
}

function printText(source: KernelSource, index: number): string {
  const data = source.bind(`data${index}`, (batch) => (batch.column(index) as BytesColumn).data);
  const offsets = source.bind(`offsets${index}`, (batch) => (batch.column(index) as BytesColumn).offsets);
  return `${source.constant(textOf, 'textOf')}(${data}, ${offsets}[i], ${offsets}[i + 1])`;
}

function textOf(data: Uint8Array, from: number, to: number): string {
  return decoder.decode(data.subarray(from, to));
}

/** A signed 64-bit integer of its words: high signed, low unsigned. */
function intOfWords(high: number, low: number): Int {
  const value = high * 4_294_967_296 + low;
  return Number.isSafeInteger(value) ? value : intOf((BigInt(high) << 32n) | BigInt(low));
}

function numberOfWords(high: number, low: number): number {
  return high * 4_294_967_296 + low;
}
