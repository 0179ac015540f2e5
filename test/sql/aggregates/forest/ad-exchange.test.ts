/** Forests on the real series that `npm run bench rcf` scores, and the score itself. */
import { describe, expect, test } from 'vitest';
import { adExchangeSeries, type Series } from '../../../../bench/ad-exchange.js';
import { DETECTORS, forest } from '../../../../bench/detectors.js';
import { nabScore } from '../../../../bench/nab.js';

const series = adExchangeSeries();

test('the series are whole, and each labelled window lies in its series', () => {
  expect(series.map(({ name, values }) => `${name} ${values.length}`)).toEqual([
    'exchange-2_cpc 1624',
    'exchange-2_cpm 1624',
    'exchange-3_cpc 1538',
    'exchange-3_cpm 1538',
    'exchange-4_cpc 1643',
    'exchange-4_cpm 1643',
  ]);
  for (const { values, timesMs, windows } of series) {
    expect([...values, ...timesMs].every(Number.isFinite)).toBe(true);
    for (const [from, to] of windows) expect(from > 0 && to > from).toBe(true);
  }
  expect(series.flatMap(({ windows }) => windows)).toHaveLength(14);
});

test('a forest finds most labelled windows, and does better than chance and than standard scores', () => {
  const scoreOf = (name: string): number => {
    const detector = DETECTORS.find((each) => each.name === name)!;
    return nabScore(
      series,
      series.map((each) => detector.scores(each)),
    ).score;
  };
  const result = nabScore(
    series,
    series.map((each) => forest(1).scores(each)),
  );
  expect(result.windowsFound).toBeGreaterThanOrEqual(11);
  expect(result.falseAlarms).toBeLessThan(40);
  expect(result.score).toBeGreaterThan(65);
  expect(result.score).toBeGreaterThan(scoreOf('abs(zscore(x))'));
  expect(result.score).toBeGreaterThan(2 * scoreOf('chance'));
});

describe('the benchmark score', () => {
  const made: Series = {
    name: 'made',
    timesMs: Array.from({ length: 1000 }, (_, i) => i),
    values: Array.from({ length: 1000 }, () => 0),
    windows: [
      [300, 399],
      [700, 799],
    ],
  };
  const alarmsAt = (rows: readonly number[]): (number | null)[] =>
    made.values.map((_, row) => (rows.includes(row) ? 1 : null));
  const scoreAt = (...rows: number[]): number => nabScore([made], [alarmsAt(rows)]).score;

  test('is 100 for an alarm at the start of each window, 0 for none', () => {
    expect(scoreAt(300, 700)).toBeCloseTo(100, 9);
    expect(scoreAt()).toBe(0);
    expect(nabScore([made], [alarmsAt([300, 700])])).toMatchObject({ windowsFound: 2, windows: 2, falseAlarms: 0 });
  });

  test('falls with a late alarm; a second one in a window counts nothing', () => {
    expect(scoreAt(300, 750)).toBeLessThan(scoreAt(300, 720));
    expect(scoreAt(300, 310, 700)).toBe(scoreAt(300, 700));
    // Half way into a window: sigmoid(-0.51) / sigmoid(-1) of its point, and the point that silence loses.
    const half = (2 / (1 + Math.exp(-2.55)) - 1) / (2 / (1 + Math.exp(-5)) - 1);
    expect(scoreAt(300, 749)).toBeCloseTo((100 * (1 + half + 2)) / 4, 9);
  });

  test('loses 0.11 of two points for a false alarm, less right behind a window; none while it learns', () => {
    expect(scoreAt(200, 300, 700)).toBeCloseTo(100 - (100 * 0.11) / 4, 9);
    const behind = 100 - scoreAt(300, 405, 700);
    expect(behind).toBeGreaterThan(0);
    expect(behind).toBeLessThan((100 * 0.11) / 4 / 2);
    expect(scoreAt(10, 100, 149, 300, 700)).toBeCloseTo(100, 9);
  });

  test('takes the best threshold', () => {
    const scores = alarmsAt([300, 700]).map((alarm, row) => alarm ?? (row % 3 === 0 ? 0.5 : 0));
    expect(nabScore([made], [scores])).toMatchObject({ threshold: 1, falseAlarms: 0 });
  });
});
