/** `=`, `<>`, `<`, `<=`, `>`, `>=` for every type that has an order. */
import { compareDecimal } from '../decimal.js';
import type { Decimal } from '../decimal.js';
import { compareJsonb } from '../json/document.js';
import type { ScalarType, SqlType } from '../plan.js';
import { isArray, isComparable, itemOf, SQL_TYPES } from '../types.js';
import { compareBytes, compareDouble, compareInterval, compareText } from '../value.js';
import type { Int, Interval, Item, Value } from '../value.js';
import { define } from './registry.js';
import type { FunctionDefinition } from './registry.js';

type Compare = (a: never, b: never) => number;

const compareInt = (a: Int, b: Int): number => (a < b ? -1 : a > b ? 1 : 0);
const compareBoolean = (a: boolean, b: boolean): number => Number(a) - Number(b);

const ORDER: Record<Exclude<ScalarType, 'json'>, Compare> = {
  boolean: compareBoolean,
  smallint: compareInt,
  integer: compareInt,
  bigint: compareInt,
  real: compareDouble,
  'double precision': compareDouble,
  numeric: compareDecimal as (a: Decimal, b: Decimal) => number,
  text: compareText,
  uuid: compareText,
  timestamptz: compareInt,
  timestamp: compareInt,
  date: compareInt,
  time: compareInt,
  interval: compareInterval as (a: Interval, b: Interval) => number,
  bytea: compareBytes,
  jsonb: compareJsonb,
};

/** Arrays: item by item, NULL items last, then the shorter one first. */
function compareArrays(order: (a: Value, b: Value) => number): (a: readonly Item[], b: readonly Item[]) => number {
  return (a, b) => {
    const length = Math.min(a.length, b.length);
    for (let i = 0; i < length; i++) {
      const x = a[i]!;
      const y = b[i]!;
      if (x === null && y === null) continue;
      if (x === null) return 1;
      if (y === null) return -1;
      const item = order(x, y);
      if (item !== 0) return item;
    }
    return a.length - b.length;
  };
}

/** The order of a type's non-null values. json has none. */
export function compareOf(type: SqlType): (a: Value, b: Value) => number {
  if (isArray(type)) return compareArrays(compareOf(itemOf(type))) as (a: Value, b: Value) => number;
  if (type === 'json') throw new Error('json has no order');
  return ORDER[type] as unknown as (a: Value, b: Value) => number;
}

/** Types whose values are equal exactly when JavaScript's `===` says so. */
export const IDENTICAL: ReadonlySet<SqlType> = new Set<SqlType>([
  'boolean',
  'smallint',
  'integer',
  'bigint',
  'text',
  'uuid',
  'timestamptz',
  'timestamp',
  'date',
  'time',
]);

/** Types whose order is JavaScript's `<`. */
const NATIVE: ReadonlySet<SqlType> = new Set([...IDENTICAL].filter((type) => type !== 'text' && type !== 'uuid'));

const OPERATORS: readonly { name: string; script: string; holds: (order: number) => boolean }[] = [
  { name: '=', script: '===', holds: (order) => order === 0 },
  { name: '<>', script: '!==', holds: (order) => order !== 0 },
  { name: '<', script: '<', holds: (order) => order < 0 },
  { name: '<=', script: '<=', holds: (order) => order <= 0 },
  { name: '>', script: '>', holds: (order) => order > 0 },
  { name: '>=', script: '>=', holds: (order) => order >= 0 },
];

/** Two types that compare with each other as they are: a real beside an integer is compared as a double. */
const MIXED: readonly (readonly [SqlType, SqlType])[] = [
  ['real', 'double precision'],
  ['double precision', 'real'],
];

/** The comparison operators. */
export const compareFunctions: readonly FunctionDefinition[] = [
  ...SQL_TYPES.filter(isComparable).map((type) => [type, type] as const),
  ...MIXED,
].flatMap(([left, right]) => {
  const order = compareOf(left);
  return OPERATORS.map(({ name, script, holds }) => {
    const native = script.endsWith('==') ? IDENTICAL.has(left) : NATIVE.has(left);
    return define(
      name,
      [left, right],
      'boolean',
      (a: Value, b: Value) => holds(order(a, b)),
      native ? { inline: ([a, b]) => `(${a} ${script} ${b})` } : {},
    );
  });
});
