/**
 * A thread that is started again when it dies.
 *
 * All that a stage knows is on disk, so a thread that ends by a bug or for want of memory loses
 * nothing: a new one restores itself and goes on. Calls that were waiting are rejected; calls that
 * come while there is no thread wait for the next one. Between two starts the pause doubles from
 * `RESTART_MIN_MS` to `RESTART_MAX_MS` and is short again once a thread has lived for a minute.
 */
import type { TransferListItem } from 'node:worker_threads';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from './clock.js';
import { createRpc, type Rpc } from './rpc.js';
import { startThread, type Thread } from './threads.js';

/** First and longest pause before a restart. */
const RESTART_MIN_MS = 500;
const RESTART_MAX_MS = 30_000;
/** A thread that lived so long is started again at once when it dies. */
const STABLE_MS = 60_000;

/** A thread to be kept alive. */
export interface SupervisedInput {
  readonly name: string;
  /** The module, as a path below `dist/`. */
  readonly module: string;
  /** What each new thread is given. */
  readonly data: () => { readonly workerData: unknown; readonly transfer: readonly TransferListItem[] };
  /** What the thread may call here. */
  readonly handlers?: object;
  /** Resolves when the thread works; rejects when it can't start. */
  readonly ready: (rpc: Rpc<never>) => Promise<unknown>;
  readonly clock: Clock;
  readonly onDeath: (error: Error) => void;
}

/** A thread that is kept alive. */
export interface Supervised<Methods> {
  /** The connection to the thread of the moment. */
  rpc(): Promise<Rpc<Methods>>;
  /** Calls `end` on the thread of the moment, then ends it. */
  stop(end: (rpc: Rpc<Methods>) => Promise<unknown>): Promise<void>;
}

/** Starts a thread and keeps it alive. Rejects when the first start fails. */
export async function supervise<Methods>(input: SupervisedInput): Promise<Supervised<Methods>> {
  let stopping = false;
  let thread: Thread | undefined;
  let startedMs = 0;
  let pauseMs = RESTART_MIN_MS;
  let current: Promise<Rpc<Methods>>;

  const start = async (): Promise<Rpc<Methods>> => {
    const { workerData, transfer } = input.data();
    startedMs = input.clock.monotonic();
    let died: (error: Error) => void = () => undefined;
    const death = new Promise<never>((_, reject) => (died = reject));
    // Whoever waits for the start gets the rejection; without a waiter it is no error.
    death.catch(() => undefined);
    const onDeath = (error: Error): void => {
      died(error);
      if (!stopping && started) restart(error);
    };
    let started = false;
    thread = startThread({ name: input.name, module: input.module, workerData, transfer, onDeath });
    const rpc = createRpc<Methods>(thread.worker, input.handlers);
    await Promise.race([input.ready(rpc as unknown as Rpc<never>), death]);
    started = true;
    return rpc;
  };
  const restart = (error: Error): void => {
    input.onDeath(error);
    if (input.clock.monotonic() - startedMs > STABLE_MS) pauseMs = RESTART_MIN_MS;
    current = sleep(pauseMs).then(start);
    pauseMs = Math.min(pauseMs * 2, RESTART_MAX_MS);
    current.catch((again: Error) => {
      if (!stopping) restart(again);
    });
  };

  current = start();
  await current;
  return {
    rpc: () => current,
    async stop(end) {
      stopping = true;
      try {
        await end(await current);
      } finally {
        await thread?.terminate();
      }
    },
  };
}
