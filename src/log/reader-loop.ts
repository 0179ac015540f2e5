/**
 * The one reader loop: every stage of the system is an instance of it. See `stage.ts` for the
 * contract with the stage.
 *
 * Purpose. Take the batches of the input streams in order, give them to the stage, and let it make
 * what it did durable together with how far it has read, so that after a crash nothing is missing
 * and nothing is there twice.
 *
 * Invariants
 * - Nothing is written before the replay has reached the committed positions (S → C).
 * - The positions of a commit are exactly the batches that `process` has seen.
 * - `tick(clock)` only comes after every row stamped before `clock` has been processed.
 * - A stage's failure stalls that stage, visibly, and is tried again from what is committed after a
 *   pause that doubles up to `retryMaxMs`; it never ends the process. Only READER_FENCED ends the
 *   loop: a newer instance has taken over.
 *
 * Limits. How much is processed between two flushes: `flush-pace.ts`. The thread is given back every `sliceMs`, and
 * before a batch that other readers of the thread will want too, so that they go together and it is read once.
 *
 * Recovery. Damaged pages and rows cut by retention are skipped, counted and told to the stage.
 */
import type { Clock } from '../io/clock.js';
import { aborted, first, pause } from '../io/pause.js';
import { MillraceError } from '../util/errors.js';
import { sourceStack } from '../util/source-stack.js';
import { FlushPace } from './flush-pace.js';
import type { Log, LogBatch, LogCursor, Position, ReaderState } from './log.js';
import { positionKey, ReaderInputs, type Input } from './reader-inputs.js';
import type { LogStage, ReaderLoopOptions, ReaderLoopStatus, Stage, StageOutput } from './stage.js';

/** The defaults of `ReaderLoopOptions`. */
export const READER_LOOP_DEFAULTS: ReaderLoopOptions = {
  flushEveryMs: 50,
  flushRows: 200_000,
  tickEveryMs: 100,
  sliceMs: 8,
  retryMinMs: 100,
  retryMaxMs: 30_000,
};

/** Longest wait for readers that are close behind, ms. */
const LET_COME_MS = 100;

/** A running loop. */
export interface ReaderLoop {
  status(): ReaderLoopStatus;
  /** Resolves once the stage has processed and committed everything durable at the time of the call. */
  drained(): Promise<void>;
  /** Flushes a last time and ends; the stage is closed. */
  stop(): Promise<void>;
}

/** What the loop needs to run. */
export interface ReaderLoopInput {
  readonly log: Log;
  readonly stage: Stage;
  readonly clock: Clock;
  readonly options?: Partial<ReaderLoopOptions>;
  /** Called at every change between running and stalled. */
  readonly onStatus?: (status: ReaderLoopStatus) => void;
}

/** Starts a stage. */
export function startReaderLoop(input: ReaderLoopInput): ReaderLoop {
  const loop = new Loop(input);
  void loop.run();
  return loop;
}

type State = ReaderLoopStatus['state'];

class Loop implements ReaderLoop {
  readonly #log: Log;
  readonly #stage: Stage;
  readonly #clock: Clock;
  readonly #options: ReaderLoopOptions;
  readonly #onStatus: ((status: ReaderLoopStatus) => void) | undefined;
  readonly #pace: FlushPace;
  readonly #ending = new AbortController();
  /** Batches that can't be read, by partition and offset. */
  readonly #damaged = new Set<string>();
  #inputs: ReaderInputs | null = null;
  #state: State = 'starting';
  #reason: string | null = null;
  #replaying = false;
  #committed: ReaderState | undefined;
  #slicedAt = 0;
  #lastReceivedAt = 0;
  #rowsRead = 0;
  #rowsSkipped = 0;
  #commits = 0;
  #failures = 0;
  #failuresInRow = 0;
  #busyMs = 0;
  /** Up to where each partition is done with, for `drained`. */
  #done = new Map<string, number>();
  #drainers: { targets: Map<string, number>; resolve: () => void; reject: (error: Error) => void }[] = [];
  #finished: Promise<void> = Promise.resolve();

  constructor(input: ReaderLoopInput) {
    this.#log = input.log;
    this.#stage = input.stage;
    this.#clock = input.clock;
    this.#options = { ...READER_LOOP_DEFAULTS, ...input.options };
    this.#onStatus = input.onStatus;
    this.#pace = new FlushPace(input.stage, this.#options, input.clock);
  }

  run(): Promise<void> {
    this.#finished = this.#runUntilStopped();
    return this.#finished;
  }

  async #runUntilStopped(): Promise<void> {
    let going = true;
    while (going && !this.#ending.signal.aborted) {
      const damaged = this.#damaged.size;
      try {
        await this.#turns(await this.#restore());
      } catch (error) {
        going = await this.#failed(error, this.#damaged.size > damaged);
      }
    }
    this.#inputs?.close();
    for (const drainer of this.#drainers)
      drainer.reject(new MillraceError('SHUTTING_DOWN', `reader ${this.#stage.id} has stopped`));
    this.#drainers = [];
    await this.#stage.close?.();
    if (this.#state !== 'fenced') this.#setState('stopped', null);
  }

  /** Reads, ticks and flushes until stopped or something fails. */
  async #turns(inputs: ReaderInputs): Promise<void> {
    while (!this.#ending.signal.aborted) {
      const clocks = this.#stage.inputs.map((stream) => ({ stream, clock: this.#log.arrivalClock(stream) }));
      const read = await this.#read(inputs);
      if (this.#replaying) {
        this.#pace.forget();
        if (!inputs.replaying) await this.#endReplay(inputs);
        else if (!read) await this.#wait(inputs);
        continue;
      }
      for (const { stream, clock } of clocks)
        if (inputs.hasRead(stream, clock)) await this.#stage.tick?.(stream, clock);
      await this.#flushWhenDue(inputs, read);
      this.#failuresInRow = 0;
      if (!read) await this.#wait(inputs);
    }
    if (!this.#replaying) await this.#flush(inputs);
  }

  async #restore(): Promise<ReaderInputs> {
    const stage = this.#stage;
    this.#inputs?.close();
    this.#committed = stage.store === 'log' ? this.#log.reader(stage.id) : undefined;
    const from = stage.store === 'log' ? await stage.restore(this.#committed) : await stage.restore();
    const inputs = new ReaderInputs(this.#log, stage.id, stage.inputs, from, this.#committed, {
      skipped: (rows) => {
        this.#rowsSkipped += rows.to - rows.from;
        stage.skipped?.(rows);
      },
    });
    this.#inputs = inputs;
    this.#replaying = inputs.replaying;
    this.#done = new Map(inputs.all.map((input) => [positionKey(input), Math.max(input.position, input.replayTo)]));
    this.#pace.restart();
    this.#slicedAt = this.#clock.monotonic();
    if (this.#committed === undefined) await this.#log.registerReader(stage.id, inputs.positions());
    if (this.#replaying) this.#setState('replaying', null);
    else await this.#endReplay(inputs);
    return inputs;
  }

  async #endReplay(inputs: ReaderInputs): Promise<void> {
    this.#replaying = false;
    inputs.endReplay();
    if (this.#stage.store === 'log') await this.#stage.replayed?.(this.#committed);
    this.#setState('running', null);
    this.#checkDrained();
  }

  /** Gives what is durable to the stage, for at most one flush's worth; says whether there was any. */
  async #read(inputs: ReaderInputs): Promise<boolean> {
    let any = false;
    const until = this.#rowsRead + this.#pace.room;
    for (let again = true; again && this.#rowsRead < until;) {
      again = false;
      for (const input of inputs.all) {
        if (this.#stage.ready?.() === false) return any;
        if (this.#replaying && input.position >= input.replayTo) continue;
        if (input.cursor.leads === true) await this.#letCome(input.cursor);
        const batch = inputs.next(input);
        if (batch === null) continue;
        again = any = true;
        await this.#process(inputs, input, batch);
      }
      if (this.#clock.monotonic() - this.#slicedAt >= this.#options.sliceMs) await this.#giveWay();
      if (this.#ending.signal.aborted) return any;
    }
    return any;
  }

  async #process(inputs: ReaderInputs, input: Input, batch: LogBatch): Promise<void> {
    inputs.skip(input, input.position, batch.baseOffset);
    const end = batch.baseOffset + batch.rows;
    const name = `${positionKey(input)}/${batch.baseOffset}`;
    const isOldClock = batch.rows === 0 && batch.clockTotalMs <= input.clockTotalMs;
    if (this.#damaged.has(name)) inputs.skip(input, batch.baseOffset, end);
    else if (!isOldClock) await this.#give(batch, name);
    if (batch.rows === 0) input.clockTotalMs = Math.max(input.clockTotalMs, batch.clockTotalMs);
    input.position = end;
    this.#rowsRead += batch.rows;
    this.#pace.gave(batch.rows);
    this.#lastReceivedAt = batch.receivedAt;
  }

  async #give(batch: LogBatch, name: string): Promise<void> {
    const begun = this.#clock.monotonic();
    try {
      const done = this.#stage.process(batch, this.#replaying);
      if (done !== undefined) await done;
      this.#busyMs += this.#clock.monotonic() - begun;
    } catch (error) {
      if (error instanceof MillraceError && error.code === 'LOG_PAGE_DAMAGED') this.#damaged.add(name);
      throw error;
    }
  }

  async #flushWhenDue(inputs: ReaderInputs, read: boolean): Promise<void> {
    if (this.#pace.isDue || (!read && this.#drainers.length > 0)) await this.#flush(inputs);
  }

  async #flush(inputs: ReaderInputs): Promise<void> {
    this.#pace.begin();
    try {
      await this.#flushNow(inputs);
    } finally {
      this.#busyMs += this.#pace.end();
    }
  }

  async #flushNow(inputs: ReaderInputs): Promise<void> {
    const positions = inputs.positions();
    if (this.#stage.store === 'own') {
      const held = await this.#stage.flush(positions);
      if (held !== null) {
        await this.#log.registerReader(this.#stage.id, held);
        this.#commits += 1;
        this.#noteDone(held);
      }
    } else {
      const output = await this.#stage.flush(positions);
      if (output !== null) await this.#send(this.#stage, output, positions);
      else if (this.#drainers.length > 0) this.#noteDone(this.#stage.done?.() ?? positions);
    }
    this.#checkDrained();
  }

  /** Appends what the stage flushed; a log that is busy or failing gets the very same group again. */
  async #send(stage: LogStage, output: StageOutput, processed: readonly Position[]): Promise<void> {
    const holds = stage.holds?.();
    const positions = output.positions ?? processed;
    const reader = {
      id: stage.id,
      epoch: stage.epoch,
      positions,
      state: output.state,
      ...(holds === undefined ? {} : { holds }),
    };
    for (;;) {
      try {
        const result = await this.#log.append({ batches: output.outputs, reader });
        if (this.#state === 'stalled') this.#setState('running', null);
        this.#commits += 1;
        this.#failuresInRow = 0;
        this.#noteDone(positions);
        await stage.committed?.(result, output);
        return;
      } catch (error) {
        if (!isBusyLog(error)) throw error;
        await this.#pause(error);
        if (this.#ending.signal.aborted) throw error;
      }
    }
  }

  #noteDone(positions: readonly Position[]): void {
    for (const position of positions) this.#done.set(positionKey(position), position.offset);
  }

  #checkDrained(): void {
    this.#drainers = this.#drainers.filter(({ targets, resolve }) => {
      for (const [name, end] of targets) if ((this.#done.get(name) ?? 0) < end) return true;
      resolve();
      return false;
    });
  }

  async #wait(inputs: ReaderInputs): Promise<void> {
    const stage = this.#stage;
    await this.#first(this.#options.tickEveryMs, (signal) => [
      inputs.wait(signal, { ready: stage.ready?.() !== false, replaying: this.#replaying }),
      ...(stage.changed === undefined ? [] : [stage.changed(signal)]),
    ]);
  }

  /** Lets other readers of the thread come along before a batch that they will want too. */
  async #letCome(cursor: LogCursor): Promise<void> {
    await this.#giveWay();
    const coming = this.#stage.isSharing === true ? cursor.followers?.() : null;
    if (coming === null || coming === undefined) return;
    await this.#first(LET_COME_MS, (signal) => [coming, aborted(signal)]);
  }

  async #first(ms: number, waits: (signal: AbortSignal) => readonly Promise<void>[]): Promise<void> {
    if (this.#ending.signal.aborted) return;
    await first(this.#clock, ms, this.#ending.signal, waits);
    this.#slicedAt = this.#clock.monotonic();
  }

  async #giveWay(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.#slicedAt = this.#clock.monotonic();
  }

  /** Says whether to go on. A batch found damaged is skipped at once; anything else waits first. */
  async #failed(error: unknown, damageFound: boolean): Promise<boolean> {
    if (error instanceof MillraceError && error.code === 'READER_FENCED') {
      this.#setState('fenced', describe(error));
      return false;
    }
    if (!damageFound) await this.#pause(error);
    return true;
  }

  async #pause(error: unknown): Promise<void> {
    if (this.#ending.signal.aborted) return;
    this.#failures += 1;
    const pauseMs = Math.min(
      this.#options.retryMaxMs,
      this.#options.retryMinMs * 2 ** Math.min(this.#failuresInRow++, 20),
    );
    this.#setState('stalled', describe(error));
    await pause(this.#clock, pauseMs, this.#ending.signal);
  }

  #setState(state: State, reason: string | null): void {
    if (this.#state === state && this.#reason === reason) return;
    this.#state = state;
    this.#reason = reason;
    this.#onStatus?.(this.status());
  }

  status(): ReaderLoopStatus {
    const lagRows = this.#inputs?.lagRows() ?? 0;
    return {
      id: this.#stage.id,
      state: this.#state,
      reason: this.#reason,
      positions: this.#inputs?.positions() ?? [],
      lagRows,
      lagMs: lagRows === 0 ? 0 : Math.max(0, this.#clock.now() - this.#lastReceivedAt),
      rowsRead: this.#rowsRead,
      rowsSkipped: this.#rowsSkipped,
      commits: this.#commits,
      failures: this.#failures,
      busyMs: this.#busyMs,
    };
  }

  drained(): Promise<void> {
    const targets = new Map<string, number>();
    for (const stream of this.#stage.inputs)
      for (let partition = 0; partition < (this.#log.stream(stream)?.partitions ?? 0); partition++)
        targets.set(positionKey({ stream, partition }), this.#log.range(stream, partition).end);
    return new Promise((resolve, reject) => this.#drainers.push({ targets, resolve, reject }));
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    await this.#finished;
  }
}

function isBusyLog(error: unknown): boolean {
  return error instanceof MillraceError && ['LOG_UNAVAILABLE', 'LOG_DISK_FULL', 'LOG_OVERLOADED'].includes(error.code);
}

function describe(error: unknown): string {
  if (error instanceof MillraceError) return `${error.code}: ${error.message}`;
  return error instanceof Error ? sourceStack(error.stack ?? error.message) : String(error);
}
