/**
 * A transform as a stage of the reader loop: what comes out, what failed, the counts and the
 * positions are one append, so every row of the input counts exactly once.
 *
 * Batches are **units** that go through the steps in order. A step may take its time (a function in
 * a thread, a call over the network); meanwhile the next units follow, and each step sees them in
 * order. A commit holds the units at the front that are done, and the positions behind them: what is
 * still under way is read again after a restart.
 *
 * Two inputs: the source, and the redrive stream, of which it takes what is addressed to it.
 *
 * Limits: `ROWS_UNDER_WAY_MAX` rows and `BYTES_HELD_MAX` bytes that steps hold; while there are more,
 * it reads nothing. Recovery: `restore` forgets every unit; the loop reads from what is committed.
 */
import { EDGES_STREAM, REDRIVE_STREAM } from '../event/internal.js';
import type { Quarantine } from '../event/quarantine.js';
import type { Schema } from '../event/schema.js';
import type { AppendResult, Log, LogBatch, Position, ReaderState } from '../log/log.js';
import { positionKey } from '../log/reader-inputs.js';
import type { LogStage, StageOutput } from '../log/stage.js';
import { workOf } from './input.js';
import { commitOf, outcomeOf, type Commit, type Outcome } from './outcome.js';
import { transformReader, type TransformPlan } from './plan.js';
import { allRows, selectRows, type Rows } from './rows.js';
import { shapeTo } from './shape.js';
import type { Step, StepServices } from './verb.js';
import type { Work } from './work.js';

const ROWS_UNDER_WAY_MAX = 131_072;
const BYTES_HELD_MAX = 64 * 1024 ** 2;
/** Rows behind at which it counts as catching up; a commit is then made of so many rows, or after so long. */
const CATCH_UP_LAG_ROWS = 20_000;
const CATCH_UP_COMMIT_ROWS = 100_000;
const CATCH_UP_COMMIT_MS = 1_000;
const NO_STATE = new Uint8Array(0);

/** What a transform has done since it started. */
export interface TransformStats {
  readonly name: string;
  readonly from: string;
  readonly to: string;
  readonly read: number;
  readonly ok: number;
  readonly filtered: number;
  readonly quarantined: number;
  readonly dropped: number;
  readonly written: number;
  /** Rows read and not yet committed. */
  readonly underWay: number;
  /** How often threads of its functions were started anew. */
  readonly restarts: number;
}

/** What a transform runs with. */
export interface TransformStageInput {
  readonly plan: TransformPlan;
  readonly log: Log;
  readonly quarantine: Quarantine;
  readonly services: StepServices;
}

interface Unit {
  readonly stream: string;
  readonly partition: number;
  readonly baseOffset: number;
  readonly rows: number;
  outcome: Outcome | null;
  error: unknown;
}

type Totals = { -readonly [K in 'read' | 'ok' | 'filtered' | 'quarantined' | 'dropped' | 'written']: number };

/** Runs one transform. */
export class TransformStage implements LogStage {
  readonly store = 'log';
  readonly epoch = 1;
  readonly id: string;
  readonly inputs: readonly string[];
  readonly #input: TransformStageInput;
  readonly #steps: readonly Step[];
  readonly #shape: ((rows: Rows) => Rows) | null;
  readonly #partitions: number;
  readonly #schema: Schema;
  /** By step, the promise of the unit before. */
  #tails: Promise<unknown>[] = [];
  #units: Unit[] = [];
  #rowsUnderWay = 0;
  /** Rises at each restore: what units of before answer is not heard. */
  #life = 0;
  #commit: Commit | null = null;
  /** Whether rows for others were read: the position behind them is committed, so that retention may go on. */
  #passedBy = false;
  #done: readonly Position[] = [];
  #committedAt = -Infinity;
  readonly #waiting = new Set<() => void>();
  readonly #totals: Totals = { read: 0, ok: 0, filtered: 0, quarantined: 0, dropped: 0, written: 0 };

  constructor(input: TransformStageInput) {
    const { plan, log, services } = input;
    const { name, from, to } = plan.options;
    this.#input = input;
    this.id = transformReader(name);
    this.inputs = [from, REDRIVE_STREAM];
    this.#schema = plan.input;
    this.#steps = plan.steps.map((step) => step.open(services));
    const stream = log.stream(to)!;
    this.#partitions = stream.partitions;
    const toStream = shapeTo(plan.output, stream.schema, `transforms.${name}.schema`);
    this.#shape = both(plan.shape, toStream);
  }

  async restore(_committed: ReaderState | undefined): Promise<Position[]> {
    this.#life += 1;
    this.#units = [];
    this.#rowsUnderWay = 0;
    this.#tails = [];
    this.#commit?.giveBack();
    this.#commit = null;
    for (const step of this.#steps) await step.restore?.();
    return [];
  }

  process(batch: LogBatch): void {
    const work = workOf(batch, this.#input.plan.options.name, this.#schema);
    if (work === null) {
      this.#passedBy ||= batch.rows > 0;
      return;
    }
    const { stream, partition, baseOffset, rows } = batch;
    const unit: Unit = { stream, partition, baseOffset, rows, outcome: null, error: null };
    this.#units.push(unit);
    this.#rowsUnderWay += rows;
    const done = this.#run(work, this.#kept(work, allRows(work.input)), 0);
    if (!(done instanceof Promise)) unit.outcome = this.#outcome(work, done);
    else void this.#follow(unit, work, done);
  }

  /** Rows that are committed some time; what the promise answers after a restore is of no use any more. */
  async #follow(unit: Unit, work: Work, done: Promise<Rows>): Promise<void> {
    const life = this.#life;
    const before = this.#tails[this.#steps.length];
    const settled = (async () => {
      try {
        const rows = await done;
        await before;
        if (life === this.#life) unit.outcome = this.#outcome(work, rows);
      } catch (error) {
        unit.error = error;
      }
    })();
    this.#tails[this.#steps.length] = settled;
    await settled;
    this.#wake();
  }

  /** Runs the steps from `index` on: at once as long as they answer at once. */
  #run(work: Work, rows: Rows, index: number): Rows | Promise<Rows> {
    let current = rows;
    for (let i = index; i < this.#steps.length; i++) {
      const before = this.#tails[i];
      if (before !== undefined) return this.#runAfter(before, work, current, i);
      const result = this.#steps[i]!.run(current, work);
      if (result instanceof Promise) return this.#runLater(result, undefined, work, i);
      current = this.#kept(work, result);
    }
    return this.#shape === null ? current : this.#shape(current);
  }

  /** A step that takes its time has started already for an earlier unit: this one is behind it from here on. */
  #runAfter(before: Promise<unknown>, work: Work, rows: Rows, i: number): Promise<Rows> {
    const result = this.#steps[i]!.run(rows, work);
    return this.#runLater(Promise.resolve(result), before, work, i);
  }

  #runLater(result: Promise<Rows>, before: Promise<unknown> | undefined, work: Work, i: number): Promise<Rows> {
    const life = this.#life;
    let pass: () => void = () => undefined;
    this.#tails[i] = new Promise<void>((resolve) => (pass = resolve));
    return (async () => {
      try {
        const rows = await result;
        await before;
        return life === this.#life ? this.#run(work, this.#kept(work, rows), i + 1) : rows;
      } finally {
        // The next unit goes on only when this one has entered the next step.
        pass();
      }
    })();
  }

  /** Without the rows that have failed. */
  #kept(work: Work, rows: Rows): Rows {
    return work.failures.size === 0 ? rows : selectRows(rows, (_row, origin) => !work.hasFailed(origin));
  }

  #outcome(work: Work, rows: Rows): Outcome {
    const kept = this.#kept(work, rows);
    const own = this.#steps.flatMap((step) => step.settle?.(work) ?? []);
    return outcomeOf(work, kept, { reader: this.#input.plan.options.name, partitions: this.#partitions, own });
  }

  ready(): boolean {
    if (this.#rowsUnderWay >= ROWS_UNDER_WAY_MAX) return false;
    let held = 0;
    for (const step of this.#steps) held += step.heldBytes ?? 0;
    return held < BYTES_HELD_MAX;
  }

  changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#waiting.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      if (signal.aborted) return resolve();
      this.#waiting.add(done);
      signal.addEventListener('abort', done);
    });
  }

  #wake(): void {
    for (const done of this.#waiting) done();
  }

  flush(positions: readonly Position[]): StageOutput | null {
    const done: Outcome[] = [];
    for (const { outcome, error } of this.#units) {
      if (error !== null && done.length === 0) throw error;
      if (outcome === null) break;
      done.push(outcome);
    }
    const isIdle = done.length === 0 && (!this.#passedBy || this.#units.length > 0);
    if (isIdle || this.#mayWait(done, positions)) {
      this.#done = this.#committable(positions);
      return null;
    }
    this.#passedBy = false;
    this.#committedAt = this.#input.services.clock.monotonic();
    for (const { rows } of this.#units.splice(0, done.length)) this.#rowsUnderWay -= rows;
    const { options } = this.#input.plan;
    this.#commit = commitOf(done, {
      id: this.id,
      to: options.to,
      quarantine: this.#input.quarantine,
      edges: EDGES_STREAM,
    });
    return { outputs: this.#commit.outputs, state: NO_STATE, positions: this.#committable(positions) };
  }

  /**
   * While it catches up, a commit may wait for more rows: it holds counts by tenant, and many rows of
   * one tenant share one.
   */
  #mayWait(done: readonly Outcome[], positions: readonly Position[]): boolean {
    const { log, services } = this.#input;
    if (services.clock.monotonic() - this.#committedAt >= CATCH_UP_COMMIT_MS) return false;
    let rows = 0;
    for (const outcome of done) rows += outcome.rows;
    if (rows >= CATCH_UP_COMMIT_ROWS) return false;
    let lag = 0;
    for (const { stream, partition, offset } of positions) lag += log.range(stream, partition).end - offset;
    return lag >= CATCH_UP_LAG_ROWS;
  }

  done(): readonly Position[] {
    return this.#done;
  }

  /** The positions before the first unit of each partition that is still under way. */
  #committable(positions: readonly Position[]): readonly Position[] {
    if (this.#units.length === 0) return positions;
    const firsts = new Map<string, number>();
    for (const unit of this.#units) if (!firsts.has(positionKey(unit))) firsts.set(positionKey(unit), unit.baseOffset);
    return positions.map((position) => {
      const offset = firsts.get(positionKey(position));
      return offset === undefined ? position : { ...position, offset };
    });
  }

  committed(_result: AppendResult): void {
    if (this.#commit === null) return;
    for (const outcome of Object.keys(this.#totals) as (keyof Totals)[])
      this.#totals[outcome] += this.#commit.counts.total(outcome);
    this.#commit = null;
  }

  async close(): Promise<void> {
    this.#life += 1;
    for (const step of this.#steps) await step.close?.();
  }

  stats(): TransformStats {
    const { name, from, to } = this.#input.plan.options;
    const restarts = this.#steps.reduce((sum, step) => sum + (step.restarts ?? 0), 0);
    return { name, from, to, ...this.#totals, underWay: this.#rowsUnderWay, restarts };
  }
}

function both(
  first: ((rows: Rows) => Rows) | null,
  second: ((rows: Rows) => Rows) | null,
): ((rows: Rows) => Rows) | null {
  if (first === null || second === null) return first ?? second;
  return (rows) => second(first(rows));
}
