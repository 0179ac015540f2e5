/** Runs sqllogictest records against something that executes SQL. */
import { compareResult, type TextResult } from './compare.js';
import type { Condition, ExpectedError, Place, Record, SortMode } from './records.js';

/** What executes the SQL: one pipeline of its own for a file. */
export interface SltExecutor {
  /** Runs a statement; `count` is how many rows it changed. Throws what the statement says. */
  run(sql: string): Promise<TextResult & { readonly count?: number }>;
  /** The clock goes on. */
  advance(ms: number): Promise<void>;
}

/** The world around a run. */
export interface SltWorld {
  readonly executor: SltExecutor;
  wait(ms: number): Promise<void>;
  /** For `control substitution on`. */
  readonly environment: Readonly<{ [name: string]: string | undefined }>;
  /** Whether values must be printed as PostgreSQL prints them, to the last digit. */
  readonly isExact?: boolean;
}

/** What went wrong with one record. */
export interface SltFailure {
  readonly place: Place;
  readonly sql: string;
  readonly expected: string;
  readonly actual: string;
}

/** What a run came to. */
export interface SltReport {
  readonly passed: number;
  readonly skipped: number;
  readonly failures: readonly SltFailure[];
}

/** Labels of `skipif` and `onlyif` that mean this engine. */
const LABELS: ReadonlySet<string> = new Set(['millrace']);

/** Runs records in order; a failure does not end the run. */
export async function runRecords(records: readonly Record[], world: SltWorld): Promise<SltReport> {
  const run = new Run(world);
  for (const record of records) if (await run.step(record)) break;
  return run.report;
}

class Run {
  readonly #world: SltWorld;
  #passed = 0;
  #skipped = 0;
  readonly #failures: SltFailure[] = [];
  #sort: SortMode = 'nosort';
  #substitutes = false;
  #skips = false;
  /** What `let` has set. */
  readonly #variables = new Map<string, string>();
  /** Results by label: queries with one label give the same rows. */
  readonly #labelled = new Map<string, string>();

  constructor(world: SltWorld) {
    this.#world = world;
  }

  get report(): SltReport {
    return { passed: this.#passed, skipped: this.#skipped, failures: this.#failures };
  }

  /** Does one record; true at the end. */
  async step(record: Record): Promise<boolean> {
    switch (record.kind) {
      case 'halt':
        return applies(record.conditions);
      case 'sortMode':
        this.#sort = record.mode;
        break;
      case 'substitution':
        this.#substitutes = record.on;
        break;
      case 'sleep':
        await this.#world.wait(record.ms);
        await this.#world.executor.advance(record.ms);
        break;
      case 'sql':
        if (this.#skips || !applies(record.conditions)) this.#skipped++;
        else await this.#sql(record);
        break;
      case 'let':
        if (this.#skips) this.#skipped++;
        else await this.#let(record);
        break;
      case 'skip':
        this.#skips = record.on;
        break;
      case 'left':
        this.#skipped++;
        break;
      case 'subtest':
        break;
    }
    return false;
  }

  #substituted(sql: string): string {
    if (!this.#substitutes) return sql;
    return substitute(sql, { ...this.#world.environment, ...Object.fromEntries(this.#variables) });
  }

  async #let({ place, names, sql }: Extract<Record, { kind: 'let' }>): Promise<void> {
    try {
      const { rows } = await this.#world.executor.run(this.#substituted(sql));
      const [row] = rows;
      if (rows.length !== 1 || row!.length !== names.length)
        throw new Error(`let takes one row of ${names.length} columns`);
      names.forEach((name, i) => this.#variables.set(name, row![i] ?? 'NULL'));
      this.#passed++;
    } catch (error) {
      this.#failures.push({ place, sql, expected: `values of ${names.join(', ')}`, actual: (error as Error).message });
    }
  }

  async #sql(record: Extract<Record, { kind: 'sql' }>): Promise<void> {
    const { place, expectation } = record;
    let sql = record.sql;
    const fail = (expected: string, actual: string): void => void this.#failures.push({ place, sql, expected, actual });
    let result: Awaited<ReturnType<SltExecutor['run']>>;
    try {
      sql = this.#substituted(sql);
      result = await this.#world.executor.run(sql);
    } catch (error) {
      const message = (error as Error).message;
      if (expectation.kind === 'maybe') this.#passed++;
      else if (expectation.kind !== 'error') fail(expectation.kind === 'rows' ? 'rows' : 'no error', message);
      else if (!matches(expectation.error, message)) fail(shown(expectation.error), message);
      else this.#passed++;
      return;
    }
    if (expectation.kind === 'error') return fail(shown(expectation.error), 'no error');
    // A statement that changes no rows has changed 0 of them.
    if (expectation.kind === 'count' && (result.count ?? 0) !== expectation.count)
      return fail(`${expectation.count} rows changed`, `${result.count ?? 'none'}`);
    if (expectation.kind === 'rows') {
      const { types, lines, label } = expectation;
      const sort = expectation.sort ?? this.#sort;
      const difference = compareResult(withCount(result), { types, lines, sort }, this.#world.isExact);
      if (difference !== null) return fail(difference.expected.join('\n'), difference.actual.join('\n'));
      if (label !== undefined) {
        const first = this.#labelled.get(label);
        const now = JSON.stringify(result.rows);
        if (first !== undefined && first !== now) return fail(`the rows of the first query labelled ${label}`, now);
        this.#labelled.set(label, now);
      }
    }
    this.#passed++;
  }
}

/** An INSERT, UPDATE or DELETE that is asked for rows answers how many it has changed. */
function withCount(result: Awaited<ReturnType<SltExecutor['run']>>): TextResult {
  if (result.columns.length > 0 || result.count === undefined) return result;
  return { columns: [{ name: 'count', type: 'bigint' }], rows: [[String(result.count)]] };
}

function applies(conditions: readonly Condition[]): boolean {
  return conditions.every(({ kind, label }) => LABELS.has(label) === (kind === 'onlyif'));
}

function matches(expected: ExpectedError, message: string): boolean {
  if (expected.kind === 'any') return true;
  return expected.kind === 'pattern' ? expected.pattern.test(message) : expected.text === message.trim();
}

function shown(expected: ExpectedError): string {
  if (expected.kind === 'any') return 'an error';
  return expected.kind === 'pattern' ? `an error that matches ${expected.pattern.source}` : expected.text;
}

/** `$name`, `${name}` and `${name:otherwise}`; `\$` stands for itself. Throws for a name that is not set. */
export function substitute(sql: string, environment: SltWorld['environment']): string {
  return sql.replaceAll(
    /\\([\\$])|\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?::([^}]*))?\})/g,
    (
      all,
      escaped: string | undefined,
      bare: string | undefined,
      braced: string | undefined,
      otherwise: string | undefined,
    ) => {
      if (escaped !== undefined) return escaped;
      const value = environment[bare ?? braced ?? ''] ?? otherwise;
      if (value === undefined) throw new Error(`${all} is not set`);
      return value;
    },
  );
}
