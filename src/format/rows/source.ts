/**
 * A batch's columns as generated functions read them: names for the arrays, and for each column an
 * expression that gives its value in row `row`, as `event/rows.ts` has it.
 *
 * Who reads rows and who compares objects with the rows that they were made from use the same
 * expressions over the same bound columns, so a value that was not touched is the same value.
 */
import type { Column, ColumnBatch, IntegerColumn, ListColumn, BytesListColumn } from '../../event/columns.js';
import { integerAt } from '../../event/integers.js';
import type { ColumnDefinition, ColumnType } from '../../event/schema.js';
import { safeNumberAt } from '../json/numbers.js';
import { nullsOf, type ColumnShape } from '../shapes.js';
import { Base64Texts, DecimalTexts, StringTexts, TEXT_EXPRESSION, textAt, UuidTexts, type Texts } from './texts.js';

/** A column by the names that expressions use. */
export interface SourceColumn {
  readonly column: Column;
  readonly nulls: Uint8Array;
  /** The text of a row, where values are texts. */
  readonly text?: (row: number) => string;
  readonly [name: string]: unknown;
}

const known = new WeakMap<ColumnBatch, SourceColumn[]>();

/** The bound columns of a batch, the same ones every time. */
export function sourceColumns(batch: ColumnBatch): readonly SourceColumn[] {
  let columns = known.get(batch);
  if (columns === undefined) {
    columns = batch.schema.columns.map(({ type }, index) => bind(batch.column(index), type, batch.rows));
    known.set(batch, columns);
  }
  return columns;
}

/** What of a bound column an expression uses, and the expression. Values that can change are made anew by each call. */
export interface ReadExpression {
  readonly names: readonly string[];
  readonly code: string;
  /** Whether the value is an object, which its reader may change in place. */
  readonly mutable: boolean;
}

/** True in row `row` of column `index` where it is null. */
export function nullTest(index: number): string {
  return `(nulls${index}[row >> 3] & (1 << (row & 7))) !== 0`;
}

/** The expression for column `index` that came in `shape`; null included. */
export function readExpression(column: ColumnDefinition, index: number, shape: ColumnShape): ReadExpression {
  const { names, code, mutable } = valueExpression(column.type, shape);
  const named = code.replaceAll(/\b\w+\b/g, (word) => (names.includes(word) ? `${word}${index}` : word));
  return { names: ['nulls', ...names], code: `(${nullTest(index)} ? null : ${named})`, mutable };
}

function valueExpression(type: ColumnType, shape: ColumnShape): ReadExpression {
  const texts = { names: ['texts', 'groups', 'load'], code: TEXT_EXPRESSION, mutable: false };
  if (shape === 'u' || type === 'decimal') return texts;
  switch (shape) {
    case 'i':
      return { names: ['base', 'deltas'], code: '(base + deltas[row])', mutable: false };
    case 'k':
      return { names: ['value'], code: 'value', mutable: false };
    case 'w':
      return { names: ['wide'], code: 'wide(row)', mutable: false };
    case 'f':
      return { names: ['values'], code: 'values[row]', mutable: false };
    case 'o':
      return { names: ['values'], code: '(values[row] === 1)', mutable: false };
    case 'd':
      return { names: ['dictionary', 'codes'], code: 'dictionary.stringOf(codes[row])', mutable: false };
    case 'l':
    case 'L':
      return { names: ['list'], code: 'list(row)', mutable: true };
    default:
      return type === 'json' ? { ...texts, code: `JSON.parse(${TEXT_EXPRESSION})`, mutable: true } : texts;
  }
}

function bind(column: Column, type: ColumnType, rows: number): SourceColumn {
  const bound = { column, nulls: nullsOf(column, rows) };
  switch (column.kind) {
    case 'uuid':
      return { ...bound, ...textsOf(new UuidTexts(column, rows)) };
    case 'integer':
      return type === 'decimal'
        ? { ...bound, ...textsOf(new DecimalTexts(column, rows)) }
        : { ...bound, ...integers(column) };
    case 'double':
    case 'boolean':
      return { ...bound, values: column.values };
    case 'bytes':
      return { ...bound, ...textsOf(type === 'bytes' ? new Base64Texts(column, rows) : new StringTexts(column, rows)) };
    case 'dictionary':
      return { ...bound, dictionary: column.dictionary, codes: column.codes };
    case 'list':
      return { ...bound, list: listReader(column) };
    case 'bytesList':
      return { ...bound, list: bytesListReader(column) };
  }
}

function textsOf(texts: Texts): Record<string, unknown> {
  return {
    texts: texts.texts,
    groups: texts.groups,
    load: (row: number) => texts.load(row),
    text: (row: number) => texts.at(row),
  };
}

function integers(column: IntegerColumn): Record<string, unknown> {
  const wide = (row: number): number | string => {
    const value = safeNumberAt(column, row);
    return Number.isNaN(value) ? String(integerAt(column, row)) : value;
  };
  return { base: Number(column.base), deltas: column.deltas, wide, value: column.width === 0 ? wide(0) : null };
}

function listReader({ offsets, codes, dictionary }: ListColumn): (row: number) => string[] {
  return (row) => {
    const items: string[] = [];
    for (let item = offsets[row]!; item < offsets[row + 1]!; item++) items.push(dictionary.stringOf(codes[item]!));
    return items;
  };
}

function bytesListReader({ offsets, items: column }: BytesListColumn): (row: number) => string[] {
  return (row) => {
    const items: string[] = [];
    for (let item = offsets[row]!; item < offsets[row + 1]!; item++) items.push(textAt(column, item));
    return items;
  };
}

/** Source that gives what expressions use of `columns[index]` its names. */
export function printNames(names: readonly string[], index: number): string {
  return `const { ${names.map((name) => `${name}: ${name}${index}`).join(', ')} } = columns[${index}];`;
}
