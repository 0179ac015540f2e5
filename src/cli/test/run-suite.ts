/** Runs the cases of a test file, each in a pipeline of its own under a clock of its own. */
import { resolve } from 'node:path';
import { loadConfig } from '../../config/load.js';
import { readViews } from '../../config/views.js';
import type { ViewText } from '../../config/options.js';
import { Session } from '../../mill/session/session.js';
import { planTransforms } from '../../transform/plan.js';
import { functionTable } from '../../sql/functions/index.js';
import type { EvaluateValues } from '../../sql/functions/registry.js';
import type { Value } from '../../sql/value.js';
import { MillraceError } from '../../util/errors.js';
import { loadParser } from '../../util/sql-text.js';
import { differences, type GivenRow } from './diff.js';
import { streamRow, streamSql, type TestStream } from './stream-sql.js';
import type { ExpectedRows, Suite, SuiteCase, SuiteFile, SuiteStep } from './suite.js';
import { valueOf } from './values.js';

/** How a case ended. */
export interface CaseReport {
  readonly name: string;
  readonly elapsedMs: number;
  /** Of that, what this process worked: on a busy machine the rest is waiting for a core. */
  readonly cpuMs: number;
  /** What differs, a text of several lines each; empty where all is as expected. */
  readonly failures: readonly string[];
}

/** What all cases of a file share. */
interface Project {
  readonly streams: readonly TestStream[];
  readonly views: readonly ViewText[];
  readonly suite: Suite;
}

/** Runs all cases. Throws CONFIG_* where the project can't be read; a case that fails in any way is in the report. */
export async function runSuite(file: SuiteFile): Promise<CaseReport[]> {
  // Loaded here, it is no part of the first case's time.
  await loadParser();
  const project = await openProject(file);
  const reports: CaseReport[] = [];
  for (const one of file.suite.cases) {
    const started = performance.now();
    const before = process.cpuUsage();
    const failures = await runCase(project, one);
    const { system, user } = process.cpuUsage(before);
    reports.push({
      name: one.name,
      elapsedMs: performance.now() - started,
      cpuMs: (system + user) / 1_000,
      failures,
    });
  }
  return reports;
}

async function openProject({ suite, folder }: SuiteFile): Promise<Project> {
  const config = suite.config === undefined ? undefined : await loadConfig(resolve(folder, suite.config));
  const views = suite.views === undefined ? (config?.views ?? []) : readViews(suite.views, folder);
  const own = config?.streams ?? [];
  const derived = config === undefined ? [] : (await planTransforms(config.transforms, config.streams)).streams;
  const streams = [...own, ...derived.map((stream) => ({ ...stream, clock: 'arrival' as const }))];
  return { streams, views, suite };
}

async function runCase(project: Project, one: SuiteCase): Promise<string[]> {
  try {
    const run = await CaseRun.open(project, one);
    for (const [i, step] of one.steps.entries()) await run.guarded(`step ${i + 1}`, () => run.step(step));
    for (const expected of one.expect) await run.guarded('expect', () => run.expect(expected));
    const { late } = one;
    if (late !== undefined) await run.guarded('late', () => run.late(late));
    return run.failures;
  } catch (error) {
    if (error instanceof MillraceError) return [`setup: ${error.message}`];
    throw error;
  }
}

class CaseRun {
  readonly failures: string[] = [];
  readonly #session: Session;
  readonly #streams: ReadonlyMap<string, TestStream>;
  #events = 0;

  private constructor(session: Session, streams: readonly TestStream[]) {
    this.#session = session;
    this.#streams = new Map(streams.map((stream) => [stream.name, stream]));
  }

  static async open({ streams, views, suite }: Project, one: SuiteCase): Promise<CaseRun> {
    const clock = one.clock ?? suite.clock;
    const session = new Session({ changesTables: false, ...(clock === undefined ? {} : { clockMs: timeOf(clock) }) });
    for (const stream of streams) await session.execute(streamSql(stream));
    if (suite.setup !== undefined) await session.execute(suite.setup, 'setup');
    for (const { file, text } of views) await session.execute(text, file);
    return new CaseRun(session, streams);
  }

  /** Does a part of the case; an error of the pipeline is a failure of the case. */
  async guarded(what: string, act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      this.failures.push(`${what}: ${error.message}`);
    }
  }

  async step(step: SuiteStep): Promise<void> {
    if (step.events !== undefined) {
      if (step.at !== undefined) this.#session.setClock(timeOf(step.at));
      this.#insert(step.events, step.rows!);
    } else if (step.advance !== undefined) this.#session.advance(step.advance);
    else if (step.clock !== undefined) this.#session.setClock(timeOf(step.clock));
    else if (step.sql !== undefined) await this.#session.execute(step.sql);
    else if (step.expect !== undefined) await this.expect(step.expect);
    else if (step.late !== undefined) await this.late(step.late);
    else await this.#session.execute('FLUSH');
  }

  #insert(name: string, given: readonly GivenRow[]): void {
    const stream = this.#streams.get(name);
    const rows =
      stream === undefined
        ? given.map((row) => this.#tableRow(name, row))
        : given.map((row) => streamRow(stream, row, this.#session.clockMs, ++this.#events));
    this.#session.insert(name, rows);
  }

  /** A row of a table or stream that the setup has made. */
  #tableRow(name: string, given: GivenRow): Value[] {
    const entry = this.#session.entries().find((each) => each.name === name);
    if (entry === undefined) {
      const names = this.#session.entries().map((each) => each.name);
      throw new MillraceError('SQL_UNKNOWN_RELATION', `there is no stream "${name}"; there are: ${names.join(', ')}`);
    }
    if (!Array.isArray(given))
      for (const key of Object.keys(given))
        if (!entry.fields.some((field) => field.name === key))
          throw new MillraceError('EVENT_FIELD_UNKNOWN', `${name} has no column "${key}"`);
    return entry.fields.map((field, i) => {
      const written: unknown = Array.isArray(given) ? given[i] : (given as Record<string, unknown>)[field.name];
      const value = valueOf(field.type, written);
      if (value === null && !field.nullable)
        throw new MillraceError('EVENT_FIELD_MISSING', `${name}: a row needs "${field.name}", which may not be null`);
      return value;
    });
  }

  async expect({ view, query, rows, ordered }: ExpectedRows): Promise<void> {
    const sql = query ?? `SELECT * FROM "${view!.replaceAll('"', '""')}"`;
    this.#compare(view ?? query!.trim(), rows, (await this.#session.execute(sql)).at(-1), ordered);
  }

  async late(rows: readonly Readonly<Record<string, unknown>>[]): Promise<void> {
    this.#compare('late', rows, (await this.#session.execute('SELECT * FROM millrace.late')).at(-1), false);
  }

  #compare(
    what: string,
    expected: readonly GivenRow[],
    got: Parameters<typeof differences>[1] | undefined,
    ordered: boolean,
  ): void {
    if (got === undefined) throw new MillraceError('SQL_SYNTAX', `${what}: expected a statement that answers rows`);
    const lines = differences(expected, got, ordered);
    if (lines.length > 0) this.failures.push(`${what}:\n${lines.map((line) => `  ${line}`).join('\n')}`);
  }
}

/** ms of a time as a test file has it. Throws SQL_RUNTIME. */
function timeOf(text: string): number {
  return (functionTable.castOf('text', 'timestamptz')!.evaluate as EvaluateValues)(text) as number;
}
