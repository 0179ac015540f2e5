/**
 * A relational view as a stage of the reader loop: its changes, its late rows and its positions are one append.
 *
 * What lies outside the log is derived from it: the dataflow in memory, and its *state* on disk at positions S
 * (`state-files.ts`), never beyond what the log has committed (C): it is frozen at a flush, and encoded and
 * written after the commit, some entries at a time while rows go on.
 *
 * Start: load the state, replay from S to C without a word, and publish into nothing with the clock that lies
 * in the log with C: what was published then counts as published. No state, or one that does not fit: the replay
 * begins at the oldest rows.
 *
 * With `emit` every N, positions are committed with a publication only, so that C is always a moment at which
 * everything was published.
 *
 * Bounds: `stateBytesMax` of state, beyond which rows that need more go to the late stream; late rows and the
 * batches they are in are held until the next flush.
 */
import { MillraceError } from '../../util/errors.js';
import { LATE_STREAM } from '../../event/internal.js';
import type { AppendResult, ArrivalClock, LogBatch, Position, ReaderState, StreamRows } from '../../log/log.js';
import type { LogStage, StageOutput } from '../../log/stage.js';
import type { RelationView } from '../../sql/relation/relation.js';
import { streamsOf } from '../../sql/relation/walk-relation.js';
import { Dataflow } from '../dataflow/dataflow.js';
import { readMark, writeMark } from '../mark.js';
import { place } from '../offsets.js';
import { Delays } from '../delays.js';
import type { ViewStanding } from '../standing.js';
import { VIEW_STAGE_DEFAULTS } from '../stage-options.js';
import type { RunningView, ViewStageInput, ViewStageOptions, ViewStats } from '../stage-options.js';
import { ChangeRows } from './change-rows.js';
import type { LateRow } from '../dataflow/operator.js';
import { publishedCount } from '../dataflow/publication.js';
import { LateRows } from './late-rows.js';
import { oldestOpenOf } from './oldest-open.js';
import type { TakenBatch } from './late-rows.js';
import { SourceClocks } from './source-clocks.js';
import { lookedUp, narrowSources } from './source-rows.js';
import { deltasOf } from './source-blocks.js';
import type { NarrowRelation } from './source-rows.js';
import { StampOrder } from './stamp-order.js';
import { Shedding } from './shedding.js';
import { StateKeeper } from './state-keeper.js';
import type { FrozenState } from './state-keeper.js';

/** Runs one relational view. */
export class RelationalStage implements LogStage, RunningView {
  readonly store = 'log';
  readonly epoch = 1;
  readonly id: string;
  readonly inputs: readonly string[];
  readonly #input: ViewStageInput<RelationView>;
  readonly #options: ViewStageOptions;
  readonly #narrow: NarrowRelation;
  readonly #keeper: StateKeeper;
  /** Where the policy is to shed. */
  readonly #shedding: Shedding | null;
  readonly #changes: ChangeRows;
  readonly #late: LateRows;
  /** Of the first input. */
  readonly #delays: Delays;
  #dataflow: Dataflow;
  #clocks: SourceClocks;
  /** Where a row's turn matters: a table is looked up. */
  #order: StampOrder | null;
  readonly #offsets = new Map<string, Position>();
  /** What was published up to C, while replaying up to there. */
  #closeClock = -Infinity;
  #txn = 0;
  #publishedTo: readonly Position[] = [];
  #rowsSinceCommit = 0;
  #everyAt = 0;
  /** Whether the replay began without a state. */
  #isAnew = false;
  #pending: { readonly saved: FrozenState | null; readonly completeThrough: number } | null = null;
  readonly #counts = { rows: 0, changes: 0, corrections: 0, closed: 0, late: 0, failed: 0, stateFull: 0, stateShed: 0 };

  constructor(input: ViewStageInput<RelationView>) {
    const { disk, folder, log, plan } = input;
    this.#input = input;
    this.#options = { ...VIEW_STAGE_DEFAULTS, ...input.options };
    this.id = input.id;
    disk.makeFolder(folder);
    this.#narrow = narrowSources(plan.relation, (source) => {
      const stream = log.stream(source);
      if (stream !== undefined) return stream.schema;
      throw new MillraceError('STREAM_UNKNOWN', `view ${plan.name} reads ${source}, which is no stream`);
    });
    this.inputs = [...this.#narrow.sources.keys()];
    this.#keeper = new StateKeeper(input, this.#options.snapshotEveryMs);
    this.#shedding = plan.statePolicy === 'shed' ? new Shedding() : null;
    this.#changes = new ChangeRows(plan);
    this.#late = new LateRows(plan);
    this.#delays = new Delays(log.stream(this.inputs[0]!)?.clock ?? 'arrival');
    this.#clocks = this.#newClocks();
    this.#dataflow = this.#newDataflow();
    this.#order = this.#newOrder();
  }

  #newDataflow(): Dataflow {
    const { log } = this.#input;
    const fields = [...this.#narrow.sources.values()].map((source) => [source.source, source.fields] as const);
    return new Dataflow({
      view: { ...this.#input.plan, relation: this.#narrow.relation },
      isBatch: false,
      expires: this.#clocks.expires,
      hasEventClock: streamsOf(this.#narrow.relation).every((name) => log.stream(name)?.clock === 'event'),
      stateBytesMax: this.#options.stateBytesMax,
      sourceFields: new Map(fields),
      ...(this.#keeper.shelf !== undefined && { shelf: this.#keeper.shelf }),
    });
  }

  #newClocks(): SourceClocks {
    return new SourceClocks(this.inputs.map((source) => this.#input.log.stream(source)!));
  }

  #newOrder(): StampOrder | null {
    const looked = lookedUp(this.#narrow.relation);
    if (looked.size === 0) return null;
    const streams = this.inputs.map((source) => this.#input.log.stream(source)!);
    const tables = streams.filter(({ name }) => looked.has(name));
    return new StampOrder([...tables, ...streams.filter(({ name }) => !looked.has(name))]);
  }

  async restore(committed: ReaderState | undefined): Promise<Position[]> {
    await this.#keeper.settled();
    this.#pending = null;
    this.#clocks = this.#newClocks();
    this.#dataflow = this.#newDataflow();
    this.#order = this.#newOrder();
    this.#late.take();
    const mark = committed === undefined ? null : readMark(committed.state);
    this.#closeClock = mark?.closeClock ?? -Infinity;
    this.#txn = mark?.txn ?? 0;
    this.#everyAt = this.#input.clock.monotonic();
    const loaded = await this.#keeper.load(this.#dataflow, committed, (reader) => {
      this.#clocks.read(reader);
      this.#shedding?.restored(this.#dataflow, mark?.shed ?? null, reader);
    });
    this.#isAnew = loaded === undefined;
    if (this.#isAnew) this.#shedding?.restored(this.#dataflow, mark?.shed ?? null, null);
    const start = loaded ?? this.#oldest();
    this.#offsets.clear();
    for (const position of start) this.#offsets.set(place(position), position);
    this.#publishedTo = start;
    this.#keeper.held = start;
    return [...start];
  }

  #oldest(): Position[] {
    return this.inputs.flatMap((source) => {
      const { partitions } = this.#input.log.stream(source)!;
      return Array.from({ length: partitions }, (_, partition) => ({
        stream: source,
        partition,
        offset: this.#input.log.range(source, partition).start,
      }));
    });
  }

  process(batch: LogBatch, replay: boolean): void {
    if (this.#order === null) this.#take(batch, replay);
    else {
      this.#order.add(batch);
      this.#takeInOrder(replay);
    }
    if (replay) this.#replayed();
  }

  #advance(now: number): void {
    if (this.#clocks.expires) this.#dataflow.advance(now);
  }

  #takeInOrder(replay: boolean): void {
    if (this.#shedding?.waits === true) return;
    for (let batch = this.#order?.next(); batch !== undefined; batch = this.#order?.next()) this.#take(batch, replay);
  }

  /** A start goes back to the state that is on disk. */
  holds(): readonly Position[] {
    return this.#keeper.held;
  }

  /** Reads no more while too many rows wait for their turn, or state must first be saved. */
  ready(): boolean {
    if (this.#shedding?.waits === true || this.#keeper.isFull(this.#dataflow)) return false;
    return this.#order?.isReady ?? true;
  }

  /** Up to where batches have had their turn; with `emit` every N, up to where that is published. */
  done(): readonly Position[] {
    return this.#input.plan.emit.kind === 'every' ? this.#publishedTo : this.#taken();
  }

  #taken(): Position[] {
    return [...this.#offsets.values()];
  }

  #take(batch: LogBatch, replay: boolean): void {
    if (batch.stream === this.inputs[0]) this.#delays.take(batch, batch.batch.schema.roles.eventTime);
    const stamps = this.#clocks.take(batch);
    if (batch.rows > 0) {
      const source = this.#narrow.sources.get(batch.stream)!;
      const deltas = deltasOf(source, batch, stamps);
      this.#dataflow.pushDeltas(batch.stream, deltas);
      const late = this.#dataflow.late();
      if (late.length > 0 && !replay) this.#noteLate(late, { batch, source, deltas });
      this.#counts.rows += batch.rows;
      this.#rowsSinceCommit += batch.rows;
    }
    const name = place(batch);
    const clockTotalMs = Math.max(batch.clockTotalMs, this.#offsets.get(name)?.clockTotalMs ?? 0);
    this.#offsets.set(name, {
      stream: batch.stream,
      partition: batch.partition,
      offset: batch.baseOffset + batch.rows,
      ...(clockTotalMs === 0 ? {} : { clockTotalMs }),
    });
  }

  /** Late rows of a replay are in the late stream, and its changes are published. */
  #replayed(): void {
    if (this.#rowsSinceCommit < this.#options.idleCommitRows / 16) return;
    this.#rowsSinceCommit = 0;
    const now = Math.min(this.#clocks.now, this.#closeClock);
    this.#advance(Math.min(this.#clocks.now, this.#closeClock));
    this.#dataflow.flush();
    this.#dataflow.late();
    this.#dataflow.changes.publish(now);
    this.#dataflow.spill();
  }

  replayed(committed: ReaderState | undefined): void {
    for (let batch = this.#order?.nextOfAll(); batch !== undefined; batch = this.#order?.nextOfAll())
      this.#take(batch, true);
    this.#rowsSinceCommit = 0;
    this.#publishedTo = this.#taken();
    if (this.#isAnew) this.#shedding?.replayedAll(this.#dataflow);
    // Before the first commit nothing is published, not even what there is without any row: a count of none.
    if (committed === undefined) return;
    this.#advance(this.#closeClock);
    this.#dataflow.flush();
    this.#dataflow.late();
    this.#dataflow.changes.publish(this.#closeClock);
    this.#dataflow.spill();
    // As it was before the restart: nothing more is read before the oldest has gone.
    if (this.#shedding?.look(this.#dataflow) !== true) return;
    const frozen = this.#freeze(this.#taken(), true);
    if (frozen !== null) this.#keeper.save(frozen);
  }

  tick(stream: string, clock: ArrivalClock): void {
    this.#tick(stream, clock, clock.ends);
    this.#takeInOrder(false);
  }

  #tick(stream: string, clock: ArrivalClock, offsets: readonly number[]): void {
    this.#order?.tick(stream, clock, offsets);
    // While rows wait for their turn, the clock is theirs.
    if (this.#order === null || this.#order.rows === 0) this.#clocks.tick(stream, clock, offsets);
  }

  flush(read: readonly Position[]): StageOutput | null {
    this.#keeper.check();
    const { emit } = this.#input.plan;
    const monotonic = this.#input.clock.monotonic();
    const isCutting = this.#shedding?.waits === true;
    if (isCutting && this.#keeper.isBusy) return null;
    if (emit.kind === 'every') {
      if (!isCutting && monotonic - this.#everyAt < emit.ms) return null;
      this.#everyAt = monotonic;
    }
    const hasShed = this.#shedding?.make(this.#dataflow) ?? false;
    this.#noteArrival(read);
    this.#takeInOrder(false);
    // Behind the rows whose turn came just now: they are in what is published, and in the state.
    const positions = this.#order === null ? read : this.#taken();
    const now = this.#clocks.now;
    this.#advance(now);
    this.#dataflow.flush();
    this.#noteLate(this.#dataflow.late(), null);
    const late = this.#late.take().map((rows) => ({ stream: LATE_STREAM, rows }));
    const published = this.#dataflow.changes.publish(now);
    this.#publishedTo = positions;
    this.#dataflow.spill();
    const isShedding = !this.#keeper.isBusy && this.#shedding?.look(this.#dataflow) === true;
    const completeThrough = now - this.#input.plan.lagMs;
    const publishedRows = publishedCount(published);
    if (publishedRows === 0 && late.length === 0 && !hasShed && !isShedding && !this.#positionsDue(monotonic)) {
      this.#input.progress?.tell(completeThrough);
      return null;
    }
    if (publishedRows > 0) this.#txn++;
    this.#counts.corrections += publishedCount(published, 'corrected');
    this.#counts.closed += publishedCount(published, 'final');
    this.#counts.changes += publishedRows;
    this.#closeClock = Math.max(this.#closeClock, now);
    const batches = this.#changes.batches(published, this.#txn);
    const outputs: StreamRows[] = [...batches.map((rows) => ({ stream: this.#input.stream, rows })), ...late];
    this.#pending = { saved: this.#freeze(positions, isShedding), completeThrough };
    this.#rowsSinceCommit = 0;
    const shed = this.#shedding?.mark ?? null;
    const mark = {
      closeClock: this.#closeClock,
      closing: [],
      publishedTo: null,
      txn: this.#txn,
      ...(shed && { shed }),
    };
    return { outputs, state: writeMark(mark), positions };
  }

  #noteLate(late: readonly LateRow[], taken: TakenBatch | null): void {
    for (const { reason } of late) {
      this.#counts.late++;
      if (reason === 'state_full') this.#counts.stateFull++;
      if (reason === 'state_shed') this.#counts.stateShed++;
      if (reason.startsWith('error: ')) this.#counts.failed++;
    }
    const { late: telling, plan } = this.#input;
    const isTold = telling === undefined || (taken === null ? telling.isTelling : telling.tells(taken.batch));
    if (isTold && plan.dropsLate !== true) this.#late.add(late, taken);
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
    return this.#rowsSinceCommit >= this.#options.idleCommitRows || this.#keeper.isDue(now);
  }

  #freeze(positions: readonly Position[], isWanted: boolean): FrozenState | null {
    return this.#keeper.freeze(this.#dataflow, positions, isWanted, (writer) => {
      this.#clocks.write(writer);
      this.#shedding?.write(writer);
    });
  }

  committed(_result: AppendResult, _output: StageOutput): void {
    const pending = this.#pending;
    this.#pending = null;
    if (pending === null) return;
    this.#input.progress?.tell(pending.completeThrough);
    if (pending.saved !== null) this.#keeper.save(pending.saved);
  }

  async close(): Promise<void> {
    await this.#keeper.close();
  }

  /** Relational views are run by operators; there is no one kernel. */
  readonly kernelSource = '';

  standing(): ViewStanding {
    return {
      sources: this.#clocks.standing(),
      oldestOpen: oldestOpenOf(this.#dataflow, this.#input.plan.lagMs),
      delays: this.#delays.counts(),
      stateBytesMax: this.#options.stateBytesMax,
    };
  }

  stats(): ViewStats {
    const complete = this.#clocks.now - this.#input.plan.lagMs;
    const operators = this.#dataflow.stats();
    return {
      name: this.#input.plan.name,
      windows: this.#dataflow.changes.open,
      groups: operators.reduce((sum, { keys }) => sum + keys, 0),
      stateBytes: this.#dataflow.bytes,
      completeThrough: Number.isFinite(complete) ? complete : null,
      rows: this.#counts.rows,
      changes: this.#counts.changes,
      corrections: this.#counts.corrections,
      windowsClosed: this.#counts.closed,
      late: this.#counts.late,
      failed: this.#counts.failed,
      stateFull: this.#counts.stateFull,
      outputErrors: this.#changes.errors,
      stateShed: this.#counts.stateShed,
      spilled: this.#dataflow.spilled,
      snapshots: this.#keeper.count,
      operators,
    };
  }
}
