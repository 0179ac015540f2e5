/**
 * The mill's thread, as `mill-thread.ts` begins it. Its parent starts it with `MillThreadData` and calls `MillMethods`;
 * it tells the parent of stalled views by `MillParentMethods`.
 */
import type { MessagePort } from 'node:worker_threads';
import { systemClock } from '../io/clock.js';
import { realDisk } from '../io/disk-real.js';
import { yieldToOthers } from '../io/priority.js';
import { createRpc } from '../io/rpc.js';
import { connectLog } from '../log/remote.js';
import type { ReaderLoopStatus } from '../log/stage.js';
import type { Places } from './late-telling.js';
import type { ViewStanding } from './standing.js';
import { startMill } from './mill.js';
import type { MillOptions, MillView, MillViewStatus, WithHistory } from './mill.js';

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
  /** See `Mill`. */
  standing(reader: string): Promise<MillViewStatus & ViewStanding>;
  readerDrained(reader: string): Promise<void>;
  handOver(from: string, to: string): Promise<Places>;
  kernel(name: string): string | undefined;
  /** Commits a last time, saves the state, and resolves when nothing is under way. */
  stop(): Promise<void>;
}

/** What the thread tells its parent. */
export interface MillParentMethods {
  /** A view stalls, is fenced, or runs again. */
  viewStatus(status: ReaderLoopStatus): void;
}

/** Runs the mill until its parent stops it. */
export function serveMill(port: MessagePort, data: MillThreadData, withHistory: WithHistory): void {
  yieldToOthers(5);
  const starting = start(data, withHistory, (status) => parent.notify('viewStatus', status));
  const methods: MillMethods = {
    ready: async () => void (await starting),
    status: () => running?.mill.status() ?? [],
    drained: async () => (await starting).mill.drained(),
    standing: async (reader) => (await starting).mill.standing(reader),
    readerDrained: async (reader) => (await starting).mill.readerDrained(reader),
    handOver: async (from, to) => (await starting).mill.handOver(from, to),
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

async function start(data: MillThreadData, withHistory: WithHistory, onStatus: (status: ReaderLoopStatus) => void) {
  const log = await connectLog(data.logPort, realDisk);
  const { dataFolder, views, options = {} } = data;
  const mill = startMill({
    log,
    withHistory,
    dataFolder,
    views,
    disk: realDisk,
    clock: systemClock,
    options,
    onStatus,
  });
  return { log, mill };
}
