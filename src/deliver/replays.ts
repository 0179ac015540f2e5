/** The replays of the deliveries' thread: each with the sink of its delivery, a reader of its own, and a feed. */
import type { DeliveryOptions } from '../config/options.js';
import { pause } from '../io/pause.js';
import type { Clock } from '../io/clock.js';
import type { Log } from '../log/log.js';
import type { ReaderLoop } from '../log/reader-loop.js';
import type { DeliveryStage } from './stage.js';
import type { DeliveryStatus } from './status.js';
import { feedReplay } from './replay-feed.js';
import { ReplayBounds, replayStream, type ReplayOptions } from './replay.js';

/** A replay, as it goes. */
export interface ReplayProgress {
  readonly id: string;
  /** Rows of its part that are read and done with, and all of them as far as that is known. */
  readonly rowsDone: number;
  readonly rowsTotal: number;
  /** Whether rows of the lake are still being fetched: the total may grow. */
  readonly feeding: boolean;
  readonly done: boolean;
  /** Why the feed waits; null when it does not. */
  readonly reason: string | null;
  readonly status: DeliveryStatus;
}

/** What a replay is run by. */
export interface ReplayInput {
  readonly log: Log;
  readonly clock: Clock;
  readonly ask: (sql: string, rowsMax: number) => Promise<Uint8Array>;
  /** Starts the delivery that brings the rows. */
  readonly begin: (
    options: DeliveryOptions,
    replay: { readonly options: ReplayOptions; readonly bounds: ReplayBounds },
  ) => Promise<{ readonly stage: DeliveryStage; readonly loop: ReaderLoop }>;
}

/** Between two tries of a feed that failed. */
const FEED_RETRY_MS = 2_000;

/** A replay that runs. */
export class RunningReplay {
  readonly options: ReplayOptions;
  readonly #input: ReplayInput;
  readonly #bounds: ReplayBounds;
  readonly #ending = new AbortController();
  #running!: { readonly stage: DeliveryStage; readonly loop: ReaderLoop };
  #feeding: boolean;
  #reason: string | null = null;

  constructor(options: ReplayOptions, input: ReplayInput) {
    this.options = options;
    this.#input = input;
    this.#bounds = new ReplayBounds(options);
    this.#feeding = options.lakeBelow !== null;
    // Until the feed has told where it ends, nothing is the end of it.
    if (this.#feeding) this.#bounds.fed(replayStream(options.id), Number.MAX_SAFE_INTEGER);
  }

  /** Starts reader and feed. */
  async start(delivery: DeliveryOptions): Promise<void> {
    this.#running = await this.#input.begin(delivery, { options: this.options, bounds: this.#bounds });
    if (this.#feeding) void this.#feed();
  }

  /** How far it is. */
  progress(): ReplayProgress {
    const { stage } = this.#running;
    const { log } = this.#input;
    const { id, from, until } = this.options;
    const at = (stream: string, partition: number): number =>
      stage.delivered.find((one) => one.stream === stream && one.partition === partition)?.offset ?? 0;
    let rowsDone = 0;
    let rowsTotal = 0;
    until.forEach(({ stream, partition, offset }, index) => {
      const first = from[index]!.offset;
      rowsDone += Math.max(0, Math.min(offset, at(stream, partition)) - first);
      rowsTotal += offset - first;
    });
    if (this.options.lakeBelow !== null) {
      rowsDone += at(replayStream(id), 0);
      rowsTotal += log.range(replayStream(id), 0).end;
    }
    const done = !this.#feeding && stage.isDone;
    return { id, rowsDone, rowsTotal, feeding: this.#feeding, done, reason: this.#reason, status: stage.status() };
  }

  /** Ends it; it goes on from there when it is started again. */
  async stop(graceMs: number): Promise<void> {
    this.#ending.abort();
    await this.#running.stage.settled(graceMs);
    await this.#running.loop.stop();
  }

  async #feed(): Promise<void> {
    const { log, clock, ask } = this.#input;
    const { signal } = this.#ending;
    const stream = replayStream(this.options.id);
    const deliveredTo = (): number =>
      this.#running.stage.delivered.find((position) => position.stream === stream)?.offset ?? 0;
    const wait = (ms: number): Promise<void> => pause(clock, ms, signal);
    while (!signal.aborted) {
      try {
        const end = await feedReplay({ log, replay: this.options, ask, deliveredTo, pause: wait }, signal);
        this.#bounds.fed(stream, end);
        this.#feeding = false;
        this.#reason = null;
        return;
      } catch (error) {
        if (signal.aborted) return;
        this.#reason = error instanceof Error ? error.message : String(error);
        await wait(FEED_RETRY_MS);
      }
    }
  }
}
