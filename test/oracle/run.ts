/** Runs many cases, and says what they met. */
import { loadParser } from '../../src/util/sql-text.js';
import { AGGREGATES, overRule, RANKINGS } from './aggregates.js';
import { choose, made } from './choose.js';
import { DURABLE } from './durable.js';
import { Duck } from './duck.js';
import { minimise } from './minimise.js';
import { PRODUCTIONS } from './productions.js';
import { Hits } from './rules.js';
import { runCase, VARIANTS } from './run-case.js';
import type { FailedCase } from './run-case.js';
import { GRAMMAR } from './grammar.js';

/** What is run. */
export interface RunSettings {
  readonly cases: number;
  readonly seed: number;
  /** Stops after this time, ms; Infinity: never. */
  readonly timeMaxMs: number;
  /** Stops after so many failures. */
  readonly failuresMax: number;
  readonly minimises: boolean;
  /** Makes each case with these wanted rules, as one that failed was; null: with those that are still missing. */
  readonly wanted: readonly string[] | null;
  readonly onCase?: (done: number) => void;
}

/** What a run came to. */
export interface Report {
  readonly cases: number;
  readonly equal: number;
  readonly inDuck: number;
  readonly nonEmpty: number;
  readonly withLate: number;
  /** Cases that ran in a log on disk too, and the kills there. */
  readonly onDisk: number;
  readonly kills: number;
  readonly refused: ReadonlyMap<string, number>;
  readonly errors: ReadonlyMap<string, number>;
  readonly failed: readonly FailedCase[];
  readonly hits: Hits;
}

/** A run goes on while rules are missing, up to so many times the cases that were asked for. */
const LONGER_MAX = 1.5;

function allRules(): Hits {
  const hits = new Hits();
  hits.declare(PRODUCTIONS.map(({ rule }) => rule));
  hits.declare(AGGREGATES.map(({ rule }) => rule));
  hits.declare(AGGREGATES.filter(({ slides }) => slides).map(({ rule }) => overRule(rule)));
  hits.declare(RANKINGS.map(({ rule }) => rule));
  hits.declare(GRAMMAR);
  return hits;
}

function count(map: Map<string, number>, key: string): void {
  map.set(key, (map.get(key) ?? 0) + 1);
}

/** An error without what differs from case to case. */
function kindOf(reason: string): string {
  return reason
    .split('\n')[0]!
    .replace(/^line \d+:\d+: /, '')
    .slice(0, 160);
}

/** Runs cases from a seed on. */
export async function run(settings: RunSettings): Promise<Report> {
  const { cases, failuresMax, minimises, onCase, seed, timeMaxMs, wanted } = settings;
  await loadParser();
  const duck = await Duck.open();
  const hits = allRules();
  const refused = new Map<string, number>();
  const errors = new Map<string, number>();
  const failed: FailedCase[] = [];
  const counts = { equal: 0, inDuck: 0, nonEmpty: 0, withLate: 0, onDisk: 0, kills: 0 };
  const end = performance.now() + timeMaxMs;
  let done = 0;
  const isDone = (): boolean => done >= cases && (hits.missed().length === 0 || done >= cases * LONGER_MAX);
  for (; !isDone() && performance.now() < end && failed.length < failuresMax; done++) {
    const chosen = wanted === null ? await choose(seed, done, hits.missed()) : made(seed + done, wanted);
    const { of, rules } = chosen;
    const outcome = await runCase(of, { duck, variants: VARIANTS, durable: DURABLE });
    if (outcome.kind === 'refused') count(refused, kindOf(outcome.reason));
    else if (outcome.kind === 'error') count(errors, kindOf(outcome.reason));
    else if (outcome.kind === 'failed') failed.push(await minimise(chosen, outcome.failure, duck, minimises));
    else {
      counts.equal += 1;
      if (outcome.inDuck) counts.inDuck += 1;
      if (outcome.rows > 0) counts.nonEmpty += 1;
      if (outcome.hasLate) counts.withLate += 1;
      if (outcome.kills !== null) counts.onDisk += 1;
      counts.kills += outcome.kills ?? 0;
      hits.add(new Set([...rules, ...outcome.planned.operators]));
    }
    onCase?.(done + 1);
  }
  duck.close();
  return { cases: done, ...counts, refused, errors, failed, hits };
}
