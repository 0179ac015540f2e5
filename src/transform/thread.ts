/**
 * The transforms' thread. Its parent starts it with `TransformThreadData` and calls
 * `TransformMethods`; it tells the parent of stalled readers by `TransformParentMethods`.
 */
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import type { TransformOptions } from '../config/transform-options.js';
import { systemClock } from '../io/clock.js';
import { yieldToOthers } from '../io/priority.js';
import { createRpc } from '../io/rpc.js';
import { connectLog } from '../log/remote.js';
import type { ReaderLoopStatus } from '../log/stage.js';
import { Transforms, type TransformStatus } from './transforms.js';

/** What the thread is started with. */
export interface TransformThreadData {
  readonly transforms: readonly TransformOptions[];
  readonly quarantine: { readonly tenantBytesMax: number; readonly eventBytesMax: number };
  /** From `EmbeddedLog.remotePort()`, in the transfer list. */
  readonly logPort: MessagePort;
}

/** What the parent calls. */
export interface TransformMethods {
  /** Resolves when the transforms run. */
  ready(): Promise<void>;
  status(): TransformStatus[];
  /** Makes these the transforms that run; see `Transforms.apply`. */
  apply(transforms: readonly TransformOptions[]): Promise<void>;
  drained(): Promise<void>;
  /** Commits what is done, and resolves when nothing is under way. */
  stop(): Promise<void>;
}

/** What the thread tells its parent. */
export interface TransformParentMethods {
  /** A transform stalls, is fenced, or runs again. */
  viewStatus(status: ReaderLoopStatus): void;
  /** Something that a step or a function says. */
  said(part: string, level: 'info' | 'warn' | 'error', message: string): void;
}

if (parentPort !== null) serveParent(parentPort, workerData as TransformThreadData);

function serveParent(port: MessagePort, data: TransformThreadData): void {
  yieldToOthers(5);
  const starting = start(data, {
    onStatus: (status) => parent.notify('viewStatus', status),
    say: (transform, level, message) => parent.notify('said', `transform.${transform}`, level, message),
  });
  let running: Awaited<typeof starting> | undefined;
  const methods: TransformMethods = {
    ready: async () => void (await starting),
    status: () => running?.transforms.status() ?? [],
    apply: async (wanted) => {
      const { transforms, log } = await starting;
      await log.caughtUp();
      await transforms.apply(wanted);
    },
    drained: async () => (await starting).transforms.drained(),
    stop: async () => {
      const { transforms, log } = await starting;
      await transforms.stop();
      log.close();
    },
  };
  const parent = createRpc<TransformParentMethods>(port, methods);
  void starting.then(
    (started) => {
      running = started;
    },
    () => undefined, // `ready` rejects with it.
  );
}

async function start(
  { transforms: options, quarantine, logPort }: TransformThreadData,
  listeners: Pick<ConstructorParameters<typeof Transforms>[0], 'onStatus' | 'say'>,
) {
  const log = await connectLog(logPort);
  const transforms = new Transforms({ log, clock: systemClock, quarantine, ...listeners });
  await transforms.apply(options);
  return { transforms, log };
}
