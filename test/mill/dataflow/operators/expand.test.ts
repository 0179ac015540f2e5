import { expect, test } from 'vitest';
import { expandOperator } from '../../../../src/mill/dataflow/operators/expand.js';
import { SERIES_VALUES_MAX } from '../../../../src/mill/dataflow/operators/series.js';
import type { Row } from '../../../../src/mill/dataflow/operator.js';
import { parseDecimal } from '../../../../src/sql/decimal.js';
import type { SqlType } from '../../../../src/sql/plan.js';
import type { Value } from '../../../../src/sql/value.js';
import { column, Driver, field, scan } from './support.js';

function driverOf(name: 'unnest' | 'generate_series', types: readonly SqlType[], result: SqlType) {
  const fields = types.map((type, i) => field(`f${i}`, type));
  const all = [...fields, field('value', result)];
  const args = fields.map((_, i) => column(fields, i));
  return new Driver(
    (scope) =>
      expandOperator(
        {
          kind: 'expand',
          fields: all,
          input: scan(fields, true),
          calls: [{ name, args }],
          ordinality: false,
          outer: false,
        },
        scope,
      ).operator,
    all.map((f) => f.type),
  );
}

function values(name: 'unnest' | 'generate_series', types: readonly SqlType[], row: Row): Value[] {
  const driver = driverOf(name, types, name === 'unnest' ? 'text' : types[0]!);
  driver.operator.take(0, { rows: [row], weights: null, stamps: 5 });
  expect(driver.rows().every((made) => made.stamp === 5)).toBe(true);
  return driver.rows().map((made) => made.row.at(-1)!);
}

const day = 86_400_000;
const numeric = (text: string) => parseDecimal(text)!;

test('unnest gives each item, NULLs included, and nothing of NULL', () => {
  expect(values('unnest', ['text[]'], [['x', null, 'y']])).toEqual(['x', null, 'y']);
  expect(values('unnest', ['text[]'], [[]])).toEqual([]);
  expect(values('unnest', ['text[]'], [null])).toEqual([]);
});

test('series of integers run both ways, and end at the largest', () => {
  expect(values('generate_series', ['integer', 'integer'], [2, 5])).toEqual([2, 3, 4, 5]);
  expect(values('generate_series', ['integer', 'integer'], [5, 2])).toEqual([]);
  expect(values('generate_series', ['integer', 'integer', 'integer'], [5, 1, -2])).toEqual([5, 3, 1]);
  const max = 2n ** 63n - 1n;
  expect(values('generate_series', ['bigint', 'bigint'], [max - 1n, max])).toEqual([max - 1n, max]);
  expect(values('generate_series', ['integer', 'integer'], [1, null])).toEqual([]);
});

test('series of numerics keep the larger scale', () => {
  const series = values(
    'generate_series',
    ['numeric', 'numeric', 'numeric'],
    [numeric('1'), numeric('2'), numeric('0.5')],
  );
  expect(series.map(String)).toEqual(['1', '1.5', '2.0']);
  expect(values('generate_series', ['numeric', 'numeric'], [numeric('1.5'), numeric('3')]).map(String)).toEqual([
    '1.5',
    '2.5',
  ]);
});

test('series of times step by intervals, months by the calendar', () => {
  const month = { months: 1, days: 0, ms: 0 };
  const series = values('generate_series', ['timestamptz', 'timestamptz', 'interval'], [30 * day, 90 * day, month]);
  // 31 January, 28 February, 28 March: each from the one before.
  expect(series).toEqual([30 * day, 58 * day, 86 * day]);
  const back = { months: 0, days: -1, ms: 0 };
  expect(values('generate_series', ['timestamp', 'timestamp', 'interval'], [day, 0, back])).toEqual([day, 0]);
});

test('a step of zero and a series without end fail their row alone, and once', () => {
  const driver = driverOf('generate_series', ['integer', 'integer', 'integer'], 'integer');
  const bad: Row = [1, 2, 0];
  const endless: Row = [1, SERIES_VALUES_MAX + 1, 1];
  driver.operator.take(0, { rows: [bad, endless, [1, 1, 1]], weights: null, stamps: 0 });
  driver.operator.take(0, { rows: [bad, [1, 1, 1]], weights: [-1, -1], stamps: 0 });
  expect(driver.rows()).toEqual([]);
  expect(driver.late.map(({ reason }) => reason)).toEqual([
    'error: step size cannot equal zero',
    'error: a series of more than 1000000 values is not supported',
  ]);
});
