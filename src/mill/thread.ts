/**
 * The mill's thread. Its parent starts it with `MillThreadData` and calls `MillMethods`; it tells
 * the parent of stalled views by `MillParentMethods`.
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import { systemClock } from '../io/clock.js';
import { realDisk } from '../io/disk-real.js';
import { yieldToOthers } from '../io/priority.js';
import { createRpc } from '../io/rpc.js';
import { connectLog } from '../log/remote.js';
import type { ReaderLoopStatus } from '../log/stage.js';
import { startMill } from './mill.js';
import type { MillOptions, MillView, MillViewStatus } from './mill.js';

/** What the thread is started with. */
export interface MillThreadData {
  readonly dataFolder: string;
  readonly views: readonly MillView[];
  readonly options?: Partial<MillOptions>;
  /** From `EmbeddedLog.remotePort()`, in the transfer list. */
  readonly logPort: MessagePort;
}

/** What the parent calls. */
export interface MillMethods {
  /** Resolves when the views run. */
  ready(): Promise<void>;
  status(): MillViewStatus[];
  drained(): Promise<void>;
  kernel(name: string): string | undefined;
  /** Commits a last time, saves the state, and resolves when nothing is under way. */
  stop(): Promise<void>;
}

/** What the thread tells its parent. */
export interface MillParentMethods {
  /** A view stalls, is fenced, or runs again. */
  viewStatus(status: ReaderLoopStatus): void;
}

if (parentPort !== null) serveParent(parentPort, workerData as MillThreadData);

function serveParent(port: MessagePort, data: MillThreadData): void {
  yieldToOthers(5);
  const starting = start(data, (status) => parent.notify('viewStatus', status));
  const methods: MillMethods = {
    ready: async () => void (await starting),
    status: () => running?.mill.status() ?? [],
    drained: async () => (await starting).mill.drained(),
    kernel: (name) => running?.mill.kernel(name),
    stop: async () => {
      const { mill, log } = await starting;
      await mill.stop();
      log.close();
    },
  };
  let running: Awaited<typeof starting> | undefined;
  const parent = createRpc<MillParentMethods>(port, methods);
  void starting.then(
    (started) => {
      running = started;
    },
    () => undefined, // `ready` rejects with it.
  );
}

async function start(data: MillThreadData, onStatus: (status: ReaderLoopStatus) => void) {
  const log = await connectLog(data.logPort, realDisk);
  const { dataFolder, views, options = {} } = data;
  const mill = startMill({ log, dataFolder, views, disk: realDisk, clock: systemClock, options, onStatus });
  return { log, mill };
}
