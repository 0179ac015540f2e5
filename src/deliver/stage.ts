/**
 * A delivery: one stream into one sink.
 *
 *   log → prepare (count, filter) → cutter (size, interval) → plan → courier (sink) → commit
 *
 * Purpose. To bring every row of the stream to the sink, at its own pace, whatever becomes of the
 * sink meanwhile; to know at any moment what is there.
 *
 * Invariants
 * - Nothing of a cut goes out before its range is committed; positions move only when all of it is
 *   taken, quarantined or dropped, in the commit that also holds the quarantine's rows and the counts.
 * - Cuts go out one after the other, each as a whole.
 * - An id of a request or object depends on stream, range and part only.
 *
 * Limits. One cut is under way, one waits, one is open; then nothing more is read. The log is the
 * buffer, and its retention spares what a delivery has not delivered.
 *
 * Recovery. From the committed positions, with the cuts that were planned there: they are formed
 * again from the same rows and go out again. What the sink makes of that is the sink's guarantee.
 */
import type { DeliveryOptions } from '../config/options.js';
import { EdgeCounts } from '../event/edges.js';
import { REDRIVE_STREAM } from '../event/internal.js';
import type { Quarantine } from '../event/quarantine.js';
import type { Schema } from '../event/schema.js';
import type { Clock } from '../io/clock.js';
import { pause } from '../io/pause.js';
import type { Random } from '../io/random.js';
import type { AppendResult, Log, LogBatch, LostRows, Position, ReaderState } from '../log/log.js';
import type { LogStage, StageOutput } from '../log/stage.js';
import type { RowExpression } from '../sql/expression.js';
import { Breaker } from './breaker.js';
import { Courier } from './courier.js';
import { rangeText, type PlannedCut } from './cut.js';
import { allPositions, Cutter, type FormingCut } from './cutter.js';
import { commitOf, type CutCommit, type FinishedCut } from './finished.js';
import { preparer } from './prepare.js';
import { deliveryReader } from './reader-id.js';
import { replayStream, type ReplayBounds, type ReplayOptions } from './replay.js';
import { CutRows } from './rows.js';
import type { Sink } from './sink.js';
import type { Once } from './once.js';
import { readState, stateBytes, type DeliveryState } from './state.js';
import { deliveryStatus, Recent, type DeliveryStatus } from './status.js';

/** What a delivery is made of. */
export interface DeliveryInput {
  readonly options: DeliveryOptions;
  readonly log: Log;
  readonly schema: Schema;
  readonly filter: RowExpression | null;
  readonly sink: Sink;
  readonly quarantine: Quarantine;
  readonly clock: Clock;
  readonly random: Random;
  /** Of alerts: only the first row of each key goes out. */
  readonly once?: Once;
  /** A part of the stream, once more. */
  readonly replay?: { readonly options: ReplayOptions; readonly bounds: ReplayBounds };
}

/** Cuts that are sealed and not done, beside the open one. */
const CUTS_MAX = 2;
/** How long a stop waits for requests that were aborted, ms. */
const CLOSE_MS = 5_000;
/** Bytes of a row until the first cut tells. */
const ROW_BYTES = 400;

/** A delivery as a stage of the reader loop. */
export class DeliveryStage implements LogStage {
  readonly store = 'log';
  readonly epoch = 1;
  readonly id: string;
  readonly inputs: readonly string[];
  readonly #input: DeliveryInput;
  readonly #breaker: Breaker;
  readonly #recent: Recent;
  #state: DeliveryState = readState(undefined);
  #cutter!: Cutter;
  /** Sealed cuts whose plan is not committed. */
  #sealed: FormingCut[] = [];
  /** Planned cuts that wait for the one under way. */
  #waiting: FormingCut[] = [];
  #sending: FormingCut | null = null;
  /** Resolves when the sink is done with the last cut, also with one that was given up. */
  #sent: Promise<void> = Promise.resolve();
  #finished: FinishedCut | null = null;
  #committing: CutCommit | null = null;
  #stop = new AbortController();
  #isOpen = false;
  /** Whether the sink was ever told to open: then it has something to close. */
  #isTouched = false;
  /** What ended the sending of a cut: the loop shall stall, and restore. */
  #fault: unknown = null;
  #rowBytes = ROW_BYTES;
  #draining = false;
  #isEnding = false;
  /** What is committed of `paused`: where that differs, the next flush has something to say. */
  #pausedThere = false;
  #changed: (() => void)[] = [];
  /** Up to where all is committed. */
  #delivered: readonly Position[] = [];

  constructor(input: DeliveryInput) {
    this.#input = input;
    const { options, replay } = input;
    this.id = replay === undefined ? deliveryReader(options.name) : replayStream(replay.options.id);
    this.inputs =
      replay === undefined
        ? [options.from, REDRIVE_STREAM]
        : [options.from, ...(replay.options.lakeBelow === null ? [] : [replayStream(replay.options.id)])];
    this.#breaker = new Breaker(input.clock);
    this.#recent = new Recent(input.clock);
  }

  restore(committed: ReaderState | undefined): readonly Position[] {
    this.#stop.abort();
    this.#stop = new AbortController();
    this.#committing?.giveBack();
    this.#committing = null;
    const wanted = this.#state.paused !== this.#pausedThere ? { paused: this.#state.paused } : {};
    const state = readState(committed?.state);
    this.#pausedThere = state.paused;
    this.#state = { ...state, ...wanted };
    const { log, replay, clock, options, schema, filter, once } = this.#input;
    this.#delivered = allPositions(log, this.inputs, committed?.positions ?? replay?.options.from ?? this.#start());
    const prepare = preparer({
      name: options.name,
      schema,
      filter,
      firstOf: once?.firstOf ?? null,
      only: replay === undefined ? null : (batch) => replay.bounds.only(batch),
    });
    const { planned, totals } = this.#state;
    const number = (planned.at(-1)?.number ?? totals.cuts - 1) + 1;
    const input = { prepare, makeEdges: () => new EdgeCounts(), monotonic: () => clock.monotonic() };
    this.#cutter = new Cutter(input, this.#delivered, planned, number);
    this.#sealed = [];
    this.#waiting = [];
    this.#sending = this.#finished = null;
    return this.#delivered;
  }

  ready(): boolean {
    const { replay, clock } = this.#input;
    if (this.#state.paused) return false;
    if (this.#cutter.reforming) return true;
    if (replay?.bounds.isReady(clock.monotonic()) === false) return false;
    return this.#sealed.length + this.#waiting.length + (this.#sending === null ? 0 : 1) < CUTS_MAX + 1;
  }

  changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        signal.removeEventListener('abort', done);
        this.#changed = this.#changed.filter((one) => one !== done);
        resolve();
      };
      this.#changed.push(done);
      signal.addEventListener('abort', done);
      if (signal.aborted || this.#finished !== null || this.#fault !== null) done();
    });
  }

  process(batch: LogBatch): void {
    const { replay, clock } = this.#input;
    if (batch.rows === 0 || replay?.bounds.isBehind(batch) === true) return;
    replay?.bounds.took(batch.rows, clock.monotonic());
    this.#planned(this.#cutter.add(batch));
    const { rows } = this.#cutter.open;
    const { bufferBytes, bufferRowsMax } = this.#input.options;
    if (rows * this.#rowBytes >= bufferBytes || rows >= bufferRowsMax) this.#seal();
  }

  skipped(rows: LostRows): void {
    this.#planned(this.#cutter.skip(rows));
  }

  flush(): StageOutput | null | Promise<StageOutput> {
    const fault = this.#fault;
    this.#fault = null;
    if (fault !== null) throw fault as Error;
    const { openedAt } = this.#cutter.open;
    const isOld = openedAt >= 0 && this.#input.clock.monotonic() - openedAt >= this.#input.options.bufferMs;
    const hasRoom = this.#sealed.length + this.#waiting.length < CUTS_MAX;
    if (!this.#state.paused && hasRoom && (isOld || this.#draining)) this.#seal();
    if (this.#finished === null && this.#sealed.length === 0 && this.#state.paused === this.#pausedThere) return null;
    const { once } = this.#input;
    // A cut is formed again from the rows that were the first when it was planned.
    return once === undefined ? this.#output() : once.flush().then(() => this.#output());
  }

  done(): readonly Position[] {
    return this.#delivered;
  }

  committed(_result: AppendResult, output: StageOutput): void {
    const { planned } = this.#state;
    this.#pausedThere = readState(output.state).paused;
    // Not before it is on disk: whoever sees that nothing is pending may look.
    this.#delivered = output.positions ?? this.#delivered;
    this.#committing = null;
    this.#waiting.push(...this.#sealed);
    this.#sealed = [];
    if (planned.length === 0) this.#recent.caughtUp();
    this.#dispatch();
  }

  /** Ends what is under way; what was not done goes out again after the next start. */
  async close(): Promise<void> {
    this.#stop.abort();
    this.#committing?.giveBack();
    // A sink that does not end what was aborted shall not hold up a stop; its requests fail as they may.
    const waited = new AbortController();
    await Promise.race([this.#sent, pause(this.#input.clock, CLOSE_MS, waited.signal)]);
    waited.abort();
    if (this.#isTouched) await this.#input.sink.close();
    this.#isTouched = this.#isOpen = false;
  }

  /** While true, everything that waits is sealed at the next flush. */
  set draining(draining: boolean) {
    this.#draining = draining;
    this.#wake();
  }

  /** Stops or goes on taking rows; kept over restarts. */
  set paused(paused: boolean) {
    if (this.#state.paused === paused) return;
    this.#state = { ...this.#state, paused };
    this.#dispatch();
    this.#wake();
  }

  /** Begins no other cut, and resolves when none is under way, or after `graceMs`: a stop then sends nothing twice. */
  async settled(graceMs: number): Promise<void> {
    this.#isEnding = true;
    const deadline = this.#input.clock.monotonic() + graceMs;
    while (this.#sending !== null && this.#input.clock.monotonic() < deadline)
      await new Promise<void>((resolve) => void this.#input.clock.after(20, resolve));
  }

  /** What it is doing. */
  status(): DeliveryStatus {
    const { options, log } = this.#input;
    return deliveryStatus({
      options,
      inputs: this.inputs,
      log,
      state: this.#state,
      delivered: this.#delivered,
      breaker: this.#breaker.state,
      recent: this.#recent,
    });
  }

  /** Of a replay: whether all of it is delivered and committed. */
  get isDone(): boolean {
    return this.#sending === null && this.#input.replay?.bounds.isDone(this.#delivered) === true;
  }

  /** Up to where each partition is delivered. */
  get delivered(): readonly Position[] {
    return this.#delivered;
  }

  #start(): readonly Position[] {
    const { log, options } = this.#input;
    // It registered before it read: rows that came since are its own, though it has committed nothing.
    const begun = log.holds(this.id);
    if (begun !== undefined) return begun;
    if (options.start === 'oldest') return [];
    return allPositions(log, this.inputs, []).map(({ stream, partition }) => ({
      stream,
      partition,
      offset: log.range(stream, partition).end,
    }));
  }

  #seal(): void {
    const cut = this.#cutter.seal();
    if (cut !== null) this.#sealed.push(cut);
  }

  /** Cuts that were planned before a restart are whole again. */
  #planned(cuts: readonly FormingCut[]): void {
    if (cuts.length === 0) return;
    this.#waiting.push(...cuts);
    this.#dispatch();
  }

  #output(): StageOutput {
    const { options } = this.#input;
    let outputs: CutCommit['outputs'] = [];
    let { totals, planned } = this.#state;
    let positions = this.#delivered;
    if (this.#finished !== null) {
      const { name, from } = options;
      const { quarantine } = this.#input;
      const commit = commitOf({ name, edge: this.id, stream: from, quarantine }, this.#finished, totals);
      this.#committing = commit;
      ({ outputs, totals } = commit);
      planned = planned.slice(1);
      positions = [...this.#finished.cut.to.values()];
      this.#recent.delivered(this.#finished);
      this.#finished = null;
    }
    planned = [...planned, ...this.#sealed.map(planOf)];
    this.#state = { ...this.#state, totals, planned };
    return { outputs, positions, state: stateBytes(this.#state) };
  }

  /** Sends the oldest planned cut, when none is under way and the last one is committed. */
  #dispatch(): void {
    if (this.#isEnding) return;
    if (this.#sending !== null || this.#finished !== null || this.#committing !== null || this.#state.paused) return;
    const cut = this.#waiting.shift();
    if (cut === undefined) return;
    this.#sending = cut;
    const { signal } = this.#stop;
    this.#sent = this.#sent.then(() => this.#send(cut, signal));
  }

  /** Brings a cut to the sink. Never rejects: what went wrong ends in the loop, which stalls and restores. */
  async #send(cut: FormingCut, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { options, schema, clock, random, replay, sink } = this.#input;
    try {
      const rows = new CutRows(schema, cut.slices);
      const stamps = rows.slices.map(({ receivedAt }) => receivedAt);
      const place = {
        delivery: options.name,
        stream: options.from,
        range: rangeText(planOf(cut)),
        receivedAt: stamps.reduce((oldest, one) => Math.min(oldest, one), stamps[0] ?? 0),
        replay: replay?.options.id ?? null,
      };
      const onFailure = (error: unknown): void => this.#recent.failed(error);
      const onRetry = (): void => this.#recent.retried();
      const ground = { sink, clock, random, breaker: this.#breaker, retry: options.retry };
      await this.#openSink(signal);
      const outcome = await new Courier({ ...ground, onFailure, onRetry }).bring(rows, place, signal);
      if (signal.aborted) return;
      if (rows.count > 0 && outcome.receipt.bytes > 0) this.#rowBytes = outcome.receipt.bytes / rows.count;
      this.#sending = null;
      this.#finished = { cut, rows, outcome };
    } catch (error) {
      // Stopped or restored: the cut goes out again from what is committed.
      if (signal.aborted) return;
      this.#fault = error;
    }
    this.#wake();
  }

  /** Opens the sink, and tries again for as long as it takes. */
  async #openSink(signal: AbortSignal): Promise<void> {
    const { sink, clock, options } = this.#input;
    for (let attempt = 0; !this.#isOpen; attempt++) {
      try {
        this.#isTouched = true;
        await sink.open(signal);
        this.#isOpen = true;
        return;
      } catch (error) {
        signal.throwIfAborted();
        this.#recent.failed(error);
        const pauseMs = Math.min(options.retry.maxMs, options.retry.minMs * 2 ** Math.min(attempt, 30));
        await pause(clock, pauseMs, signal);
        signal.throwIfAborted();
      }
    }
  }

  #wake(): void {
    for (const wake of [...this.#changed]) wake();
  }
}

function planOf({ number, from, to }: FormingCut): PlannedCut {
  return { number, from: [...from.values()], to: [...to.values()] };
}
