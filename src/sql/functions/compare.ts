/** `=`, `<>`, `<`, `<=`, `>`, `>=` for every type that has an order. */
import { compareDecimal } from '../decimal.js';
import type { Decimal } from '../decimal.js';
import type { SqlType } from '../plan.js';
import { compareBytes, compareDouble, compareInterval, compareText } from '../value.js';
import type { Int, Interval, Value } from '../value.js';
import { define } from './registry.js';
import type { FunctionDefinition } from './registry.js';

type Compare = (a: never, b: never) => number;

const compareInt = (a: Int, b: Int): number => (a < b ? -1 : a > b ? 1 : 0);
const compareBoolean = (a: boolean, b: boolean): number => Number(a) - Number(b);

/** Text lists: item by item, NULL items last. */
function compareList(a: readonly (string | null)[], b: readonly (string | null)[]): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a[i] ?? null;
    const y = b[i] ?? null;
    if (x === y) continue;
    if (x === null) return 1;
    if (y === null) return -1;
    return compareText(x, y);
  }
  return a.length - b.length;
}

const ORDER: Record<Exclude<SqlType, 'json'>, Compare> = {
  boolean: compareBoolean,
  integer: compareInt,
  bigint: compareInt,
  'double precision': compareDouble,
  numeric: compareDecimal as (a: Decimal, b: Decimal) => number,
  text: compareText,
  uuid: compareText,
  timestamptz: compareInt,
  timestamp: compareInt,
  date: compareInt,
  interval: compareInterval as (a: Interval, b: Interval) => number,
  bytea: compareBytes,
  'text[]': compareList,
};

/** The order of a type's non-null values. json has none. */
export function compareOf(type: SqlType): (a: Value, b: Value) => number {
  if (type === 'json') throw new Error('json has no order');
  return ORDER[type] as unknown as (a: Value, b: Value) => number;
}

/** Types whose values are equal exactly when JavaScript's `===` says so. */
export const IDENTICAL: ReadonlySet<SqlType> = new Set<SqlType>([
  'boolean',
  'integer',
  'bigint',
  'text',
  'uuid',
  'timestamptz',
  'timestamp',
  'date',
]);

/** Types whose order is JavaScript's `<`. */
const NATIVE: ReadonlySet<SqlType> = new Set<SqlType>([
  'boolean',
  'integer',
  'bigint',
  'timestamptz',
  'timestamp',
  'date',
]);

const OPERATORS: readonly { name: string; script: string; holds: (order: number) => boolean }[] = [
  { name: '=', script: '===', holds: (order) => order === 0 },
  { name: '<>', script: '!==', holds: (order) => order !== 0 },
  { name: '<', script: '<', holds: (order) => order < 0 },
  { name: '<=', script: '<=', holds: (order) => order <= 0 },
  { name: '>', script: '>', holds: (order) => order > 0 },
  { name: '>=', script: '>=', holds: (order) => order >= 0 },
];

/** The comparison operators. */
export const compareFunctions: readonly FunctionDefinition[] = (
  Object.keys(ORDER) as Exclude<SqlType, 'json'>[]
).flatMap((type) => {
  const order = compareOf(type);
  return OPERATORS.map(({ name, script, holds }) => {
    const native = script.endsWith('==') ? IDENTICAL.has(type) : NATIVE.has(type);
    return define(
      name,
      [type, type],
      'boolean',
      (a: Value, b: Value) => holds(order(a, b)),
      native ? { inline: ([a, b]) => `(${a} ${script} ${b})` } : {},
    );
  });
});
