/**
 * Draws the ad exchanges' series with their scores: `node scripts/run.mjs scripts/anomaly-plots.ts` writes
 * `docs/images/rcf-*.svg`. Above the prices, below the score of `rcf_score(x)`; shaded are the windows that
 * people labelled, dots are scores above the threshold that `npm run bench rcf` prints.
 */
import { writeFileSync } from 'node:fs';
import { adExchangeSeries, type Series } from '../bench/ad-exchange.js';
import { forest } from '../bench/detectors.js';
import { nabScore } from '../bench/nab.js';

const WIDTH = 900;
const LEFT = 56;
const RIGHT = 12;
/** Top and height of the two panels. */
const PRICES = { top: 34, height: 130 };
const SCORES = { top: 184, height: 90 };
const HEIGHT = 304;
const WEEK_MS = 7 * 86_400_000;

const all = adExchangeSeries();
const scores = all.map((series) => forest(1).scores(series));
const { threshold } = nabScore(all, scores);

/** Place of a time on the page. */
function across({ timesMs }: Series): (timeMs: number) => number {
  const first = timesMs[0]!;
  const scale = (WIDTH - LEFT - RIGHT) / (timesMs.at(-1)! - first);
  return (timeMs) => LEFT + (timeMs - first) * scale;
}

function line(points: readonly (readonly [number, number])[], color: string): string {
  const path = points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(' ');
  return `<polyline points="${path}" fill="none" stroke="${color}" stroke-width="1"/>`;
}

function text(x: number, y: number, content: string, anchor = 'start', size = 11): string {
  return `<text x="${x.toFixed(1)}" y="${y}" font-size="${size}" text-anchor="${anchor}" fill="#444">${content}</text>`;
}

/** A panel's line and the numbers at its left; answers the place of a value as well. */
function panel(place: { top: number; height: number }, most: number): { y: (value: number) => number; axis: string } {
  const y = (value: number): number => place.top + place.height * (1 - value / most);
  const axis = [0, most]
    .map((value) => text(LEFT - 6, Math.round(y(value)) + 4, value === 0 ? '0' : value.toPrecision(3), 'end'))
    .join('\n');
  return { y, axis };
}

function weeks({ timesMs }: Series, x: (timeMs: number) => number): string {
  const first = Math.ceil(timesMs[0]! / WEEK_MS) * WEEK_MS;
  const count = Math.floor((timesMs.at(-1)! - first) / WEEK_MS) + 1;
  return Array.from({ length: count }, (_, i) => first + i * WEEK_MS)
    .map((time) => {
      const day = new Date(time).toISOString().slice(5, 10);
      const bottom = SCORES.top + SCORES.height;
      return `<line x1="${x(time).toFixed(1)}" x2="${x(time).toFixed(1)}" y1="${PRICES.top}" y2="${bottom}" stroke="#eee"/>\n${text(x(time), bottom + 16, day, 'middle')}`;
    })
    .join('\n');
}

function draw(series: Series, own: readonly (number | null)[]): string {
  const x = across(series);
  const { timesMs, values, windows, name } = series;
  const [, exchange, kind] = /^exchange-(\d)_(cp[cm])$/.exec(name)!;
  const unit = kind === 'cpc' ? 'cost per click' : 'cost per thousand impressions';
  const prices = panel(PRICES, Math.max(...values));
  const strengths = panel(SCORES, Math.max(...own.map((score) => score ?? 0), threshold));
  const shaded = windows.map(([from, to]) => {
    const left = x(timesMs[from]!);
    const width = x(timesMs[to]!) - left;
    return `<rect x="${left.toFixed(1)}" y="${PRICES.top}" width="${width.toFixed(1)}" height="${SCORES.top + SCORES.height - PRICES.top}" fill="#f5c26b" fill-opacity="0.4"/>`;
  });
  const dots = own.flatMap((score, row) =>
    score === null || score < threshold
      ? []
      : [`<circle cx="${x(timesMs[row]!).toFixed(1)}" cy="${strengths.y(score).toFixed(1)}" r="3" fill="#c0392b"/>`],
  );
  const level = strengths.y(threshold).toFixed(1);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    text(
      LEFT,
      20,
      `Exchange ${exchange}, ${unit}; below: rcf_score, alarms above ${threshold.toFixed(2)}`,
      'start',
      13,
    ),
    weeks(series, x),
    ...shaded,
    prices.axis,
    strengths.axis,
    line(
      values.map((value, row) => [x(timesMs[row]!), prices.y(value)] as const),
      '#2c5f8a',
    ),
    line(
      own.flatMap((score, row) => (score === null ? [] : [[x(timesMs[row]!), strengths.y(score)] as const])),
      '#555',
    ),
    `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${level}" y2="${level}" stroke="#c0392b" stroke-dasharray="4 4"/>`,
    ...dots,
    '</svg>\n',
  ].join('\n');
}

for (const [i, series] of all.entries()) {
  const path = `docs/images/rcf-${series.name.replace('_', '-')}.svg`;
  writeFileSync(path, draw(series, scores[i]!));
  console.log(path);
}
