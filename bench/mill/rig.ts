/**
 * A log on disk with streams whose rows are stamped by a clock set by hand, and views run over it from its
 * start to its end by the reader loop, as the mill runs them.
 *
 * What a view publishes goes nowhere (`silent`), as into other engines' blackhole sinks, unless the bench wants
 * it durable; positions and snapshots are as usual.
 */
import { once } from 'node:events';
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ColumnBatch } from '../../src/event/columns.js';
import { LATE_SCHEMA, LATE_STREAM } from '../../src/event/internal.js';
import { rowOf } from '../../src/event/rows.js';
import type { Schema } from '../../src/event/schema.js';
import { systemClock, type Clock } from '../../src/io/clock.js';
import { realDisk } from '../../src/io/disk-real.js';
import { systemRandom } from '../../src/io/random.js';
import { openLog, type EmbeddedLog } from '../../src/log/embedded/open.js';
import type { AppendGroup, Log } from '../../src/log/log.js';
import { startReaderLoop } from '../../src/log/reader-loop.js';
import { SharedViews } from '../../src/mill/kernels/shared-views.js';
import { RelationalStage } from '../../src/mill/relational/stage.js';
import { ViewStage } from '../../src/mill/stage.js';
import type { RunningView } from '../../src/mill/stage-options.js';
import { isRelational, type StandingPlan } from '../../src/sql/standing.js';
import { describeView } from '../../src/sql/describe.js';
import { planned, type BenchStream } from './plan.js';

/** Rows of one stream that came at one moment. */
export interface Arrival {
  readonly stream: string;
  readonly rows: ColumnBatch;
  /** The stamp, ms. */
  readonly atMs: number;
}

/** What became of a run. */
export interface ViewRun {
  /** Rows read. */
  readonly records: number;
  /** Batches of the changes stream; empty where they were not kept. */
  readonly changes: readonly ColumnBatch[];
  readonly stage: RunningView;
}

/** How a view is run. */
export interface RunOptions {
  /** Keeps what it publishes. Default false. */
  readonly keeps?: boolean;
  /** Commits what it publishes to the log. Default false. */
  readonly durable?: boolean;
  /** Least time between two snapshots, ms. Default 30,000. */
  readonly snapshotEveryMs?: number;
  readonly stateBytesMax?: number;
}

/** How long behind the last row the clock stands once all are in: every window is closed. */
const END_MS = 30 * 86_400_000;

/** See the head of the file. */
export class Rig {
  readonly log: EmbeddedLog;
  readonly folder: string;
  readonly streams: readonly BenchStream[];
  readonly #shared = new SharedViews();
  #runs = 0;

  private constructor(log: EmbeddedLog, folder: string, streams: readonly BenchStream[]) {
    this.log = log;
    this.folder = folder;
    this.streams = streams;
  }

  /** A log that holds `arrivals`, whose stamps never fall; without, one with the system's clock. */
  static async open(streams: readonly BenchStream[], arrivals?: Iterable<Arrival>): Promise<Rig> {
    const folder = mkdtempSync(join(tmpdir(), 'bench-mill-'));
    const clock = new HandClock();
    const log = await openLog({
      folder: join(folder, 'log'),
      disk: realDisk,
      clock: arrivals === undefined ? systemClock : clock,
      random: systemRandom,
    });
    const rig = new Rig(log, folder, streams);
    await rig.create(LATE_STREAM, LATE_SCHEMA);
    for (const { name, schema } of streams) await rig.create(name, schema);
    for (const { stream, rows, atMs } of arrivals ?? []) {
      clock.time = atMs;
      await log.append({ batches: [{ stream, rows }] });
    }
    clock.time += END_MS;
    globalThis.gc?.();
    return rig;
  }

  /** Makes a stream. */
  async create(name: string, schema: Schema): Promise<void> {
    await this.log.createStream({
      name,
      schema,
      partitions: 1,
      clock: 'arrival',
      retentionMs: 1e12,
      bytesMax: 1e12,
      policy: 'refuse',
    });
  }

  plan(sql: string): Promise<StandingPlan> {
    return planned(sql, this.streams);
  }

  /** Runs a view over all rows; ends once everything is closed, published and committed. */
  async run(plan: StandingPlan, options: RunOptions = {}): Promise<ViewRun> {
    const changes: ColumnBatch[] = [];
    const { log, stage } = await this.stage(plan, options, options.keeps === true ? changes : null);
    const loop = startReaderLoop({ log, stage, clock: systemClock });
    await loop.drained();
    await loop.stop();
    const { state, reason } = loop.status();
    if (reason !== null) throw new Error(`${plan.name} is ${state}: ${reason}`);
    return { records: stage.stats().rows, changes, stage };
  }

  /** A view's stage, with a reader and a folder that no other has, and the log that it is to run on. */
  async stage(
    plan: StandingPlan,
    { durable = false, snapshotEveryMs = 30_000, stateBytesMax = 2 ** 32 }: RunOptions = {},
    changes: ColumnBatch[] | null = null,
  ): Promise<{ log: Log; stage: RunningView }> {
    const name = `${plan.name}.${++this.#runs}`;
    if (durable) await this.create(`view.${name}`, describeView(plan, NO_EPOCH).schema);
    const log = durable ? this.log : silent(this.log, changes);
    const folder = join(this.folder, name);
    const options = { snapshotEveryMs, stateBytesMax };
    return { log, stage: stageOf(plan, { name, log, folder, shared: this.#shared, options }) };
  }

  /** The rows of streams as lines of JSON, in the order in which they came; the stream's name is their first field. */
  async write(file: string, arrivals: Iterable<Arrival>): Promise<void> {
    const output = createWriteStream(join(this.folder, file));
    for (const { rows, stream, atMs } of arrivals) {
      let text = '';
      for (let i = 0; i < rows.rows; i++)
        text += `${JSON.stringify({ stream, ...rowOf(rows, i), received_at: atMs })}\n`;
      if (!output.write(text)) await once(output, 'drain');
    }
    await new Promise<void>((done) => output.end(done));
  }

  async close(): Promise<void> {
    await this.log.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A view's stage, as the mill makes it. */
export function stageOf(
  plan: StandingPlan,
  {
    name,
    ...given
  }: {
    readonly name: string;
    readonly log: Log;
    readonly folder: string;
    readonly shared: SharedViews;
    readonly options: { readonly snapshotEveryMs: number; readonly stateBytesMax: number };
  },
): RunningView {
  const common = { ...given, stream: `view.${name}`, id: `mill.${name}`, disk: realDisk, clock: systemClock };
  return isRelational(plan) ? new RelationalStage({ ...common, plan }) : new ViewStage({ ...common, plan });
}

/** Names no epoch. */
export const NO_EPOCH = { number: 1, id: '1.0', sinceMs: null };

/** A log whose commits of outputs are taken and dropped, or kept in `changes`. */
function silent(log: Log, changes: ColumnBatch[] | null): Log {
  return {
    append: async ({ batches }: AppendGroup) => {
      if (changes !== null)
        for (const { rows, stream } of batches) if (stream !== LATE_STREAM && 'schema' in rows) changes.push(rows);
      return { appended: [], receivedAt: 0 };
    },
    cursor: (stream, partition, offset) => log.cursor(stream, partition, offset),
    stream: (name) => log.stream(name),
    streams: () => log.streams(),
    range: (stream, partition) => log.range(stream, partition),
    arrivalClock: (stream) => log.arrivalClock(stream),
    reader: () => undefined,
    holds: () => undefined,
    registerReader: async () => {},
    removeReader: async () => {},
  };
}

/** A clock whose wall time is set by hand; timers are real. */
class HandClock implements Clock {
  time = 0;

  now(): number {
    return this.time;
  }

  monotonic(): number {
    return systemClock.monotonic();
  }

  after(delayMs: number, run: () => void): () => void {
    return systemClock.after(delayMs, run);
  }
}
