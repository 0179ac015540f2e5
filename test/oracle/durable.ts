/**
 * A case's view as a server runs it: its streams in a log on disk, the view a stage that reads them, its rows the
 * newest of its changes stream. The stage is killed at random points (between two appends of its own, before or after
 * the log has taken the last), and a new one takes over from what is on disk.
 */
import { join } from 'node:path';
import { streamOptions } from '../../src/declared.js';
import { LATE_SCHEMA, LATE_STREAM } from '../../src/event/internal.js';
import { batchFromRows } from '../../src/event/rows.js';
import type { Schema } from '../../src/event/schema.js';
import type { ViewDescription } from '../../src/event/view.js';
import { realDisk } from '../../src/io/disk-real.js';
import { systemRandom } from '../../src/io/random.js';
import { openLog } from '../../src/log/embedded/open.js';
import type { EmbeddedLog } from '../../src/log/embedded/open.js';
import type { ReaderLoop } from '../../src/log/reader-loop.js';
import type { Result } from '../../src/mill/session/result.js';
import type { RunningView } from '../../src/mill/stage-options.js';
import { declare } from '../../src/sql/declared.js';
import { describeView } from '../../src/sql/describe.js';
import { parseViews } from '../../src/sql/parse.js';
import { readSqlFiles } from '../../src/sql/sql-files.js';
import { ViewPlanner } from '../../src/sql/standing.js';
import type { StandingPlan } from '../../src/sql/standing.js';
import { CutLog } from '../mill/cut-log.js';
import { freshFolder, HandClock, newest, readAll, removeFolders, startView } from '../mill/support.js';
import { SeededRandom } from '../sim/random.js';
import type { Case } from './ast.js';
import { END_MS, steps } from './feed.js';
import type { Facts } from './feed.js';
import { pick, START_MS } from './schema.js';
import { createStandingView, createTables, createViews } from './script.js';
import { StoredRows } from './stored-rows.js';
import { difference, shownRows, storedRows } from './values.js';
import type { Plain } from './values.js';

/** How a case runs on disk. */
export interface DurableVariant {
  readonly name: string;
  readonly partitions: number;
  /** Most rows of one append. */
  readonly batchRows: number;
}

/** Batches and partitions. */
export const DURABLE: readonly DurableVariant[] = [
  { name: 'on disk, row by row', partitions: 1, batchRows: 1 },
  { name: 'on disk, in sevens on 2 partitions', partitions: 2, batchRows: 7 },
  { name: 'on disk, whole on 4 partitions', partitions: 4, batchRows: Infinity },
];

/** Longest wait for the last rows, ms. */
const WAIT_MS_MAX = 15_000;
/** Kills of a run, at most. */
const KILLS_MAX = 4;

/** What came of a run. */
export interface DurableOutcome {
  /** What differs at the end; null: nothing. */
  readonly different: { readonly more: Plain[][]; readonly less: Plain[][] } | null;
  readonly kills: number;
}

/** Runs a case; its rows are to be `expected`. Throws SQL_*. */
export async function runDurable(
  of: Case,
  facts: Facts,
  { batchRows, partitions }: DurableVariant,
  seed: number,
  expected: Result,
): Promise<DurableOutcome> {
  const run = await DurableRun.open(of, partitions, new SeededRandom(seed));
  try {
    await run.play(facts, seed, batchRows);
    return { different: await run.end(expected), kills: KILLS_MAX - run.killsLeft };
  } finally {
    await run.close();
  }
}

interface Running {
  readonly loop: ReaderLoop;
  readonly stage: RunningView;
  readonly cut: CutLog;
}

class DurableRun {
  readonly #of: Case;
  readonly #random: SeededRandom;
  readonly #folder = freshFolder();
  readonly #clock = new HandClock(START_MS - 60_000);
  readonly #plan: StandingPlan;
  readonly #view: ViewDescription;
  readonly #schemas = new Map<string, Schema>();
  readonly #snapshotEveryMs: number;
  #log!: EmbeddedLog;
  #running!: Running;
  killsLeft = KILLS_MAX;

  private constructor(of: Case, plan: StandingPlan, random: SeededRandom) {
    this.#of = of;
    this.#plan = plan;
    this.#random = random;
    this.#view = describeView(plan, { number: 1, id: '', sinceMs: null });
    this.#snapshotEveryMs = pick(random, [0, 0, 15, 1e9]);
  }

  /** Declares the streams, plans the view and starts it. Throws SQL_*. */
  static async open(of: Case, partitions: number, random: SeededRandom): Promise<DurableRun> {
    const { relations } = await readSqlFiles([{ file: 'case.sql', text: createTables(of).join(';\n') }]);
    const declared = declare(relations, new Map());
    const streams = declared.streams.map(streamOptions);
    const planner = new ViewPlanner(new Map(streams.map((stream) => [stream.name, stream])), declared);
    for (const view of await parseViews(createViews(of).join(';\n'))) planner.define(view);
    const [statement] = await parseViews(createStandingView(withShortPeriod(of)));
    const run = new DurableRun(of, planner.plan(statement!), random);
    const options = { segmentBytes: 1 << 20, firstSegmentBytes: 1 << 16, arrivalClockEveryMs: 5, idleClockMinMs: 1e9 };
    const folder = join(run.#folder, 'log');
    run.#log = await openLog({ folder, disk: realDisk, clock: run.#clock, random: systemRandom, options });
    for (const { isTable, name, schema } of declared.streams) {
      run.#schemas.set(name, schema);
      await run.#create(name, schema, isTable ? 1 : partitions);
    }
    await run.#create(LATE_STREAM, LATE_SCHEMA, 1);
    await run.#create(run.#view.stream, run.#view.schema, 1);
    run.#running = run.#start();
    return run;
  }

  async #create(name: string, schema: Schema, partitions: number): Promise<void> {
    const kept = { retentionMs: 1e12, bytesMax: 1e12, policy: 'refuse' } as const;
    await this.#log.createStream({ name, schema, partitions, clock: 'arrival', ...kept });
  }

  #start(): Running {
    const cut = new CutLog(this.#log);
    if (this.killsLeft > 0 && this.#random.chance(0.7)) cut.appendsLeft = 1 + this.#random.below(6);
    const options = { snapshotEveryMs: this.#snapshotEveryMs };
    return { ...startView(cut, this.#folder, this.#plan, this.#clock, options, cut.disk), cut };
  }

  /** All rows in the order that `seed` gives. */
  async play(facts: Facts, seed: number, batchRows: number): Promise<void> {
    const values = await StoredRows.of(this.#of);
    for (const step of steps(this.#of, facts, seed)) {
      if (step.kind === 'clock') this.#clock.time = step.ms;
      else if (step.kind === 'change')
        await this.#append(step.table.name, [await values.changed(step.table, step.change)]);
      else {
        const rows = step.rows.map((row) => values.rowOf(row));
        for (let from = 0; from < rows.length; from += batchRows)
          await this.#append(step.table.name, rows.slice(from, from + batchRows));
      }
      await this.#disturb();
    }
  }

  async #append(stream: string, rows: readonly Readonly<Record<string, unknown>>[]): Promise<void> {
    const batch = batchFromRows(
      this.#schemas.get(stream)!,
      rows.map((row) => ({ ...row, received_at: 0 })),
    );
    await this.#log.append({ batches: [{ stream, rows: batch }] });
  }

  /** Lets the stage work, or kills it. */
  async #disturb(): Promise<void> {
    const { cut } = this.#running;
    if (cut.mode === 'through' && !this.#random.chance(0.08)) return;
    await pause(pick(this.#random, [0, 1, 5, 20]));
    if (cut.mode === 'through' && this.killsLeft > 0 && this.#random.chance(0.5))
      cut.mode = pick(this.#random, ['refuse', 'lose the answer'] as const);
    if (cut.mode !== 'through') await this.#resume();
  }

  async #resume(): Promise<void> {
    this.killsLeft -= 1;
    await this.#running.loop.stop();
    this.#running = this.#start();
  }

  /** What differs when everything is final. */
  async end(expected: Result): Promise<DurableOutcome['different']> {
    const rows = storedRows(expected);
    const until = performance.now() + WAIT_MS_MAX;
    let different = difference(this.#rows(expected), rows);
    while (performance.now() < until && (different !== null || !this.#isComplete())) {
      await pause(4);
      if (this.#running.cut.mode !== 'through') await this.#resume();
      different = difference(this.#rows(expected), rows);
    }
    // The last flush may add nothing.
    await this.#running.loop.stop();
    return difference(this.#rows(expected), rows);
  }

  #isComplete(): boolean {
    const { completeThrough } = this.#running.stage.stats();
    return completeThrough !== null && completeThrough >= END_MS - this.#plan.lagMs;
  }

  #rows({ columns }: Result): Plain[][] {
    const { columns: shown, keyColumns, schema, stream } = this.#view;
    const keys = keyColumns.map((column) => schema.columns[column]!.name);
    const rows = [...newest(readAll(this.#log, stream), keys).values()];
    const names = shown.map(({ column }) => schema.columns[column]!.name);
    return shownRows(
      columns,
      rows.map((row) => names.map((name) => row[name])),
    );
  }

  async close(): Promise<void> {
    await this.#running?.loop.stop();
    await this.#log?.close();
    removeFolders();
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Publishing goes by the machine's clock, which no test waits for. */
function withShortPeriod(of: Case): Case {
  return of.options.emit === '10 seconds' ? { ...of, options: { ...of.options, emit: '10 milliseconds' } } : of;
}
