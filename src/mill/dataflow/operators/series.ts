/** The values that `unnest` and `generate_series` give, as PostgreSQL's do (`generate_series_*` in its int.c, int8.c, numeric.c, timestamp.c). */
import { addToTimestamp } from '../../../sql/calendar.js';
import { addDecimal, compareDecimal, decimalOf, type Decimal } from '../../../sql/decimal.js';
import { setFunctions } from '../../../sql/functions/sets.js';
import type { SqlType } from '../../../sql/plan.js';
import { addWide, compareInterval, evaluationError } from '../../../sql/value.js';
import type { Int, Interval, Value } from '../../../sql/value.js';

/** Most values of one call: a row's data must not be able to fill the memory. */
export const SERIES_VALUES_MAX = 1_000_000;

/** Makes the values of one call. Throws SQL_RUNTIME. */
export type MakeValues = (args: readonly Value[]) => readonly Value[];

const NO_INTERVAL: Interval = { months: 0, days: 0, ms: 0 };

/** What makes the values of a call over arguments of these types. A NULL gives none, where the function does not say otherwise. */
export function valuesFunction(name: string, types: readonly SqlType[]): MakeValues {
  const found = setFunctions.find(
    (each) =>
      each.name === name && each.params.length === types.length && each.params.every((type, i) => type === types[i]),
  );
  if (found?.nulls === true) return (args) => found.values(...args);
  const values: MakeValues =
    found === undefined
      ? name === 'unnest'
        ? ([list]) => list as readonly Value[]
        : seriesFunction(types)
      : (args) => found.values(...args);
  return (args) => (args.includes(null) ? [] : values(args));
}

function seriesFunction(types: readonly SqlType[]): MakeValues {
  switch (types[0]) {
    case 'integer':
    case 'bigint':
      return ([start, stop, step = 1]) =>
        series(start as Int, stop as Int, addWide, (a, b) => (a < b ? -1 : a > b ? 1 : 0), step as Int, 0);
    case 'numeric':
      return ([start, stop, step = decimalOf(1)]) =>
        series(start as Decimal, stop as Decimal, addDecimal, compareDecimal, step as Decimal, decimalOf(0));
    case 'timestamptz':
    case 'timestamp':
      return ([start, stop, step]) => {
        const sign = compareInterval(step as Interval, NO_INTERVAL);
        const compare = (a: number, b: number): number => a - b;
        return walk(start as number, stop as number, sign, compare, (at) => addToTimestamp(at, step as Interval));
      };
    default:
      throw new Error(`generate_series takes no ${types[0] ?? 'nothing'}`);
  }
}

function series<T extends Value>(
  start: T,
  stop: T,
  add: (a: T, b: T) => T,
  compare: (a: T, b: T) => number,
  step: T,
  zero: T,
): readonly Value[] {
  return walk(start, stop, compare(step, zero), compare, (at) => add(at, step));
}

function walk<T extends Value>(
  start: T,
  stop: T,
  sign: number,
  compare: (a: T, b: T) => number,
  next: (at: T) => T,
): readonly Value[] {
  if (sign === 0) throw evaluationError('step size cannot equal zero');
  const values: Value[] = [];
  for (let at = start; compare(at, stop) * sign <= 0; at = next(at)) {
    if (values.length === SERIES_VALUES_MAX)
      throw evaluationError(`a series of more than ${SERIES_VALUES_MAX} values is not supported`);
    values.push(at);
  }
  return values;
}
