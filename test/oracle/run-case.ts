/** Runs one case on every engine and compares. */
import { Session } from '../../src/mill/session/session.js';
import type { SessionOptions } from '../../src/mill/session/options.js';
import type { Result } from '../../src/mill/session/result.js';
import { MillraceError } from '../../src/util/errors.js';
import type { Case } from './ast.js';
import { runDurable } from './durable.js';
import type { DurableVariant } from './durable.js';
import type { Duck } from './duck.js';
import { planCase } from './facts.js';
import type { Planned } from './facts.js';
import { feed, rowsInTime } from './feed.js';
import type { Facts } from './feed.js';
import { NotInDuck } from './dialect.js';
import { printQuery } from './print.js';
import { changeStatement, insert } from './schema.js';
import { createAll, createStandingView } from './script.js';
import { difference, exactRows, looseRows } from './values.js';
import type { Plain } from './values.js';

/** How a standing view is fed. */
interface Variant extends SessionOptions {
  readonly name: string;
}

/** Batches, partitions, kills. */
export const VARIANTS: readonly Variant[] = [
  { name: 'row by row', batchRows: 1, partitions: 1 },
  { name: 'in sevens on 2 partitions, killed and resumed', batchRows: 7, partitions: 2, resumes: true },
  { name: 'whole on 4 partitions', partitions: 4 },
  { name: 'row by row on 4 partitions, killed and resumed', batchRows: 1, partitions: 4, resumes: true },
];

/** Where results differ, or what was thrown. */
export interface Failure {
  /** The engine that is at odds with our batch. */
  readonly at: string;
  readonly what: 'rows differ' | 'threw';
  readonly detail: string;
  /** Seed of the order in which rows came. */
  readonly feedSeed: number;
  readonly expected: readonly (readonly Plain[])[];
}

/** A case that failed, as small as it got. */
export interface FailedCase {
  readonly seed: number;
  /** Rules that were wanted when it was made. */
  readonly wanted: readonly string[];
  readonly failure: Failure;
  readonly script: string;
}

/** What came of a case. */
export type Outcome =
  | {
      readonly kind: 'equal';
      readonly rows: number;
      readonly inDuck: boolean;
      readonly planned: Planned;
      readonly hasLate: boolean;
      /** How often its stage on disk was killed; null: it was in memory only. */
      readonly kills: number | null;
    }
  | { readonly kind: 'refused'; readonly reason: string }
  /** A row's data is an error. */
  | { readonly kind: 'error'; readonly reason: string }
  | { readonly kind: 'failed'; readonly failure: Failure; readonly facts: Facts | null };

/** What is run of a case; the minimiser wants one engine only. */
export interface RunOptions {
  readonly duck: Duck | null;
  readonly variants: readonly Variant[];
  /** One of them runs, where a log can have the case's streams. */
  readonly durable: readonly DurableVariant[];
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Runs a case. */
export async function runCase(of: Case, { duck, durable, variants }: RunOptions): Promise<Outcome> {
  let planned: Planned;
  try {
    planned = planCase(of);
  } catch (error) {
    if (error instanceof MillraceError && error.code.startsWith('SQL_'))
      return { kind: 'refused', reason: message(error) };
    return failed('planner', error, null, of.feedSeed);
  }
  const { facts } = planned;
  let batch: Result;
  try {
    batch = await runBatch(of, facts);
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'SQL_RUNTIME')
      return { kind: 'error', reason: message(error) };
    return failed('batch', error, facts, of.feedSeed);
  }
  const exact = exactRows(batch);
  for (const [i, variant] of variants.entries()) {
    const feedSeed = of.feedSeed + i * 7919;
    const failure = await holdStanding(of, facts, variant, feedSeed, exact);
    if (failure !== null) return { kind: 'failed', facts, failure };
  }
  let kills: number | null = null;
  if (of.isStored && durable.length > 0) {
    const variant = durable[of.feedSeed % durable.length]!;
    const held = await holdDurable(of, facts, variant, of.feedSeed, batch);
    if (typeof held !== 'number') return { kind: 'failed', facts, failure: held };
    kills = held;
  }
  const inDuck = duck === null ? false : await holdDuck(of, facts, duck, batch);
  if (typeof inDuck !== 'boolean') return { kind: 'failed', facts, failure: inDuck };
  const hasLate = of.tables.some(
    (table) =>
      facts.reads.has(table.name) &&
      table.kind === 'stream' &&
      rowsInTime(of, facts, table).length < of.streams[table.name]!.length,
  );
  return { kind: 'equal', rows: exact.length, inDuck, planned, hasLate, kills };
}

function failed(at: string, error: unknown, facts: Facts | null, feedSeed: number): Outcome {
  return {
    kind: 'failed',
    facts,
    failure: {
      at,
      what: 'threw',
      detail: error instanceof Error ? (error.stack ?? error.message) : String(error),
      feedSeed,
      expected: [],
    },
  };
}

/** Whether a case's result has no rows; false where it has no result. */
export async function isEmpty(of: Case): Promise<boolean> {
  try {
    return (await runBatch(of, planCase(of).facts)).rows.length === 0;
  } catch {
    // `runCase` says what is wrong with it.
    return false;
  }
}

/** The batch, over the rows that take part. */
async function runBatch(of: Case, facts: Facts): Promise<Result> {
  const session = new Session();
  for (const statement of createAll(of, facts)) await session.execute(statement);
  for (const table of of.tables) {
    if (!facts.reads.has(table.name)) continue;
    if (table.kind !== 'stream')
      for (const change of of.changes[table.name]!) await session.execute(changeStatement(table, change));
    else {
      const rows = rowsInTime(of, facts, table);
      if (rows.length > 0) await session.execute(insert(table.name, rows, 'sql'));
    }
  }
  return (await session.execute(printQuery(of.query, 'ours')))[0]!;
}

async function holdStanding(
  of: Case,
  facts: Facts,
  { name, ...options }: Variant,
  feedSeed: number,
  expected: readonly (readonly Plain[])[],
): Promise<Failure | null> {
  try {
    const session = new Session(options);
    for (const statement of [...createAll(of, facts), createStandingView(of), ...feed(of, facts, feedSeed)])
      await session.execute(statement);
    const [result] = await session.execute('SELECT * FROM standing');
    const different = difference(exactRows(result!), expected);
    if (different === null) return null;
    return { at: `standing, ${name}`, what: 'rows differ', detail: detail(different), feedSeed, expected };
  } catch (error) {
    return {
      at: `standing, ${name}`,
      what: 'threw',
      detail: error instanceof Error ? (error.stack ?? error.message) : String(error),
      feedSeed,
      expected,
    };
  }
}

/** How often it was killed. */
async function holdDurable(
  of: Case,
  facts: Facts,
  variant: DurableVariant,
  feedSeed: number,
  batch: Result,
): Promise<Failure | number> {
  const at = variant.name;
  const expected = exactRows(batch);
  try {
    const { different, kills } = await runDurable(of, facts, variant, feedSeed, batch);
    return different === null ? kills : { at, what: 'rows differ', detail: detail(different), feedSeed, expected };
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { at, what: 'threw', detail: text, feedSeed, expected };
  }
}

/** False where DuckDB has no way to say it. */
async function holdDuck(of: Case, facts: Facts, duck: Duck, batch: Result): Promise<Failure | boolean> {
  let text: string;
  let views: string[];
  try {
    text = printQuery(of.query, 'duck');
    views = of.views.map(({ name, query }) => `CREATE VIEW ${name} AS ${printQuery(query, 'duck')}`);
  } catch (error) {
    if (error instanceof NotInDuck) return false;
    throw error;
  }
  const expected = looseRows(batch);
  try {
    const rows = await duck.run(of, facts, views, text, batch.columns);
    const different = difference(expected, rows);
    if (different === null) return true;
    return {
      at: 'DuckDB',
      what: 'rows differ',
      detail: `${detail(different)}\n${text}`,
      feedSeed: of.feedSeed,
      expected,
    };
  } catch (error) {
    return { at: 'DuckDB', what: 'threw', detail: `${message(error)}\n${text}`, feedSeed: of.feedSeed, expected };
  }
}

function detail({ less, more }: { more: Plain[][]; less: Plain[][] }): string {
  const text = (sign: string, rows: Plain[][]): string[] =>
    rows.slice(0, 8).map((row) => `${sign} ${JSON.stringify(row)}`);
  return [...text('+', more), ...text('-', less)].join('\n');
}
