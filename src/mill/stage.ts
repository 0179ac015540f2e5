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
 * stream's start. A store that is ahead of the log is emptied. Tables that rows are looked up in are read again
 * from their start (`table-turns.ts`).
 */
import { MillraceError } from '../util/errors.js';
import { LATE_STREAM } from '../event/internal.js';
import type { AppendResult, ArrivalClock, LogBatch, Position, ReaderState, StreamRows } from '../log/log.js';
import type { LogStage, StageOutput } from '../log/stage.js';
import { Flow } from './operators/flow.js';
import { readMark, writeMark } from './mark.js';
import { isAtMost, offsetsOf, place } from './offsets.js';
import type { FlowMark } from './operators/flow.js';
import { flowStanding, flowStats } from './operators/flow-standing.js';
import { captureFlow, restoreFlow } from './operators/save.js';
import { sealedGroups } from './operators/seal.js';
import { ClosedStore } from './state/closed-store.js';
import type { SealedGroups } from './state/sealed-groups.js';
import { Snapshots } from './state/snapshot.js';
import type { LoadedSnapshot, SnapshotContent } from './state/snapshot.js';
import type { WindowTable } from './state/window-table.js';
import { Delays } from './delays.js';
import type { SharedView } from './kernels/shared-views.js';
import { planHash } from './plan-hash.js';
import { sourcesOfFused } from '../sql/standing.js';
import { oldestOf, TableTurns } from './table-turns.js';
import type { ViewStanding } from './standing.js';
import { giveWay, VIEW_STAGE_DEFAULTS } from './stage-options.js';
import type { RunningView, ViewStageInput, ViewStageOptions, ViewStats } from './stage-options.js';

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
export class ViewStage implements LogStage, RunningView {
  readonly store = 'log';
  readonly epoch = 1;
  readonly id: string;
  readonly inputs: readonly string[];
  readonly #input: ViewStageInput;
  readonly #options: ViewStageOptions;
  readonly #snapshots: Snapshots;
  readonly #closed: ClosedStore;
  readonly #delays: Delays;
  readonly #shared: SharedView | null;
  /** Of the tables that rows are looked up in; null: there are none. */
  #turns: TableTurns | null;
  /** Whether `process` is below the committed positions. */
  #isReplay = false;
  /** The oldest rows that a start needs. */
  #held: readonly Position[] = [];
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
    this.inputs = sourcesOfFused(plan);
    disk.makeFolder(folder);
    this.#snapshots = new Snapshots(disk, `${folder}/snapshot`, input.hash ?? planHash(plan));
    this.#closed = new ClosedStore(`${folder}/closed`);
    this.#delays = new Delays(log.stream(plan.source)?.clock ?? 'arrival');
    for (const source of this.inputs)
      if (log.stream(source) === undefined)
        throw new MillraceError('STREAM_UNKNOWN', `view ${plan.name} reads ${source}, which is no stream`);
    this.#shared = input.shared?.join(plan, log.stream(plan.source)!.schema) ?? null;
    this.#flow = this.#newFlow();
    this.#turns = this.#newTurns();
    if (this.#turns !== null) this.done = () => [...this.#offsets.values()];
  }

  /** Up to where batches have had their turn; without tables the loop knows it itself. */
  done?: () => readonly Position[];

  #newTurns(): TableTurns | null {
    const { log, plan } = this.#input;
    return plan.lookups === undefined ? null : new TableTurns(log, plan.source, plan.lookups);
  }

  #newFlow(): Flow {
    const { plan, log } = this.#input;
    const { schema, clock, partitions } = log.stream(plan.source)!;
    return new Flow({
      plan,
      schema,
      schemaOf: (source) => log.stream(source)!.schema,
      clock,
      partitions,
      stateBytesMax: this.#options.stateBytesMax,
      closed: this.#closed,
      shared: this.#shared,
    });
  }

  async restore(committed: ReaderState | undefined): Promise<Position[]> {
    await this.#storing;
    this.#storing = Promise.resolve();
    this.#storeError = null;
    this.#pending = null;
    this.#settled = false;
    this.#flow = this.#newFlow();
    this.#turns = this.#newTurns();
    this.#mark = committed === undefined ? null : readMark(committed.state);
    this.#flow.publishedTo = this.#publishedTo(committed);
    this.#flow.txn = this.#mark?.txn ?? 0;
    this.#everyAt = this.#snapshotAt = this.#input.clock.monotonic();
    const log = offsetsOf(committed?.positions ?? []);
    if (!isAtMost(this.#closed.positions ?? new Map(), log)) await this.#closed.clear();
    this.#storedTo = this.#closed.positions ?? new Map();
    const snapshot = this.#fitting(log);
    if (snapshot !== undefined)
      restoreFlow(this.#flow, snapshot, (start) => this.#isStoredAfter(start, snapshot.positions));
    const start = snapshot?.positions ?? oldestOf(this.#input.log, this.#input.plan.source);
    this.#held = [...start, ...(this.#turns?.oldest() ?? [])];
    this.#offsets.clear();
    for (const position of this.#held) this.#offsets.set(place(position), position);
    return [...this.#held];
  }

  /** A start goes back to the snapshot, and to the begin of tables. */
  holds(): readonly Position[] {
    return this.#held;
  }

  /** The stream's positions: tables have none in what is kept. */
  #own(positions: Iterable<Position>): Position[] {
    return [...positions].filter(({ stream }) => stream === this.#input.plan.source);
  }

  /** Before the first publication nothing is; where a view published on every change before, all that is committed. */
  #publishedTo(committed: ReaderState | undefined): readonly Position[] | null {
    const said = this.#mark?.publishedTo ?? null;
    return this.#input.plan.emit.kind === 'every' ? (said ?? committed?.positions ?? []) : said;
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

  process(batch: LogBatch, replay: boolean): void {
    this.#isReplay = replay;
    if (this.#turns === null) return this.#take(batch);
    this.#turns.add(batch);
    this.#takeDue(false);
  }

  /** Reads no more while too many rows wait for their turn. */
  ready(): boolean {
    return this.#turns?.isReady ?? true;
  }

  #takeDue(all: boolean): void {
    for (const batch of this.#turns?.due(all) ?? []) this.#take(batch);
  }

  #take(batch: LogBatch): void {
    const name = place(batch);
    const isTable = batch.stream !== this.#input.plan.source;
    this.#settled = false;
    if (!isTable) this.#delays.take(batch, this.#input.plan.eventTime);
    const isTold = this.#input.late?.tells(batch) ?? true;
    if (!isTable) this.#flow.process(batch, this.#isReplay || !isTold, this.#storedTo.get(name) ?? 0);
    else if (batch.rows > 0) this.#flow.takeTable(batch, this.#isReplay || !isTold);
    const clockTotalMs = Math.max(batch.clockTotalMs, this.#offsets.get(name)?.clockTotalMs ?? 0);
    const offset = batch.baseOffset + batch.rows;
    const { partition, stream } = batch;
    this.#offsets.set(name, { stream, partition, offset, ...(clockTotalMs === 0 ? {} : { clockTotalMs }) });
    this.#rowsSinceCommit += batch.rows;
    if (this.#isReplay && !isTable) this.#replayed(batch, name, offset);
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
      this.#own(this.#offsets.values()),
      null,
    );
  }

  replayed(): void {
    this.#takeDue(true);
    this.#isReplay = false;
    const mark = this.#mark;
    this.#mark = null;
    if (mark === null) return;
    const tables = this.#flow.closeSilently(mark, mark.closeClock);
    this.#keep(tables, this.#own(this.#offsets.values()), null);
  }

  tick(stream: string, clock: ArrivalClock): void {
    this.#tick(stream, clock, clock.ends);
  }

  #tick(stream: string, clock: ArrivalClock, offsets: readonly number[]): void {
    if (this.#turns !== null) {
      this.#turns.tick(stream, clock, offsets);
      this.#takeDue(false);
      // While rows wait for their turn, the clock is theirs.
      if (!this.#turns.isEmpty) return;
    }
    if (stream === this.#input.plan.source) this.#flow.tick(clock, offsets);
  }

  /** Groups that changed, and late rows. */
  readonly waiting = (): number => this.#flow.waiting;

  isDue(): boolean {
    return this.#input.plan.emit.kind !== 'every' && this.#flow.isDue;
  }

  flush(read: readonly Position[]): StageOutput | null {
    if (this.#storeError !== null) throw this.#storeError;
    this.#noteArrival(read);
    const positions = this.#own(this.done?.() ?? read);
    const { emit } = this.#input.plan;
    const now = this.#input.clock.monotonic();
    const everyDue = emit.kind === 'every' && now - this.#everyAt >= emit.ms;
    if (everyDue) this.#everyAt = now;
    const output = this.#flow.flush(positions, everyDue);
    const outputs: StreamRows[] = [
      ...output.changes.map((rows) => ({ stream: this.#input.stream, rows })),
      ...(this.#input.plan.dropsLate === true ? [] : output.late.map((rows) => ({ stream: LATE_STREAM, rows }))),
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
    const state = writeMark(this.#flow.mark());
    return { outputs, state, ...(this.done === undefined ? {} : { positions: this.done() }) };
  }

  #noteArrival(positions: readonly Position[]): void {
    for (const stream of this.inputs) {
      const offsets: number[] = [];
      for (const position of positions) if (position.stream === stream) offsets[position.partition] = position.offset;
      this.#tick(stream, this.#input.log.arrivalClock(stream), offsets);
    }
  }

  #positionsDue(now: number): boolean {
    if (this.#rowsSinceCommit === 0) return false;
    return (
      this.#rowsSinceCommit >= this.#options.idleCommitRows || now - this.#snapshotAt >= this.#options.snapshotEveryMs
    );
  }

  #captureWhenDue(positions: readonly Position[], now: number): SnapshotContent | null {
    if (now - this.#snapshotAt < this.#options.snapshotEveryMs || !this.#canBeSaved) return null;
    this.#snapshotAt = now;
    return captureFlow(this.#flow, positions, (file) => this.#snapshots.has(file));
  }

  /** With `emit` every N a snapshot waits for a publication: it does not say what is still to be published. */
  get #canBeSaved(): boolean {
    return this.#input.plan.emit.kind !== 'every' || this.#flow.isPublished;
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
    this.#held = [...snapshot.positions, ...(this.#turns?.oldest() ?? [])];
    await this.#input.log.registerReader(this.id, this.#held);
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
    this.#shared?.leave();
    await this.#storing;
    if (this.#settled && this.#storeError === null && this.#canBeSaved) {
      const positions = this.#own(this.#offsets.values());
      this.#keep(
        [],
        positions,
        captureFlow(this.#flow, positions, (file) => this.#snapshots.has(file)),
      );
      await this.#storing;
    }
    await this.#closed.close();
  }

  get isSharing(): boolean {
    return this.#shared?.hasKin ?? false;
  }

  /** The source of the kernel generated last. */
  get kernelSource(): string {
    return this.#flow.state.kernelSource;
  }

  standing(): ViewStanding {
    const { stateBytesMax } = this.#options;
    return { ...flowStanding(this.#flow, this.#input.plan), delays: this.#delays.counts(), stateBytesMax };
  }

  stats(): ViewStats {
    return { name: this.#input.plan.name, ...flowStats(this.#flow), snapshots: this.#snapshotCount };
  }
}
