/**
 * The deliveries' thread: a reader loop a delivery, all reading the log together.
 *
 * Started with `DeliverThreadData`; answers `DeliverThreadMethods` over the parent port. Deliveries
 * come and go while it runs (`apply`). `stop` lets what is under way end, for a while.
 */
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import type { DeliveryOptions } from '../config/options.js';
import { systemClock } from '../io/clock.js';
import { realDisk } from '../io/disk-real.js';
import { systemNetwork } from '../io/network.js';
import { yieldToOthers } from '../io/priority.js';
import { systemRandom } from '../io/random.js';
import { createRpc, type Rpc } from '../io/rpc.js';
import { connectLog } from '../log/remote.js';
import type { ReplayOptions } from './replay.js';
import type { ReplayProgress } from './replays.js';
import { Deliveries, type DeliverySnapshot, type QuarantineLimits } from './deliveries.js';

/** What the thread is started with. */
export interface DeliverThreadData {
  readonly deliveries: readonly DeliveryOptions[];
  readonly replays: readonly ReplayOptions[];
  readonly quarantine: QuarantineLimits;
  /** How long a stop waits for what is under way, ms. */
  readonly graceMs: number;
  /** From `EmbeddedLog.remotePort()`; must be in the transfer list. */
  readonly logPort: MessagePort;
}

/** What the thread answers. */
export interface DeliverThreadMethods {
  /** Resolves when every delivery's loop has started. */
  ready(): Promise<void>;
  status(): DeliverySnapshot[];
  /** Starts, replaces and ends deliveries and replays, so that these run and no others. */
  apply(deliveries: readonly DeliveryOptions[], replays: readonly ReplayOptions[]): Promise<void>;
  replays(): ReplayProgress[];
  /** Pauses or goes on. Throws DELIVERY_UNKNOWN. */
  pause(name: string, paused: boolean): Promise<void>;
  /** Delivers everything that is durable in the log now; resolves after the commits. */
  drain(): Promise<void>;
  stop(): Promise<void>;
}

/** What the thread tells and asks its parent. */
interface Parent {
  /** Answers a SELECT as NDJSON, as an operator. */
  ask(sql: string, rowsMax: number): Promise<Uint8Array>;
  viewStatus(status: { readonly id: string; readonly state: string; readonly reason: string | null }): void;
}

async function start({ deliveries, replays, quarantine, graceMs, logPort }: DeliverThreadData, parent: Rpc<Parent>) {
  const log = await connectLog(logPort);
  const running = new Deliveries({
    log,
    clock: systemClock,
    random: systemRandom,
    disk: realDisk,
    network: systemNetwork,
    quarantine,
    ask: (sql, rowsMax) => parent.call('ask', sql, rowsMax),
    onStatus: ({ id, state, reason }) => parent.notify('viewStatus', { id, state, reason }),
  });
  await running.apply(deliveries, replays);
  return {
    running,
    async apply(...wanted: Parameters<Deliveries['apply']>) {
      await log.caughtUp();
      await running.apply(...wanted);
    },
    async stop() {
      await running.stop(graceMs);
      log.close();
    },
  };
}

if (parentPort !== null) {
  yieldToOthers(10);
  const port = parentPort;
  const methods = {
    ready: async () => void (await started),
    status: async () => (await started).running.status(),
    apply: async (deliveries: readonly DeliveryOptions[], replays: readonly ReplayOptions[]) =>
      (await started).apply(deliveries, replays),
    replays: async () => (await started).running.replays(),
    pause: async (name: string, paused: boolean) => (await started).running.pause(name, paused),
    drain: async () => (await started).running.drain(),
    stop: async () => {
      await (await started).stop();
      setImmediate(() => port.close());
    },
  } satisfies Record<keyof DeliverThreadMethods, (...args: never[]) => Promise<unknown>>;
  const rpc = createRpc<Parent>(port, methods);
  const started = start(workerData as DeliverThreadData, rpc);
}
