/**
 * The lake's thread: a reader loop a stream, all writing under `<data>/lake`.
 *
 * Started with `LakeThreadData`; answers `LakeThreadMethods` over the parent port. `stop` ends the
 * loops; the thread then ends by itself.
 */
import { join } from 'node:path';
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { systemClock } from '../io/clock.js';
import { realDisk } from '../io/disk-real.js';
import { yieldToOthers } from '../io/priority.js';
import { createRpc } from '../io/rpc.js';
import { startReaderLoop, type ReaderLoop } from '../log/reader-loop.js';
import { connectLog } from '../log/remote.js';
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
  /** Makes files of everything that is durable in the log now; resolves after the commit. */
  cut(): Promise<void>;
  stop(): Promise<void>;
}

interface Running {
  readonly stage: LakeStage;
  readonly loop: ReaderLoop;
}

async function start({
  dataFolder,
  streams,
  options,
  logPort,
}: LakeThreadData): Promise<{ running: readonly Running[]; close(): void }> {
  const log = await connectLog(logPort);
  const folder = join(dataFolder, LAKE_FOLDER);
  const running = streams.map((stream): Running => {
    const stage = new LakeStage({
      stream,
      definition: () => log.stream(stream)!,
      folder,
      disk: realDisk,
      clock: systemClock,
      options,
    });
    return { stage, loop: startReaderLoop({ log, stage, clock: systemClock }) };
  });
  return { running, close: () => log.close() };
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
  const started = start(workerData as LakeThreadData);
  const methods = {
    ready: async () => void (await started),
    status: async () =>
      (await started).running.map(({ stage, loop }) => ({ lake: stage.status(), reader: loop.status() })),
    cut: async () => void (await Promise.all((await started).running.map(cut))),
    stop: async () => {
      const { running, close } = await started;
      await Promise.all(running.map(({ loop }) => loop.stop()));
      close();
      setImmediate(() => port.close());
    },
  } satisfies Record<keyof LakeThreadMethods, () => Promise<unknown>>;
  createRpc(port, methods);
}
