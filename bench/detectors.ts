/** The ordered functions over the ad exchanges' series, as a query would call them. */
import { findOrdered } from '../src/sql/aggregates/index.js';
import type { SqlType } from '../src/sql/plan.js';
import type { Value } from '../src/sql/value.js';
import { type Series } from './ad-exchange.js';

/** Scores each row of a series by the rows before it. */
export interface Detector {
  readonly name: string;
  scores(series: Series): (number | null)[];
}

function ordered(call: string, name: string, types: readonly SqlType[], constants: readonly Value[]): Detector {
  return {
    name: call,
    scores: ({ values, timesMs }) => {
      const made = findOrdered(name, types)!.create(types, constants);
      const state = made.create();
      return values.map((value, row) => {
        const score = made.step(state, [value, ...constants], timesMs[row]!) as number | null;
        return score === null ? null : Math.abs(score);
      });
    },
  };
}

/** A random cut forest over points of `shingle` rows. */
export function forest(shingle: number, seed = 0): Detector {
  const options = `shingle ${shingle}${seed === 0 ? '' : `, seed ${seed}`}`;
  return ordered(`rcf_score(x, '${options}')`, 'rcf_score', ['double precision', 'text'], [options]);
}

/** What is compared: forests of several shingles, standard scores, and chance. */
export const DETECTORS: readonly Detector[] = [
  forest(1),
  forest(4),
  forest(12),
  forest(24),
  forest(48),
  ordered('abs(zscore(x))', 'zscore', ['double precision'], []),
  ordered('abs(zscore(x, 168))', 'zscore', ['double precision', 'integer'], [168]),
  ordered('abs(zscore(x, 0.02))', 'zscore', ['double precision', 'double precision'], [0.02]),
  { name: 'chance', scores: ({ values }) => values.map((_, row) => chance(row)) },
];

/** A number that looks random, the same each time. */
function chance(row: number): number {
  const mixed = Math.imul(row ^ (row >>> 3), 0x9e3779b1) >>> 0;
  return mixed / 2 ** 32;
}
