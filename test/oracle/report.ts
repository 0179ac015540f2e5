/** What a run says at its end. */
import type { Report } from './run.js';

/** Least share of cases whose result has rows. */
const NON_EMPTY_MIN = 0.9;
/** Largest shares of cases that are refused, or whose rows are errors. */
const REFUSED_MAX = 0.05;
const ERRORS_MAX = 0.05;
/** Least share of cases that run on disk too. */
const DISK_MIN = 0.1;
/** Least share of cases that DuckDB runs too. */
const DUCK_MIN = 0.3;

function share(of: number, all: number): string {
  return `${of} (${((100 * of) / Math.max(1, all)).toFixed(1)} %)`;
}

function listed(map: ReadonlyMap<string, number>): string[] {
  return [...map].sort(([, a], [, b]) => b - a).map(([reason, count]) => `  ${count} ${reason}`);
}

function sum(map: ReadonlyMap<string, number>): number {
  return [...map.values()].reduce((total, each) => total + each, 0);
}

/** Counts, and the table of hits. */
export function reportLines(report: Report, seed: number): string[] {
  const { cases, equal, errors, failed, hits, inDuck, kills, nonEmpty, onDisk, refused, withLate } = report;
  return [
    `seed ${seed}: ${cases} cases, ${equal} equal, ${failed.length} failed`,
    `also in DuckDB: ${share(inDuck, equal)}; not empty: ${share(nonEmpty, equal)}; with late rows: ${share(withLate, equal)}`,
    `also on disk: ${share(onDisk, equal)}, killed and resumed ${kills} times`,
    `refused: ${share(sum(refused), cases)}`,
    ...listed(refused),
    `errors in rows: ${share(sum(errors), cases)}`,
    ...listed(errors),
    'hits:',
    ...hits.lines().map((line) => `  ${line}`),
  ];
}

/** What is wrong with a run; nothing: it passed. */
export function verdict({
  cases,
  equal,
  errors,
  failed,
  hits,
  inDuck,
  kills,
  nonEmpty,
  onDisk,
  refused,
}: Report): string[] {
  const wrong = failed.map(({ failure, seed }) => `seed ${seed}: ${failure.at}: ${failure.what}`);
  if (nonEmpty < NON_EMPTY_MIN * equal) wrong.push(`only ${share(nonEmpty, equal)} results have rows`);
  if (inDuck < DUCK_MIN * equal) wrong.push(`only ${share(inDuck, equal)} cases ran in DuckDB`);
  if (onDisk < DISK_MIN * equal) wrong.push(`only ${share(onDisk, equal)} cases ran on disk`);
  if (kills < onDisk) wrong.push(`only ${kills} kills of ${onDisk} cases on disk`);
  if (sum(refused) > REFUSED_MAX * cases) wrong.push(`${share(sum(refused), cases)} cases were refused`);
  if (sum(errors) > ERRORS_MAX * cases) wrong.push(`${share(sum(errors), cases)} cases had errors in rows`);
  const missed = hits.missed();
  if (missed.length > 0) wrong.push(`rules without a hit: ${missed.join(', ')}`);
  return wrong;
}
