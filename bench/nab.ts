/**
 * The score of the Numenta Anomaly Benchmark (A. Lavin, S. Ahmad, "Evaluating real-time anomaly detection
 * algorithms", ICMLA 2015, section 2), standard profile: 100 finds each labelled window at its first row with
 * no false alarm, 0 is silence.
 *
 * A window counts once, by its first alarm: 1 at its start, falling along a sigmoid to 0 at its end; -1 without
 * one. An alarm outside costs up to 0.11, less right behind a window. The first 15 % of a series are for
 * learning. One threshold serves all series: the best for the detector, as the benchmark has it.
 */
import type { Series } from './ad-exchange.js';

const FALSE_ALARM = 0.11;
const PROBATION = 0.15;
const PROBATION_ROWS_MAX = 750;
/** Window lengths behind a window from which on an alarm costs in full. */
const FAR = 3;

/** What a detector reaches. */
export interface NabResult {
  readonly score: number;
  readonly threshold: number;
  readonly windowsFound: number;
  readonly windows: number;
  readonly falseAlarms: number;
}

/** What an alarm at a row is worth, and in which window it is (-1: none). */
interface Alarm {
  readonly strength: number;
  readonly window: string | null;
  readonly worth: number;
}

const sigmoid = (position: number): number => 2 / (1 + Math.exp(5 * position)) - 1;

/** Every row behind the probation as if it were an alarm. */
function alarmsOf({ name, windows, values }: Series, scores: readonly (number | null)[]): Alarm[] {
  const first = Math.floor(Math.min(PROBATION * values.length, PROBATION_ROWS_MAX));
  const alarms: Alarm[] = [];
  for (let row = first; row < values.length; row++) {
    const inside = windows.find(([from, to]) => row >= from && row <= to);
    const strength = scores[row] ?? -Infinity;
    if (inside !== undefined) {
      const width = inside[1] - inside[0] + 1;
      const worth = sigmoid(-(inside[1] - row + 1) / width) / sigmoid(-1);
      alarms.push({ strength, window: `${name} ${inside[0]}`, worth });
    } else {
      const before = windows.findLast(([, to]) => to < row);
      const past = before === undefined ? FAR : (row - before[1]) / (before[1] - before[0]);
      alarms.push({ strength, window: null, worth: FALSE_ALARM * (past >= FAR ? -1 : sigmoid(past)) });
    }
  }
  return alarms;
}

/** The best score over all thresholds. `scores`: one a row of each series, null where there is none. */
export function nabScore(all: readonly Series[], scores: readonly (readonly (number | null)[])[]): NabResult {
  const alarms = all.flatMap((series, i) => alarmsOf(series, scores[i]!)).sort((a, b) => b.strength - a.strength);
  const windows = new Set(alarms.flatMap(({ window }) => window ?? []));
  const found = new Map<string, number>();
  let falseAlarms = 0;
  let raw = -windows.size;
  let best: NabResult = { score: 0, threshold: Infinity, windowsFound: 0, windows: windows.size, falseAlarms: 0 };
  for (const [i, { strength, window, worth }] of alarms.entries()) {
    if (strength === -Infinity) break;
    if (window === null) {
      falseAlarms++;
      raw += worth;
    } else {
      const held = found.get(window) ?? -1;
      found.set(window, Math.max(held, worth));
      raw += Math.max(held, worth) - held;
    }
    const score = (100 * (raw + windows.size)) / (2 * windows.size);
    if (alarms[i + 1]?.strength !== strength && score > best.score)
      best = { score, threshold: strength, windowsFound: found.size, windows: windows.size, falseAlarms };
  }
  return best;
}
