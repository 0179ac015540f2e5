import { describe, expect, test } from 'vitest';
import { findOrdered, isOrderedName, orderedTable } from '../../../../src/sql/aggregates/index.js';
import type { SqlType } from '../../../../src/sql/plan.js';
import type { BindingType } from '../../../../src/sql/types.js';
import type { Value } from '../../../../src/sql/value.js';
import { randomOf } from '../../oracle-rows.js';

const ms = (length: number): Value => ({ months: 0, days: 0, ms: length });

/** Runs a function over rows; each is its arguments before the constants, and its time. */
function over(
  name: string,
  types: readonly SqlType[],
  constants: readonly Value[],
  rows: readonly { readonly args: readonly Value[]; readonly at?: number }[],
): Value[] {
  const made = findOrdered(name, types)!.create(types, constants);
  const state = made.create();
  return rows.map(({ args, at }) => made.step(state, [...args, ...constants], at ?? NaN));
}

const numbers = (values: readonly (number | null)[]): { args: Value[] }[] => values.map((value) => ({ args: [value] }));

describe('ewma', () => {
  test('by rows', () => {
    const values = over('ewma', ['double precision', 'double precision'], [0.5], numbers([null, 4, 8, null, NaN, 0]));
    expect(values).toEqual([null, 4, 6, 6, 6, 3]);
  });

  test('by time: a number weighs half after a half-life; equal times count alike', () => {
    const types: SqlType[] = ['double precision', 'interval'];
    const at = (time: number, value: number | null): { args: Value[]; at: number } => ({ args: [value], at: time });
    const values = over('ewma', types, [ms(1000)], [at(0, 1), at(0, 3), at(1000, 5), at(1000, null), at(3000, 1)]);
    // Weights at 1000: 1/2, 1/2, 1; at 3000: 1/8, 1/8, 1/4, 1.
    expect(values).toEqual([1, 2, 3.5, 3.5, (0.5 + 1.25 + 1) / 1.5]);
    expect(() => over('ewma', types, [ms(1000)], numbers([1]))).toThrow('ORDER BY a time');
    expect(() => over('ewma', types, [ms(0)], [])).toThrow('longer than zero');
    expect(() => over('ewma', types, [{ months: 1, days: 0, ms: 0 }], [])).toThrow('without months');
  });

  test('refuses an alpha that is none', () => {
    for (const alpha of [0, 1.1, NaN])
      expect(() => over('ewma', ['double precision', 'double precision'], [alpha], [])).toThrow('alpha is above 0');
  });
});

/** Sample standard score of x against rows. */
function naive(x: number, rows: readonly number[]): number | null {
  if (rows.length < 2) return null;
  const mean = rows.reduce((sum, row) => sum + row, 0) / rows.length;
  const variance = rows.reduce((sum, row) => sum + (row - mean) ** 2, 0) / (rows.length - 1);
  return variance === 0 ? null : (x - mean) / Math.sqrt(variance);
}

describe('zscore', () => {
  const random = randomOf(2);
  const values = Array.from({ length: 500 }, () => 1e6 + random() * 10);

  const expectNear = (found: readonly Value[], wanted: readonly (number | null)[]): void =>
    found.forEach((value, i) => {
      if (wanted[i] === null) expect(value).toBeNull();
      else expect(value).toBeCloseTo(wanted[i]!, 5);
    });

  test('against all rows before', () => {
    const found = over('zscore', ['double precision'], [], numbers(values));
    expectNear(
      found,
      values.map((x, i) => naive(x, values.slice(0, i))),
    );
  });

  test('against the last rows', () => {
    const found = over('zscore', ['double precision', 'integer'], [7], numbers(values));
    expectNear(
      found,
      values.map((x, i) => naive(x, values.slice(Math.max(0, i - 7), i))),
    );
    expect(() => over('zscore', ['double precision', 'integer'], [1], [])).toThrow('2 to 100000 rows');
  });

  test('rounding of large numbers does not stay', () => {
    const mixed = [...Array.from({ length: 20 }, (_, i) => 1e13 + i * 1e11), ...values];
    const found = over('zscore', ['double precision', 'integer'], [5], numbers(mixed));
    const wanted = mixed.map((x, i) => naive(x, mixed.slice(Math.max(0, i - 5), i)));
    expectNear(found.slice(40), wanted.slice(40));
  });

  test('against weighted rows: alpha 0.5 of 0, 2, 2 has mean 1.5 and variance 0.75', () => {
    const found = over('zscore', ['double precision', 'double precision'], [0.5], numbers([0, 2, 2, 3]));
    expect(found.slice(0, 2)).toEqual([null, null]);
    expect(found[2]).toBeCloseTo(1, 12);
    expect(found[3]).toBeCloseTo(1.5 / Math.sqrt(0.75), 12);
  });

  test('is NULL without a spread, and NULLs are no rows', () => {
    expect(over('zscore', ['double precision'], [], numbers([5, 5, null, 9, Infinity]))).toEqual([
      null,
      null,
      null,
      null,
      null,
    ]);
  });
});

describe('rate_limit', () => {
  const types: SqlType[] = ['bigint', 'interval'];
  const times = (all: readonly number[]): { args: Value[]; at: number }[] => all.map((at) => ({ args: [], at }));

  test('lets n through at once, then one each interval / n; what it stops uses nothing up', () => {
    const found = over(
      'rate_limit',
      types,
      [3, ms(3000)],
      times([0, 0, 0, 0, 500, 1000, 1000, 2000, 9000, 9000, 9000, 9000]),
    );
    expect(found).toEqual([true, true, true, false, false, true, false, true, true, true, true, false]);
  });

  test('lets exactly the sustained rate through, without drift', () => {
    const every = Array.from({ length: 100_000 }, (_, i) => 1.76e12 + i * 7);
    const passed = over('rate_limit', types, [10, ms(1000)], times(every)).filter((each) => each === true).length;
    // 700 s at 10 a second, and 10 at once at the start.
    expect(passed).toBe(7009);
  });

  test('many small drains are as good as one', () => {
    const found = over('rate_limit', types, [1, ms(1000)], times(Array.from({ length: 11 }, (_, i) => i * 100)));
    expect(found).toEqual([true, ...Array.from({ length: 9 }, () => false), true]);
  });

  test('needs a time and a limit', () => {
    expect(() => over('rate_limit', types, [1, ms(1)], numbers([1]))).toThrow('ORDER BY a time');
    expect(() => over('rate_limit', types, [0, ms(1)], [])).toThrow('at least 1 row');
  });
});

describe('rcf', () => {
  const random = randomOf(4);
  const waves = Array.from({ length: 1200 }, (_, i) => Math.sin(i / 8) * 5 + random());
  const x: SqlType = 'double precision';

  test('finds a spike, and with a shingle a wave that stands still', () => {
    const spiked = waves.with(900, 30);
    const scores = over('rcf_score', [x], [], numbers(spiked)) as (number | null)[];
    expect(scores.slice(0, 64).every((score) => score === null)).toBe(true);
    expect(scores[64]).not.toBeNull();
    expect(scores.indexOf(Math.max(...scores.map((score) => score ?? 0)))).toBe(900);
    const still = waves.map((value, i) => (i > 900 && i < 960 ? waves[900]! : value));
    const shingled = over('rcf_score', [x, 'text'], ['shingle 50'], numbers(still)) as (number | null)[];
    const highest = (from: number, to: number): number =>
      Math.max(...shingled.slice(from, to).map((score) => score ?? 0));
    // One number alone stays in its range: only the run of them is strange.
    expect(highest(900, 980)).toBeGreaterThan(1.25 * highest(0, 900));
    expect(shingled.findIndex((score) => score !== null)).toBe(64 + 49);
  });

  test('says which number is strange, and how', () => {
    const rows = waves.map((value, i) => ({ args: [value, i === 1100 ? -9 : random()] as Value[] }));
    const scores = over('rcf_score', [x, x], [], rows) as number[];
    const shares = JSON.parse(over('rcf_attribution', [x, x], [], rows)[1100] as string) as {
      low: number;
      high: number;
    }[];
    expect(shares).toHaveLength(2);
    expect(shares[1]!.low).toBeGreaterThan(0.8 * scores[1100]!);
    const sum = shares.reduce((total, { low, high }) => total + low + high, 0);
    expect(sum).toBeCloseTo(scores[1100]!, 4);
  });

  test('leaves out rows that are not numbers', () => {
    const rows = [...numbers(waves.slice(0, 100)), ...numbers([null, NaN, Infinity, 1e301, 0])];
    expect(
      over('rcf_score', [x], [], rows)
        .slice(100)
        .map((score) => score === null),
    ).toEqual([true, true, true, true, false]);
  });

  test.each([
    ['shingle 200', 'shingle is a whole number of 1 to 128, not 200'],
    ['trees 1.5', 'trees is a whole number'],
    ['leaves 3', "'leaves 3' is no option"],
    ['shingle', "'shingle' is no option"],
    ['shingle 100', '2 features of 100 rows make 200 numbers; at most 128'],
  ])('refuses %s', (options, message) => {
    expect(() => findOrdered('rcf_score', [x, x, 'text'])!.create([x, x, 'text'], [options])).toThrow(message);
  });
});

const CALLS: readonly (readonly [string, readonly BindingType[], string | null])[] = [
  ['ewma', ['integer', 'numeric'], '(double precision, double precision)'],
  ['ewma', ['bigint', 'interval'], '(double precision, interval)'],
  ['zscore', ['numeric', 'integer'], '(double precision, integer)'],
  ['zscore', ['numeric', 'numeric'], '(double precision, double precision)'],
  ['rate_limit', ['integer', 'interval'], '(bigint, interval)'],
  ['rcf_score', ['bigint', 'numeric', 'text'], '(double precision, double precision, text)'],
  ['rcf_score', ['bigint', 'unknown'], '(double precision, text)'],
  ['rcf_score', [], null],
];

test.each(CALLS)('%s(%j) means %s', (name, args, expected) => {
  const found = orderedTable.resolve(name, args);
  expect('overload' in found ? `(${found.overload.params.join(', ')})` : null).toBe(expected);
  expect(isOrderedName(name)).toBe(true);
});
