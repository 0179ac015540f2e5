/**
 * The order of rows: ORDER BY, then all fields, so that only identical rows are equal.
 *
 * Values that SQL calls equal but that print otherwise (1.0 and 1.00) are told apart by how they print:
 * what comes first never depends on the order in which rows came.
 */
import type { Decimal } from '../../sql/decimal.js';
import { compareOf } from '../../sql/functions/compare.js';
import type { SqlType } from '../../sql/plan.js';
import type { Field, OrderItem } from '../../sql/relation/relation.js';
import { compareText } from '../../sql/value.js';
import type { Interval, Value } from '../../sql/value.js';
import type { Row } from './operator.js';
import { RowSource } from './row-source.js';

/** Below 0 where `a` comes first. */
export type Compare<T> = (a: T, b: T) => number;

/** Types that `<` compares; the rest take a function. */
const NATIVE: ReadonlySet<string> = new Set([
  'boolean',
  'smallint',
  'integer',
  'bigint',
  'timestamptz',
  'timestamp',
  'date',
  'time',
]);

/** Documents are texts that an order of their own comes before. */
const TEXT_LAST: ReadonlySet<string> = new Set(['jsonb']);
const DOUBLES: ReadonlySet<string> = new Set(['real', 'double precision']);

/** Types whose values can be equal and print otherwise; arrays too. */
const INEXACT: ReadonlySet<string> = new Set(['numeric', 'interval', 'real', 'double precision', 'jsonb']);

function isInexact(type: SqlType): boolean {
  return INEXACT.has(type) || type.endsWith('[]');
}

/**
 * Compares by `order`, then by all fields: 0 for identical rows alone.
 * Throws SQL_RUNTIME where an expression does, so a row is tried before it is kept (`compileRow`).
 */
export function rowComparator(order: readonly OrderItem[], fields: readonly Field[]): Compare<Row> {
  const source = new RowSource();
  const items = order.map((item) => printItem(source, item));
  const seen = new Set(order.flatMap(({ expression }) => (expression.kind === 'column' ? [expression.index] : [])));
  // What no query sees tells rows apart that are the same in all else.
  const places = [...fields.keys()].toSorted(
    (a, b) => Number(fields[a]!.hidden === true) - Number(fields[b]!.hidden === true),
  );
  const rest = places.flatMap((index) => {
    const { type } = fields[index]!;
    return seen.has(index) && !isInexact(type) ? [] : [printExact(source, index, type)];
  });
  const reads = `${source.declarations('a')} ${source.declarations('b')}`;
  return source.build(['a', 'b'], `${reads}\nlet c;\n${items.join('')}${rest.join('')}return 0;`);
}

/** Compares by `order` alone: 0 for peers. */
export function orderComparator(order: readonly OrderItem[]): Compare<Row> {
  const source = new RowSource();
  const items = order.map((item) => printItem(source, item));
  const reads = `${source.declarations('a')} ${source.declarations('b')}`;
  return source.build(['a', 'b'], `${reads}\nlet c;\n${items.join('')}return 0;`);
}

function printItem(source: RowSource, { expression, descending, nullsFirst }: OrderItem): string {
  const a = source.print(expression, 'a');
  const b = source.print(expression, 'b');
  const x = source.fresh('x');
  const y = source.fresh('y');
  const first = nullsFirst ? -1 : 1;
  const compare = comparison(source, expression.type, descending ? [y, x] : [x, y]);
  return (
    `${a.prelude}${b.prelude}const ${x} = ${a.value}, ${y} = ${b.value};\n` +
    `if (${x} !== ${y}) { if (${x} === null) return ${first}; if (${y} === null) return ${-first}; ${compare} }\n`
  );
}

function printExact(source: RowSource, index: number, type: SqlType): string {
  const a = source.column(index, 'a');
  const b = source.column(index, 'b');
  const compare = NATIVE.has(type)
    ? comparison(source, type, [a, b])
    : `c = ${source.bind(exactCompare(type), 'exact')}(${a}, ${b}); if (c !== 0) return c;`;
  // A double's two zeros are `===`.
  const differ = DOUBLES.has(type) ? 'true' : `${a} !== ${b}`;
  return `if (${differ}) { if (${a} === null) { if (${b} !== null) return 1; } else if (${b} === null) return -1; else { ${compare} } }\n`;
}

function comparison(source: RowSource, type: SqlType, [a, b]: readonly [string, string]): string {
  if (NATIVE.has(type)) return `if (${a} < ${b}) return -1; if (${a} > ${b}) return 1;`;
  return `c = ${source.bind(equalCompare(type), 'compare')}(${a}, ${b}); if (c !== 0) return c;`;
}

/** SQL's order of two values; NULL is the largest and equals NULL. json goes by its text. */
export function compareValues(type: SqlType): Compare<Value> {
  const compare = equalCompare(type);
  return (a, b) => (a === null ? (b === null ? 0 : 1) : b === null ? -1 : compare(a, b));
}

/** As `compareValues`, but 0 for identical values alone. */
export function compareExactly(type: SqlType): Compare<Value> {
  const compare = exactCompare(type);
  return (a, b) => (a === null ? (b === null ? 0 : 1) : b === null ? -1 : compare(a, b));
}

function equalCompare(type: SqlType): Compare<Value> {
  if (type === 'json') return compareText as unknown as Compare<Value>;
  return compareOf(type);
}

function exactCompare(type: SqlType): Compare<Value> {
  const compare = equalCompare(type);
  if (TEXT_LAST.has(type)) return (a, b) => compare(a, b) || compareText(a as string, b as string);
  if (type === 'numeric') return (a, b) => compare(a, b) || (a as Decimal).scale - (b as Decimal).scale;
  if (type === 'interval')
    return (a, b) =>
      compare(a, b) ||
      (a as Interval).months - (b as Interval).months ||
      (a as Interval).days - (b as Interval).days ||
      (a as Interval).ms - (b as Interval).ms;
  if (DOUBLES.has(type)) return (a, b) => compare(a, b) || Number(Object.is(b, -0)) - Number(Object.is(a, -0));
  if (type.endsWith('[]')) {
    const item = compareExactly(type.slice(0, -2) as SqlType);
    return (a, b) => compare(a, b) || firstDifference(a as readonly Value[], b as readonly Value[], item);
  }
  return compare;
}

function firstDifference(a: readonly Value[], b: readonly Value[], compare: Compare<Value>): number {
  for (let i = 0; i < a.length; i++) {
    const c = compare(a[i]!, b[i]!);
    if (c !== 0) return c;
  }
  return 0;
}

/** Whether two rows of these types are identical: they print alike. */
export function identicalRows(types: readonly SqlType[]): (a: Row, b: Row) => boolean {
  const source = new RowSource();
  const tests = types.map((type, index) => {
    const a = source.column(index, 'a');
    const b = source.column(index, 'b');
    if (DOUBLES.has(type)) return `Object.is(${a}, ${b})`;
    if (!isInexact(type) && type !== 'bytea') return `${a} === ${b}`;
    return `(${a} === ${b} || ${source.bind(compareExactly(type), 'exact')}(${a}, ${b}) === 0)`;
  });
  return source.build(['a', 'b'], `${source.declarations()}\nreturn ${['true', ...tests].join(' && ')};`);
}
