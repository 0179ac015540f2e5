/**
 * A view as a stage of the reader loop: its changes, its late rows and its positions are one append.
 *
 * Three things are kept outside the log, all derived from it: the *snapshot* of open windows at
 * positions S, the *closed store* at positions L, and memory. Always S <= L <= C, C being what the
 * log has committed: the store is written after a commit, and a snapshot after the store is on disk.
 *
 * Start: load the snapshot, replay from S to C without a word. Each stored window says up to which
 * positions it holds every row (`asOf`): a row below is skipped, and a table of the snapshot whose
 * window was stored later is dropped. At C the mark that lies in the log with the positions says
 * which windows were closed there. No snapshot, or one that does not fit: the replay begins at the
 * stream's start. A store that is ahead of the log is emptied.
 */
import { MillraceError } from '../util/errors.js';
import type { Clock } from '../io/clock.js';
import type { Disk } from '../io/disk.js';
import { LATE_STREAM } from '../event/internal.js';
import type { AppendResult, ArrivalClock, LogBatch, Log, Position, ReaderState, StreamRows } from '../log/log.js';
import type { LogStage, StageOutput } from '../log/stage.js';
import type { ViewPlan } from '../sql/plan.js';
import { Flow } from './operators/flow.js';
import { readMark, writeMark } from './mark.js';
import { isAtMost, offsetsOf, place } from './offsets.js';
import type { Progress } from './progress.js';
import type { FlowMark } from './operators/flow.js';
import { captureFlow, restoreFlow } from './operators/save.js';
import { sealedGroups } from './operators/seal.js';
import { ClosedStore } from './state/closed-store.js';
import type { SealedGroups } from './state/sealed-groups.js';
import { Snapshots } from './state/snapshot.js';
import type { LoadedSnapshot, SnapshotContent } from './state/snapshot.js';
import type { WindowTable } from './state/window-table.js';
import { planHash } from './plan-hash.js';

/** How a view runs. */
export interface ViewStageOptions {
  /** Most bytes of groups in memory; beyond it new groups are refused. Default 256 MiB. */
  readonly stateBytesMax: number;
  /** Least time between two snapshots, ms. Default 30,000. */
  readonly snapshotEveryMs: number;
  /** Rows after which positions are committed though nothing was published. Default 1,000,000. */
  readonly idleCommitRows: number;
}

/** The defaults of `ViewStageOptions`. */
export const VIEW_STAGE_DEFAULTS: ViewStageOptions = {
  stateBytesMax: 256 * 1024 * 1024,
  snapshotEveryMs: 30_000,
  idleCommitRows: 1_000_000,
};

/** What a view's stage needs. */
export interface ViewStageInput {
  readonly plan: ViewPlan;
  /** Where changes go: `ViewDescription.stream`. */
  readonly stream: string;
  /** Whether no other definition has replaced it. */
  readonly isCurrent: boolean;
  /** Where it tells how far it is complete; default nowhere. */
  readonly progress?: Progress;
  /** Names the reader; one a view and epoch. */
  readonly id: string;
  readonly log: Log;
  /** A folder of its own. */
  readonly folder: string;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly options?: Partial<ViewStageOptions>;
}

/** What a view is doing. */
export interface ViewStats {
  readonly name: string;
  readonly windows: number;
  readonly groups: number;
  readonly stateBytes: number;
  /** Windows that end before this are closed, ms; null before the first is known. */
  readonly completeThrough: number | null;
  readonly rows: number;
  /** Rows published to the changes stream. */
  readonly changes: number;
  readonly corrections: number;
  readonly windowsClosed: number;
  readonly late: number;
  readonly failed: number;
  readonly stateFull: number;
  readonly outputErrors: number;
  readonly snapshots: number;
}

/** Store writes that may wait before a commit waits for them. */
const STORE_QUEUE_MAX = 4;
/** Rows of a replay between two looks at what can be closed. */
const REPLAY_CLOSE_ROWS = 65_536;
/** Blocks removed at once from the closed store. */
const EVICT_BLOCKS = 1_000;

interface Pending {
  readonly tables: readonly WindowTable[];
  readonly positions: readonly Position[];
  readonly snapshot: SnapshotContent | null;
  /** Up to where the view is complete when this is committed, ms. */
  readonly completeThrough: number;
}

/** Runs one view. */
export class ViewStage implements LogStage {
  readonly store = 'log';
  readonly epoch = 1;
  readonly id: string;
  readonly inputs: readonly string[];
  readonly #input: ViewStageInput;
  readonly #options: ViewStageOptions;
  readonly #snapshots: Snapshots;
  readonly #closed: ClosedStore;
  #flow: Flow;
  #mark: FlowMark | null = null;
  #storedTo: ReadonlyMap<string, number> = new Map();
  readonly #offsets = new Map<string, Position>();
  #replayRows = 0;
  #rowsSinceCommit = 0;
  #everyAt = 0;
  #snapshotAt = 0;
  #snapshotCount = 0;
  #pending: Pending | null = null;
  #storing: Promise<void> = Promise.resolve();
  #storeQueue = 0;
  #storeError: unknown = null;
  #evictedTo = -Infinity;
  /** Whether the state is exactly what was committed last. */
  #settled = false;

  constructor(input: ViewStageInput) {
    const { plan, log, folder, disk } = input;
    this.#input = input;
    this.#options = { ...VIEW_STAGE_DEFAULTS, ...input.options };
    this.id = input.id;
    this.inputs = [plan.source];
    disk.makeFolder(folder);
    this.#snapshots = new Snapshots(disk, `${folder}/snapshot`, planHash(plan));
    this.#closed = new ClosedStore(`${folder}/closed`);
    if (log.stream(plan.source) === undefined)
      throw new MillraceError('STREAM_UNKNOWN', `view ${plan.name} reads ${plan.source}, which is no stream`);
    this.#flow = this.#newFlow();
  }

  #newFlow(): Flow {
    const { plan, log } = this.#input;
    const { schema, clock, partitions } = log.stream(plan.source)!;
    return new Flow({
      plan,
      schema,
      clock,
      partitions,
      stateBytesMax: this.#options.stateBytesMax,
      closed: this.#closed,
    });
  }

  async restore(committed: ReaderState | undefined): Promise<Position[]> {
    await this.#storing;
    this.#storing = Promise.resolve();
    this.#storeError = null;
    this.#pending = null;
    this.#settled = false;
    this.#flow = this.#newFlow();
    this.#mark = committed === undefined ? null : readMark(committed.state);
    this.#flow.publishedTo = this.#mark?.publishedTo ?? null;
    this.#flow.txn = this.#mark?.txn ?? 0;
    this.#everyAt = this.#snapshotAt = this.#input.clock.monotonic();
    const log = offsetsOf(committed?.positions ?? []);
    if (!isAtMost(this.#closed.positions ?? new Map(), log)) await this.#closed.clear();
    this.#storedTo = this.#closed.positions ?? new Map();
    const snapshot = this.#fitting(log);
    if (snapshot !== undefined)
      restoreFlow(this.#flow, snapshot, (start) => this.#isStoredAfter(start, snapshot.positions));
    const start = snapshot?.positions ?? this.#oldest();
    this.#offsets.clear();
    for (const position of start) this.#offsets.set(place(position), position);
    return [...start];
  }

  /** The snapshot, if it is of this stream's partitions and neither store nor log is behind it. */
  #fitting(log: ReadonlyMap<string, number>): LoadedSnapshot | undefined {
    const snapshot = this.#snapshots.read();
    if (snapshot === undefined) return undefined;
    const at = offsetsOf(snapshot.positions);
    return isAtMost(at, this.#storedTo) && isAtMost(at, log) ? snapshot : undefined;
  }

  #isStoredAfter(start: number, positions: readonly Position[]): boolean {
    const asOf = this.#closed.asOf(start);
    return asOf !== undefined && positions.some((position) => (asOf.get(place(position)) ?? 0) > position.offset);
  }

  #oldest(): Position[] {
    const { source } = this.#input.plan;
    const { partitions } = this.#input.log.stream(source)!;
    return Array.from({ length: partitions }, (_, partition) => ({
      stream: source,
      partition,
      offset: this.#input.log.range(source, partition).start,
    }));
  }

  process(batch: LogBatch, replay: boolean): void {
    const name = place(batch);
    this.#settled = false;
    this.#flow.process(batch, replay, this.#storedTo.get(name) ?? 0);
    const clockTotalMs = Math.max(batch.clockTotalMs, this.#offsets.get(name)?.clockTotalMs ?? 0);
    const offset = batch.baseOffset + batch.rows;
    this.#offsets.set(name, {
      stream: batch.stream,
      partition: batch.partition,
      offset,
      ...(clockTotalMs === 0 ? {} : { clockTotalMs }),
    });
    this.#rowsSinceCommit += batch.rows;
    if (replay) this.#replayed(batch, name, offset);
  }

  #replayed(batch: LogBatch, name: string, offset: number): void {
    const { publishedTo } = this.#flow;
    const published =
      publishedTo === null ? Infinity : (publishedTo.find((position) => place(position) === name)?.offset ?? 0);
    if (offset <= published) this.#flow.settle();
    this.#replayRows += batch.rows;
    if (this.#replayRows < REPLAY_CLOSE_ROWS || this.#mark === null) return;
    this.#replayRows = 0;
    const now = this.#flow.arrival?.now ?? Infinity;
    this.#keep(
      this.#flow.closeSilently(this.#mark, Math.min(now, this.#mark.closeClock)),
      [...this.#offsets.values()],
      null,
    );
  }

  replayed(): void {
    const mark = this.#mark;
    this.#mark = null;
    if (mark === null) return;
    const tables = this.#flow.closeSilently(mark, mark.closeClock);
    this.#keep(tables, [...this.#offsets.values()], null);
  }

  tick(_stream: string, clock: ArrivalClock): void {
    this.#flow.tick(clock, clock.ends);
  }

  flush(positions: readonly Position[]): StageOutput | null {
    if (this.#storeError !== null) throw this.#storeError;
    this.#noteArrival(positions);
    const { emit } = this.#input.plan;
    const now = this.#input.clock.monotonic();
    const everyDue = emit.kind === 'every' && now - this.#everyAt >= emit.ms;
    if (everyDue) this.#everyAt = now;
    const output = this.#flow.flush(positions, everyDue);
    const outputs: StreamRows[] = [
      ...output.changes.map((rows) => ({ stream: this.#input.stream, rows })),
      // Late rows are the newest definition's to tell, or each would be there twice.
      ...(this.#input.isCurrent ? output.late.map((rows) => ({ stream: LATE_STREAM, rows })) : []),
    ];
    const { completeThrough } = this.#flow;
    if (outputs.length === 0 && output.sealed.length === 0 && !this.#positionsDue(now)) {
      this.#input.progress?.tell(completeThrough);
      return null;
    }
    const snapshot = this.#captureWhenDue(positions, now);
    this.#pending = { tables: output.sealed, positions, snapshot, completeThrough };
    this.#rowsSinceCommit = 0;
    this.#settled = false;
    return { outputs, state: writeMark(this.#flow.mark()) };
  }

  #noteArrival(positions: readonly Position[]): void {
    const offsets: number[] = [];
    for (const { partition, offset } of positions) offsets[partition] = offset;
    this.#flow.tick(this.#input.log.arrivalClock(this.#input.plan.source), offsets);
  }

  #positionsDue(now: number): boolean {
    if (this.#rowsSinceCommit === 0) return false;
    return (
      this.#rowsSinceCommit >= this.#options.idleCommitRows || now - this.#snapshotAt >= this.#options.snapshotEveryMs
    );
  }

  #captureWhenDue(positions: readonly Position[], now: number): SnapshotContent | null {
    if (now - this.#snapshotAt < this.#options.snapshotEveryMs) return null;
    this.#snapshotAt = now;
    return captureFlow(this.#flow, positions, (file) => this.#snapshots.has(file));
  }

  async committed(_result: AppendResult, _output: StageOutput): Promise<void> {
    const pending = this.#pending;
    this.#pending = null;
    if (pending === null) return;
    this.#settled = true;
    this.#input.progress?.tell(pending.completeThrough);
    this.#keep(pending.tables, pending.positions, pending.snapshot);
    if (this.#storeQueue >= STORE_QUEUE_MAX) await this.#storing;
  }

  /** Queues sealed tables for the store, and behind them a snapshot. */
  #keep(tables: readonly WindowTable[], positions: readonly Position[], snapshot: SnapshotContent | null): void {
    if (tables.length === 0 && snapshot === null) return;
    const { state } = this.#flow;
    this.#storeQueue++;
    const before = this.#storing;
    this.#storing = (async () => {
      await before;
      if (this.#storeError !== null) return;
      try {
        const windows: SealedGroups[] = [];
        for (const table of tables) windows.push(await sealedGroups(state, table, giveWay));
        await this.#closed.write(windows, positions);
        state.release(tables);
        await this.#evict();
        if (snapshot !== null) await this.#writeSnapshot(snapshot);
      } catch (error) {
        this.#storeError = error;
      } finally {
        this.#storeQueue--;
      }
    })();
  }

  async #writeSnapshot(snapshot: SnapshotContent): Promise<void> {
    await this.#closed.flushed();
    await this.#snapshots.write(snapshot);
    this.#snapshotCount++;
    await this.#input.log.registerReader(this.id, snapshot.positions);
  }

  /** Removes stored windows that no row can correct any more. */
  async #evict(): Promise<void> {
    const { lagMs, allowedLatenessMs, window } = this.#input.plan;
    const now = this.#flow.arrival?.now ?? this.#flow.event!.least();
    const start = Math.floor(now - lagMs - allowedLatenessMs - window.sizeMs);
    if (!Number.isFinite(start) || start < this.#evictedTo + window.sizeMs) return;
    if ((await this.#closed.evict(start, EVICT_BLOCKS)) < EVICT_BLOCKS) this.#evictedTo = start;
  }

  async close(): Promise<void> {
    await this.#storing;
    if (this.#settled && this.#storeError === null) {
      const positions = [...this.#offsets.values()];
      this.#keep(
        [],
        positions,
        captureFlow(this.#flow, positions, (file) => this.#snapshots.has(file)),
      );
      await this.#storing;
    }
    await this.#closed.close();
  }

  /** The source of the kernel generated last. */
  get kernelSource(): string {
    return this.#flow.state.kernelSource;
  }

  stats(): ViewStats {
    const { state, changes } = this.#flow;
    let groups = 0;
    for (const table of state.tables.values()) groups += table.groups;
    const complete = this.#flow.completeThrough;
    return {
      name: this.#input.plan.name,
      windows: state.tables.size,
      groups,
      stateBytes: state.bytes,
      completeThrough: Number.isFinite(complete) ? complete : null,
      rows: state.counters.rows,
      changes: changes.total,
      corrections: state.counters.corrections,
      windowsClosed: state.counters.windowsClosed,
      late: state.counters.late,
      failed: state.counters.failed,
      stateFull: state.counters.stateFull,
      outputErrors: changes.outputErrors,
      snapshots: this.#snapshotCount,
    };
  }
}

/** Lets the thread do other work. */
function giveWay(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
