/**
 * Random cut forests over the real series of ad exchanges: scores a core and second with 50 trees of 256
 * points, and what is found of the labelled anomalies (`nab.ts`; the figure is of these six series, not of the
 * whole benchmark).
 */
import { findOrdered } from '../src/sql/aggregates/index.js';
import type { SqlType } from '../src/sql/plan.js';
import type { Value } from '../src/sql/value.js';
import { adExchangeSeries } from './ad-exchange.js';
import { DETECTORS, forest } from './detectors.js';
import { measure, type BenchRow, type Measured } from './harness.js';
import { nabScore } from './nab.js';

/** How often the six series are put one behind the other: about 29,000 rows. */
const REPEATS = 3;
const SEEDS = [0, 1, 2, 3, 4];
const TARGET = '50,000/s';
const DOUBLE: SqlType = 'double precision';

const series = adExchangeSeries();
const values = Array.from({ length: REPEATS }, () => series.flatMap((each) => each.values)).flat();

/** Runs a function over all values; `features` of them in a row are one row's arguments. */
function overAll(name: string, types: readonly SqlType[], constants: readonly Value[], features: number) {
  const made = findOrdered(name, types)!.create(types, constants);
  let bytes = 0;
  const work = (): number => {
    const state = made.create();
    let rows = 0;
    for (let at = 0; at + features <= values.length; at++, rows++)
      made.step(state, [...values.slice(at, at + features), ...constants], NaN);
    bytes = made.bytes(state);
    return rows;
  };
  return { work, bytes: () => bytes };
}

/** A row without a baseline: there is no plain way to the same scores. */
function alone(name: string, measured: Measured, rest: Pick<BenchRow, 'target' | 'extra'> = {}): BenchRow {
  return { name, ...measured, baselineName: '', baselineRecords: NaN, baselineCpuSeconds: NaN, ratio: NaN, ...rest };
}

/** Kernels are compiled over several runs of a fraction of a second. */
const WARM_SECONDS = 3;

async function speeds(): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const features of [1, 4, 8]) {
    const types = Array.from({ length: features }, () => DOUBLE);
    const { work, bytes } = overAll('rcf_score', types, [], features);
    const measured = await measure(work, { warmSeconds: WARM_SECONDS, times: 5 });
    const extra = { 'KB of state': bytes() / 1024 };
    const target = features === 1 ? { target: TARGET } : {};
    rows.push(alone(`rcf_score, numbers a row: ${features}`, measured, { ...target, extra }));
  }
  const { work } = overAll('rcf_attribution', [DOUBLE], [], 1);
  rows.push(alone('rcf_attribution, numbers a row: 1', await measure(work, { warmSeconds: WARM_SECONDS, times: 5 })));
  rows.push(
    alone('zscore', await measure(overAll('zscore', [DOUBLE], [], 1).work, { warmSeconds: WARM_SECONDS, times: 5 })),
  );
  return rows;
}

/** What each detector finds, with its best threshold. */
function printFound(): void {
  console.log('\nlabelled windows of the six series (score: 100 is perfect, 0 is silence)');
  for (const detector of DETECTORS) {
    const result = nabScore(
      series,
      series.map((each) => detector.scores(each)),
    );
    console.log(
      `  ${detector.name.padEnd(30)} score ${result.score.toFixed(1).padStart(5)}, ${result.windowsFound} of ${result.windows} windows, ${result.falseAlarms} false alarms above ${result.threshold.toFixed(2)}`,
    );
  }
  const scores = SEEDS.map((seed) => {
    const detector = forest(1, seed);
    return nabScore(
      series,
      series.map((each) => detector.scores(each)),
    ).score;
  });
  console.log(`  rcf_score(x) with ${SEEDS.length} seeds: ${scores.map((score) => score.toFixed(1)).join(', ')}`);
}

/** The highest scores of each series, at least a day apart. */
function printHighest(): void {
  const detector = forest(1);
  console.log('\nhighest scores of rcf_score(x), a day apart (*: in a labelled window)');
  for (const each of series) {
    const scores = detector.scores(each);
    const order = scores.map((score, at) => ({ score: score ?? 0, at })).sort((a, b) => b.score - a.score);
    const picked: number[] = [];
    for (const { at } of order) {
      if (picked.length === 4) break;
      if (picked.every((other) => Math.abs(each.timesMs[other]! - each.timesMs[at]!) > 86_400_000)) picked.push(at);
    }
    const texts = picked.map((at) => {
      const isLabelled = each.windows.some(([from, to]) => at >= from && at <= to);
      return `${new Date(each.timesMs[at]!).toISOString().slice(0, 13)}h ${scores[at]!.toFixed(2)}${isLabelled ? '*' : ''}`;
    });
    console.log(`  ${each.name}: ${texts.join(', ')}`);
  }
}

/** Speeds as rows; what is found is printed. */
export async function run(): Promise<readonly BenchRow[]> {
  const rows = await speeds();
  printFound();
  printHighest();
  return rows;
}
