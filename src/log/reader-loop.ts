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
 * Limits. At most `flushRows` rows, or what arrives within `flushEveryMs`, are processed between two
 * flushes; the thread is given back every `sliceMs`.
 *
 * Recovery. Damaged pages and rows cut by retention are skipped, counted and told to the stage.
 */
import type { Clock } from '../io/clock.js';
import { MillraceError } from '../util/errors.js';
import type { ArrivalClock, Log, LogBatch, LogCursor, Position, ReaderState } from './log.js';
import type { ReaderLoopOptions, ReaderLoopStatus, Stage, StageOutput } from './stage.js';

/** The defaults of `ReaderLoopOptions`. */
export const READER_LOOP_DEFAULTS: ReaderLoopOptions = {
  flushEveryMs: 50,
  flushRows: 200_000,
  tickEveryMs: 100,
  sliceMs: 8,
  retryMinMs: 100,
  retryMaxMs: 30_000,
};

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

/** One partition of an input. */
interface Input {
  readonly stream: string;
  readonly partition: number;
  cursor: LogCursor;
  position: number;
  clockTotalMs: number;
  /** Replay ends here (C). */
  replayTo: number;
  replayClockTo: number;
}

type State = ReaderLoopStatus['state'];

class Loop implements ReaderLoop {
  readonly #log: Log;
  readonly #stage: Stage;
  readonly #clock: Clock;
  readonly #options: ReaderLoopOptions;
  readonly #onStatus: ((status: ReaderLoopStatus) => void) | undefined;
  readonly #ending = new AbortController();
  readonly #damaged = new Set<string>();
  #inputs: Input[] = [];
  #state: State = 'starting';
  #reason: string | null = null;
  #replaying = false;
  #committed: ReaderState | undefined;
  /** What could not be appended because the log was busy or failing; goes again as it is. */
  #unsent: { output: StageOutput; positions: Position[] } | null = null;
  #rowsSinceFlush = 0;
  #flushedAt = 0;
  #slicedAt = 0;
  #lastReceivedAt = 0;
  #rowsRead = 0;
  #rowsSkipped = 0;
  #commits = 0;
  #failures = 0;
  #failuresInRow = 0;
  #committedPositions = new Map<string, number>();
  #drainers: { targets: Map<string, number>; resolve: () => void; reject: (error: Error) => void }[] = [];
  #finished: Promise<void> = Promise.resolve();

  constructor(input: ReaderLoopInput) {
    this.#log = input.log;
    this.#stage = input.stage;
    this.#clock = input.clock;
    this.#options = { ...READER_LOOP_DEFAULTS, ...input.options };
    this.#onStatus = input.onStatus;
  }

  run(): Promise<void> {
    this.#finished = this.#runUntilStopped();
    return this.#finished;
  }

  async #runUntilStopped(): Promise<void> {
    while (!this.#ending.signal.aborted) {
      try {
        await this.#restore();
        await this.#turn();
      } catch (error) {
        if (!(await this.#failed(error))) break;
      }
    }
    this.#closeCursors();
    for (const drainer of this.#drainers) drainer.reject(new MillraceError('SHUTTING_DOWN', `reader ${this.#stage.id} has stopped`));
    this.#drainers = [];
    await this.#stage.close?.();
    if (this.#state !== 'fenced') this.#setState('stopped', null);
  }

  /** Reads, ticks and flushes until stopped or something fails. */
  async #turn(): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      const clocks = this.#replaying ? [] : this.#stage.inputs.map((stream) => ({ stream, clock: this.#log.arrivalClock(stream) }));
      const read = await this.#read();
      if (this.#replaying) {
        if (!this.#inputs.every((input) => input.position >= input.replayTo)) {
          if (!read) await this.#wait();
          continue;
        }
        await this.#endReplay();
        continue;
      }
      for (const { stream, clock } of clocks) if (this.#hasRead(stream, clock)) await this.#stage.tick?.(stream, clock);
      await this.#flushWhenDue(read);
      this.#failuresInRow = 0;
      if (!read) await this.#wait();
    }
    await this.#flush();
  }

  async #restore(): Promise<void> {
    this.#closeCursors();
    this.#unsent = null;
    this.#committed = this.#stage.store === 'log' ? this.#log.reader(this.#stage.id) : undefined;
    const start = this.#stage.store === 'log' ? await this.#stage.restore(this.#committed) : await this.#stage.restore();
    const from = positionMap(start);
    const to = positionMap(this.#committed?.positions ?? start);
    for (const stream of this.#stage.inputs) {
      const definition = this.#log.stream(stream);
      if (definition === undefined) throw new MillraceError('STREAM_UNKNOWN', `reader ${this.#stage.id}: there is no stream ${stream}`);
      for (let partition = 0; partition < definition.partitions; partition++) this.#inputs.push(this.#open(stream, partition, from, to));
    }
    this.#replaying = this.#inputs.some((input) => input.position < input.replayTo);
    this.#committedPositions = new Map(this.#inputs.map((input) => [key(input), Math.max(input.position, input.replayTo)]));
    this.#rowsSinceFlush = 0;
    this.#flushedAt = this.#slicedAt = this.#clock.monotonic();
    await this.#log.registerReader(this.#stage.id, this.#positions());
    if (!this.#replaying) await this.#endReplay();
    else this.#setState('replaying', null);
  }

  #open(stream: string, partition: number, from: Map<string, Position>, to: Map<string, Position>): Input {
    const name = `${stream}/${partition}`;
    const { start } = this.#log.range(stream, partition);
    const committed = to.get(name);
    const wanted = from.get(name) ?? committed;
    const position = Math.max(wanted?.offset ?? start, start);
    if (wanted !== undefined && wanted.offset < start) this.#skip(stream, partition, wanted.offset, start);
    return {
      stream,
      partition,
      cursor: this.#log.cursor(stream, partition, position),
      position,
      clockTotalMs: wanted?.clockTotalMs ?? 0,
      replayTo: committed?.offset ?? position,
      replayClockTo: committed?.clockTotalMs ?? 0,
    };
  }

  async #endReplay(): Promise<void> {
    this.#replaying = false;
    if (this.#stage.store === 'log') await this.#stage.replayed?.(this.#committed);
    this.#setState('running', null);
    this.#checkDrained();
  }

  /** Gives what is durable to the stage, for at most one flush's worth; says whether there was any. */
  async #read(): Promise<boolean> {
    let any = false;
    for (let again = true; again && !this.#flushDue(); ) {
      again = false;
      for (const input of this.#inputs) {
        if (this.#replaying && input.position >= input.replayTo) continue;
        const batch = this.#next(input);
        if (batch === null) continue;
        again = any = true;
        await this.#process(input, batch);
      }
      if (this.#clock.monotonic() - this.#slicedAt >= this.#options.sliceMs) await this.#giveWay();
      if (this.#ending.signal.aborted) return any;
    }
    return any;
  }

  #next(input: Input): LogBatch | null {
    try {
      return input.cursor.next();
    } catch (error) {
      if (!(error instanceof MillraceError) || error.code !== 'OFFSET_OUT_OF_RANGE') throw error;
      const { start } = this.#log.range(input.stream, input.partition);
      this.#skip(input.stream, input.partition, input.position, start);
      input.cursor.close();
      input.cursor = this.#log.cursor(input.stream, input.partition, start);
      input.position = start;
      return null;
    }
  }

  async #process(input: Input, batch: LogBatch): Promise<void> {
    if (batch.baseOffset > input.position) this.#skip(input.stream, input.partition, input.position, batch.baseOffset);
    const end = batch.baseOffset + batch.rows;
    const name = `${key(input)}/${batch.baseOffset}`;
    const seenClock = batch.rows === 0 && batch.clockTotalMs <= input.clockTotalMs;
    if (this.#damaged.has(name)) this.#skip(input.stream, input.partition, batch.baseOffset, end);
    else if (!seenClock) await this.#give(batch, name);
    if (batch.rows === 0) input.clockTotalMs = Math.max(input.clockTotalMs, batch.clockTotalMs);
    input.position = end;
    this.#rowsRead += batch.rows;
    this.#rowsSinceFlush += batch.rows;
    this.#lastReceivedAt = batch.receivedAt;
  }

  async #give(batch: LogBatch, name: string): Promise<void> {
    try {
      const done = this.#stage.process(batch, this.#replaying);
      if (done !== undefined) await done;
    } catch (error) {
      if (error instanceof MillraceError && error.code === 'LOG_PAGE_DAMAGED') this.#damaged.add(name);
      throw error;
    }
  }

  #skip(stream: string, partition: number, from: number, to: number): void {
    if (to <= from) return;
    this.#rowsSkipped += to - from;
    this.#stage.skipped?.({ stream, partition, from, to });
  }

  #hasRead(stream: string, clock: ArrivalClock): boolean {
    return this.#inputs.every((input) => input.stream !== stream || input.position >= (clock.ends[input.partition] ?? 0));
  }

  #flushDue(): boolean {
    return this.#rowsSinceFlush >= this.#options.flushRows;
  }

  async #flushWhenDue(read: boolean): Promise<void> {
    const aged = this.#clock.monotonic() - this.#flushedAt >= this.#options.flushEveryMs;
    if (aged || this.#flushDue() || (!read && this.#drainers.length > 0)) await this.#flush();
  }

  async #flush(): Promise<void> {
    this.#flushedAt = this.#clock.monotonic();
    this.#rowsSinceFlush = 0;
    const positions = this.#positions();
    if (this.#stage.store === 'own') {
      const held = await this.#stage.flush(positions);
      if (held !== null) {
        await this.#log.registerReader(this.#stage.id, held);
        this.#noteCommit(held);
      }
    } else {
      const output = await this.#stage.flush(positions);
      if (output !== null) {
        this.#unsent = { output, positions };
        await this.#send();
        return;
      }
      // Nothing to publish: the rows are done with, though a restart will process them again.
      if (this.#drainers.length > 0) this.#noteProcessed(positions);
    }
    this.#checkDrained();
  }

  /** Appends what the stage flushed; a log that is busy or failing gets the very same group again. */
  async #send(): Promise<void> {
    const stage = this.#stage;
    if (stage.store !== 'log' || this.#unsent === null) return;
    const { output, positions } = this.#unsent;
    const reader = { id: stage.id, epoch: stage.epoch, positions, state: output.state };
    for (;;) {
      try {
        const result = await this.#log.append({ batches: output.outputs, reader });
        this.#unsent = null;
        this.#failuresInRow = 0;
        if (this.#state === 'stalled') this.#setState('running', null);
        this.#noteCommit(positions);
        await stage.committed?.(result, output);
        this.#checkDrained();
        return;
      } catch (error) {
        if (this.#unsent === null || !(error instanceof MillraceError) || !error.retryable || error.code === 'SHUTTING_DOWN') throw error;
        await this.#pause(error);
        if (this.#ending.signal.aborted) throw error;
      }
    }
  }

  #noteCommit(positions: readonly Position[]): void {
    this.#commits += 1;
    this.#noteProcessed(positions);
  }

  #noteProcessed(positions: readonly Position[]): void {
    for (const position of positions) this.#committedPositions.set(key(position), position.offset);
  }

  #positions(): Position[] {
    return this.#inputs.map(({ stream, partition, position, clockTotalMs }) =>
      clockTotalMs === 0 ? { stream, partition, offset: position } : { stream, partition, offset: position, clockTotalMs },
    );
  }

  async #wait(): Promise<void> {
    const waking = new AbortController();
    const cancel = this.#clock.after(this.#options.tickEveryMs, () => waking.abort());
    const end = (): void => waking.abort();
    this.#ending.signal.addEventListener('abort', end);
    try {
      await Promise.race(this.#inputs.map((input) => input.cursor.wait(waking.signal)));
    } finally {
      cancel();
      waking.abort();
      this.#ending.signal.removeEventListener('abort', end);
      this.#slicedAt = this.#clock.monotonic();
    }
  }

  async #giveWay(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.#slicedAt = this.#clock.monotonic();
  }

  /** Says whether to go on. */
  async #failed(error: unknown): Promise<boolean> {
    if (error instanceof MillraceError && error.code === 'READER_FENCED') {
      this.#setState('fenced', error.message);
      return false;
    }
    if (this.#ending.signal.aborted) return false;
    if (error instanceof MillraceError && error.code === 'LOG_PAGE_DAMAGED') return true;
    await this.#pause(error);
    return !this.#ending.signal.aborted;
  }

  async #pause(error: unknown): Promise<void> {
    this.#failures += 1;
    const pauseMs = Math.min(this.#options.retryMaxMs, this.#options.retryMinMs * 2 ** Math.min(this.#failuresInRow++, 20));
    this.#setState('stalled', describe(error));
    const { signal } = this.#ending;
    await new Promise<void>((resolve) => {
      const cancel = this.#clock.after(pauseMs, resolve);
      signal.addEventListener('abort', () => (cancel(), resolve()), { once: true });
    });
  }

  #setState(state: State, reason: string | null): void {
    if (this.#state === state && this.#reason === reason) return;
    this.#state = state;
    this.#reason = reason;
    this.#onStatus?.(this.status());
  }

  #closeCursors(): void {
    for (const input of this.#inputs) input.cursor.close();
    this.#inputs = [];
  }

  #checkDrained(): void {
    this.#drainers = this.#drainers.filter(({ targets, resolve }) => {
      for (const [name, end] of targets) if ((this.#committedPositions.get(name) ?? 0) < end) return true;
      resolve();
      return false;
    });
  }

  status(): ReaderLoopStatus {
    let lagRows = 0;
    for (const input of this.#inputs) lagRows += Math.max(0, this.#log.range(input.stream, input.partition).end - input.position);
    return {
      id: this.#stage.id,
      state: this.#state,
      reason: this.#reason,
      positions: this.#positions(),
      lagRows,
      lagMs: lagRows === 0 ? 0 : Math.max(0, this.#clock.now() - this.#lastReceivedAt),
      rowsRead: this.#rowsRead,
      rowsSkipped: this.#rowsSkipped,
      commits: this.#commits,
      failures: this.#failures,
    };
  }

  drained(): Promise<void> {
    const targets = new Map<string, number>();
    for (const stream of this.#stage.inputs)
      for (let partition = 0; partition < (this.#log.stream(stream)?.partitions ?? 0); partition++)
        targets.set(`${stream}/${partition}`, this.#log.range(stream, partition).end);
    return new Promise((resolve, reject) => this.#drainers.push({ targets, resolve, reject }));
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    await this.#finished;
  }
}

function key(position: { stream: string; partition: number }): string {
  return `${position.stream}/${position.partition}`;
}

function positionMap(positions: readonly Position[]): Map<string, Position> {
  return new Map(positions.map((position) => [key(position), position]));
}

function describe(error: unknown): string {
  if (error instanceof MillraceError) return `${error.code}: ${error.message}`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
