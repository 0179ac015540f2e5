import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { IndexNames, periodOf } from '../../../src/deliver/sinks/opensearch/rotation.js';

const ms = (text: string): number => Date.parse(text);
const nameAt = (rotation: Parameters<typeof periodOf>[0], text: string): string =>
  new IndexNames('myindex', rotation).at(ms(text));

describe('names of indexes', () => {
  test("Firehose's own examples", () => {
    const at = '2016-02-25T13:00:00Z';
    expect(nameAt('NoRotation', at)).toBe('myindex');
    expect(nameAt('OneHour', at)).toBe('myindex-2016-02-25-13');
    expect(nameAt('OneDay', at)).toBe('myindex-2016-02-25');
    expect(nameAt('OneWeek', at)).toBe('myindex-2016-w08');
    expect(nameAt('OneMonth', at)).toBe('myindex-2016-02');
  });

  test.each([
    ['2026-12-31T23:59:59.999Z', '-2026-12-31-23', '-2026-12-31', '-2026-12'],
    ['2027-01-01T00:00:00.000Z', '-2027-01-01-00', '-2027-01-01', '-2027-01'],
    ['2024-02-29T23:59:59.999Z', '-2024-02-29-23', '-2024-02-29', '-2024-02'],
    ['1970-01-01T00:00:00.000Z', '-1970-01-01-00', '-1970-01-01', '-1970-01'],
    ['1969-12-31T23:59:59.999Z', '-1969-12-31-23', '-1969-12-31', '-1969-12'],
  ])('%s', (text, hour, day, month) => {
    expect(nameAt('OneHour', text)).toBe(`myindex${hour}`);
    expect(nameAt('OneDay', text)).toBe(`myindex${day}`);
    expect(nameAt('OneMonth', text)).toBe(`myindex${month}`);
  });

  // Years that begin on different days of the week, and years with 53 weeks of both kinds.
  test.each([
    ['2018-12-30T23:59:59.999Z', '2018-w52'],
    ['2018-12-31T00:00:00.000Z', '2019-w01'],
    ['2019-12-30T00:00:00.000Z', '2020-w01'],
    ['2020-12-31T12:00:00.000Z', '2020-w53'],
    ['2021-01-03T23:59:59.999Z', '2020-w53'],
    ['2021-01-04T00:00:00.000Z', '2021-w01'],
    ['2022-01-02T23:59:59.999Z', '2021-w52'],
    ['2023-01-01T00:00:00.000Z', '2022-w52'],
    ['2023-01-02T00:00:00.000Z', '2023-w01'],
    ['2024-12-30T00:00:00.000Z', '2025-w01'],
    ['2026-01-01T00:00:00.000Z', '2026-w01'],
    ['2026-12-31T00:00:00.000Z', '2026-w53'],
    ['2027-01-03T00:00:00.000Z', '2026-w53'],
    ['2015-12-31T00:00:00.000Z', '2015-w53'],
    ['1970-01-01T00:00:00.000Z', '1970-w01'],
    ['1969-12-28T00:00:00.000Z', '1969-w52'],
  ])('the week of %s is %s', (text, week) => {
    expect(nameAt('OneWeek', text)).toBe(`myindex-${week}`);
  });

  test('weeks agree with the definition, counted day by day from 1960 to 2060', () => {
    // ISO 8601: week 1 is the one that has January 4; on every Monday the next one begins.
    const first = ms('1960-01-04T00:00:00Z');
    let year = 1960;
    let week = 1;
    const wrong: string[] = [];
    for (let day = first; day < ms('2060-01-01T00:00:00Z'); day += 86_400_000) {
      if (new Date(day).getUTCDay() === 1 && day > first) {
        week += 1;
        const days = Array.from({ length: 7 }, (_, i) => new Date(day + i * 86_400_000));
        if (days.some((one) => one.getUTCMonth() === 0 && one.getUTCDate() === 4)) {
          year += 1;
          week = 1;
        }
      }
      const name = `-${year}-w${String(week).padStart(2, '0')}`;
      if (periodOf('OneWeek', day).suffix !== name) wrong.push(`${new Date(day).toISOString()} is ${name}`);
    }
    expect(wrong).toEqual([]);
  });

  test('a name holds for all of its period and for nothing else, in any order of asking', () => {
    const rotations = ['OneHour', 'OneDay', 'OneWeek', 'OneMonth'] as const;
    const time = fc.integer({ min: ms('1965-01-01T00:00:00Z'), max: ms('2120-01-01T00:00:00Z') });
    fc.assert(
      fc.property(fc.constantFrom(...rotations), fc.array(time, { minLength: 1, maxLength: 20 }), (rotation, times) => {
        const names = new IndexNames('i', rotation);
        for (const one of times) {
          const { from, to, suffix } = periodOf(rotation, one);
          expect(from <= one && one < to).toBe(true);
          expect(names.at(one)).toBe(`i${suffix}`);
          expect([periodOf(rotation, from).suffix, periodOf(rotation, to - 1).suffix]).toEqual([suffix, suffix]);
          expect(periodOf(rotation, from - 1).suffix).not.toBe(suffix);
          expect(periodOf(rotation, to).suffix).not.toBe(suffix);
        }
      }),
    );
  });
});
