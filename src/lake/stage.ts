/**
 * Takes one stream to the lake: an instance of the reader loop with a store of its own.
 *
 * Purpose. Rows leave the log for sorted Parquet files: first as runs (at most `runRowsMax` rows or
 * `runAgeMaxMs` old), by the hour in which they arrived; when the arrival clock has passed the end
 * of an hour, its runs are merged into a few large files, however many tenants there are.
 *
 * Limits. Rows wait in memory up to `runRowsMax` and `runBytesMax`; then reading stops until the
 * run is written. A merge holds one row group of at most `FAN_IN` runs. One merge at a time.
 *
 * Invariants
 * - A snapshot's files hold exactly the rows below its committed offsets, each once.
 * - Every commit is `commitSnapshot`, and they follow one another: a run and a merge never overlap
 *   in it, because committing does not wait for anything.
 * - A merge replaces files by files with the same rows; it never moves `committed`.
 *
 * Recovery. What is not in the snapshot is in the log: after an error or a crash the stage reads the
 * snapshot anew, drops what it holds, sweeps orphans and starts at the committed offsets.
 */
import { join } from 'node:path';
import type { Schema } from '../event/schema.js';
import type { Clock } from '../io/clock.js';
import type { Disk } from '../io/disk.js';
import type { ArrivalClock, LogBatch, LostRows, Position, StreamDefinition } from '../log/log.js';
import type { OwnStage } from '../log/stage.js';
import { MillraceError } from '../util/errors.js';
import { FAN_IN, mergeRuns } from './merge.js';
import { HOUR_MS, LAKE_DEFAULTS, type LakeOptions } from './options.js';
import { RunBuffer } from './run.js';
import { lakeSchema } from './schema.js';
import { commitSnapshot, dataFolder, openLake, type LakeFile, type LakeSnapshot } from './snapshot.js';

/** What a lake stage needs. */
export interface LakeStageInput {
  readonly stream: string;
  /** The stream as the log knows it now: its schema may have grown. */
  readonly definition: () => StreamDefinition;
  /** The lake's folder; each stream has one of its own in it. */
  readonly folder: string;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly options?: Partial<LakeOptions>;
}

/** What a lake stage is doing. */
export interface LakeStatus {
  readonly stream: string;
  readonly version: number;
  readonly committed: readonly number[];
  readonly files: number;
  readonly bytes: number;
  readonly rows: number;
  /** Runs that wait to be merged. */
  readonly runs: number;
  /** Rows read from the log that are in no file yet. */
  readonly rowsWaiting: number;
  readonly merging: boolean;
  readonly commits: number;
  /** Time spent in commits, their syncs included; seconds. */
  readonly commitSecondsSum: number;
  /** Bytes of Parquet written since the start, runs and merged files. */
  readonly bytesWritten: number;
  readonly merges: number;
  /** Why the last merge failed, or null. */
  readonly mergeFailure: string | null;
  /** Orphans of crashes that were swept. */
  readonly swept: number;
}

/** Takes one stream to the lake. */
export class LakeStage implements OwnStage {
  readonly store = 'own';
  readonly id: string;
  readonly inputs: readonly string[];
  readonly #stream: string;
  readonly #definition: () => StreamDefinition;
  readonly #folder: string;
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly #options: LakeOptions;
  #snapshot: LakeSnapshot | null = null;
  /** The schema of the rows that wait. */
  #source: Schema | null = null;
  #buffers = new Map<number, RunBuffer>();
  #oldestAt = 0;
  #positions: number[] = [];
  /** `committed` has moved since the loop last heard of it. */
  #moved = false;
  #hurried = false;
  #broken: unknown = null;
  #mergeRound = 0;
  #merge: Promise<void> | null = null;
  /** Hours whose merge failed, and when to try again (monotonic). */
  readonly #retryAt = new Map<number, number>();
  #merges = 0;
  #commits = 0;
  #commitMs = 0;
  #bytesWritten = 0;
  #mergeFailure: string | null = null;
  #swept = 0;

  constructor(input: LakeStageInput) {
    this.id = `lake.${input.stream}`;
    this.inputs = [input.stream];
    this.#stream = input.stream;
    this.#definition = input.definition;
    this.#folder = input.folder;
    this.#disk = input.disk;
    this.#clock = input.clock;
    this.#options = { ...LAKE_DEFAULTS, ...input.options };
  }

  async restore(): Promise<readonly Position[]> {
    await this.#endMerge();
    this.#buffers = new Map();
    this.#broken = null;
    this.#moved = false;
    const { schema } = this.#definition();
    const { snapshot, swept } = openLake(this.#disk, this.#folder, this.#stream);
    this.#swept += swept.length;
    this.#snapshot = snapshot ?? { stream: this.#stream, version: 0, schema, committed: [], files: [], removed: [] };
    this.#positions = [...this.#snapshot.committed];
    return this.#held();
  }

  process(batch: LogBatch): void | Promise<void> {
    this.#check();
    if (batch.rows === 0) return;
    const { schema } = batch.batch;
    // A run has one schema: what came before the stream's grew goes out first.
    if (this.#buffers.size > 0 && schema !== this.#source) return this.#cut().then(() => this.process(batch));
    const hour = batch.receivedAt - (batch.receivedAt % HOUR_MS);
    let buffer = this.#buffers.get(hour);
    if (buffer === undefined) {
      if (this.#buffers.size === 0) {
        this.#oldestAt = this.#clock.monotonic();
        this.#source = schema;
      }
      this.#buffers.set(hour, (buffer = new RunBuffer(lakeSchema(schema), hour)));
    }
    buffer.add(batch);
    this.#positions[batch.partition] = batch.baseOffset + batch.rows;
    if (this.#rowsWaiting() >= this.#options.runRowsMax || this.#bytesWaiting() >= this.#options.runBytesMax)
      return this.#cut();
  }

  skipped({ partition, to }: LostRows): void {
    this.#positions[partition] = Math.max(this.#positions[partition] ?? 0, to);
  }

  async tick(_stream: string, { clockMs }: ArrivalClock): Promise<void> {
    this.#check();
    for (const hour of this.#buffers.keys())
      if (hour + HOUR_MS <= clockMs) {
        await this.#cut();
        break;
      }
    this.#sweepRemoved();
    this.#startMerge(clockMs);
  }

  async flush(positions: readonly Position[]): Promise<readonly Position[] | null> {
    this.#check();
    for (const { partition, offset } of positions) this.#positions[partition] ??= offset;
    const old = this.#buffers.size > 0 && this.#clock.monotonic() - this.#oldestAt >= this.#options.runAgeMaxMs;
    if (old || this.#hurried) await this.#cut();
    if (!this.#moved) return null;
    this.#moved = false;
    return this.#held();
  }

  /** Stops the merge in progress; the rows that wait are in the log. */
  async close(): Promise<void> {
    await this.#endMerge();
  }

  /** While true, every flush makes a run of what waits, however little that is. */
  set hurried(hurried: boolean) {
    this.#hurried = hurried;
  }

  /** Resolves when no merge is running. */
  async settled(): Promise<void> {
    await this.#merge;
  }

  status(): LakeStatus {
    const files = this.#snapshot?.files ?? [];
    return {
      stream: this.#stream,
      version: this.#snapshot?.version ?? 0,
      committed: this.#snapshot?.committed ?? [],
      files: files.length,
      bytes: files.reduce((sum, file) => sum + file.bytes, 0),
      rows: files.reduce((sum, file) => sum + file.rows, 0),
      runs: files.filter((file) => file.kind === 'run').length,
      rowsWaiting: this.#rowsWaiting(),
      merging: this.#merge !== null,
      merges: this.#merges,
      commits: this.#commits,
      commitSecondsSum: this.#commitMs / 1000,
      bytesWritten: this.#bytesWritten,
      mergeFailure: this.#mergeFailure,
      swept: this.#swept,
    };
  }

  #held(): Position[] {
    return this.#snapshot!.committed.map((offset, partition) => ({ stream: this.#stream, partition, offset }));
  }

  #rowsWaiting(): number {
    let rows = 0;
    for (const buffer of this.#buffers.values()) rows += buffer.rows;
    return rows;
  }

  #bytesWaiting(): number {
    let bytes = 0;
    for (const buffer of this.#buffers.values()) bytes += buffer.bytes;
    return bytes;
  }

  /** A commit that failed in the background leaves an unknown state: the loop shall restore. */
  #check(): void {
    const broken = this.#broken;
    if (broken === null) return;
    this.#broken = null;
    throw broken;
  }

  /** Writes everything that waits as runs and commits them. */
  async #cut(): Promise<void> {
    const committed = this.#reached();
    // Offsets alone move when rows were skipped as damaged.
    if (
      this.#buffers.size === 0 &&
      committed.every((offset, partition) => offset === this.#snapshot!.committed[partition])
    )
      return;
    const data = dataFolder(this.#folder, this.#stream);
    const files: LakeFile[] = [];
    for (const buffer of this.#buffers.values())
      files.push(await buffer.write(this.#disk, data, this.#options.runLevel, breathe));
    const before = this.#snapshot!;
    this.#commit({ ...before, committed, files: [...before.files, ...files] });
    this.#buffers = new Map();
    this.#moved = true;
  }

  /** One past the last row taken, by partition. */
  #reached(): number[] {
    const partitions = Math.max(this.#definition().partitions, this.#positions.length);
    return Array.from(
      { length: partitions },
      (_, partition) => this.#positions[partition] ?? this.#snapshot!.committed[partition] ?? 0,
    );
  }

  #commit(next: LakeSnapshot): void {
    const now = this.#clock.now();
    const gone = next.removed.filter((file) => now - file.sinceMs >= this.#options.graceMs);
    const removed = next.removed.filter((file) => !gone.includes(file));
    const snapshot = { ...next, removed, version: this.#snapshot!.version + 1, schema: this.#definition().schema };
    const start = this.#clock.monotonic();
    commitSnapshot(this.#disk, this.#folder, snapshot);
    this.#commitMs += this.#clock.monotonic() - start;
    this.#commits++;
    const known = new Set(this.#snapshot!.files);
    for (const file of snapshot.files) if (!known.has(file)) this.#bytesWritten += file.bytes;
    this.#snapshot = snapshot;
    for (const file of gone) this.#disk.remove(join(dataFolder(this.#folder, this.#stream), file.name));
  }

  #sweepRemoved(): void {
    const { removed } = this.#snapshot!;
    if (removed.length > 0 && this.#clock.now() - removed[0]!.sinceMs >= this.#options.graceMs)
      this.#commit(this.#snapshot!);
  }

  #startMerge(clockMs: number): void {
    if (this.#merge !== null) return;
    const now = this.#clock.monotonic();
    const ended = this.#snapshot!.files.filter(
      (file) => file.kind === 'run' && file.hour + HOUR_MS <= clockMs && (this.#retryAt.get(file.hour) ?? 0) <= now,
    );
    if (ended.length === 0) return;
    const hour = Math.min(...ended.map((file) => file.hour));
    const runs = ended.filter((file) => file.hour === hour);
    const round = ++this.#mergeRound;
    this.#merge = this.#mergeHour(runs, round).then(
      () => {
        this.#merge = null;
        this.#mergeFailure = null;
        this.#retryAt.delete(hour);
      },
      (error: unknown) => {
        this.#merge = null;
        if (round !== this.#mergeRound) return;
        this.#mergeFailure = error instanceof Error ? error.message : String(error);
        this.#retryAt.set(hour, this.#clock.monotonic() + this.#options.mergeRetryMs);
      },
    );
  }

  async #mergeHour(runs: readonly LakeFile[], round: number): Promise<void> {
    const last = runs.length <= FAN_IN;
    const inputs = runs.slice(0, FAN_IN);
    const files = await mergeRuns(this.#disk, dataFolder(this.#folder, this.#stream), inputs, last ? 'merged' : 'run', {
      schema: lakeSchema(this.#definition().schema),
      groupRows: this.#options.mergedGroupRows,
      fileBytes: last ? this.#options.mergedFileBytes : Infinity,
      level: last ? this.#options.mergedLevel : this.#options.runLevel,
      breathe: async () => {
        await breathe();
        this.#checkRound(round);
      },
    });
    this.#checkRound(round);
    this.#replace(inputs, files);
    this.#merges++;
  }

  #checkRound(round: number): void {
    if (round !== this.#mergeRound) throw new MillraceError('SHUTTING_DOWN', 'the merge was given up');
  }

  #replace(inputs: readonly LakeFile[], files: readonly LakeFile[]): void {
    const before = this.#snapshot!;
    const names = new Set(inputs.map((file) => file.name));
    const now = this.#clock.now();
    const removed = [...before.removed, ...inputs.map((file) => ({ name: file.name, sinceMs: now }))];
    try {
      this.#commit({ ...before, files: [...before.files.filter((file) => !names.has(file.name)), ...files], removed });
    } catch (error) {
      this.#broken = error;
      throw error;
    }
  }

  async #endMerge(): Promise<void> {
    this.#mergeRound++;
    await this.#merge;
  }
}

function breathe(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
