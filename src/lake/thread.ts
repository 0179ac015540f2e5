/**
 * The lake's thread: a reader loop a stream, all writing under `<data>/lake`.
 *
 * Started with `LakeThreadData`; answers `LakeThreadMethods` over the parent port. Streams come and go
 * while it runs (`follow`): of one that goes, what is durable is written first, if that takes no longer
 * than `LAST_CUT_MS`. `stop` ends the loops; the thread then ends by itself.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { systemClock } from '../io/clock.js';
import { realDisk } from '../io/disk-real.js';
import { yieldToOthers } from '../io/priority.js';
import { createRpc } from '../io/rpc.js';
import { startReaderLoop, type ReaderLoop } from '../log/reader-loop.js';
import { connectLog, type RemoteLog } from '../log/remote.js';
import type { ReaderLoopStatus } from '../log/stage.js';
import { LAKE_FOLDER, type LakeOptions } from './options.js';
import { LakeStage, type LakeStatus } from './stage.js';

/** What the thread is started with. */
export interface LakeThreadData {
  readonly dataFolder: string;
  /** Streams that go to the lake. */
  readonly streams: readonly string[];
  readonly options: Partial<LakeOptions>;
  /** From `EmbeddedLog.remotePort()`; must be in the transfer list. */
  readonly logPort: MessagePort;
}

/** What the thread answers. */
export interface LakeThreadMethods {
  /** Resolves when every stream's loop has started. */
  ready(): Promise<void>;
  status(): { readonly lake: LakeStatus; readonly reader: ReaderLoopStatus }[];
  /** Takes these streams to the lake, and no others. */
  follow(streams: readonly string[]): Promise<void>;
  /** Makes files of everything that is durable in the log now; resolves after the commit. */
  cut(): Promise<void>;
  stop(): Promise<void>;
}

interface Running {
  readonly stage: LakeStage;
  readonly loop: ReaderLoop;
}

/** Longest wait for the last files of a stream that goes. */
const LAST_CUT_MS = 10_000;

/** The loops of all streams. */
class Lakes {
  readonly #log: RemoteLog;
  readonly #data: LakeThreadData;
  readonly #running = new Map<string, Running>();
  #following: Promise<void> = Promise.resolve();

  private constructor(data: LakeThreadData, log: RemoteLog) {
    this.#data = data;
    this.#log = log;
  }

  static async start(data: LakeThreadData): Promise<Lakes> {
    const lakes = new Lakes(data, await connectLog(data.logPort));
    await lakes.follow(data.streams);
    return lakes;
  }

  get running(): readonly Running[] {
    return [...this.#running.values()];
  }

  follow(streams: readonly string[]): Promise<void> {
    const followed = this.#following.then(async () => {
      await this.#log.caughtUp();
      await this.#follow(streams);
    });
    // The caller gets the rejection; the queue goes on.
    this.#following = followed.catch(() => undefined);
    return followed;
  }

  async stop(): Promise<void> {
    await this.#following;
    await Promise.all(this.running.map(({ loop }) => loop.stop()));
    this.#log.close();
  }

  async #follow(streams: readonly string[]): Promise<void> {
    for (const [stream, running] of this.#running) {
      if (streams.includes(stream)) continue;
      const late = new AbortController();
      await Promise.race([cut(running), sleep(LAST_CUT_MS, undefined, { signal: late.signal })]);
      late.abort();
      this.#running.delete(stream);
      await running.loop.stop();
    }
    for (const stream of streams) if (!this.#running.has(stream)) this.#running.set(stream, this.#begin(stream));
  }

  #begin(stream: string): Running {
    const stage = new LakeStage({
      stream,
      definition: () => this.#log.stream(stream)!,
      folder: join(this.#data.dataFolder, LAKE_FOLDER),
      disk: realDisk,
      clock: systemClock,
      options: this.#data.options,
    });
    return { stage, loop: startReaderLoop({ log: this.#log, stage, clock: systemClock }) };
  }
}

async function cut({ stage, loop }: Running): Promise<void> {
  stage.hurried = true;
  try {
    await loop.drained();
  } finally {
    stage.hurried = false;
  }
}

if (parentPort !== null) {
  yieldToOthers(10);
  const port = parentPort;
  const started = Lakes.start(workerData as LakeThreadData);
  const methods = {
    ready: async () => void (await started),
    status: async () =>
      (await started).running.map(({ stage, loop }) => ({ lake: stage.status(), reader: loop.status() })),
    follow: async (streams: readonly string[]) => (await started).follow(streams),
    cut: async () => void (await Promise.all((await started).running.map(cut))),
    stop: async () => {
      await (await started).stop();
      setImmediate(() => port.close());
    },
  } satisfies Record<keyof LakeThreadMethods, (...args: never[]) => Promise<unknown>>;
  createRpc(port, methods);
}
